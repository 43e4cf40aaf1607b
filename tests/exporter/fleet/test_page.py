"""The page: what it refuses, what it shows, and when."""

from __future__ import annotations

import os
import shlex
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fleet.modules_file import ModulesFile
from exporter.fleet.page import FleetPage, margin, not_set_up, scrape_timeout
from exporter.fleet.probes import Probes
from exporter.web.page import Answer, Request
from tests.exporter.recordings import play_inactive_ipmitool, play_ipmitool, write_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULES = """\
modules:
  default: {user: admin, pass: hunter2, timeout: 60s}
  hasty: {pass: hunter2, timeout: 50ms}
  careful: {pass: hunter2, targets: [192.0.2.0/24, "2001:db8::/32", bmc.example]}
  trusting: {pass: hunter2, accept_inactive: true}
"""

ACTIVE = """\
# HELP wattshift_dcmi_watts Power the BMC measured last.
# TYPE wattshift_dcmi_watts gauge
wattshift_dcmi_watts{node="bmc1",target="bmc1:6230"} 212.0
# HELP wattshift_dcmi_min_watts Lowest power over the BMC's window.
# TYPE wattshift_dcmi_min_watts gauge
wattshift_dcmi_min_watts{node="bmc1",target="bmc1:6230"} 28.0
# HELP wattshift_dcmi_max_watts Highest power over the BMC's window.
# TYPE wattshift_dcmi_max_watts gauge
wattshift_dcmi_max_watts{node="bmc1",target="bmc1:6230"} 462.0
# HELP wattshift_dcmi_average_watts Mean power over the BMC's window.
# TYPE wattshift_dcmi_average_watts gauge
wattshift_dcmi_average_watts{node="bmc1",target="bmc1:6230"} 201.0
# HELP wattshift_dcmi_period_seconds Length of the BMC's window.
# TYPE wattshift_dcmi_period_seconds gauge
wattshift_dcmi_period_seconds{node="bmc1",target="bmc1:6230"} 3600.0
# HELP wattshift_dcmi_active Whether the BMC says that its meter is active (1) or not (0).
# TYPE wattshift_dcmi_active gauge
wattshift_dcmi_active{node="bmc1",target="bmc1:6230"} 1.0
# HELP wattshift_source_up Whether the source's newest read gave power (1) or not (0).
# TYPE wattshift_source_up gauge
wattshift_source_up{node="bmc1",source="dcmi"} 1.0
# HELP wattshift_source_duration_seconds How long the source's newest read took.
# TYPE wattshift_source_duration_seconds gauge
"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[FleetPage]:
    """The page, with an ipmitool in ``tmp_path`` that plays an active meter."""
    play_ipmitool(tmp_path, "active")
    path = tmp_path / "modules.yml"
    path.write_text(MODULES)
    probes = Probes({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    yield FleetPage(ModulesFile(path), probes)
    probes.close()


def get(page: FleetPage, query: str, timeout: str | None = None) -> Answer:
    """Ask for the page."""
    headers = Message()
    if timeout is not None:
        headers["X-Prometheus-Scrape-Timeout-Seconds"] = timeout
    return page(Request(parse_qs(query, keep_blank_values=True), headers))


def test_a_bmc_that_answers_shows_its_figures_and_that_it_is_up(page: FleetPage) -> None:
    """All of it but how long it took, which nobody knows before."""
    answer = get(page, "target=bmc1:6230")
    body = answer.body.decode()

    assert answer.status == 200
    assert body.startswith(ACTIVE)
    assert body[len(ACTIVE) :].startswith('wattshift_source_duration_seconds{node="bmc1",source="dcmi"} ')
    assert body.count("\n") == ACTIVE.count("\n") + 1


@pytest.mark.parametrize(("recording", "reason"), [("deact", "inactive"), ("ccd4", "permission")])
def test_a_bmc_that_fails_is_an_answer_with_its_reason(
    page: FleetPage, tmp_path: Path, recording: str, reason: str
) -> None:
    """Up is 0, the reason is a series, and no watts are made up."""
    play_ipmitool(tmp_path, recording)
    answer = get(page, "target=bmc1&module=default")
    body = answer.body.decode()

    assert answer.status == 200
    assert 'wattshift_source_up{node="bmc1",source="dcmi"} 0.0\n' in body
    assert f'wattshift_source_failure{{node="bmc1",reason="{reason}",source="dcmi"}} 1.0\n' in body
    assert "_watts" not in body


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "expected one target"),
        ("target=", 400, "expected a host name"),
        ("target=a&target=b", 400, "expected one target"),
        ("target=-Hx", 400, "expected a host name"),
        ("target=a%0Ab", 400, "expected a host name"),
        ("target=a&module=nobody", 400, "module 'nobody' is not in the modules file"),
        ("target=a&module=", 400, "module '' is not in the modules file"),
        ("target=a&module=default&module=hasty", 400, "expected one module"),
        ("target=a:623%0a", 400, "expected a host name"),
        ("target=a:%EF%BC%96%EF%BC%92%EF%BC%93", 400, "expected a host name"),
        ("target=192.0.2.7.&module=careful", 400, "expected a host name"),
        ("target=%5B::ffff:192.0.2.7%5D&module=careful", 403, "not among"),
        ("target=192.0.3.1&module=careful", 403, "not among the targets of module 'careful'"),
        ("target=a&module=careful", 403, "not among the targets"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(page: FleetPage, query: str, status: int, words: str) -> None:
    """One line that says what was expected, and no BMC is asked."""
    answer = get(page, query)
    body = answer.body.decode()

    assert answer.status == status
    assert words in body
    assert body.count("\n") == 1
    assert "hunter2" not in body
    assert "hasty" not in body.replace(query, "")  # whoever asks need not learn what other modules there are


def test_a_listed_target_is_asked(page: FleetPage) -> None:
    """The list lets through what it means."""
    assert get(page, "target=192.0.2.9&module=careful").status == 200


@pytest.mark.parametrize(
    ("asked", "called"), [("[2001:DB8:0::7]:00623", "[2001:db8::7]:623"), ("BMC.Example.", "bmc.example")]
)
def test_the_list_and_the_label_mean_the_host_in_its_one_spelling(page: FleetPage, asked: str, called: str) -> None:
    """An odd spelling of a listed host is that host, and starts no series of its own."""
    answer = get(page, f"target={asked}&module=careful")

    assert answer.status == 200
    assert f'target="{called}"}} 212.0' in answer.body.decode()


def test_a_module_may_believe_a_meter_that_calls_itself_deactivated(page: FleetPage, tmp_path: Path) -> None:
    """Its own module only; the meter's word is shown beside the watts."""
    play_inactive_ipmitool(tmp_path)
    believed = get(page, "target=bmc1&module=trusting").body.decode()

    assert 'wattshift_dcmi_watts{node="bmc1",target="bmc1"} 212.0' in believed
    assert 'wattshift_dcmi_active{node="bmc1",target="bmc1"} 0.0' in believed
    assert 'reason="inactive"' in get(page, "target=bmc1").body.decode()


