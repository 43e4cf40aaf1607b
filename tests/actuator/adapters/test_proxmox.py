"""The Proxmox adapter against the lab: real HTTPS, real proxmoxer, every way a network has of failing."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from actuator.adapters.proxmox import Proxmox, ProxmoxAccess
from actuator.adapters.tasks import node_of
from actuator.errors import (
    ConfigurationError,
    GuestLocked,
    NotAsked,
    ProxmoxAmbiguous,
    ProxmoxDenied,
    ProxmoxNotReady,
    ProxmoxRefused,
    ProxmoxUnreachable,
)
from deploy.lab.certificates import Authority
from deploy.lab.clock import ManualClock
from deploy.lab.faults import Answer, Drop, Hang
from deploy.lab.plan import MIB, MigrationTimes
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two nodes, both on, guest 100 on ``pve2``."""
    plan = two_nodes()
    awake = replace(plan, nodes=tuple(replace(node, on=True) for node in plan.nodes), refusal_seconds=0.0)
    with Lab(awake, tmp_path, clock=ManualClock()) as made:
        yield made


@pytest.fixture
def connect(lab: Lab) -> Iterator[Callable[..., Proxmox]]:
    """Makes clients of the lab: ``connect("pve", "pve2", probe_timeout=1.0)``."""
    with ExitStack() as stack:

        def make(*nodes: str, **changes: object) -> Proxmox:
            access = ProxmoxAccess(
                hosts=tuple(host(lab, node) for node in nodes),
                token_id=lab.token.id,
                token_secret=lab.token.secret,
                verify=str(lab.ca_path),
            )
            proxmox = Proxmox(replace(access, **changes))  # type: ignore[arg-type]  # fields of ProxmoxAccess
            stack.callback(proxmox.close)
            return proxmox

        yield make


def host(lab: Lab, node: str) -> str:
    """The endpoint of a node."""
    return f"{lab.address(node)}:{lab.ports.api}"


def asked(lab: Lab, ending: str) -> list[str]:
    """The nodes whose endpoint got such requests, in order."""
    return [request.node for request in lab.requests if request.path.endswith(ending)]


