"""The BMC: is there one, may it be asked, and does it measure power (DCMI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor import virtual
from exporter.doctor.account import SERVICE, Account
from exporter.doctor.finding import Finding, absent, add_flag, edit, ok, problem, warning
from exporter.doctor.rights import Rights, look
from exporter.readings import Reason
from exporter.sources import dcmi, dcmi_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.doctor.where import Where
    from exporter.readings import Failure, SourceState

TITLE = "BMC (DCMI power reading)"

_READ_WRITE = 6
_DEVICES = ("ipmi0", "ipmi/0", "ipmidev/0")  # where ipmitool looks
_DRIVERS = ("ipmi_si", "ipmi_ssif")
# SMBIOS type 38 is the IPMI device (SMBIOS 7.39); IPI0001 is its ACPI name (IPMI 2.0, appendix C3).
_SIGNS = ("firmware/dmi/entries/38-0", "bus/acpi/devices/IPI0001:00")
_RESTART = f"systemctl restart {SERVICE}"
_LOAD = (
    "modprobe -a ipmi_si ipmi_devintf",
    r"printf 'ipmi_si\nipmi_devintf\n' > /etc/modules-load.d/ipmi.conf",
    # systemd looks up what the unit's DeviceAllow= means when it starts it (systemd.resource-control(5)).
    _RESTART,
)
_OFF = "--no-collector.dcmi"
_FED_BY_BMC = "ipmi_watchdog"
_LEVELS = ("USER", "OPERATOR", "ADMINISTRATOR")  # from the lowest; ipmitool asks for the last by itself


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is."""

    tool: bool
    """Whether there is ipmitool."""
    host: str | None
    by_device: bool
    """Whether ipmitool goes through /dev/ipmi0."""
    device: Rights | None
    interface: bool
    """Whether a driver found a BMC's interface."""
    sign: bool
    """Whether the firmware tells of a BMC."""
    hypervisor: str | None
    service: Account | None
    privilege: str | None = None
    """The level asked of a remote BMC, None: ipmitool's own choice."""
    fences: bool = False
    """Whether the watchdog that resets this node is fed through the BMC."""


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where), where.state("dcmi"))


def read(where: Where) -> Facts:
    """Gather the facts."""
    settings = where.settings
    found = (look(settings.dev / name, settings.etc, _READ_WRITE) for name in _DEVICES)
    return Facts(
        tool=where.has("ipmitool"),
        host=settings.bmc.host if settings.bmc else None,
        by_device=settings.bmc is None and settings.dcmi_interface == dcmi.LOCAL_INTERFACES[0],
        device=next((rights for rights in found if rights), None),
        interface=any((settings.sysfs / "module" / name).exists() for name in _DRIVERS),
        sign=any((settings.sysfs / name).exists() for name in _SIGNS),
        hypervisor=virtual.read(settings),
        service=where.service,
        privilege=settings.bmc.privilege if settings.bmc else None,
        fences=(settings.sysfs / "module" / _FED_BY_BMC).exists(),
    )


def judge(facts: Facts, state: SourceState | None) -> list[Finding]:
    """Say what the facts mean."""
    if state is None:
        return [absent(f"switched off by {_OFF}")]
    findings = []
    if facts.by_device:
        if facts.device is None:
            return [_no_device(facts)]
        findings = _access(facts.device, facts.service)
    if not facts.tool:
        return [*findings, problem("ipmitool, which asks the BMC, is not on PATH", "apt install ipmitool")]
    target = f"the BMC at {facts.host}" if facts.host else "the BMC"
    return [*findings, *_answer(target, facts, state)]


def _no_device(facts: Facts) -> Finding:
    if facts.hypervisor:
        return absent(f"a virtual machine ({facts.hypervisor}) has no BMC", *add_flag(_OFF))
    if facts.sign or facts.interface:
        return problem("the machine has a BMC, but there is no /dev/ipmi0: a driver is not loaded", *_LOAD)
    return absent("no BMC: no /dev/ipmi0, and the firmware tells of none", *add_flag(_OFF))


def _access(device: Rights, service: Account | None) -> list[Finding]:
    if service and not device.allow(service, _READ_WRITE):
        return [
            warning(
                f"{device.path} ({device}) cannot be used by the service's user {SERVICE}: "
                "its udev rule gives it the right",
                "udevadm control --reload",
                "udevadm trigger --subsystem-match=ipmi",
            )
        ]
    if not device.ours:
        return [
            problem(f"{device.path} ({device}) cannot be used by this process", "su -c 'wattshift-exporter doctor'")
        ]
    return [ok(f"{device.path} ({device}) is there")]


def _answer(target: str, facts: Facts, state: SourceState) -> list[Finding]:
    if state.up:
        watts = next(reading.value for reading in state.readings if reading.family == dcmi.WATTS)
        return [ok(f"{target} measures power: {watts:g} W")]
    if not state.failures:
        return [problem(f"{target} gave no answer in time")]
    return [problem(f"{target}: {failure.detail}", *_advice(failure, facts)) for failure in state.failures]


def _advice(failure: Failure, facts: Facts) -> tuple[str, ...]:
    """Return the commands that mend it, none where there is none to be named."""
    advice: dict[Reason, Callable[[], tuple[str, ...]]] = {
        Reason.UNSUPPORTED: lambda: add_flag(_OFF),
        Reason.PERMISSION: lambda: _permission(failure, facts),
        Reason.AUTH: lambda: edit("set IPMI_PASSWORD, and --dcmi.user in ARGS"),
        Reason.BUSY: lambda: ("sleep 60; wattshift-exporter doctor  # it passes, unless others ask the BMC often",),
        Reason.INACTIVE: lambda: _inactive(failure),
        Reason.TIMEOUT: lambda: _silent(facts),
    }
    return advice[failure.reason]() if failure.reason in advice else ()


def _inactive(failure: Failure) -> tuple[str, ...]:
    maker = "ipmitool mc info  # names the maker: "
    if dcmi.SHOWS in failure.detail:
        openbmc = "OpenBMC's meters call themselves deactivated and measure all the same"
        return (maker + openbmc, *add_flag("--dcmi.accept-inactive"))
    # Not `dcmi power activate`, which starts to enforce a power limit.
    return (f"{maker}switch on power monitoring in its setup or web page", *add_flag(_OFF))


def _silent(facts: Facts) -> tuple[str, ...]:
    if facts.host is not None:
        return ()
    if facts.fences:
        return (
            f"journalctl -b -k -g ipmi  # no `mc reset`: {_FED_BY_BMC} is fed through the BMC, and resets the node",
        )
    return ("ipmitool mc reset cold  # restarts the BMC, not the node",)


def _permission(failure: Failure, facts: Facts) -> tuple[str, ...]:
    if facts.host is not None:
        return _privilege(failure, facts.privilege)
    return (_RESTART,) if dcmi_answer.NOT_PERMITTED in failure.detail else ()


def _privilege(failure: Failure, asked: str | None) -> tuple[str, ...]:
    """Return the flag that asks for less, where the user may not have so much, or for more, where that is little."""
    level = _LEVELS.index(asked or _LEVELS[-1])
    if dcmi_answer.EXCEEDS in failure.detail:
        if level:
            return add_flag(f"--dcmi.privilege={_LEVELS[level - 1]}")
    elif level < len(_LEVELS) - 1:
        return add_flag(f"--dcmi.privilege={_LEVELS[level + 1]}")
    return edit("--dcmi.user in ARGS and IPMI_PASSWORD: a user with a higher privilege")
