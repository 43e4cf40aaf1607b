"""The kinds of panel that the boards are made of, each with what all of its kind share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TableCellHeight,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from grafana.variables import SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.builders.prometheus import Dataquery

WATTS, KILOWATT_HOURS, SECONDS, HOURS, BYTES, SHARE, NUMBER = "watt", "kwatth", "s", "h", "bytes", "percentunit", "none"
"""Units, as Grafana calls them."""

_LINE = 8
"""Height of a panel that shows time; a single figure is half of it."""


def figure(title: str, about: str, query: Dataquery, unit: str, *, empty: str) -> stat.Panel:
    """One figure, a sixth of the width. ``empty`` is what stands there when there is none."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(query)
        .unit(unit)
        .no_value(empty)
        .graph_mode(BigValueGraphMode.NONE)
        .thresholds(steps([(None, "text")]))
        .span(4)
        .height(_LINE // 2)
    )


def lines(title: str, about: str, queries: Sequence[Dataquery], unit: str, *, empty: str) -> timeseries.Panel:
    """Figures over time, half of the width."""
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull", "mean", "max"])
    )
    return (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .targets(list(queries))
        .unit(unit)
        .min(0)
        .no_value(empty)
        .fill_opacity(8)
        .legend(legend)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(12)
        .height(_LINE)
    )


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """The same, one figure on top of the other: for what adds up."""
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(40)


def bars(title: str, about: str, query: Dataquery, unit: str, *, empty: str) -> bargauge.Panel:
    """Figures of now beside each other, a quarter of the width."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(query)
        .unit(unit)
        .min(0)
        .no_value(empty)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .span(6)
        .height(_LINE)
    )


def rows(
    title: str,
    about: str,
    columns: Mapping[str, tuple[Dataquery, str]],
    *,
    empty: str,
    sort: str | None = None,
) -> table.Panel:
    """A table, half of the width: the labels that the queries have in common, then a column for each query.

    Args:
        title: The panel's.
        about: What it shows.
        columns: Heading -> query and unit; the query's letter is its place.
        empty: What stands there when there is nothing.
        sort: The heading by which the largest come first.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .targets([query for query, _ in columns.values()])
        .no_value(empty)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "renameByName": {_value(place, columns): heading for place, heading in enumerate(columns)},
                },
            )
        )
        .cell_height(TableCellHeight.SM)
        .span(12)
        .height(_LINE)
    )
    for heading, (_, unit) in columns.items():
        panel = panel.override_by_name(heading, [DynamicConfigValue("unit", unit), DynamicConfigValue("decimals", 2)])
    if sort is not None:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(desc=True)])
    return panel


def states(
    title: str, about: str, query: Dataquery, words: Mapping[int, tuple[str, str]], *, empty: str
) -> statetimeline.Panel:
    """What was so and when, half of the width. ``words`` are text and colour of each value."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(query)
        .no_value(empty)
        .mappings([named(words)])
        .show_value(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .span(12)
        .height(_LINE)
    )


def named(words: Mapping[int, tuple[str, str]]) -> ValueMap:
    """Text and colour in place of figures."""
    return ValueMap(
        options={
            str(value): ValueMappingResult(text=text, color=color, index=place)
            for place, (value, (text, color)) in enumerate(words.items())
        }
    )


def steps(colors: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    """Colours by value: each from its figure on, the first from below all."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in colors])
    )


def dashed(color: str) -> list[DynamicConfigValue]:
    """How a line looks that is no measurement but a limit."""
    return [
        DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
        DynamicConfigValue("custom.fillOpacity", 0),
        DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
    ]


def _value(place: int, columns: Mapping[str, object]) -> str:
    # Grafana names the value of an only query without its letter.
    return "Value" if len(columns) == 1 else f"Value #{chr(ord('A') + place)}"
