"""The watchdog by which Proxmox HA fences this node, and what it has to do with the BMC.

``watchdog-mux`` takes /dev/watchdog if there is one, else loads ``WATCHDOG_MODULE`` of /etc/default/pve-ha-manager,
else softdog; it sets a timeout of 10 s and feeds it every second (pve-ha-manager, src/watchdog-mux.c). With
ipmi_watchdog each feeding is a message to the BMC, over the interface that the exporter's questions take too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, add_flag, ok, problem, warning
from exporter.doctor.where import names, text

if TYPE_CHECKING:
    from exporter.doctor.where import Where

TITLE = "Watchdog (Proxmox HA)"

_SETTING = re.compile(r"""^\s*WATCHDOG_MODULE=["']?([\w-]+)""", re.MULTILINE)
_TIMEOUT = 10.0  # seconds, watchdog-mux's
_BMC = "ipmi_watchdog"
_LOG = "journalctl -b -u watchdog-mux"


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is.

    ``module`` is what is configured, ``serving`` what the kernel's watchdogs call themselves, ``polled`` how often the
    node's own BMC is asked (seconds; None: never).
    """

    proxmox: bool
    device: bool
    module: str | None
    loaded: frozenset[str]
    serving: tuple[str, ...]
    polled: float | None


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where))


def read(where: Where) -> Facts:
    """Gather the facts."""
    settings = where.settings
    watchdogs = settings.sysfs / "class" / "watchdog"
    return Facts(
        proxmox=bool(names(where.cluster)),
        device=(settings.dev / "watchdog").exists(),
        module=parse(text(settings.etc / "default" / "pve-ha-manager") or ""),
        loaded=frozenset(names(settings.sysfs / "module")),
        serving=tuple(filter(None, (text(watchdogs / name / "identity") for name in names(watchdogs)))),
        polled=settings.dcmi.interval if "dcmi" in settings.collectors and settings.bmc is None else None,
    )


def parse(defaults: str) -> str | None:
    """Return the module that /etc/default/pve-ha-manager names, if any."""
    found = _SETTING.findall(defaults)
    return found[-1].replace("-", "_") if found else None


def judge(facts: Facts) -> list[Finding]:
    """Say what the facts mean."""
    if not facts.proxmox:
        return [absent("no Proxmox node: nothing fences it")]
    if not facts.device:
        return [problem("no /dev/watchdog: HA cannot fence this node; find out why before you rely on HA", _LOG)]
    served = ", ".join(facts.serving) or "a driver that does not tell its name"
    findings = []
    if facts.module and facts.module not in facts.loaded:
        findings.append(
            warning(f"{facts.module} is configured but not loaded: /dev/watchdog was there before, by {served}", _LOG)
        )
    if _BMC in facts.loaded:
        return [*findings, _by_bmc(facts.polled)]
    return findings or [ok(f"{served}: the exporter has nothing to do with it")]


def _by_bmc(polled: float | None) -> Finding:
    if polled is not None and polled < _TIMEOUT:
        return warning(
            f"{_BMC} must be fed through the BMC every {_TIMEOUT:g} s at least, and the BMC is asked for power every "
            f"{polled:g} s over the same slow interface: kept busy, it could reset the node",
            *add_flag("--dcmi.interval=10s"),
        )
    return ok(f"{_BMC} is fed through the BMC: let nothing else ask the BMC often")
