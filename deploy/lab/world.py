"""The lab as a whole: simulated nodes at the wire, run in a background thread, used from plain synchronous code."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import queue
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from deploy.lab.agenda import Agenda
from deploy.lab.certificates import Authority
from deploy.lab.clock import ManualClock, RunningClock
from deploy.lab.cluster import Cluster, Event, Guest, Node, Stage
from deploy.lab.ear import Ear
from deploy.lab.faults import Faults
from deploy.lab.ha import HighAvailability
from deploy.lab.ipmi.bmc import Bmc
from deploy.lab.meters import Meters
from deploy.lab.migration import Migrations
from deploy.lab.network import Network
from deploy.lab.pve.call import World
from deploy.lab.pve.server import NodeServer, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from deploy.lab.clock import Clock
    from deploy.lab.ipmi.power_meter import MeterFault
    from deploy.lab.migration import Mishap
    from deploy.lab.plan import Plan, TokenPlan
    from deploy.lab.power import Watts
    from deploy.lab.task import Task

_Result = TypeVar("_Result")
_PATIENCE_SECONDS = 30.0
# Like the hardware's own counters move about every millisecond; a tenth of a second is enough to be read each second.
_METER_SECONDS = 0.1
# What changes the power of a node.
_POWER_EVENTS = frozenset({"node", "guest_moved", "guest_stopped", "load"})


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the lab's parts listen, on each node's own address.

    Attributes:
        api: The Proxmox API.
        wake: Magic packets (UDP, on the broadcast address too); 0 takes a free one.
        bmc: IPMI over LAN (UDP). The real port, 623, is open to root alone.
    """

    api: int = 8006
    wake: int = 0
    bmc: int = 6230


