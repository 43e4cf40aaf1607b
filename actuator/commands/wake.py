"""``wattshift-actuator wake NODE``."""

from __future__ import annotations

import argparse
import re
from typing import Any

from actuator.commands.connection import add_flags, connect
from actuator.commands.ending import DONE
from actuator.commands.jobs import follow, is_json, print_json
from actuator.policy.alertmanager import NODE_NAME


def register(commands: Any) -> None:
    """Add the command."""
    does = "wake a node, and see it through until it could take a guest"
    parser = commands.add_parser("wake", help=does, description=f"{does[0].upper()}{does[1:]}.")
    add_flags(parser)
    parser.add_argument("node", metavar="NODE", type=node_name, help="its Proxmox name")
    parser.add_argument("--follow", action="store_true", help="stay until it is ready; exit status 0 when it is")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Order it."""
    client = connect(parsed)
    document = client.post(f"/nodes/{parsed.node}/wake")
    job_id = str((document.get("job") or {}).get("id"))
    if parsed.follow:
        return follow(client, job_id, as_json=is_json(parsed))
    if is_json(parsed):
        return print_json(document)
    print(f"Node {parsed.node} is to be awake; follow it with: wattshift-actuator jobs follow {job_id}")
    return DONE


def node_name(text: str) -> str:
    """Take an argument for a node's name.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not re.fullmatch(NODE_NAME, text, re.ASCII):
        raise argparse.ArgumentTypeError(f"expected a node's name, found {text!r}")
    return text
