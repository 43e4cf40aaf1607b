"""The secrets: read from files or the environment, held in memory, never shown.

The Proxmox token's secret comes from the environment variable `WATTSHIFT_PROXMOX_TOKEN`, which wins, or from
``proxmox.token_file``; the callers' tokens from the files under ``tokens``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from actuator.auth import Tokens
from actuator.errors import ConfigurationError
from actuator.sections import regular_file
from actuator.wake_secrets import WakeSecrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from actuator.settings import Settings

PROXMOX_TOKEN: Final = "WATTSHIFT_PROXMOX_TOKEN"  # noqa: S105 - the name of a variable, not its content
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the actuator knows and nobody else should.

    Attributes:
        proxmox_secret: The API token's.
        tokens: The callers'.
        wake: Of BMCs and network cards.
    """

    proxmox_secret: str = field(repr=False)
    tokens: Tokens
    wake: WakeSecrets = field(default_factory=WakeSecrets)

    @classmethod
    def read(cls, settings: Settings, environment: Mapping[str, str], *, file: Path) -> Self:
        """Read them all.

        Args:
            settings: Name the files.
            environment: May hold the Proxmox secret.
            file: The configuration file, for messages.

        Raises:
            ConfigurationError: names file, key and what was expected.
        """
        return cls(
            _proxmox_secret(settings, environment, file),
            Tokens(_caller_tokens(settings, file)),
            WakeSecrets.read(settings, environment, file=file),
        )


def _proxmox_secret(settings: Settings, environment: Mapping[str, str], file: Path) -> str:
    if PROXMOX_TOKEN in environment:
        return _checked(environment[PROXMOX_TOKEN], f"environment: {PROXMOX_TOKEN}")
    if settings.proxmox.token_file is None:
        raise ConfigurationError(
            f"{file}: proxmox.token_file: expected the file that holds the secret of {settings.proxmox.token_id}, "
            f"or the secret in the environment variable {PROXMOX_TOKEN}"
        )
    return _content(settings.proxmox.token_file, f"{file}: proxmox.token_file")


def _caller_tokens(settings: Settings, file: Path) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for index, entry in enumerate(settings.tokens):
        key = f"{file}: tokens.{index}.file"
        token = _content(entry.file, key)
        if len(token) < _SHORTEST_TOKEN:
            raise ConfigurationError(
                f"{key}: expected at least {_SHORTEST_TOKEN} characters in {entry.file}; "
                f"make one with: openssl rand -hex 32"
            )
        if token in tokens.values():
            raise ConfigurationError(f"{key}: expected a token of its own in {entry.file}, found another caller's")
        tokens[entry.name] = token
    return tokens


def _content(path: Path, key: str) -> str:
    try:
        regular_file(path)
        return _checked(path.read_text(encoding="utf-8").strip(), f"{key}: {path}")
    except OSError as error:
        raise ConfigurationError(f"{key}: expected a readable file at {path} ({error.strerror})") from error
    except UnicodeDecodeError:
        # Not chained: the error carries the bytes.
        raise ConfigurationError(f"{key}: {path}: expected a token in plain characters, found other bytes") from None


def _checked(secret: str, where: str) -> str:
    if not secret:
        raise ConfigurationError(f"{where}: expected a token, found nothing")
    if not (secret.isascii() and secret.isprintable()) or " " in secret or "=" in secret.rstrip("="):
        raise ConfigurationError(f"{where}: expected the token alone, without name, spaces or further lines")
    return secret
