"""DCMI: the power that the machine's BMC measures, through ``ipmitool dcmi power reading``.

The command is *Get Power Reading*, DCMI 1.5 section 6.6.1; its answer carries four figures, the window they were taken
over, and whether the meter is active. ipmitool's text differs between versions (1.8.19 prints timestamp and period on
one line), so each fact is searched for wherever it stands. ipmitool exits 0 for an inactive meter and for an answer
that was cut short, which it prints as zeros and ``deactivated``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.child import Slot, find_program
from exporter.readings import Failure, Family, Reading, Reason, Sample, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.child import Ended
    from exporter.settings import Bmc, Pace

WATTS = "wattshift_dcmi_watts"
MIN_WATTS = "wattshift_dcmi_min_watts"
MAX_WATTS = "wattshift_dcmi_max_watts"
AVERAGE_WATTS = "wattshift_dcmi_average_watts"
PERIOD = "wattshift_dcmi_period_seconds"
ACTIVE = "wattshift_dcmi_active"

LOCAL = "local"
"""The ``target`` of this machine's own BMC."""

_FIGURES = {
    WATTS: re.compile(r"Instantaneous power reading:\s+(\d{1,20}) Watts"),
    MIN_WATTS: re.compile(r"Minimum during sampling period:\s+(\d{1,20}) Watts"),
    MAX_WATTS: re.compile(r"Maximum during sampling period:\s+(\d{1,20}) Watts"),
    AVERAGE_WATTS: re.compile(r"Average power reading over sample period:\s+(\d{1,20}) Watts"),
}
_PERIOD = re.compile(r"Sampling period:\s+(?:(\d{1,20}) Seconds\.|(\d{1,20})_(sec|min|hour))")
_UNITS = {"sec": 1, "min": 60, "hour": 3600}
_STATE = re.compile(r"Power reading state is:\s+(activated|deactivated)\b")
_CODE = re.compile(r"DCMI request failed because: (.*) \(([0-9a-f]{2})\)")
_NO_READING = 0xFFFF  # IPMI's way to say so in 16 bits; what is above them came from no BMC
_ABOVE_HIGHEST = 1.1  # BMCs renew the present power and the highest at different moments

# Completion codes: IPMI 2.0, table 5-2, and DCMI 1.5, table 6-1. What is not named here is a command that this BMC
# does not do (c1, cc, d5, 80, ff ...).
_CODES = {
    "c0": Reason.BUSY,  # node busy
    "c3": Reason.TIMEOUT,
    "c4": Reason.BUSY,  # out of space
    "ce": Reason.BUSY,  # response could not be provided
    "d1": Reason.BUSY,  # firmware update mode
    "d2": Reason.BUSY,  # initialization in progress
    "d4": Reason.PERMISSION,  # insufficient privilege level
}
_TEXTS = (
    ("Permission denied", Reason.PERMISSION, "give this service's group the right to /dev/ipmi0"),
    ("Could not open device", Reason.MISSING, "no BMC driver: modprobe ipmi_si ipmi_devintf, if there is a BMC"),
    ("Address lookup for", Reason.MISSING, "the name in --dcmi.host is unknown"),
    ("Could not open socket!", Reason.TIMEOUT, "no route to the BMC: check --dcmi.host and this node's network"),
    ("Unable to get DCMI information", Reason.TIMEOUT, "the BMC opened a session and fell silent"),
    ("A valid DCMI command was not returned", Reason.PARSE, "the BMC answered another command"),
)
_NO_SESSION = "Unable to establish IPMI v2 / RMCP+ session"
_RETRANSMIT_SECONDS = 1


@dataclass(frozen=True, slots=True)
class PowerReading:
    """The BMC's answer as ipmitool prints it: figures in watts by metric, the window in seconds, the meter's word."""

    watts: Mapping[str, int]
    period: int
    active: bool


def parse(ended: Ended) -> PowerReading:
    """Return what ipmitool's output says.

    Raises:
        SourceError: it says an error, or not all that belongs to a reading; the reason says which.
    """
    figures = {name: match for name, pattern in _FIGURES.items() if (match := pattern.search(ended.text))}
    period, state = _PERIOD.search(ended.text), _STATE.search(ended.text)
    if ended.status != 0 or len(figures) != len(_FIGURES) or period is None or state is None:
        raise _explain(ended)
    seconds = int(period[1]) if period[1] else int(period[2]) * _UNITS[period[3]]
    watts = {name: int(match[1]) for name, match in figures.items()}
    return PowerReading(watts, seconds, state[1] == "activated")


