"""Reads of BMCs under way: one at a time for each BMC, so many in all, each with an end.

A read has a thread of its own, so that whoever waits for it can leave in time, even when a child that was killed does
not die. What is kept is what is under way: nothing grows with the number of BMCs ever asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.child import STOPPING
from exporter.readings import Reason, Sample, SourceError
from exporter.settings import Pace
from exporter.sources.dcmi import Dcmi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.settings import Bmc

_log = logging.getLogger(__name__)

MOST = 128
"""Reads at once: each is a process of a few megabytes, and Prometheus spreads its scrapes over the interval."""

MOST_ASKING = MOST + MOST // 2
"""Scrapes at once, with those that wait for another's read: the connections that are left are for other pages."""

_JOIN_SECONDS = 2.0
_USEFUL_SECONDS = 0.1  # of time to read; with less, ipmitool would be started to be killed
_OTHER_MODULE = "this BMC is being asked with another module: give them one interval each"


@dataclass(slots=True)
class _Flight:
    asked: tuple[Bmc, bool]
    source: Dcmi
    thread: threading.Thread | None = None
    result: Sample | SourceError | None = None


class Probes:
    """Asks BMCs with ipmitool in this ``environment``, at most ``most`` at once, for at most ``most_asking`` scrapes.

    ``now`` is a clock in seconds.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        most: int = MOST,
        now: Callable[[], float] = time.monotonic,
        most_asking: int = MOST_ASKING,
    ) -> None:
        self._environment = environment
        self._most = most
        self._most_asking = most_asking
        self._now = now
        self._changed = threading.Condition()
        self._flights: dict[tuple[str, int], _Flight] = {}
        self._closed = False
        self._asking = 0

    def ask(self, bmc: Bmc, seconds: float, patience: float, *, accept_inactive: bool = False) -> Sample:
        """Return what the BMC says within so many seconds, or at the latest after ``patience`` that it said nothing.

        Who asks for the same in the same way meanwhile gets the same answer; in another, waits for its turn. A read
        that nobody waits for any more goes on for its own ``seconds``, and who asks next may still have its answer.

        Raises:
            SourceError: it could not be asked or gave no reading; busy, when too many reads are under way.
        """
        with self._changed:
            if self._asking >= self._most_asking:
                raise SourceError(
                    Reason.BUSY, f"{self._most_asking} scrapes wait for BMCs already: scrape fewer at once"
                )
            self._asking += 1
            self._changed.notify_all()
            try:
                return self._share(bmc, seconds, patience, accept_inactive=accept_inactive)
            finally:
                self._asking -= 1

    def _share(self, bmc: Bmc, seconds: float, patience: float, *, accept_inactive: bool) -> Sample:
        until = self._now() + patience
        asked = (bmc, accept_inactive)
        place = (bmc.host, bmc.port)
        free = self._changed.wait_for(lambda: self._is_open_to(place, asked), patience)
        flight = self._flights.get(place)
        if not free:
            raise SourceError(Reason.BUSY, _OTHER_MODULE if flight else self._full())
        if flight is None:
            if min(seconds, until - self._now()) <= _USEFUL_SECONDS:
                raise SourceError(Reason.TIMEOUT, "no time is left to ask: give the scrape a longer timeout")
            flight = self._start(place, asked, seconds)
        self._changed.wait_for(lambda: flight.result is not None, until - self._now())
        result = flight.result
        if result is None:
            raise SourceError(Reason.TIMEOUT, "the read has not ended in time; no other is started before it has")
        if isinstance(result, SourceError):
            # Several may get it: each raises its own.
            raise SourceError(result.reason, result.detail)
        return result

    def close(self) -> None:
        """Kill every ipmitool that runs and start no more; waits a little for the reads under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            flights = list(self._flights.values())
        for flight in flights:
            flight.source.close()
        until = time.monotonic() + _JOIN_SECONDS
        for flight in flights:
            if flight.thread is not None:
                flight.thread.join(max(0.0, until - time.monotonic()))

    def _is_open_to(self, place: tuple[str, int], asked: tuple[Bmc, bool]) -> bool:
        """Tell whether there is a read to share, or room for one; those of dead BMCs end within their module's time."""
        flight = self._flights.get(place)
        if flight is None:
            return self._closed or len(self._flights) < self._most
        return flight.asked == asked

    def _full(self) -> str:
        return f"{self._most} BMCs are being asked already: scrape fewer at once"

    def _start(self, place: tuple[str, int], asked: tuple[Bmc, bool], seconds: float) -> _Flight:
        if self._closed:
            raise SourceError(Reason.BUSY, STOPPING)
        bmc, accept_inactive = asked
        source = Dcmi(Pace(0.0, seconds), bmc, self._environment, accept_inactive=accept_inactive)
        flight = _Flight(asked, source)
        # A daemon, since a child that the kernel holds must not keep the process from ending.
        flight.thread = threading.Thread(target=self._run, args=(place, flight), name=f"dcmi {bmc.host}", daemon=True)
        try:
            flight.thread.start()
        except RuntimeError as error:
            raise SourceError(Reason.BUSY, f"this machine has no thread to spare: {error}") from error
        self._flights[place] = flight
        return flight

    def _run(self, place: tuple[str, int], flight: _Flight) -> None:
        result: Sample | SourceError
        try:
            result = flight.source.read()
        except SourceError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave everybody waiting
            _log.exception("dcmi %s: unexpected error", place[0])
            result = SourceError(Reason.PARSE, f"unexpected {type(error).__name__}: {error}")
        with self._changed:
            flight.result = result
            del self._flights[place]
            self._changed.notify_all()
