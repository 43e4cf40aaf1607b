"""Reading the files that a guest's figures come from, each at every look: of /proc, the control groups, Proxmox."""

from __future__ import annotations

import os

_PART_BYTES = 65536


def text_of(path: str) -> str:
    """Return a file's text, whatever bytes it holds."""
    # A guest takes some files at each read; objects around their paths and contents would cost more than the kernel.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(descriptor, _PART_BYTES):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts).decode(errors="replace")
