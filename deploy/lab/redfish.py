"""A BMC's Redfish service, as far as power goes (DMTF DSP0266; schema ComputerSystem, DSP2046)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from deploy.lab.faults import Answer, Drop, Fault, Faults, Hang

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from deploy.lab.ipmi.bmc import Chassis

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
_ON, _OFF, _AGAIN = frozenset({"On", "ForceOn"}), frozenset({"ForceOff", "GracefulShutdown"}), "ForceRestart"
_HANG_POLL_SECONDS = 0.02


class Redfish:
    """Listens on the BMC's address while the node is on or off.

    Args:
        node: Whose BMC it is.
        chassis: The machine around it.
        accounts: User -> password.
        faults: Its misbehaviour on demand, by paths below ``/redfish``.

    Attributes:
        requests: Method and path of every request, oldest first.
    """

    def __init__(self, node: str, chassis: Chassis, accounts: Mapping[str, str], faults: Faults) -> None:
        self.requests: list[tuple[str, str]] = []
        self._node = node
        self._chassis = chassis
        self._accounts = accounts
        self._faults = faults
        self._runner: web.AppRunner | None = None

    async def start(self, address: str, port: int, context: ssl.SSLContext) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port, ssl_context=context).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.requests.append((request.method, request.path))
        fault = self._faults.strike(self._node, request.method, request.path)
        if fault is not None and (spoilt := await _go_wrong(fault, request)) is not None:
            return spoilt
        if not self._may(request.headers.get(hdrs.AUTHORIZATION, "")):
            return _error(401, "Base.1.18.NoValidSession", "There is no valid session established.")
        return self._respond(request.method, request.path.rstrip("/"), body)

    def _may(self, header: str) -> bool:
        kind, _, code = header.partition(" ")
        try:
            user, _, password = base64.b64decode(code, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return kind == "Basic" and user in self._accounts and self._accounts[user] == password

    def _respond(self, method: str, path: str, body: str) -> web.Response:
        match method, path:
            case "GET", "/redfish/v1/Systems":
                return web.json_response(
                    {"@odata.id": path, "Members": [{"@odata.id": SYSTEM}], "Members@odata.count": 1}
                )
            case "GET", found if found == SYSTEM:
                return web.json_response(self._system())
            case "POST", found if found == RESET:
                return self._reset(body)
            case _:
                return _error(404, "Base.1.18.ResourceMissingAtURI", f"The resource at the URI {path} was not found.")

    def _system(self) -> dict[str, Any]:
        return {
            "@odata.id": SYSTEM,
            "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem",
            "Id": "1",
            "Name": self._node,
            "PowerState": "On" if self._chassis.is_on() else "Off",
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": RESET,
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart", "GracefulShutdown"],
                }
            },
        }

    def _reset(self, body: str) -> web.Response:
        try:
            kind = json.loads(body)["ResetType"]
        except (ValueError, KeyError, TypeError):
            return _error(400, "Base.1.18.ActionParameterMissing", "The action requires the parameter ResetType.")
        if kind not in _ON | _OFF | {_AGAIN}:
            return _error(400, "Base.1.18.ActionParameterNotSupported", f"{kind} is not an allowed reset type.")
        if kind not in _ON:
            self._chassis.power_off()
        if kind not in _OFF:
            self._chassis.power_on()
        return web.Response(status=204)


async def _go_wrong(fault: Fault, request: web.Request) -> web.Response | None:
    """Do what the fault wants; None when the request goes on afterwards."""
    match fault:
        case Answer():
            kind = "application/json" if fault.body else None
            return web.Response(status=fault.status, reason=fault.reason, text=fault.body or None, content_type=kind)
        case Hang():
            fault.arrived.set()
            # The event belongs to the test's thread; a held request costs next to nothing.
            while not fault.released.is_set():  # noqa: ASYNC110 - see above
                await asyncio.sleep(_HANG_POLL_SECONDS)
        case Drop() if request.transport is not None:
            request.transport.abort()
            return web.Response()
    return None


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
