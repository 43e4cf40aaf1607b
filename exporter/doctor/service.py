"""The service: does it run, and is its user in the group that the energy counters and the BMC's device are given to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.account import SERVICE, Account, group
from exporter.doctor.finding import Finding, absent, ok, problem
from exporter.readings import SourceError

if TYPE_CHECKING:
    from exporter.doctor.where import Where

TITLE = "Service"


@dataclass(frozen=True, slots=True)
class Facts:
    """The user's account, the number of the group of its name, and the unit's ``ActiveState`` (systemctl(1)).

    The last is None where there is no unit, or no systemd to tell.
    """

    account: Account | None
    group: int | None
    active: str | None = None


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where))


def read(where: Where) -> Facts:
    """Gather the facts."""
    return Facts(where.service, group(where.settings.etc), _active(where))


def _active(where: Where) -> str | None:
    try:
        said = where.ask("systemctl", "systemd", "show", "--property=LoadState,ActiveState", SERVICE).text
    except SourceError:
        return None
    told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return told.get("ActiveState") if told.get("LoadState") == "loaded" else None


def judge(facts: Facts) -> list[Finding]:
    """Say what the facts mean."""
    if facts.account is None:
        return [absent(f"no user {SERVICE}: what follows is judged for the one who asks")]
    if facts.group is None or facts.group not in facts.account.gids:
        make = () if facts.group is not None else (f"groupadd --system {SERVICE}",)
        return [
            problem(
                f"the user {SERVICE} is not in the group {SERVICE}, which is given the energy counters and the BMC",
                *make,
                f"usermod -aG {SERVICE} {SERVICE}",
                f"systemctl restart {SERVICE}",
            )
        ]
    if facts.active not in (None, "active"):
        state = "is started again and again" if facts.active == "activating" else f"does not run ({facts.active})"
        return [
            problem(
                f"the service {state}: nothing is measured, whatever can be",
                f"journalctl -u {SERVICE} -n 20  # why",
                f"systemctl enable --now {SERVICE}",
            )
        ]
    runs = "runs" if facts.active else "is to run"
    return [ok(f"{runs} as {SERVICE}, in the group of that name")]
