"""What Proxmox's errors mean, with its own recorded words."""

from __future__ import annotations

import pytest

from actuator.adapters.answers import error_of
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
from tests.actuator.adapters.recordings import refusal

# PVE/QemuServer.pm and PVE/LXC/Config.pm, the property "lock".
QEMU_LOCKS = frozenset(
    ["backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended"]
)
LXC_LOCKS = frozenset(
    ["backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback", "snapshot", "snapshot-delete"]
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auth-bad-token", ProxmoxDenied),
        ("auth-none", ProxmoxDenied),
        ("forbidden", ProxmoxDenied),
        ("bot-cluster-status", ProxmoxDenied),
        ("node-off-595", ProxmoxUnreachable),
        ("preconditions-locked", GuestLocked),
        ("migrate-locked", GuestLocked),
        ("no-quorum-preconditions", ProxmoxNotReady),
        ("no-quorum-migrate", ProxmoxNotReady),
        ("preconditions-no-such-vm", ProxmoxRefused),
        ("migrate-bool-True", ProxmoxRefused),
        ("migrate-target-unknown", ProxmoxRefused),
        ("migrate-target-is-source", ProxmoxRefused),
        ("migrate-running-without-online", ProxmoxRefused),
        ("unknown-path", ProxmoxRefused),
        ("task-unknown", ProxmoxRefused),
    ],
)
def test_recorded_errors(name: str, expected: type[Exception]) -> None:
    """Each recorded error has its one meaning, and its words reach the message."""
    status, reason, errors = refusal(name)

    error = error_of(f"{'POST' if 'migrate' in name else 'GET'} /x", status, reason, errors)

    assert type(error) is expected
    assert reason in str(error)


@pytest.mark.parametrize("status", [502, 503, 504, 596, 597, 598, 599])
def test_outcome_unknown(status: int) -> None:
    """Whatever may have been executed is ambiguous, and is looked at again only after a pause."""
    error = error_of("POST /x", status, "Connection timed out")

    assert isinstance(error, ProxmoxAmbiguous)
    assert error.after >= 5


@pytest.mark.parametrize("status", [429, 500, 505, 520, 594])
def test_a_read_that_failed_for_no_known_cause_is_repeated(status: int) -> None:
    """A worker that died, a proxy that slows callers down: reading again may well help, and does no harm."""
    assert type(error_of("GET /x", status, "Internal Server Error")) is ProxmoxNotReady


@pytest.mark.parametrize(("status", "expected"), [(429, ProxmoxNotReady), (500, ProxmoxRefused), (520, ProxmoxRefused)])
def test_a_change_that_failed_for_no_known_cause_is_not_repeated(status: int, expected: type[Exception]) -> None:
    """Only 429 says that the request was not carried out."""
    assert type(error_of("POST /x", status, "boom")) is expected


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_has_a_meaning(status: int) -> None:
    """No status is left without a class that says whether to try again."""
    assert isinstance(error_of("GET /x", status, ""), Temporary | Permanent)


def test_the_missing_privilege_is_named() -> None:
    """A 403 says which privilege lacks where, and that user and token both need it."""
    error = error_of("POST /nodes/pve1/qemu/102/migrate", 403, "Permission check failed (/vms/102, VM.Migrate)")

    assert "the privilege VM.Migrate on /vms/102" in str(error)
    assert "user and to the token" in str(error)


def test_parameter_errors_are_told() -> None:
    """A 400 tells which parameter Proxmox did not like, and the parts can be read by code too."""
    error = error_of(*("POST /x", *refusal("migrate-bool-True")))

    assert isinstance(error, ProxmoxRefused)
    assert "online: type check ('boolean') failed - got 'True'" in str(error)
    assert (error.status, error.reason) == (400, "Parameter verification failed.")


@pytest.mark.parametrize("reason", ["invalid token value!", "no such token 'x' for user 'y'", ""])
def test_401_is_known_by_its_number(reason: str) -> None:
    """The text of a 401 differs between versions and is never matched."""
    assert isinstance(error_of("GET /x", 401, reason), ProxmoxDenied)


@pytest.mark.parametrize("kind", ["VM", "CT"])
@pytest.mark.parametrize("lock", sorted(QEMU_LOCKS | LXC_LOCKS))
def test_every_kind_of_lock_is_waited_for(kind: str, lock: str) -> None:
    """Virtual machines and containers word it differently; either is waited for, whatever holds it."""
    assert type(error_of("POST /x", 500, f"{kind} is locked ({lock})")) is GuestLocked
    assert type(error_of("GET /x", 500, f"{kind} is locked ({lock})")) is GuestLocked
