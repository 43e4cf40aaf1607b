"""Small JSON calls over HTTPS to something that may hang, drip, or answer anything: bounded in time and size.

requests, since it is here already as proxmoxer's transport.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import requests
import urllib3

from actuator.adapters.deadline import Overdue, within
from actuator.adapters.waking.method import Cause, NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

# Said once, by us, where the certificate goes unchecked; not again with every request.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

_MOST_BYTES = 1_048_576
_PIECE = 16_384
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        call: Method and path, for messages.
        status: Of HTTP.
        reason: Its phrase.
        host: Who answered.
        body: As it came.
    """

    call: str
    status: int
    reason: str
    host: str
    body: bytes = field(repr=False)

    @property
    def entry(self) -> Mapping[str, object]:
        """The body as a JSON object.

        Raises:
            NotAsked: It is none.
        """
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise NotAsked(Cause.UNINTELLIGIBLE, f"{self.host} did not answer with a JSON object ({self.call})")
        return value


class Https:
    """Calls to one host.

    Args:
        host: Address, and port if it is not 443.
        account: User and password, for basic authentication.
        verify: A file with the certificate's authority, True for the system's, False to trust anybody.
        seconds: How long each call may take in all.
    """

    def __init__(
        self,
        host: str,
        account: tuple[str, str],
        verify: bool | str,  # noqa: FBT001 - as requests has it
        seconds: float,
    ) -> None:
        self._host = host
        self._seconds = seconds
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or a netrc meant for the internet has no business here
        self._session.verify = verify
        user, password = account
        self._session.auth = requests.auth.HTTPBasicAuth(user.encode(), password.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._session.close()

    def get(self, path: str) -> Answer:
        """Read something.

        Raises:
            NotAsked: unreachable, untrusted, timeout or unintelligible.
        """
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Do something.

        Raises:
            NotAsked: unreachable, untrusted, timeout or unintelligible.
        """
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        given_up = threading.Event()
        try:
            return within(self._seconds, lambda: self._asked(method, path, body, given_up), given_up)
        except Overdue as error:
            raise NotAsked(
                Cause.TIMEOUT, f"{self._host} did not end its answer in {self._seconds:g} s ({method} {path})"
            ) from error

    def _asked(self, method: str, path: str, body: Mapping[str, object] | None, given_up: threading.Event) -> Answer:
        call = f"{method} {path}"
        try:
            with self._session.request(
                method,
                f"https://{self._host}{path}",
                json=body,
                timeout=(min(_CONNECT_SECONDS, self._seconds), self._seconds),
                allow_redirects=method == "GET",
                stream=True,
            ) as response:
                content = self._read(response, given_up)
                return Answer(call, response.status_code, response.reason or "", self._host, content)
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise NotAsked(Cause.UNINTELLIGIBLE, f"{self._host} does not speak TLS as it should") from error
            raise NotAsked(
                Cause.UNTRUSTED,
                f"the certificate of {self._host} is not to be trusted: set ca_file to its authority's, or to itself, "
                "and name the host as the certificate does",
            ) from error
        except requests.exceptions.ConnectTimeout as error:
            raise NotAsked(Cause.UNREACHABLE, f"no connection to {self._host}") from error
        except requests.exceptions.Timeout as error:
            raise NotAsked(Cause.TIMEOUT, f"{self._host} did not answer in {self._seconds:g} s ({call})") from error
        except requests.exceptions.ConnectionError as error:
            cause = Cause.TIMEOUT if "timed out" in str(error) else Cause.UNREACHABLE
            raise NotAsked(cause, f"no connection to {self._host}, or it broke ({call})") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise NotAsked(
                Cause.UNINTELLIGIBLE, f"{self._host} does not speak HTTP as it should ({call}: {type(error).__name__})"
            ) from error

    def _read(self, response: requests.Response, given_up: threading.Event) -> bytes:
        """The body, or as much of it as came until nobody waited for it any more."""
        parts: list[bytes] = []
        while part := response.raw.read1(_PIECE, decode_content=True):  # what there is, not all that was asked for
            parts.append(part)
            if given_up.is_set():
                break
            if sum(map(len, parts)) > _MOST_BYTES:
                raise NotAsked(Cause.UNINTELLIGIBLE, f"{self._host} answered more than {_MOST_BYTES} bytes")
        return b"".join(parts)
