"""One endpoint of the Proxmox API, spoken to by one thread: proxmoxer's client, and what its errors mean to us."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import requests
from proxmoxer.backends import https
from proxmoxer.core import ProxmoxResource, ResourceException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from actuator.adapters.answers import error_of, not_understood
from actuator.adapters.deadline import Overdue, within
from actuator.errors import NotAsked, ProxmoxAmbiguous, ProxmoxUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.proxmox_access import ProxmoxAccess

# proxmoxer can log the bodies of requests; ours says what was asked for itself.
logging.getLogger("proxmoxer.core").setLevel(logging.WARNING)

_IDLE_SECONDS = 4.0
"""pveproxy closes a connection that was idle for 5 s; one used within this time has no race with the close."""
_LOOK_AGAIN_SECONDS = 5.0
_SLACK_SECONDS = 1.0  # beyond what connecting and waiting for the answer's first byte may take


class Connection:
    """proxmoxer's client for one endpoint and one thread.

    Args:
        access: How to be let in.
        host: ``address:port``.
        monotonic: Seconds, for the age of an idle connection.
    """

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
        """Read; a connection that was dropped while it lay idle is renewed once.

        Raises:
            Temporary: As `error_of` and the state of the network tell.
            Permanent: As `error_of` tells.
        """
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

    def post(
        self,
        path: tuple[str, ...],
        parameters: dict[str, str | int],
        timeout: float,
        last_word: Callable[[], bool] | None = None,
    ) -> object:
        """Change, over a new connection: on an old one a drop would leave open whether the request arrived.

        With a last word the connection is opened by a look first (``GET /version``), so that between the word and the
        request lies nothing that waits, neither for the network nor for another's processor.

        Raises:
            NotAsked: The last word was no.
            Temporary: As `error_of` and the state of the network tell.
            Permanent: As `error_of` tells.
        """
        self.close()
        if last_word is not None:
            try:
                self.get(("version",), {}, self._connect_timeout)
            except ProxmoxAmbiguous as error:  # of the look alone: the request was surely not sent
                raise ProxmoxUnreachable(str(error)) from error
            if not last_word():
                raise NotAsked("it was held back at the last moment")
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


def _never_connected(error: OSError) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _texts(errors: object) -> dict[str, object] | None:
    return errors if isinstance(errors, dict) and not isinstance(errors.get("errors"), bytes) else None
