"""Modules: how to ask a BMC, by name, for fleet mode.

The format is the modules file of prometheus-community/ipmi_exporter, as far as it concerns a power reading, with more
of our own beside it::

    modules:
      default:
        user: monitor
        password_file: /etc/wattshift/bmc.password  # or pass: "..."
        privilege: user                             # or operator, admin; ipmitool's own default is admin
        timeout: 8000                               # milliseconds, or with a unit: 8s
        targets: [192.0.2.0/24, "*.bmc.example"]    # who may be asked; default: everybody
        accept_inactive: true                       # believe watts of a meter that calls itself deactivated

Whoever reaches the exporter's port names the target, and the exporter logs in there with the module's password: without
``targets`` it can be sent anywhere, and what IPMI's handshake reveals lets a password be guessed offline (IPMI 2.0,
section 13.31: RAKP 2). List your BMCs, and use a BMC user who may do nothing but read.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import flag_values
from exporter.document import DocumentError, Node, parse
from exporter.fleet.target import check_pattern
from exporter.web.section import Section

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_TARGET = ("*",)
_PORT = 623
_TIMEOUT_SECONDS = 8.0
KEYS = (
    *("user", "pass", "password_file", "privilege", "driver", "cipher_suite", "port", "timeout", "targets"),
    "accept_inactive",
)
"""What a module may say."""
_PRIVILEGES = {"user": "USER", "operator": "OPERATOR", "admin": "ADMINISTRATOR", "administrator": "ADMINISTRATOR"}
PEERS = frozenset(
    {"collectors", "exclude_sensor_ids", "workaround_flags", "collector_cmd", "custom_args", "default_args"}
)
"""What ipmi_exporter's modules may say beside that, about its other collectors."""
_LONGEST_USER = 16  # IPMI 2.0, section 22.28


@dataclass(frozen=True, slots=True)
class Module:
    """How to ask a BMC; ``timeout`` is seconds, ``targets`` the patterns of the hosts that may be asked.

    ``accept_inactive`` is whether to believe the power of a meter that calls itself deactivated.
    """

    user: str | None
    password: str = field(repr=False)
    privilege: str | None = None
    cipher_suite: int | None = None
    port: int = _PORT
    timeout: float = _TIMEOUT_SECONDS
    targets: tuple[str, ...] = EVERY_TARGET
    accept_inactive: bool = False


def read_modules(text: str, read_secret: Callable[[Path], str]) -> Mapping[str, Module]:
    """Return the modules of a file by name; ``read_secret`` gives the text of a password file.

    Raises:
        DocumentError: with the line and what was expected there.
    """
    modules = Section(parse(text), "this file", ("modules",)).section("modules")
    if not modules.entries:
        raise DocumentError(modules.line, "expected modules: with at least one module, as in default:")
    return {name: _module(name, node, read_secret) for name, node in modules.entries.items()}


def _module(name: str, node: Node, read_secret: Callable[[Path], str]) -> Module:
    if isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            if key in PEERS:
                raise DocumentError(entry.line, f"{key} is ipmi_exporter's: here it has no meaning, leave it out")
    section = Section(node, name, KEYS)
    if (section.text("driver") or "LAN_2_0").upper() != "LAN_2_0":
        raise section.error("driver", "LAN_2_0: IPMI 2.0 is the one way here")
    user = section.text("user")
    if user is not None and (len(user.encode()) > _LONGEST_USER or not user.isprintable()):
        raise section.error("user", f"at most {_LONGEST_USER} bytes, the longest IPMI user name")
    privilege = section.text("privilege")
    if privilege is not None and privilege.lower() not in _PRIVILEGES:
        raise section.error("privilege", f"user, operator or admin, not {privilege!r}")
    return Module(
        user,
        _password(section, read_secret),
        _PRIVILEGES[privilege.lower()] if privilege is not None else None,
        _by_flag(section, "cipher_suite", flag_values.cipher_suite),
        _by_flag(section, "port", flag_values.port) or _PORT,
        _timeout(section),
        _targets(section),
        section.switch("accept_inactive", default=False),
    )


def _password(section: Section, read_secret: Callable[[Path], str]) -> str:
    # What stands there is not repeated in any error.
    secret, file = section.text("pass"), section.text("password_file")
    if (secret is None) == (file is None):
        raise DocumentError(section.line, "expected a password in this module: either pass or password_file")
    key = "pass" if file is None else "password_file"
    try:
        if file is not None:
            secret = read_secret(Path(file))
        return flag_values.password(secret or "", key)
    except OSError as error:
        raise section.error(key, f"a file to read the password from: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise section.error(key, "a file with text in UTF-8") from error
    except ArgumentTypeError as error:
        raise DocumentError(section.line_of(key), str(error)) from error


def _by_flag(section: Section, key: str, read: Callable[[str], int]) -> int | None:
    text = section.text(key)
    try:
        return read(text) if text is not None else None
    except ArgumentTypeError as error:
        raise DocumentError(section.line_of(key), f"{key}: {error}") from error


def _timeout(section: Section) -> float:
    text = section.text("timeout")
    if text is None:
        return _TIMEOUT_SECONDS
    try:
        return flag_values.duration(f"{text}ms" if text.isascii() and text.isdigit() else text)
    except ArgumentTypeError as error:
        raise DocumentError(section.line_of("timeout"), f"timeout: {error}") from error


def _targets(section: Section) -> tuple[str, ...]:
    targets = section.texts("targets") or EVERY_TARGET
    for pattern in targets:
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise DocumentError(section.line_of("targets"), f"targets: {error}") from error
    return targets
