"""Ready-made labs: the original experiment, and the cluster the recordings were made on."""

from __future__ import annotations

from deploy.lab.plan import GIB, BootTimes, GuestPlan, MigrationTimes, NodePlan, Plan, StoragePlan, TokenPlan
from deploy.lab.pve.access import PRIVILEGES

ORIGINAL_MAC = "0c:9d:92:86:bb:63"

# Exactly what deploy/proxmox/role-and-token.sh -w grants, which a test compares: to see, to migrate, to wake.
ACTUATOR_TOKEN = TokenPlan(
    user="wattshift@pve",
    name="actuator",
    secret="3f0c1a52-7d0e-4a3c-9a52-6f2f6f1c0b11",  # noqa: S106 - opens nothing but this simulation
    acl={
        "/": frozenset({"Sys.Audit", "Datastore.Audit"}),
        "/vms": frozenset({"VM.Migrate", "VM.Audit"}),
        "/nodes": frozenset({"Sys.Audit", "Sys.PowerMgmt"}),
    },
)

DEFAULT_ACL = {path: privileges for path, privileges in ACTUATOR_TOKEN.acl.items() if path != "/nodes"}
"""What is granted where nodes are not woken through Proxmox."""

ROOT_TOKEN = TokenPlan(
    user="root@pam",
    name="tk",
    secret="11111111-2222-3333-4444-555555555555",  # noqa: S106 - opens nothing but this simulation
    acl={"/": PRIVILEGES},
)

BOT_TOKEN = TokenPlan(
    user="bot@pve",
    name="mv",
    secret="66666666-7777-8888-9999-000000000000",  # noqa: S106 - opens nothing but this simulation
    acl={"/vms/100": frozenset({"VM.Audit", "VM.Migrate", "Sys.Audit"})},
)


def two_nodes(*, boot: BootTimes | None = None, migration: MigrationTimes | None = None, load: float = 0.0) -> Plan:
    """Return the original experiment: ``pve`` is off, ``pve2`` runs guest 100, so there is no quorum."""
    return Plan(
        nodes=(
            NodePlan("pve", 1, ORIGINAL_MAC, on=False, wakeonlan=ORIGINAL_MAC),
            NodePlan("pve2", 2, "04:42:1a:e7:5a:a0", wakeonlan="04:42:1a:e7:5a:a0"),
        ),
        guests=(
            GuestPlan(
                100,
                "pve2",
                "web",
                tags=("wattshift",),
                load=load,
                disks={"scsi0": "shared:vm-100-disk-0"},
            ),
        ),
        storages=(StoragePlan("shared", "nfs", shared=True), StoragePlan("local", "dir", shared=False)),
        tokens=(ACTUATOR_TOKEN, ROOT_TOKEN),
        boot=boot or BootTimes(),
        migration=migration or MigrationTimes(),
    )


def recorded_cluster(*, extra_node: str | None = None, sleeping_votes: int = 1, ha: bool = False) -> Plan:
    """Return the cluster of the recorded exchanges.

    Args:
        extra_node: One more member, off: the recordings of the restricted token were made with one.
        sleeping_votes: Votes of ``pve2``, which is off: 5 of them and the rest has no quorum.
        ha: Whether HA manages guest 100.
    """
    extra = () if extra_node is None else (NodePlan(extra_node, 9, "02:00:00:00:00:09", on=False),)
    wakes = "mac=02:22:33:44:55:66,broadcast-address=127.255.255.255"
    mac = "3C:EC:EF:12:34:56"
    # Only pve1 and pve3 told their statistics when the recordings were made.
    return Plan(
        nodes=(
            NodePlan("pve1", 1, "02:22:33:44:55:66", cpus=8, wakeonlan=wakes),
            NodePlan("pve2", 2, mac, on=False, votes=sleeping_votes, wakeonlan=mac),
            NodePlan("pve3", 3, "02:00:00:00:00:03", cpus=8),
            NodePlan("pve4", 4, "02:00:00:00:00:04", reports=False),
            NodePlan("pve5", 5, "02:00:00:00:00:05", reports=False),
            *extra,
        ),
        guests=(
            GuestPlan(
                100, "pve1", "web", ("movable", "green"), load=0.05, disks={"scsi0": "shared:vm-100-disk-0"}, ha=ha
            ),
            GuestPlan(101, "pve1", "busy", lock="migrate", reports=False),
            GuestPlan(102, "pve1", "tied", local_resources=("hostpci0",), reports=False),
            GuestPlan(103, "pve1", "copied", lock="backup", reports=False),
        ),
        storages=(
            StoragePlan("local", "dir", shared=False, works=False, reports=False),
            StoragePlan("shared", "nfs", shared=True, works=False, reports=False),
        ),
        tokens=(ROOT_TOKEN, BOT_TOKEN),
        migration=MigrationTimes(bytes_per_second=GIB),
    )
