"""The two that are compared, each as it is run in earnest: the actuator, and webhook with the script."""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from deploy.lab.configuration import DEPLOY, write_actuator
from deploy.lab.ear import BROADCAST
from deploy.lab.network import free_port
from tests.bench.actuator.poster import Hook, Poster
from tests.bench.bare import bare
from tests.bench.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.lab.tools import Toolbox
    from tests.bench.actuator.cluster import Cluster
    from tests.bench.serving import Running

_SCRIPT = Path(__file__).with_name("script.sh")
_ENDPOINTS = 2
# ping's stand-in: every address of the loopback answers a real ping, also that of a node which is off. A real one takes
# seconds to give a sleeping neighbour up, so this favours the script.
_PING = '#!/bin/sh\nexec test -e "{awake}/$3"\n'
# qm's stand-in says that it was called, and for which node: qm itself would first load Proxmox's libraries.
_QM = '#!/bin/bash\necho "$3" > /dev/udp/127.0.0.1/{asked}\n'
_PARALLEL = 16


class Side:
    """One of the two while it runs.

    Attributes:
        name: What it is called in the table.
        running: Its process and port.
        database: The actuator's, None for webhook.
    """

    def __init__(self, name: str, running: Running, hook: Hook, database: Path | None = None) -> None:
        self.name = name
        self.running = running
        self.database = database
        self._hook = hook

    def poster(self) -> Poster:
        """Return a connection of its own, to send notifications over."""
        return Poster(self.running.port, self._hook)


@contextmanager
def actuator(cluster: Cluster, folder: Path, changes: Mapping[str, Any] | None = None) -> Iterator[Side]:
    """Run the actuator for a cluster, configured as shipped but for rests and limits that a bench would run into.

    Args:
        cluster: It.
        folder: An own one for its files, which is made.
        changes: Laid over its configuration.
    """
    folder.mkdir()
    port, places = free_port(), cluster.places
    callers = yaml.safe_load((DEPLOY / "actuator" / "actuator.yml").read_text())["tokens"]
    tokens = {caller["name"]: secrets.token_hex(16) for caller in callers}
    for name, secret in (tokens | {"proxmox": places.token_secret}).items():
        (folder / name).write_text(f"{secret}\n")
    wake = {"broadcast": BROADCAST, "port": places.wake, "interface": None}
    nodes: dict[str, Any] = {pair.source: {} for pair in cluster.pairs}
    nodes |= {pair.target: {"wake": {"mac": pair.mac, **wake}} for pair in cluster.pairs}
    own: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "mode": "act",
        "database": f"sqlite:///{folder / 'actuator.db'}",
        "proxmox": {
            "hosts": [f"{places.addresses[pair.source]}:{places.api}" for pair in cluster.pairs[:_ENDPOINTS]],
            "token_id": places.token_id,
            "token_file": str(folder / "proxmox"),
            "ca_file": places.ca,
        },
        "nodes": {"pve": None, "pve2": None, **nodes},
        "guests": {"vmids": [pair.vmid for pair in cluster.pairs], "tag": "wattshift"},
        "limits": {"cooldown_seconds": 0, "daily_per_guest": 1000, "parallel": _PARALLEL, "memory_reserve_mib": 0},
        "tokens": [caller | {"file": str(folder / caller["name"])} for caller in callers],
    }
    file = write_actuator(folder, own, changes or {})
    command = [str(Path(sys.executable).with_name("wattshift-actuator")), "serve", f"--config={file}"]
    with serving(command, port, folder / "actuator.log", os.environ) as running:
        hook = Hook("/api/v1/alerts", tokens["alertmanager"], tokens["operator"])
        yield Side("actuator", running, hook, folder / "actuator.db")


@contextmanager
def webhook(toolbox: Toolbox, cluster: Cluster, folder: Path) -> Iterator[Side]:
    """Run Debian's webhook, which runs the script for each notification; it asks for a token, as the actuator does."""
    tools = folder / "bin"
    tools.mkdir(parents=True)
    token, port, places = secrets.token_hex(16), free_port(), cluster.places
    (tools / "wakeonlan").symlink_to(bare(toolbox, "wakeonlan"))
    for name, text in (("ping", _PING.format(awake=places.awake)), ("qm", _QM.format(asked=places.asked))):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    script = folder / _SCRIPT.name
    script.write_text(_SCRIPT.read_text())
    script.chmod(0o755)
    (folder / "nodes.sh").write_text(_nodes(cluster))
    (folder / "hooks.json").write_text(json.dumps([_entry(script, token)]))
    command = [str(bare(toolbox, "webhook")), "-hooks", str(folder / "hooks.json")]
    command += ["-ip", "127.0.0.1", "-port", str(port)]
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    with serving(command, port, folder / "webhook.log", environment) as running:
        yield Side("webhook and script", running, Hook("/hooks/alerts", token, token))


def _nodes(cluster: Cluster) -> str:
    """Return what the script sources."""
    targets = {pair.target: pair.mac for pair in cluster.pairs}
    macs = " ".join(f"[{name}]={mac}" for name, mac in targets.items())
    addresses = " ".join(f"[{name}]={cluster.places.addresses[name]}" for name in targets)
    options = f"-i {BROADCAST} -p {cluster.places.wake}"
    return f'declare -A MACS=({macs})\ndeclare -A ADDRESSES=({addresses})\nWAKE_OPTIONS="{options}"\n'


def _entry(script: Path, token: str) -> dict[str, Any]:
    bearer = {"type": "value", "value": f"Bearer {token}", "parameter": {"source": "header", "name": "Authorization"}}
    return {
        "id": "alerts",
        "execute-command": str(script),
        "command-working-directory": str(script.parent),
        "http-methods": ["POST"],
        "pass-arguments-to-command": [
            {"source": "payload", "name": f"alerts.0.labels.{label}"} for label in ("vmid", "target_node")
        ],
        "trigger-rule": {"match": bearer},
    }
