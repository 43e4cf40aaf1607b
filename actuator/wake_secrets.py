"""The secrets of waking: BMC passwords and SecureOn passwords, from files or the environment.

``WATTSHIFT_BMC_PASSWORD_<NODE>`` and ``WATTSHIFT_SECUREON_<NODE>`` win over the files; ``<NODE>`` is the node's name in
capitals, with ``_`` for ``-``. Redfish and IPMI of one node ask the same BMC, so the variable is for both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from actuator.errors import ConfigurationError
from actuator.values import regular_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from actuator.settings import Settings

_LONGEST_IPMI_PASSWORD = 20  # bytes, IPMI 2.0, section 22.30
_SECUREON = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class WakeSecrets:
    """What the BMCs and the network cards want to hear, by node.

    Attributes:
        redfish: Passwords.
        ipmi: Passwords.
        secureon: 6 bytes each; only of nodes that have one.
    """

    redfish: Mapping[str, str] = field(default_factory=dict, repr=False)
    ipmi: Mapping[str, str] = field(default_factory=dict, repr=False)
    secureon: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, settings: Settings, environment: Mapping[str, str], *, file: Path) -> Self:
        """Read them all.

        Args:
            settings: Name the files.
            environment: May hold them instead.
            file: The configuration file, for messages.

        Raises:
            ConfigurationError: names file, key and what was expected.
        """
        redfish: dict[str, str] = {}
        ipmi: dict[str, str] = {}
        secureon: dict[str, bytes] = {}
        for node, section in settings.nodes.items():
            wake = section.wake
            if wake is None:
                continue
            variable = f"WATTSHIFT_BMC_PASSWORD_{_shouted(node)}"
            for name, bmc, found in (("redfish", wake.redfish, redfish), ("ipmi", wake.ipmi, ipmi)):
                if bmc is None:
                    continue
                key = f"{file}: nodes.{node}.wake.{name}.password_file"
                secret = _secret(environment, variable, bmc.password_file, key)
                if secret is None:
                    raise ConfigurationError(
                        f"{key}: expected the file that holds the BMC's password, or the password in the environment "
                        f"variable {variable}"
                    )
                found[node] = secret
            if len(ipmi.get(node, "").encode()) > _LONGEST_IPMI_PASSWORD:
                raise ConfigurationError(
                    f"{file}: nodes.{node}.wake.ipmi: expected a password of at most {_LONGEST_IPMI_PASSWORD} bytes, "
                    "which is all that IPMI takes"
                )
            key = f"{file}: nodes.{node}.wake.secureon_file"
            phrase = _secret(environment, f"WATTSHIFT_SECUREON_{_shouted(node)}", wake.secureon_file, key)
            if phrase is not None:
                secureon[node] = _six_bytes(phrase, key)
        return cls(redfish, ipmi, secureon)


def _shouted(node: str) -> str:
    return node.upper().replace("-", "_")


def _secret(environment: Mapping[str, str], variable: str, path: Path | None, key: str) -> str | None:
    if variable in environment:
        return _checked(environment[variable], f"environment: {variable}")
    if path is None:
        return None
    try:
        regular_file(path)
        return _checked(path.read_text(encoding="utf-8").rstrip("\r\n"), f"{key}: {path}")
    except OSError as error:
        raise ConfigurationError(f"{key}: expected a readable file at {path} ({error.strerror})") from error
    except UnicodeDecodeError:
        # Not chained: the error carries the bytes.
        raise ConfigurationError(f"{key}: {path}: expected plain characters, found other bytes") from None


def _checked(secret: str, where: str) -> str:
    if not secret or not secret.isprintable():
        raise ConfigurationError(f"{where}: expected the secret alone, in one line of printable characters")
    return secret


def _six_bytes(phrase: str, key: str) -> bytes:
    if not _SECUREON.fullmatch(phrase):
        raise ConfigurationError(f"{key}: expected 6 bytes as ethtool takes them, in the form xx:xx:xx:xx:xx:xx")
    return bytes.fromhex(phrase.replace("-", ":").replace(":", ""))
