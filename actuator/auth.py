"""Bearer tokens: who is calling, and what for. They are compared in constant time, and neither kept, shown nor logged.

What is kept of a token is its SHA-256 digest, and a token file may hold just that: ``sha256:`` and 64 hexadecimal
digits. Without salt and stretching, since a token is made by a machine and cannot be guessed at any speed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HASHED: Final = "sha256:"
"""What the hashed form of a token begins with."""


class Scope(StrEnum):
    """What a token is good for.

    ``alert`` posts alerts and nothing else; ``read`` looks; ``operate`` looks, and orders, cancels, pauses, reloads.
    """

    ALERT = "alert"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who is let in.

    Attributes:
        name: How they appear in jobs, logs and the audit.
        scopes: What they asked the operator for.
    """

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether they may do what takes this scope; who operates may also look."""
        return scope in self.scopes or (scope is Scope.READ and Scope.OPERATE in self.scopes)


class Tokens:
    """The tokens that are let in, each with its holder; a holder may have several, as while one replaces another."""

    def __init__(self, entries: Iterable[tuple[Holder, bytes]]) -> None:
        """Keep them.

        Args:
            entries: Holders and the digests of their tokens: see `digest_of`.
        """
        self._entries = tuple(entries)

    def holder(self, token: str) -> Holder | None:
        """Return whose token it is, or None when nobody's.

        Every known token is compared, and digests instead of tokens, so that the time taken tells neither which one
        was nearly right nor how long it is.
        """
        return self.holder_of(presented(token))

    def holder_of(self, digest: bytes) -> Holder | None:
        """Return whose token has this digest, as `presented` makes it, or None when nobody's any more."""
        found = None
        for holder, known in self._entries:
            if hmac.compare_digest(known, digest):
                found = holder
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokens) and self._entries == other._entries

    def __hash__(self) -> int:
        return hash(self._entries)

    def __repr__(self) -> str:
        return f"Tokens({', '.join(dict.fromkeys(holder.name for holder, _ in self._entries))})"


def digest_of(written: str) -> bytes:
    """Return the digest of a token as it is written in its file, plain or hashed.

    Raises:
        ValueError: It begins as the hashed form does, but is none.
    """
    if not written.startswith(HASHED):
        return _digest(written)
    digits = written.removeprefix(HASHED)
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise ValueError(
            f"expected '{HASHED}' and 64 hexadecimal digits, as 'wattshift-actuator hash-token' prints them"
        )
    return bytes.fromhex(digits)


def presented(token: str) -> bytes:
    """Return the digest of a token as somebody presents it, who has to have the token itself and not its hash."""
    return _digest(token)


def hashed(token: str) -> str:
    """Return the form of a token that is kept where it is only compared."""
    return HASHED + _digest(token).hex()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
