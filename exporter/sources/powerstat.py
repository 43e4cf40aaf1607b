"""powerstat: the tool people start with, run once for long and read line by line.

``powerstat -R -D -n <delay> <count>`` prints a header, then one row a sample. A run lasts at least 60 s, and into a
pipe it prints nothing until 4 KiB are full, hence ``stdbuf -oL``. Its ``Watts`` column adds up zones that overlap
(0.03.02 to 0.04.06), so only the ``pkg-*`` columns are used; Debian 12's 0.03.01 sees MMIO zones only. It reads the
machine's own /sys, whatever --path.sysfs says. Best effort: RAPL read directly is better in every way.
"""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from typing import TYPE_CHECKING

from exporter.child import Slot, find_program
from exporter.readings import Clock, Failure, Family, Reading, Reason, Sample, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from exporter.child import Child
    from exporter.settings import Pace

WATTS = "wattshift_powerstat_watts"
AVERAGE_WATTS = "wattshift_powerstat_average_watts"

WINDOW = 60
"""Samples in the rolling mean: what one run of the tool takes at least, and what people's scripts act on."""

PAUSE = 5.0
"""Seconds between two reads. Rows wait in the pipe meanwhile: being woken for each costs more than the row."""

_COUNT = 3600  # samples a run; it allocates them all at the start
_MOST_BYTES = 65536  # without a row among them; a program that says more is not the one we know
_HEADER_WIDTH = 6  # it cuts column names to this
_TIME = re.compile(r"\d\d:\d\d:\d\d|--:--:--")
_PACKAGE = re.compile(r"pkg-(\d+)-?")
_FIGURE = re.compile(r"[0-9]{1,9}\.[0-9]{2}")  # it prints %6.2f; nan, -N/A- and the like are none
_MAY_REST = frozenset({"core", "uncore"})
_GREETINGS = ("Running for", "Power measurements will start")  # no reason why it ended
_ERRORS = (
    ("try running with root permission", Reason.PERMISSION, "run as root, or leave it: --no-collector.powerstat"),
    ("Exec format error", Reason.UNSUPPORTED, "a program for another kind of machine: reinstall powerstat"),
    ("does not have RAPL", Reason.UNSUPPORTED, "no RAPL driver, or a virtual machine"),
    ("does not have any RAPL domains", Reason.UNSUPPORTED, "Debian 12's 0.03.01 sees MMIO zones only"),
)


class Rows:
    """Turns powerstat's output into samples: watts by package number. Pure; feed it text as it comes."""

    def __init__(self) -> None:
        self._rest = ""
        self._columns: list[str] = []
        self._above_zero: set[int] = set()
        self.any = False
        """Whether there was a row at all."""
        self.other = ""
        """The last words that were neither header nor row: where it says its errors."""

    def feed(self, text: str) -> Iterator[dict[str, float] | SourceError]:
        """Yield a sample, or why there is none, for each row that ``text`` completes.

        A row without its line end may have been cut in the middle of a figure, so it waits for the rest.
        """
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            words = line.split()
            if words[:1] == ["Time"]:
                if words != self._columns:
                    self._columns, self._above_zero = words, set()
            elif words and _TIME.fullmatch(words[0]):
                self.any = True
                try:
                    yield self._sample(words)
                except SourceError as error:
                    yield error
            elif words and not line.startswith(_GREETINGS):
                self.other = line.strip()

    def _sample(self, words: list[str]) -> dict[str, float]:
        if len(words) != len(self._columns):
            raise SourceError(Reason.PARSE, f"powerstat printed {len(words)} cells under {len(self._columns)} names")
        first = self._columns.index("Watts") + 1 if "Watts" in self._columns else len(words)
        cells = {index: _number(words[index]) for index in range(first, len(words))}
        packages: dict[str, float] = {}
        several = sum(_PACKAGE.fullmatch(name) is not None for name in self._columns) > 1
        for index, watts in cells.items():
            name = self._columns[index]
            # When a zone cannot be read, powerstat moves the next ones to the left and ends the row with zeros, so a
            # zero means that the row may be out of place. Cores and graphics may rest, though, but cores that had
            # work before are not seen to rest completely, and with several packages the last column is not: one of them
            # would have another's figure.
            out_of_place = (name == "core" and index in self._above_zero) or (several and index == len(words) - 1)
            if watts > 0:
                self._above_zero.add(index)
            elif name not in _MAY_REST or out_of_place:
                raise SourceError(Reason.IMPLAUSIBLE, f"powerstat's column {name} shows {watts} W: row left out")
            if package := _PACKAGE.fullmatch(name):
                _add(packages, package[1], name, watts)
        if not packages:
            raise SourceError(Reason.UNSUPPORTED, "powerstat shows no processor package (pkg-*) on this machine")
        return packages


def _add(packages: dict[str, float], number: str, name: str, watts: float) -> None:
    """Add a column to its package.

    The dies of one package share a column name once it is cut (``pkg-0-die-1`` is ``pkg-0-``), and only the note at the
    end of a run tells them apart. Their sum is the package, which needs no telling apart. A whole name seen twice is
    the same zone read in two ways (versions before 0.03.01): the first counts.
    """
    is_cut = len(name) >= _HEADER_WIDTH or name.endswith("-")
    if number not in packages:
        packages[number] = watts
    elif is_cut:
        packages[number] += watts


