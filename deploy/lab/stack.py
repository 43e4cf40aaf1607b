"""The whole loop on one machine: the lab's nodes, and around them the real processes that a user runs."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deploy.lab.cluster import Stage
from deploy.lab.configuration import DEPLOY, Addresses, Windows, write_actuator, write_alertmanager, write_prometheus
from deploy.lab.network import free_port
from deploy.lab.processes import Processes
from deploy.lab.watcher import Watcher

if TYPE_CHECKING:
    import queue
    from collections.abc import Mapping

    from deploy.lab.cluster import Event
    from deploy.lab.tools import Toolbox
    from deploy.lab.world import Lab

_START_SECONDS = 30.0
_ROOTS = {"sysfs": "sys", "procfs": "proc", "run": "run", "pve": "etc/pve"}
_SERVICES = ("prometheus", "alertmanager", "actuator")
_SCOPES = {"alertmanager": "alert", "operator": "operate"}


class LampsOf:
    """What a person standing in front of the lab's machines sees."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def power(self) -> Mapping[str, str]:
        """Node -> ``off``, ``booting`` or ``on``."""
        stages = {plan.name: self._lab.node(plan.name).stage for plan in self._lab.plan.nodes}
        return {
            name: "off" if stage is Stage.OFF else "on" if stage is Stage.READY else "booting"
            for name, stage in stages.items()
        }

    def quorate(self) -> bool:
        """Whether the cluster may change anything."""
        return self._lab.quorate


