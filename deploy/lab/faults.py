"""Misbehaviour on demand: what the lab's Proxmox does wrong, to which request, and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

FaultKind = TypeVar("FaultKind", bound="Fault")


@dataclass
class Fault:
    """One kind of misbehaviour for requests of one kind.

    Attributes:
        method: ``GET``, ``POST`` ... or ``*``.
        path: Shell pattern of the path without ``/api2/json``, such as ``/nodes/*/qemu/100/migrate``.
        times: How many requests it strikes; None strikes all until removed.
        executed: Whether the call is carried out before things go wrong.
        node: Only requests that arrive at this node; None strikes at any.
    """

    method: str
    path: str
    times: int | None = 1
    executed: bool = False
    node: str | None = None

    def strikes(self, node: str, method: str, path: str) -> bool:
        """Return whether a request is of that kind."""
        return (
            self.times != 0
            and self.method in ("*", method)
            and self.node in (None, node)
            and fnmatchcase(path, self.path)
        )


@dataclass
class Answer(Fault):
    """Answers with this status line and body, whatever the call would have answered."""

    status: int = 500
    reason: str = "Internal Server Error"
    body: str = ""


@dataclass
class Drop(Fault):
    """Closes the connection without an answer."""


@dataclass
class Hang(Fault):
    """Says nothing until ``release`` (or the end of the lab), then goes on as if nothing had been.

    With ``executed`` the call is carried out first, and its answer held back.
    """

    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let the held requests go on, and strike no more."""
        self.times = 0
        self.released.set()


class Faults:
    """The faults in force; may be changed from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: FaultKind) -> FaultKind:
        """Put a fault in force and return it; the oldest that fits a request strikes."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults and let held requests go."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            if isinstance(fault, Hang):
                fault.release()

    def strike(self, node: str, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, counting it; None for none."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(node, method, path):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
