"""The configuration: one frozen model of the file, and the plain values that the wings take.

No secret is in the file, nor in this model: see `actuator.credentials`.
"""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from actuator.adapters.endpoints import ProxmoxAccess
from actuator.adapters.waking import WakeTarget
from actuator.configfile import findings, read_yaml
from actuator.policy.rules import Mode, Rules
from actuator.sections import (
    GuestsSection,
    LimitsSection,
    NodeName,
    NodeSection,
    ProxmoxSection,
    Seconds,
    Section,
    TokenSection,
    address,
)
from actuator.workflow.timing import Timing

_MIB = 1024 * 1024
_TIMING_KEYS: Final = tuple(field.name for field in fields(Timing) if field.name != "boot_timeouts")


class Settings(Section):
    """The file.

    Attributes:
        listen: Address and port of webhook and API.
        mode: Observe or act.
        database: A SQLite file, as SQLAlchemy's URL.
        proxmox: The cluster's API.
        nodes: By Proxmox node name.
        guests: Which may be moved.
        limits: Guard rails.
        timing: Deadlines, by the names and with the defaults of `actuator.workflow.timing.Timing`; the boot timeout of
            a single node stands with the node.
        tokens: Callers that are let in.
    """

    listen: Annotated[str, address(None)] = "127.0.0.1:19093"
    mode: Mode = Mode.OBSERVE
    database: str = "sqlite:////var/lib/wattshift/actuator.db"
    proxmox: ProxmoxSection
    nodes: Annotated[dict[NodeName, NodeSection], Field(min_length=1)]
    guests: GuestsSection = GuestsSection()
    limits: LimitsSection = LimitsSection()
    timing: Annotated[dict[str, Seconds], Field(default_factory=dict)]
    tokens: Annotated[tuple[TokenSection, ...], Field(min_length=1)]

    @field_validator("database")
    @classmethod
    def _sqlite(cls, url: str) -> str:
        # Not repeated in the message: the URL of another kind of database holds a password.
        if not url.startswith("sqlite:////") or len(url) == len("sqlite:////"):
            raise ValueError("expected a SQLite file by its absolute path: sqlite:////var/lib/wattshift/actuator.db")
        return url

    @field_validator("timing", mode="before")
    @classmethod
    def _empty(cls, timing: object) -> object:
        return {} if timing is None else timing  # "timing:" with every key of it commented out

    @field_validator("timing")
    @classmethod
    def _timing_keys(cls, timing: dict[str, float]) -> dict[str, float]:
        for key in timing:
            if key not in _TIMING_KEYS:
                raise ValueError(f"unknown key '{key}'; expected one of: {', '.join(_TIMING_KEYS)}")
        return timing

    @field_validator("tokens")
    @classmethod
    def _distinct(cls, tokens: tuple[TokenSection, ...]) -> tuple[TokenSection, ...]:
        if len({token.name for token in tokens}) < len(tokens):
            raise ValueError("expected a name of its own for each token")
        return tokens

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check the file; relative paths in it are relative to its folder.

        Raises:
            ConfigurationError: names file, key and what was expected, a line for each fault.
        """
        document = read_yaml(path)
        try:
            return cls.model_validate(document, context={"base": path.absolute().parent})
        except ValidationError as error:
            raise findings(path, error.errors(include_url=False, include_context=False)) from None

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return Path(self.database.removeprefix("sqlite:///"))

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        parts = urlsplit(f"//{self.listen}")
        return parts.hostname or "", parts.port or 0

    def rules(self) -> Rules:
        """Return the guard rails."""
        limits = self.limits
        return Rules(
            mode=self.mode,
            nodes=frozenset(self.nodes),
            wakeable=frozenset(self.wake_targets()),
            allowed_vmids=self.guests.vmids,
            allowed_tag=self.guests.tag,
            cooldown_seconds=limits.cooldown_seconds,
            daily_limit=limits.daily_per_guest,
            episode_limit=limits.per_episode,
            parallel_limit=limits.parallel,
            breaker_failures=limits.breaker_failures,
            breaker_seconds=limits.breaker_seconds,
            alert_max_age_seconds=limits.alert_max_age_seconds,
            memory_reserve_bytes=limits.memory_reserve_mib * _MIB,
        )

    def step_timing(self) -> Timing:
        """Return the deadlines of the workflow's steps."""
        own = {name: node.boot_timeout_seconds for name, node in self.nodes.items() if node.boot_timeout_seconds}
        return Timing(**self.timing, boot_timeouts=own)

    def wake_targets(self) -> dict[str, WakeTarget]:
        """Return where magic packets go, by node."""
        return {name: WakeTarget(**node.wake.model_dump()) for name, node in self.nodes.items() if node.wake}

    def proxmox_access(self, token_secret: str) -> ProxmoxAccess:
        """Return how the cluster's API is reached.

        Args:
            token_secret: The API token's.
        """
        proxmox = self.proxmox
        return ProxmoxAccess(
            hosts=proxmox.hosts,
            token_id=proxmox.token_id,
            token_secret=token_secret,
            verify=proxmox.verify if proxmox.ca_file is None else str(proxmox.ca_file),
        )

    def cautions(self) -> list[str]:
        """Return what an operator should know about this configuration, a sentence each."""
        found = []
        if self.mode is Mode.OBSERVE:
            found.append("mode is 'observe': jobs are decided and recorded, but nothing is woken or moved")
        if not self.proxmox.verify:
            found.append("proxmox.verify is false: anybody on the network can pose as the cluster; set proxmox.ca_file")
        if not self.guests.vmids and self.guests.tag is None:
            found.append("guests is empty: no guest may be moved; give guests.vmids or guests.tag")
        return found
