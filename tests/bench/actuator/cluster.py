"""The way to the process that plays the cluster: where its parts are, and what happens in it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.actuator.pairs import Pair, pairs
from tests.bench.machine import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATIENCE_SECONDS = 60.0


class NothingHappened(Exception):
    """What was waited for did not happen in the cluster; the message says what."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event in the cluster.

    Attributes:
        at: When, by ``time.monotonic()``, which is the same in every process of a machine.
        kind: ``node``, ``packet``, ``request``, ``asked`` or ``done``.
        subject: As of `deploy.lab.cluster.Event`; for ``asked`` the target that ``qm`` was told.
        detail: As of `deploy.lab.cluster.Event`.
    """

    at: float
    kind: str
    subject: str
    detail: str

    def is_about(self, kind: str, subject: str, detail: str | None) -> bool:
        """Whether it is one of these; without a detail, whichever it has."""
        return (self.kind, self.subject) == (kind, subject) and detail in {None, self.detail}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the cluster's parts are.

    Attributes:
        addresses: Node -> its address.
        api: TCP port of each node's API.
        wake: UDP port on which magic packets are heard.
        asked: UDP port at 127.0.0.1 that the stand-in for ``qm`` tells its target.
        awake: A folder with a file for each node that answers, named by its address.
        ca: PEM file of the authority of the API's certificates.
        token_id: The API token's name.
        token_secret: Its secret.
    """

    addresses: Mapping[str, str]
    api: int
    wake: int
    asked: int
    awake: str
    ca: str
    token_id: str
    token_secret: str


class Cluster:
    """A cluster that runs.

    Attributes:
        pairs: Its nodes and guests.
        places: Where its parts are.
    """

    def __init__(self, process: subprocess.Popen[str], all_pairs: list[Pair]) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        self._out, self._in = process.stdout, process.stdin
        self.pairs = all_pairs
        first = self._out.readline()
        if not first:
            raise RuntimeError("the simulated cluster ended; its error is above")
        self.places = Places(**json.loads(first))
        self._happened: list[Happening] = []
        self._news = threading.Condition()
        self._order = threading.Lock()
        threading.Thread(target=self._listen, name="cluster", daemon=True).start()

    def wait(
        self, kind: str, subject: str, detail: str | None = None, *, after: float, patience: float = _PATIENCE_SECONDS
    ) -> Happening:
        """Return the first event of that kind about ``subject`` after a moment, waiting for it if need be.

        Raises:
            NothingHappened: there was none for as long as patience lasted.
        """
        until, looked = time.monotonic() + patience, 0
        with self._news:
            while True:
                for event in self._happened[looked:]:
                    if event.at >= after and event.is_about(kind, subject, detail):
                        return event
                looked = len(self._happened)
                if not self._news.wait(until - time.monotonic()):
                    what = f"{kind} {subject} {detail or ''}".strip()
                    raise NothingHappened(f"'{what}' did not happen within {patience:.0f} s")

    def requested(self, detail: str, *, after: float) -> Happening:
        """Return the first request after a moment whose method and path are ``detail``, whichever node received it.

        Raises:
            NothingHappened: as `wait` does.
        """
        return self.wait("request", "", detail, after=after)

    def put_back(self, pair: Pair) -> None:
        """Put the pair's guest on its source, and cut its target's power."""
        self._command(f"place {pair.vmid} {pair.source}")
        self._command(f"off {pair.target}")

    def power_on(self, node: str) -> None:
        """Switch a node on by hand, and wait until it answers."""
        self.wait("node", node, "answers", after=self._command(f"on {node}"))

    def _command(self, line: str) -> float:
        """Have it done; return the moment before."""
        with self._order:
            began = time.monotonic()
            self._in.write(f"{line}\n")
            self._in.flush()
            self.wait("done", "", line, after=began)
            return began

    def _listen(self) -> None:
        for line in self._out:
            event = Happening(**json.loads(line))
            if event.kind == "request":  # the endpoint that happened to be asked tells nothing
                event = Happening(event.at, event.kind, "", event.detail)
            with self._news:
                self._happened.append(event)
                self._news.notify_all()


@contextmanager
def cluster(number: int, answers: tuple[float, float]) -> Iterator[Cluster]:
    """Run a cluster of so many pairs; a node answers so many seconds, from and to, after it was woken."""
    command = [sys.executable, "-m", "tests.bench.actuator.site", f"--pairs={number}", "--answers", *map(str, answers)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Cluster(process, pairs(number))
        finally:
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
