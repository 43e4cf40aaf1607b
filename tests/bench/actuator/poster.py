"""Alertmanager as far as it is needed: its notifications, sent over a connection that is kept."""

from __future__ import annotations

import itertools
import json
import select
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from tests.bench.scraper import receive

if TYPE_CHECKING:
    from collections.abc import Sequence

# What Alertmanager 0.25 sends (notify/webhook).
_REQUEST = (
    "POST {path} HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "User-Agent: Alertmanager/0.25.0\r\n"
    "Authorization: Bearer {token}\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: {length}\r\n"
    "\r\n"
)
_ASK = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
_PATIENCE_SECONDS = 120.0
_FINGERPRINTS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that asks for a move.

    Attributes:
        vmid: The guest.
        source: The node that it leaves.
        target: The node that it goes to.
        fingerprint: Its identity, with the time that it began at.
        starts_at: That time, RFC 3339.
    """

    vmid: int
    source: str
    target: str
    fingerprint: str
    starts_at: str


def alert(vmid: int, source: str, target: str) -> Alert:
    """Return a new alert, unlike every other; it begins now."""
    return Alert(vmid, source, target, f"{next(_FINGERPRINTS):016x}", datetime.now(UTC).isoformat())


def notification(alerts: Sequence[Alert], *, resolved: bool = False) -> bytes:
    """Return the body that Alertmanager sends for a group of these alerts."""
    status = "resolved" if resolved else "firing"
    labels = {"alertname": "NodePowerHigh", "node": alerts[0].source}
    body = {
        "version": "4",
        "groupKey": f'{{}}/{{action=~"migrate|wake"}}:{{alertname="NodePowerHigh", node="{alerts[0].source}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "wattshift-actuator",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [_entry(each, status) for each in alerts],
    }
    return json.dumps(body).encode()


def _entry(each: Alert, status: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {
            "alertname": "NodePowerHigh",
            "action": "migrate",
            "node": each.source,
            "severity": "warning",
            "target_node": each.target,
            "vmid": str(each.vmid),
        },
        "annotations": {
            "summary": f"{each.source} draws 312 W, above its threshold of 250 W",
            "description": "The mean of the last minute is above the node's threshold.",
        },
        "startsAt": each.starts_at,
        "endsAt": datetime.now(UTC).isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=wattshift_node_watts&g0.tab=1",
        "fingerprint": each.fingerprint,
    }


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: its status and body, when the request's first byte went out (monotonic), and the seconds it took."""

    status: int
    body: bytes
    began: float
    seconds: float

    def checked(self) -> Answered:
        """Return it, unless it refuses.

        Raises:
            RuntimeError: its status is no 2xx; a refusal is quick, and proves nothing.
        """
        if self.status // 100 != 2:
            raise RuntimeError(f"it was answered {self.status}: {self.body[:300]!r}")
        return self


@dataclass(frozen=True, slots=True)
class Hook:
    """Where notifications go: the path, the token that they need, and the one for looking at what became of them."""

    path: str
    token: str
    reader: str


class Poster:
    """Sends requests to one port over one connection; a context manager."""

    def __init__(self, port: int, hook: Hook) -> None:
        self._port, self._hook = port, hook
        self._socket = _connected(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def post(self, body: bytes) -> Answered:
        """Send a notification.

        Raises:
            NoAnswer: the connection was closed.
            OSError: it is lost.
            RuntimeError: it was refused.
        """
        path, token = self._hook.path, self._hook.token
        head = _REQUEST.format(path=path, port=self._port, token=token, length=len(body)).encode()
        return self._exchange(head + body)

    def get(self, path: str) -> Any:
        """Ask for something; return its JSON. It may raise what `post` does."""
        return json.loads(
            self._exchange(_ASK.format(path=path, port=self._port, token=self._hook.reader).encode()).body
        )

    def wait_until_closed(self) -> None:
        """Wait until the server has closed the connection, as it does some time after an answer."""
        _readable(self._socket, _PATIENCE_SECONDS)

    def _exchange(self, request: bytes) -> Answered:
        # Between two requests nothing comes but the end: the server closes what lies idle.
        if _readable(self._socket, 0):
            self._socket.close()
            self._socket = _connected(self._port)
        began = time.monotonic()
        self._socket.sendall(request)
        status, body = receive(lambda: self._socket.recv(65536))
        return Answered(status, body, began, time.monotonic() - began).checked()


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go's dialer sets it
    return connection


def _readable(connection: socket.socket, patience: float) -> bool:
    return bool(select.select([connection], [], [], patience)[0])
