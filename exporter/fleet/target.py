"""A BMC as a request names it: text from whoever can reach the port, so nothing else than an address passes."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_PORT = re.compile(r":([0-9]{1,5})\Z")
# A name that DNS or /etc/hosts can have, with the underscore that some do have. No label begins with a dash, which
# would make an option of it, and none is without a letter or digit.
_LABEL = r"(?=[_-]*[A-Za-z0-9])[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_NAME = 253
# What resolvers take for an IPv4 address in one of its odd spellings (inet_aton(3)), which no list would recognise.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a BMC is: ``host`` in one spelling whatever was asked; ``port`` is None when none was."""

    host: str
    port: int | None

    def __str__(self) -> str:
        """Return it in one spelling, which `parse_target` understands."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_target(text: str) -> Target:
    """Return the target that ``text`` names: ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``.

    Raises:
        ValueError: it names none; the message is for the one who asked.
    """
    match = _PORT.search(text) if text.count(":") == 1 or text.startswith("[") else None
    host = text[: match.start()] if match else text
    port = int(match[1]) if match else None
    if port is not None and not 0 < port <= 65535:  # noqa: PLR2004 - the highest port there is
        raise ValueError(f"target {text[:80]!r}: expected a port from 1 to 65535")
    canonical = _address(host[1:-1], 6) if host.startswith("[") and host.endswith("]") else _name(host)
    if canonical is None:
        raise ValueError(
            f"target {text[:80]!r}: expected a host name or address, as in bmc1.example, 192.0.2.7:623 or [2001:db8::7]"
        )
    return Target(canonical, port)


def is_listed(host: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether one of the patterns means ``host``.

    A pattern is a network (``192.0.2.0/24``), an address, or a name in which ``*`` stands for anything within one
    label; ``*`` alone is every host. A network means addresses and never names, whatever those resolve to.
    """
    return any(_means(pattern, host) for pattern in patterns)


def check_pattern(pattern: str) -> None:
    """Refuse what can mean no host.

    Raises:
        ValueError: it is neither a network nor a name with ``*``.
    """
    if pattern != "*" and _network(pattern) is None and not _NAME.fullmatch(pattern.replace("*", "x")):
        raise ValueError(f"{pattern!r}: expected a network, as in 192.0.2.0/24, or a name, as in *.bmc.example")


def _means(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    network = _network(pattern)
    if network is not None:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    expression = re.escape(pattern.lower().rstrip(".")).replace(r"\*", "[^.]*")
    return re.fullmatch(expression, host) is not None


def _network(pattern: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None


def _name(host: str) -> str | None:
    if address := _address(host, 4):
        return address
    if len(host) > _LONGEST_NAME or _NAME.fullmatch(host) is None or _NUMBER.fullmatch(host):
        return None
    return host.lower().rstrip(".")


def _address(text: str, version: int) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A zone (fe80::1%eth0) is free text: no.
    return address.compressed if address.version == version and "%" not in text else None
