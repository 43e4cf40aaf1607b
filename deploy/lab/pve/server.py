"""One node's API server: HTTP as PVE::APIServer::AnyEvent speaks it, over the calls of the lab."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from aiohttp import hdrs, web

from deploy.lab.cluster import Stage
from deploy.lab.faults import Answer, Drop, Fault, Faults, Hang
from deploy.lab.pve import access, schema, validation
from deploy.lab.pve.call import Call, Page, World
from deploy.lab.pve.calls import CALLS
from deploy.lab.pve.refusal import Refusal, bad_parameters, died
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from deploy.lab.cluster import Node

_PREFIX = "/api2/json"
_HANG_POLL_SECONDS = 0.02
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived.

    Attributes:
        node: The node whose server received it.
        method: ``GET``, ``POST`` ...
        path: Path without ``/api2/json``, decoded.
        parameters: From query and body together, as sent.
        token: ``user@realm!name`` as claimed; None without one.
        at: Lab time.
        headers: The names of its headers, in lower case.
    """

    node: str
    method: str
    path: str
    parameters: dict[str, Any]
    token: str | None
    at: float
    headers: frozenset[str] = frozenset()


class NodeServer:
    """Listens on a node's address while the node's API is up."""

    def __init__(
        self,
        world: World,
        node: Node,
        faults: Faults,
        record: Callable[[Received], None],
    ) -> None:
        self._world = world
        self._node = node
        self._faults = faults
        self._record = record
        self._runner: web.AppRunner | None = None

    async def start(self, port: int, context: ssl.SSLContext) -> None:
        """Listen; does nothing when it does already."""
        if self._runner is not None:
            return
        application = web.Application()
        application.router.add_route("*", "/{anything:.*}", self._answer)
        application.on_response_prepare.append(_bare_when_empty)
        self._runner = web.AppRunner(
            application,
            keepalive_timeout=self._world.cluster.plan.idle_seconds,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.0,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._node.address, port, ssl_context=context).start()

    async def stop(self) -> None:
        """Listen no more and cut every connection, as a loss of power does."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for connection in runner.server.connections if runner.server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        segments = [unquote(part) for part in path.removeprefix(_PREFIX).split("/") if part]
        where = "/" + "/".join(segments)
        parameters = await _parameters(request, query)
        header = request.headers.get(hdrs.AUTHORIZATION)
        self._world.cluster.agenda.run_due()
        self._record(
            Received(
                node=self._node.name,
                method=request.method,
                path=where,
                parameters=parameters,
                token=_claimed(header),
                at=self._world.cluster.agenda.now,
                headers=frozenset(name.lower() for name in request.headers),
            )
        )

        async def respond() -> web.Response:
            try:
                answer = self._execute(request.method, segments, header, parameters)
            except Refusal as refusal:
                if refusal.status == web.HTTPUnauthorized.status_code:
                    await asyncio.sleep(self._world.cluster.plan.refusal_seconds)
                return self._refused(refusal)
            return _rendered(answer)

        fault = self._faults.strike(self._node.name, request.method, where)
        response = await (respond() if fault is None else self._go_wrong(fault, request, respond))
        if response.status >= _BAD_REQUEST:
            response.force_close()
        return response

    def _execute(self, method: str, segments: list[str], header: str | None, parameters: dict[str, Any]) -> object:
        plan = self._world.cluster.plan
        rights = access.authenticate(header, plan.tokens, plan.version)
        found, captured = schema.load(plan.version).find(method, segments)
        doubled = {name: "duplicate parameter (already defined in URI)" for name in captured if name in parameters}
        if doubled:
            raise bad_parameters(doubled)
        given = {**parameters, **captured}
        rights.require(found.permissions, given)
        local = self._serving_node(captured["node"]) if found.proxied else self._node
        checked = validation.check(found.properties, given)
        implementation = CALLS.get(found.key)
        if implementation is None:
            raise Refusal(501, f"The lab does not play '{found.key}'; real Proxmox has it.\n")
        return implementation(Call(self._world, local, rights, checked))

    def _serving_node(self, name: str) -> Node:
        """Return the node that answers a call which names it: pveproxy passes such calls on."""
        node = self._world.cluster.nodes.get(name)
        if node is None:
            raise died(
                f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service not known"
            )
        if node.stage < Stage.API:
            raise Refusal(595, "Connection refused")
        return node

    def _refused(self, refusal: Refusal) -> web.Response:
        # What never came from an API call has no body: pveproxy's own 401, and the codes of its HTTP client.
        if refusal.status == web.HTTPUnauthorized.status_code or refusal.status >= 595:  # noqa: PLR2004 - AnyEvent's
            return web.Response(status=refusal.status, reason=refusal.reason)
        body: dict[str, object] = {"data": None}
        # Before, only the reason phrase says it.
        if knows(self._world.cluster.plan.version, Change.MESSAGE_IN_BODY):
            body["message"] = refusal.message
        if refusal.errors:
            body["errors"] = dict(refusal.errors)
        return _json(refusal.status, refusal.reason, body)

    async def _go_wrong(self, fault: Fault, request: web.Request, respond: Callable[[], Any]) -> web.Response:
        outcome: web.Response | None = await respond() if fault.executed else None
        match fault:
            case Answer():
                return web.Response(
                    status=fault.status,
                    reason=fault.reason,
                    text=fault.body or None,
                    content_type="application/json" if fault.body else None,
                )
            case Hang():
                fault.arrived.set()
                # The event belongs to the test's thread; a held request costs next to nothing.
                while not fault.released.is_set():  # noqa: ASYNC110 - see above
                    await asyncio.sleep(_HANG_POLL_SECONDS)
            case Drop() if request.transport is not None:
                request.transport.abort()
        if outcome is None:
            outcome = web.Response() if isinstance(fault, Drop) else await respond()
        return outcome


async def _parameters(request: web.Request, query: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    raw = await request.text()
    if raw and request.method in ("POST", "PUT"):
        if request.content_type == "application/json":
            parameters.update(json.loads(raw))
        else:
            parameters.update(parse_qsl(raw, keep_blank_values=True))
    parameters.update(parse_qsl(query, keep_blank_values=True))
    return parameters


def _claimed(header: str | None) -> str | None:
    if header is None or not header.startswith("PVEAPIToken="):
        return None
    return header.removeprefix("PVEAPIToken=").partition("=")[0]


def _rendered(answer: object) -> web.Response:
    body: dict[str, object] = {"data": answer}
    if isinstance(answer, Page):
        body = {"data": answer.entries, "total": answer.total}
    return _json(200, "OK", body)


def _json(status: int, reason: str, body: object) -> web.Response:
    return web.Response(
        status=status,
        reason=reason,
        body=json.dumps(_shuffled(body)).encode(),
        headers={hdrs.CONTENT_TYPE: "application/json;charset=UTF-8"},
    )


def _shuffled(value: object) -> object:
    """Return the value with the keys of each object in a random order, as Perl's hashes come."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: _shuffled(value[key]) for key in keys}
    if isinstance(value, list):
        return [_shuffled(entry) for entry in value]
    return value


async def _bare_when_empty(_request: web.Request, response: web.StreamResponse) -> None:
    if isinstance(response, web.Response) and not response.body:
        response.headers.popall(hdrs.CONTENT_TYPE, None)
