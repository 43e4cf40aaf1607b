"""Meanings, taken from where they stand: the attributes of a class's docstring, the comment behind a member."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import StrEnum

_ATTRIBUTE = re.compile(r"^    (\w+): ", re.MULTILINE)
_MEMBER = re.compile(r'^    [A-Z_0-9]+ = "(\w+)"(?:  # (.+))?$', re.MULTILINE)


class Undocumented(Exception):
    """Something has no meaning yet; the message says what, and where its meaning belongs."""


def attributes(owner: type) -> dict[str, str]:
    """Return what a class says of its attributes, in the Google style: name, colon, meaning, further lines indented."""
    _, _, part = (inspect.getdoc(owner) or "").partition("Attributes:\n")
    names, meanings = _ATTRIBUTE.findall(part), _ATTRIBUTE.split(part)[2::2]
    return {name: meaning.split("\n\n")[0] for name, meaning in zip(names, meanings, strict=True)}


def meaning(owner: type, name: str) -> str:
    """Return what a class says of one attribute.

    Raises:
        Undocumented: it says nothing.
    """
    found = attributes(owner).get(name)
    if found is None:
        message = f"{owner.__module__}.{owner.__qualname__} has no line for '{name}' under Attributes: write one."
        raise Undocumented(message)
    return found


def members(owner: type[StrEnum]) -> dict[str, str]:
    """Return the meaning of each member of a closed set: the comment behind it.

    Raises:
        Undocumented: a member has none.
    """
    found = dict(_MEMBER.findall(inspect.getsource(owner)))
    lacking = [str(member) for member in owner if not found.get(str(member))]
    if lacking:
        message = (
            f"{owner.__module__}.{owner.__qualname__}: write behind {', '.join(lacking)} what it means, as '  # …'."
        )
        raise Undocumented(message)
    return {str(member): found[str(member)] for member in owner}
