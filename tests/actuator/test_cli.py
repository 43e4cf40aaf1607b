"""The command line, as its own process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from actuator.cli import main
from actuator.commands.serving import listen
from tests.actuator.configuration import CALLER_TOKEN, PROXMOX_SECRET, configuration, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-c", "import sys; from actuator.cli import main; sys.exit(main())"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("WATTSHIFT_")}


class Actuator:
    """A running actuator; reads its log as it comes."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--config", str(config)], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        self.lines: list[dict[str, Any]] = []
        listening = self.await_line("actuator.listening")
        self.host, _, port = listening["address"].rpartition(":")
        self.port = int(port)

    def await_line(self, event: str) -> dict[str, Any]:
        """Read the log up to this event."""
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.lines.append(_fact(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"ended without {event}: {self.lines}")

    def told(self, event: str) -> dict[str, Any]:
        """The newest line of this event; read on when there is none yet, for what may precede its listening or not."""
        return next((line for line in reversed(self.lines) if line["event"] == event), None) or self.await_line(event)

    def hang_up(self, event: str = "actuator.reloaded") -> dict[str, Any]:
        """Send SIGHUP, and read the log up to this event on its account."""
        self.process.send_signal(signal.SIGHUP)
        while (line := self.await_line(event))["requested_by"] != "SIGHUP":
            pass
        return line

    def call(
        self, method: str, path: str, body: object = None, *, token: str = CALLER_TOKEN, plain: bool = False
    ) -> tuple[int, Any]:
        """Call it over the network; ``plain`` for an answer that is no JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content.decode() if plain or path == "/metrics" else json.loads(content)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, read the rest of its log, and return its exit status."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.lines += [_fact(text) for text in self.process.stderr]
        return self.process.wait(60)


def _fact(line: str) -> dict[str, Any]:
    """A line of the log."""
    try:
        fact: dict[str, Any] = json.loads(line)
    except ValueError:
        raise AssertionError(f"no line of a log in JSON: {line!r}") from None
    return fact


@contextmanager
def running(config: Path) -> Iterator[Actuator]:
    """An actuator that is gone afterwards, whatever happens."""
    actuator = Actuator(config)
    try:
        yield actuator
    finally:
        if actuator.process.poll() is None:
            actuator.process.kill()
            actuator.process.wait()
        assert actuator.process.stderr is not None
        actuator.process.stderr.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60, env=ENVIRONMENT
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_and_stops(tmp_path: Path, number: int) -> None:
    """It says where it listens, serves, stops on a signal, and that is no error."""
    with running(written(tmp_path, configuration(tmp_path))) as actuator:
        assert actuator.call("GET", "/-/healthy")[0] == 200
        status, ready = actuator.call("GET", "/-/ready")
        code = actuator.stop(number)

    assert (status, ready["mode"]) == (200, "act")
    assert code == 0
    assert actuator.lines[-1]["event"] == "actuator.stopped"
    assert not [line for line in actuator.lines if line["level"] in {"error", "critical"}]


def test_a_silent_connection_is_closed(tmp_path: Path) -> None:
    """A connection that asks for nothing does not stay: enough of them would be all that the process may hold."""
    with running(written(tmp_path, configuration(tmp_path))) as actuator:
        with socket.create_connection((actuator.host, actuator.port), timeout=60) as connection:
            connection.sendall(b"POST /api/v1/alerts HTTP/1.1\r\n")

            assert connection.recv(1) == b""
        actuator.stop()


def test_stops_while_somebody_follows(tmp_path: Path) -> None:
    """A reader of a job's events does not keep it from stopping."""
    keys = configuration(tmp_path) | {"mode": "act"}
    with running(written(tmp_path, keys)) as actuator:
        _, answer = actuator.call("POST", "/api/v1/jobs", {"node": "pve2", "vmid": 100})
        connection = http.client.HTTPConnection(actuator.host, actuator.port, timeout=30)
        connection.request(
            "GET", f"/api/v1/jobs/{answer['job']['id']}/events", headers={"Authorization": f"Bearer {CALLER_TOKEN}"}
        )
        stream = connection.getresponse()
        stream.readline()
        code = actuator.stop()
        connection.close()

    assert code == 0


def test_nothing_is_lost_by_a_restart(tmp_path: Path) -> None:
    """A job that was accepted is there after a kill and a restart, and its runner takes it up again."""
    config = written(tmp_path, configuration(tmp_path))
    with running(config) as actuator:
        _, answer = actuator.call("POST", "/api/v1/jobs", {"node": "pve2", "vmid": 100})
        actuator.process.kill()
        actuator.process.wait()
    with running(config) as actuator:
        status, job = actuator.call("GET", f"/api/v1/jobs/{answer['job']['id']}")
        actuator.told("runner.leads")
        actuator.stop()

    assert status == 200
    assert job["order"]["vmid"] == 100


def test_cautions_are_loud(tmp_path: Path) -> None:
    """What an operator should know is a warning at each start: observing only, trusting anybody."""
    with running(written(tmp_path, configuration(tmp_path) | {"mode": "observe"})) as actuator:
        actuator.stop()

    warnings = [line["message"] for line in actuator.lines if line["event"] == "actuator.caution"]
    assert {line["level"] for line in actuator.lines if line["event"] == "actuator.caution"} == {"warning"}
    assert any("mode is 'observe'" in message for message in warnings)
    assert any("proxmox.verify is false" in message for message in warnings)


def test_secrets_are_in_no_line(tmp_path: Path) -> None:
    """Neither log nor metrics nor database hold a secret after a job was begun and refused."""
    with running(written(tmp_path, configuration(tmp_path))) as actuator:
        actuator.call("POST", "/api/v1/jobs", {"node": "pve2", "vmid": 100})
        actuator.call("POST", "/api/v1/jobs", {"node": "pve2", "vmid": 100})
        actuator.await_line("intake.decided")
        _, metrics = actuator.call("GET", "/metrics")
        actuator.stop()

    assert 'wattshift_decisions_total{reason="accepted"}' in metrics
    assert "_created" not in metrics  # a series more for each, that nobody asks for

    for secret in (CALLER_TOKEN, PROXMOX_SECRET):
        assert secret not in json.dumps(actuator.lines)
        assert secret not in metrics
        for file in tmp_path.glob("actuator.db*"):
            assert secret.encode() not in file.read_bytes()


def test_address_in_use(tmp_path: Path) -> None:
    """A second one on the same address says so in a sentence, and touches nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        keys = configuration(tmp_path) | {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
        done = run("serve", "--config", str(written(tmp_path, keys)))

    assert done.returncode == 1
    assert "is in use already" in json.loads(done.stderr.splitlines()[-1])["message"]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "actuator.db").exists()


def test_answers_do_not_wait_for_acknowledgement() -> None:
    """A connection sends an answer's head and body at once, instead of holding the body back for some 40 ms."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("address", ["203.0.113.1:19093", "no-such-host.invalid:19093"])
def test_an_address_that_is_not_ours(tmp_path: Path, address: str) -> None:
    """An address that this machine does not have is said in a sentence."""
    done = run("serve", "--config", str(written(tmp_path, configuration(tmp_path) | {"listen": address})))

    assert done.returncode == 1
    assert f"cannot listen on {address}" in json.loads(done.stderr.splitlines()[-1])["message"]
    assert "Traceback" not in done.stderr


def test_no_database(tmp_path: Path) -> None:
    """A database that cannot be opened is said in a sentence before anything is served."""
    keys = configuration(tmp_path) | {"database": f"sqlite:///{tmp_path}/nowhere/actuator.db"}
    done = run("serve", "--config", str(written(tmp_path, keys)))

    assert done.returncode == 1
    assert "create its folder" in json.loads(done.stderr.splitlines()[-1])["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_wrong_configuration(tmp_path: Path, command: str) -> None:
    """A fault of the configuration is exit status 2 with file, key and expectation, whichever command reads it."""
    keys = configuration(tmp_path) | {"mode": "perhaps"}
    done = run(command, "--config", str(written(tmp_path, keys)))

    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/actuator.yml: mode: expected 'observe' or 'act', found 'perhaps'\n"


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A valid configuration is confirmed, with what an operator should know; nothing is created."""
    code = main(["check-config", "--config", str(written(tmp_path, configuration(tmp_path)))])
    told = capsys.readouterr()

    assert code == 0
    assert told.out == f"{tmp_path}/actuator.yml: valid; mode act, nodes pve, pve2\n"
    assert "proxmox.verify is false" in told.err
    assert not (tmp_path / "actuator.db").exists()


def test_check_config_reads_the_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token's file that is missing is found before the actuator is started."""
    path = written(tmp_path, configuration(tmp_path))
    (tmp_path / "alertmanager-token").unlink()

    assert main(["check-config", "--config", str(path)]) == 2
    assert "tokens.0.file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["serve"], ["dance"]])
def test_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command line that is wrong is exit status 2 with its usage."""
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2
    assert "usage: wattshift-actuator" in capsys.readouterr().err
