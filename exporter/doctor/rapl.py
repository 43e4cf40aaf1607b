"""RAPL: are there energy counters, which, and who may read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor import virtual
from exporter.doctor.account import SERVICE, Account
from exporter.doctor.finding import Finding, absent, ok, problem, warning
from exporter.doctor.rights import Rights, look
from exporter.doctor.where import names, text
from exporter.readings import Reason

if TYPE_CHECKING:
    from exporter.doctor.where import Where
    from exporter.readings import SourceState

TITLE = "RAPL (the processor's energy counters)"

_READ = 4
_ZONE = re.compile(r"(intel-rapl|intel-rapl-mmio):[0-9a-f:]+")
_VENDOR = re.compile(r"^vendor_id\s*:\s*(\S+)", re.MULTILINE)
_HAVE_RAPL = ("GenuineIntel", "AuthenticAMD", "HygonGenuine")
_GIVE_GROUP = (
    f"chgrp {SERVICE} /sys/class/powercap/*/energy_uj",
    "chmod 0440 /sys/class/powercap/*/energy_uj",
)


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone: its folder, what it calls itself, and its counter's rights (None: it has no counter)."""

    folder: str
    name: str
    rights: Rights | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is."""

    zones: tuple[Zone, ...]
    driver: bool
    vendor: str
    hypervisor: str | None
    service: Account | None


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where), where.state("rapl"))


def read(where: Where) -> Facts:
    """Gather the facts."""
    settings = where.settings
    powercap = settings.sysfs / "class" / "powercap"
    vendor = _VENDOR.search(text(settings.procfs / "cpuinfo") or "")
    return Facts(
        zones=tuple(
            Zone(name, text(powercap / name / "name") or "?", look(powercap / name / "energy_uj", settings.etc, _READ))
            for name in names(powercap)
            if _ZONE.fullmatch(name)
        ),
        driver=(settings.sysfs / "module" / "intel_rapl_msr").exists(),
        vendor=vendor[1] if vendor else "",
        hypervisor=virtual.read(settings),
        service=where.service,
    )


def judge(facts: Facts, state: SourceState | None) -> list[Finding]:
    """Say what the facts mean."""
    if state is None:
        return [absent("switched off by --no-collector.rapl")]
    if not facts.zones:
        return [_no_zone(facts)]
    findings = [_list(facts.zones), *_oddities(facts.zones), *_access(facts)]
    # Permissions have been told by file; what else a read found is the source's own word.
    findings += [problem(failure.detail) for failure in state.failures if failure.reason != Reason.PERMISSION]
    if state.up is None:
        findings.append(problem("the counters could not be read twice in time"))
    return findings


def _no_zone(facts: Facts) -> Finding:
    if facts.hypervisor:
        return absent(f"a virtual machine ({facts.hypervisor}) has no energy counters: measure on its host")
    if facts.vendor and facts.vendor not in _HAVE_RAPL:
        return absent(f"processors by {facts.vendor} have no RAPL")
    if facts.driver:
        return absent("the driver intel_rapl_msr is loaded and found no zone: this kernel knows none in this processor")
    return problem(
        "no zone under class/powercap: the driver is not loaded",
        "modprobe intel_rapl_msr",
        "echo intel_rapl_msr > /etc/modules-load.d/wattshift.conf",
        f"systemctl restart {SERVICE}",
    )


def _list(zones: tuple[Zone, ...]) -> Finding:
    return ok(f"{len(zones)} zones: " + ", ".join(f"{zone.folder} {zone.name}" for zone in zones))


def _oddities(zones: tuple[Zone, ...]) -> list[Finding]:
    found = []
    msr = {zone.name for zone in zones if not zone.folder.startswith("intel-rapl-mmio")}
    again = [zone for zone in zones if zone.folder.startswith("intel-rapl-mmio") and zone.name in msr]
    found += [ok(f"{zone.folder} counts {zone.name} a second time: not used") for zone in again]
    if any(zone.name.startswith("psys") for zone in zones):
        found.append(ok("psys covers the whole platform: it stands for the node before the packages do"))
    dies = sum("-die-" in zone.name for zone in zones if zone not in again)
    if dies:
        found.append(ok(f"packages with several dies: {dies} zones, which add up"))
    return found


def _access(facts: Facts) -> list[Finding]:
    counters = [zone.rights for zone in facts.zones if zone.rights]
    if not counters:
        return [problem("no zone has a counter (energy_uj)")]
    findings: list[Finding] = []
    service = facts.service
    renew = (f"systemctl restart {SERVICE}",)
    ours = [rights for rights in counters if not rights.ours]
    if ours:
        findings.append(
            problem(
                f"{_count(ours, counters)} (energy_uj is {ours[0]}) cannot be read by this process",
                *(renew if service else ("su -c 'wattshift-exporter doctor'",)),
            )
        )
    if service:
        closed = [rights for rights in counters if not rights.allow(service, _READ)]
        if closed:
            findings.append(
                warning(
                    f"{_count(closed, counters)} (energy_uj is {closed[0]}) cannot be read by the service's user "
                    f"{SERVICE}: its unit gives it the right at each start, or do it by hand",
                    *renew,
                    *_GIVE_GROUP,
                )
            )
        else:
            findings.append(ok(f"the service's user {SERVICE} may read all counters (energy_uj is {counters[0]})"))
    open_ = [rights for rights in counters if rights.mode & _READ]
    if open_:
        findings.append(
            warning(
                f"{_count(open_, counters)} can be read by everybody, who learn from it what other programs "
                "compute (CVE-2020-8694)",
                "chmod o-r /sys/class/powercap/*/energy_uj",
            )
        )
    return findings


def _count(some: list[Rights], all_: list[Rights]) -> str:
    return "every counter" if len(some) == len(all_) else f"{len(some)} of {len(all_)} counters"
