"""Keeps the protection of the pages as the configuration file says, also when that changes.

The files are looked at before each connection and each request, so neither a new password nor a new certificate needs a
restart. What is wrong with them then is logged once, and the protection before stays: a certificate and its key can be
replaced one after the other, and nothing that goes wrong opens a door. For the same reason no kind of protection can go
without a restart: a file that is just being written may look as if it asked for none.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from exporter.document import DocumentError
from exporter.web.basic_auth import NoBcrypt
from exporter.web.config import read
from exporter.web.protection import Protection, make_protection, safeguards
from exporter.web.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)


class ConfigError(Exception):
    """The web configuration cannot be used; the message says where (``FILE:LINE:``) and what was expected."""


class Guard:
    """The protection by the configuration file ``path``; ``now`` is the time in nanoseconds since the epoch.

    Raises:
        ConfigError: the file, or one that it names, is not as it should be.
    """

    def __init__(self, path: Path, now: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._watched: list[Watched] = []
        self._protection = self._read(None)
        if self._protection.config.users and self._protection.context is None:
            _log.warning("%s: passwords cross the network readable: add tls_server_config", path)

    def current(self) -> Protection:
        """Return the protection by what the files say now, or by what they said when they last made sense."""
        with self._lock:
            if any(file.has_changed() for file in self._watched):
                self._refresh()
            return self._protection

    def _refresh(self) -> None:
        try:
            self._protection = self._read(self._protection)
        except ConfigError as error:
            _log.error("%s (the configuration before it stays in force)", error)
        else:
            _log.info("read %s anew", self._path)

    def _read(self, before: Protection | None) -> Protection:
        # Each file is watched from before it is read, and also when it makes no sense: it may be mended.
        file = Watched(self._path, self._now)
        self._watched = [file]
        try:
            config = read(_text(file), self._path.parent)
            if config.tls is not None:
                self._watched += [Watched(path, self._now) for path in config.tls.files]
            missing = safeguards(before.config) - safeguards(config) if before is not None else None
            if missing:
                raise ConfigError(f"{self._path}: to do without {', '.join(sorted(missing))}, restart the exporter")
            return make_protection(config, before)
        except DocumentError as error:
            raise ConfigError(f"{self._path}:{error.line}: {error.message}") from error
        except NoBcrypt as error:
            raise ConfigError(f"{self._path}: basic_auth_users: {error}") from error


def _text(file: Watched) -> str:
    try:
        contents = file.contents()
    except OSError as error:
        raise ConfigError(f"{file.path}: expected a web configuration that can be read: {error.strerror}") from error
    try:
        return contents.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(contents[: error.start].count(b"\n") + 1, "expected text in UTF-8") from error
