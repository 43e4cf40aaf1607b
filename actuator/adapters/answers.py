"""What an answer of the Proxmox API that is an error means to us.

Proxmox puts its message into the HTTP reason phrase; older versions put it nowhere else. 595 to 599 are the pseudo
codes of its own HTTP client (``AnyEvent::HTTP``), which speaks to the other nodes: only 595 was surely not executed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actuator.errors import (
    GuestLocked,
    Permanent,
    ProxmoxAmbiguous,
    ProxmoxDenied,
    ProxmoxNotReady,
    ProxmoxRefused,
    ProxmoxUnreachable,
    Temporary,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_TOO_MANY_REQUESTS = 429  # a reverse proxy's word; not carried out
_INTERNAL_ERROR = 500
_NOT_IMPLEMENTED = 501  # no such path
_CONNECT_FAILED = 595
_OUTCOME_UNKNOWN = frozenset({502, 503, 504, 596, 597, 598, 599})  # 502 to 504 are a reverse proxy's words
_PERMISSION = re.compile(r"Permission check failed \((?P<path>[^,]+), (?P<privileges>.+)\)")
_NOT_NOW = re.compile(
    r"cluster not ready - no quorum\?"
    r"|can't lock file .+ - got timeout"
    r"|got lock (?:request )?timeout"
    r"|ipcc_send_rec\[\d+\] failed"  # pmxcfs is restarting
)
_NEVER = re.compile(r"does not exist|no such ")
_LOCKED = re.compile(r"(?:VM|CT) is locked(?: \(.+\))?")
_AMBIGUOUS_PAUSE = 5.0
"""Seconds before looking again, so that a request which is still on its way can show up as a task."""


def error_of(call: str, status: int, reason: str, errors: Mapping[str, object] | None = None) -> Temporary | Permanent:
    """The error that an answer means.

    Args:
        call: Method and path. A ``GET`` that failed for no known cause may be repeated, since that changes nothing.
        status: HTTP status, 400 or more.
        reason: The reason phrase.
        errors: Per-parameter texts of the body, when it has them.
    """
    said = f"{call}: {status} {reason}".strip()
    if status == _UNAUTHORIZED:
        return ProxmoxDenied(
            f"Proxmox does not accept the API token ({said}): check proxmox.token_id and the token's secret, and that "
            "it has not expired"
        )
    if status == _FORBIDDEN:
        return ProxmoxDenied(_denied(said, reason))
    if status == _CONNECT_FAILED:
        return ProxmoxUnreachable(
            f"Proxmox could not reach the node ({said}): check that it is on and its pveproxy runs"
        )
    if status in _OUTCOME_UNKNOWN:
        return ProxmoxAmbiguous(f"Proxmox gave no clear answer ({said})", after=_AMBIGUOUS_PAUSE)
    if _LOCKED.search(reason):
        return GuestLocked(f"another operation holds the guest's lock ({said}): it is waited for, never broken")
    unclear = status >= _INTERNAL_ERROR and status != _NOT_IMPLEMENTED and not _NEVER.search(reason)
    if _NOT_NOW.search(reason) or status == _TOO_MANY_REQUESTS or (unclear and call.startswith("GET ")):
        return ProxmoxNotReady(f"Proxmox cannot do this now ({said})")
    details = "; ".join(f"{name}: {str(text).strip()}" for name, text in sorted((errors or {}).items()))
    return ProxmoxRefused(
        f"Proxmox refused ({said}{f' {details}' if details else ''})", status=status, reason=reason or details
    )


def not_understood(call: str, detail: str = "no JSON") -> ProxmoxAmbiguous:
    """The error for a 2xx answer that is not what Proxmox gives: something else listens there, or in between."""
    return ProxmoxAmbiguous(f"the answer is not one that Proxmox gives ({call}: {detail}): check proxmox.hosts")


def _denied(said: str, reason: str) -> str:
    found = _PERMISSION.search(reason)
    if found is None:
        return f"the API token may not do this ({said}): grant what it lacks to the user and to the token"
    privileges = found["privileges"].replace("|", " or ")
    return (
        f"the API token lacks the privilege {privileges} on {found['path']} ({said}): grant it there to the user and "
        "to the token, a token never has more than its user"
    )
