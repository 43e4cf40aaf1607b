"""The tools themselves, without the wrapper that unpacked ones have: its time is nobody's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox


def bare(toolbox: Toolbox, name: str) -> Path:
    """Return the program that the toolbox's ``name`` leads to.

    Raises:
        KeyError: no such tool is known.
        DebianError: it is neither on PATH nor to be fetched.
    """
    found = toolbox.find(name)
    if found.is_symlink():
        return found.resolve()
    return next(path.resolve() for path in (toolbox.root / "root").glob(f"usr/*bin/{name}"))


def libraries(toolbox: Toolbox) -> str:
    """Return the ``LD_LIBRARY_PATH`` that unpacked tools need, which their wrapper would have set."""
    unpacked = [str(path) for path in (toolbox.root / "root" / "usr" / "lib").glob("*-linux-gnu")]
    return ":".join([*unpacked, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
