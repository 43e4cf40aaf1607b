"""One PromQL query of a panel: over the time shown, or at its end."""

from __future__ import annotations

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.prometheus import PromQueryFormat


def series(expression: str, legend: str, ref: str = "A") -> Dataquery:
    """A figure over the time shown; ``legend`` names each series by its labels, as in ``{{node}}``."""
    return Dataquery().expr(expression).legend_format(legend).ref_id(ref).range()


def newest(expression: str, legend: str = "", ref: str = "A") -> Dataquery:
    """A figure at the end of the time shown."""
    return Dataquery().expr(expression).legend_format(legend).ref_id(ref).instant()


def column(expression: str, ref: str) -> Dataquery:
    """A column of a table: a row for each series, by its labels. Grafana calls it ``Value #REF``."""
    return Dataquery().expr(expression).ref_id(ref).instant().format(PromQueryFormat.TABLE)
