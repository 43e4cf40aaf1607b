"""The cluster that the actuator is measured with, as a process of its own: the lab, and who hears what.

Apart from the one that takes the times, so that neither waits for the other's interpreter. It prints a line of JSON
with where things are once everything runs, then one for each event. It obeys lines ``on NODE``, ``off NODE``
and ``place VMID NODE``, and answers each with an event ``done``.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.lab.clock import RunningClock
from deploy.lab.plan import MIB, BootTimes, GuestPlan, MigrationTimes, NodePlan, Plan, StoragePlan
from deploy.lab.plans import ACTUATOR_TOKEN
from deploy.lab.world import Lab
from tests.bench.actuator.pairs import Pair, pairs

if TYPE_CHECKING:
    import queue
    from collections.abc import Sequence

    from deploy.lab.cluster import Event

_PREPARE_SECONDS = 0.2
_MEMORY = 256 * MIB
_LOUD = threading.Lock()


class AnyTime(BootTimes):
    """Boot times of which no two are alike: when a node answers is drawn anew each time it is asked for."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        object.__setattr__(self, "_span", (low, high))

    @property
    def answers(self) -> float:
        """Seconds from power to the first answer, another number at each call."""
        low, high = self.__dict__["_span"]
        return random.uniform(low, high)  # noqa: S311 - chance is all that is asked of it

    @answers.setter
    def answers(self, seconds: float) -> None:
        pass  # the base's default


def plan_of(all_pairs: Sequence[Pair], boot: BootTimes) -> Plan:
    """Return a cluster in which each pair's source is on with its guest, and each target sleeps."""
    sources = [
        # Two votes each: whether one target more is awake decides nothing about the others.
        NodePlan(pair.source, number, f"02:00:00:00:01:{number:02x}", votes=2)
        for number, pair in enumerate(all_pairs, start=1)
    ]
    targets = [
        NodePlan(pair.target, len(all_pairs) + number, pair.mac, on=False)
        for number, pair in enumerate(all_pairs, start=1)
    ]
    return Plan(
        nodes=(*sources, *targets),
        guests=tuple(
            GuestPlan(
                pair.vmid,
                pair.source,
                f"guest{pair.vmid}",
                memory_bytes=_MEMORY,
                disks={"scsi0": f"shared:vm-{pair.vmid}-disk-0"},
            )
            for pair in all_pairs
        ),
        storages=(StoragePlan("shared", "nfs", shared=True),),
        tokens=(ACTUATOR_TOKEN,),
        boot=boot,
        migration=MigrationTimes(prepare=_PREPARE_SECONDS),
    )


def _say(**facts: object) -> None:
    with _LOUD:
        print(json.dumps(facts), flush=True)  # noqa: T201 - what the other process waits for


def _tell(events: queue.SimpleQueue[Event], offset: float, awake: Path, addresses: dict[str, str]) -> None:
    """Print the events that matter, with their moment on the machine's steady clock; keep the marks of who answers."""
    while True:
        event = events.get()
        if event.kind == "node" and event.detail == "answers":
            (awake / addresses[event.subject]).touch()
        elif event.kind == "node" and event.detail == "off":
            (awake / addresses[event.subject]).unlink(missing_ok=True)
        if event.kind in {"node", "packet"} or (event.kind == "request" and event.detail.startswith("POST ")):
            _say(at=event.at - offset, kind=event.kind, subject=event.subject, detail=event.detail)


def _hear(ear: socket.socket) -> None:
    """Print each word of the stand-in for ``qm``: it names the node that a guest shall go to."""
    while True:
        words = ear.recv(1024)
        _say(at=time.monotonic(), kind="asked", subject=words.decode().strip(), detail="")


def _obey(lab: Lab) -> None:
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "on":
            lab.power_on(rest[0])
        elif word == "off":
            lab.power_off(rest[0])
        else:
            lab.place(int(rest[0]), rest[1])
        _say(at=time.monotonic(), kind="done", subject="", detail=line.strip())


def main() -> None:
    """Play the cluster until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--answers", type=float, nargs=2, required=True, help="between so many seconds after power")
    given = parser.parse_args()
    plan = plan_of(pairs(given.pairs), AnyTime(*given.answers))
    clock = RunningClock()
    with (
        tempfile.TemporaryDirectory(prefix="wattshift-bench-lab-") as folder,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        Lab(plan, Path(folder), clock=clock) as lab,
    ):
        awake = Path(folder, "awake")
        awake.mkdir()
        addresses = {node.name: lab.address(node.name) for node in plan.nodes}
        for node in plan.nodes:
            if node.on:
                (awake / addresses[node.name]).touch()
        ear.bind(("127.0.0.1", 0))
        offset = clock.now() - time.monotonic()
        threading.Thread(
            target=_tell, args=(lab.subscribe(), offset, awake, addresses), daemon=True, name="events"
        ).start()
        threading.Thread(target=_hear, args=(ear,), daemon=True, name="qm").start()
        _say(
            addresses=addresses,
            api=lab.ports.api,
            wake=lab.wake_port,
            asked=ear.getsockname()[1],
            awake=str(awake),
            ca=str(lab.ca_path),
            token_id=lab.token.id,
            token_secret=lab.token.secret,
        )
        _obey(lab)


if __name__ == "__main__":
    main()
