"""Tells whoever waits for the benchmark what it is at."""

from __future__ import annotations

import sys


def say(what: str) -> None:
    """Print a line to the terminal, apart from the result."""
    sys.stderr.write(f"bench: {what} ...\n")
