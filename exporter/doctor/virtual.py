"""Whether this machine is a virtual one, which has neither energy counters nor a BMC of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.doctor.where import text

if TYPE_CHECKING:
    from exporter.settings import Settings

# What hypervisors call themselves in SMBIOS (systemd-detect-virt's list); Proxmox's guests say QEMU.
_VENDORS = (
    "QEMU",
    "KVM",
    "VMware",
    "VirtualBox",
    "innotek",
    "Xen",
    "Bochs",
    "Parallels",
    "Microsoft",
    "Amazon EC2",
    "Google",
)


def read(settings: Settings) -> str | None:
    """Return what the virtual machine's hypervisor calls itself, or None on real hardware."""
    dmi = settings.sysfs / "class" / "dmi" / "id"
    said = " ".join(text(dmi / name) or "" for name in ("sys_vendor", "product_name", "bios_vendor"))
    return judge(text(settings.procfs / "cpuinfo") or "", said)


def judge(cpuinfo: str, dmi: str) -> str | None:
    """Return the hypervisor's name: the processor's flag says that there is one, SMBIOS which."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    if flags is None or "hypervisor" not in flags[1].split():
        return None
    return next((vendor for vendor in _VENDORS if vendor.lower() in dmi.lower()), "an unknown hypervisor")
