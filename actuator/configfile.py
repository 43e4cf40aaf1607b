"""Reads the configuration file; whatever is wrong with it is said with file, key and what was expected.

YAML is read more strictly than PyYAML does by itself: a key given twice is an error, not the last one's win.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

_SHOWN_CHARACTERS = 60
_EXPECTED: Final = {
    "too_short": "expected at least one entry",
    "tuple_type": "expected a list",
    "frozen_set_type": "expected a list",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
}
"""Our words for kinds of pydantic's findings that speak of Python's types."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the file's mapping.

    Raises:
        ConfigurationError: The file cannot be read, is no YAML, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read ({error.strerror}); expected the actuator's configuration, a YAML file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: expected text in UTF-8, found other bytes at {error.start}") from error
    try:
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigurationError(f"{path}: {line}expected YAML, but {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: expected YAML: {error}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deeply; expected the actuator's configuration") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: expected keys and values, such as 'mode: observe'")
    return document


def findings(path: Path, errors: Sequence[Mapping[str, Any]]) -> ConfigurationError:
    """Return pydantic's findings (``ValidationError.errors()``) as one error, a line for each."""
    # A list whose every item is wrong is to pydantic empty as well, which it is not to the reader.
    told = [error for error in errors if error["type"] != "too_short" or not _has_faults_within(error, errors)]
    return ConfigurationError("\n".join(f"{path}: {_finding(error)}" for error in told))


def _has_faults_within(error: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> bool:
    place = error["loc"]
    return any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in errors)


def _finding(error: Mapping[str, Any]) -> str:
    # pydantic marks a key of a mapping, as opposed to its value, with a part of its own.
    key = ".".join(str(part) for part in error["loc"] if part != "[key]")
    message = _EXPECTED.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ").replace(
        "Input should be", "expected"
    )
    if error["type"] == "missing":
        return f"{key}: expected a value, but the key is missing"
    found = ""
    # What stands where a token is spoken of, or a database's URL, may hold the secret by mistake.
    if isinstance(error["input"], str | int | float | None) and not ("token" in key or key == "database"):
        found = f", found {error['input']!r:.{_SHOWN_CHARACTERS}}"
    return ": ".join(part for part in (key, f"{message}{found}") if part)


class _StrictLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` that refuses a key given twice, and a value that is none of its kind."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, AttributeError, LookupError):
            # PyYAML lets through what its own conversions of dates, numbers and the like raise.
            raise yaml.constructor.ConstructorError(
                None,
                None,
                "found what is no valid date, number or the like; put text in quotes",
                node.start_mark,
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen = set()
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key_node.value}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)
