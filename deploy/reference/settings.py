"""The page of the actuator's configuration file."""

from __future__ import annotations

import inspect
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from actuator.sections import Section, TimingSection
from actuator.settings import Settings
from actuator.workflow.timing import Timing
from deploy.reference.docstrings import meaning
from deploy.reference.markdown import WRITTEN, code, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD = f"""{WRITTEN}# Settings

Every key of the actuator's configuration file. An example with comments is
[`actuator.yml`](../../deploy/actuator/actuator.yml); `wattshift-actuator check-config` says what is wrong with yours.
Unknown keys are refused, relative paths are relative to the file's folder, and no secret stands in it.

"""
_WORDS = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", Path: "file"}


def page() -> str:
    """Return the page."""
    return _HEAD + table(("key", "value", "default", "meaning"), _rows(Settings, ""))


def _rows(section: type[Section], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        below, path = _below(field.annotation, key)
        about = meaning(section, name)
        default = "required" if field.is_required() else _default(field.get_default())
        if section is TimingSection:  # its defaults and meanings are the workflow's
            about, default = meaning(Timing, name), _default(getattr(Timing(), name))
        elif below is not None and not field.is_required():
            default = "none" if field.get_default() is None else "as below"
        yield code(key), _value(field.annotation, field.metadata), default, sentence(about)
        if below is not None:
            yield from _rows(below, f"{path}.")


def _below(annotation: Any, key: str) -> tuple[type[Section] | None, str]:
    """The section that an annotation leads to, if any, and how its keys are written."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, key
    origin, inner = get_origin(annotation), get_args(annotation)
    for part in inner if origin is not None else ():
        found, path = _below(part, key)
        if found is not None:
            return found, f"{path}.NAME" if origin is dict else f"{path}[]" if origin is tuple else path
    return None, key


def _value(annotation: Any, metadata: Iterable[object] = ()) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    bounds = _bounds(metadata)
    if origin is Annotated:
        return _value(inner[0], [*inner[1:], *metadata])
    if origin in {UnionType, Union}:
        return " or ".join(_value(part, metadata) for part in inner if part is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(code(str(part)) for part in inner)
    if origin in {tuple, frozenset}:
        return f"list: {_value(inner[0])}"
    if origin is dict:
        return "keys below, by name"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "keys below"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "one of " + ", ".join(code(str(word)) for word in annotation)
    return ", ".join([_WORDS[annotation], *bounds])


def _bounds(metadata: Iterable[object]) -> list[str]:
    """What a value has to hold beyond its type, in words."""
    told = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            told += _bounds(item.metadata)
        elif isinstance(item, Ge):
            told.append(f"from {item.ge}")
        elif isinstance(item, Le):
            told[-1] += f" to {item.le}"
        elif isinstance(item, AfterValidator):
            # What a check of `actuator.sections` was made with is what it expects.
            known = inspect.getclosurevars(item.func).nonlocals
            if "low" in known:
                told.append(f"from {known['low']} to {known['high']}")
            elif "expected" in known:
                told.append(f"{known['expected']}")
            elif "default_port" in known:
                told.append(
                    "address and port" if known["default_port"] is None else f"port {known['default_port']} if none"
                )
    return told


def _default(value: object) -> str:
    if value is None or value in ((), frozenset()):
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, float) else str(value))
