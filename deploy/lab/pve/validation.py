"""Checks parameters against the schema with Proxmox's own words (PVE::JSONSchema)."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from deploy.lab.pve.refusal import bad_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NODE = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?")
_VMID = re.compile(r"[1-9][0-9]{2,8}")
_STORAGE = re.compile(r"[a-z][a-z0-9\-_.]*[a-z0-9]", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Parameters = dict[str, "str | int | float"]


def check(properties: Mapping[str, Mapping[str, Any]], given: Mapping[str, object]) -> Parameters:
    """Return the parameters as the call sees them: integers and booleans as numbers, defaults left out.

    Raises:
        Refusal: 400, naming every parameter that is wrong.
    """
    errors: dict[str, str] = {}
    taken: Parameters = {}
    for name, raw in given.items():
        if name not in properties:
            errors[name] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        text = _text(raw)
        wrong = _wrong(properties[name], text)
        if wrong is None:
            taken[name] = _converted(properties[name]["type"], text)
        else:
            errors[name] = wrong
    for name, rule in properties.items():
        if name not in given and not rule.get("optional"):
            errors[name] = "property is missing and it is not optional"
    if errors:
        raise bad_parameters(errors)
    return taken


def _text(raw: object) -> str:
    # JSON true and false are the numbers 1 and 0 to Perl.
    return str(int(raw)) if isinstance(raw, bool) else str(raw)


def _converted(kind: str, text: str) -> str | int | float:
    if kind in ("integer", "boolean"):
        return int(text)
    return float(text) if kind == "number" else text


def _wrong(rule: Mapping[str, Any], text: str) -> str | None:
    """Return what is wrong with a value: the first complaint in check_prop's order."""
    kind, shape = rule["type"], rule.get("format")
    if not _fits_type(kind, text):
        return f"type check ('{kind}') failed - got '{text}'"
    if isinstance(shape, str) and shape in _FORMATS and (complaint := _FORMATS[shape](text)) is not None:
        return f"invalid format - {complaint}\n"
    if "maxLength" in rule and len(text) > int(rule["maxLength"]):
        return f"value may only be {rule['maxLength']} characters long"
    if kind in ("integer", "number") and (complaint := _out_of_bounds(rule, float(text))) is not None:
        return complaint
    if "enum" in rule and text not in rule["enum"]:
        return f"value '{text}' does not have a value in the enumeration '{', '.join(rule['enum'])}'"
    return None


def _out_of_bounds(rule: Mapping[str, Any], value: float) -> str | None:
    if "maximum" in rule and value > float(rule["maximum"]):
        return f"value must have a maximum value of {rule['maximum']}"
    if "minimum" in rule and value < float(rule["minimum"]):
        return f"value must have a minimum value of {rule['minimum']}"
    return None


def _fits_type(kind: str, text: str) -> bool:
    match kind:
        case "boolean":
            return text in ("0", "1")
        case "integer":
            return _INTEGER.fullmatch(text) is not None
        case "number":
            return _NUMBER.fullmatch(text) is not None
        case _:
            return True


def _node(text: str) -> str | None:
    return None if _NODE.fullmatch(text) else "value does not look like a valid node name"


def _vmid(text: str) -> str | None:
    return None if _VMID.fullmatch(text) else "value does not look like a valid VM ID"


def _cidr(text: str) -> str | None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "value does not look like a valid CIDR network"
    return None if "/" in text else "value does not look like a valid CIDR network"


def _storage(text: str) -> str | None:
    return None if _STORAGE.fullmatch(text) else f"storage ID '{text}' contains illegal characters"


def _storage_pairs(text: str) -> str | None:
    for entry in filter(None, re.split(r"[,;\s]+", text)):
        for storage in entry.split(":"):
            if (complaint := _storage(storage)) is not None:
                return complaint
    return None


def _ha_resource(text: str) -> str | None:
    kind, colon, name = text.partition(":")
    fits = (colon and kind in ("vm", "ct") and _VMID.fullmatch(name)) or _VMID.fullmatch(text)
    return None if fits else f"unable to parse HA resource id '{text}'"


_FORMATS: dict[str, Callable[[str], str | None]] = {
    "pve-node": _node,
    "pve-vmid": _vmid,
    "CIDR": _cidr,
    "pve-storage-id": _storage,
    "storage-pair-list": _storage_pairs,
    "pve-ha-resource-or-vm-id": _ha_resource,
}
