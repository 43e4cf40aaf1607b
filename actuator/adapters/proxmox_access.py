"""Where the Proxmox API is, and how to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from actuator.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ProxmoxAccess:
    """Where the Proxmox API is and how to be let in.

    Attributes:
        hosts: Endpoints, ``address:port``, the preferred first.
        token_id: ``user@realm!name``.
        token_secret: Never shown.
        verify: A file with the certificate authority, True for the system's, False to trust anybody.
        probe_timeout: Seconds to connect, and to wait for an answer that the endpoint itself gives.
        call_timeout: Seconds to wait for an answer that another node gives; more than Proxmox's own 30.

    Raises:
        ConfigurationError: Something here can never work.
    """

    hosts: tuple[str, ...]
    token_id: str
    token_secret: str = field(repr=False)
    verify: bool | str = True
    probe_timeout: float = 5.0
    call_timeout: float = 35.0

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ConfigurationError("proxmox.hosts is empty: name at least one endpoint, such as 192.168.1.10:8006")
        user, _, name = self.token_id.partition("!")
        if "@" not in user or not name:
            raise ConfigurationError(f"proxmox.token_id is {self.token_id!r}: expected user@realm!name")
        # A stray line end would surface in requests' error text, secret and all.
        if not self.token_secret or not self.token_secret.isascii() or not self.token_secret.isprintable():
            raise ConfigurationError("the Proxmox token's secret is empty or holds unprintable characters")
        if isinstance(self.verify, str) and not Path(self.verify).is_file():
            raise ConfigurationError(f"proxmox.ca_file is {self.verify!r}: there is no such file")
