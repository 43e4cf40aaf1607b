"""Who is signed in to the page: a random key in a cookie, and behind it the digest of the token that opened it.

Nothing is decided for later when somebody signs in: with each request the digest is looked up among the tokens in
force, so that a token which a reload removes, or takes a scope from, ends or narrows its sessions at once. They are
kept in memory: a restart ends them, and each of two actuators has its own.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_LIFETIME_SECONDS = 12 * 3600.0
"""A night, and not two."""

MOST_SESSIONS: Final = 256
"""Sessions at a time; only who has a token can begin one, and the one begun first makes room."""

MOST_OF_A_TOKEN: Final = 32
"""Of those, so that a token that may only look cannot push out whoever may operate."""

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of something that was just asked for, to be told once.

    Attributes:
        text: A sentence.
        done: Whether it was done.
    """

    text: str
    done: bool


@dataclass(slots=True)
class Session:
    """One browser, signed in.

    Attributes:
        token_digest: Of the token that opened it.
        ends_at: By the clock of `Sessions`.
        form_key: What every form of this session carries, so that no other site can send one.
        notice: What the next page tells.
    """

    token_digest: bytes = field(repr=False)
    ends_at: float
    form_key: str = field(default_factory=lambda: secrets.token_urlsafe(_KEY_BYTES), repr=False)
    notice: Notice | None = None


class Sessions:
    """All of them.

    Args:
        clock: Seconds since any moment, never back.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    @property
    def lifetime_seconds(self) -> int:
        """How long one lasts."""
        return int(_LIFETIME_SECONDS)

    def begin(self, token_digest: bytes) -> str:
        """Begin one for whoever presented this token; returns its key, which only the browser keeps."""
        key = secrets.token_urlsafe(_KEY_BYTES)
        with self._lock:
            same = [kept for kept, session in self._sessions.items() if session.token_digest == token_digest]
            if len(same) >= MOST_OF_A_TOKEN:
                del self._sessions[same[0]]
            self._sessions[_kept(key)] = Session(token_digest, self._clock() + _LIFETIME_SECONDS)
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return key

    def find(self, key: str) -> Session | None:
        """Return the session with this key, or None when there is none, or none any more."""
        with self._lock:
            session = self._sessions.get(_kept(key))
            if session is None or self._clock() < session.ends_at:
                return session
            del self._sessions[_kept(key)]
            return None

    def end(self, key: str) -> None:
        """End the session with this key, if there is one."""
        with self._lock:
            self._sessions.pop(_kept(key), None)

    def tell(self, session: Session) -> Notice | None:
        """Return what is to be told, and forget it."""
        with self._lock:
            notice, session.notice = session.notice, None
            return notice


def _kept(key: str) -> bytes:
    # How long a look-up takes may depend on what is looked up: so it is not the key.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
