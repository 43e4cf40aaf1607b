"""Which actuator is called, and what is said when it cannot be."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from argparse import ArgumentParser
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from actuator.cli import main
from actuator.commands.client import Address, Client
from actuator.commands.connection import add_flags, connect, url_of
from actuator.commands.ending import CommandFailed
from actuator.commands.events import read_events
from actuator.settings import Settings
from tests.actuator.configuration import CALLER_TOKEN, configuration, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Handler = http.server.BaseHTTPRequestHandler


def address(arguments: list[str], environment: dict[str, str]) -> Address:
    """Where a command with these flags would call."""
    parser = ArgumentParser()
    add_flags(parser)
    return connect(parser.parse_args(arguments), environment)._address


def test_flags_win_over_the_environment_and_that_over_the_configuration(tmp_path: Path) -> None:
    """Each of address and token is taken from the first place that has it."""
    config = written(tmp_path, configuration(tmp_path) | {"listen": "0.0.0.0:19093"})
    for name in ("flag", "variable"):
        (tmp_path / name).write_text(f"token-of-the-{name}")
    environment = {"WATTSHIFT_URL": "http://variable:1/", "WATTSHIFT_TOKEN_FILE": str(tmp_path / "variable")}
    flags = ["--url=https://flag", f"--token-file={tmp_path / 'flag'}"]

    assert address([f"--config={config}"], {}) == Address(
        "http://127.0.0.1:19093", CALLER_TOKEN, str(tmp_path / "alertmanager-token")
    )
    assert address([], environment) == Address("http://variable:1", "token-of-the-variable", str(tmp_path / "variable"))
    assert address(flags, environment) == Address("https://flag", "token-of-the-flag", str(tmp_path / "flag"))
    assert "token-of" not in repr(address(flags, environment))


def test_the_operators_token_is_preferred_and_a_hashed_one_is_none(tmp_path: Path) -> None:
    """Of the configuration's tokens the operator's is shown, unless its file holds only what is good for comparing."""
    keys = configuration(tmp_path)
    (tmp_path / "operator").write_text("operators-own-token-here")
    keys["tokens"].append({"name": "operator", "file": "operator", "scopes": ["operate"]})
    config = written(tmp_path, keys)

    assert address([f"--config={config}"], {}).token == "operators-own-token-here"
    (tmp_path / "operator").write_text(f"sha256:{'0' * 64}")
    assert address([f"--config={config}"], {}).token == CALLER_TOKEN


def test_of_two_tokens_in_a_file_the_newest_is_shown(tmp_path: Path) -> None:
    """While one replaces another the file has both; a line that holds a hash can be shown to nobody."""
    file = tmp_path / "token"
    flags = ["--url=http://x", f"--token-file={file}"]
    file.write_text("the-old-one\n\n  the-new-one  \n")
    assert address(flags, {}).token == "the-new-one"

    file.write_text(f"the-old-one\nsha256:{'0' * 64}\n")
    assert address(flags, {}).token == "the-old-one"


def test_our_certificate_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    """With both files a command gets in; without them it is told of the flags; one without the other is refused."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("operator@example.org")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    (tmp_path / "token").write_text("a-token")
    with stand_in(lambda handler: said(handler, 200, b'{"jobs": []}'), context) as client:
        url = client._address.url
        flags = [f"--url={url}", f"--token-file={tmp_path / 'token'}", f"--ca-file={tmp_path / 'ca.pem'}"]
        shown = [f"--cert-file={tmp_path / 'cert.pem'}", f"--key-file={tmp_path / 'key.pem'}"]

        assert main(["jobs", *flags, *shown]) == 0
        assert main(["jobs", *flags]) == 3
        assert main(["jobs", *flags, shown[0]]) == 2
        assert main(["jobs", *flags, shown[0], "--key-file=nowhere"]) == 2


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("[::]:1", "http://[::1]:1"),
        ("[fd00::1]:2", "http://[fd00::1]:2"),
        ("pve.example.org:3", "http://pve.example.org:3"),
    ],
)
def test_where_it_listens_is_where_it_is_called(tmp_path: Path, listen: str, url: str) -> None:
    """An address that means every interface is called by the loopback, an IPv6 one stands in brackets."""
    assert url_of(Settings.load(written(tmp_path, configuration(tmp_path) | {"listen": listen}))) == url


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--url=http://127.0.0.1:1", "--token-file=nowhere"], "The token file nowhere cannot be read"),
        (["--url=127.0.0.1:1", "--token-file=nowhere"], "expected an address such as http://127.0.0.1:19093"),
        (["--url=http://127.0.0.1:1", "--token-file=empty"], "holds no token"),
        (["--config=nowhere.yml"], "nowhere.yml: cannot be read"),
        (["--url=https://127.0.0.1:1", "--token-file=token", "--ca-file=nowhere"], "there is no such file"),
        (["--limit=many"], "invalid int value"),
        (["show", "../../x"], "expected a job's id"),
    ],
)
def test_a_wrong_call_is_exit_status_2(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the caller has to mend is said with the name of the flag or file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "token").write_text("a-token")
    try:
        status = main(["jobs", *arguments])
    except SystemExit as left:
        status = int(str(left.code))

    assert status == 2
    assert says in capsys.readouterr().err


