"""Anything the policy could ever be asked about, for laws that must always hold.

Names and numbers come from small pools, so that they often mean the same thing; figures are arbitrary. Some values
leave everything free, so that a fair share of decisions is to act.
"""

from __future__ import annotations

from hypothesis import strategies as st

from actuator.policy.closer_look import CloserLook
from actuator.policy.cluster import Cluster, Guest, History, Node, Preconditions, Volume
from actuator.policy.ha import ClusterOptions, HaService, HaStatus
from actuator.policy.jobs import TERMINAL, Checkpoint, Failure, Job, JobState, MoveWatts, Outcome, Progress
from actuator.policy.machines import Machine
from actuator.policy.orders import Action, Order
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.rules import Mode, Rules
from actuator.policy.versions import Version

NAMES = ("pve", "pve2", "pve3")

names = st.sampled_from(NAMES)
vmids = st.sampled_from([100, 101, 102])
seconds = st.floats(allow_nan=False, allow_infinity=False)
sizes = st.integers(min_value=0, max_value=2**40)
tags = st.just(frozenset({"wattshift"})) | st.frozensets(st.sampled_from(["wattshift", "db"]))

orders = st.builds(
    Order,
    action=st.sampled_from(Action),
    node=st.none() | names,
    vmid=st.none() | vmids,
    target_node=st.none() | names,
    dry_run=st.booleans(),
    requested_by=st.text(max_size=8),
)

rules = st.builds(
    Rules,
    mode=st.sampled_from(Mode),
    nodes=st.just(frozenset(NAMES)) | st.frozensets(names),
    wakeable=st.just(frozenset(NAMES)) | st.frozensets(names),
    allowed_vmids=st.just(frozenset({100, 101, 102})) | st.frozensets(vmids),
    allowed_tag=st.none() | st.just("wattshift"),
    cooldown_seconds=seconds,
    daily_limit=st.just(4) | st.integers(),
    episode_limit=st.just(3) | st.integers(),
    parallel_limit=st.integers(),
    breaker_failures=st.integers(),
    breaker_seconds=seconds,
    alert_max_age_seconds=st.just(3600.0) | seconds,
    memory_reserve_bytes=st.just(0) | sizes,
    memory_overcommit=st.none() | st.floats(min_value=0.1, max_value=100),
    cpu_overcommit=st.none() | st.floats(min_value=0.1, max_value=100),
    restart_containers=st.booleans(),
    local_disks_max_bytes=st.none() | sizes,
    allow_ha_rebalancing=st.booleans(),
)

checkpoint_fields = {
    "step_started_at": st.none() | seconds,
    "packets_sent": st.integers(min_value=0),
    "last_packet_at": st.none() | seconds,
    "asked_at": st.none() | seconds,
    "wake_method": st.none() | st.text(),
    "wake_troubles": st.text(),
    "woken": st.booleans(),
    "stages": st.dictionaries(st.text(), seconds),
    "known_upids": st.none() | st.lists(st.text()).map(tuple),
    "upid": st.none() | st.text(),
    "attempts": st.integers(min_value=0),
    "moved_at": st.none() | seconds,
    "log_lines": st.integers(min_value=0),
    "progress": st.none() | st.builds(Progress, sizes, sizes, st.none() | sizes),
    "watts": st.none() | st.builds(MoveWatts, *[st.none() | seconds] * 6),
    "outcome": st.none() | st.builds(Outcome, st.none() | seconds, st.none() | seconds, st.none() | sizes),
    "failures": st.integers(min_value=0),
    "failing_since": st.none() | seconds,
}
checkpoints = st.fixed_dictionaries(checkpoint_fields).map(lambda values: Checkpoint(**values))  # type: ignore[arg-type]


@st.composite
def jobs(draw: st.DrawFn, live: bool | None = None) -> Job:  # noqa: FBT001 - a strategy's argument, always named
    """Any job whose fields do not contradict each other."""
    states = [state for state in JobState if live is None or live == (state not in TERMINAL)]
    state = draw(st.sampled_from(states))
    return Job(
        id=draw(st.text(alphabet="0123456789abcdef", min_size=1, max_size=8)),
        order=draw(orders),
        state=state,
        reason=draw(st.sampled_from(Reason)),
        message=draw(st.text(max_size=20)),
        created_at=draw(seconds),
        updated_at=draw(seconds),
        episode_id=None,
        vmid=draw(st.none() | vmids),
        source=draw(st.none() | names),
        target=draw(st.none() | names),
        failure=draw(st.sampled_from(Failure)) if state is JobState.FAILED else None,
        guest_node=draw(st.none() | names),
        finished_at=draw(seconds) if state in TERMINAL else None,
        cancel_requested=draw(st.booleans()),
        checkpoint=draw(checkpoints),
    )


