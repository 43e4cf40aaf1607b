"""The kinds of values that stand in the configuration file, each with its bounds and what is said of another one."""

import errno
import ipaddress
import re
import ssl
import stat
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, FiniteFloat, ValidationInfo

from actuator.policy.alertmanager import NODE_NAME

WEEK_SECONDS: Final = 604_800
_MAX_PORT = 65535


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    # As Prometheus does: a relative path is relative to the file that names it.
    base = (info.context or {}).get("base")
    return path if base is None else base / path


def address(default_port: int | None) -> AfterValidator:
    """Check ``host:port``; an IPv6 address stands in brackets."""

    def check(text: str) -> str:
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+)(?::([0-9]{1,5}))?", text)
        port = (found[2] or default_port) if found else None
        if found is None or port is None or int(port) > _MAX_PORT:
            raise ValueError(f"expected address and port, such as '192.168.1.10:{default_port or 19093}'")
        return f"{found[1]}:{port}"

    return AfterValidator(check)


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("expected an IPv4 address, such as '192.168.1.255'") from None


def between(low: float, high: float) -> AfterValidator:
    """Check that a number is one of these, both ends included."""

    def check(number: float) -> float:
        if not low <= number <= high:
            raise ValueError(f"expected from {low} to {high}")
        return number

    return AfterValidator(check)


def matching(pattern: str, expected: str) -> AfterValidator:
    """Check that the whole text has this form; ``expected`` says it in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


def regular_file(path: Path) -> None:
    """Refuse what is there but is no file: reading a pipe might never end.

    Raises:
        OSError: it is none, or not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def certificate_authority(what: str) -> AfterValidator:
    """Check that a file holds certificates in PEM; ``what`` says whose are expected."""

    def check(path: Path) -> Path:
        try:
            regular_file(path)
            ssl.create_default_context(cafile=str(path))
        except OSError as error:  # SSLError among them
            raise ValueError(f"expected a PEM file with {what} ({error})") from None
        return path

    return AfterValidator(check)


IPv4 = Annotated[str, AfterValidator(_ipv4)]
Patience = Annotated[FiniteFloat, Field(strict=True), between(1, 86_400)]
Period = Annotated[FiniteFloat, Field(strict=True), between(1, WEEK_SECONDS)]
Count = Annotated[int, Field(strict=True), between(1, 1000)]
FileName = Annotated[Path, AfterValidator(_beside_the_file)]
NodeName = Annotated[str, matching(NODE_NAME, "a Proxmox node name, such as 'pve2' (no domain, no port)")]
