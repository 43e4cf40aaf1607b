"""Whether a machine shows any sign of life on its network, before its cluster knows of it."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PORTS = (8006, 22)
"""Where a Proxmox node listens: pveproxy, and sshd, which comes first."""


def answers(address: str, ports: Iterable[int] = PORTS, seconds: float = 1.0) -> bool:
    """Whether a TCP connection to one of the ports comes about in time.

    No ICMP, which takes a privilege. A refused connection is no sign: a firewall may have refused it.

    Args:
        address: An IP address; a name is never looked up.
        ports: All tried at once.
        seconds: For all of them together.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    poll = select.poll()
    with contextlib.ExitStack() as closing:
        waiting: dict[int, socket.socket] = {}
        for port in ports:
            knock = closing.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            try:
                if knock.connect_ex((address, port)) in {0, errno.EINPROGRESS}:
                    waiting[knock.fileno()] = knock
                    poll.register(knock, select.POLLOUT)
            except OSError:  # no such kind of address
                continue
        while waiting:
            events = poll.poll(seconds * 1000)
            if not events:
                return False
            for descriptor, _ in events:
                poll.unregister(descriptor)
                if waiting.pop(descriptor).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    return True
    return False
