"""The running actuator, called over HTTP; every way to fail is a `CommandFailed` with a sentence.

Spoken with requests, which Proxmox's client brings along.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from actuator.commands.ending import FAILED, MISUSED, UNREACHABLE, CommandFailed
from actuator.commands.events import read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0  # a stream sends a sign of life every 15 s, and Proxmox is waited for 10 s at most
_LONGEST_PAUSE_SECONDS = 5.0
_MOST_FAILURES = 12  # in a row: about a minute, for a restart of the actuator
_NO_CONTENT = 204
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Address:
    """Where the actuator is, and how to be let in.

    Attributes:
        url: Without ``/api/v1``.
        token: Never shown; empty where none is needed.
        token_from: Where the token was found, for messages.
        verify: A file with the certificate authority, True for the system's.
        cert: Files with our own certificate and its key, where the actuator asks for one.
    """

    url: str
    token: str = field(repr=False)
    token_from: str
    verify: bool | str = True
    cert: tuple[str, str] | None = None


class Client:
    """Calls one actuator.

    Args:
        address: Where it is.
        sleep: Waits so many seconds before a stream is taken up again.
    """

    def __init__(self, address: Address, sleep: Callable[[float], None] = time.sleep) -> None:
        self._address = address
        self._sleep = sleep
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc would take the place of the token
        self._session.verify = address.verify
        self._session.cert = address.cert
        if address.token:
            self._session.headers["Authorization"] = f"Bearer {address.token}"

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something below ``/api/v1``.

        Raises:
            CommandFailed: with what is in the way.
        """
        return self._document(self._send("GET", path, params=parameters))

    def post(self, path: str, body: object = None) -> dict[str, Any]:
        """Order something below ``/api/v1``.

        Raises:
            CommandFailed: with what is in the way.
        """
        return self._document(self._send("POST", path, json=body))

    def healthy(self) -> None:
        """Ask whether it serves and works.

        Raises:
            CommandFailed: it does not, or does not answer.
        """
        self._document(self._send("GET", "/-/healthy", below=""))

    def follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield a job's events, from the first on and as they happen, until the job has ended.

        A stream that breaks is taken up again where it broke, as often as need be while some of it arrives.

        Raises:
            CommandFailed: with what is in the way.
        """
        last, failures = 0, 0
        trouble = self._silent("the stream of events broke again and again")
        while failures < _MOST_FAILURES:
            failures += 1
            try:
                answer = self._send("GET", f"/jobs/{job_id}/events", headers={"Last-Event-ID": str(last)}, stream=True)
                with answer:
                    if answer.status_code == _NO_CONTENT:
                        return
                    for number, data in read_events(answer.iter_content(None)):
                        last, failures = number or last, 0
                        yield self._event(data)
            except CommandFailed as error:
                if error.status != UNREACHABLE:
                    raise
                trouble = error
            except OSError:  # the base of everything that requests raises: the stream broke
                pass
            if failures:
                self._sleep(min(0.5 * 2.0**failures, _LONGEST_PAUSE_SECONDS))
        raise trouble

    def _send(self, method: str, path: str, *, below: str = "/api/v1", **options: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method,
                f"{self._address.url}{below}{path}",
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                allow_redirects=False,
                **options,
            )
        except requests.exceptions.SSLError:
            raise CommandFailed(
                f"The certificate of {self._address.url} is not to be trusted: name its authority with "
                f"--ca-file, and call it by the name in its certificate with --url.",
                UNREACHABLE,
            ) from None
        except requests.exceptions.Timeout:
            raise self._silent("it did not answer in time") from None
        except OSError as error:
            refused = "NewConnectionError" in repr(error)
            dropped = "it dropped the connection: over https it may want a client certificate, see --cert-file"
            raise self._silent("nothing listens there" if refused else dropped) from None
        if not answer.ok or answer.is_redirect:
            with answer:
                raise self._refused(answer)
        return answer

    def _silent(self, why: str) -> CommandFailed:
        return CommandFailed(
            f"The actuator at {self._address.url} does not answer ({why}): see whether it runs (systemctl status "
            f"wattshift-actuator), or name its address with --url.",
            UNREACHABLE,
        )

    def _refused(self, answer: requests.Response) -> CommandFailed:
        said = _said(answer)
        if answer.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            return CommandFailed(
                f"The token of {self._address.token_from} is not enough here: "
                f"{said or 'it is not known there'} Name another one with --token-file.",
                MISUSED,
            )
        if said is None:
            return CommandFailed(
                f"{self._address.url} answered {answer.status_code}, and not as the actuator does: check --url.",
                UNREACHABLE,
            )
        return CommandFailed(said, UNREACHABLE if answer.status_code >= _SERVER_ERROR else FAILED)

    def _document(self, answer: requests.Response) -> dict[str, Any]:
        try:
            document = answer.json()
        except (requests.exceptions.RequestException, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise CommandFailed(f"{self._address.url} does not answer as the actuator does: check --url.", UNREACHABLE)
        return document

    def _event(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            raise CommandFailed(f"{self._address.url} does not answer as the actuator does: check --url.", UNREACHABLE)
        return event


def _said(answer: requests.Response) -> str | None:
    """The sentence of an error answer, or None when it is not one of the actuator's."""
    try:
        message = answer.json()["message"]
    except (requests.exceptions.RequestException, RecursionError, KeyError, TypeError):
        return None
    return message if isinstance(message, str) else None
