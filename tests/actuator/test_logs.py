"""The log's form."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest

from actuator.logs import Sparing

SCRIPT = """
import io, logging, sys, structlog
from actuator import logs

class Terminal(io.StringIO):
    def isatty(self):
        return True

stream = Terminal() if sys.argv[1] == "terminal" else sys.stderr
logs.configure(stream)
log = structlog.get_logger("actuator.x")
log.warning("job.failed", job="j1", message="The guest stayed.")
logging.getLogger("uvicorn.error").error("from a library: %s", "broken")
logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
logging.getLogger("uvicorn.access").info("GET /metrics")
logging.getLogger("proxmoxer.core").info("POST with a body")
def send():
    header = "hush" * 3
    raise ValueError("a defect")
try:
    send()
except ValueError:
    log.exception("runner.defect")
if stream is not sys.stderr:
    sys.stderr.write(stream.getvalue())
"""


def logged(kind: str) -> str:
    """What a process logs, whose logging nobody else has configured."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, kind], capture_output=True, text=True, check=True, timeout=60)
    return done.stderr


def record(message: str, at: float) -> logging.LogRecord:
    """A library's line at some time."""
    line = logging.LogRecord("asyncio", logging.ERROR, "x.py", 1, message, None, None)
    line.created = at
    return line


@pytest.mark.parametrize(
    "message",
    [
        "socket.accept() out of system resource\nsocket: <asyncio.TransportSocket fd=7>",
        "Invalid HTTP request received.",
        "Exceeded concurrency limit.",
    ],
)
def test_a_flood_of_connections_is_a_line_a_minute(message: str) -> None:
    """What every single connection of a flood makes a library say is told once a minute, each kind for itself."""
    spared = Sparing()
    told = [at for at in range(0, 180, 5) if spared.filter(record(message, 1000.0 + at))]

    assert told == [0, 60, 120]
    assert Sparing().filter(record(message, 1000.0))


def test_nothing_else_is_kept_back() -> None:
    """Any other line is logged as often as it comes, and a clock that is set back silences nothing."""
    spared = Sparing()
    for at in (1000.0, 1000.0, 1001.0):
        assert spared.filter(record("Exception in ASGI application", at))
    for at in (1000.0, 900.0):
        assert spared.filter(record("Exceeded concurrency limit.", at))


def test_lines_of_json() -> None:
    """Without a terminal each event is one line of JSON, ours and the libraries' alike, tracebacks inside."""
    lines = [json.loads(line) for line in io.StringIO(logged("file"))]

    assert [line["event"] for line in lines] == [
        "job.failed",
        "from a library: broken",
        "Invalid HTTP request received.",
        "runner.defect",
    ]
    assert (lines[0]["level"], lines[0]["job"], lines[0]["message"]) == ("warning", "j1", "The guest stayed.")
    assert lines[0]["timestamp"].endswith("Z")
    assert lines[1]["logger"] == "uvicorn.error"
    assert "a defect" in str(lines[3]["exception"])


def test_a_terminal_gets_text() -> None:
    """A terminal gets the same for the eye."""
    text = logged("terminal")

    assert "job.failed" in text
    assert "from a library: broken" in text
    assert "GET /metrics" not in text
    assert "{" not in text.splitlines()[0]


@pytest.mark.parametrize("kind", ["file", "terminal"])
def test_a_traceback_shows_no_local_variables(kind: str) -> None:
    """What a function had in its hands, such as a request's headers, stays out of the log."""
    text = logged(kind)

    assert "in send" in text or '"name": "send"' in text
    assert "hushhushhush" not in text
