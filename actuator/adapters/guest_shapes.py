"""What matters of a guest's configuration: its volumes, its processor, and what binds it to its node."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actuator.adapters import fields
from actuator.policy.cluster import Volume
from actuator.policy.machines import DEFAULT_CPU_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|mp)\d+|rootfs")


@dataclass(frozen=True, slots=True)
class GuestConfig:
    """What matters of a guest's configuration.

    Attributes:
        disks: Its volumes, wherever they lie; no path of the host.
        cpu_type: Of a virtual machine, such as ``host`` or ``x86-64-v2-AES``; None when it cannot be told.
        unused: Volumes that it holds and does not use.
        bound_by: Keys by which a container uses its node itself.
    """

    disks: tuple[Volume, ...]
    cpu_type: str | None
    unused: tuple[Volume, ...] = ()
    bound_by: tuple[str, ...] = ()

    @property
    def storages(self) -> frozenset[str]:
        """Those on which its disks lie."""
        return frozenset(disk.storage for disk in self.disks)


def guest_config_of(config: object) -> GuestConfig:
    """From ``GET /nodes/{node}/qemu/{vmid}/config``, or its twin for containers.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    told = fields.entry(config)
    disks = (_disk(str(told[key])) for key in sorted(told) if _DISK.fullmatch(key))
    unused = (_disk(str(told[key])) for key in sorted(told) if re.fullmatch(r"unused\d+", key))
    return GuestConfig(
        tuple(disk for disk in disks if disk is not None),
        _cpu_type(told.get("cpu")),
        tuple(replace(disk, replicate=False) for disk in unused if disk is not None),  # which no job takes along
        tuple(_bound_by(told)),
    )


def guest_state_of(status: object) -> str:
    """From ``GET /nodes/{node}/qemu/{vmid}/status/current``, or its twin for containers: ``running``, ``paused`` ...

    QEMU's own word (``qmpstatus``) where there is one: ``status`` only says whether its process runs.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    told = fields.entry(status)
    return fields.text(told, "qmpstatus" if told.get("qmpstatus") else "status")


def _bound_by(told: Mapping[str, Any]) -> Iterator[str]:
    """What of the node itself a container uses: devices, paths, raw keys of LXC; Proxmox looks at paths alone."""
    for key in sorted(told):
        value = str(told[key])
        mounted = re.fullmatch(r"mp\d+", key) and value.startswith("/") and "shared=1" not in value.split(",")
        if mounted or re.fullmatch(r"dev\d+", key) or (key == "lxc" and "mount.entry" in value):
            yield key


def _disk(value: str) -> Volume | None:
    """``local:100/vm-100-disk-0.raw,size=32G``; None for an empty drive, or for a path of the host."""
    volume, *options = value.split(",")
    if ":" not in volume or volume.startswith("/"):
        return None
    sizes = (option.removeprefix("size=") for option in options if option.startswith("size="))
    return Volume(
        volume,
        fields.size(next(sizes, None)),
        cdrom="media=cdrom" in options,
        replicate="replicate=0" not in options,
    )


def _cpu_type(value: object) -> str | None:
    """The type out of ``host,flags=+aes`` or ``cputype=host``."""
    if value is None:
        return DEFAULT_CPU_TYPE
    for part in str(value).split(","):
        key, equals, rest = part.partition("=")
        if not equals:
            return key.strip() or None
        if key.strip() == "cputype":
            return rest.strip() or None
    return DEFAULT_CPU_TYPE  # flags alone
