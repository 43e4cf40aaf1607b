"""What the benchmark measures with: a scraper's answers, and a process's costs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import proc
from tests.bench.scraper import NoAnswer, receive

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwatts"
CHUNKS = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwatts\r\n0\r\n\r\n"


def pieces(text: bytes, size: int) -> Callable[[], bytes]:
    """Return a function that gives ``text`` in parts of ``size``, then nothing, as a closed connection does."""
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return lambda: parts.pop(0) if parts else b""


@given(size=st.integers(1, 100))
def test_an_answer_ends_where_it_says(size: int) -> None:
    """However the network cuts it: by its length, or by its last chunk."""
    assert receive(pieces(LENGTH, size)) == (200, b"watts")
    assert receive(pieces(CHUNKS, size)) == (503, b"5\r\nwatts\r\n0\r\n\r\n")


@given(text=st.sampled_from([LENGTH, CHUNKS]), data=st.data())
def test_an_answer_that_was_cut_short_is_none(text: bytes, data: st.DataObject) -> None:
    """A connection that closes early must not count as a quick scrape."""
    with pytest.raises(NoAnswer):
        receive(pieces(text[: data.draw(st.integers(0, len(text) - 1))], 16))


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0\r\n\r\n"])
def test_an_answer_without_an_end_is_refused(text: bytes) -> None:
    """One would wait for it for ever."""
    with pytest.raises(NoAnswer, match="answered"):
        receive(pieces(text, 100))


def test_a_stat_file_is_read_behind_the_command() -> None:
    """The command may look like fields; times come in ticks."""
    text = "7 (a) S 1 b) (c) R 3 7 7 0 -1 4194304 0 0 0 0 100 50 20 10 20 0 1 0 99 4096 10"

    assert proc.parse_stat(text, 0.25) == proc.Stat(parent=3, own=37.5, children=7.5)


def test_memory_is_found_by_its_name() -> None:
    """Not by the beginning of its name."""
    text = "Pss_Dirty:   7 kB\nPss:        12 kB\n"

    assert proc.parse_kilobytes(text, "Pss") == 12
    with pytest.raises(KeyError):
        proc.parse_kilobytes(text, "VmRSS")


def test_a_child_costs_its_parent() -> None:
    """What a living child used is part of what the process cost, and the kernel lists it as a child."""
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\nimport sys; sys.stdin.read()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        living, used = proc.children(process.pid), proc.cpu_seconds(process.pid)
        childless = proc.is_childless(process.pid), proc.is_childless(living[0])
        process.communicate("")

    assert len(living) == 1
    assert childless == (False, True)
    assert used >= 0.2


def test_all_that_a_process_started_is_found() -> None:
    """Also what its children started; nobody's child is, and the memory of all of them is summed up."""
    script = "sh -c 'sh -c \"echo; read line\" ; exit' ; exit"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        below, direct = proc.descendants(process.pid), proc.children(process.pid)
        together, alone = proc.tree_kilobytes(process.pid), proc.proportional_kilobytes(process.pid)
        process.communicate("\n")

    assert len(direct) == 1
    assert len(below) == 2
    assert set(direct) < set(below)
    assert together > alone
