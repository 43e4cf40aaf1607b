"""Recorded answers turned into our types."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actuator.adapters import shapes
from actuator.adapters.fields import UnexpectedShape
from actuator.adapters.guest_shapes import guest_config_of
from actuator.adapters.preconditions import preconditions_of
from actuator.adapters.tasks import Task
from actuator.policy.cluster import Guest, Node, Preconditions, Volume
from actuator.policy.machines import Cpu
from tests.actuator.adapters.recordings import recorded


def test_the_recorded_cluster() -> None:
    """Membership comes from the status, figures from the resources; what is not told is None, never 0."""
    cluster = shapes.cluster_of(recorded("cluster-status"), recorded("resources-vm"), recorded("resources-node"))

    assert (cluster.name, cluster.quorate) == ("lab", True)
    assert cluster.nodes["pve1"] == Node(
        "pve1",
        online=True,
        cpu=0.11,
        max_cpu=8,
        memory_bytes=12_000_000_000,
        max_memory_bytes=32_000_000_000,
        address="127.0.0.1",
        uptime_seconds=100_000,
    )
    assert cluster.nodes["pve2"] == Node("pve2", online=False, address="127.0.0.2")
    assert cluster.nodes["pve4"] == Node("pve4", online=True, address="10.255.255.1")
    assert cluster.guests[100] == Guest(
        vmid=100,
        kind="qemu",
        node="pve1",
        status="running",
        name="web",
        tags=frozenset({"movable", "green"}),
        cpu=0.05,
        max_cpu=2,
        max_memory_bytes=4 * 1024**3,
    )
    assert cluster.guests[101] == Guest(101, "qemu", "pve1", "unknown")
    assert cluster.guests[103].lock == "backup"


def test_the_order_of_lists_means_nothing() -> None:
    """Proxmox shuffles its lists; the cluster read from them is the same."""
    lists: list[list[Any]] = [recorded(name) for name in ("cluster-status", "resources-vm", "resources-node")]
    before = shapes.cluster_of(*lists)
    for answer in lists:
        random.shuffle(answer)

    assert shapes.cluster_of(*lists) == before


def test_no_quorum_is_seen() -> None:
    """A cluster without quorum says so and still lists everything."""
    cluster = shapes.cluster_of(recorded("no-quorum-cluster-status"), [], [])

    assert not cluster.quorate
    assert set(cluster.nodes) == {"pve1", "pve2", "pve3", "pve4", "pve5"}


def test_a_stand_alone_host_has_quorum() -> None:
    """A host without a cluster has no cluster element, and may change what it likes."""
    cluster = shapes.cluster_of(
        [{"type": "node", "id": "node/solo", "name": "solo", "nodeid": 0, "local": 1, "online": 1}], [], []
    )

    assert (cluster.name, cluster.quorate) == (None, True)


def test_ha_states_are_read() -> None:
    """The HA state of nodes and guests is taken over where Proxmox tells it."""
    cluster = shapes.cluster_of(
        [{"type": "node", "name": "a", "online": 1}],
        [{"vmid": 7, "type": "qemu", "node": "a", "status": "running", "hastate": "started", "template": "0"}],
        [{"type": "node", "node": "a", "status": "online", "hastate": "maintenance"}],
    )

    assert cluster.nodes["a"].ha_state == "maintenance"
    assert cluster.guests[7].ha_state == "started"
    assert not cluster.guests[7].template


def test_recorded_preconditions_of_a_movable_guest() -> None:
    """An empty value under ``not_allowed_nodes`` is no obstacle, although the node stands there."""
    assert preconditions_of(recorded("preconditions")) == Preconditions(
        running=True, allowed_nodes=frozenset({"pve2", "pve3", "pve4", "pve5"})
    )


def test_recorded_preconditions_with_a_passed_through_device() -> None:
    """A passed-through device is named."""
    assert preconditions_of(recorded("preconditions-local-resource")).local_resources == ("hostpci0",)


def test_preconditions_with_obstacles() -> None:
    """What is in the way of a node is told in words, of whatever kind it is."""
    preconditions = preconditions_of(
        {
            "running": 1,
            "allowed_nodes": ["b"],
            "not_allowed_nodes": {
                "a": {
                    "unavailable_storages": ["fast"],
                    "blocking-ha-resources": [{"sid": "vm:101", "cause": "resource-affinity"}],
                },
                "b": {},
            },
            "local_disks": [{"volid": "local:100/vm-100-disk-0.raw", "drivename": "scsi0"}],
            "local_resources": [],
        }
    )

    assert preconditions.obstacles == {"a": ("unavailable storages: fast",)}
    assert preconditions.ha_blockers == {"a": ("vm:101",)}
    assert preconditions.ha_forbidden == frozenset()
    assert preconditions.local_disks == (Volume("local:100/vm-100-disk-0.raw"),)


def test_a_rule_about_nodes_is_told_with_the_guests_own_service() -> None:
    """It keeps the guest from a node, and not apart from itself (PVE 9.1.11)."""
    own = {"sid": "vm:100", "cause": "node-affinity"}
    other = {"sid": "vm:101", "cause": "resource-affinity"}
    preconditions = preconditions_of(
        {
            "running": 1,
            "allowed_nodes": [],
            "not_allowed_nodes": {
                "a": {"blocking-ha-resources": [own]},
                "b": {"blocking-ha-resources": [other, own]},
                "c": {"blocking-ha-resources": [other]},
            },
        }
    )

    assert preconditions.ha_forbidden == {"a", "b"}
    assert preconditions.ha_blockers == {"b": ("vm:101",), "c": ("vm:101",)}


def test_preconditions_before_pve_8_4() -> None:
    """Old versions say nothing of nodes for a running guest: unknown, not empty."""
    assert preconditions_of({"running": 1, "local_disks": [], "local_resources": []}).allowed_nodes is None


def test_recorded_tasks() -> None:
    """Running, ended well and ended badly are told apart, in the status and in both lists."""
    running = shapes.task_of(recorded("task-running"))

    assert running.running
    assert shapes.tasks_of(recorded("tasks-active")) == [running]
    assert shapes.task_of(recorded("task-done")).succeeded
    assert shapes.task_of(recorded("task-failed")).exit_status == "migration aborted"


def test_recorded_archive_is_oldest_first() -> None:
    """The archive is brought into the order of time; each task with its end."""
    tasks = shapes.tasks_of(recorded("tasks-archive"))

    assert [task.started_at for task in tasks] == sorted(task.started_at for task in tasks)
    assert [task.exit_status for task in tasks].count("migration aborted") == 1


def test_a_task_listed_twice_counts_as_ended() -> None:
    """Between active and archive a task can be in both; that it ended is the news."""
    upid = recorded("task-done")["upid"]

    both = [{"upid": upid, "status": "OK"}, {"upid": upid, "status": "RUNNING"}]

    assert shapes.tasks_of(both) == shapes.tasks_of(both[::-1]) == [Task(upid, "OK")]


def test_a_recorded_page_of_a_log() -> None:
    """Lines come in the order of their numbers, whatever the order of the list."""
    assert shapes.log_of(recorded("task-log-paged")[::-1]) == [line["t"] for line in recorded("task-log-paged")]


def test_an_empty_log_is_empty() -> None:
    """Proxmox gives one line for a log without any; it is no line of the log."""
    assert shapes.log_of([{"n": 1, "t": "no content"}]) == []
    assert shapes.log_of([]) == []


def test_recorded_storages() -> None:
    """Storages carry whether the node can use them now."""
    found = shapes.storages_of(recorded("node-storage"))

    assert found == [
        shapes.Storage("local", active=False, shared=False),
        shapes.Storage("shared", active=False, shared=True),
    ]


def test_the_storages_of_a_guest() -> None:
    """Only disks count: no empty drive, no path of the host, no unused volume."""
    config = {
        "scsi0": "shared:vm-100-disk-0,size=32G",
        "efidisk0": "fast:vm-100-disk-1,size=4M",
        "ide2": "none,media=cdrom",
        "sata1": "/dev/sdb",
        "unused0": "old:vm-100-disk-9",
        "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        "scsihw": "virtio-scsi-pci",
    }

    assert guest_config_of(recorded("qemu-config")).storages == {"shared"}
    assert guest_config_of(config).storages == {"shared", "fast"}


@pytest.mark.parametrize(
    "answer", [None, {}, [], "x", 1, [None], [{"type": "node"}], [{"type": "cluster", "name": "x"}]]
)
def test_what_is_no_cluster_is_refused(answer: object) -> None:
    """An answer of another shape is an error of its own kind, never an empty cluster."""
    with pytest.raises(UnexpectedShape):
        shapes.cluster_of(answer, [], [])


@pytest.mark.parametrize("guest", [{}, {"vmid": "x"}, {"vmid": float("nan")}, {"vmid": 1, "type": "qemu"}])
def test_what_is_no_guest_is_refused(guest: object) -> None:
    """A guest without number or node is not made up."""
    with pytest.raises(UnexpectedShape):
        shapes.cluster_of(recorded("cluster-status"), [guest], [])


@pytest.mark.parametrize("task", [None, {}, {"upid": "nonsense", "status": "OK"}])
def test_what_is_no_task_is_refused(task: object) -> None:
    """A task without a whole id is refused."""
    with pytest.raises(UnexpectedShape):
        shapes.task_of(task)


def test_preconditions_of_a_container() -> None:
    """Containers have them since PVE 9.0, with hyphens; their blockers are those of HA alone."""
    preconditions = preconditions_of(
        {
            "running": 1,
            "allowed-nodes": ["b"],
            "not-allowed-nodes": {"a": {"blocking-ha-resources": [{"sid": "ct:102", "cause": "resource-affinity"}]}},
            "dependent-ha-resources": ["ct:103"],
        }
    )

    assert preconditions == Preconditions(
        running=True,
        allowed_nodes=frozenset({"b"}),
        ha_blockers={"a": ("ct:102",)},
        ha_dependents=("ct:103",),
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [(34359738368, 32 * 1024**3), ("4194304", 4 * 1024**2), ("32G", 32 * 1024**3), ("x", None), (None, None)],
)
def test_the_size_of_a_local_disk(size: object, expected: int | None) -> None:
    """Bytes, or the configuration's form; anything else is unknown, and never nothing."""
    answer = {"running": 1, "local_disks": [{"volid": "local:100/a.raw", "size": size, "cdrom": "0"}]}

    assert preconditions_of(answer).local_disks == (Volume("local:100/a.raw", expected),)


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ({}, "kvm64"),
        ({"cpu": "host"}, "host"),
        ({"cpu": "x86-64-v2-AES,flags=+pcid"}, "x86-64-v2-AES"),
        ({"cpu": "flags=+aes,cputype=EPYC"}, "EPYC"),
        ({"cpu": "flags=+aes"}, "kvm64"),
        ({"cpu": ""}, None),
    ],
)
def test_the_processor_type_of_a_guest(cpu: dict[str, str], expected: str | None) -> None:
    """With and without its key, with flags, or left to Proxmox's default."""
    assert guest_config_of(cpu).cpu_type == expected


