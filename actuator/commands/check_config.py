"""``wattshift-actuator check-config --config FILE``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actuator.commands.configured import add_config, read
from actuator.commands.ending import DONE
from actuator.monitoring import prometheus_access

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def register(commands: Any) -> None:
    """Add the command."""
    does = "check the file and its secrets"
    add_config(commands.add_parser("check-config", help=does, description=does)).set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Check, and say what an operator should know.

    Raises:
        ConfigurationError: what is wrong.
    """
    path: Path = parsed.config
    settings, _ = read(path)
    prometheus_access(settings.prometheus)
    for caution in settings.cautions():
        print(f"{path}: note: {caution}", file=sys.stderr)
    print(f"{path}: valid; mode {settings.mode}, nodes {', '.join(settings.nodes)}")
    return DONE
