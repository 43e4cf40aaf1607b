"""What is remembered of nodes, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.adapters.node_records import NodeRecord, WakeTest
from actuator.errors import LeadershipLost
from actuator.policy.audit import AuditEntry, AuditEvent
from tests.actuator.adapters.older import to_first_release
from tests.actuator.adapters.stores import opened, quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actuator.adapters.store import Store

NOW = 1_790_000_000.0
GOOD = WakeTest(NOW, succeeded=True, method="ipmi", seconds=91.5, message="Node pve has joined the cluster.")
BAD = WakeTest(NOW + 99, succeeded=False, method="proxmox+magic_packet", seconds=300.0, message="It did not join.")


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A fresh database."""
    with opened(database) as made:
        yield made


def test_nothing_is_remembered_of_a_stranger(store: Store) -> None:
    """No record, no address, nothing invented."""
    assert store.nodes.all() == {}
    assert store.nodes.mac("pve") is None
    assert store.nodes.address("pve") is None


def test_an_address_is_kept_until_another_is_seen(store: Store) -> None:
    """A look that is not told the address does not forget it."""
    store.nodes.seen_online({"pve": "192.0.2.7", "pve2": None}, NOW, epoch=0)
    store.nodes.seen_online({"pve": None}, NOW + 60, epoch=0)

    assert store.nodes.all() == {
        "pve": NodeRecord("pve", seen_online_at=NOW + 60, address="192.0.2.7"),
        "pve2": NodeRecord("pve2", seen_online_at=NOW),
    }
    assert store.nodes.address("pve") == "192.0.2.7"


def test_the_mac_address_is_what_was_read_last(store: Store) -> None:
    """Also when nobody has set one any more: what is gone in Proxmox is not used."""
    store.nodes.mac_read("pve", "0c:9d:92:86:bb:63", NOW, epoch=0)
    assert store.nodes.mac("pve") == "0c:9d:92:86:bb:63"

    store.nodes.mac_read("pve", None, NOW + 1, epoch=0)
    assert store.nodes.mac("pve") is None
    assert store.nodes.all()["pve"].mac_read_at == NOW + 1


def test_a_failed_wake_does_not_undo_an_earlier_success(store: Store) -> None:
    """The newest wake is told, and when one last succeeded stays known."""
    store.nodes.woken("pve", GOOD, epoch=0)
    store.nodes.woken("pve", BAD, epoch=0)

    assert store.nodes.all()["pve"] == NodeRecord(
        "pve",
        wake_at=NOW + 99,
        wake_succeeded=False,
        wake_method="proxmox+magic_packet",
        wake_seconds=300.0,
        wake_message="It did not join.",
        woke_at=NOW,
        woke_seconds=91.5,
    )


def test_being_seen_online_ends_a_quarantine(store: Store) -> None:
    """Only that of the nodes that were seen, and it is said whose."""
    for node in ("pve", "pve3"):
        quarantine(store, node, "did not join", NOW)
    assert store.nodes.all()["pve"].quarantined == "did not join"

    assert store.nodes.seen_online({"pve": None, "pve2": None}, NOW, epoch=0) == ["pve"]
    assert store.nodes.seen_online({"pve": None}, NOW, epoch=0) == []
    assert store.history(NOW).quarantined == {"pve3": "did not join"}
    assert {name: record.quarantined for name, record in store.nodes.all().items()} == {
        "pve": None,
        "pve2": None,
        "pve3": "did not join",
    }


def test_who_has_lost_the_lead_writes_nothing(store: Store) -> None:
    """A leader that slept while another took over finds out at its first write."""
    quarantine(store, "pve", "did not join", NOW)
    store.next_epoch()

    with pytest.raises(LeadershipLost):
        store.nodes.seen_online({"pve": "192.0.2.7"}, NOW, epoch=0)
    with pytest.raises(LeadershipLost):
        store.nodes.mac_read("pve", "0c:9d:92:86:bb:63", NOW, epoch=0)
    with pytest.raises(LeadershipLost):
        store.nodes.woken("pve2", BAD, epoch=0, quarantined="did not join")

    assert store.nodes.all() == {"pve": NodeRecord("pve", quarantined="did not join")}


def test_a_failure_and_its_quarantine_are_written_together(store: Store) -> None:
    """The newest cause replaces an older one."""
    quarantine(store, "pve", "an older cause", NOW)
    store.nodes.woken("pve", BAD, epoch=0, quarantined=BAD.message)

    assert store.nodes.all()["pve"].quarantined == BAD.message
    assert store.history(NOW).quarantined == {"pve": BAD.message}


def told(store: Store) -> list[tuple[float, str, str, str | None]]:
    """The audit's lines: when, what, who and of which node."""
    return [(line.at, line.event.value, line.requested_by, line.node) for line in store.audit(0, NOW * 2)]


def test_the_audit_tells_of_each_quarantine(store: Store) -> None:
    """Set and ended, each once, by the actuator itself; with what was set, in one transaction."""
    store.nodes.woken("pve", BAD, epoch=0, quarantined=BAD.message, job_id="j1")
    for later in (100, 200):
        store.nodes.seen_online({"pve": None, "pve2": None}, NOW + later, epoch=0)

    assert told(store) == [
        (NOW + 99, "quarantined", "the actuator", "pve"),
        (NOW + 100, "quarantine_cleared", "the actuator", "pve"),
    ]
    assert [(line.message, line.job_id) for line in store.audit(0, NOW * 2)] == [
        ("It did not join.", "j1"),
        ("Node pve was seen online: it may be woken again.", None),
    ]
    store.next_epoch()
    with pytest.raises(LeadershipLost):
        store.nodes.woken("pve", BAD, epoch=0, quarantined=BAD.message)
    assert len(told(store)) == 2


def test_what_was_not_cleared_is_not_told(store: Store) -> None:
    """A person who clears a node that is in no quarantine has changed nothing, so the audit has no line of it."""
    line = AuditEntry(NOW, AuditEvent.QUARANTINE_CLEARED, "ada", "Node pve is trusted again.", node="pve")
    assert not store.clear_quarantine("pve", NOW, line)
    assert told(store) == []

    quarantine(store, "pve", "did not join", NOW - 1)
    assert store.clear_quarantine("pve", NOW, line)
    assert told(store)[1:] == [(NOW, "quarantine_cleared", "ada", "pve")]


def test_it_survives_the_process(store: Store, database: str) -> None:
    """Another process reads the same."""
    store.nodes.woken("pve", GOOD, epoch=0)
    with opened(database) as other:
        assert other.nodes.all() == store.nodes.all()


def test_a_database_of_the_first_release_is_brought_up(tmp_path: Path) -> None:
    """Without the table it gets one, and what was in it stays."""
    with opened(tmp_path / "a.db") as store:
        quarantine(store, "pve", "did not join", NOW)
        to_first_release(tmp_path / "a.db")

        store.upgrade()
        store.nodes.woken("pve", GOOD, epoch=0)

        assert store.nodes.all()["pve"].quarantined == "did not join"
        assert store.nodes.all()["pve"].woke_at == NOW
