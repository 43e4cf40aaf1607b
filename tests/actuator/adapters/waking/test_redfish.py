"""Redfish against the lab's BMC over HTTPS, and against everything that a BMC may answer instead."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from actuator.adapters.waking import Asked, Cause, Name, NotAsked, Redfish, RedfishAccess
from deploy.lab.certificates import Authority
from deploy.lab.cluster import Stage
from deploy.lab.faults import Answer, Drop, Hang
from deploy.lab.redfish import RESET, SYSTEM
from tests.actuator.adapters.test_proxmox import listener

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.world import Lab

SYSTEMS = "/redfish/v1/Systems"


def redfish(lab: Lab, *, seconds: float = 15.0, **fields: Any) -> Redfish:
    """The sleeping node's BMC."""
    known = {"user": lab.plan.bmc_user, "password": lab.plan.bmc_password, "verify": str(lab.ca_path)}
    access = RedfishAccess(**{**known, "host": f"{lab.address('pve')}:{lab.ports.redfish}", **fields})
    return Redfish({"pve": access}, seconds=seconds)


def answer(lab: Lab, path: str, body: object, method: str = "GET", status: int = 200) -> None:
    """Let the BMC answer something else."""
    text = body if isinstance(body, str) else json.dumps(body)
    lab.faults.add(Answer(method, path, times=None, status=status, reason="Whatever", body=text))


def failing(lab: Lab, seconds: float = 15.0, **fields: Any) -> NotAsked:
    """How a wake fails."""
    with pytest.raises(NotAsked) as failed:
        redfish(lab, seconds=seconds, **fields).wake("pve")
    assert lab.node("pve").stage is Stage.OFF
    return failed.value


def test_a_sleeping_node_is_switched_on(lab: Lab) -> None:
    """The system is found, its power read, and then it is switched on, which is certain."""
    asked = redfish(lab).wake("pve")

    assert asked == Asked(Name.REDFISH, certain=True)
    assert lab.node("pve").stage is Stage.POWERED
    assert lab.redfish_requests("pve") == [("GET", SYSTEMS), ("GET", SYSTEM), ("POST", RESET)]


def test_a_system_that_is_named_is_not_looked_for(lab: Lab) -> None:
    """A BMC of several systems is told which."""
    redfish(lab, system="1").wake("pve")

    assert lab.redfish_requests("pve") == [("GET", SYSTEM), ("POST", RESET)]


def test_a_node_that_is_on_is_left_alone(lab: Lab) -> None:
    """That it has power already is information, and nothing is switched."""
    lab.power_on("pve")

    assert redfish(lab).wake("pve") == Asked(Name.REDFISH, certain=True, was_on=True)
    assert ("POST", RESET) not in lab.redfish_requests("pve")


def test_a_bmc_that_only_forces_is_asked_so(lab: Lab) -> None:
    """A system that lists ForceOn and not On, and an action elsewhere, is taken at its word."""
    action = {"target": RESET, "ResetType@Redfish.AllowableValues": ["ForceOn", "ForceOff"]}
    answer(lab, SYSTEM, {"PowerState": "Off", "Actions": {"#ComputerSystem.Reset": action}})

    redfish(lab).wake("pve")

    assert lab.node("pve").stage is Stage.POWERED


@pytest.mark.parametrize(
    "body", [{"PowerState": "Off"}, {"PowerState": "Off", "Actions": {"#ComputerSystem.Reset": 1}}]
)
def test_a_system_that_lists_no_action_has_it_at_its_usual_place(lab: Lab, body: dict[str, object]) -> None:
    """The standard's own path is used."""
    answer(lab, SYSTEM, body)

    redfish(lab).wake("pve")

    assert lab.node("pve").stage is Stage.POWERED


def test_a_wrong_password_is_told_as_that(asleep: Lab) -> None:
    """401: the account is named, the password never."""
    failed = failing(asleep, password="not-the-one")

    assert failed.cause is Cause.DENIED
    assert "account wattshift" in str(failed)
    assert "nodes.pve.wake.redfish.user" in str(failed)
    assert "not-the-one" not in str(failed)


