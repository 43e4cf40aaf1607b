"""What runs in the lab's own thread: the simulation, its listeners, and the time that drives both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.lab.agenda import Agenda
from deploy.lab.certificates import Authority
from deploy.lab.cluster import Cluster, Event, Stage
from deploy.lab.containers import ContainerMigrations
from deploy.lab.door import Door
from deploy.lab.ear import Ear
from deploy.lab.faults import Faults
from deploy.lab.ha import HighAvailability
from deploy.lab.ipmi.bmc import Bmc
from deploy.lab.meters import Meters
from deploy.lab.migration import Migrations
from deploy.lab.network import Network, free_port
from deploy.lab.pve.call import World
from deploy.lab.pve.server import NodeServer, Received
from deploy.lab.redfish import Redfish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.lab.clock import Clock
    from deploy.lab.plan import Plan

# The hardware's own counters move about every millisecond; a tenth of a second is enough to be read each second.
_METER_SECONDS = 0.1
# What changes the power of a node.
_POWER_EVENTS = frozenset({"node", "guest_moved", "guest_stopped", "load"})


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the lab's parts listen, on each node's own address: free ports unless told otherwise.

    Attributes:
        api: The Proxmox API (HTTPS, really 8006).
        wake: Magic packets (UDP, on the broadcast address too, really 9); 0 takes a free one.
        bmc: IPMI over LAN (UDP, really 623).
        redfish: The BMC's Redfish (HTTPS, really 443).
        ssh: The node's sshd (really 22), which answers as soon as its network is up.
    """

    api: int = field(default_factory=free_port)
    wake: int = 0
    bmc: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    redfish: int = 0
    ssh: int = 0

    def __post_init__(self) -> None:
        """Take free ports for what listens beside the API on the same address, each its own."""
        taken = {self.api}
        for name in ("redfish", "ssh"):
            port = getattr(self, name)
            while port == 0 or port in taken:
                port = free_port()
            taken.add(port)
            object.__setattr__(self, name, port)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a lab is given: its plan, its time, its ports, its folder, and its misbehaviour."""

    plan: Plan
    clock: Clock
    ports: Ports
    directory: Path
    faults: Faults = field(default_factory=Faults)


class Engine:
    """The simulated cluster with everything that listens for it. All of it belongs to one event loop.

    Args:
        setting: What it is given.
        changed: Told, in the loop's thread, whenever something may have changed.
    """

    def __init__(self, setting: Setting, changed: Callable[[], None]) -> None:
        self.requests: list[Received] = []
        self.subscribers: list[Callable[[Event], None]] = []
        self.network = Network()
        self._setting = setting
        self._changed = changed
        self._look_again = asyncio.Event()
        self._followers: set[asyncio.Task[None]] = set()
        self.agenda = Agenda(setting.clock, self._look_again.set)
        self.cluster = Cluster(setting.plan, self.agenda, self.network)
        self.migrations = Migrations(self.cluster)
        self.containers = ContainerMigrations(self.cluster)
        self.authority = Authority(setting.directory)
        self.ear = Ear(self._called)
        account = {setting.plan.bmc_user: setting.plan.bmc_password}
        chassis = {name: _NodeChassis(self.cluster, name) for name in self.cluster.nodes}
        self.bmcs = {name: Bmc(chassis[name], account) for name in self.cluster.nodes}
        self.redfish = {name: Redfish(name, chassis[name], account, setting.faults) for name in self.cluster.nodes}
        self._doors = {node.name: Door(node.address, setting.ports.ssh) for node in self.cluster.nodes.values()}
        self.meters = Meters(self.cluster, setting.clock, self.bmcs, setting.directory)
        self.ha = HighAvailability(self.cluster, self.migrations, self.containers)
        world = World(self.cluster, self.migrations, self.containers, self.ha, self.ear.send)
        self._servers = {
            name: NodeServer(world, node, setting.faults, self._record) for name, node in self.cluster.nodes.items()
        }
        self._locks = {name: asyncio.Lock() for name in self._servers}
        self.cluster.listen(self._happened)

    async def run(self, started: Callable[[], None], end: asyncio.Event) -> None:
        """Listen and let time pass until ``end``; then close everything.

        Raises:
            OSError: something could not listen; what did is closed again.
            ExceptionGroup: the lab itself failed while it ran.
        """
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(self.network.close)
            closing.callback(self.ear.close)
            nodes = self.cluster.nodes.values()
            await self.ear.listen([node.address for node in nodes], self._setting.ports.wake)
            for node in nodes:
                closing.callback(self.bmcs[node.name].close)
                closing.push_async_callback(self._servers[node.name].stop)
                closing.push_async_callback(self.redfish[node.name].stop)
                closing.push_async_callback(self._doors[node.name].shut)
                await self.bmcs[node.name].listen(node.address, self._setting.ports.bmc)
                context = self.authority.context(f"bmc-{node.name}", node.address)
                await self.redfish[node.name].start(node.address, self._setting.ports.redfish, context)
                await self._follow(node.name)
            # Should any of these fail, the lab ends at once instead of standing still in silence.
            async with asyncio.TaskGroup() as self._group:
                background = [self._group.create_task(forever) for forever in (self._pump(), self._tick())]
                started()
                await end.wait()
                for task in background:
                    task.cancel()

    async def settle(self) -> None:
        """Wait until every server listens, or not, as its node's stage wants it."""
        while self._followers:
            # Should one fail, the task group ends the lab with its error: it is not that of whoever waits here.
            await asyncio.gather(*self._followers, return_exceptions=True)

    async def _pump(self) -> None:
        """Let things happen when they are due."""
        clock = self._setting.clock
        while True:
            self._look_again.clear()
            self.agenda.run_due()
            due = self.agenda.next_due
            delay = None if due is None else clock.real_seconds(due - clock.now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if delay is None else max(delay, 0.0)):
                    await self._look_again.wait()

    async def _tick(self) -> None:
        """Let the energy counters move, as they do between events."""
        while True:
            await asyncio.sleep(_METER_SECONDS)
            self.agenda.run_due()
            self.meters.advance()
            self._changed()

    def _called(self, mac: str, password: bytes) -> None:
        """Wake whose network card heard its own address, and its password if it wants one."""
        self.agenda.run_due()
        for node in self.cluster.nodes.values():
            if node.plan.mac.lower() == mac and node.plan.secureon in {None, password}:
                woke = self.cluster.power_on(node.name)
                self.cluster.tell("packet", node.name, "woke" if woke else "was on")

    def _happened(self, event: Event) -> None:
        if event.kind == "node":
            task = self._group.create_task(self._follow(event.subject))
            self._followers.add(task)
            task.add_done_callback(self._followers.discard)
        if event.kind in _POWER_EVENTS:
            self.meters.advance()
        for subscriber in self.subscribers:
            subscriber(event)
        self._changed()

    async def _follow(self, name: str) -> None:
        """Make a node's server listen or not, as its stage wants it."""
        node = self.cluster.nodes[name]
        async with self._locks[name]:
            if node.stage >= Stage.ANSWERS:
                await self._doors[name].open()
            else:
                await self._doors[name].shut()
            if node.stage >= Stage.API:
                context = self.authority.context(name, node.address)
                await self._servers[name].start(self._setting.ports.api, context)
            else:
                await self._servers[name].stop()
        self._changed()

    def _record(self, request: Received) -> None:
        self.requests.append(request)
        self.cluster.tell("request", request.node, f"{request.method} {request.path}")


class _NodeChassis:
    """A node as its BMC sees it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def is_on(self) -> bool:
        return self._cluster.nodes[self._name].stage is not Stage.OFF

    def power_on(self) -> None:
        self._cluster.agenda.run_due()
        self._cluster.power_on(self._name)

    def power_off(self) -> None:
        self._cluster.agenda.run_due()
        self._cluster.power_off(self._name)

    def now(self) -> float:
        return self._cluster.agenda.now
