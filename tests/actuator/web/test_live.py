"""What an open page is sent while it is open."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from actuator.auth import Tokens, presented
from actuator.policy.jobs import Checkpoint, JobState, Progress
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import OPERATE_TOKEN, World, served
from tests.actuator.web.visits import HOSTILE, Read, Visitor, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1024**3


@dataclass
class Stream:
    """A page's stream, as it comes over the network."""

    answer: http.client.HTTPResponse

    def next(self) -> tuple[str, Any]:
        """The next event, by name, with what it says; the page's content is read as JSON."""
        event, data = "", ""
        for line in self.answer:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif not name and event:
                return event, json.loads(data) if event == "page" else data
        return "end", ""

    def until(self, words: str) -> Read:
        """The first page from now on that has these words."""
        while True:
            event, content = self.next()
            assert event in {"page", "beat"}, (event, content)
            if event == "page" and words in (page := Read(content["html"])).text:
                return page


@contextmanager
def watched(world: World, path: str = "/live") -> Iterator[Stream]:
    """Open a stream, signed in."""
    key = parts(world).sessions.begin(presented(OPERATE_TOKEN))
    with served(world) as (host, port):
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.request("GET", path, headers={"Cookie": f"wattshift-{port}={key}", "Accept": "text/event-stream"})
        try:
            yield Stream(connection.getresponse())
        finally:
            connection.close()


def test_an_open_page_is_kept_up_to_date(world: World) -> None:
    """The whole state comes first, then each change as it happens: a job, how far it is, its end."""
    with watched(world) as stream:
        stream.until("Nothing is under way.")
        job_id = begin(world)["id"]
        stream.until("Guest 100 web from pve2 to pve queued")
        for state in (JobState.PREFLIGHT, JobState.AWAITING_READY):
            world.lead(job_id, state)
        for moved in (1, 2, 3):
            progress = Progress(moved * GIB, 4 * GIB)
            world.lead(job_id, JobState.MIGRATING, checkpoint=Checkpoint(known_upids=(), progress=progress))

            assert stream.until(f"{moved * 25} %").values("progress", "value") == [str(moved * 25)]
        world.lead(job_id, JobState.VERIFYING)
        world.lead(job_id, JobState.SUCCEEDED)

        assert "succeeded Guest 100 web" in stream.until("Nothing is under way.").text


def test_what_is_said_aloud_changes_seldom(world: World) -> None:
    """A reader of screens hears of each quarter of a migration, not of each percent."""
    job_id = begin(world)["id"]
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY):
        world.lead(job_id, state)
    said = []
    with watched(world) as stream:
        for percent in (24, 26, 27, 49, 50):
            progress = Progress(percent, 100)
            world.lead(job_id, JobState.MIGRATING, checkpoint=Checkpoint(known_upids=(), progress=progress))
            while f"{percent} %" not in (content := stream.next()[1])["html"]:
                pass
            said.append(content["said"].partition(": ")[2])

    assert said == [f"migrating, {share} percent." for share in (0, 25, 25, 25, 50)]


def test_a_jobs_page_is_followed(world: World) -> None:
    """A job's page gets its history, and hostile words come as words."""
    job_id = begin(world)["id"]
    with watched(world, f"/live?job={job_id}") as stream:
        stream.until("queued")
        world.lead(job_id, JobState.PREFLIGHT, message=f"Proxmox says {HOSTILE}")
        page = stream.until(f"Proxmox says {HOSTILE}")

    assert "script" not in {tag for tag, _ in page.tags}


def test_nothing_in_between_keeps_news_back(world: World) -> None:
    """A proxy is told to hand on what it gets as it comes, and nobody to keep it."""
    with watched(world) as stream:
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.answer.headers["Content-Encoding"] is None


def test_a_job_that_is_not_there(world: World) -> None:
    """There is nothing to follow, and the page is told so."""
    with watched(world, "/live?job=nothing") as stream:
        assert stream.next()[0] == "over"


def test_a_quiet_page_hears_beats(world: World) -> None:
    """While nothing changes a beat tells that this is so."""
    parts(world).beat_seconds = 0.0
    with watched(world) as stream:
        stream.until("pve2 on")

        assert stream.next() == ("beat", "")


def test_a_removed_token_ends_the_stream(world: World) -> None:
    """What a reload takes away is not shown any longer to those who watch, either."""
    with watched(world) as stream:
        stream.until("pve2 on")
        world.gate.tokens = Tokens([])
        event, sentence = stream.next()

        assert event == "over"
        assert "sign in again" in sentence
        assert stream.next() == ("end", "")


def test_a_database_that_fails_is_told(world: World) -> None:
    """The page stands still, and says why."""
    with watched(world) as stream:
        stream.until("pve2 on")
        world.break_database()
        event, sentence = stream.next()

    assert event == "trouble"
    assert "The database does not answer" in sentence


def test_a_page_that_stands_still_hears_no_beat(world: World) -> None:
    """A beat says that all is as it is shown; while the database fails, nobody knows that. The log tells it once."""
    parts(world).beat_seconds = 0.0
    with capture_logs() as logged, watched(world) as stream:
        stream.until("pve2 on")
        world.break_database()
        while (event := stream.next()[0]) in {"page", "beat"}:
            pass

        assert [event, *(stream.next()[0] for _ in range(3))] == ["trouble"] * 4
    assert [line["event"] for line in logged].count("page.interrupted") == 1


def test_a_reader_that_takes_nothing_makes_room(world: World) -> None:
    """A browser that was stopped keeps its connection open; it is given up, as one that went away would be."""
    parts(world).send_seconds = 0.1
    job_id = begin(world)["id"]
    with watched(world, f"/live?job={job_id}") as stream:
        stream.until("queued")
        deadline = time.monotonic() + 30
        for number in itertools.count():
            if not parts(world).watching:
                break
            assert time.monotonic() < deadline, "still counted"
            world.lead(job_id, JobState.PREFLIGHT, message=f"{number} ".ljust(1_000_000, "."))


def test_streams_are_bounded(world: World, operator: Visitor) -> None:
    """Some dozens of pages are watched at a time; one more is told to be loaded again, and hangs up nobody."""
    parts(world).watching = 32
    answer = operator.client.get("/live")

    assert answer.status_code == 503
    assert "watched already" in Read(answer.text).text


def test_streams_that_begin_at_once_are_bounded(world: World) -> None:
    """The bound holds for those that come together, as after a restart, when all browsers call again."""
    key = parts(world).sessions.begin(presented(OPERATE_TOKEN))
    with served(world) as (host, port), ExitStack() as opened:
        for connection in (calls := [http.client.HTTPConnection(host, port, timeout=30) for _ in range(64)]):
            opened.callback(connection.close)
            connection.connect()
        for connection in calls:
            connection.request("GET", "/live", headers={"Cookie": f"wattshift-{port}={key}"})

        assert Counter(connection.getresponse().status for connection in calls) == {200: 32, 503: 32}


def test_a_reader_that_leaves_makes_room(world: World) -> None:
    """A page that is closed is not counted any more."""
    with watched(world) as stream:
        stream.until("pve2 on")

        assert parts(world).watching == 1

    assert parts(world).watching == 0


@pytest.mark.parametrize("path", ["/live", "/live?job=x"])
def test_a_stranger_gets_none(world: World, path: str) -> None:
    """A stream is not sent elsewhere to sign in, since its browser would try that again and again."""
    answer = Visitor(world).client.get(path, headers={"Accept": "text/event-stream"}, follow_redirects=False)

    assert answer.status_code == 401
