"""``wattshift-actuator healthy``: the health check of a container, which has no other client of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.commands.connection import add_flags, connect
from actuator.commands.ending import DONE

if TYPE_CHECKING:
    import argparse


def register(commands: Any) -> None:
    """Add the command."""
    does = "ask the actuator whether it serves and works"
    parser = commands.add_parser("healthy", help=does, description=f"{does[0].upper()}{does[1:]}; it needs no token.")
    add_flags(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Ask.

    Raises:
        CommandFailed: it does not work, with what it says.
    """
    connect(parsed, open_to_all=True).healthy()
    return DONE
