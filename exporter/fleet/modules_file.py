"""The modules file, read anew when it changes, or a password file that it names.

What is wrong with it then is logged once, and the modules before stay in force.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from exporter.document import DocumentError
from exporter.fleet.modules import read_modules
from exporter.web.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.fleet.modules import Module

_log = logging.getLogger(__name__)


class ModulesError(Exception):
    """The modules file cannot be used; the message says where (``FILE:LINE:``) and what was expected."""


class ModulesFile:
    """The modules of the file at ``path``; ``now`` is the time in nanoseconds since the epoch.

    Raises:
        ModulesError: it, or a password file that it names, is not as it should be.
    """

    def __init__(self, path: Path, now: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._watched: list[Watched] = []
        self._modules = self._read()

    def current(self) -> Mapping[str, Module]:
        """Return the modules by what the files say now, or by what they said when they last made sense."""
        with self._lock:
            if any(file.has_changed() for file in self._watched):
                try:
                    self._modules = self._read()
                except ModulesError as error:
                    _log.error("%s (the modules before it stay in force)", error)
                else:
                    _log.info("read %s anew", self._path)
            return self._modules

    def _read(self) -> Mapping[str, Module]:
        # Each file is watched from before it is read, and also when it makes no sense: it may be mended.
        file = Watched(self._path, self._now)
        self._watched = [file]
        try:
            return read_modules(file.contents().decode(), self._secret)
        except OSError as error:
            raise ModulesError(f"{self._path}: expected a modules file that can be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise ModulesError(f"{self._path}:{line}: expected text in UTF-8") from error
        except DocumentError as error:
            raise ModulesError(f"{self._path}:{error.line}: {error.message}") from error

    def _secret(self, path: Path) -> str:
        file = Watched(self._path.parent / path, self._now)
        self._watched.append(file)
        return file.contents().decode().rstrip("\r\n")