class Lab:
    """A simulated cluster; ``with Lab(plan) as lab`` starts it and leaves nothing behind.

    Its methods may be called from any thread. Every node has a loopback address of its own; several labs run side
    by side. With a ``ManualClock`` nothing in the lab happens by itself: ``advance`` moves its time.

    Args:
        plan: What there is.
        directory: Where files go; a temporary folder when None.
        clock: Lab time; real time when None.
        ports: Where things listen.
    """

    def __init__(
        self,
        plan: Plan,
        directory: Path | None = None,
        *,
        clock: Clock | None = None,
        ports: Ports | None = None,
    ) -> None:
        self.plan = plan
        self.ports = ports or Ports()
        self.faults = Faults()
        self._directory = directory
        self._clock = clock or RunningClock()
        self._requests: list[Received] = []
        self._subscribers: list[queue.SimpleQueue[Event]] = []
        self._changes = 0
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._trouble: BaseException | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring the lab up; when this returns, every node that is on answers."""
        self._own_folder = None if self._directory else tempfile.TemporaryDirectory(prefix="lab-")
        self.directory = self._directory or Path(self._own_folder.name if self._own_folder else "")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._network = Network()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="lab", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._trouble is not None:
            self._thread.join()
            self._network.close()
            raise self._trouble

    def stop(self) -> None:
        """End everything the lab started."""
        self.faults.clear()
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._network.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._look_again = asyncio.Event()
        async with contextlib.AsyncExitStack() as closing:
            try:
                await self._set_up(closing)
            except BaseException as trouble:  # noqa: BLE001 - handed to the thread that called start()
                self._trouble = trouble
                self._ready.set()
                return
            for forever in (self._pump(), self._tick()):
                closing.callback(asyncio.create_task(forever).cancel)
            self._ready.set()
            await self._end.wait()

    async def _set_up(self, closing: contextlib.AsyncExitStack) -> None:
        self._agenda = Agenda(self._clock, self._look_again.set)
        self._cluster = Cluster(self.plan, self._agenda, self._network)
        self._migrations = Migrations(self._cluster)
        self._ear = Ear(self._called)
        self._authority = Authority(self.directory)
        world = World(
            self._cluster, self._migrations, HighAvailability(self._cluster, self._migrations), self._ear.send
        )
        self._servers = {
            node.name: NodeServer(world, node, self.faults, self._record) for node in self._cluster.nodes.values()
        }
        self._bmcs = {
            node.name: Bmc(_NodeChassis(self._cluster, node.name), {self.plan.bmc_user: self.plan.bmc_password})
            for node in self._cluster.nodes.values()
        }
        self._meters = Meters(self._cluster, self._clock, self._bmcs, self.directory)
        self._locks = {name: asyncio.Lock() for name in self._servers}
        self._followers: set[asyncio.Task[None]] = set()
        self._cluster.listen(self._happened)
        closing.callback(self._ear.close)
        await self._ear.listen([node.address for node in self._cluster.nodes.values()], self.ports.wake)
        for node in self._cluster.nodes.values():
            closing.callback(self._bmcs[node.name].close)
            closing.push_async_callback(self._servers[node.name].stop)
            await self._bmcs[node.name].listen(node.address, self.ports.bmc)
            await self._follow(node.name)
        closing.push_async_callback(self._settle)

    async def _pump(self) -> None:
        """Let things happen when they are due."""
        while True:
            self._look_again.clear()
            self._agenda.run_due()
            due = self._agenda.next_due
            delay = None if due is None else self._clock.real_seconds(due - self._clock.now())
            try:
                async with asyncio.timeout(None if delay is None else max(delay, 0.0)):
                    await self._look_again.wait()
            except TimeoutError:
                continue

    async def _tick(self) -> None:
        """Let the energy counters move, as they do between events."""
        while True:
            await asyncio.sleep(_METER_SECONDS)
            self._agenda.run_due()
            self._meters.advance()
            self._notify()

    def _called(self, mac: str) -> None:
        """Wake whose network card heard its own address."""
        self._agenda.run_due()
        for node in self._cluster.nodes.values():
            if node.plan.mac.lower() == mac:
                woke = self._cluster.power_on(node.name)
                self._cluster.tell("packet", node.name, "woke" if woke else "was on")

    def _happened(self, event: Event) -> None:
        if event.kind == "node":
            task = asyncio.create_task(self._follow(event.subject))
            self._followers.add(task)
            task.add_done_callback(self._followers.discard)
        if event.kind in _POWER_EVENTS:
            self._meters.advance()
        for subscriber in self._subscribers:
            subscriber.put(event)
        self._notify()

    async def _follow(self, name: str) -> None:
        """Make a node's server listen or not, as its stage wants it."""
        node = self._cluster.nodes[name]
        async with self._locks[name]:
            if node.stage >= Stage.API:
                await self._servers[name].start(self.ports.api, self._authority.context(name, node.address))
            else:
                await self._servers[name].stop()
        self._notify()

    async def _settle(self) -> None:
        while self._followers:
            await asyncio.gather(*self._followers)

    def _record(self, request: Received) -> None:
        self._requests.append(request)
        self._cluster.tell("request", request.node, f"{request.method} {request.path}")

    def _notify(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _do(self, action: Callable[[], _Result]) -> _Result:
        """Run ``action`` in the lab's thread, with the simulation up to date, and let its effects settle."""

        async def run() -> _Result:
            self._agenda.run_due()
            result = action()
            await self._settle()
            return result

        return self._wait(run())

    def _wait(self, work: Coroutine[object, object, _Result]) -> _Result:
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("Use the lab from another thread than its own: this would wait for itself.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    # -- where things are ---------------------------------------------------------------------------------------

    @property
    def ca_path(self) -> Path:
        """The PEM file of the authority that issued the nodes' certificates."""
        return self._authority.path

    @property
    def token(self) -> TokenPlan:
        """The first token of the plan."""
        return self.plan.tokens[0]

    @property
    def wake_port(self) -> int:
        """The UDP port on which magic packets are heard."""
        return self._ear.port

    def address(self, node: str) -> str:
        """Return a node's loopback address."""
        return self._cluster.nodes[node].address

    def url(self, node: str) -> str:
        """Return the base of a node's API, such as ``https://127.3.7.11:8006``."""
        return f"https://{self.address(node)}:{self.ports.api}"

    def node_directory(self, node: str) -> Path:
        """Return the folder that stands for a node's ``/``: its powercap tree is under ``sys``."""
        return self._meters.root(node)

    # -- how things are -----------------------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        """Return a node as it is at this moment."""
        return self._do(lambda: copy.copy(self._cluster.nodes[name]))

    def guest(self, vmid: int) -> Guest:
        """Return a guest as it is at this moment."""
        return self._do(lambda: copy.copy(self._cluster.guests[vmid]))

    @property
    def tasks(self) -> list[Task]:
        """All tasks, oldest first."""
        return self._do(lambda: [copy.copy(task) for task in self._cluster.tasks])

    @property
    def quorate(self) -> bool:
        """Whether the cluster has quorum."""
        return self._do(lambda: self._cluster.quorate)

    def watts(self, node: str) -> Watts:
        """Return what a node draws at this moment."""
        return self._do(lambda: self._meters.watts(node))

    def bmc_commands(self, node: str) -> list[tuple[int, int]]:
        """Return the (network function, command) pairs that a BMC received, oldest first."""
        return self._do(lambda: list(self._bmcs[node].commands))

    @property
    def packets(self) -> int:
        """How many datagrams reached the Wake-on-LAN port."""
        return self._do(lambda: self._ear.packets)

    @property
    def requests(self) -> tuple[Received, ...]:
        """Every API request received, oldest first."""
        return self._do(lambda: tuple(self._requests))

    # -- what a test or a person may do -------------------------------------------------------------------------

    def power_on(self, node: str) -> None:
        """Press a node's power button."""
        self._do(lambda: self._cluster.power_on(node))

    def power_off(self, node: str) -> None:
        """Cut a node's power: its API refuses connections when this returns, and its guests are gone."""
        self._do(lambda: self._cluster.power_off(node))

    def set_load(self, vmid: int, load: float) -> None:
        """Let a guest use this share of its processors, 0 to 1."""
        self._do(lambda: self._cluster.set_load(vmid, load))

    def set_lock(self, vmid: int, lock: str | None) -> None:
        """Lock a guest's configuration (``backup``, ``snapshot`` ...) or unlock it."""
        self._do(lambda: setattr(self._cluster.guests[vmid], "lock", lock))

    def place(self, vmid: int, node: str) -> None:
        """Put a guest on a node, as if it had always been there."""
        self._do(lambda: self._cluster.place(vmid, node))

    def remove_guest(self, vmid: int) -> None:
        """Destroy a guest."""
        self._do(lambda: self._cluster.guests.pop(vmid))

    def spoil_next_migration(self, mishap: Mishap) -> None:
        """Let the next migration go wrong in this way."""
        self._do(lambda: self._migrations.mishaps.append(mishap))

    def spoil_meter(self, node: str, fault: MeterFault | None) -> None:
        """Let a BMC's power meter misbehave in this way; None repairs it."""
        self._do(lambda: setattr(self._bmcs[node].meter, "fault", fault))

    def advance(self, seconds: float) -> None:
        """Move a ``ManualClock`` on and let all that falls due happen, in order."""
        clock = self._clock
        if not isinstance(clock, ManualClock):
            raise TypeError("Only a lab with a ManualClock can be advanced; this one runs by itself.")
        self._do(lambda: clock.advance_to(clock.now() + seconds))
        self._do(self._meters.advance)

    def subscribe(self) -> queue.SimpleQueue[Event]:
        """Return a queue that receives every event from now on."""
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._do(lambda: self._subscribers.append(events))
        return events

    def wait_until(self, condition: Callable[[], bool], timeout: float = _PATIENCE_SECONDS) -> None:
        """Wait until ``condition`` holds, looking again whenever something happens in the lab.

        Raises:
            TimeoutError: it did not hold within ``timeout`` real seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = self._changes
            if condition():
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"The lab did not come to the awaited state within {timeout:g} s.")
            with self._changed:
                if self._changes == seen:
                    self._changed.wait(left)


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
