"""``wattshift-actuator clear-quarantine NODE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.commands.connection import add_flags, connect
from actuator.commands.ending import DONE
from actuator.commands.jobs import is_json, print_json
from actuator.commands.wake import node_name

if TYPE_CHECKING:
    import argparse


def register(commands: Any) -> None:
    """Add the command."""
    does = "let a node be woken again that was given up because it did not join"
    parser = commands.add_parser("clear-quarantine", help=does, description=f"{does[0].upper()}{does[1:]}.")
    add_flags(parser)
    parser.add_argument("node", metavar="NODE", type=node_name, help="its Proxmox name")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Say so."""
    document = connect(parsed).post(f"/nodes/{parsed.node}/clear-quarantine")
    if is_json(parsed):
        return print_json(document)
    if document.get("cleared"):
        print(
            f"Node {parsed.node} may be woken again; whether it wakes, tells: wattshift-actuator wake {parsed.node} "
            f"--follow"
        )
    else:
        print(f"Node {parsed.node} was in no quarantine; it may be woken as before.")
    return DONE
