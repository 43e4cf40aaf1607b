"""Watts asked of Prometheus: of the real one, and of one that misbehaves."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from actuator.adapters.prometheus import QUERY, Prometheus, PrometheusAccess, PrometheusClient, PrometheusError, read
from actuator.policy.power import Power
from tests.actuator.real_prometheus import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox

MEASURED = """\
wattshift_node_watts{node="pve2",source="dcmi"} 84.5
wattshift_node_watts{node="pve",source="rapl"} 20
wattshift_node_watts{node="nan",source="dcmi"} NaN
wattshift_guest_watts{node="pve2",id="qemu/100",name="web"} 31.25
wattshift_guest_watts{node="pve2",id="lxc/101",name="db"} 4
wattshift_guest_watts{node="pve2",id="host",name=""} 9
wattshift_guest_watts{node="pve2",id="idle",name=""} 40.25
wattshift_threshold{node="pve2",source="dcmi",vmid="100",target_node="pve"} 90
wattshift_threshold{node="pve2",source="dcmi"} 120
wattshift_threshold{node="pve",source="dcmi"} 50
"""


def sample(kind: str, value: object = "1", **labels: str) -> dict[str, Any]:
    """A sample as Prometheus gives it."""
    return {"metric": {"wattshift_kind": kind, **labels}, "value": [1790000000.0, value]}


def test_the_real_one_tells_nodes_thresholds_and_guests(toolbox: Toolbox, tmp_path: Path) -> None:
    """One question to a real Prometheus: means by node and guest, and the lowest threshold of the node's own source."""
    with serving(toolbox, tmp_path, MEASURED) as url:
        power = Prometheus(PrometheusAccess(url, timeout_seconds=10)).power()
        client = PrometheusClient(PrometheusAccess(url))
        with pytest.raises(PrometheusError, match="parse error"):
            client.query("wattshift_node_watts{")

    assert power.node_watts == {"pve2": 84.5, "pve": 20}
    assert power.node_thresholds == {"pve2": 90}  # pve's is meant for another source
    assert power.guest_watts == {100: 31.25, 101: 4}


def test_what_can_be_no_power_is_left_out() -> None:
    """NaN, infinities, negative figures and what is no number are unknown, each with its sentence."""
    bad = ["NaN", "+Inf", "-1", "many", None]
    power, doubts = read([sample("node", value, node=f"n{n}", source="dcmi") for n, value in enumerate(bad)])

    assert power == Power()
    assert len(doubts) == len(bad)


def test_two_figures_for_a_node_are_none() -> None:
    """A node that is scraped twice, or measured by two sources, has no figure: which one is right is not known."""
    samples = [sample("node", node="pve", source="dcmi"), sample("node", node="pve", source="dcmi", instance="b")]
    power, doubts = read([*samples, sample("threshold", "9", node="pve", source="dcmi")])

    assert power == Power()
    assert doubts == ["node pve has 2 figures for its power, so none counts: scrape it once"]


def test_a_guest_on_two_nodes_is_unknown() -> None:
    """While a guest moves both nodes know it, and neither figure is the guest's."""
    power, doubts = read([sample("guest", node=node, id="qemu/100") for node in ("pve", "pve2")])

    assert (power, doubts) == (Power(), [])


_JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3))
_SAMPLES = st.fixed_dictionaries(
    {},
    optional={
        "metric": st.dictionaries(
            st.sampled_from(["wattshift_kind", "node", "source", "id"]),
            st.sampled_from(["node", "threshold", "guest", "pve", "qemu/100", "qemu/9", ""]),
        )
        | _JSON,
        "value": _JSON,
    },
)


@settings(deadline=None)
@given(st.lists(_SAMPLES, max_size=8))
def test_whatever_it_answers_figures_are_watts(samples: list[dict[str, Any]]) -> None:
    """No answer makes reading raise, and every figure that comes of it is a finite number of watts, 0 or more."""
    power, _ = read(samples)

    for figures in (power.node_watts, power.node_thresholds, power.guest_watts):
        assert all(0 <= watts < float("inf") for watts in figures.values())
    assert set(power.node_thresholds) <= set(power.node_watts)


@contextmanager
def stand_in(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Something that listens where Prometheus should, and answers as it likes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Answer so."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize(
    ("status", "body", "tells"),
    [
        (200, b"<html>", "no JSON"),
        (200, b"[]", "not what Prometheus answers"),
        (200, b'{"status":"success","data":{"result":{}}}', "no result"),
        (401, b"", "set prometheus.bearer_token_file"),
        (503, b'{"status":"error","error":"Service Unavailable"}', "Service Unavailable"),
        (302, b"", "no JSON"),
        (200, b"[" * 100_000, "not what Prometheus answers"),
    ],
)
def test_an_answer_of_another_kind_is_unknown_power(status: int, body: bytes, tells: str) -> None:
    """What is no answer of Prometheus leaves power unknown, and one sentence in the log says what to look at."""
    with stand_in(lambda handler: said(handler, status, body)) as url, capture_logs() as logs:
        prometheus = Prometheus(PrometheusAccess(url, timeout_seconds=10), monotonic=iter(range(0, 10**6, 60)).__next__)

        assert prometheus.power() == Power()
        assert prometheus.power() == Power()

    assert [tells in line["message"] for line in logs] == [True]


def test_nobody_there_is_unknown_power() -> None:
    """Without a Prometheus at the address power is unknown, and nothing is raised."""
    with capture_logs() as logs:
        assert Prometheus(PrometheusAccess("http://127.0.0.1:1")).power() == Power()

    assert "check prometheus.url" in logs[0]["message"]


def test_one_that_hangs_is_waited_for_once() -> None:
    """A Prometheus that never ends its answer costs one deadline, and then none for some seconds; it blocks nobody."""
    release = threading.Event()
    asked = []

    def hang(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        release.wait(30)
        said(handler, 200, b"{}")

    with stand_in(hang) as url:
        prometheus = Prometheus(PrometheusAccess(url, timeout_seconds=0.2))
        powers = [prometheus.power() for _ in range(50)]
        release.set()

    assert powers == [Power()] * 50
    assert asked == ["/api/v1/query"]


def test_it_is_asked_again_after_some_seconds_and_shows_its_token() -> None:
    """An answer stands for five seconds; each question carries the token, which no log and no error shows."""
    seen: list[str | None] = []

    def count(handler: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        result = [sample("node", str(len(seen)), node="pve", source="dcmi")]
        said(handler, 200, json.dumps({"status": "success", "data": {"result": result}}).encode())

    times = iter([0.0, 4.9, 5.0, 5.0])
    with stand_in(count) as url:
        access = PrometheusAccess(url, bearer_token="very-secret-indeed", timeout_seconds=10)
        prometheus = Prometheus(access, monotonic=lambda: next(times))
        watts = [prometheus.power().node_watts["pve"] for _ in range(3)]

    assert watts == [1, 1, 2]
    assert set(seen) == {"Bearer very-secret-indeed"}
    assert "very-secret-indeed" not in repr(access)


def test_the_question_is_one() -> None:
    """Nodes, thresholds and guests are one expression, so that all figures are of one moment."""
    assert QUERY.count(" or ") == 2
