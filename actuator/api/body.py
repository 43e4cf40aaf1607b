"""Request bodies: read with a limit on size and time, then parsed strictly.

The framework would read a body before it asks who sends it, and parses what is no strict JSON (NaN, lone surrogates).
Here a body is read only after authentication, which the router states first, and parsed by pydantic's own JSON reader.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from actuator.api.problems import Refused, refused, unprocessable

Model = TypeVar("Model", bound=BaseModel)

CLOSE: Final = {"Connection": "close"}
"""What is left of a body that nobody read must not be taken for the next request."""

_MOST_FINDINGS = 100
"""Beyond these they are counted: a body may hold a million, and nobody else is answered while they are spelt out."""

_ENDINGS: Final = {
    400: "The connection broke before the body was complete.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
}
_PROBLEM: Final = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a body is waited for.

    Attributes:
        size_bytes: A webhook of a thousand alerts stays well under the default.
        seconds: From the request's head to the body's end.
    """

    size_bytes: int = 1024 * 1024
    seconds: float = 10.0


def parsed(model: type[Model], what: str) -> Callable[[Request], Awaitable[Model]]:
    """Return a dependency that reads the body as JSON and validates it.

    Args:
        model: What it must be.
        what: The beginning of the sentence when it is not.
    """

    async def dependency(request: Request) -> Model:
        """Read and validate this request's body."""
        _require_json(request)
        body = await read(request, request.app.state.services.body_limits)
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            if (wrong := error.error_count()) > _MOST_FINDINGS:
                raise refused(422, f"{what}: {wrong} fields are wrong; /docs lists every call.") from None
            raise unprocessable(
                what, error.errors(include_url=False, include_context=False, include_input=False)
            ) from None

    return dependency


async def read(request: Request, limits: BodyLimits) -> bytes:
    """Return a request's body, whatever it is.

    Raises:
        Refused: 400, 408 or 413: it did not arrive whole, not in time, or is too large.
    """
    declared = request.headers.get("content-length", "")
    # The server has checked that it is a number; absent, as when chunked, the stream below is what counts.
    if declared.isdecimal() and int(declared) > limits.size_bytes:
        raise _too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.size_bytes:
                    raise _too_large(limits)
    except TimeoutError:
        raise refused(
            408, f"The body did not arrive within {limits.seconds:g} s; send it again.", headers=CLOSE
        ) from None
    except ClientDisconnect:
        raise refused(400, "The connection broke before the body was complete; send it again.") from None
    return bytes(body)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return the part of the OpenAPI document that describes such a body, and how a call may end on its account."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(model)}}},
        "responses": {str(status): {"description": why, **_PROBLEM} for status, why in _ENDINGS.items()},
    }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema, with everything that it refers to written out where it stands."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    whole: dict[str, Any] = _inlined(schema, definitions)
    return whole


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    # OpenAPI resolves references from its own root, where pydantic's definitions do not lie.
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    return node


def _require_json(request: Request) -> None:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "text/plain")
    if header.get_content_type() != "application/json":
        raise refused(415, "Send the body as JSON, with the header 'Content-Type: application/json'.", headers=CLOSE)


def _too_large(limits: BodyLimits) -> Refused:
    return refused(
        413,
        f"The body is larger than {limits.size_bytes} bytes; lower 'max_alerts' of Alertmanager's webhook_config.",
        headers=CLOSE,
    )
