"""What will happen in the lab, and when: a discrete-event simulation in one small class.

A process is a generator that yields the lab seconds until its next step; it may be interrupted (an exception is
thrown into it, so it can clean up like a worker that got a signal) or killed (it just ends, like a node losing power).
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from deploy.lab.clock import Clock


class Interrupted(Exception):
    """Thrown into a process by ``Process.interrupt``."""


class Process:
    """A running generator of steps."""

    def __init__(self, agenda: Agenda, steps: Generator[float, None, None]) -> None:
        self._agenda = agenda
        self._steps = steps
        self._turn = 0
        self.alive = True

    def start(self) -> None:
        """Take the first step now."""
        self._continue(lambda: next(self._steps))

    def interrupt(self) -> None:
        """Throw ``Interrupted`` into the process at the place where it waits."""
        if self.alive:
            self._continue(lambda: self._steps.throw(Interrupted()))

    def kill(self) -> None:
        """End the process without letting it do anything more."""
        self.alive = False
        self._steps.close()

    def _continue(self, step: Callable[[], float]) -> None:
        self._turn += 1
        turn = self._turn
        try:
            seconds = step()
        except StopIteration:
            self.alive = False
            return
        except Interrupted:
            self.alive = False
            return
        if self.alive:
            self._agenda.after(seconds, lambda: self._wake(turn))

    def _wake(self, turn: int) -> None:
        # An interrupted process has gone on meanwhile: the step it waited for is void.
        if self.alive and turn == self._turn:
            self._continue(lambda: next(self._steps))


class Agenda:
    """Runs what is due, in order of time, when somebody asks it to."""

    def __init__(self, clock: Clock, planned: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._planned = planned  # told whenever something new is due, so the driver can look again
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._now = clock.now()

    @property
    def now(self) -> float:
        """The moment being simulated: while something due runs, the moment it was due."""
        return self._now

    @property
    def next_due(self) -> float | None:
        """When the next thing is due; None when nothing is."""
        return self._due[0][0] if self._due else None

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let ``action`` happen ``seconds`` from the simulated moment."""
        heapq.heappush(self._due, (self._now + seconds, next(self._order), action))
        self._planned()

    def spawn(self, steps: Generator[float, None, None]) -> Process:
        """Start a process; its first step happens at once."""
        process = Process(self, steps)
        process.start()
        return process

    def run_due(self) -> None:
        """Bring the simulation up to the clock's time."""
        until = self._clock.now()
        while self._due and self._due[0][0] <= until:
            moment, _, action = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            action()
        self._now = max(self._now, until)
