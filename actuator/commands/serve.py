"""``wattshift-actuator serve --config FILE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.commands.configured import add_config, read

if TYPE_CHECKING:
    import argparse


def register(commands: Any) -> None:
    """Add the command."""
    does = "take alerts and do what they ask for"
    add_config(commands.add_parser("serve", help=does, description=does)).set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        ConfigurationError: what is wrong, before anything listens.
    """
    settings, credentials = read(parsed.config)
    # The other commands start in a fraction of the time without the server's libraries.
    from actuator.commands.serving import serve  # noqa: PLC0415

    return serve(parsed.config, settings, credentials)
