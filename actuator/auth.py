"""Bearer tokens: who is calling. A token is compared in constant time and is neither stored, shown nor logged."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tokens:
    """The tokens that are let in, each with the name under which its holder appears in jobs and logs."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._digests = {name: _digest(token) for name, token in tokens.items()}

    def holder(self, token: str) -> str | None:
        """Return whose token it is, or None when nobody's.

        Every known token is compared, and digests instead of tokens, so that the time taken tells neither which one
        was nearly right nor how long it is.
        """
        presented = _digest(token)
        found = None
        for name, digest in self._digests.items():
            if hmac.compare_digest(digest, presented):
                found = name
        return found

    def __repr__(self) -> str:
        return f"Tokens({', '.join(self._digests)})"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
