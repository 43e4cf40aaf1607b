"""Our own OpenAPI document, held against the application by schemathesis: it tells of every answer that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import TOKEN
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from tests.actuator.api.world import World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def references(node: Any) -> set[str]:
    """Every reference within a document."""
    if isinstance(node, list):
        return set().union(*(references(item) for item in node))
    if not isinstance(node, dict):
        return set()
    return {value for key, value in node.items() if key == "$ref"} | references(list(node.values()))


def test_no_reference_leads_nowhere(world: World) -> None:
    """Whatever the document refers to is in it."""
    document = world.app.openapi()

    assert references(document) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def hold(cases: SearchStrategy[schemathesis.Case[Any]]) -> set[str]:
    """Make some of these calls, and judge the answers; returns the calls that were made."""
    made = set()

    @settings(
        max_examples=8,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def holds(case: schemathesis.Case[Any]) -> None:
        made.add(f"{case.method} {case.path}")
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)

    holds()
    return made


def test_every_answer_is_documented(world: World) -> None:
    """Whatever is sent to any call, well formed or not, the answer is no 500, and one that the document tells of."""
    world.cluster = samples.cluster()
    begin(world)
    made = set()
    for found in schemathesis.openapi.from_asgi("/openapi.json", world.app).get_all_operations():
        assert isinstance(found, Ok), found
        kinds = [found.ok().as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]
        made |= hold(st.one_of(*kinds))

    assert made == {
        f"{method.upper()} {path}" for path, item in world.app.openapi()["paths"].items() for method in item
    }
