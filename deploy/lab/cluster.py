"""The state of the simulated cluster, and what changes it: power, votes, guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from deploy.lab.hypervisor import CpuUse
from deploy.lab.task import Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from deploy.lab.agenda import Agenda, Process
    from deploy.lab.network import Network
    from deploy.lab.plan import GuestPlan, NodePlan, Plan

# Processors that a node keeps busy with its own work.
_HOST_CPUS = 0.05


class Stage(IntEnum):
    """How far a node's boot has come; each stage includes the ones before."""

    OFF = 0
    POWERED = 1
    ANSWERS = 2
    MEMBER = 3
    QUORATE = 4
    API = 5
    READY = 6


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in the lab.

    Attributes:
        at: Lab time.
        kind: ``node`` (detail: the stage's name in lower case), ``guest_moved``, ``guest_stopped``, ``load``,
            ``task_started``, ``task_ended``, ``packet``, ``request``.
        subject: Node name, vmid or UPID.
        detail: What happened to it.
    """

    at: float
    kind: str
    subject: str
    detail: str


@dataclass
class Node:
    """A node as it is now."""

    plan: NodePlan
    address: str
    wakeonlan: str | None
    stage: Stage
    since: float
    boots: int = 0
    boot: Process | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Its Proxmox name."""
        return self.plan.name

    @property
    def online(self) -> bool:
        """Whether it is a member of the cluster."""
        return self.stage >= Stage.MEMBER


@dataclass
class Guest:
    """A guest as it is now."""

    plan: GuestPlan
    node: str
    running: bool
    load: float
    lock: str | None
    since: float
    migrating: bool = False

    @property
    def vmid(self) -> int:
        """Its number."""
        return self.plan.vmid


class Cluster:
    """Nodes, guests and tasks. Not thread-safe: whoever drives the lab calls it from one thread."""

    def __init__(self, plan: Plan, agenda: Agenda, network: Network) -> None:
        self.plan = plan
        self.agenda = agenda
        self._listeners: list[Callable[[Event], None]] = []
        self.nodes = {
            node.name: Node(
                node,
                network.address(node.nodeid),
                node.wakeonlan,
                Stage.READY if node.on else Stage.OFF,
                agenda.now,
            )
            for node in plan.nodes
        }
        self.guests = {
            guest.vmid: Guest(
                guest,
                guest.node,
                guest.running and self.nodes[guest.node].online,
                guest.load,
                guest.lock,
                agenda.now,
            )
            for guest in plan.guests
        }
        self.tasks = Tasks(agenda, self._task_changed)

    @property
    def quorate(self) -> bool:
        """Whether the members hold more than half of all votes (corosync votequorum)."""
        present = sum(node.plan.votes for node in self.nodes.values() if node.stage >= Stage.QUORATE)
        return present * 2 > sum(node.plan.votes for node in self.nodes.values())

    def running_on(self, name: str) -> list[Guest]:
        """Return the guests that run on a node."""
        return [guest for guest in self.guests.values() if guest.node == name and guest.running]

    def busy_cpus(self, name: str) -> float:
        """Return how many of a node's processors are in use: by its guests, and a little by itself."""
        busy = _HOST_CPUS + sum(guest.load * guest.plan.cpus for guest in self.running_on(name))
        return min(busy, float(self.nodes[name].plan.cpus))

    def cpu_use(self, name: str) -> CpuUse:
        """Return how many processors are in use, in all and by each guest; all get less where there are too few."""
        asked = {guest.vmid: guest.load * guest.plan.cpus for guest in self.running_on(name)}
        busy = self.busy_cpus(name)
        granted = busy / (_HOST_CPUS + sum(asked.values()))
        return CpuUse(busy, {vmid: cpus * granted for vmid, cpus in asked.items()})

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have ``listener`` told of every event."""
        self._listeners.append(listener)

    def tell(self, kind: str, subject: str, detail: str = "") -> None:
        """Tell every listener."""
        event = Event(self.agenda.now, kind, subject, detail)
        for listener in self._listeners:
            listener(event)

    def power_on(self, name: str) -> bool:
        """Press the button of a node that is off; return whether that did anything."""
        node = self.nodes[name]
        if node.stage is not Stage.OFF:
            return False
        node.boots += 1
        node.boot = self.agenda.spawn(self._boot(node))
        return True

    def power_off(self, name: str) -> bool:
        """Take a node's power away, guests and tasks with it; return whether that did anything."""
        node = self.nodes[name]
        if node.stage is Stage.OFF:
            return False
        if node.boot is not None:
            node.boot.kill()
        self._enter(node, Stage.OFF)
        self.tasks.lose(name)
        for guest in self.guests.values():
            if guest.node == name and guest.running:
                guest.running = False
                guest.since = self.agenda.now
                self.tell("guest_stopped", str(guest.vmid), name)
        return True

    def reboot(self, name: str) -> None:
        """Take the node down and let it come up again."""
        self.power_off(name)
        self.power_on(name)

    def place(self, vmid: int, node: str) -> None:
        """Put a guest's configuration on ``node``, running or not as it was."""
        guest = self.guests[vmid]
        guest.node = node
        self.tell("guest_moved", str(vmid), node)

    def set_load(self, vmid: int, load: float) -> None:
        """Let a guest use this share of its processors, 0 to 1."""
        self.guests[vmid].load = load
        self.tell("load", str(vmid), f"{load:g}")

    def _boot(self, node: Node) -> Generator[float, None, None]:
        times = self.plan.boot
        self._enter(node, Stage.POWERED)
        yield times.answers
        self._enter(node, Stage.ANSWERS)
        yield times.joins
        self._enter(node, Stage.MEMBER)
        yield times.quorate
        self._enter(node, Stage.QUORATE)
        yield times.api
        self._enter(node, Stage.API)
        yield times.storages
        self._enter(node, Stage.READY)

    def _enter(self, node: Node, stage: Stage) -> None:
        node.stage = stage
        if stage in (Stage.OFF, Stage.POWERED):
            node.since = self.agenda.now
        self.tell("node", node.name, stage.name.lower())

    def _task_changed(self, kind: str, task: Task) -> None:
        self.tell(kind, task.upid, task.exitstatus or task.type)
