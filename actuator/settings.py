"""The configuration: one frozen model of the file, and the plain values that the wings take.

No secret is in the file, nor in this model: see `actuator.credentials`.
"""

import stat
from pathlib import Path
from typing import Annotated, Self
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
    Section,
    TimingSection,
    TokenSection,
    address,
)
from actuator.workflow.timing import Timing

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


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
    timing: TimingSection = TimingSection()
    tokens: Annotated[tuple[TokenSection, ...], Field(min_length=1)]

    @field_validator("database")
    @classmethod
    def _sqlite(cls, url: str) -> str:
        # Not repeated in the message: the URL of another kind of database holds a password.
        if not url.startswith("sqlite:////") or len(url) == len("sqlite:////"):
            raise ValueError("expected a SQLite file by its absolute path: sqlite:////var/lib/wattshift/actuator.db")
        if "?" in url:
            raise ValueError("expected the path of a SQLite file with nothing behind '?': it takes no options")
        return url

    @field_validator("nodes")
    @classmethod
    def _distinct_cards(cls, nodes: dict[str, NodeSection]) -> dict[str, NodeSection]:
        owners: dict[str, str] = {}
        for name, node in nodes.items():
            if node.wake is None:
                continue
            owner = owners.setdefault(node.wake.mac.lower().replace("-", ":"), name)
            if owner != name:
                raise ValueError(
                    f"expected a MAC address of its own for each node, found the same for {owner} and {name}"
                )
        return nodes

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
        limits, guests = self.limits, self.guests
        disks_gib = guests.local_disks_max_gib
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
            cpu_overcommit=limits.cpu_overcommit,
            restart_containers=guests.restart_containers,
            restart_timeout_seconds=guests.restart_timeout_seconds,
            local_disks_max_bytes=None if disks_gib is None else disks_gib * _GIB,
            allow_ha_rebalancing=guests.allow_ha_rebalancing,
            conntrack_state=guests.conntrack_state,
        )

    def step_timing(self) -> Timing:
        """Return the deadlines of the workflow's steps."""
        own = {name: node.boot_timeout_seconds for name, node in self.nodes.items() if node.boot_timeout_seconds}
        return Timing(**self.timing.model_dump(exclude_none=True), boot_timeouts=own)

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
        return found + [
            f"{key}: everybody on this machine can write {file} and so choose the token: chmod o-w {file}"
            for key, file in self._secret_files()
            if _others_can_write(file)
        ]

    def _secret_files(self) -> list[tuple[str, Path]]:
        files = [(f"tokens.{index}.file", token.file) for index, token in enumerate(self.tokens)]
        return files if self.proxmox.token_file is None else [("proxmox.token_file", self.proxmox.token_file), *files]


def _others_can_write(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False  # whether it is needed and can be read is for `actuator.credentials` to say
