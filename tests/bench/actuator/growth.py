"""How the cost of a decision grows with the cluster: from Proxmox's answers, as text, to guest and target."""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actuator.adapters import shapes
from actuator.policy.cluster import History
from actuator.policy.decide import at_preflight
from actuator.policy.orders import Action, Order
from actuator.settings import Settings
from deploy.lab.configuration import write_actuator
from deploy.lab.plan import GIB
from tests.bench.line import Line
from tests.bench.spread import ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actuator.policy.decide import Decision
    from actuator.policy.rules import Rules

SIZES = (2, 10, 100, 300, 1000)
GUESTS_PER_NODE = 20
_TAG = "wattshift"
# Neither guest nor target is named: all guests of the node are looked at, and for each of them all nodes.
_ORDER = Order(Action.MIGRATE, "node0")


@dataclass(frozen=True, slots=True)
class Texts:
    """What Proxmox answers about a cluster: its status, its guests and its nodes, as JSON."""

    status: str
    guests: str
    nodes: str


def texts(nodes: int) -> Texts:
    """Return the answers of a cluster of so many nodes, all of them on, with twenty guests each."""
    status: list[dict[str, Any]] = [
        {"type": "cluster", "id": "cluster", "name": "lab", "version": 3, "nodes": nodes, "quorate": 1}
    ]
    status += [
        {"type": "node", "id": f"node/node{number}", "name": f"node{number}", "nodeid": number + 1}
        | {"local": int(not number), "online": 1, "ip": f"10.0.{number // 250}.{number % 250 + 1}", "level": ""}
        for number in range(nodes)
    ]
    return Texts(
        json.dumps(status),
        json.dumps(
            [_guest(100 + index, f"node{index // GUESTS_PER_NODE}") for index in range(nodes * GUESTS_PER_NODE)]
        ),
        json.dumps([_node(f"node{number}", number) for number in range(nodes)]),
    )


def _guest(vmid: int, node: str) -> dict[str, Any]:
    figures = {"cpu": vmid % 97 / 100, "maxcpu": 2, "mem": 2 * GIB, "maxmem": 4 * GIB, "disk": 0, "maxdisk": 32 * GIB}
    traffic = dict.fromkeys(("netin", "netout", "diskread", "diskwrite", "uptime"), 123456789)
    return {
        "id": f"qemu/{vmid}",
        "type": "qemu",
        "vmid": vmid,
        "node": node,
        "name": f"guest{vmid}",
        "status": "running",
        "template": 0,
        "tags": f"{_TAG};green",
        "memhost": 3 * GIB,
        **figures,
        **traffic,
    }


def _node(name: str, number: int) -> dict[str, Any]:
    return {
        "id": f"node/{name}",
        "type": "node",
        "node": name,
        "status": "online",
        "level": "",
        "cpu": number % 89 / 100,
        "maxcpu": 64,
        "mem": (100 + number % 80) * GIB,
        "maxmem": 256 * GIB,
        "disk": 20 * GIB,
        "maxdisk": 100 * GIB,
        "uptime": 123456789,
    }


def rules(nodes: int) -> Rules:
    """Return the rules of the shipped configuration for so many nodes."""
    names: dict[str, object] = {f"node{number}": {} for number in range(nodes)}
    changes = {"mode": "act", "proxmox": {"ca_file": None}, "nodes": {"pve": None, "pve2": None, **names}}
    with tempfile.TemporaryDirectory() as folder:
        return Settings.load(write_actuator(Path(folder), changes)).rules()


def decide(answers: Texts, allowed: Rules) -> Decision:
    """Read the answers and decide, as preflight does."""
    cluster = shapes.cluster_of(json.loads(answers.status), json.loads(answers.guests), json.loads(answers.nodes))
    return at_preflight(_ORDER, cluster, History(), allowed, now=0.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one decision: processor seconds in each round, and the most memory that Python held for it, in bytes."""

    nodes: int
    seconds: list[float]
    memory: int


def measure(sizes: Sequence[int], rounds: int) -> list[Cost]:
    """Decide in clusters of so many nodes; each round takes all sizes in turn.

    Raises:
        RuntimeError: nothing was decided, so that the time proves nothing.
    """
    works = {nodes: _work(nodes) for nodes in sizes}
    seconds: dict[int, list[float]] = {nodes: [] for nodes in sizes}
    for _ in range(rounds):
        for nodes, work in works.items():
            seconds[nodes].append(_timed(work))
    return [Cost(nodes, seconds[nodes], _memory(work)) for nodes, work in works.items()]


def _work(nodes: int) -> Callable[[], Decision]:
    answers, allowed = texts(nodes), rules(nodes)

    def work() -> Decision:
        return decide(answers, allowed)

    if not (decision := work()).act:
        raise RuntimeError(f"a move was to be decided: {decision.message}")
    return work


def _timed(work: Callable[[], object]) -> float:
    began = time.thread_time()  # whatever else the machine does is no cost of the decision
    work()
    return time.thread_time() - began


def _memory(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of costs over sizes in logarithms: 1 for a cost that doubles when the size does, 2 for squares.

    Raises:
        StatisticsError: there are fewer than two sizes.
    """
    return statistics.linear_regression([math.log(size) for size in sizes], [math.log(cost) for cost in costs]).slope


def lines(costs: Sequence[Cost]) -> list[Line]:
    """Return time and memory of each size beside those of the size before, and how the time grows over the largest."""
    found: list[Line] = []
    for before, cost in zip([None, *costs], costs, strict=False):
        where = f"decision among {cost.nodes} nodes, {cost.nodes * GUESTS_PER_NODE} guests"
        time_spent, memory = spread(cost.seconds).median * 1e3, cost.memory / 1024**2
        if before is None:
            found += [Line(f"{where}: time", "ms", time_spent), Line(f"{where}: memory", "MB", memory)]
            continue
        less, then = f"{before.nodes} nodes", spread(before.seconds).median * 1e3
        growth = ratios(cost.seconds, before.seconds)
        found.append(Line(f"{where}: time", "ms", time_spent, less, then, growth))
        ratio = ratios([cost.memory], [before.memory])
        found.append(Line(f"{where}: memory", "MB", memory, less, before.memory / 1024**2, ratio))
    large = costs[-3:]
    slope = exponent([cost.nodes for cost in large], [spread(cost.seconds).median for cost in large])
    return [*found, Line(f"exponent of that time from {large[0].nodes} to {large[-1].nodes} nodes", "", slope)]
