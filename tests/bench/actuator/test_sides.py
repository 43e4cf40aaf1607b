"""The two that are compared do what they are measured for, against the cluster that both are measured with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import proc
from tests.bench.actuator import reaction, readiness
from tests.bench.actuator.cluster import NothingHappened, cluster
from tests.bench.actuator.poster import alert, notification
from tests.bench.actuator.programs import actuator, webhook
from tests.bench.actuator.site import AnyTime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from tests.bench.actuator.cluster import Cluster


@pytest.fixture(scope="module")
def quick() -> Iterator[Cluster]:
    """A cluster whose one sleeping node answers a moment after it was woken."""
    with cluster(1, (0.0, 0.1)) as running:
        yield running


def test_the_actuator_moves_and_is_ready_for_the_next(quick: Cluster, tmp_path: Path) -> None:
    """A wake that was cancelled, then a move: the packet after the alert, the migration after the node was ready."""
    with actuator(quick, tmp_path / "actuator", {"timing": {"poll_seconds": 0.1}}) as side:
        (packet,) = reaction.of_actuator(side, quick, 1)
        (asked,) = readiness.of_actuator(side, quick, 1)

    assert packet > 0
    assert asked > 0


def test_the_script_takes_the_steps_of_the_original(quick: Cluster, toolbox: Toolbox, tmp_path: Path) -> None:
    """A real magic packet, a ping, the migration; and nothing of it is left once it has ended."""
    (pair,) = quick.pairs
    quick.power_on(pair.target)
    with webhook(toolbox, quick, tmp_path / "webhook") as side, side.poster() as poster:
        answered = poster.post(notification([alert(pair.vmid, pair.source, pair.target)]))
        packet = quick.wait("packet", pair.target, after=answered.began)
        asked = quick.wait("asked", pair.target, after=answered.began)
        reaction.drain(side)
        left = proc.descendants(side.running.pid)

    assert answered.began < packet.at < asked.at
    assert left == []


def test_what_does_not_happen_is_not_waited_for_without_end(quick: Cluster) -> None:
    """The benchmark ends with a sentence, not never."""
    with pytest.raises(NothingHappened, match="'packet nobody' did not happen"):
        quick.wait("packet", "nobody", after=0.0, patience=0.01)


def test_no_two_boots_are_alike() -> None:
    """Else every boot would end at the same moment between two looks, and one moment would stand for all."""
    boot = AnyTime(2.0, 3.0)
    drawn = {boot.answers for _ in range(20)}

    assert len(drawn) == 20
    assert all(2.0 <= seconds <= 3.0 for seconds in drawn)
    assert (boot.joins, boot.api) == (AnyTime(0.0, 0.0).joins, 1.0)
