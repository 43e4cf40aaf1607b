"""Users and passwords: HTTP's Basic authentication (RFC 7617) against bcrypt hashes.

bcrypt comes from libcrypt, which Debian has on every machine for its own logins (man 3 crypt, man 5 crypt); Python's
own module for it is gone since 3.13.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Hasher = Callable[[bytes, bytes], bytes]

_LIBRARY = "libcrypt.so.1"
_WORKSPACE = 32768  # bytes: struct crypt_data, crypt.h
_REMEMBERED = 128  # passwords that were right; more than this are variants of them
_PATIENCE_SECONDS = 10.0  # as long as Prometheus waits for a scrape
_MOST_CHECKS = 8  # one at work, the others waiting for their turn: each keeps a thread
_DIGEST = 31  # characters at the end of a hash


class NoBcrypt(Exception):
    """This machine has no library that knows bcrypt; the message says what to install."""


def load_bcrypt(library: str = _LIBRARY) -> Hasher:
    """Return the function that hashes a password (without NUL) by the setting, or the hash, that a hash begins with.

    Raises:
        NoBcrypt: there is no such library here; the message says what to install.
    """
    try:
        # Only here: where memory may not be both written and executed, ctypes may fail as soon as it is imported.
        import ctypes  # noqa: PLC0415 - see above

        crypt_rn = ctypes.CDLL(library).crypt_rn
    except (ImportError, MemoryError, OSError, AttributeError) as error:
        raise NoBcrypt(
            f"{library}, which checks passwords, cannot be loaded: apt install libcrypt1 ({error})"
        ) from error
    crypt_rn.restype = ctypes.c_char_p
    crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)

    def hashed(password: bytes, setting: bytes) -> bytes:
        workspace = ctypes.create_string_buffer(_WORKSPACE)  # each call has its own: threads never share one
        return crypt_rn(password, setting, workspace, _WORKSPACE) or b""

    if not hashed(b"", b"$2b$04$" + b"." * 22).startswith(b"$2b$"):
        raise NoBcrypt(f"{library} knows no bcrypt: install Debian's (apt install libcrypt1)")
    return hashed


class Doorkeeper:
    """Checks users' passwords, one at a time, so that a flood of wrong ones takes one processor at most.

    A password that was right is remembered, as a keyed hash in memory: Prometheus sends it with every scrape, and
    bcrypt takes a tenth of a second of a processor on purpose.
    """

    def __init__(self, users: Mapping[str, str], hasher: Hasher, patience: float = _PATIENCE_SECONDS) -> None:
        self._users = users
        self._hasher = hasher
        self._patience = patience
        # Unknown users cost what known ones do; this one's password is not a password: it has no bcrypt digest.
        self._nobody = max(users.values(), key=_cost)[:-_DIGEST] + "." * _DIGEST
        self._secret = os.urandom(32)
        self._checks = threading.BoundedSemaphore(_MOST_CHECKS)
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def admits(self, authorization: str | None) -> bool | None:
        """Say whether the header names a user and its password; None when too many others are being checked."""
        claim = _credentials(authorization)
        if claim is None:
            return False
        user, password = claim
        stored = self._users.get(user, self._nobody)
        digest = hashlib.blake2b(repr((stored, password)).encode(), key=self._secret).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return True
        if not self._checks.acquire(blocking=False):
            return None
        try:
            same = self._check(password, stored)
        finally:
            self._checks.release()
        if not same:
            return same
        with self._lock:
            self._known[digest] = None
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return True

    def _check(self, password: bytes, stored: str) -> bool | None:
        if not self._turn.acquire(timeout=self._patience):
            return None
        try:
            computed = self._hasher(password.replace(b"\0", b""), stored.encode())
        finally:
            self._turn.release()
        # C would take a NUL for the password's end.
        return hmac.compare_digest(computed, stored.encode()) and b"\0" not in password


def _cost(stored: str) -> str:
    # The two digits in $2b$10$...
    return stored[4:6]


def _credentials(authorization: str | None) -> tuple[str, bytes] | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(" "), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