def test_the_storages_of_a_container() -> None:
    """A container's root and mount points count, its bind mounts do not."""
    config = {"rootfs": "shared:subvol-101-disk-0,size=8G", "mp0": "fast:vm-101-disk-1,mp=/data", "mp1": "/srv,mp=/srv"}

    assert guest_config_of(config).storages == {"shared", "fast"}


def test_replication_jobs() -> None:
    """Only the guest's own jobs count, whatever else the node replicates; one that never got through left no copy."""
    jobs = [
        {"id": "100-0", "guest": 100, "target": "pve3", "type": "local", "last_sync": 0, "fail_count": 3},
        {"id": "100-1", "guest": 100, "target": "pve5", "type": "local", "last_sync": 1795364289, "disable": 1},
        {"id": "101-0", "guest": "101", "target": "pve4", "type": "local"},
    ]

    assert shapes.replicas_of(jobs, 100) == {"pve3": False, "pve5": True}
    assert shapes.replicas_of(jobs, 101) == {"pve4": False}
    assert shapes.replicas_of([], 100) == {}


def test_disks_that_replication_takes_along() -> None:
    """All but those that say no, and those that are not in use; the preconditions tell it by themselves."""
    config = guest_config_of(
        {"scsi0": "zfs:a,size=1G", "scsi1": "zfs:b,replicate=0,size=1G", "unused0": "zfs:c"},
    )
    told = preconditions_of({"running": 1, "local_disks": [{"volid": "zfs:a", "replicate": 1}, {"volid": "zfs:b"}]})

    assert [disk.replicate for disk in (*config.disks, *config.unused)] == [True, False, False]
    assert [disk.replicate for disk in told.local_disks] == [True, False]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"cpuinfo": {"model": "AMD  EPYC 7302 ", "flags": "fpu avx2  aes"}},
            Cpu("AMD EPYC 7302", frozenset({"fpu", "avx2", "aes"})),
        ),
        ({"cpuinfo": {"flags": ""}}, Cpu()),
        ({}, Cpu()),
    ],
)
def test_the_processor_of_a_node(status: object, expected: Cpu) -> None:
    """Spaces mean nothing; what is not told is unknown."""
    assert shapes.cpu_of(status) == expected
