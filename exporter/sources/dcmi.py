"""DCMI: the power that the machine's BMC measures, asked for through ipmitool."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from exporter.child import Slot, find_program
from exporter.readings import Failure, Family, Reading, Reason, Sample, SourceError
from exporter.sources.dcmi_answer import (
    ACTIVE,
    ASK_RAW,
    AVERAGE_WATTS,
    MAX_WATTS,
    MIN_WATTS,
    PERIOD,
    WATTS,
    check_length,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.child import Ended
    from exporter.settings import Bmc, Pace
    from exporter.sources.dcmi_answer import PowerReading

__all__ = ["ACTIVE", "AVERAGE_WATTS", "MAX_WATTS", "MIN_WATTS", "PERIOD", "WATTS", "Dcmi", "judge"]

LOCAL = "local"
"""The ``target`` of this machine's own BMC."""

LOCAL_INTERFACES = ("open", "imb", "usb", "free", "dummy")
"""ipmitool's ways to this machine's own BMC, the usual one first; "dummy" is a Unix socket, for tests."""

SHOWS = "and yet it shows"
"""In the words about a deactivated meter that gives a figure: whether that is real, only a person can tell."""

_PASSWORD = "IPMI_PASSWORD"  # noqa: S105 - the name ipmitool reads, not a password
_SECRETS = frozenset({_PASSWORD, "IPMITOOL_PASSWORD", "IPMI_KGKEY"})  # the second would win over the first

_NO_READING = 0xFFFF  # IPMI's way to say so in 16 bits; what is above them came from no BMC
_APART = 1.1  # how far: BMCs renew the present power and their statistics at different moments
_LONGEST_PERIOD = 0xFFFFFFFF // 1000  # the window is milliseconds in 32 bits; longer ones came from no BMC

_RETRANSMIT_SECONDS = 1
_PAUSES = (0.25, 0.75)
"""Seconds before a BMC that was busy, or answered nonsense, is asked again in one read.

Some answer empty the first time and well right after; being busy passes as a rule.
"""