histories = st.just(History()) | st.builds(
    History,
    paused=st.none() | st.just("why"),
    live_jobs=st.lists(jobs(live=True), max_size=2).map(tuple),
    last_moved_at=st.dictionaries(vmids, seconds),
    moves_last_day=st.dictionaries(vmids, st.integers(min_value=0, max_value=9)),
    recent_failures=st.lists(seconds, max_size=4).map(sorted).map(tuple),
    quarantined=st.dictionaries(names, st.just("never woke")),
    episode_jobs=st.integers(min_value=0, max_value=5),
    episode_live=st.booleans(),
)

nodes = st.builds(
    Node,
    name=names,
    online=st.booleans(),
    ha_state=st.sampled_from([None, "online", "maintenance", "unknown"]),
    max_cpu=st.none() | st.integers(min_value=1, max_value=64),
    memory_bytes=st.none() | sizes,
    max_memory_bytes=st.none() | sizes,
)

guests = st.builds(
    Guest,
    vmid=vmids,
    kind=st.sampled_from(["qemu", "qemu", "lxc"]),
    node=names,
    status=st.sampled_from(["running", "running", "stopped", "unknown"]),
    name=st.none() | st.just("web"),
    template=st.sampled_from([False, False, False, True]),
    tags=tags,
    lock=st.sampled_from([None, None, "backup"]),
    ha_state=st.sampled_from([None, "started", "error"]),
    cpu=st.none() | st.floats(min_value=0, max_value=1),
    max_cpu=st.none() | st.integers(min_value=1, max_value=64),
    max_memory_bytes=st.none() | sizes,
)

clusters = st.builds(
    Cluster,
    name=st.none() | st.just("lab"),
    quorate=st.booleans(),
    nodes=st.lists(nodes, min_size=2, unique_by=lambda node: node.name).map(
        lambda found: {node.name: node for node in found}
    ),
    guests=st.lists(guests, min_size=1, unique_by=lambda guest: guest.vmid).map(
        lambda found: {guest.vmid: guest for guest in found}
    ),
)

_local_disks = st.builds(Volume, st.text(max_size=5), st.none() | sizes, st.booleans())
preconditions = st.just(Preconditions(running=True, allowed_nodes=None)) | st.builds(
    Preconditions,
    running=st.booleans(),
    allowed_nodes=st.none() | st.frozensets(names),
    obstacles=st.dictionaries(names, st.lists(st.text(max_size=5), max_size=2).map(tuple)),
    local_disks=st.lists(_local_disks, max_size=2).map(tuple),
    local_resources=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    ha_blockers=st.dictionaries(names, st.just(("vm:101",))),
    ha_forbidden=st.frozensets(names),
    ha_dependents=st.just(()) | st.just(("vm:102",)),
)

_watts = st.floats(min_value=0, max_value=1000)
powers = st.just(Power()) | st.builds(
    Power,
    node_watts=st.dictionaries(names, _watts),
    node_thresholds=st.dictionaries(names, _watts),
    guest_watts=st.dictionaries(vmids, _watts),
)

findings: st.SearchStrategy[dict[tuple[int, str | None], Refusal]] = st.dictionaries(
    st.tuples(vmids, st.none() | names), st.just(Refusal(Reason.NO_TARGET_FITS, "It was looked at closely."))
)

_machines = st.builds(
    Machine,
    node=names,
    cpu_model=st.sampled_from([None, "Intel(R) Xeon(R) Gold 6230", "AMD EPYC 7302"]),
    version=st.sampled_from([None, Version((8, 2, 5)), Version((9, 1, 9))]),
)
looks = st.just(CloserLook()) | st.builds(
    CloserLook,
    preconditions=st.none() | preconditions,
    ha=st.none()
    | st.builds(
        HaStatus,
        armed=st.sampled_from([None, "armed", "disarmed"]),
        services=st.dictionaries(
            st.sampled_from(["vm:100", "ct:101"]),
            st.builds(HaService, names, st.sampled_from(["started", "error"])),
        ),
    ),
    options=st.none()
    | st.builds(
        ClusterOptions, ha_rebalancing=st.booleans(), ha_settled=st.frozensets(st.sampled_from(["vm:100", "ct:101"]))
    ),
    replicas=st.dictionaries(names, st.booleans()),
    free_bytes=st.dictionaries(st.sampled_from(["local", "shared"]), sizes),
    cpu_type=st.sampled_from([None, "host", "kvm64", "EPYC"]),
    source=st.none() | _machines,
    target=st.none() | _machines,
)
