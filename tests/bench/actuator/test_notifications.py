"""What the benchmark sends is what Alertmanager sends, and how it is sent."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from actuator.policy.alertmanager import Webhook, power_alerts
from actuator.policy.orders import Action, Order
from tests.bench.actuator import storm
from tests.bench.actuator.pairs import pairs
from tests.bench.actuator.poster import Hook, Poster, alert, notification

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"


def test_an_alert_asks_for_its_move() -> None:
    """The actuator understands it as the order that is meant, and takes two alerts for two episodes."""
    sent = [alert(100, "source0", "target0"), alert(100, "source0", "target0")]
    first, second = power_alerts(Webhook.model_validate_json(notification(sent)), requested_by="bench")

    assert first.order == Order(Action.MIGRATE, "source0", vmid=100, target_node="target0", requested_by="bench")
    assert first.firing
    assert first.fingerprint != second.fingerprint


def test_a_resolved_alert_is_the_same_alert() -> None:
    """Else it would cancel nothing."""
    sent = alert(100, "source0", "target0")
    bodies = notification([sent]), notification([sent], resolved=True)
    (fired,), (resolved,) = (power_alerts(Webhook.model_validate_json(body), requested_by="bench") for body in bodies)

    assert (fired.fingerprint, fired.starts_at) == (resolved.fingerprint, resolved.starts_at)
    assert not resolved.firing


def test_a_storm_is_about_all_its_guests_in_turns() -> None:
    """Every alert is a new one; guests come again only when all others have been there."""
    (pair,) = pairs(1)
    bodies = storm.notifications(pair, alerts=50, guests=20)
    found = [each for body in bodies for each in power_alerts(Webhook.model_validate_json(body), requested_by="bench")]
    vmids = [each.order.vmid for each in found if each.order is not None]

    assert len({each.fingerprint for each in found}) == 50
    assert len(set(vmids[:20])) == 20
    assert vmids[:20] == vmids[20:40]
    assert vmids[0] == pair.vmid


def served(answers: list[bytes]) -> tuple[int, list[bytes]]:
    """Serve these answers, closing the connection after each; return the port and the requests that come."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []

    def serve() -> None:
        with closing(listener):
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    requests.append(connection.recv(65536))
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], requests


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    """As Alertmanager's client does; the next notification is not lost to it, and each carries its token."""
    port, requests = served([OK, OK])
    with Poster(port, Hook("/alerts", "letter", "reader")) as poster:
        poster.post(b"one")
        poster.wait_until_closed()
        answered = poster.post(b"two")

    assert answered.status == 202
    assert [request.rpartition(b"\r\n")[2] for request in requests] == [b"one", b"two"]
    assert all(b"\r\nAuthorization: Bearer letter\r\n" in request for request in requests)


def test_a_refusal_is_no_quick_answer() -> None:
    """It would make a server look fast that does nothing."""
    port, _ = served([BUSY])
    with Poster(port, Hook("/alerts", "letter", "reader")) as poster, pytest.raises(RuntimeError, match="503: b'busy'"):
        poster.post(b"one")
