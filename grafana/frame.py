"""What all boards have in common: links between them and to the runbook, marks, range of time, numbering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Dashboard as Board
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, RowPanel

from grafana import variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import AnnotationQuery, Dashboard, VariableModel

_TAG = "wattshift"


def framed(title: str, about: str, own: Sequence[Builder[VariableModel]]) -> Board:
    """A board without panels, with the variables that all have and its own between them."""
    return (
        Board(f"Wattshift: {title}")
        .uid(f"wattshift-{title.lower()}")
        .description(about)
        .tags([_TAG])
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .variables([variables.datasource(), variables.node(), *own, variables.runbook()])
        .links([_to_the_others(), _to_the_runbook()])
    )


def finished(board: Board, marks: Sequence[AnnotationQuery]) -> Dashboard:
    """The board, with its marks, and each panel numbered: Grafana refers to panels by number."""
    built = board.build()
    built.annotations.list_val = list(marks)
    number = 0
    for panel in built.panels or []:
        number += 1
        panel.id_val = number
        for inner in panel.panels if isinstance(panel, RowPanel) else []:
            number += 1
            inner.id_val = number
    return built


def _to_the_others() -> DashboardLink:
    return (
        DashboardLink("Wattshift")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def _to_the_runbook() -> DashboardLink:
    return (
        DashboardLink("Runbook")
        .type(DashboardLinkType.LINK)
        .icon("doc")
        .url("$runbook")
        .tooltip("What each alert means, and how to mend it")
        .target_blank(target_blank=True)
    )
