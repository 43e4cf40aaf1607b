"""What ``ipmitool dcmi power reading`` prints, understood. Pure: text in, a reading or the reason for none out.

The command is *Get Power Reading*, DCMI 1.5 section 6.6.1; its answer carries four figures, the window they were taken
over, and whether the meter is active. ipmitool's text differs between versions (1.8.19 prints timestamp and period on
one line), so each fact is searched for wherever it stands. ipmitool exits 0 for an inactive meter and for an answer
that was cut short, where it prints what its buffer held before in place of what is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.child import Ended

WATTS = "wattshift_dcmi_watts"
MIN_WATTS = "wattshift_dcmi_min_watts"
MAX_WATTS = "wattshift_dcmi_max_watts"
AVERAGE_WATTS = "wattshift_dcmi_average_watts"
PERIOD = "wattshift_dcmi_period_seconds"
ACTIVE = "wattshift_dcmi_active"

NOT_PERMITTED = "Operation not permitted"
"""In the words about a device whose file's mode is right, but which the service's control group may not open."""

EXCEEDS = "exceeds"
"""In the words about a privilege level that is above what the BMC's user, or the channel, may have."""

ASK_RAW = ("raw", "0x2c", "0x02", "0xdc", "0x01", "0x00", "0x00")
"""*Get Power Reading* once more, for `check_length`: DCMI's group extension, system power statistics."""

_ANSWER_BYTES = 18  # DCMI 1.5, table 6-16, without the completion code
_HEX_LINE = re.compile(r"^(?: [0-9a-f]{2})+\s*$", re.MULTILINE)
_LENGTH = re.compile(r"RAW RSP \((\d{1,9}) bytes\)")  # with -v, which prints the request's bytes as well

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
    # Of open(2), where a device cgroup says no.
    (NOT_PERMITTED, Reason.PERMISSION, "the service may not open the device, which came after its start: restart it"),
    ("Permission denied", Reason.PERMISSION, "give this service's group the right to /dev/ipmi0"),
    ("Could not open device", Reason.MISSING, "no BMC driver: modprobe -a ipmi_si ipmi_devintf, if there is a BMC"),
    ("Address lookup for", Reason.MISSING, "the BMC's name is unknown: check it"),
    ("Could not open socket!", Reason.TIMEOUT, "no way to the BMC: check its address and this node's network"),
    ("Unable to get DCMI information", Reason.TIMEOUT, "the BMC opened a session and fell silent"),
    ("A valid DCMI command was not returned", Reason.PARSE, "the BMC answered another command"),
)
_NO_SESSION = "Unable to establish IPMI v2 / RMCP+ session"
# A refusal in the course of the handshake (IPMI 2.0, sections 13.17 to 13.24). ipmitool says so with -v only; without
# it, a wrong password and silence have the same words.
_REFUSAL = re.compile(r"RAKP [24] (?:HMAC is invalid|message .*)|Error in open session response message : .*")
_NO_ROOM = "insufficient resources"
_PRIVILEGE = re.compile(r"Set Session Privilege Level to \w+ failed.*")


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


def check_length(ended: Ended) -> None:
    """Return if ipmitool's output for `ASK_RAW` is a whole answer; the text of ``dcmi power reading`` does not tell.

    Raises:
        SourceError: parse, when it is not.
    """
    told = _LENGTH.search(ended.text)
    length = int(told[1]) if told else sum(len(line.split()) for line in _HEX_LINE.findall(ended.text))
    if ended.status != 0 or length != _ANSWER_BYTES:
        raise SourceError(Reason.PARSE, f"the BMC's answer was cut short: {length} bytes in place of {_ANSWER_BYTES}")


def _explain(ended: Ended) -> SourceError:
    said = " ".join(ended.text.split())[-200:]
    if code := _CODE.search(ended.text):
        advice = "; the session, or the interface, has too low a privilege for it" if code[2] == "d4" else ""
        reason = _CODES.get(code[2], Reason.UNSUPPORTED)
        return SourceError(reason, f"the BMC answered {code[1]} ({code[2]}){advice}")
    for text, reason, advice in _TEXTS:
        if text in ended.text:
            return SourceError(reason, f"{advice} ({said})")
    if _NO_SESSION in ended.text:
        return _explain_no_session(ended)
    return SourceError(Reason.PARSE, f"ipmitool (status {ended.status}) said: {said or 'nothing'}")


def _explain_no_session(ended: Ended) -> SourceError:
    if refusal := _REFUSAL.search(ended.text):
        if _NO_ROOM in refusal[0]:
            return SourceError(Reason.BUSY, f"the BMC has no session to spare: {refusal[0]}")
        return SourceError(
            Reason.AUTH, f"the BMC refused the session: check user, password, privilege, cipher suite ({refusal[0]})"
        )
    if refusal := _PRIVILEGE.search(ended.text):
        return SourceError(Reason.PERMISSION, f"the BMC's user needs a higher privilege, or ask for less: {refusal[0]}")
    return SourceError(
        Reason.TIMEOUT,
        f"no session with the BMC after {ended.seconds:.1f} s: check its address, the network and the user",
    )
