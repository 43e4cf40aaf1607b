"""A real browser without a screen, as an operator's would be: Chromium, driven by Playwright."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from deploy.lab.tools import Toolbox

_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/conf.d</include>
  <include ignore_missing="yes">{root}/etc/fonts/conf.d</include>
  <dir>/usr/share/fonts</dir>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


@contextmanager
def browser(toolbox: Toolbox, directory: Path) -> Iterator[Browser]:
    """Start one; it has no profile, asks no proxy, and leaves nothing behind but a cache of fonts.

    Args:
        toolbox: Where it comes from.
        directory: Where that cache goes.

    Raises:
        DebianError: it is neither on PATH nor to be fetched.
    """
    program = toolbox.find("chromium")
    directory.mkdir(parents=True, exist_ok=True)
    fonts = directory / "fonts.conf"
    fonts.write_text(
        _FONTS.format(root=(toolbox.root / "root").resolve(), cache=(directory / "fonts").resolve()), encoding="utf-8"
    )
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program.resolve() if program.is_symlink() else program,
            args=["--no-proxy-server"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
        try:
            yield started
        finally:
            started.close()
