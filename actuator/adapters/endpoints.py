"""Calls to the Proxmox API over whichever of its endpoints answers.

An endpoint is one node's pveproxy, and it may be the very node that is asleep or being emptied; so there are several,
the one that answered last is asked first, and the next takes over when it is gone. proxmoxer speaks the protocol; its
sessions are for one thread each, so every thread has its own.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import structlog
from proxmoxer.backends import https
from proxmoxer.core import ProxmoxResource, ResourceException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from actuator.adapters.answers import error_of
from actuator.adapters.deadline import Overdue, within
from actuator.errors import (
    ConfigurationError,
    GuestLocked,
    ProxmoxAmbiguous,
    ProxmoxDenied,
    ProxmoxNotReady,
    ProxmoxRefused,
    ProxmoxUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.errors import Permanent, Temporary

_log = structlog.get_logger(__name__)
# proxmoxer can log the bodies of requests; ours says what was asked for itself.
logging.getLogger("proxmoxer.core").setLevel(logging.WARNING)

_IDLE_SECONDS = 4.0
"""pveproxy closes a connection that was idle for 5 s; one used within this time has no race with the close."""
_LOOK_AGAIN_SECONDS = 5.0
_SLACK_SECONDS = 1.0  # beyond what connecting and waiting for the answer's first byte may take


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
        self._all: list[_Connection] = []
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

    def post(self, *path: str, not_by: str | None = None, **parameters: str | int) -> object:
        """Change something; asks the next endpoint only when this one surely did not take the request.

        Args:
            path: The parts of the API path.
            not_by: A part of the reason by which the wrong node refuses: another endpoint is asked then.
            parameters: Of the form.

        Raises:
            Temporary: As `error_of` and the state of the network tell.
            Permanent: As `error_of` tells.
        """
        failure: Temporary | Permanent | None = None
        for index, connection in self._in_order():
            try:
                answer = connection.post(path, parameters, self._access.call_timeout)
            except ProxmoxUnreachable as error:
                failure = failure or error
                continue
            except ProxmoxRefused as error:
                if not_by is None or not_by not in error.reason:
                    raise
                failure = error
                continue
            self._prefer(index)
            return answer
        raise failure or ProxmoxUnreachable("no endpoint")

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            for connection in self._all:
                connection.close()

    def _in_order(self) -> list[tuple[int, _Connection]]:
        """This thread's connections, the preferred first."""
        own: list[_Connection] | None = getattr(self._own, "connections", None)
        if own is None:
            own = self._own.connections = [
                _Connection(self._access, host, self._monotonic) for host in self._access.hosts
            ]
            with self._lock:
                self._all += own
        first = self._preferred
        return [(index % len(own), own[index % len(own)]) for index in range(first, first + len(own))]

    def _prefer(self, index: int) -> None:
        if index != self._preferred:
            _log.info("proxmox.endpoint_changed", endpoint=self._access.hosts[index])
            self._preferred = index


class _Connection:
    """proxmoxer's client for one endpoint and one thread."""

    def __init__(self, access: ProxmoxAccess, host: str, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._access = access
        self._host = host
        self._connect_timeout = access.probe_timeout
        self._open()

    def _open(self) -> None:
        access = self._access
        user, _, name = access.token_id.partition("!")
        backend = https.Backend(
            self._host, user=user, token_name=name, token_value=access.token_secret, verify_ssl=access.verify
        )
        self._session: Any = backend.get_session()
        self._session.trust_env = False  # a proxy or a netrc meant for the internet has no business here
        self._root = ProxmoxResource(
            base_url=backend.get_base_url(), session=self._session, serializer=backend.get_serializer()
        )
        self._used_at: float | None = None

    def get(self, path: tuple[str, ...], parameters: dict[str, str | int], timeout: float) -> object:
        """Read; a connection that was dropped while it lay idle is renewed once."""
        reused = self._freshen()
        try:
            return self._send("GET", path, parameters, timeout)
        except _Dropped as error:
            if not reused:
                raise error.meaning from error
        self.close()
        try:
            return self._send("GET", path, parameters, timeout)
        except _Dropped as error:
            raise error.meaning from error

    def post(self, path: tuple[str, ...], parameters: dict[str, str | int], timeout: float) -> object:
        """Change, over a new connection: on an old one a drop would leave open whether the request arrived."""
        self.close()
        try:
            return self._send("POST", path, parameters, timeout)
        except _Dropped as error:
            raise error.meaning from error

    def close(self) -> None:
        """Close the idle connections; the next call opens one."""
        self._session.close()
        self._used_at = None

    def _freshen(self) -> bool:
        """Drop a connection that was idle too long; whether one is left to be used again."""
        if self._used_at is not None and self._monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()
        return self._used_at is not None

    def _send(self, method: str, path: tuple[str, ...], parameters: dict[str, str | int], timeout: float) -> object:
        call = f"{method} /{'/'.join(path)} on {self._host}"
        self._session.auth.timeout = (self._connect_timeout, timeout)
        resource = self._root(path)
        ask = resource.get if method == "GET" else resource.post
        try:
            answer = within(self._connect_timeout + timeout + _SLACK_SECONDS, lambda: ask(**parameters))
        except Overdue as error:
            self._open()  # the old session is that call's for as long as it lasts
            raise ProxmoxAmbiguous(
                f"Proxmox did not end its answer in time ({call})", after=_LOOK_AGAIN_SECONDS
            ) from error
        except ResourceException as error:
            raise error_of(call, error.status_code, str(error.content), _texts(error.errors)) from error
        # proxmoxer takes the "data" of whatever JSON it gets, however deep that is.
        except (KeyError, TypeError, RecursionError) as error:
            raise not_understood(call) from error
        except OSError as error:  # the base of everything that requests raises
            raise self._network_error(call, error) from error
        self._used_at = self._monotonic()
        if isinstance(answer, dict) and isinstance(answer.get("errors"), bytes):  # proxmoxer's sign for "not JSON"
            raise not_understood(call)
        return answer

    def _network_error(self, call: str, error: OSError) -> Exception:
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ProxmoxUnreachable(
                f"the certificate of {self._host} is not to be trusted ({call}): set proxmox.ca_file to the cluster's "
                "/etc/pve/pve-root-ca.pem and name the endpoint as its certificate does"
            )
        if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
            return ProxmoxUnreachable(f"no connection to Proxmox ({call}): check that the node is on and pveproxy runs")
        if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):
            return ProxmoxAmbiguous(f"Proxmox did not answer in time ({call})", after=_LOOK_AGAIN_SECONDS)
        return _Dropped(
            ProxmoxAmbiguous(f"Proxmox dropped the connection before it answered ({call})", after=_LOOK_AGAIN_SECONDS)
        )


class _Dropped(Exception):
    """The connection broke after the request had begun."""

    def __init__(self, meaning: ProxmoxAmbiguous) -> None:
        super().__init__(str(meaning))
        self.meaning = meaning


def not_understood(call: str, detail: str = "no JSON") -> ProxmoxAmbiguous:
    """The error for a 2xx answer that is not what Proxmox gives: something else listens there, or in between."""
    return ProxmoxAmbiguous(f"the answer is not one that Proxmox gives ({call}: {detail}): check proxmox.hosts")


def _never_connected(error: OSError) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _texts(errors: object) -> dict[str, object] | None:
    return errors if isinstance(errors, dict) and not isinstance(errors.get("errors"), bytes) else None
