"""The demo: the loop closes on this machine, told as a timeline while it happens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.lab.story import Look, Story

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.lab.stack import Stack
    from deploy.lab.watcher import Watcher
    from deploy.lab.world import Lab

GUEST, SOURCE, TARGET, THRESHOLD = 100, "pve2", "pve", 6.0
_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 85.0
_FIRST_WATTS_SECONDS = 15.0


class LoopOpenError(Exception):
    """The loop did not close; the message says how far it came."""


@dataclass(slots=True)
class Demo:
    """Raises the guest's load and watches until the loop has closed."""

    lab: Lab
    stack: Stack
    console: Console
    _story: Story = field(default_factory=lambda: Story({SOURCE: THRESHOLD}))
    _began: float = 0.0

    def run(self) -> Look:
        """Tell the whole story; return the last look.

        Raises:
            LoopOpenError: the loop did not close; says what was reached and what was not.
            ProcessError: a process ended that should not have.
        """
        self._began = time.monotonic()
        with self.stack.watcher() as watcher:
            look = self._until(watcher, lambda look: SOURCE in look.watts, "the first watts", _FIRST_WATTS_SECONDS)
            before = look.watts[SOURCE]
            self.lab.set_load(GUEST, 1.0)
            self._say(look, f"guest {GUEST} is put under full load")
            look = self._until(watcher, _closed, "the whole loop", _PATIENCE_SECONDS)
            self._summary(before, look)
            return look

    def _until(self, watcher: Watcher, reached: Any, what: str, seconds: float) -> Look:
        deadline = time.monotonic() + seconds
        while True:
            self.stack.keep_up()
            look = watcher.look(time.monotonic() - self._began)
            for line in self._story.tell(look):
                self._say(look, line)
            if reached(look):
                return look
            if (look.job or {}).get("state") in {"failed", "skipped", "cancelled"}:
                raise LoopOpenError(f"the actuator's job ended as {_verdict(look)}")
            if time.monotonic() > deadline:
                raise LoopOpenError(f"{what} did not come about within {seconds:.0f} s: {_standing(look)}")
            time.sleep(_LOOK_SECONDS)

    def _say(self, look: Look, line: str) -> None:
        lamps = "  ".join(f"{node} {_figure(look, node):>7}" for node in sorted(look.power))
        self.console.print(f"[dim]{look.at:6.1f} s[/]  [cyan]{lamps}[/]  {line}", highlight=False)

    def _summary(self, before: float, look: Look) -> None:
        job = look.job or {}
        outcome = job.get("outcome") or {}
        self.console.print()
        self.console.print(f"[bold]The loop closed in {look.at:.0f} s.[/]")
        self.console.print(
            f"  guest {GUEST} runs on {self.lab.guest(GUEST).node}; downtime "
            f"{_milliseconds(outcome.get('downtime_seconds'))}, migration {_seconds(outcome.get('duration_seconds'))}"
        )
        self.console.print(
            f"  {SOURCE}: {before:.1f} W idle before, {look.watts[SOURCE]:.1f} W now; "
            f"{TARGET}: asleep before, {_figure(look, TARGET)} now"
        )
        packets = self.lab.packets
        self.console.print(f"  {packets} magic packet{'s' if packets != 1 else ''}, {_migrations(self.lab)}")


def _closed(look: Look) -> bool:
    return (
        look.job is not None
        and look.job["state"] == "succeeded"
        and look.alert == "inactive"
        and look.told_resolved
        and look.watts.get(SOURCE, THRESHOLD) < THRESHOLD
        and TARGET in look.watts
    )


def _verdict(look: Look) -> str:
    job = look.job or {}
    return f"{job.get('state')} ({job.get('failure') or job.get('reason')}): {job.get('message')}"


def _standing(look: Look) -> str:
    job = _verdict(look) if look.job else "none"
    watts = ", ".join(f"{node} {watts:.1f} W" for node, watts in sorted(look.watts.items())) or "no watts"
    return f"the alert is {look.alert}, the newest job is {job}; {watts}"


def _figure(look: Look, node: str) -> str:
    if look.power[node] == "off":
        return "off"
    watts = look.watts.get(node)
    return "- W" if watts is None else f"{watts:.1f} W"


def _migrations(lab: Lab) -> str:
    count = sum(task.upid.split(":")[5] == "qmigrate" for task in lab.tasks)
    return f"{count} migration{'s' if count != 1 else ''}"


def _milliseconds(seconds: float | None) -> str:
    return "not told" if seconds is None else f"{seconds * 1000:.0f} ms"


def _seconds(seconds: float | None) -> str:
    return "time not told" if seconds is None else f"{seconds:.0f} s"
