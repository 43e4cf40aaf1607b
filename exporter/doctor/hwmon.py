"""hwmon: which power sensors there are, and whether any of them sees the whole machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, ok, problem
from exporter.doctor.where import names
from exporter.readings import Reason
from exporter.sources import hwmon

if TYPE_CHECKING:
    from exporter.doctor.where import Where
    from exporter.readings import SourceState

TITLE = "hwmon (power sensors of other drivers)"

_ACPI_METER = "ACPI000D"  # the device that the driver acpi_power_meter is for (ACPI 6.5, section 10.4)
_LOAD = (
    "modprobe acpi_power_meter",
    "echo acpi_power_meter > /etc/modules-load.d/acpi-power-meter.conf",
)
_NONE = frozenset({Reason.MISSING, Reason.UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class Facts:
    """Whether the firmware tells of a power meter, and whether its driver is loaded."""

    meter: bool
    driver: bool


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where), where.state("hwmon"))


def read(where: Where) -> Facts:
    """Gather the facts."""
    sysfs = where.settings.sysfs
    devices = names(sysfs / "bus" / "acpi" / "devices")
    return Facts(
        meter=any(name.startswith(f"{_ACPI_METER}:") for name in devices),
        driver=(sysfs / "module" / "acpi_power_meter").exists(),
    )


def judge(facts: Facts, state: SourceState | None) -> list[Finding]:
    """Say what the facts mean."""
    if state is None:
        return [absent("switched off by --no-collector.hwmon")]
    findings = [_sensor(*sensor) for sensor in _figures(state)]
    if facts.meter and not facts.driver:
        findings.append(problem("the firmware has a power meter, but its driver is not loaded", *_LOAD))
    if state.up is None:
        findings.append(problem("the sensors could not be read in time"))
    findings += [problem(failure.detail) for failure in state.failures if failure.labels or failure.reason not in _NONE]
    return findings or [absent("no sensor of power")]


def _figures(state: SourceState) -> list[tuple[str, str, float]]:
    wanted = {hwmon.WATTS: 1, hwmon.AVERAGE_WATTS: 0}
    readings = sorted(state.readings, key=lambda reading: wanted[reading.family])
    newest = {reading.labels: reading.value for reading in readings}  # the present figure before the mean
    return [(chip, sensor, watts) for (chip, sensor), watts in sorted(newest.items())]


def _sensor(chip: str, sensor: str, watts: float) -> Finding:
    what = "it sees the whole machine" if hwmon.sees_machine(chip, sensor) else "it sees one part of the machine"
    return ok(f"{chip} {sensor}: {watts:g} W; {what}")
