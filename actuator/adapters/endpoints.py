"""Calls to the Proxmox API over whichever of its endpoints answers.

An endpoint is one node's pveproxy, and it may be the very node that is asleep or being emptied; so there are several,
the one that answered last is asked first, and the next takes over when it is gone. proxmoxer speaks the protocol; its
sessions are for one thread each, so every thread has its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from actuator.adapters.connection import Connection
from actuator.errors import (
    GuestLocked,
    Permanent,
    ProxmoxAmbiguous,
    ProxmoxDenied,
    ProxmoxNotReady,
    ProxmoxRefused,
    ProxmoxUnreachable,
    Temporary,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.proxmox_access import ProxmoxAccess

_log = structlog.get_logger(__name__)


class Endpoints:
    """The endpoints of one cluster, for any number of threads.

    Args:
        access: Where they are.
        monotonic: Seconds, for the age of idle connections.
    """

    def __init__(self, access: ProxmoxAccess, monotonic: Callable[[], float]) -> None:
        self._access = access
        self._monotonic = monotonic
        self._preferred = 0
        self._lock = threading.Lock()
        self._own = threading.local()
        self._all: list[Connection] = []
        if access.verify is False:
            _log.warning(
                "proxmox.certificate_unchecked",
                advice="anybody in the network may pose as Proxmox: set proxmox.ca_file",
            )

    def get(self, *path: str, slow: bool = False, **parameters: str | int) -> object:
        """Read something; asks the next endpoint when one is gone or gives no clear answer.

        Args:
            path: The parts of the API path.
            slow: Another node answers, through the endpoint.
            parameters: Of the query.

        Raises:
            Temporary: As `error_of` and the state of the network tell.
            Permanent: As `error_of` tells.
        """
        read_timeout = self._access.call_timeout if slow else self._access.probe_timeout
        failure: Temporary | None = None
        word: ProxmoxNotReady | ProxmoxDenied | None = None
        for index, connection in self._in_order():
            try:
                answer = connection.get(path, parameters, read_timeout)
            except (ProxmoxUnreachable, ProxmoxAmbiguous) as error:
                failure = failure or error
                continue
            except (ProxmoxNotReady, ProxmoxDenied) as error:
                if isinstance(error, GuestLocked):
                    raise
                word = word or error  # one endpoint's word (its pmxcfs may be down); silence of the others is none
                continue
            self._prefer(index)
            return answer
        raise word or failure or ProxmoxUnreachable("no endpoint")

    def post(
        self,
        *path: str,
        not_by: str | None = None,
        last_word: Callable[[], bool] | None = None,
        **parameters: str | int,
    ) -> object:
        """Change something; asks the next endpoint only when this one surely did not take the request.

        Args:
            path: The parts of the API path.
            not_by: Given for a request that may as well be carried out twice, and that one node cannot: a part of the
                reason by which that one refuses. Whatever an endpoint says then, the next one is asked.
            last_word: Asked right before the request goes out, over a connection that is open by then.
            parameters: Of the form.

        Raises:
            NotAsked: The last word was no.
            Temporary: As `error_of` and the state of the network tell.
            Permanent: As `error_of` tells.
        """
        failure: Temporary | Permanent | None = None
        word: Temporary | Permanent | None = None
        for index, connection in self._in_order():
            try:
                answer = connection.post(path, parameters, self._access.call_timeout, last_word)
            except ProxmoxUnreachable as error:
                failure = failure or error
                continue
            except (Temporary, Permanent) as error:
                if not_by is None:
                    raise
                if isinstance(error, ProxmoxRefused) and not_by in error.reason:
                    failure = error
                else:
                    word = word or error  # of who could have done it
                continue
            self._prefer(index)
            return answer
        raise word or failure or ProxmoxUnreachable("no endpoint")

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            for connection in self._all:
                connection.close()

    def _in_order(self) -> list[tuple[int, Connection]]:
        """This thread's connections, the preferred first."""
        own: list[Connection] | None = getattr(self._own, "connections", None)
        if own is None:
            own = self._own.connections = [
                Connection(self._access, host, self._monotonic) for host in self._access.hosts
            ]
            with self._lock:
                self._all += own
        first = self._preferred
        return [(index % len(own), own[index % len(own)]) for index in range(first, first + len(own))]

    def _prefer(self, index: int) -> None:
        if index != self._preferred:
            _log.info("proxmox.endpoint_changed", endpoint=self._access.hosts[index])
            self._preferred = index