def test_no_ipmitool_is_started_for_a_scrape_without_time(page: FleetPage, tmp_path: Path) -> None:
    """It would be killed before it can log in: a timeout at once costs nobody anything."""
    log = tmp_path / "log"
    write_program(tmp_path, "ipmitool", f"echo >> {shlex.quote(str(log))}")
    body = get(page, "target=bmc1", "0.1").body.decode()

    assert 'reason="timeout"' in body
    assert not log.exists()


def test_without_modules_the_page_says_how_to_have_them() -> None:
    """Rather than being unknown."""
    answer = not_set_up(Request({}, Message()))

    assert answer.status == 404
    assert b"--dcmi.modules-file" in answer.body


def test_the_modules_deadline_counts_without_a_header(page: FleetPage, tmp_path: Path) -> None:
    """A BMC that hangs costs the module's timeout."""
    write_program(tmp_path, "ipmitool", "exec sleep 600")

    assert 'reason="timeout"' in get(page, "target=bmc1&module=hasty").body.decode()
    assert 'reason="timeout"' in get(page, "target=bmc1&module=hasty", "1e9").body.decode()


def test_the_scrapers_timeout_counts_when_it_is_shorter(page: FleetPage, tmp_path: Path) -> None:
    """The answer comes before Prometheus hangs up, although the module would allow a minute."""
    write_program(tmp_path, "ipmitool", "exec sleep 600")
    body = get(page, "target=bmc1", "0.6").body.decode()

    assert 'reason="timeout"' in body
    took = next(line for line in body.splitlines() if line.startswith("wattshift_source_duration_seconds"))
    assert float(took.split()[-1]) < 59


@pytest.mark.parametrize("header", ["", "soon", "nan", "inf", "-inf", "-1", "0", "1,5", "10 s"])
def test_a_header_that_is_nonsense_is_ignored(header: str) -> None:
    """As if there were none."""
    assert scrape_timeout(header) == float("inf")


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_there_is_always_time_to_read_and_time_to_answer(limit: float) -> None:
    """The deadline is above zero, before the scraper's own, by half a second where that can be."""
    left = scrape_timeout(str(limit)) - margin(limit)

    assert 0 < left < limit
    assert margin(limit) == pytest.approx(min(0.5, limit / 2))


def test_trouble_is_logged_when_it_is_new(page: FleetPage, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once with what to do, and once when it is over; never the password."""
    caplog.set_level("INFO")
    said = shlex.quote("> RAKP 2 HMAC is invalid\nError: Unable to establish IPMI v2 / RMCP+ session")
    write_program(tmp_path, "ipmitool", f"echo {said}; exit 1")
    for _ in range(3):
        get(page, "target=bmc1")
    play_ipmitool(tmp_path, "active")
    for _ in range(2):
        get(page, "target=bmc1")

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("BMC bmc1: auth: the BMC refused the session: check user, password")
    assert lines[1] == "BMC bmc1: up"


def test_made_up_targets_fill_no_memory(page: FleetPage, tmp_path: Path) -> None:
    """What was told is remembered of so many BMCs, not of all."""
    (tmp_path / "ipmitool").unlink()
    probes = Probes({"PATH": str(tmp_path)})
    made_up = FleetPage(ModulesFile(tmp_path / "modules.yml"), probes)
    for number in range(1100):
        get(made_up, f"target=bmc{number}")

    assert len(made_up._told) == 1024
    assert ("bmc0", "default") not in made_up._told
    assert ("bmc1099", "default") in made_up._told


def test_made_up_targets_do_not_fill_the_log(tmp_path: Path, page: FleetPage, caplog: pytest.LogCaptureFixture) -> None:
    """So many lines at once and one more each while; the others are for who debugs."""
    caplog.set_level("DEBUG", "exporter.fleet.page")
    (tmp_path / "ipmitool").unlink()
    now = [0.0]
    made_up = FleetPage(ModulesFile(tmp_path / "modules.yml"), Probes({"PATH": str(tmp_path)}), lambda: now[0])
    for number in range(150):
        get(made_up, f"target=bmc{number}")
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING"] * 100 + ["DEBUG"] * 50

    now[0] += 6.0
    for number in range(150, 152):
        get(made_up, f"target=bmc{number}")
    assert [record.levelname for record in caplog.records[150:]] == ["WARNING", "DEBUG"]
