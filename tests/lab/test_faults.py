"""The transport's habits, and misbehaviour on demand."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from deploy.lab.clock import ManualClock
from deploy.lab.faults import Answer, Drop, Hang
from deploy.lab.plans import BOT_TOKEN, recorded_cluster, two_nodes
from deploy.lab.world import Lab
from tests.lab.client import call, data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.plan import PveVersion

MIGRATE = "/nodes/pve1/qemu/100/migrate"
ORDER = {"target": "pve3", "online": 1}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The recorded cluster, its time standing still."""
    with Lab(recorded_cluster(), tmp_path, clock=ManualClock()) as lab:
        yield lab


def versioned(version: PveVersion, tmp_path: Path) -> Lab:
    """Return the recorded cluster played by another Proxmox VE."""
    plan = dataclasses.replace(recorded_cluster(), version=version, refusal_seconds=0.0)
    return Lab(plan, tmp_path, clock=ManualClock())


def test_a_fault_answers_as_ordered_and_only_so_often(lab: Lab) -> None:
    """One ordered failure strikes one request of its kind, and no other."""
    lab.faults.add(Answer("GET", "/nodes/*/version", status=596, reason="Connection timed out"))

    assert call(lab, "pve1", "GET", "/version").status_code == 200
    struck = call(lab, "pve1", "GET", "/nodes/pve1/version")
    assert (struck.status_code, struck.reason, struck.content) == (596, "Connection timed out", b"")
    assert call(lab, "pve1", "GET", "/nodes/pve1/version").status_code == 200


def test_a_fault_may_lie(lab: Lab) -> None:
    """A body that is no JSON can be had, under any status."""
    lab.faults.add(Answer("GET", "/version", status=200, reason="OK", body="<html>"))

    assert call(lab, "pve1", "GET", "/version").text == "<html>"


def test_an_ambiguous_failure_has_carried_out_the_call(lab: Lab) -> None:
    """With ``executed`` the caller sees a failure while the task exists."""
    lab.faults.add(Answer("POST", "/nodes/*/qemu/*/migrate", status=596, reason="Connection timed out", executed=True))
    answer = call(lab, "pve1", "POST", MIGRATE, ORDER)

    assert answer.status_code == 596
    assert [task.type for task in lab.tasks] == ["qmigrate"]


@pytest.mark.parametrize(
    ("fault", "tasks"),
    [(Drop("POST", MIGRATE), 0), (Drop("POST", MIGRATE, executed=True), 1)],
    ids=["before", "after"],
)
def test_a_dropped_connection_says_nothing_either_way(lab: Lab, fault: Drop, tasks: int) -> None:
    """The connection is cut before or after the call; the caller cannot tell which."""
    lab.faults.add(dataclasses.replace(fault))

    with pytest.raises(requests.ConnectionError):
        call(lab, "pve1", "POST", MIGRATE, ORDER)
    assert len(lab.tasks) == tasks


def test_a_hanging_call_goes_on_when_released(lab: Lab) -> None:
    """A held request is answered as usual afterwards; others are not held up."""
    hang = lab.faults.add(Hang("GET", "/cluster/status"))
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(call(lab, "pve1", "GET", "/cluster/status").status_code))
    caller.start()

    assert hang.arrived.wait(10)
    assert call(lab, "pve1", "GET", "/version").status_code == 200
    assert answers == []
    hang.release()
    caller.join(10)
    assert answers == [200]


def test_a_lab_stops_while_a_call_hangs(tmp_path: Path) -> None:
    """Neither a held request nor its caller keeps the lab from ending."""
    with Lab(two_nodes(), tmp_path) as lab:
        hang = lab.faults.add(Hang("GET", "/version"))

        def ask() -> None:
            with pytest.raises(requests.ConnectionError):
                call(lab, "pve2", "GET", "/version")

        caller = threading.Thread(target=ask)
        caller.start()
        assert hang.arrived.wait(10)
        lab.power_off("pve2")
        caller.join(10)

    assert not caller.is_alive()


def test_every_request_is_kept(lab: Lab) -> None:
    """Where it arrived, what it asked, with which parameters and by whom, refused ones included."""
    call(lab, "pve3", "POST", MIGRATE, {"target": "pve9", "online": 1}, token=BOT_TOKEN)
    received = lab.requests[-1]

    assert (received.node, received.method, received.path) == ("pve3", "POST", MIGRATE)
    assert received.parameters == {"target": "pve9", "online": "1"}
    assert received.token == "bot@pve!mv"