def _number(cell: str) -> float:
    if not _FIGURE.fullmatch(cell):
        raise SourceError(Reason.PARSE, f"powerstat printed {cell!r} where watts belong")
    return float(cell)


class Powerstat:
    """Keeps one powerstat running and gives its newest row at each read."""

    name = "powerstat"
    families = (
        Family(WATTS, "gauge", "Power of one processor package by powerstat's newest sample.", ("package",)),
        Family(
            AVERAGE_WATTS,
            "gauge",
            f"Rolling mean of powerstat's last {WINDOW} samples, once it has so many.",
            ("package",),
        ),
    )

    def __init__(
        self,
        pace: Pace,
        environment: Mapping[str, str],
        clock: Clock,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        # powerstat itself keeps the time: a read takes the rows that it has printed, or waits for the next.
        self.interval = PAUSE
        self.deadline = pace.deadline
        self._delay = pace.interval
        self._environment = {key: value for key, value in environment.items() if key != "IPMI_PASSWORD"}
        self._environment["LC_ALL"] = "C"
        self._clock = clock
        self._wait = wait
        self._closing = threading.Event()
        self._next_start = -math.inf
        self._wordy = 0  # bytes since the last row
        self._slot = Slot()
        self._child: Child | None = None
        self._rows = Rows()
        self._window: deque[dict[str, float]] = deque(maxlen=WINDOW)
        self._last_at = -math.inf
        self._heard_at = -math.inf

    def close(self) -> None:
        """Kill the powerstat that runs, if any."""
        self._closing.set()
        self._slot.close()

    def read(self) -> Sample:
        """Return the newest row, waiting if there is none, starting powerstat if none runs.

        A row that cannot be trusted is an answer without power.

        Raises:
            SourceError: no row came; when powerstat ended, its last words tell why.
        """
        until = self._clock.monotonic() + self.deadline
        while True:
            if self._child is None:
                self._child, self._rows, self._wordy = self._start(), Rows(), 0
            age = self._clock.monotonic() - self._heard_at  # the rows there are may have been printed right after that
            try:
                rows = self._hear(self._child, until - self._clock.monotonic())
            except SourceError:
                self._end()
                raise
            if rows:
                return self._sample(rows, age)
            if rows is None:
                status = self._end()
                if status != 0 or not self._rows.any:
                    raise _explain(status, self._rows.other)
                # A run that came to its end: the next follows.

    def _hear(self, child: Child, seconds: float) -> list[dict[str, float] | SourceError] | None:
        """Return the rows that what it says next completes, None when it has ended."""
        part = child.read(seconds)
        self._heard_at = self._clock.monotonic()
        if not part:
            return None
        rows = list(self._rows.feed(part.decode(errors="replace")))
        self._wordy = 0 if rows else self._wordy + len(part)
        if self._wordy > _MOST_BYTES:
            raise SourceError(Reason.PARSE, f"powerstat printed more than {_MOST_BYTES} bytes and no row among them")
        return rows

    def _start(self) -> Child:
        """Start powerstat, at most once in each of its intervals: one that ends at once must not keep us busy."""
        stdbuf = find_program("stdbuf", "coreutils", self._environment)
        powerstat = find_program("powerstat", "powerstat", self._environment)
        pause = self._next_start - self._clock.monotonic()
        if pause > 0:
            self._wait(self._closing, pause)
        argv = [stdbuf, "-oL", powerstat, "-R", "-D", "-n", f"{self._delay:g}", str(_COUNT)]
        child = self._slot.start(argv, self._environment, self.name)
        self._heard_at = self._clock.monotonic()
        self._next_start = self._heard_at + self._delay
        return child

    def _end(self) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        child.kill()
        return child.finish()

    def _sample(self, rows: list[dict[str, float] | SourceError], age: float) -> Sample:
        now = self._clock.monotonic()
        if now - self._last_at > self.interval + self.deadline:
            self._window.clear()  # a mean over a hole would be a mean of two different times
        self._last_at = now
        good = [row for row in rows if not isinstance(row, SourceError)]
        failures = tuple(Failure(row.reason, row.detail) for row in rows if isinstance(row, SourceError))
        self._window += good
        if not good:
            # powerstat did answer, if badly: what it said before is no figure of now, and it is read on as ever.
            return Sample((), failures, up=False, age=age)
        newest = good[-1]  # all of them came after the last read, so none is older than ``age``
        readings = [Reading(WATTS, (package,), watts) for package, watts in newest.items()]
        if len(self._window) == WINDOW and all(row.keys() == newest.keys() for row in self._window):
            readings += [
                Reading(AVERAGE_WATTS, (package,), math.fsum(row[package] for row in self._window) / WINDOW)
                for package in newest
            ]
        return Sample(tuple(readings), failures, age=age)


def _explain(status: int, words: str) -> SourceError:
    said = f"powerstat ended with status {status}, saying: {words[-200:] or 'nothing'}"
    for text, reason, advice in _ERRORS:
        if text in words:
            return SourceError(reason, f"{said} ({advice})")
    return SourceError(Reason.PARSE, said)
