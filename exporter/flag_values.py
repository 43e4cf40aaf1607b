"""What flag values may look like; each error names the value and what was expected (argparse adds the flag)."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from exporter.settings import NODE_SOURCES

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_NUMBER = re.compile(r"[0-9]{1,5}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_SECONDS = 86_400.0  # poll(2) takes no more than 24 days, and nobody means more than one
_LONGEST_PASSWORD = 20  # IPMI 2.0, section 22.30

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:\s]*)):([0-9]{1,5})")


def listen_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``[v6]:port`` or ``:port`` (every address)."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 <= int(match[3]) <= 65535:  # noqa: PLR2004 - the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r}: expected host:port, [v6]:port or :port, as in :19100")
    return (match[1] or match[2] or "", int(match[3]))


def port(text: str) -> int:
    """Return a port number."""
    if not (_NUMBER.fullmatch(text) and 0 < int(text) <= 65535):  # noqa: PLR2004 - the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)


def duration(text: str) -> float:
    """Return the seconds of a duration written like Prometheus does: ``500ms``, ``5s``, ``2m``."""
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a duration above zero and of a day at most, as in 500ms, 5s or 2m"
        )
    return seconds


def folder(text: str) -> Path:
    """Return a folder that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a folder that exists")
    return path


def node_order(text: str) -> tuple[str, ...]:
    """Return the figures that may stand for the node, best first."""
    names = tuple(text.split(","))
    if not set(names) <= set(NODE_SOURCES) or len(set(names)) != len(names):
        expected = f"expected some of {','.join(NODE_SOURCES)}, each once, best first"
        if "hwmon" in names:
            expected += "; hwmon's meters of the whole machine are acpi and psu, the sum of the power supplies"
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}")
    return names


def node_name(text: str) -> str:
    """Return a node's name."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r}: expected the node's name in Proxmox, as in pve2")
    return text


def cipher_suite(text: str) -> int:
    """Return the number of an IPMI cipher suite."""
    if not (_NUMBER.fullmatch(text) and int(text) <= 17):  # noqa: PLR2004 - IPMI 2.0, table 22-20
        raise argparse.ArgumentTypeError(f"{text!r}: expected a cipher suite from 0 to 17, mostly 3 or 17")
    return int(text)


def password_file(text: str) -> str:
    """Return the password in the file: all of it but the line end."""
    try:
        secret = Path(text).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a file to read the password from: {error}") from error
    return password(secret, f"{text!r}")


def password(secret: str, where: str) -> str:
    """Return ``secret`` when it can be an IPMI password; ``where`` is what the error calls it by."""
    if not 0 < len(secret.encode()) <= _LONGEST_PASSWORD or not secret.isprintable():
        raise argparse.ArgumentTypeError(
            f"{where}: expected one line of 1 to {_LONGEST_PASSWORD} bytes, the longest IPMI password"
        )
    return secret
