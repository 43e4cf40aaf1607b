"""Tasks of a node: their UPID, log and end (PVE::UPID, PVE::RESTEnvironment::fork_worker)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deploy.lab.agenda import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from deploy.lab.agenda import Agenda, Process

UPID = re.compile(
    r"UPID:(?P<node>[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?):(?P<pid>[0-9A-Fa-f]{8}):"
    r"(?P<pstart>[0-9A-Fa-f]{8,9}):(?P<starttime>[0-9A-Fa-f]{8}):(?P<type>[^:\s]+):(?P<id>[^:\s]*):"
    r"(?P<user>[^:\s]+):"
)


class TaskFailed(Exception):
    """The worker died with this message."""


@dataclass
class Task:
    """A worker process on a node.

    Attributes:
        node: Where it runs.
        pid: Its process id there.
        pstart: Start of that process in clock ticks since the node's boot.
        starttime: Seconds since the epoch.
        type: ``qmigrate``, ``hamigrate`` ...
        id: What it is about; the vmid.
        user: ``user@realm``.
        tokenid: The token's name, when a token asked.
        exitstatus: None while it runs; ``OK`` or what it died of.
        endtime: When it ended.
    """

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str
    tokenid: str | None
    now: Callable[[], float]
    lines: list[str] = field(default_factory=list)
    exitstatus: str | None = None
    endtime: int | None = None
    process: Process | None = None

    @property
    def authid(self) -> str:
        """User and token as one word."""
        return self.user if self.tokenid is None else f"{self.user}!{self.tokenid}"

    @property
    def upid(self) -> str:
        """The task's name in the API."""
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}:"
            f"{self.type}:{self.id}:{self.authid}:"
        )

    def say(self, text: str) -> None:
        """Add a line as it is."""
        self.lines.append(text)

    def log(self, text: str, *, error: bool = False) -> None:
        """Add a line with the node's time, as PVE::AbstractMigrate does."""
        stamp = datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.lines.append(f"{stamp} {'ERROR: ' if error else ''}{text}")

    def end(self, exitstatus: str) -> None:
        """Record how the task ended."""
        self.exitstatus = exitstatus
        self.endtime = int(self.now())


class Tasks:
    """All tasks of the cluster."""

    def __init__(self, agenda: Agenda, changed: Callable[[str, Task], None]) -> None:
        self._agenda = agenda
        self._changed = changed
        self._all: dict[str, Task] = {}
        self._pid = 5000

    def __iter__(self) -> Iterator[Task]:
        return iter(self._all.values())

    def get(self, upid: str) -> Task | None:
        """Return the task of that name."""
        return self._all.get(upid)

    def start(
        self,
        node: str,
        kind: str,
        subject: str,
        owner: tuple[str, str | None],
        work: Callable[[Task], Generator[float, None, None]],
    ) -> Task:
        """Fork a worker that does ``work``; return at once, as the API does."""
        self._pid += 1
        user, tokenid = owner
        task = Task(
            node=node,
            pid=self._pid,
            pstart=int(self._agenda.now * 100) % 0xFFFFFFFF,
            starttime=int(self._agenda.now),
            type=kind,
            id=subject,
            user=user,
            tokenid=tokenid,
            now=lambda: self._agenda.now,
        )
        self._all[task.upid] = task
        self._changed("task_started", task)
        task.process = self._agenda.spawn(self._worker(task, work(task)))
        return task

    def stop(self, task: Task) -> None:
        """Send the worker SIGTERM, as ``DELETE /nodes/{node}/tasks/{upid}`` does."""
        if task.process is not None:
            task.process.interrupt()

    def lose(self, node: str) -> None:
        """End what ran on a node that lost its power: killed workers leave no last line."""
        for task in self._all.values():
            if task.node == node and task.exitstatus is None:
                self.kill(task)

    def kill(self, task: Task) -> None:
        """End a worker without letting it clean up."""
        if task.process is not None:
            task.process.kill()
        task.end("unexpected status")
        self._changed("task_ended", task)

    def _worker(self, task: Task, work: Generator[float, None, None]) -> Generator[float, None, None]:
        # The parent answers with the UPID before the worker has done anything.
        yield 0.0
        try:
            yield from work
        except TaskFailed as failure:
            task.say(f"TASK ERROR: {failure}")
            task.end(str(failure))
        except Interrupted:
            task.say("TASK ERROR: received interrupt")
            task.end("received interrupt")
        else:
            task.say("TASK OK")
            task.end("OK")
        self._changed("task_ended", task)
