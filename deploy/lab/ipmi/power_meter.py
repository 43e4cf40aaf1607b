"""The BMC's power meter: statistics over its reporting period, and DCMI's reply with its usual faults.

Source: DCMI 1.5, section 6.6.1 (Get Power Reading).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Literal

GROUP = 0xDC
_ACTIVE = 0x40
_UNKNOWN_WATTS = 0xFFFF

# What real meters do wrong; a number is a completion code. "hang": this command is never answered; "dead": nothing is;
# "deactivated": it says so, and measures all the same.
MeterFault = Literal["inactive", "deactivated", "zero", "unknown", "truncated", "wrong group", "hang", "dead"] | int


@dataclass
class PowerMeter:
    """Watts seen since the meter started.

    Attributes:
        watts: The newest.
        minimum: The least, None before the first.
        maximum: The most.
        fault: What is wrong with this meter.
        sends: How many bytes of its answers come out, when not all do.
    """

    watts: float = 0.0
    minimum: float | None = None
    maximum: float = 0.0
    fault: MeterFault | None = None
    sends: int | None = None
    _joules: float = field(default=0.0, repr=False)
    _seconds: float = field(default=0.0, repr=False)

    def observe(self, watts: float, seconds: float) -> None:
        """Take note of ``watts`` that held for ``seconds``."""
        self.watts = watts
        self.minimum = watts if self.minimum is None else min(self.minimum, watts)
        self.maximum = max(self.maximum, watts)
        self._joules += watts * seconds
        self._seconds += seconds

    @property
    def average(self) -> float:
        """Mean watts over the period; the newest figure while it has no length."""
        return self._joules / self._seconds if self._seconds else self.watts

    def reading(self, timestamp: int) -> tuple[int, bytes]:
        """Return completion code and data of a power reading at ``timestamp`` (seconds since the epoch)."""
        least = self.watts if self.minimum is None else self.minimum
        figures = [self.watts, least, self.maximum, self.average]
        state = _ACTIVE
        match self.fault:
            case int(code):
                return code, b""
            case "inactive":
                figures, timestamp, state = [0] * 4, 0, 0
            case "deactivated":
                state = 0
            case "zero":
                figures = [0] * 4
            case "unknown":
                figures = [_UNKNOWN_WATTS] * 4
            case _:
                pass
        period = 0 if self.fault == "inactive" else int(self._seconds * 1000) & 0xFFFFFFFF
        group = 0x57 if self.fault == "wrong group" else GROUP
        data = struct.pack("<BHHHHIIB", group, *(round(figure) for figure in figures), timestamp, period, state)
        return 0x00, data[:3] if self.fault == "truncated" else data[: self.sends]
