"""The lab's certificate authority: what /etc/pve/pve-root-ca.pem is to a real cluster."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """Issues a server certificate for each node."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA(organization_name="Wattshift lab")
        self.path = folder / "pve-root-ca.pem"
        self._authority.cert_pem.write_to_path(str(self.path))

    def context(self, name: str, address: str) -> ssl.SSLContext:
        """Return a TLS context for a server of that name and address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(address, name).configure_cert(context)
        return context
