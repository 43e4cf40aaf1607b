"""A slow look at the nodes beside the jobs: who is online, where, and by which MAC address Proxmox would wake it.

What is asked of a node while it is up is known when it sleeps. A node that is seen online leaves its quarantine, also
when no job asks for it. It runs in a thread of its own, so that a call that hangs keeps no job waiting.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from actuator.errors import LeadershipLost, Permanent, StoreUnavailable, Temporary

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.node_records import NodeRecord
    from actuator.adapters.proxmox import Proxmox
    from actuator.adapters.store import Store

_log = structlog.get_logger(__name__)

_STANDBY_SECONDS = 1.0


class NodeWatch:
    """Looks while this process leads.

    Args:
        store: Where it is remembered.
        proxmox: The cluster.
        nodes: Whom to look at, by name.
        epoch: The epoch that this process leads in, or None.
        clock: Unix seconds.
        look_seconds: Between two looks at the cluster.
        read_seconds: Between two looks into a node's configuration.
    """

    def __init__(  # noqa: PLR0913 - what it works with, and how often
        self,
        *,
        store: Store,
        proxmox: Proxmox,
        nodes: frozenset[str],
        epoch: Callable[[], int | None],
        clock: Callable[[], float] = time.time,
        look_seconds: float = 60.0,
        read_seconds: float = 3600.0,
    ) -> None:
        self._store = store
        self._proxmox = proxmox
        self._nodes = nodes
        self._epoch = epoch
        self._clock = clock
        self._look_seconds = look_seconds
        self._read_seconds = read_seconds
        self._read: set[str] = set()  # by this process
        self._told: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node-watch", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Look no more; a look that hangs in a call is left to itself after so many seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def look(self) -> bool:
        """Look once; whether this process leads.

        Raises:
            Temporary: Proxmox gave no usable answer.
            Permanent: It will give none.
            LeadershipLost: Another process leads; nothing was written.
            StoreUnavailable: The database cannot be read or written.
        """
        epoch = self._epoch()
        if epoch is None:
            return False
        online = {
            name: node.address for name, node in self._proxmox.members().items() if node.online and name in self._nodes
        }
        for name in self._store.nodes.seen_online(online, self._clock(), epoch=epoch):
            _log.info("node.quarantine_cleared", node=name, message=f"Node {name} is online: it may be woken again.")
        records = self._store.nodes.all()
        for name in sorted(online):
            if not self._stopping.is_set() and self._due(name, records[name]):
                self._read_mac(name, records[name], epoch)
        return True

    def _due(self, name: str, record: NodeRecord) -> bool:
        """Once after our start, then now and then, and after each wake: somebody may have changed the card."""
        if name not in self._read or record.mac_read_at is None:
            return True
        old = self._clock() - record.mac_read_at >= self._read_seconds
        return old or (record.woke_at is not None and record.woke_at >= record.mac_read_at)

    def _read_mac(self, name: str, record: NodeRecord, epoch: int) -> None:
        try:
            mac = self._proxmox.wake_mac(name)
        except (Temporary, Permanent) as error:  # this node's; the others are looked at all the same
            self._tell(name, str(error))
            return
        self._store.nodes.mac_read(name, mac, self._clock(), epoch=epoch)
        self._read.add(name)
        self._told.pop(name, None)
        if mac != record.mac:
            _log.info("node.mac", node=name, mac=mac, before=record.mac)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._look_seconds
            try:
                if not self.look():
                    pause = _STANDBY_SECONDS
                self._told.pop("", None)
            except LeadershipLost:
                pause = _STANDBY_SECONDS
            except (Temporary, Permanent, StoreUnavailable) as error:
                self._tell("", str(error))
            except Exception:  # noqa: BLE001 - a defect here must not end the looks, nor anything else
                _log.exception("node_watch.defect")
            self._stopping.wait(pause)

    def _tell(self, node: str, trouble: str) -> None:
        """Log a trouble once, not at each look."""
        if self._told.get(node) != trouble:
            self._told[node] = trouble
            _log.warning("node_watch.trouble", **({"node": node} if node else {}), error=trouble)