def test_a_bad_token_waits_before_it_is_refused(tmp_path: Path) -> None:
    """The delay of a failed authentication is real time, as long as the plan says."""
    plan = dataclasses.replace(recorded_cluster(), refusal_seconds=0.3)
    stranger = dataclasses.replace(BOT_TOKEN, secret="wrong")
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        began = time.monotonic()
        answer = call(lab, "pve1", "GET", "/version", token=stranger)
        waited = time.monotonic() - began

    assert (answer.status_code, answer.reason, answer.content) == (401, "Authentication failed!", b"")
    assert waited >= 0.3


@pytest.mark.parametrize(
    ("path", "connection"), [("/version", None), ("/nodes/pve2/version", "close"), ("/nowhere", "close")]
)
def test_an_error_closes_the_connection(lab: Lab, path: str, connection: str | None) -> None:
    """Success keeps the connection open for the next request; any error closes it."""
    answer = call(lab, "pve1", "GET", path)

    assert answer.headers.get("Connection") == connection


def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    """A kept connection ends when it was idle for as long as pveproxy allows."""
    plan = dataclasses.replace(recorded_cluster(), idle_seconds=0.1)
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        context = ssl.create_default_context(cafile=str(lab.ca_path))
        with (
            socket.create_connection((lab.address("pve1"), lab.ports.api), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="pve1") as connection,
        ):
            request = f"GET /api2/json/version HTTP/1.1\r\nHost: pve1\r\nAuthorization: {lab.token.header}\r\n\r\n"
            connection.sendall(request.encode())
            received = b"".join(iter(lambda: connection.recv(4096), b""))

    assert received.startswith(b"HTTP/1.1 200 OK")


def test_a_json_body_is_understood_like_a_form(lab: Lab) -> None:
    """JSON's true is a 1; the task starts."""
    answer = requests.post(
        f"{lab.url('pve1')}/api2/json{MIGRATE}",
        json={"target": "pve3", "online": True},
        headers={"Authorization": lab.token.header},
        verify=str(lab.ca_path),
        timeout=30,
    )

    assert answer.json()["data"].startswith("UPID:pve1:")


@pytest.mark.parametrize(
    ("version", "told"), [("7.4", set()), ("8.2.5", set()), ("9.1", {"allowed_nodes", "not_allowed_nodes"})]
)
def test_old_versions_do_not_say_where_a_running_guest_may_go(
    version: PveVersion,
    told: set[str],
    tmp_path: Path,
) -> None:
    """``allowed_nodes`` of a running guest came with PVE 8.4."""
    with versioned(version, tmp_path) as lab:
        answer = data(lab, "pve1", MIGRATE)

    assert {"allowed_nodes", "not_allowed_nodes"} & set(answer) == told


@pytest.mark.parametrize(("version", "status"), [("7.4", 400), ("8.2.5", 400), ("9.1", 200)])
def test_conntrack_state_is_unknown_before_nine(version: PveVersion, status: int, tmp_path: Path) -> None:
    """A parameter of a later version is refused by an earlier one."""
    with versioned(version, tmp_path) as lab:
        answer = call(lab, "pve1", "POST", MIGRATE, {**ORDER, "with-conntrack-state": 1})

    assert answer.status_code == status


def test_old_versions_say_the_error_in_the_reason_phrase_alone(tmp_path: Path) -> None:
    """The body's ``message`` came with PVE 8.3; before, the status line is all there is."""
    with versioned("8.2.5", tmp_path) as lab:
        answer = call(lab, "pve1", "POST", MIGRATE, {"target": "pve9", "online": 1})

    assert (answer.reason, answer.json()) == ("no such cluster node 'pve9'", {"data": None})


def test_an_unknown_node_has_no_address_to_pass_a_call_on_to(lab: Lab) -> None:
    """A call for a node that does not exist fails at the look-up of its name."""
    answer = call(lab, "pve1", "GET", "/nodes/pve9/status")

    assert answer.status_code == 500
    assert answer.reason.startswith("hostname lookup 'pve9' failed")


def test_a_call_the_lab_does_not_play_says_so(lab: Lab) -> None:
    """What real Proxmox has and the lab has not is told apart from what does not exist."""
    answer = call(lab, "pve1", "GET", "/nodes/pve1/lxc")

    assert (answer.status_code, "lab does not play" in answer.reason) == (501, True)
