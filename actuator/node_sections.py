"""Key ``nodes`` of the configuration file: the nodes, and how each is woken.

No secret stands here: see `actuator.wake_secrets`.
"""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from actuator.adapters.waking import Name
from actuator.adapters.waking.magic_packet import is_address
from actuator.sections import Section
from actuator.values import FileName, IPv4, Patience, address, certificate_authority, matching

_MAX_PORT = 65535
_HTTPS_PORT = 443
_LONGEST_IPMI_NAME = 16


def _mac(text: object) -> str:
    # Unquoted, YAML takes some addresses (12:34:56:10:20:30) for a number in base sixty.
    if not isinstance(text, str) or not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text):
        raise ValueError('expected a MAC address in quotes, such as "0c:9d:92:86:bb:63"')
    if not text.strip("0:-"):
        raise ValueError("expected the MAC address of one network card; this one is all zeros")
    if int(text[:2], 16) & 1:
        raise ValueError("expected the MAC address of one network card; this one is a multicast address")
    return text


def _interface(text: str) -> str:
    # Names: at most 15 bytes (IFNAMSIZ of Linux's net/if.h), no white space, no slash.
    if not is_address(text) and not re.fullmatch(r"(?![0-9.]+$)[^\s/:]{1,15}", text, re.ASCII):
        raise ValueError(
            "expected our own IPv4 address there, such as '192.168.1.5', or the interface's name, as 'eth0'"
        )
    return text


class RedfishSection(Section):
    """Key ``nodes.NAME.wake.redfish``: the node's BMC over HTTPS.

    Attributes:
        host: Its address, with port if it is not 443.
        user: Its account, in the role Operator at least.
        password_file: Holds the password; absent when the environment holds it.
        system: Id below ``/redfish/v1/Systems``; absent when there is only one.
        ca_file: The certificate's authority, or the certificate itself; absent means the system's authorities.
        verify: False trusts any certificate.
    """

    host: Annotated[str, address(_HTTPS_PORT)]
    user: Annotated[str, matching(r"[^\s:]{1,64}", "the name of an account, without spaces and colons")]
    password_file: FileName | None = None
    system: Annotated[str, matching(r"[A-Za-z0-9_.-]{1,64}", "the id of a system, such as '1'")] | None = None
    ca_file: Annotated[FileName, certificate_authority("the BMC's authority, or its certificate")] | None = None
    verify: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _one_way_to_trust(self) -> Self:
        if self.ca_file is not None and not self.verify:
            raise ValueError("expected either 'ca_file' or 'verify: false', not both")
        return self


class IpmiSection(Section):
    """Key ``nodes.NAME.wake.ipmi``: the node's BMC by ``ipmitool``.

    Attributes:
        host: Its address, without a port.
        user: Its account, with the privilege level Operator.
        password_file: Holds the password; absent when the environment holds it.
        port: UDP.
    """

    # Nothing that ipmitool would take for an option.
    host: Annotated[str, matching(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}", "an address, such as '192.168.1.110'")]
    user: Annotated[
        str, matching(rf"[^\s-]\S{{0,{_LONGEST_IPMI_NAME - 1}}}", "the name of an account, at most 16 characters")
    ]
    password_file: FileName | None = None
    port: Annotated[int, Field(ge=1, le=_MAX_PORT, strict=True)] = 623


class WakeSection(Section):
    """Key ``nodes.NAME.wake``: how the node is woken; see `actuator.adapters.waking`.

    Attributes:
        methods: Which, in this order; absent means all that are configured, the surest first.
        mac: Of the card that has Wake-on-LAN enabled; absent means the one that Proxmox's configuration names.
        broadcast: Where to send to.
        port: UDP.
        interface: Our own address to send from, or our interface's name.
        secureon_file: Holds the card's SecureOn password, if it has one.
        redfish: Its BMC.
        ipmi: Its BMC.
    """

    methods: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    mac: Annotated[str, BeforeValidator(_mac)] | None = None
    broadcast: IPv4 = "255.255.255.255"
    port: Annotated[int, Field(ge=1, le=_MAX_PORT, strict=True)] = 9
    interface: Annotated[str, AfterValidator(_interface)] | None = None
    secureon_file: FileName | None = None
    redfish: RedfishSection | None = None
    ipmi: IpmiSection | None = None

    @field_validator("methods")
    @classmethod
    def _once_each(cls, methods: tuple[Name, ...] | None) -> tuple[Name, ...] | None:
        if methods is not None and len(set(methods)) < len(methods):
            raise ValueError("expected each method once")
        return methods

    @model_validator(mode="after")
    def _with_its_bmc(self) -> Self:
        for name, bmc in ((Name.REDFISH, self.redfish), (Name.IPMI, self.ipmi)):
            if name in (self.methods or ()) and bmc is None:
                raise ValueError(f"expected '{name}' with host and user, since it is among the methods")
        return self

    @property
    def order(self) -> tuple[Name, ...]:
        """The methods to try, in their order."""
        lacking = {name for name, bmc in ((Name.REDFISH, self.redfish), (Name.IPMI, self.ipmi)) if bmc is None}
        return self.methods or tuple(name for name in Name if name not in lacking)


class NodeSection(Section):
    """Key ``nodes.NAME``: a node that may be source or target.

    Attributes:
        wake: Absent when it is never to be woken.
        boot_timeout_seconds: Its own, instead of ``timing.boot_timeout_seconds``.
    """

    wake: WakeSection | None = None
    boot_timeout_seconds: Patience | None = None