@contextmanager
def listener(serve: Callable[[socket.socket], None], address: str = "127.0.0.1") -> Iterator[str]:
    """Something else that listens: gives its address, and each connection to ``serve``."""
    with socket.create_server((address, 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"{address}:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(30)


def test_an_answer_that_drips_ends(connect: Callable[..., Proxmox], tmp_path: Path) -> None:
    """A byte now and then keeps no call for ever: it is given up, and the next one is a new one."""
    over = threading.Event()
    authority = Authority(tmp_path)
    tls = authority.context("drip", "127.0.0.1")

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), tls.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
            while not over.wait(0.05):
                secure.sendall(b" ")

    with listener(drip) as address:
        proxmox = connect("pve", hosts=(address,), probe_timeout=0.2, verify=str(authority.path))
        with pytest.raises(ProxmoxAmbiguous, match="did not end its answer in time"):
            proxmox.cluster()
        over.set()


def test_it_reads_the_cluster(connect: Callable[..., Proxmox]) -> None:
    """One look gives members, quorum, guests and their statistics."""
    cluster = connect("pve2").cluster()

    assert cluster.quorate
    assert set(cluster.nodes) == {"pve", "pve2"}
    assert cluster.guests[100].node == "pve2"
    assert cluster.nodes["pve2"].max_cpu == 4


def test_it_reads_what_a_move_needs(connect: Callable[..., Proxmox]) -> None:
    """Preconditions, storages and the guest's disks, of whichever node, over one endpoint."""
    proxmox = connect("pve")

    preconditions = proxmox.preconditions("pve2", 100)
    assert preconditions is not None
    assert preconditions.allowed_nodes == frozenset({"pve"})
    assert proxmox.disk_storages("pve2", 100) == {"shared"}
    assert {storage.name: storage.active for storage in proxmox.storages("pve2")} == {"shared": True, "local": True}


def test_a_migration_from_the_request_to_its_log(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """The request gives a task id, the task is listed, watched, and its log read whole or from a line on."""
    proxmox = connect("pve")
    upid = proxmox.migrate("pve2", 100, "pve", online=True)
    assert node_of(upid) == "pve2"
    assert [task.upid for task in proxmox.migration_tasks("pve2", 100)] == [upid]
    assert proxmox.task(upid).running

    lab.advance(60)

    assert proxmox.task(upid).succeeded
    whole = proxmox.task_log(upid)
    assert whole[-1] == "TASK OK"
    assert proxmox.task_log(upid, len(whole) - 2) == whole[-2:]
    assert proxmox.task_log(upid, len(whole)) == []


def test_booleans_travel_as_numbers(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """A form's ``True`` is refused by Proxmox; and nothing is sent that only root may."""
    connect("pve2").migrate("pve2", 100, "pve", online=True)

    request = next(request for request in lab.requests if request.method == "POST")
    assert request.parameters == {"target": "pve", "online": "1"}


def test_a_long_log_is_read_whole(tmp_path: Path) -> None:
    """Proxmox gives fifty lines unless it is told otherwise; the end, with the cost, is in those behind."""
    plan = two_nodes(migration=MigrationTimes(bytes_per_second=64 * MIB))
    awake = replace(plan, nodes=tuple(replace(node, on=True) for node in plan.nodes))
    with Lab(awake, tmp_path, clock=ManualClock()) as lab:
        access = ProxmoxAccess((host(lab, "pve2"),), lab.token.id, lab.token.secret, str(lab.ca_path))
        proxmox = Proxmox(access)
        upid = proxmox.migrate("pve2", 100, "pve", online=True)
        lab.advance(100)
        lines = proxmox.task_log(upid)
        proxmox.close()

    assert len(lines) > 60
    assert lines[-1] == "TASK OK"


def test_the_other_endpoint_takes_over(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """A preferred endpoint that is off is passed over, and the one that answers is asked first from then on."""
    lab.power_off("pve")
    proxmox = connect("pve", "pve2")
    with capture_logs() as logs:
        assert not proxmox.cluster().quorate

    assert [entry["event"] for entry in logs] == ["proxmox.endpoint_changed"]
    lab.power_off("pve2")
    lab.power_on("pve")
    lab.advance(60)
    assert proxmox.cluster().nodes["pve"].online


def test_a_hanging_endpoint_is_left_for_the_other(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """A read that gets no answer is asked of the next endpoint at once, and stays with it."""
    lab.faults.add(Hang("GET", "/cluster/*", times=None, node="pve"))
    proxmox = connect("pve", "pve2", probe_timeout=0.3)

    proxmox.cluster()

    assert asked(lab, "/cluster/status") == ["pve", "pve2"]
    assert asked(lab, "/cluster/resources") == ["pve2", "pve2"]


def test_nobody_answers(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """With every endpoint gone the error says what to check; nothing was executed."""
    lab.power_off("pve")
    lab.power_off("pve2")

    with pytest.raises(ProxmoxUnreachable, match="check that the node is on"):
        connect("pve", "pve2").migrate("pve2", 100, "pve", online=True)


def test_another_node_that_is_off(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """The endpoint answers for a node that is off with 595: unreachable, and its API does not answer."""
    lab.power_off("pve")
    proxmox = connect("pve2")

    with pytest.raises(ProxmoxUnreachable, match="595"):
        proxmox.storages("pve")
    assert not proxmox.api_answers("pve")
    assert proxmox.api_answers("pve2")


def test_a_request_that_was_surely_not_executed_goes_to_the_other(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """595 for the node of a migration: the other endpoint may reach it."""
    lab.faults.add(Answer("POST", "/nodes/*/migrate", node="pve", status=595, reason="No route to host"))

    connect("pve", "pve2").migrate("pve2", 100, "pve", online=True)

    assert asked(lab, "/migrate") == ["pve", "pve2"]
    assert len(lab.tasks) == 1


@pytest.mark.parametrize("executed", [True, False])
def test_a_request_with_unknown_outcome_is_never_repeated(
    lab: Lab, connect: Callable[..., Proxmox], *, executed: bool
) -> None:
    """Dropped, timed out or 596: the adapter cannot know, so it asks nobody else and says so."""
    proxmox = connect("pve", "pve2", call_timeout=0.5)
    for fault in (
        Drop("POST", "/nodes/*/migrate", executed=executed),
        Answer("POST", "/nodes/*/migrate", executed=executed, status=596, reason="Connection timed out"),
    ):
        lab.faults.add(fault)
        with pytest.raises(ProxmoxAmbiguous):
            proxmox.migrate("pve2", 100, "pve", online=True)
        lab.advance(60)
        lab.place(100, "pve2")
    hang = lab.faults.add(Hang("POST", "/nodes/*/migrate", executed=executed))
    with pytest.raises(ProxmoxAmbiguous, match="did not answer in time"):
        proxmox.migrate("pve2", 100, "pve", online=True)

    assert hang.arrived.is_set()
    assert asked(lab, "/migrate") == ["pve"] * 3


def test_a_read_over_a_connection_that_was_closed_is_repeated(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """Proxmox closes idle connections; a read that meets the close is sent once more over a new one."""
    proxmox = connect("pve2")
    proxmox.cluster()
    lab.faults.add(Drop("GET", "/cluster/status"))

    proxmox.cluster()

    assert len(asked(lab, "/cluster/status")) == 3


def test_a_read_that_is_dropped_again_and_again(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """Once more is enough: after that it is an error, of the kind that is looked at again later."""
    lab.faults.add(Drop("GET", "/cluster/status", times=None))

    with pytest.raises(ProxmoxAmbiguous, match="dropped the connection"):
        connect("pve2").cluster()

    assert len(asked(lab, "/cluster/status")) == 1


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"data":' + "[" * 5_000 + "]" * 5_000 + "}",
        "<html>Welcome</html>",
        "{}",
        "[]",
        '{"data":null}',
        '{"data":{"errors":"x"}}',
        '"x"',
    ],
)
def test_something_else_answers(lab: Lab, connect: Callable[..., Proxmox], body: str) -> None:
    """A 200 that is not Proxmox's is no cluster, no task id, and no success."""
    lab.faults.add(Answer("*", "*", times=None, status=200, reason="OK", body=body))
    proxmox = connect("pve2")

    for call in (
        proxmox.cluster,
        lambda: proxmox.preconditions("pve2", 100),
        lambda: proxmox.storages("pve2"),
        lambda: proxmox.migrate("pve2", 100, "pve", online=True),
        lambda: proxmox.migration_tasks("pve2", 100),
        lambda: proxmox.task("UPID:pve2:0000158B:00063320:6B031D4D:qmigrate:100:root@pam!tk:"),
        lambda: proxmox.task_log("UPID:pve2:0000158B:00063320:6B031D4D:qmigrate:100:root@pam!tk:"),
    ):
        with pytest.raises(ProxmoxAmbiguous, match="not one that Proxmox gives"):
            call()
    assert not proxmox.api_answers("pve2")


def test_an_api_that_is_only_coming_up_does_not_answer_yet(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """While pveproxy starts it may answer with an error; that is a no, and no trouble."""
    lab.faults.add(Answer("GET", "/nodes/pve2/version", status=500, reason="starting up"))
    proxmox = connect("pve2")

    assert not proxmox.api_answers("pve2")
    assert proxmox.api_answers("pve2")


def test_locks_quorum_and_refusals_are_told_apart(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """What ends by itself, what a person must end, and what never will."""
    proxmox = connect("pve2")
    lab.set_lock(100, "backup")
    with pytest.raises(GuestLocked, match="VM is locked \\(backup\\)"):
        proxmox.preconditions("pve2", 100)
    lab.set_lock(100, None)
    with pytest.raises(ProxmoxRefused, match="no such cluster node 'pve9'"):
        proxmox.migrate("pve2", 100, "pve9", online=True)
    with pytest.raises(ProxmoxRefused, match="without --online"):
        proxmox.migrate("pve2", 100, "pve", online=False)
    with pytest.raises(ProxmoxRefused, match=r"999\.conf' does not exist"):
        proxmox.preconditions("pve2", 999)
    lab.power_off("pve")
    with pytest.raises(ProxmoxNotReady, match="no quorum"):
        proxmox.migrate("pve2", 100, "pve", online=True)


def test_a_wrong_token_is_denied_and_not_shown(connect: Callable[..., Proxmox]) -> None:
    """The message tells what to check, and keeps the secret to itself."""
    with pytest.raises(ProxmoxDenied, match=r"proxmox\.token_id") as caught:
        connect("pve2", token_secret="wr0ng").cluster()

    assert "wr0ng" not in str(caught.value)


def test_a_certificate_of_another_authority(lab: Lab, tmp_path: Path, connect: Callable[..., Proxmox]) -> None:
    """An endpoint that cannot prove who it is gets nothing, and the message names the file to configure."""
    other = tmp_path / "other"
    with Lab(two_nodes(), other) as stranger, pytest.raises(ProxmoxUnreachable, match=r"proxmox\.ca_file"):
        connect("pve2", verify=str(stranger.ca_path)).cluster()

    assert lab.requests == ()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # ours is the louder one
def test_no_certificate_check_is_loud(connect: Callable[..., Proxmox]) -> None:
    """Trusting anybody works, and the log says what that means."""
    with capture_logs() as logs:
        assert connect("pve2", verify=False).cluster().quorate

    assert logs[0]["event"] == "proxmox.certificate_unchecked"
    assert logs[0]["log_level"] == "warning"


def test_a_listener_that_speaks_no_tls(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """Something else at the port is passed over for the endpoint that is one."""
    with listener(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n")) as address:
        proxmox = connect("pve2", hosts=(address, host(lab, "pve2")))

        assert proxmox.cluster().quorate


def nothing_until(end: threading.Event) -> None:
    """Say nothing for as long as the test lasts."""
    end.wait(30)


def test_a_listener_that_says_nothing(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """A connection that is taken and never answered costs the probe's patience, not more."""
    ends = threading.Event()
    with listener(lambda _: nothing_until(ends)) as address:
        try:
            proxmox = connect("pve2", hosts=(address, host(lab, "pve2")), probe_timeout=0.3)
            assert proxmox.cluster().quorate
        finally:
            ends.set()


def test_the_environments_proxy_is_not_used(lab: Lab) -> None:
    """A proxy meant for the internet is not asked for the cluster: its API is in our own network."""
    script = (
        "import sys; from actuator.adapters.proxmox import Proxmox, ProxmoxAccess; "
        "proxmox = Proxmox(ProxmoxAccess((sys.argv[1],), sys.argv[2], sys.argv[3], sys.argv[4])); "
        "print(proxmox.cluster().quorate); proxmox.close()"
    )
    arguments = [host(lab, "pve2"), lab.token.id, lab.token.secret, str(lab.ca_path)]

    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


class Relay:
    """Passes connections on to a node's endpoint, and counts them."""

    def __init__(self, lab: Lab, node: str) -> None:
        self._endpoint = (lab.address(node), lab.ports.api)
        self.connections = 0

    def __call__(self, near: socket.socket) -> None:
        """Pass on what comes over one connection, in a thread of its own."""
        self.connections += 1
        near = near.dup()
        threading.Thread(target=self._pass_on, args=(near, socket.create_connection(self._endpoint))).start()

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with near, far, selectors.DefaultSelector() as selector:
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    other[key.fileobj].sendall(data)


def test_connections_are_kept_but_not_trusted_for_long(lab: Lab) -> None:
    """Reads share a connection; one that was idle for nearly as long as Proxmox allows is not used any more.

    A change always goes over a new one: on an old one a drop would leave open whether it had arrived.
    """
    relay, now = Relay(lab, "pve2"), [0.0]
    with listener(relay, lab.address("pve2")) as address:
        access = ProxmoxAccess((address,), lab.token.id, lab.token.secret, verify=str(lab.ca_path))
        proxmox = Proxmox(access, monotonic=lambda: now[0])
        proxmox.cluster()
        now[0] += 3.9
        proxmox.cluster()
        assert relay.connections == 1

        now[0] += 4.1
        proxmox.cluster()
        assert relay.connections == 2

        proxmox.migrate("pve2", 100, "pve", online=True)
        assert relay.connections == 3
        proxmox.close()


def test_the_last_word_comes_when_nothing_is_left_to_wait_for(lab: Lab) -> None:
    """It is asked over the open connection that the request then takes; by a no nothing is sent."""
    relay, connections, words = Relay(lab, "pve2"), list[int](), [True, False]

    def last_word() -> bool:
        connections.append(relay.connections)
        return words.pop()

    with listener(relay, lab.address("pve2")) as address:
        access = ProxmoxAccess((address,), lab.token.id, lab.token.secret, verify=str(lab.ca_path))
        proxmox = Proxmox(access)
        proxmox.cluster()
        with pytest.raises(NotAsked):
            proxmox.migrate("pve2", 100, "pve", online=True, last_word=last_word)
        assert asked(lab, "/migrate") == []
        proxmox.migrate("pve2", 100, "pve", online=True, last_word=last_word)
        proxmox.close()

    assert asked(lab, "/migrate") == ["pve2"]
    assert connections == [2, 3]
    assert relay.connections == 3


@pytest.mark.parametrize("fault", [Drop("GET", "/version", node="pve"), Hang("GET", "/version", node="pve")])
def test_an_endpoint_that_fails_before_the_last_word(
    lab: Lab, connect: Callable[..., Proxmox], fault: Drop | Hang
) -> None:
    """The request was surely not sent: the other endpoint is asked, once."""
    lab.faults.add(fault)

    connect("pve", "pve2", probe_timeout=0.5).migrate("pve2", 100, "pve", online=True, last_word=lambda: True)

    assert asked(lab, "/migrate") == ["pve2"]


def test_each_thread_has_its_own_connection(lab: Lab, connect: Callable[..., Proxmox]) -> None:
    """One client serves several threads at once: a hanging call of one does not keep another waiting."""
    hang = lab.faults.add(Hang("GET", "/nodes/pve2/storage"))
    proxmox = connect("pve2")
    waiting = threading.Thread(target=lambda: proxmox.storages("pve2"))
    waiting.start()
    assert hang.arrived.wait(30)

    assert proxmox.cluster().quorate

    hang.release()
    waiting.join(30)
    assert not waiting.is_alive()


def test_it_can_be_used_after_close(connect: Callable[..., Proxmox]) -> None:
    """Closing lets connections go; a late tick opens its own again."""
    proxmox = connect("pve2")
    proxmox.cluster()
    proxmox.close()

    assert proxmox.cluster().quorate


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hosts": ()}, "proxmox.hosts is empty"),
        ({"token_id": "root@pam"}, "expected user@realm!name"),
        ({"token_id": "root!tk"}, "expected user@realm!name"),
        ({"token_secret": ""}, "secret is empty"),
        ({"token_secret": "s3cret\n"}, "unprintable"),
        ({"token_secret": "s3crét"}, "unprintable"),
        ({"verify": "/nowhere/ca.pem"}, "there is no such file"),
    ],
)
def test_access_that_can_never_work(changes: dict[str, object], words: str) -> None:
    """What is wrong with the configuration is said before anything is sent, without the secret."""
    access = ProxmoxAccess(("127.0.0.1:8006",), "u@pve!t", "good")

    with pytest.raises(ConfigurationError, match=words) as caught:
        replace(access, **changes)  # type: ignore[arg-type]  # fields of ProxmoxAccess

    assert "s3cr" not in str(caught.value)


def test_the_secret_is_not_shown() -> None:
    """Whoever prints the access sees everything but the secret."""
    assert "hush" not in repr(ProxmoxAccess(("127.0.0.1:8006",), "u@pve!t", "hush"))


def test_what_another_node_answers_is_waited_for_longer_than_proxmox_waits(
    lab: Lab, connect: Callable[..., Proxmox]
) -> None:
    """Proxmox gives up on a node after 30 s, we later; a probe begun after all of them has given up before any of them.

    They all hang until then, so that each ends well only if it waits longer than a probe.
    """
    assert ProxmoxAccess(("x",), "a@b!cd", "e").call_timeout > 30 > ProxmoxAccess(("x",), "a@b!cd", "e").probe_timeout
    proxmox = connect("pve2", probe_timeout=1.0)
    upid = proxmox.migrate("pve2", 100, "pve", online=True)
    lab.advance(60)
    calls: dict[str, Callable[[], object]] = {
        "/nodes/pve/qemu/100/migrate": lambda: proxmox.preconditions("pve", 100),
        "/nodes/pve/qemu/100/config": lambda: proxmox.guest_config("pve", 100),
        "/nodes/pve/storage": lambda: proxmox.storages("pve"),
        "/nodes/pve/replication": lambda: proxmox.replicas("pve", 100),
        "/nodes/pve/version": lambda: proxmox.version("pve"),
        "/nodes/pve/status": lambda: proxmox.cpu("pve"),
        "/nodes/pve2/tasks": lambda: proxmox.migration_tasks("pve2", 100),
        f"/nodes/pve2/tasks/{upid}/status": lambda: proxmox.task(upid),
        f"/nodes/pve2/tasks/{upid}/log": lambda: proxmox.task_log(upid),
    }
    hangs = [lab.faults.add(Hang("GET", path)) for path in calls]
    probed = lab.faults.add(Hang("GET", "/cluster/options"))
    with ThreadPoolExecutor(len(calls)) as pool:
        waiting = [pool.submit(call) for call in calls.values()]
        try:
            assert all(hang.arrived.wait(30) for hang in hangs)
            with pytest.raises(ProxmoxAmbiguous):
                proxmox.cluster_options()
        finally:
            for hang in (*hangs, probed):
                hang.release()

        assert all(call.result(30) is not None for call in waiting)


def test_a_container_is_asked_for_in_its_own_way(tmp_path: Path) -> None:
    """Another path, a restart instead of a live move, and no view of it before PVE 9."""
    plan = two_nodes()
    container = replace(plan.guests[0], kind="lxc", disks={"rootfs": "shared:subvol-100-disk-0,size=8G"})
    nodes = tuple(replace(node, on=True) for node in plan.nodes)
    for version, allowed in (("8.2.5", None), ("9.1", frozenset({"pve"}))):
        older = replace(plan, nodes=nodes, guests=(container,), version=version)  # type: ignore[arg-type]  # a PveVersion
        with Lab(older, tmp_path / version, clock=ManualClock()) as lab:
            proxmox = Proxmox(
                ProxmoxAccess((host(lab, "pve"),), lab.token.id, lab.token.secret, verify=str(lab.ca_path))
            )
            preconditions = proxmox.preconditions("pve2", 100, "lxc")
            assert (None if preconditions is None else preconditions.allowed_nodes) == allowed
            assert proxmox.disk_storages("pve2", 100, "lxc") == {"shared"}

            upid = proxmox.migrate_container("pve2", 100, "pve", shutdown_seconds=30)
            lab.advance(60)

            assert proxmox.task(upid).succeeded
            assert [task.kind for task in proxmox.migration_tasks("pve2", 100)] == ["vzmigrate"]
            proxmox.close()
