"""The configuration: one frozen model of the file, and the plain values that the wings take.

No secret is in the file, nor in this model: see `actuator.credentials`.
"""

import stat
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from actuator.adapters.database import open_engine
from actuator.adapters.proxmox_access import ProxmoxAccess
from actuator.adapters.waking import WakeTarget
from actuator.configfile import findings, read_yaml
from actuator.errors import ConfigurationError
from actuator.monitoring import AlertmanagerSection, PrometheusSection
from actuator.node_sections import NodeSection
from actuator.policy.rules import Mode, Rules
from actuator.sections import (
    PROXMOX_PORT,
    GuestsSection,
    LimitsSection,
    ProxmoxSection,
    Section,
    TimingSection,
    TokenSection,
)
from actuator.values import FileName, NodeName, address, between
from actuator.web_section import WebSection
from actuator.workflow.timing import Timing

_MIB = 1024 * 1024
_SSH_PORT = 22
_GIB = 1024 * _MIB


class Settings(Section):
    """The file.

    Attributes:
        listen: Address and port of webhook and API.
        mode: ``observe`` decides and records, ``act`` also does.
        database: A SQLite file or a PostgreSQL database, as SQLAlchemy's URL, without a password.
        database_password_file: Holds PostgreSQL's password; absent when the environment holds it, or libpq finds it.
        keep_days: For how long the audit, and what is over, is kept; longer than any limit looks back.
        proxmox: The cluster's API.
        nodes: By Proxmox node name.
        guests: Which may be moved.
        limits: Guard rails.
        timing: Deadlines; the boot timeout of a single node stands with the node.
        prometheus: Where watts are asked for; absent when they are not.
        alertmanager: Where ``doctor`` looks for our route; absent when it does not.
        tokens: Callers that are let in.
        web: How the listener speaks.
    """

    listen: Annotated[str, address(None)] = "127.0.0.1:19093"
    mode: Mode = Mode.OBSERVE
    database: str = "sqlite:////var/lib/wattshift/actuator.db"
    database_password_file: FileName | None = None
    keep_days: Annotated[int, Field(strict=True), between(8, 36_500)] = 365
    proxmox: ProxmoxSection
    nodes: Annotated[dict[NodeName, NodeSection], Field(min_length=1)]
    guests: GuestsSection = GuestsSection()
    limits: LimitsSection = LimitsSection()
    timing: TimingSection = TimingSection()
    prometheus: PrometheusSection | None = None
    alertmanager: AlertmanagerSection | None = None
    tokens: Annotated[tuple[TokenSection, ...], Field(min_length=1)]
    web: WebSection = WebSection()

    @field_validator("database")
    @classmethod
    def _usable(cls, url: str) -> str:
        # Not repeated in the message: the URL may hold a password.
        if url.startswith("postgresql:"):
            try:
                open_engine(url).dispose()
            except ConfigurationError as error:
                raise ValueError(str(error).removeprefix("database: ")) from None
            return url
        if not url.startswith("sqlite:////") or len(url) == len("sqlite:////"):
            raise ValueError(
                "expected a SQLite file by its absolute path, sqlite:////var/lib/wattshift/actuator.db, "
                "or a PostgreSQL database without its password, postgresql://wattshift@db.example/wattshift"
            )
        if "?" in url:
            raise ValueError("expected the path of a SQLite file with nothing behind '?': it takes no options")
        return url

    @field_validator("nodes")
    @classmethod
    def _distinct_cards(cls, nodes: dict[str, NodeSection]) -> dict[str, NodeSection]:
        owners: dict[str, str] = {}
        for name, node in nodes.items():
            if node.wake is None or node.wake.mac is None:
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
            wakeable=frozenset(name for name, node in self.nodes.items() if node.wake is not None),
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
            memory_overcommit=limits.memory_overcommit,
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
        """Return where magic packets go, by node; without the passwords of cards that have one."""
        wakes = {name: node.wake for name, node in self.nodes.items() if node.wake is not None}
        return {
            name: WakeTarget(mac=wake.mac, broadcast=wake.broadcast, port=wake.port, interface=wake.interface)
            for name, wake in wakes.items()
        }

    def node_ports(self) -> tuple[int, ...]:
        """Return the TCP ports by which a node shows that it is up: those of the API's endpoints, and sshd's."""
        ports = {urlsplit(f"//{host}").port or PROXMOX_PORT for host in self.proxmox.hosts}
        return (*sorted(ports), _SSH_PORT)

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
        found += [
            f"nodes.{name}.wake.redfish.verify is false: anybody on the network can pose as this BMC and learn its "
            f"password; set nodes.{name}.wake.redfish.ca_file"
            for name, node in self.nodes.items()
            if node.wake is not None and node.wake.redfish is not None and not node.wake.redfish.verify
        ]
        if not self.guests.vmids and self.guests.tag is None:
            found.append("guests is empty: no guest may be moved; give guests.vmids or guests.tag")
        if self.database_password_file is not None and self.database.startswith("sqlite:"):
            found.append("database_password_file is not read: 'database' is a SQLite file, which has no password")
        return found + [
            f"{key}: everybody on this machine can write {file} and so choose the secret: chmod o-w {file}"
            for key, file in self._secret_files()
            if _others_can_write(file)
        ]

    def _secret_files(self) -> list[tuple[str, Path]]:
        files = [(f"tokens.{index}.file", token.file) for index, token in enumerate(self.tokens)]
        if self.database_password_file is not None:
            files.append(("database_password_file", self.database_password_file))
        files += [("web.key_file", self.web.key_file)] if self.web.key_file else []
        for name, node in self.nodes.items():
            files += [(f"nodes.{name}.{key}", file) for key, file in _wake_files(node)]
        return files if self.proxmox.token_file is None else [("proxmox.token_file", self.proxmox.token_file), *files]


def _wake_files(node: NodeSection) -> list[tuple[str, Path]]:
    if node.wake is None:
        return []
    redfish, ipmi = node.wake.redfish, node.wake.ipmi
    files = {
        "wake.secureon_file": node.wake.secureon_file,
        "wake.redfish.password_file": None if redfish is None else redfish.password_file,
        "wake.ipmi.password_file": None if ipmi is None else ipmi.password_file,
    }
    return [(key, file) for key, file in files.items() if file is not None]


def _others_can_write(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False  # whether it is needed and can be read is for `actuator.credentials` to say
