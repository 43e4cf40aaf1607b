"""The templates. What they are given is escaped, whoever it comes from: a guest's name is what its owner likes."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from actuator.web import text


@cache
def environment() -> Environment:
    """Return what renders them; a name that is not there is an error, and not an empty place on the page."""
    made = Environment(
        loader=PackageLoader("actuator.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "watts": text.watts,
        "change": text.change,
        "span": text.span,
        "size": text.size,
        "clock_time": text.clock_time,
        "machine_time": text.machine_time,
        "words": text.words,
    }
    made.globals["version"] = importlib.metadata.version("wattshift")
    return made


def render(template: str, **facts: Any) -> str:
    """Return a template with these facts in it."""
    return environment().get_template(template).render(**facts)