class Dcmi:
    """Asks one BMC, this machine's own or a remote one, one ipmitool at a time."""

    name = "dcmi"
    families = (
        Family(WATTS, "gauge", "Power the BMC measured last.", ("target",)),
        Family(MIN_WATTS, "gauge", "Lowest power over the BMC's window.", ("target",)),
        Family(MAX_WATTS, "gauge", "Highest power over the BMC's window.", ("target",)),
        Family(AVERAGE_WATTS, "gauge", "Mean power over the BMC's window.", ("target",)),
        Family(PERIOD, "gauge", "Length of the BMC's window.", ("target",)),
        Family(ACTIVE, "gauge", "Whether the BMC says that its meter is active (1) or not (0).", ("target",)),
    )

    def __init__(  # noqa: PLR0913 - the last is the way to wait, handed in
        self,
        pace: Pace,
        bmc: Bmc | None,
        environment: Mapping[str, str],
        interface: str = LOCAL_INTERFACES[0],
        *,
        accept_inactive: bool = False,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        """Ask ``bmc``, or with None this machine's own by one of `LOCAL_INTERFACES`.

        With ``accept_inactive`` power other than zero counts though the meter calls itself deactivated.
        """
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._target = (bmc.host if bmc else LOCAL,)
        self._bmc = bmc
        self._accept_inactive = accept_inactive
        self._way = _session(bmc) if bmc else ["-I", interface]
        self._environment = {key: value for key, value in environment.items() if key not in _SECRETS} | {"LC_ALL": "C"}
        if bmc:
            self._environment[_PASSWORD] = bmc.password
        self._slot = Slot()
        self._wait = wait
        self._closing = threading.Event()

    def close(self) -> None:
        """Kill the ipmitool that runs, if any."""
        self._closing.set()
        self._slot.close()

    def read(self) -> Sample:
        """Ask the BMC, again if it is busy; all of it within the deadline.

        Raises:
            SourceError: it could not be asked or gave no reading.
        """
        until = time.monotonic() + self.deadline
        reading = self._power(until)
        return judge(reading, self._target, lambda: self._is_on(until), accept_inactive=self._accept_inactive)

    def _power(self, until: float) -> PowerReading:
        for pause in _PAUSES:
            try:
                return self._reading(until)
            except SourceError as error:
                passes = error.reason in (Reason.BUSY, Reason.PARSE) and time.monotonic() + pause < until
                if not passes or self._wait(self._closing, pause):
                    raise
        return self._reading(until)

    def _reading(self, until: float) -> PowerReading:
        """Ask once; what an inactive meter shows is looked at more closely, for an answer cut short looks like it."""
        reading = parse(self._ask(until, "dcmi", "power", "reading"))
        if not reading.active and reading.watts[WATTS]:
            check_length(self._ask(until, *ASK_RAW))
        return reading

    def _is_on(self, until: float) -> bool:
        """Tell whether the chassis is on; unless a remote BMC says that it is off, it is."""
        if self._bmc is None:
            return True
        return "Chassis Power is off" not in self._ask(until, "chassis", "power", "status").text

    def _ask(self, until: float, *command: str) -> Ended:
        program = find_program("ipmitool", "ipmitool", self._environment)
        child = self._slot.start([program, *self._way, *command], self._environment)
        return child.output(until - time.monotonic())


def judge(
    reading: PowerReading, target: tuple[str, ...], is_on: Callable[[], bool], *, accept_inactive: bool = False
) -> Sample:
    """Return what can be believed of ``reading``, and why the rest cannot.

    ``is_on`` tells whether the machine is on; it is asked only when that decides whether 0 W are true. With
    ``accept_inactive`` the power of a meter that calls itself deactivated counts, unless it is zero: OpenBMC tells
    whether a power limit is set in place of the meter's state (its issue 3257).
    """
    active = Reading(ACTIVE, target, float(reading.active))
    watts = reading.watts[WATTS]
    if not reading.active and not (accept_inactive and watts):
        shown = f", {SHOWS} {watts} W" if _is_told(watts) else ""
        failure = Failure(Reason.INACTIVE, f"the BMC says that its power meter is deactivated{shown}")
        return Sample((active,), (failure,), up=False)
    if watts >= _NO_READING or (watts == 0 and is_on()):
        failure = Failure(Reason.IMPLAUSIBLE, f"the BMC reads {watts} W of a machine that is on")
        return Sample((active,), (failure,), up=False)
    if not _orderly(reading.watts):
        failure = Failure(Reason.IMPLAUSIBLE, "the BMC's figures contradict each other: its answer was cut short")
        return Sample((active,), (failure,), up=False)
    believed = [
        Reading(name, target, float(figure))
        for name, figure in reading.watts.items()
        if name == WATTS or _is_told(figure)
    ]
    if 0 < reading.period <= _LONGEST_PERIOD:
        believed.append(Reading(PERIOD, target, float(reading.period)))
    return Sample((*believed, active))


def _orderly(watts: Mapping[str, int]) -> bool:
    """Tell whether lowest, mean and highest power stand in that order with the present between, as far as told.

    ipmitool does not look at the length of an answer: of one that was cut short it prints the first figures, and for
    the others whatever was in its buffer before.
    """
    lowest, highest, watt = watts[MIN_WATTS], watts[MAX_WATTS], watts[WATTS]
    told = [figure for figure in (lowest, watts[AVERAGE_WATTS], highest) if _is_told(figure)]
    return (
        told == sorted(told)
        and (not _is_told(highest) or watt <= highest * _APART)
        and (not _is_told(lowest) or watt == 0 or watt * _APART >= lowest)
    )


def _is_told(figure: int) -> bool:
    """Tell whether a figure of the BMC's statistics is one: not zero, and not "no reading"."""
    return 0 < figure < _NO_READING


def _session(bmc: Bmc) -> list[str]:
    """Return ipmitool's options for the way to the BMC; -E takes the password from the environment, not from argv."""
    options = ["-v", "-I", "lanplus", "-H", bmc.host, "-p", str(bmc.port)]
    options += ["-N", str(_RETRANSMIT_SECONDS), "-R", "2", "-E"]
    for flag, value in (("-U", bmc.user), ("-C", bmc.cipher_suite), ("-L", bmc.privilege)):
        if value is not None:
            options += [flag, str(value)]
    return options
