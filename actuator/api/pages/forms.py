"""What a form sends: read with a limit, and taken only from one of our own pages.

A browser sends the cookie with every request to us, whoever made it send that. So a form that does something carries
its session's key, which only our pages know; and where a browser tells that another site made it send a request
(https://www.w3.org/TR/fetch-metadata/), the request is refused before anything else.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from actuator.api.body import CLOSE, BodyLimits, read
from actuator.api.gate import require
from actuator.api.pages.entrance import Viewer, Viewing
from actuator.api.problems import refused
from actuator.auth import Scope

FORM_KEY: Final = "form_key"
"""The field with the session's key for forms."""

_TYPE = "application/x-www-form-urlencoded"
_LIMITS = BodyLimits(size_bytes=16 * 1024)
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that somebody sent who may do what it asks for.

    Attributes:
        viewer: They.
        fields: Its fields, without those that were left empty.
    """

    viewer: Viewer
    fields: Mapping[str, str]


async def fields_of(request: Request) -> Mapping[str, str]:
    """Return a form's fields, trimmed, without those that were left empty.

    Raises:
        Refused: It comes from another site (403), is no form (415), or did not arrive (400, 408, 413).
    """
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise refused(403, "Another site sent this form, so nothing was done: open the page itself.", headers=CLOSE)
    header = Message()
    header["content-type"] = request.headers.get("content-type", "text/plain")
    if header.get_content_type() != _TYPE:
        raise refused(415, f"Send the form as the page does, with 'Content-Type: {_TYPE}'.", headers=CLOSE)
    text = (await read(request, _LIMITS)).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        raise refused(400, f"A form of this page has {_MOST_FIELDS} fields at most; open the page again.") from None
    return {name: trimmed for name, value in pairs if (trimmed := value.strip())}


async def _filled(request: Request, viewer: Viewing) -> Filled:
    """Let in a form of this session, from somebody who may operate.

    Raises:
        Refused: 403, or as `fields_of`.
    """
    require(viewer.holder, Scope.OPERATE)
    fields = await fields_of(request)
    if not hmac.compare_digest(fields.get(FORM_KEY, "").encode(), viewer.session.form_key.encode()):
        raise refused(403, "This form belongs to another session, so nothing was done: open the page again.")
    return Filled(viewer, fields)


Ordered = Annotated[Filled, Depends(_filled)]
"""A form that may be acted on."""
