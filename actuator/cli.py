"""The command line, ``wattshift-actuator``; its commands, and their exit statuses, are in `actuator.commands`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from actuator.commands.ending import FAILED, INTERRUPTED, MISUSED, CommandFailed
from actuator.commands.screen import printable
from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = ("serve", "check-config", "hash-token", "doctor", "healthy", "jobs", "plan", "wake", "clear-quarantine")
_STATUSES = """\
exit status:
  0 done   1 refused or failed   2 command line, configuration or token wrong   3 no answer   130 interrupted"""


def make_parser(named: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of every command and flag, or of the one command that is named.

    The libraries of all commands take a second to import, so the one that is named comes alone; the usage names all.
    """
    parser = argparse.ArgumentParser(
        prog="wattshift-actuator",
        description="Wakes nodes and moves guests of a Proxmox VE cluster when power asks for it.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    alone = [name for name in _COMMANDS if name in named]
    every = f"{{{','.join(_COMMANDS)}}}"
    commands = parser.add_subparsers(dest="command", required=True, metavar=every if alone else None)
    for name in alone or _COMMANDS:
        import_module(f"actuator.commands.{name.replace('-', '_')}").register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    parsed = make_parser(given[:1]).parse_args(given)
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
