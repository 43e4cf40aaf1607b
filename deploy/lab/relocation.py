"""Makes unpacked Debian binaries find their data where it was unpacked, without root.

Debian's Prometheus and Alertmanager look for templates and web pages below a folder whose name is compiled in. The
wrapper opens the unpacked folder as a file descriptor before it starts the binary, and the binary's copy looks for it
there: the name is replaced by one of the same length that goes through the descriptor (proc(5), /proc/self/fd).
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DATA = "usr/share/prometheus"
_DESCRIPTOR = 9
_COMPILED_IN = f"/{_DATA}".encode()
_THROUGH_DESCRIPTOR = f"/proc/self/fd/{_DESCRIPTOR}".encode().ljust(len(_COMPILED_IN), b"/")


def wrapper(binary: Path, root: Path) -> str:
    """A shell script that runs ``binary``, unpacked below ``root`` (both absolute), beside what came with it."""
    # systemd keeps libraries of its own one folder deeper.
    folders = [path for pattern in ("*-linux-gnu", "*-linux-gnu/systemd") for path in (root / "usr/lib").glob(pattern)]
    libraries = ":".join(map(str, folders))
    lines = [
        "#!/bin/sh",
        "# Runs the unpacked Debian binary beside the libraries and data unpacked with it.",
        f"export LD_LIBRARY_PATH={shlex.quote(libraries)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
    ]
    content = binary.read_bytes()
    if _COMPILED_IN in content:
        binary.chmod(0o755)
        binary.write_bytes(content.replace(_COMPILED_IN, _THROUGH_DESCRIPTOR))
    if _COMPILED_IN in content or _THROUGH_DESCRIPTOR in content:
        lines.append(f"exec {_DESCRIPTOR}< {shlex.quote(str(root / _DATA))}")
    lines.append(f'exec {shlex.quote(str(binary))} "$@"')
    return "\n".join(lines) + "\n"


def mend_links(root: Path) -> None:
    """Point absolute symbolic links at what was unpacked beside them; links to elsewhere stay as they are."""
    for folder, subfolders, files in os.walk(root):
        for name in (*subfolders, *files):
            link = os.path.join(folder, name)  # noqa: PTH118 - tens of thousands of names, as strings
            if os.path.islink(link):  # noqa: PTH114 - see above
                _mend(link, root)


def _mend(link: str, root: Path) -> None:
    target = os.readlink(link)  # noqa: PTH115 - Path would lose a trailing part of it
    unpacked = root / target.lstrip("/")
    if target.startswith("/") and unpacked.exists():
        os.unlink(link)  # noqa: PTH108 - a string, as above
        os.symlink(os.path.relpath(unpacked, os.path.dirname(link)), link)  # noqa: PTH120, PTH211 - as above
