"""The gate: who is let in with which token, and what that token is good for."""

import math
from collections.abc import Callable

from actuator.api.problems import Refused, refused
from actuator.api.throttle import LoginLimits, Throttle
from actuator.auth import Holder, Scope, Tokens

_CLOSE = {"Connection": "close"}


class Gate:
    """Lets callers in. What it goes by may be exchanged while it serves.

    Attributes:
        tokens: Who may call.
        open_probes: Whether probes and scrapers need no token.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        clock: Callable[[], float],
        open_probes: bool = True,
        limits: LoginLimits | None = None,
    ) -> None:
        """Open it.

        Args:
            tokens: Who may call.
            clock: Seconds since any moment, never back.
            open_probes: Whether probes and scrapers need no token.
            limits: How many wrong tokens are borne.
        """
        self.tokens = tokens
        self.open_probes = open_probes
        self._throttle = Throttle(limits or LoginLimits(), clock=clock)

    def admit(self, token: str | None, peer: str, *, challenge: str) -> Holder:
        """Return whose token it is.

        Args:
            token: What was presented, or None when nothing was.
            peer: The address of whoever presents it.
            challenge: What ``WWW-Authenticate`` says to those who are not let in.

        Raises:
            Refused: 401 when it is nobody's, 429 when too many were.
        """
        if token is None:
            raise _unknown(challenge)
        holder = self.tokens.holder(token)
        wait = self._throttle.failed(peer) if holder is None else self._throttle.accepted(peer, holder.name)
        if wait is not None:
            seconds = math.ceil(wait)
            raise refused(
                429,
                f"Too many wrong tokens; wait {seconds} s, and look for what keeps sending an old token.",
                headers={"Retry-After": str(seconds), **_CLOSE},
            )
        if holder is None:
            raise _unknown(challenge)
        return holder


def require(holder: Holder, scope: Scope) -> None:
    """Make sure that a token is good for what is asked with it.

    Raises:
        Refused: 403, with the scope that it lacks.
    """
    if not holder.may(scope):
        raise refused(
            403,
            f"The token '{holder.name}' lacks the scope '{scope}': use another token, or add it to this token's "
            f"'scopes' in the configuration and reload.",
            headers=_CLOSE,
        )


def _unknown(challenge: str) -> Refused:
    return refused(
        401,
        "Send 'Authorization: Bearer TOKEN' with a token of one of the configured token files.",
        headers={"WWW-Authenticate": challenge, **_CLOSE},
    )