@pytest.mark.parametrize(
    ("method", "path", "status", "cause"),
    [
        ("POST", RESET, 403, Cause.DENIED),
        ("GET", SYSTEMS, 500, Cause.REFUSED),
        ("POST", RESET, 503, Cause.REFUSED),
        ("GET", SYSTEM, 404, Cause.REFUSED),
        ("POST", RESET, 308, Cause.REFUSED),
    ],
)
def test_an_error_is_told_with_its_call(asleep: Lab, method: str, path: str, status: int, cause: Cause) -> None:
    """Which request failed, and how, is in the message."""
    answer(asleep, path, "", method, status)
    failed = failing(asleep)

    assert failed.cause is cause
    assert f"{method} {path}: {status} Whatever" in str(failed)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (SYSTEMS, "<html>", "JSON object"),
        (SYSTEMS, "[" * 100_000, "JSON object"),
        (SYSTEMS, [1], "JSON object"),
        (SYSTEMS, {"Members": "all"}, "no Members"),
        (SYSTEM, {"Id": "1"}, "no PowerState"),
        (SYSTEM, {"PowerState": None}, "no PowerState"),
        (SYSTEM, "x" * 1_100_000, "more than"),
    ],
    ids=["no JSON", "too deep", "a list", "no list", "no power", "power unknown", "too much"],
)
def test_garbage_is_told_as_that(asleep: Lab, path: str, body: object, words: str) -> None:
    """Whatever is not Redfish ends in one cause, quickly."""
    answer(asleep, path, body)
    failed = failing(asleep)

    assert failed.cause is Cause.UNINTELLIGIBLE
    assert words in str(failed)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([], "none"),
        ([{"@odata.id": f"{SYSTEMS}/blade1"}, {"@odata.id": f"{SYSTEMS}/blade2"}], "blade1, blade2"),
        ([{"@odata.id": "https://elsewhere.example/redfish/v1/Systems/1"}], "none"),
        ([{"@odata.id": "//elsewhere.example/1"}, 7, {}], "none"),
    ],
)
def test_which_system_must_be_clear(asleep: Lab, members: list[object], words: str) -> None:
    """None or several are left to the operator, and an address elsewhere is none: the password goes nowhere else."""
    answer(asleep, SYSTEMS, {"Members": members})
    failed = failing(asleep)

    assert failed.cause is Cause.NOT_CONFIGURED
    assert words in str(failed)
    assert "nodes.pve.wake.redfish.system" in str(failed)


def test_a_bmc_that_hangs_is_given_up(asleep: Lab) -> None:
    """Silence costs the configured seconds and no more."""
    asleep.faults.add(Hang("GET", SYSTEM))
    failed = failing(asleep, seconds=0.3)

    assert failed.cause is Cause.TIMEOUT


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"]
)
def test_a_bmc_that_drips_is_given_up(tmp_path: Path, begun: bytes) -> None:
    """The time is for the whole answer, head and body, however often something of it comes."""
    over = threading.Event()
    authority = Authority(tmp_path)
    tls = authority.context("bmc", "127.0.0.1")

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), tls.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(begun)
            while not over.wait(0.05):
                secure.sendall(b" ")

    with listener(drip) as address:
        access = RedfishAccess(address, "x", "y", system="1", verify=str(authority.path))
        with pytest.raises(NotAsked, match=r"did not end its answer in 0\.3 s \(GET /redfish/v1/Systems/1\)") as failed:
            Redfish({"pve": access}, seconds=0.3).wake("pve")
        over.set()

    assert failed.value.cause is Cause.TIMEOUT


def test_a_broken_connection(asleep: Lab) -> None:
    """A BMC that hangs up is unreachable."""
    asleep.faults.add(Drop("GET", SYSTEMS))

    assert failing(asleep).cause is Cause.UNREACHABLE


def test_nobody_there(asleep: Lab) -> None:
    """A port on which nobody listens is unreachable."""
    assert failing(asleep, host=f"{asleep.address('pve')}:{asleep.ports.api}").cause is Cause.UNREACHABLE


def test_a_host_without_tls(asleep: Lab) -> None:
    """What speaks no TLS is told apart from a certificate that is not to be trusted."""
    with closing(socket.create_server((asleep.address("pve"), 0))) as listener:
        listener.settimeout(10)
        host, port = listener.getsockname()

        def hang_up() -> None:
            with closing(listener.accept()[0]) as caller:
                caller.recv(1)
                caller.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")

        thread = threading.Thread(target=hang_up)
        thread.start()
        failed = failing(asleep, host=f"{host}:{port}")
        thread.join()

    assert failed.cause in {Cause.UNINTELLIGIBLE, Cause.UNREACHABLE}


def test_a_certificate_of_nobodys(lab: Lab) -> None:
    """A certificate that no known authority vouches for is refused, and the key that helps is named."""
    failed = failing(lab, verify=True)

    assert failed.cause is Cause.UNTRUSTED
    assert "ca_file" in str(failed)
    assert lab.redfish_requests("pve") == []


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # pytest undoes what silences it
def test_an_unchecked_certificate_is_complained_about(lab: Lab) -> None:
    """It works, and the log warns once, at the start, with the key to set."""
    with capture_logs() as logs:
        waker = redfish(lab, verify=False)
        waker.wake("pve")

    [warning] = logs
    assert (warning["event"], warning["log_level"], warning["node"]) == (
        "redfish.certificate_unchecked",
        "warning",
        "pve",
    )
    assert "nodes.pve.wake.redfish.ca_file" in warning["advice"]
    assert lab.node("pve").stage is Stage.POWERED


def test_a_node_without_bmc() -> None:
    """The key to add is named."""
    with pytest.raises(NotAsked, match=r"add nodes\.pve\.wake\.redfish") as failed:
        Redfish({}).wake("pve")

    assert failed.value.cause is Cause.NOT_CONFIGURED