@dataclass(slots=True)
class Stack:
    """Prometheus, Alertmanager, the actuator, and an exporter on each node that is on.

    Attributes:
        lab: Started; stays the caller's to stop.
        toolbox: Where the real tools come from.
        directory: Configuration, data and logs go below it.
        windows: How short a minute is.
        actuator_changes: Laid over the actuator's configuration, for tests that need another one.
        addresses: Where everything listens, once started.
        processes: What runs, once started.
        tokens: Name of a caller -> its bearer token, once started.
    """

    lab: Lab
    toolbox: Toolbox
    directory: Path
    windows: Windows = field(default_factory=Windows)
    actuator_changes: Mapping[str, Any] = field(default_factory=dict)
    addresses: Addresses = field(init=False)
    processes: Processes = field(init=False)
    tokens: Mapping[str, str] = field(init=False, repr=False)
    _events: queue.SimpleQueue[Event] = field(init=False)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up; when this returns, every process answers.

        Raises:
            ProcessError: one of them did not come up; the message has its last words.
            DebianError: a tool is neither on PATH nor to be fetched.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.directory / "logs")
        self.tokens = {name: secrets.token_urlsafe(24) for name in _SCOPES}
        self._events = self.lab.subscribe()
        self.addresses = self._choose_addresses()
        programs = {name: self.toolbox.find(name) for name in ("prometheus", "alertmanager", "ipmitool")}
        for plan in self.lab.plan.nodes:
            if self.lab.node(plan.name).stage >= Stage.ANSWERS:
                self._start_exporter(plan.name)
        self._start_actuator()
        self._start_alertmanager(programs["alertmanager"])
        self._start_prometheus(programs["prometheus"])
        for name in ("prometheus", "alertmanager"):
            self.processes.await_http(name, f"{self.url(name)}/-/ready", seconds=_START_SECONDS)
        self.processes.await_http("actuator", f"{self.url('actuator')}/-/ready", seconds=_START_SECONDS)

    def stop(self) -> None:
        """End every process that was started here."""
        if hasattr(self, "processes"):
            self.processes.stop()

    def url(self, service: str) -> str:
        """The base URL of ``prometheus``, ``alertmanager`` or ``actuator``."""
        return f"http://{getattr(self.addresses, service)}"

    def watcher(self) -> Watcher:
        """A new client that looks at all of it."""
        return Watcher(
            self.url("prometheus"),
            self.url("alertmanager"),
            self.url("actuator"),
            self.tokens["operator"],
            LampsOf(self.lab),
        )

    def keep_up(self) -> None:
        """Follow the nodes: one that has booted starts its exporter, one that is off has none. Call it now and then.

        Called by the thread that started the stack: a process lives as long as the thread that started it.

        Raises:
            ProcessError: a process that should run has ended.
        """
        while not self._events.empty():
            event = self._events.get()
            if event.kind != "node":
                continue
            if event.detail == "answers":
                self._start_exporter(event.subject)
            elif event.detail == "off":
                self.processes.kill(f"exporter-{event.subject}")
        self.processes.check()

    def start_actuator(self) -> None:
        """Start the actuator again after it was killed, with the same files, and wait until it answers."""
        self._run_actuator()
        self.processes.await_http("actuator", f"{self.url('actuator')}/-/ready", seconds=_START_SECONDS)

    def _choose_addresses(self) -> Addresses:
        network = self.lab.address(self.lab.plan.nodes[0].name).rpartition(".")[0]
        services = {name: f"{network}.{number}:{free_port()}" for number, name in enumerate(_SERVICES, start=2)}
        exporters = {plan.name: f"{self.lab.address(plan.name)}:{free_port()}" for plan in self.lab.plan.nodes}
        return Addresses(**services, exporters=exporters)

    def _start_exporter(self, node: str) -> None:
        self.processes.start(
            f"exporter-{node}",
            [
                Path(sys.executable).parent / "wattshift-exporter",
                "serve",
                f"--node={node}",
                f"--web.listen-address={self.addresses.exporters[node]}",
                *(f"--path.{name}={self.lab.node_directory(node) / folder}" for name, folder in _ROOTS.items()),
                f"--dcmi.host={self.lab.address(node)}",
                f"--dcmi.port={self.lab.ports.bmc}",
                f"--dcmi.user={self.lab.plan.bmc_user}",
                "--rapl.interval=1s",
                "--dcmi.interval=1s",
                "--guests.interval=1s",
                # powerstat reads this machine's own counters, wherever --path.sysfs points.
                "--no-collector.powerstat",
            ],
            {"IPMI_PASSWORD": self.lab.plan.bmc_password, "PATH": f"{self.toolbox.bin}:/usr/bin:/bin"},
        )

    def _start_actuator(self) -> None:
        files = {name: self._secret(f"{name}-token", token) for name, token in self.tokens.items()}
        secret = self._secret("proxmox-token", self.lab.token.secret)
        changes: dict[str, Any] = {
            "listen": self.addresses.actuator,
            "mode": "act",
            "database": f"sqlite:///{(self.directory / 'actuator.db').resolve()}",
            "proxmox": {
                "hosts": [f"{self.lab.address(plan.name)}:{self.lab.ports.api}" for plan in self.lab.plan.nodes],
                "token_id": self.lab.token.id,
                "token_file": str(secret),
                "ca_file": str(self.lab.ca_path),
            },
            "nodes": {
                plan.name: {
                    "wake": {
                        "mac": plan.mac,
                        "broadcast": "127.255.255.255",
                        "port": self.lab.wake_port,
                        "interface": None,
                    },
                }
                for plan in self.lab.plan.nodes
            },
            "prometheus": {"url": self.url("prometheus")},
            "alertmanager": {"url": self.url("alertmanager")},
            # Ten minutes become ten seconds, as the minute of the rule does, so that a move by hand need not wait.
            "limits": {"cooldown_seconds": 10},
            "tokens": [{"name": name, "file": str(file), "scopes": [_SCOPES[name]]} for name, file in files.items()],
        }
        write_actuator(self.directory, changes, self.actuator_changes)
        self._run_actuator()

    def _run_actuator(self) -> None:
        self.processes.start(
            "actuator",
            [
                Path(sys.executable).parent / "wattshift-actuator",
                "serve",
                f"--config={self.directory / 'actuator.yml'}",
            ],
        )

    def _start_alertmanager(self, program: Path) -> None:
        token_file = self.directory / "alertmanager-token"
        file = write_alertmanager(self.directory, self.addresses, self.windows, token_file.resolve())
        self.processes.start(
            "alertmanager",
            [
                program,
                f"--config.file={file}",
                f"--storage.path={self.directory / 'alertmanager'}",
                f"--web.listen-address={self.addresses.alertmanager}",
                "--cluster.listen-address=",  # one alone: no gossip port
            ],
        )

    def _start_prometheus(self, program: Path) -> None:
        sleepers = [plan.name for plan in self.lab.plan.nodes if not plan.on]
        file = write_prometheus(self.directory, self.addresses, self.windows, may_sleep=sleepers)
        self.processes.start(
            "prometheus",
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={self.directory / 'prometheus'}",
                f"--web.console.templates={DEPLOY / 'prometheus' / 'consoles'}",
                f"--web.listen-address={self.addresses.prometheus}",
            ],
        )

    def _secret(self, name: str, value: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value + "\n")
        return path.resolve()
