"""The parts of the configuration file, one model each; `actuator.settings` puts them together.

Defaults stand here and nowhere else. Unknown keys are refused with the known ones named.
"""

import re
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from actuator.auth import Scope
from actuator.policy.alertmanager import MAX_VMID, MIN_VMID
from actuator.values import (
    WEEK_SECONDS,
    Count,
    FileName,
    Patience,
    Period,
    address,
    between,
    certificate_authority,
    matching,
)

PROXMOX_PORT: Final = 8006
_OWN_AUTHORITY = "the cluster's authority, a copy of /etc/pve/pve-root-ca.pem"


class Section(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if data is None:
            return {}  # "pve2:" with nothing behind it
        unknown = [key for key in data if key not in cls.model_fields] if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(cls.model_fields)
            raise ValueError(f"unknown key '{unknown[0]}'; expected one of: {known}")
        return data


class ProxmoxSection(Section):
    """Key ``proxmox``: where the API is and how to be let in.

    Attributes:
        hosts: Endpoints, the preferred first; more than one, since the node that sleeps may be among them.
        token_id: ``user@realm!name``.
        token_file: Holds the token's secret; absent when the environment holds it.
        ca_file: The cluster's certificate authority; absent means the system's.
        verify: False trusts any certificate.
    """

    hosts: Annotated[tuple[Annotated[str, address(PROXMOX_PORT)], ...], Field(min_length=1)]
    token_id: str
    token_file: FileName | None = None
    ca_file: Annotated[FileName, certificate_authority(_OWN_AUTHORITY)] | None = None
    verify: Annotated[bool, Field(strict=True)] = True

    @field_validator("token_id")
    @classmethod
    def _token_id(cls, text: str) -> str:
        # Proxmox takes no name of one character apart from its user (PVE/AccessControl.pm, token_subid_regex).
        if not re.fullmatch(r"[^\s@!=]+@[^\s@!=]+![A-Za-z][A-Za-z0-9._-]+", text):
            raise ValueError("expected user@realm!name, such as 'wattshift@pve!actuator', without the secret")
        return text

    @field_validator("hosts")
    @classmethod
    def _once_each(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if len({host.lower() for host in hosts}) < len(hosts):
            raise ValueError("expected each host once")
        return hosts

    @model_validator(mode="after")
    def _one_way_to_trust(self) -> Self:
        if self.ca_file is not None and not self.verify:
            raise ValueError("expected either 'ca_file' or 'verify: false', not both")
        return self


class GuestsSection(Section):
    """Key ``guests``: which guests may be moved; none unless said so.

    Attributes:
        vmids: By number.
        tag: By this Proxmox tag, and chosen among these when an alert names none.
        restart_containers: Containers too, which a move restarts.
        restart_timeout_seconds: How long a container may take to shut down.
        local_disks_max_gib: Guests whose local disks come to no more than this; absent when none is ever copied.
        allow_ha_rebalancing: Guests under HA, although HA rebalances by itself and may undo the move.
        conntrack_state: Take connection tracking along (PVE 9).
    """

    vmids: frozenset[Annotated[int, Field(ge=MIN_VMID, le=MAX_VMID, strict=True)]] = frozenset()
    tag: Annotated[str, matching(r"[a-z0-9_][a-z0-9_+.-]*", "a Proxmox tag, in lower case")] | None = None
    restart_containers: Annotated[bool, Field(strict=True)] = False
    restart_timeout_seconds: Annotated[int, Field(strict=True), between(1, 3600)] = 180
    local_disks_max_gib: Annotated[int, Field(strict=True), between(1, 1_048_576)] | None = None
    allow_ha_rebalancing: Annotated[bool, Field(strict=True)] = False
    conntrack_state: Annotated[bool, Field(strict=True)] = False


class LimitsSection(Section):
    """Key ``limits``: the guard rails; see `actuator.policy.rules.Rules`.

    Attributes:
        cooldown_seconds: Rest of a guest after its migration.
        daily_per_guest: Migrations of one guest in 24 hours.
        per_episode: Jobs that one firing of an alert may begin.
        parallel: Migrations at a time.
        breaker_failures: That many failures in a row stop everything for ``breaker_seconds``.
        breaker_seconds: For so long, or until an operator resumes.
        alert_max_age_seconds: An alert unseen so far that began longer ago is stale; so is a job that nothing was done
            for yet, when its alert was last heard of longer ago. An order by hand holds for a day.
        memory_reserve_mib: Left free on the target.
        memory_overcommit: Memory promised to guests for each byte of the target, at most; null for no limit.
        cpu_overcommit: Processors given to guests for each one of the target, at most; absent for no limit.
    """

    cooldown_seconds: Annotated[FiniteFloat, Field(strict=True), between(0, WEEK_SECONDS)] = 600
    daily_per_guest: Count = 4
    per_episode: Count = 3
    parallel: Annotated[int, Field(strict=True), between(1, 16)] = 2
    breaker_failures: Count = 3
    breaker_seconds: Period = 3600
    alert_max_age_seconds: Period = 3600
    memory_reserve_mib: Annotated[int, Field(strict=True), between(0, 16_777_216)] = 1024
    memory_overcommit: Annotated[FiniteFloat, Field(strict=True), between(0.1, 100)] | None = 1.5
    cpu_overcommit: Annotated[FiniteFloat, Field(strict=True), between(0.1, 100)] | None = 4


class TimingSection(Section):
    """Key ``timing``: deadlines; what is absent has the default of `actuator.workflow.timing.Timing`.

    Attributes:
        boot_timeout_seconds: See there, as for each of these.
        ready_timeout_seconds: Likewise.
        migration_timeout_seconds: Likewise.
        verify_timeout_seconds: Likewise.
        poll_seconds: Likewise.
        packet_interval_seconds: Likewise.
        unreachable_timeout_seconds: Likewise.
        settle_seconds: Likewise.
    """

    boot_timeout_seconds: Patience | None = None
    ready_timeout_seconds: Patience | None = None
    migration_timeout_seconds: Patience | None = None
    verify_timeout_seconds: Patience | None = None
    poll_seconds: Annotated[FiniteFloat, Field(strict=True), between(0.1, 60)] | None = None
    packet_interval_seconds: Annotated[FiniteFloat, Field(strict=True), between(1, 600)] | None = None
    unreachable_timeout_seconds: Patience | None = None
    settle_seconds: Annotated[FiniteFloat, Field(strict=True), between(1, 3600)] | None = None


class TokenSection(Section):
    """An entry of ``tokens``: one caller that is let in.

    Attributes:
        name: How it appears in jobs, logs and the audit.
        file: Holds the token, plain or hashed, or several, a line each.
        scopes: What it is good for: posting alerts, looking, or looking and ordering.
    """

    name: Annotated[str, matching(r"[A-Za-z0-9_.-]{1,64}", "a name of letters, digits and '_.-', at most 64")]
    file: FileName
    scopes: frozenset[Scope]

    @model_validator(mode="before")
    @classmethod
    def _says_what_for(cls, data: Any) -> Any:
        # Nobody is to find out from a 403 at night what a default was, nor to hand out more than was meant.
        if isinstance(data, dict) and not data.get("scopes"):
            raise ValueError(
                "expected 'scopes': [alert] for Alertmanager, which then may post alerts and nothing else, "
                "[read] for whoever only looks, [operate] for whoever also orders, cancels, pauses and reloads"
            )
        return data
