"""Single fields of Proxmox API answers. They are JSON out of Perl: numbers may be strings, booleans are 0 and 1."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


_SIZE = re.compile(r"(\d+)([KMGT]?)")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class UnexpectedShape(ValueError):
    """An answer that Proxmox does not give; the message says what was expected."""


def sequence(answer: object) -> list[Any]:
    """A list.

    Raises:
        UnexpectedShape: It is none.
    """
    if not isinstance(answer, list):
        raise UnexpectedShape(f"a list was expected, not {type(answer).__name__}")
    return answer


def entry(answer: object) -> dict[str, Any]:
    """An object.

    Raises:
        UnexpectedShape: It is none.
    """
    if not isinstance(answer, dict):
        raise UnexpectedShape(f"an object was expected, not {type(answer).__name__}")
    return answer


def entries(answer: object) -> list[dict[str, Any]]:
    """A list of objects.

    Raises:
        UnexpectedShape: It is none.
    """
    return [entry(each) for each in sequence(answer)]


def text(fields: Mapping[str, Any], key: str) -> str:
    """A text that must be there.

    Raises:
        UnexpectedShape: It is none.
    """
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise UnexpectedShape(f"{key} is missing")
    return value


def number(fields: Mapping[str, Any], key: str) -> float | None:
    """A number, which Proxmox sometimes writes as a string; None when missing.

    Raises:
        UnexpectedShape: It is none.
    """
    value = fields.get(key)
    if value is None or value == "":
        return None
    try:
        read = float(value)
    except (TypeError, ValueError) as error:
        raise UnexpectedShape(f"{key} is not a number") from error
    if not math.isfinite(read):
        raise UnexpectedShape(f"{key} is not a number")
    return read


def whole(fields: Mapping[str, Any], key: str) -> int | None:
    """A whole number; None when missing.

    Raises:
        UnexpectedShape: It is none.
    """
    value = number(fields, key)
    return None if value is None else int(value)


def flag(fields: Mapping[str, Any], key: str) -> bool:
    """A boolean that must be there.

    Raises:
        UnexpectedShape: It is none.
    """
    value = number(fields, key)
    if value is None:
        raise UnexpectedShape(f"{key} is missing")
    return bool(value)


def size(value: object) -> int | None:
    """Bytes, also out of a configuration's ``32G`` (``PVE::JSONSchema::parse_size``); None for anything else."""
    found = _SIZE.fullmatch(str(value))
    return None if found is None else int(found[1]) * 1024 ** _POWERS[found[2]]
