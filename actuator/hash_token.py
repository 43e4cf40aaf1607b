"""``wattshift-actuator hash-token``: the form of a token that may lie where it is only compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.auth import HASHED, hashed
from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import TextIO


def hash_token(given: TextIO, shown: TextIO) -> int:
    """Read a token, as from ``openssl rand -hex 32 | tee /dev/tty``, and show its hash; the token is never an argument.

    Returns:
        The exit status.

    Raises:
        ConfigurationError: It is no single token.
    """
    words = given.read().split()
    if len(words) != 1 or words[0].startswith(HASHED):
        raise ConfigurationError("hash-token: expected one token on standard input, as in: hash-token < TOKEN_FILE")
    shown.write(f"{hashed(words[0])}\n")
    return 0
