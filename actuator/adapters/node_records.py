"""What is remembered of each node: where it is, by which MAC address it wakes, and how its newest wake went.

In the database, so that it is known while the node sleeps. Written by the leader, who may write the same again.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from actuator.adapters import quarantines, queries
from actuator.adapters.tables import node_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actuator.adapters.database import Database


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node as it is remembered; unix seconds, and None for what was never seen.

    Attributes:
        node: Its Proxmox name.
        seen_online_at: When it was last seen as a member of the cluster.
        address: Its IP address at that time.
        mac: The MAC address in Proxmox's configuration of the node; None also when nobody set it there.
        mac_read_at: When that was read.
        wake_at: When its newest wake came to an end.
        wake_succeeded: Whether the node joined the cluster by it.
        wake_method: As `actuator.adapters.waking.Attempt.method`.
        wake_seconds: From the first request until it joined, or until we gave up.
        wake_message: What was told of it.
        woke_at: When a wake last succeeded: the node's wake is tested since then.
        woke_seconds: How long that took.
        quarantined: Why it is not woken any more, or None.
    """

    node: str
    seen_online_at: float | None = None
    address: str | None = None
    mac: str | None = None
    mac_read_at: float | None = None
    wake_at: float | None = None
    wake_succeeded: bool | None = None
    wake_method: str | None = None
    wake_seconds: float | None = None
    wake_message: str | None = None
    woke_at: float | None = None
    woke_seconds: float | None = None
    quarantined: str | None = None


@dataclass(frozen=True, slots=True)
class WakeTest:
    """How one wake went.

    Attributes:
        at: When it ended.
        succeeded: Whether the node joined.
        method: How it was asked.
        seconds: From the first request.
        message: What was told.
    """

    at: float
    succeeded: bool
    method: str
    seconds: float
    message: str


class NodeRecords:
    """The records of all nodes; `StoreUnavailable` when the database cannot be read or written.

    Writing takes the epoch of whoever leads, and raises `LeadershipLost`, with nothing written, when it is not the
    newest any more.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, NodeRecord]:
        """Every node of which anything is remembered, quarantine included."""
        with self._database.reading() as conn:
            known = {row["node"]: dict(row) for row in conn.execute(select(node_records)).mappings()}
            reasons = quarantines.in_force(conn)
        return {
            node: NodeRecord(**{"node": node, **known.get(node, {}), "quarantined": reasons.get(node)})
            for node in sorted(known.keys() | reasons.keys())
        }

    def mac(self, node: str) -> str | None:
        """The MAC address that was last read from Proxmox, or None."""
        with self._database.reading() as conn:
            found: str | None = conn.execute(select(node_records.c.mac).where(node_records.c.node == node)).scalar()
        return found

    def address(self, node: str) -> str | None:
        """The IP address that the node last had, or None."""
        with self._database.reading() as conn:
            query = select(node_records.c.address).where(node_records.c.node == node)
            found: str | None = conn.execute(query).scalar()
        return found

    def seen_online(self, addresses: Mapping[str, str | None], now: float, *, epoch: int) -> list[str]:
        """Remember that nodes are members of their cluster, which ends a quarantine.

        Args:
            addresses: Node -> its IP address, None when that was not told.
            now: Unix seconds.
            epoch: Of the leader.

        Returns:
            The nodes whose quarantine it ended.
        """
        cleared = []
        with self._writing(epoch) as conn:
            for node, address in sorted(addresses.items()):
                self._put(conn, node, {"seen_online_at": now} | ({} if address is None else {"address": address}))
                if quarantines.clear_seen(conn, node, now):
                    cleared.append(node)
        return cleared

    def mac_read(self, node: str, mac: str | None, now: float, *, epoch: int) -> None:
        """Remember what Proxmox's configuration of a node says; None when it names no address."""
        with self._writing(epoch) as conn:
            self._put(conn, node, {"mac": mac, "mac_read_at": now})

    def woken(
        self, node: str, test: WakeTest, *, epoch: int, quarantined: str | None = None, job_id: str | None = None
    ) -> None:
        """Remember how a wake went; an earlier success stays known.

        Args:
            node: Its name.
            test: How it went.
            epoch: Of the leader.
            quarantined: Why it shall not be woken any more, or None to leave that as it is.
            job_id: The job that woke it, or could not.
        """
        values: dict[str, Any] = {
            "wake_at": test.at,
            "wake_succeeded": test.succeeded,
            "wake_method": test.method,
            "wake_seconds": test.seconds,
            "wake_message": test.message,
        }
        if test.succeeded:
            values |= {"woke_at": test.at, "woke_seconds": test.seconds}
        with self._writing(epoch) as conn:
            self._put(conn, node, values)
            if quarantined is not None:
                quarantines.put(conn, node, quarantined, test.at, job_id)

    @contextmanager
    def _writing(self, epoch: int) -> Iterator[Connection]:
        with self._database.writing() as conn:
            queries.check_lead(conn, epoch)
            yield conn

    @staticmethod
    def _put(conn: Connection, node: str, values: dict[str, Any]) -> None:
        # The leader alone writes here: nobody inserts in between.
        if conn.execute(update(node_records).where(node_records.c.node == node).values(values)).rowcount == 0:
            conn.execute(insert(node_records).values(node=node, **values))