def test_without_any_token_it_is_said_where_to_put_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine without the configuration the flag and the variable are named."""
    monkeypatch.delenv("WATTSHIFT_TOKEN_FILE", raising=False)

    assert main(["jobs", "--url=http://127.0.0.1:1"]) == 2
    assert "--token-file or WATTSHIFT_TOKEN_FILE" in capsys.readouterr().err


def test_nobody_there_is_exit_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An actuator that does not run is said with the command that shows why."""
    (tmp_path / "token").write_text("a-token")

    assert main(["jobs", "--url=http://127.0.0.1:1", f"--token-file={tmp_path / 'token'}"]) == 3
    assert "systemctl status wattshift-actuator" in capsys.readouterr().err


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of callers that it does not let in."""

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def stand_in(answer: Callable[[Handler], None], tls: ssl.SSLContext | None = None) -> Iterator[Client]:
    """A client of something that answers as it likes."""

    class Answering(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = Quiet(("127.0.0.1", 0), Answering)
    if tls is not None:
        # The handshake takes place in the connection's own thread, where its failure stops nobody.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        yield Client(Address(url, "very-secret-indeed", "a file"), sleep=lambda _: None)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(handler: Handler, status: int, body: bytes) -> None:
    """Answer so."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (200, b"<html>", 3, "check --url"),
        (200, b"[]", 3, "check --url"),
        (404, b"not found", 3, "check --url"),
        (302, b"", 3, "check --url"),
        (401, b'{"message": "Send it."}', 2, "Send it. Name another one with --token-file."),
        (403, b'{"message": "It lacks the scope operate."}', 2, "It lacks the scope operate."),
        (409, b'{"message": "Paused."}', 1, "Paused."),
        (503, b'{"message": "Proxmox cannot be asked."}', 3, "Proxmox cannot be asked."),
    ],
)
def test_each_answer_has_its_exit_status(status: int, body: bytes, code: int, says: str) -> None:
    """A refusal is told in the actuator's own words; what is no answer of it points at the address."""
    with stand_in(lambda handler: said(handler, status, body)) as client, pytest.raises(CommandFailed) as failed:
        client.get("/jobs")

    assert failed.value.status == code
    assert says in str(failed.value)
    assert "very-secret-indeed" not in str(failed.value)


def test_a_stream_that_breaks_goes_on_where_it_broke() -> None:
    """Dropped in the middle of an event, then refused for a while: no event is lost, none comes twice."""
    events = {number: json.dumps({"id": number}) for number in range(1, 6)}
    asked: list[str | None] = []

    def answer(handler: Handler) -> None:
        asked.append(handler.headers["Last-Event-ID"])
        last = int(handler.headers["Last-Event-ID"])
        if len(asked) == 2:
            said(handler, 503, b'{"message": "The database did not answer."}')
            return
        if last == len(events):
            handler.send_response(204)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        told = [f"id: {number}\r\ndata: {events[number]}\r\n\r\n" for number in range(last + 1, len(events) + 1)]
        for part in (*told[:2], ": ping\r\n\r\ndata: {half"):
            handler.wfile.write(f"{len(part):x}\r\n{part}\r\n".encode())
        handler.close_connection = True  # without the last chunk

    with stand_in(answer) as client:
        followed = list(client.follow("abc"))

    assert followed == [{"id": number} for number in events]
    assert asked == ["0", "2", "2", "4", "5"]


def test_a_stream_that_never_comes_is_given_up() -> None:
    """After a dozen tries without anything in between it is said that the actuator does not answer."""
    asked = []

    def answer(handler: Handler) -> None:
        asked.append(handler.path)
        said(handler, 503, b"{}")

    with stand_in(answer) as client, pytest.raises(CommandFailed) as failed:
        list(client.follow("abc"))

    assert failed.value.status == 3
    assert len(asked) == 12


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_events_survive_any_cut(texts: list[str], end: str, cuts: list[int]) -> None:
    """However the network cuts the stream, in a line end or in a character, the same events come out."""
    stream = "".join(f"id: {number}{end}data: {text}{end}{end}" for number, text in enumerate(texts, 1)).encode()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[low:high] for low, high in pairwise(edges)]
    found = list(read_events([*chunks, end.encode() + b": end" + end.encode()]))

    assert found == list(enumerate(texts, 1))


def test_health_is_asked_without_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where none can be shown, as with hashed ones, the question goes out bare; what is in the way is said."""
    keys = configuration(tmp_path)
    (tmp_path / "alertmanager-token").write_text(f"sha256:{'0' * 64}")
    config = written(tmp_path, keys)
    asked = []

    def answer(handler: Handler) -> None:
        asked.append((handler.path, handler.headers["Authorization"]))
        said(handler, 503, b'{"message": "Restart it."}') if len(asked) > 1 else said(handler, 200, b"{}")

    with stand_in(answer) as client:
        command = ["healthy", f"--config={config}", f"--url={client._address.url}"]
        statuses = [main(command), main(command)]

    assert asked == [("/-/healthy", None)] * 2
    assert statuses == [0, 3]
    assert capsys.readouterr().err == "Restart it.\n"
