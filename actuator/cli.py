"""The command line, ``wattshift-actuator``; its commands, and their exit statuses, are in `actuator.commands`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from actuator.commands import check_config, clear_quarantine, doctor, hash_token, jobs, plan, serve, wake
from actuator.commands.ending import FAILED, INTERRUPTED, MISUSED, CommandFailed
from actuator.commands.screen import printable
from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = (serve, check_config, hash_token, doctor, jobs, plan, wake, clear_quarantine)
_STATUSES = """\
exit status:
  0 done   1 refused or failed   2 command line, configuration or token wrong   3 no answer   130 interrupted"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="wattshift-actuator",
        description="Wakes nodes and moves guests of a Proxmox VE cluster when power asks for it.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parsed = make_parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return MISUSED
    except CommandFailed as error:
        print(printable(error), file=sys.stderr)  # it may quote whoever answered
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has had enough (`| head`); nothing is left to be flushed at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status
