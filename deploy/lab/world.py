"""The lab as a whole: simulated nodes at the wire, used from plain synchronous code."""

from __future__ import annotations

import copy
import queue
from typing import TYPE_CHECKING

from deploy.lab.background import Background
from deploy.lab.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.cluster import Event, Guest, Node
    from deploy.lab.engine import Ports
    from deploy.lab.ipmi.power_meter import MeterFault
    from deploy.lab.migration import Mishap
    from deploy.lab.plan import Plan, TokenPlan
    from deploy.lab.power import Watts
    from deploy.lab.pve.server import Received
    from deploy.lab.task import Task


class Lab(Background):
    """A simulated cluster; ``with Lab(plan) as lab`` starts it and leaves nothing behind.

    Every node has a loopback address of its own; several labs run side by side. With a ``ManualClock`` nothing in the
    lab happens by itself: ``advance`` moves its time.
    """

    # -- where things are ---------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """What there is."""
        return self._setting.plan

    @property
    def ports(self) -> Ports:
        """Where things listen."""
        return self._setting.ports

    @property
    def ca_path(self) -> Path:
        """The PEM file of the authority that issued the nodes' certificates."""
        return self._engine.authority.path

    @property
    def token(self) -> TokenPlan:
        """The first token of the plan."""
        return self.plan.tokens[0]

    @property
    def wake_port(self) -> int:
        """The UDP port on which magic packets are heard."""
        return self._engine.ear.port

    def address(self, node: str) -> str:
        """Return a node's loopback address."""
        return self._engine.cluster.nodes[node].address

    def url(self, node: str) -> str:
        """Return the base of a node's API, such as ``https://127.3.7.11:8006``."""
        return f"https://{self.address(node)}:{self.ports.api}"

    def node_directory(self, node: str) -> Path:
        """Return the folder that stands for a node's ``/``, with ``sys``, ``proc``, ``run`` and ``etc/pve`` in it."""
        return self._engine.meters.root(node)

    # -- how things are -----------------------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        """Return a node as it is at this moment."""
        return self._do(lambda: copy.copy(self._engine.cluster.nodes[name]))

    def guest(self, vmid: int) -> Guest:
        """Return a guest as it is at this moment."""
        return self._do(lambda: copy.copy(self._engine.cluster.guests[vmid]))

    @property
    def tasks(self) -> list[Task]:
        """All tasks, oldest first."""
        return self._do(lambda: [copy.copy(task) for task in self._engine.cluster.tasks])

    @property
    def quorate(self) -> bool:
        """Whether the cluster has quorum."""
        return self._do(lambda: self._engine.cluster.quorate)

    def watts(self, node: str) -> Watts:
        """Return what a node draws at this moment."""
        return self._do(lambda: self._engine.meters.watts(node))

    def bmc_commands(self, node: str) -> list[tuple[int, int]]:
        """Return the (network function, command) pairs that a BMC received, oldest first."""
        return self._do(lambda: list(self._engine.bmcs[node].commands))

    def redfish_requests(self, node: str) -> list[tuple[str, str]]:
        """Return method and path of each request that a BMC's Redfish received, oldest first."""
        return self._do(lambda: list(self._engine.redfish[node].requests))

    @property
    def packets(self) -> int:
        """How many datagrams reached the Wake-on-LAN port."""
        return self._do(lambda: self._engine.ear.packets)

    @property
    def requests(self) -> tuple[Received, ...]:
        """Every API request received, oldest first."""
        return self._do(lambda: tuple(self._engine.requests))

    # -- what a test or a person may do -------------------------------------------------------------------------

    def power_on(self, node: str) -> None:
        """Press a node's power button."""
        self._do(lambda: self._engine.cluster.power_on(node))

    def power_off(self, node: str) -> None:
        """Cut a node's power: its API refuses connections when this returns, and its guests are gone."""
        self._do(lambda: self._engine.cluster.power_off(node))

    def set_load(self, vmid: int, load: float) -> None:
        """Let a guest use this share of its processors, 0 to 1."""
        self._do(lambda: self._engine.cluster.set_load(vmid, load))

    def set_lock(self, vmid: int, lock: str | None) -> None:
        """Lock a guest's configuration (``backup``, ``snapshot`` ...) or unlock it."""
        self._do(lambda: setattr(self._engine.cluster.guests[vmid], "lock", lock))

    def place(self, vmid: int, node: str) -> None:
        """Put a guest on a node, as if it had always been there."""
        self._do(lambda: self._engine.cluster.place(vmid, node))

    def remove_guest(self, vmid: int) -> None:
        """Destroy a guest."""
        self._do(lambda: self._engine.cluster.guests.pop(vmid))

    def set_ha_error(self, vmid: int) -> None:
        """Let HA give up on a guest's service."""
        self._do(lambda: self._engine.ha.in_error.add(vmid))

    def arm_ha(self, *, armed: bool) -> None:
        """Arm or disarm the HA stack."""
        self._do(lambda: setattr(self._engine.ha, "armed", armed))

    def set_shutdown_time(self, seconds: float) -> None:
        """Let containers take so long to shut down."""
        self._do(lambda: setattr(self._engine.containers, "shutdown_seconds", seconds))

    def spoil_next_migration(self, mishap: Mishap) -> None:
        """Let the next migration go wrong in this way."""
        self._do(lambda: self._engine.migrations.mishaps.append(mishap))

    def hold_migrations(self, *, held: bool) -> None:
        """Let no migration come further than half-way, so that it can be looked at in peace; or let them go on."""
        self._do(lambda: setattr(self._engine.migrations, "held", held))

    def spoil_meter(self, node: str, fault: MeterFault | None) -> None:
        """Let a BMC's power meter misbehave in this way; None repairs it."""
        self._do(lambda: setattr(self._engine.bmcs[node].meter, "fault", fault))

    def advance(self, seconds: float) -> None:
        """Move a ``ManualClock`` on and let all that falls due happen, in order."""
        clock = self._setting.clock
        if not isinstance(clock, ManualClock):
            raise TypeError("Only a lab with a ManualClock can be advanced; this one runs by itself.")
        self._do(lambda: clock.advance_to(clock.now() + seconds))
        self._do(self._engine.meters.advance)

    def subscribe(self) -> queue.SimpleQueue[Event]:
        """Return a queue that receives every event from now on."""
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._do(lambda: self._engine.subscribers.append(events.put))
        return events
