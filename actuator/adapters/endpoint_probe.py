"""One endpoint of the Proxmox API asked as it is: its status, its clock and its certificate, without failover.

For ``doctor`` alone, which wants to know of each endpoint; the actuator's own way is `actuator.adapters.endpoints`.
proxmoxer would hide the headers, so requests is used as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from actuator.adapters.proxmox_access import ProxmoxAccess

_OK = 200


class Trouble(StrEnum):
    """Why an endpoint gave no answer."""

    CERTIFICATE = "certificate"
    SILENT = "silent"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one endpoint said to one question.

    Attributes:
        status: HTTP status; None without an answer.
        reason: Proxmox's own words.
        data: What was asked for; None when it was refused.
        date: The endpoint's clock, unix seconds, when it told.
        trouble: Why there was no answer.
    """

    status: int | None = None
    reason: str = ""
    data: Any = None
    date: float | None = None
    trouble: Trouble | None = None

    @property
    def good(self) -> bool:
        """Whether the question was answered."""
        return self.status == _OK and self.data is not None


def ask(access: ProxmoxAccess, host: str, path: str) -> Answer:
    """``GET`` a path of the API from one endpoint; never raises, an error is an answer too.

    Args:
        access: How to be let in.
        host: ``address:port``.
        path: Behind ``/api2/json``.
    """
    with requests.Session() as session:
        session.trust_env = False  # a proxy or a netrc meant for the internet has no business here
        session.headers["Authorization"] = f"PVEAPIToken={access.token_id}={access.token_secret}"
        try:
            answer = session.get(
                f"https://{host}/api2/json{path}",
                verify=access.verify,
                timeout=(access.probe_timeout, 2 * access.probe_timeout),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            return Answer(trouble=Trouble.CERTIFICATE if "CERTIFICATE" in str(error) else Trouble.UNREACHABLE)
        except requests.exceptions.ReadTimeout:
            return Answer(trouble=Trouble.SILENT)
        except OSError:  # the base of everything that requests raises
            return Answer(trouble=Trouble.UNREACHABLE)
        return Answer(answer.status_code, str(answer.reason), _data(answer), _date(answer.headers.get("Date")))


def _data(answer: requests.Response) -> Any:
    try:
        document = answer.json()
    except (requests.exceptions.RequestException, RecursionError):
        return None
    return document.get("data") if isinstance(document, dict) else None


def _date(text: str | None) -> float | None:
    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
