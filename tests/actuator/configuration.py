"""A configuration that is valid, for tests to spoil or to start an actuator with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

PROXMOX_SECRET = "6f9d1c9e-7a5e-4c2b-9a4e-made-up-here"
CALLER_TOKEN = "correct-horse-battery-staple"


def configuration(folder: Path) -> dict[str, Any]:
    """The keys of a valid configuration; the files that it names are written into the folder."""
    (folder / "proxmox-token").write_text(f"{PROXMOX_SECRET}\n")
    (folder / "alertmanager-token").write_text(f"{CALLER_TOKEN}\n")
    return {
        "listen": "127.0.0.1:0",
        "mode": "act",
        "database": f"sqlite:///{folder}/actuator.db",
        "proxmox": {
            "hosts": ["127.0.0.1:1"],  # nobody listens on port 1
            "token_id": "wattshift@pve!actuator",
            "token_file": "proxmox-token",
            "verify": False,
        },
        "nodes": {"pve": {"wake": {"mac": "0c:9d:92:86:bb:63"}, "boot_timeout_seconds": 420}, "pve2": None},
        "guests": {"vmids": [100], "tag": "wattshift"},
        "tokens": [{"name": "alertmanager", "file": "alertmanager-token", "scopes": ["alert", "operate"]}],
    }


def written(folder: Path, keys: dict[str, Any]) -> Path:
    """A configuration as a file in the folder."""
    path = folder / "actuator.yml"
    path.write_text(yaml.safe_dump(keys))
    return path
