"""The errors of the actuator.

::

    WattshiftError
    ├── ConfigurationError          names file, key and what was expected; raised before anything listens
    ├── StoreUnavailable            an episode could not be persisted: the one cause of a 503
    ├── LeadershipLost              another process leads now; nothing may be written any more
    ├── GuestInFlight               a live job for this guest exists already
    ├── NotAsked                    a request was held back at the last moment: surely not executed
    ├── CancelRequested             somebody cancelled the job before its migration was asked for
    ├── Temporary                   look again later; carries how much later
    │   ├── ProxmoxUnreachable      surely not executed: no connection, or 595
    │   ├── ProxmoxAmbiguous        outcome unknown: 596-599, a read timeout, a dropped connection
    │   └── ProxmoxNotReady         answered, and said not now: no quorum
    │       └── GuestLocked         ... because another operation on the guest holds its lock
    └── Permanent                   trying again cannot help
        ├── ProxmoxDenied           401 or 403: the token or its privileges
        └── ProxmoxRefused          any other answer that is an error; carries status and reason phrase

`Temporary` and `Permanent` are the retry contract: whatever a step raises is one of the two, and the runner needs no
other knowledge. Messages are sentences that name the next thing to do; they never hold a secret.
"""

from __future__ import annotations


class WattshiftError(Exception):
    """Base of every error raised on purpose."""


class ConfigurationError(WattshiftError):
    """The configuration cannot be used; the message names file, key and what was expected."""


class StoreUnavailable(WattshiftError):
    """The database did not take a write; nothing was accepted."""


class LeadershipLost(WattshiftError):
    """A write was refused because another epoch leads now."""


class GuestInFlight(WattshiftError):
    """A live job for this guest exists already."""

    def __init__(self, vmid: int) -> None:
        super().__init__(f"guest {vmid} has a live job already")
        self.vmid = vmid


class NotAsked(WattshiftError):
    """Whoever had the last word held the request back, and nothing was sent."""


class CancelRequested(WattshiftError):
    """The job is to be cancelled, and may not make ready to ask for its migration any more."""


class Temporary(WattshiftError):
    """Look again after ``after`` seconds; the step's own deadline bounds the repeats."""

    def __init__(self, message: str, *, after: float = 1.0) -> None:
        super().__init__(message)
        self.after = after


class Permanent(WattshiftError):
    """Trying again cannot help."""


class ProxmoxUnreachable(Temporary):
    """No endpoint took the request (connection refused, no route, 595): it was surely not executed."""


class ProxmoxAmbiguous(Temporary):
    """The request may or may not have been executed (596-599, read timeout): observe before acting again."""


class ProxmoxNotReady(Temporary):
    """Proxmox answered that it cannot now (no quorum, a busy lock file)."""


class GuestLocked(ProxmoxNotReady):
    """A backup, a snapshot, a migration ... holds the guest's lock; it ends by itself and is never broken."""


class ProxmoxDenied(Permanent):
    """401 or 403: the API token is wrong or lacks a privilege; the message names which."""


class ProxmoxRefused(Permanent):
    """Proxmox answered with an error that a repeat will not change."""

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
