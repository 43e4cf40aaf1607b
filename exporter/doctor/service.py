"""The service's own user: is it there, and in the group that the energy counters and the BMC's device are given to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.account import SERVICE, Account, group
from exporter.doctor.finding import Finding, absent, ok, problem

if TYPE_CHECKING:
    from exporter.doctor.where import Where

TITLE = "Service"


@dataclass(frozen=True, slots=True)
class Facts:
    """The user's account, and the number of the group of its name."""

    account: Account | None
    group: int | None


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where))


def read(where: Where) -> Facts:
    """Gather the facts."""
    return Facts(where.service, group(where.settings.etc))


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
    return [ok(f"runs as {SERVICE}, in the group of that name")]
