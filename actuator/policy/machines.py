"""Whether a running guest can go on running on another machine.

Proxmox's preconditions look at neither processors nor versions, and the guest that resumes on the wrong ones crashes
there. Its manual asks for processors of the same vendor, the same processor for the type ``host``, and for packages on
the target that are no older than on the source. An unknown figure refuses nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from actuator.policy.versions import Version

DEFAULT_CPU_TYPE = "kvm64"
"""What a guest has whose configuration names no ``cpu``."""

_ANY_VENDOR = re.compile(r"x86-64-v\d.*|kvm(32|64)|qemu(32|64)")
"""Types with only what every processor has, or a level that processors of any vendor may have."""
_V2 = frozenset({"pni", "ssse3", "sse4_1", "sse4_2", "popcnt"})
_V3 = _V2 | {"aes", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
_LEVELS = {
    "x86-64-v2": _V2,
    "x86-64-v2-AES": _V2 | {"aes"},
    "x86-64-v3": _V3,
    "x86-64-v4": _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
"""What the levels need (PVE/QemuServer/CPUConfig.pm), by Linux's names; QEMU would refuse the start on the target."""
_AS_THE_HOST = re.compile(r"host|max|custom-.+")
"""Types that show the processor itself, or that may do so."""
_VENDORS = ("intel", "amd", "hygon", "zhaoxin")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a node is (``GET /nodes/{node}/status`` and ``.../version``).

    Attributes:
        node: Its name.
        cpu_model: As Linux names the processor; None when not told.
        version: Of Proxmox VE; None when not told.
        cpu_flags: What the processor can do, by Linux's names; None when not told.
    """

    node: str
    cpu_model: str | None = None
    version: Version | None = None
    cpu_flags: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Cpu:
    """A node's processor.

    Attributes:
        model: As Linux names it; None when not told.
        flags: What it can do, by Linux's names; None when not told.
    """

    model: str | None = None
    flags: frozenset[str] | None = None


def needs_cpu(cpu_type: str | None) -> bool:
    """Whether a guest with this type of processor must find a certain one; None stands for a type not told."""
    return cpu_type is None or _ANY_VENDOR.fullmatch(cpu_type) is None


def needs_flags(cpu_type: str | None) -> bool:
    """Whether a guest with this type of processor needs a level that not every target has."""
    return cpu_type in _LEVELS


def unfit(vmid: int, cpu_type: str | None, source: Machine, target: Machine) -> Refusal | None:
    """Why a running virtual machine would not survive on the target."""
    return (
        _outdated(vmid, source, target)
        or _another_cpu(vmid, cpu_type, source, target)
        or _lesser_cpu(vmid, cpu_type, target)
    )


def _outdated(vmid: int, source: Machine, target: Machine) -> Refusal | None:
    if source.version is None or target.version is None or source.version <= target.version:
        return None
    return Refusal(
        Reason.TARGET_OUTDATED,
        f"Node {target.node} runs Proxmox VE {target.version}, older than {source.version} on {source.node}, and a "
        f"running guest is only safe on the same or a newer one: update {target.node} before guest {vmid} goes there.",
    )


def _another_cpu(vmid: int, cpu_type: str | None, source: Machine, target: Machine) -> Refusal | None:
    if source.cpu_model is None or target.cpu_model is None or not needs_cpu(cpu_type):
        return None
    same = source.cpu_model == target.cpu_model
    if cpu_type is not None and _AS_THE_HOST.fullmatch(cpu_type) is None:
        vendors = {_vendor(source.cpu_model), _vendor(target.cpu_model)}
        same = same or len(vendors) == 1 or None in vendors
    if same:
        return None
    return Refusal(
        Reason.TARGET_CPU_DIFFERS,
        f"Guest {vmid} has the processor type '{cpu_type or 'unknown'}' and would meet another processor: "
        f"{target.node} has {target.cpu_model}, {source.node} has {source.cpu_model}. Give the guest a type that both "
        f"have, such as x86-64-v2-AES, or name another target.",
    )


def _lesser_cpu(vmid: int, cpu_type: str | None, target: Machine) -> Refusal | None:
    lacking = _LEVELS.get(cpu_type or "", frozenset()) - (target.cpu_flags or frozenset())
    if target.cpu_flags is None or not lacking:
        return None
    return Refusal(
        Reason.TARGET_CPU_DIFFERS,
        f"Guest {vmid} has the processor type '{cpu_type}', and the processor of {target.node} lacks what that needs "
        f"({', '.join(sorted(lacking))}): give the guest a lower one, such as x86-64-v2-AES, or name another target.",
    )


def _vendor(model: str) -> str | None:
    words = model.lower()
    return next((vendor for vendor in _VENDORS if vendor in words), None)