def _explain(ended: Ended) -> SourceError:
    said = " ".join(ended.text.split())[-200:]
    if code := _CODE.search(ended.text):
        advice = "; the BMC's user needs a higher privilege" if code[2] == "d4" else ""
        reason = _CODES.get(code[2], Reason.UNSUPPORTED)
        return SourceError(reason, f"the BMC answered {code[1]} ({code[2]}){advice}")
    for text, reason, advice in _TEXTS:
        if text in ended.text:
            return SourceError(reason, f"{advice} ({said})")
    if _NO_SESSION in ended.text:
        # The same words for a refusal and for silence; only silence takes a retransmission.
        if ended.seconds < _RETRANSMIT_SECONDS:
            return SourceError(
                Reason.AUTH, "the BMC refused the session: check user, password, privilege, cipher suite"
            )
        return SourceError(
            Reason.TIMEOUT,
            f"no session with the BMC after {ended.seconds:.1f} s: check --dcmi.host, the network and --dcmi.user",
        )
    return SourceError(Reason.PARSE, f"ipmitool (status {ended.status}) said: {said or 'nothing'}")


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

    def __init__(self, pace: Pace, bmc: Bmc | None, environment: Mapping[str, str]) -> None:
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._target = (bmc.host if bmc else LOCAL,)
        self._bmc = bmc
        self._environment = dict(environment) | {"LC_ALL": "C"}
        self._environment.pop("IPMI_PASSWORD", None)
        if bmc:
            self._environment["IPMI_PASSWORD"] = bmc.password
        self._slot = Slot()

    def close(self) -> None:
        """Kill the ipmitool that runs, if any."""
        self._slot.close()

    def read(self) -> Sample:
        """Ask the BMC once.

        Raises:
            SourceError: it could not be asked or gave no reading.
        """
        reading = parse(self._ask("dcmi", "power", "reading"))
        active = Reading(ACTIVE, self._target, float(reading.active))
        if not reading.active:
            failure = Failure(Reason.INACTIVE, "the BMC says that its power meter is deactivated")
            return Sample((active,), (failure,), up=False)
        watts = reading.watts[WATTS]
        if watts >= _NO_READING or (watts == 0 and self._is_on()):
            failure = Failure(Reason.IMPLAUSIBLE, f"the BMC reads {watts} W of a machine that is on")
            return Sample((active,), (failure,), up=False)
        if not _orderly(reading.watts):
            failure = Failure(Reason.IMPLAUSIBLE, "the BMC's figures contradict each other: its answer was cut short")
            return Sample((active,), (failure,), up=False)
        believed = [
            Reading(name, self._target, float(figure))
            for name, figure in reading.watts.items()
            if name == WATTS or _is_told(figure)
        ]
        if reading.period:
            believed.append(Reading(PERIOD, self._target, float(reading.period)))
        return Sample((*believed, active))

    def _is_on(self) -> bool:
        """Tell whether the chassis is on; unless a remote BMC says that it is off, it is."""
        if self._bmc is None:
            return True
        return "Chassis Power is off" not in self._ask("chassis", "power", "status").text

    def _ask(self, *command: str) -> Ended:
        program = find_program("ipmitool", "ipmitool", self._environment)
        argv = [program, *_session(self._bmc), *command]
        return self._slot.start(argv, self._environment).output(self.deadline)


def _orderly(watts: Mapping[str, int]) -> bool:
    """Tell whether lowest, mean and highest power stand in that order, and the present below, as far as they are told.

    ipmitool does not look at the length of an answer: of one that was cut short it prints the first figure, and for the
    others whatever was in its buffer before.
    """
    told = [watts[name] for name in (MIN_WATTS, AVERAGE_WATTS, MAX_WATTS) if _is_told(watts[name])]
    highest = watts[MAX_WATTS]
    return told == sorted(told) and (not _is_told(highest) or watts[WATTS] <= highest * _ABOVE_HIGHEST)


def _is_told(figure: int) -> bool:
    """Tell whether a figure of the BMC's statistics is one: not zero, and not "no reading"."""
    return 0 < figure < _NO_READING


def _session(bmc: Bmc | None) -> list[str]:
    """Return ipmitool's options for the way to the BMC; -E takes the password from the environment, not from argv."""
    if bmc is None:
        return ["-I", "open"]
    options = ["-I", "lanplus", "-H", bmc.host, "-p", str(bmc.port), "-N", str(_RETRANSMIT_SECONDS), "-R", "2", "-E"]
    for flag, value in (("-U", bmc.user), ("-C", bmc.cipher_suite), ("-L", bmc.privilege)):
        if value is not None:
            options += [flag, str(value)]
    return options
