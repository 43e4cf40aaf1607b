"""Which actuator a command calls: its flags, else the environment, else the configuration file on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actuator.commands.client import Address, Client
from actuator.commands.ending import MISUSED, CommandFailed
from actuator.errors import ConfigurationError
from actuator.values import regular_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.settings import Settings

URL: Final = "WATTSHIFT_URL"
TOKEN_FILE: Final = "WATTSHIFT_TOKEN_FILE"  # noqa: S105 - the name of a variable, not its content
CONFIG: Final = Path("/etc/wattshift/actuator.yml")
_DEFAULT_URL = "http://127.0.0.1:19093"
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where one listens, not where one calls
_HASHED = "sha256:"
_OPERATOR = "operator"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which actuator is called; they may stand before or after a subcommand."""
    nothing = argparse.SUPPRESS  # a subcommand's default must not undo what stood before it
    group = parser.add_argument_group("the actuator to call")
    group.add_argument(
        "--url", default=nothing, metavar="URL", help=f"its address; else {URL}, else as the configuration says"
    )
    group.add_argument(
        "--token-file",
        type=Path,
        default=nothing,
        metavar="FILE",
        help=f"holds a token that it knows; else {TOKEN_FILE}, else the configuration's token 'operator', or another",
    )
    group.add_argument(
        "--ca-file", type=Path, default=nothing, metavar="FILE", help="the authority of its certificate, for https"
    )
    for flag, what in (("--cert-file", "our certificate, where the actuator asks for one"), ("--key-file", "its key")):
        group.add_argument(flag, type=Path, default=nothing, metavar="FILE", help=what)
    group.add_argument(
        "--config",
        type=Path,
        default=nothing,
        metavar="FILE",
        help=f"its configuration, when on this machine ({CONFIG})",
    )
    group.add_argument("--json", action="store_true", default=nothing, help="print what it answers, as JSON")


def connect(
    parsed: argparse.Namespace, environment: Mapping[str, str] = os.environ, *, open_to_all: bool = False
) -> Client:
    """Return the actuator that the flags, the environment or the configuration name.

    Args:
        parsed: The flags.
        environment: The process's.
        open_to_all: Whether what is asked for is answered without a token; one is then shown only if one is found.

    Raises:
        CommandFailed: none, or no token, can be found; the message says where it was looked for.
    """
    url: str | None = getattr(parsed, "url", None) or environment.get(URL)
    named = getattr(parsed, "token_file", None) or environment.get(TOKEN_FILE)
    settings = None if url and named else _settings(getattr(parsed, "config", None))
    if url is None:
        url = _DEFAULT_URL if settings is None else url_of(settings)
    if not url.startswith(("http://", "https://")):
        raise CommandFailed(f"--url is {url!r}: expected an address such as {_DEFAULT_URL}.", MISUSED)
    file, token = _token(settings, named, open_to_all=open_to_all)
    ca_file, cert, key = (_existing(parsed, name) for name in ("ca_file", "cert_file", "key_file"))
    if (cert is None) is not (key is None):
        raise CommandFailed("--cert-file and --key-file belong together: name both.", MISUSED)
    own = None if cert is None or key is None else (cert, key)
    return Client(Address(url.rstrip("/"), token, file, ca_file or True, own))


def _token(settings: Settings | None, named: Path | str | None, *, open_to_all: bool) -> tuple[str, str]:
    """Where a token was found, and the token."""
    try:
        file = _token_of(settings) if named is None else Path(named)
    except CommandFailed:
        if not open_to_all:
            raise
        return "", ""
    return str(file), _read(file)


def _existing(parsed: argparse.Namespace, name: str) -> str | None:
    """The file that a flag names, if it does."""
    file: Path | None = getattr(parsed, name, None)
    if file is not None and not file.is_file():
        raise CommandFailed(f"--{name.replace('_', '-')} is {file}: there is no such file.", MISUSED)
    return None if file is None else str(file)


def url_of(settings: Settings) -> str:
    """Return where an actuator with these settings is called from its own machine."""
    host, port = settings.listen_address
    host = _EVERYWHERE.get(host, host)
    web = getattr(settings, "web", None)
    scheme = "https" if getattr(web, "cert_file", None) else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _settings(config: Path | None) -> Settings | None:
    """The configuration on this machine; None when there is none, or it cannot be used and nobody named it."""
    # Whoever names address and token need not wait for the libraries of what the file is about.
    from actuator.settings import Settings  # noqa: PLC0415

    try:
        return Settings.load(config or CONFIG)
    except ConfigurationError as error:
        if config is not None:
            raise CommandFailed(str(error), MISUSED) from None
        return None


def _token_of(settings: Settings | None) -> Path:
    candidates = () if settings is None else sorted(settings.tokens, key=lambda token: token.name != _OPERATOR)
    for token in candidates:
        try:
            if not _read(token.file).startswith(_HASHED):  # that is good for comparing alone
                return token.file
        except CommandFailed:
            continue
    where = (
        f"no configuration can be read at {CONFIG}" if settings is None else "none of the configuration's can be used"
    )
    raise CommandFailed(
        f"No token to call the actuator with ({where}): name a file that holds one with --token-file or {TOKEN_FILE}.",
        MISUSED,
    )


def _read(file: Path) -> str:
    try:
        regular_file(file)
        # While one token replaces another, the file has a line each; the newest that can be shown is the last.
        lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
        token = next((line for line in reversed(lines) if not line.startswith(_HASHED)), lines[-1] if lines else "")
    except OSError as error:
        raise CommandFailed(f"The token file {file} cannot be read ({error.strerror}).", MISUSED) from None
    except UnicodeDecodeError:
        token = ""
    if not token.isprintable() or not token or " " in token:
        raise CommandFailed(f"The token file {file} holds no token: expected one, alone.", MISUSED)
    return token
