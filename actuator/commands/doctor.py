"""``wattshift-actuator doctor --config FILE``: what is in the way, and the command that mends it; changes nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from actuator.commands.configured import add_config, read
from actuator.commands.ending import DONE, FAILED
from actuator.commands.jobs import print_json
from actuator.doctor.facts import gather
from actuator.doctor.report import document, examine, has_problem, render
from actuator.monitoring import prometheus_access

if TYPE_CHECKING:
    import argparse
    from typing import TextIO


def register(commands: Any) -> None:
    """Add the command."""
    does = "find what is in the way, from Proxmox to Alertmanager, and the command that mends it"
    parser = commands.add_parser(
        "doctor", help=does, description=f"{does[0].upper()}{does[1:]}. Exit status 0 when no problem is found."
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print what is found as JSON")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Look, judge and print.

    Raises:
        ConfigurationError: the configuration cannot be used; `check-config` says the same.
    """
    settings, credentials = read(parsed.config)
    access = settings.proxmox_access(credentials.proxmox_secret)
    blocks = examine(gather(settings, access, prometheus_access(settings.prometheus)))
    if parsed.json:
        print_json(document(blocks))
    else:
        print(render(blocks, colour=is_coloured(sys.stdout)))
    return FAILED if has_problem(blocks) else DONE


def is_coloured(out: TextIO) -> bool:
    """Tell whether what is written there may have colour (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
