"""The files that the service is given by flags: it does not start with one that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, edit, ok, problem
from exporter.fleet.modules_file import ModulesError, ModulesFile
from exporter.web.guard import ConfigError, Guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.doctor.where import Where

TITLE = "Files"


def check(where: Where) -> list[Finding]:
    """Read them as the service does."""
    settings = where.settings
    given = ((settings.web_config, Guard), (settings.modules_file, ModulesFile))
    return [_read(path, reader) for path, reader in given if path is not None] or [absent("no file is named by a flag")]


def _read(path: Path, reader: Callable[[Path], object]) -> Finding:
    try:
        reader(path)
    except (ConfigError, ModulesError) as error:
        return problem(f"the service does not start: {error}", *edit("correct the flag, or that file"))
    return ok(f"{path} makes sense")
