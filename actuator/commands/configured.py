"""Commands that are about the configuration itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from actuator.credentials import Credentials
from actuator.settings import Settings

if TYPE_CHECKING:
    import argparse


def add_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the flag that names the file."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration, YAML")
    return parser


def read(path: Path) -> tuple[Settings, Credentials]:
    """Read the configuration and its secrets.

    Raises:
        ConfigurationError: what is wrong with either.
    """
    settings = Settings.load(path)
    return settings, Credentials.read(settings, os.environ, file=path)
