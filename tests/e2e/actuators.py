"""Several real actuators on one database, in front of one lab: started, killed and looked at."""

from __future__ import annotations

import secrets
import sys
import time
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx

from deploy.lab.configuration import write_actuator
from deploy.lab.network import free_port
from deploy.lab.plan import MIB, BootTimes, GuestPlan, MigrationTimes, NodePlan, Plan, StoragePlan
from deploy.lab.plans import ACTUATOR_TOKEN
from deploy.lab.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deploy.lab.world import Lab

PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.05
_START_SECONDS = 60.0


def await_until(reached: Callable[[], Any], seconds: float = PATIENCE_SECONDS, told: str = "") -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, f"waited in vain for {seconds:g} s {told}"
        time.sleep(_POLL_SECONDS)
    return found


def busy_cluster(guests: int, nodes: int = 8) -> Plan:
    """Nodes that are all on, with small guests on shared disks, spread evenly; a migration takes a few lab seconds."""
    names = [f"n{number}" for number in range(1, nodes + 1)]
    return Plan(
        nodes=tuple(NodePlan(name, number, f"02:00:00:00:01:{number:02x}") for number, name in enumerate(names, 1)),
        guests=tuple(
            GuestPlan(
                200 + number,
                names[number % nodes],
                f"g{number}",
                cpus=1,
                memory_bytes=512 * MIB,
                disks={"scsi0": f"shared:vm-{200 + number}-disk-0"},
            )
            for number in range(guests)
        ),
        storages=(StoragePlan("shared", "nfs", shared=True),),
        tokens=(ACTUATOR_TOKEN,),
        boot=BootTimes(),
        migration=MigrationTimes(prepare=0.5, bytes_per_second=256 * MIB, finish=0.5),
    )


@dataclass
class Actuators:
    """Actuators by name, each with its own address and configuration, all on one database.

    Attributes:
        lab: What they work on; started.
        directory: Their files go below it.
        database: URL of what they share.
        changes: Laid over each one's configuration.
    """

    lab: Lab
    directory: Path
    database: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.processes = Processes(self.directory / "logs")
        self.token = secrets.token_urlsafe(24)
        self._ports: dict[str, int] = {}
        self.client = httpx.Client(timeout=30.0, trust_env=False, headers={"Authorization": f"Bearer {self.token}"})

    def close(self) -> None:
        """End them all."""
        self.client.close()
        self.processes.stop()

    def start(self, *names: str) -> None:
        """Start them, for the first time or again, and wait until they answer."""
        for name in names:
            self.begin(name)
        for name in names:
            self.processes.await_http(name, f"{self.url(name)}/-/ready", seconds=_START_SECONDS)

    def begin(self, name: str) -> None:
        """Start one, and wait for nothing."""
        self._ports.setdefault(name, free_port())
        self.processes.start(
            name,
            [Path(sys.executable).parent / "wattshift-actuator", "serve", f"--config={self._configuration(name)}"],
        )

    def url(self, name: str) -> str:
        """Where one listens."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def leads(self, name: str) -> bool:
        """Whether one leads; False too while it does not answer."""
        try:
            answer = self.client.get(f"{self.url(name)}/-/ready", timeout=1.0)
            return answer.status_code == 200 and bool(answer.json()["leading"])
        except httpx.TransportError:
            return False

    def order(self, name: str, vmid: int, target: str) -> bool:
        """Order a move; False when nobody answered, or it could not be kept. A repeat is refused, which is fine."""
        body = {"action": "migrate", "vmid": vmid, "target_node": target}
        try:
            answer = self.client.post(f"{self.url(name)}/api/v1/jobs", json=body)
        except httpx.TransportError:
            return False
        if answer.status_code == 409:
            assert answer.json()["reason"] in {"in_flight", "cooldown"}, answer.text
        elif answer.status_code != 503:
            assert answer.status_code == 202, answer.text
        return answer.status_code != 503

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """All jobs, as one of them tells it; none while it does not answer."""
        try:
            answer = self.client.get(f"{self.url(name)}/api/v1/jobs", params={"limit": 500})
        except httpx.TransportError:
            return []
        found: list[dict[str, Any]] = answer.json()["jobs"] if answer.status_code == 200 else []
        return found

    def all_over(self, name: str, vmids: Iterable[int]) -> list[dict[str, Any]]:
        """All jobs once each guest has had one and none is live any more; empty before."""
        jobs = self.jobs(name)
        done = {job["vmid"] for job in jobs} >= set(vmids) and all(job["finished_at"] for job in jobs)
        return jobs if done else []

    def _configuration(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, secret in (("operator-token", self.token), ("proxmox-token", self.lab.token.secret)):
            (folder / file).write_text(secret)
            (folder / file).chmod(0o600)
        nodes: dict[str, Any] = {plan.name: {} for plan in self.lab.plan.nodes}
        ours: dict[str, Any] = {
            "listen": f"127.0.0.1:{self._ports[name]}",
            "mode": "act",
            "database": self.database,
            "proxmox": {
                "hosts": [f"{self.lab.address(node)}:{self.lab.ports.api}" for node in nodes],
                "token_id": self.lab.token.id,
                "token_file": str(folder / "proxmox-token"),
                "ca_file": str(self.lab.ca_path),
            },
            "nodes": {"pve": None, "pve2": None, **nodes},
            "guests": {"vmids": [guest.vmid for guest in self.lab.plan.guests], "tag": None},
            "limits": {"cooldown_seconds": 600, "parallel": 4, "breaker_failures": 1000, "memory_reserve_mib": 1},
            "timing": {"poll_seconds": 0.1},
            "tokens": [{"name": "operator", "file": str(folder / "operator-token"), "scopes": ["alert", "operate"]}],
        }
        return write_actuator(folder, ours, self.changes)


def moves(lab: Lab) -> dict[int, str]:
    """Where each guest shall go: to the node across, so that sources and targets are spread."""
    names = [plan.name for plan in lab.plan.nodes]
    half = len(names) // 2
    return {guest.vmid: names[(names.index(guest.node) + half) % len(names)] for guest in lab.plan.guests}


def check_invariants(lab: Lab, jobs: list[dict[str, Any]], targets: Mapping[int, str], parallel: int) -> None:
    """Nothing lost, no guest moved twice, no node in two migrations at a time, and every claim is the lab's truth."""
    assert sorted(job["vmid"] for job in jobs) == sorted(targets), "one job for each guest"
    began = {guest.vmid: guest.node for guest in lab.plan.guests}
    tasks = [task for task in lab.tasks if task.type == "qmigrate"]
    for job in jobs:
        vmid = job["vmid"]
        guest, own = lab.guest(vmid), [task for task in tasks if task.id == str(vmid)]
        assert len(own) <= 1, f"guest {vmid} was migrated {len(own)} times: {job['message']}"
        assert guest.lock is None, job
        if job["state"] == "succeeded":
            assert (guest.node, [task.exitstatus for task in own]) == (targets[vmid], ["OK"]), job
        else:
            assert job["state"] in {"failed", "skipped"}, job
            assert (guest.node, own) == (began[vmid], []), job
        assert job["guest_node"] in {None, guest.node}, job
    spans = sorted(
        (task.starttime, inf if task.endtime is None else task.endtime, {task.node, targets[int(task.id)]})
        for task in tasks
    )
    for number, (start, _, nodes) in enumerate(spans):
        beside = [other for other in spans[:number] if other[1] > start]
        assert len(beside) < parallel, "more migrations at a time than allowed"
        assert not any(nodes & other[2] for other in beside), "a node in two migrations at a time"
