"""``wattshift-actuator hash-token``: the form of a token that may lie where it is only compared."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actuator.auth import HASHED, hashed
from actuator.commands.ending import DONE
from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse


def register(commands: Any) -> None:
    """Add the command."""
    does = "read a token from standard input and print the form in which a token file may hold it"
    commands.add_parser("hash-token", help=does, description=does).set_defaults(run=run)


def run(_parsed: argparse.Namespace) -> int:
    """Read a token, as from ``openssl rand -hex 32 | tee /dev/tty``, and show its hash; the token is never an argument.

    Raises:
        ConfigurationError: It is no single token.
    """
    words = sys.stdin.read().split()
    if len(words) != 1 or words[0].startswith(HASHED):
        raise ConfigurationError("hash-token: expected one token on standard input, as in: hash-token < TOKEN_FILE")
    sys.stdout.write(f"{hashed(words[0])}\n")
    return DONE
