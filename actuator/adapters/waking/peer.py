"""A magic packet from a node of the cluster that is awake: Proxmox's own call, sent where the sleeping node is near."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.adapters.waking.method import Asked, Cause, Name, NotAsked
from actuator.errors import ProxmoxAmbiguous, ProxmoxDenied, ProxmoxRefused, ProxmoxUnreachable, Temporary

if TYPE_CHECKING:
    from actuator.adapters.proxmox import Proxmox

_NO_MAC = "No wake on LAN MAC address defined"


class PeerPacket:
    """``POST /nodes/{node}/wakeonlan``, which takes the MAC address from the sleeping node's configuration.

    Args:
        proxmox: The cluster.
    """

    name = Name.PROXMOX

    def __init__(self, proxmox: Proxmox) -> None:
        self._proxmox = proxmox

    def wake(self, node: str) -> Asked:
        """Let the first endpoint that can send one packet.

        Raises:
            NotAsked: None did.
        """
        try:
            self._proxmox.wake(node)
        except ProxmoxDenied as error:
            raise NotAsked(Cause.DENIED, f"{error} (or leave 'proxmox' out of nodes.{node}.wake.methods)") from error
        except ProxmoxRefused as error:
            if _NO_MAC in error.reason:
                raise NotAsked(
                    Cause.NOT_CONFIGURED,
                    f"Proxmox knows no MAC address of {node}: pvenode config set --wakeonlan MAC, on {node}",
                ) from error
            raise NotAsked(Cause.REFUSED, str(error)) from error
        except ProxmoxUnreachable as error:
            raise NotAsked(Cause.UNREACHABLE, str(error)) from error
        except ProxmoxAmbiguous as error:
            raise NotAsked(Cause.TIMEOUT, str(error)) from error
        except Temporary as error:
            raise NotAsked(Cause.REFUSED, str(error)) from error
        return Asked(self.name, certain=False, packets=1)
