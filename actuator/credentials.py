"""The secrets: read from files or the environment, held in memory, never shown.

The Proxmox token's secret comes from the environment variable `WATTSHIFT_PROXMOX_TOKEN`, which wins, or from
``proxmox.token_file``; the callers' tokens from the files under ``tokens``; the listener's key from ``web.key_file``;
PostgreSQL's password from `WATTSHIFT_DATABASE_PASSWORD`, which wins, or from ``database_password_file``, or by libpq's
own ways (``~/.pgpass``).

A caller's file holds a token a line, each plain or hashed. One is enough; a second is how a token is replaced: write
the new one into a second line, reload, let the caller use it, remove the first line, reload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from actuator import tls
from actuator.auth import HASHED, Holder, Tokens, digest_of
from actuator.errors import ConfigurationError
from actuator.values import regular_file
from actuator.wake_secrets import WakeSecrets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from actuator.settings import Settings

PROXMOX_TOKEN: Final = "WATTSHIFT_PROXMOX_TOKEN"  # noqa: S105 - the name of a variable, not its content
DATABASE_PASSWORD: Final = "WATTSHIFT_DATABASE_PASSWORD"  # noqa: S105 - the same
_SHORTEST_TOKEN = 16
_MOST_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the actuator knows and nobody else should.

    Attributes:
        proxmox_secret: The API token's.
        tokens: The callers'.
        tls: What the listener shows and asks of those who connect; None when it speaks plain HTTP.
        database_password: PostgreSQL's; None when it is not ours to give.
        wake: Of BMCs and network cards.
    """

    proxmox_secret: str = field(repr=False)
    tokens: Tokens
    tls: ssl.SSLContext | None = None
    database_password: str | None = field(default=None, repr=False)
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
            tls.server_context(settings.web, file),
            _database_password(settings, environment, file),
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


def _database_password(settings: Settings, environment: Mapping[str, str], file: Path) -> str | None:
    if settings.database.startswith("sqlite:"):
        return None
    if DATABASE_PASSWORD in environment:
        return _one_line(environment[DATABASE_PASSWORD], f"environment: {DATABASE_PASSWORD}")
    if settings.database_password_file is None:
        return None
    key, path = f"{file}: database_password_file", settings.database_password_file
    return _one_line(_text(path, key).rstrip("\r\n"), f"{key}: {path}")


def _one_line(password: str, where: str) -> str:
    if not password or not password.isprintable():
        raise ConfigurationError(f"{where}: expected a password on one line, alone")
    return password


def _caller_tokens(settings: Settings, file: Path) -> list[tuple[Holder, bytes]]:
    owners: dict[bytes, str] = {}
    tokens = []
    for index, entry in enumerate(settings.tokens):
        key = f"{file}: tokens.{index}.file"
        holder = Holder(entry.name, entry.scopes)
        lines = [line.strip() for line in _text(entry.file, key).splitlines() if line.strip()]
        if not 1 <= len(lines) <= _MOST_TOKENS:
            raise ConfigurationError(
                f"{key}: {entry.file}: expected a token, alone or a line each for at most {_MOST_TOKENS}, "
                f"found {len(lines) or 'nothing'}"
            )
        for line in lines:
            digest = _caller_token(line, f"{key}: {entry.file}")
            if owners.setdefault(digest, entry.name) != entry.name:
                raise ConfigurationError(f"{key}: expected a token of its own in {entry.file}, found another caller's")
            tokens.append((holder, digest))
    return tokens


def _caller_token(line: str, where: str) -> bytes:
    if not line.startswith(HASHED) and len(_checked(line, where)) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"{where}: expected at least {_SHORTEST_TOKEN} characters; make one with: openssl rand -hex 32"
        )
    try:
        return digest_of(line)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _content(path: Path, key: str) -> str:
    return _checked(_text(path, key).strip(), f"{key}: {path}")


def _text(path: Path, key: str) -> str:
    try:
        regular_file(path)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{key}: expected a readable file at {path} ({error.strerror})") from error
    except UnicodeDecodeError:
        # Not chained: the error carries the bytes.
        raise ConfigurationError(f"{key}: {path}: expected plain characters, found other bytes") from None


def _checked(secret: str, where: str) -> str:
    if not secret:
        raise ConfigurationError(f"{where}: expected a token, found nothing")
    if not (secret.isascii() and secret.isprintable()) or " " in secret or "=" in secret.rstrip("="):
        raise ConfigurationError(f"{where}: expected the token alone, without name, spaces or further lines")
    return secret
