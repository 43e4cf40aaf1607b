"""The board *Power*: what the nodes draw against what they may, by what it is measured, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import DashboardLink, Row
from grafana_foundation_sdk.models.common import GraphDrawStyle

from grafana import marks, variables
from grafana.frame import finished, framed
from grafana.panels import (
    HOURS,
    KILOWATT_HOURS,
    NUMBER,
    SECONDS,
    WATTS,
    dashed,
    figure,
    lines,
    rows,
    stacked,
    states,
    steps,
)
from grafana.query import column, newest, series
from grafana.variables import NODE

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.models.dashboard import Dashboard

_NO_WATTS = "No node is measured: see the exporter's doctor"
_NO_ENERGY = "Nothing measured yet"
_DAY = f"sum(wattshift:node_joules:day{{{NODE}}}) / 3.6e6"
_MONTH = f"sum_over_time(wattshift:node_joules:minute{{{NODE}}}[30d])"

# A sum by each way to measure, named by it. Packages and memory are what `rapl` stands for as the node's figure. Which
# of hwmon's sensors are the machine's meter or its power supplies is known to the exporter alone, which says it while
# they stand for the node.
_BY_METER = " or ".join(
    f'label_replace(sum by (node) ({metric}), "meter", "{meter}", "", "")'
    for meter, metric in {
        "dcmi": f"wattshift_dcmi_watts{{{NODE}}}",
        "acpi": f'wattshift:node_watts{{{NODE}, source="acpi"}}',
        "psu": f'wattshift:node_watts{{{NODE}, source="psu"}}',
        "rapl": f'wattshift_rapl_watts{{{NODE}, domain=~"package|dram"}}',
        "psys": f'wattshift_rapl_watts{{{NODE}, domain="psys"}}',
        "powerstat": f"wattshift_powerstat_watts{{{NODE}}}",
    }.items()
)


def board() -> Dashboard:
    """The whole board."""
    power = (
        framed("Power", "What the nodes draw, against what they may.", [variables.tariff()])
        .with_row(Row("Now"))
        .with_panel(_total())
        .with_panel(_headroom())
        .with_panel(figure("Last 24 hours", _of_what("24 hours"), newest(_DAY), KILOWATT_HOURS, empty=_NO_ENERGY))
        .with_panel(
            figure(
                "Last 30 days", _of_what("30 days"), newest(f"sum({_MONTH}) / 3.6e6"), KILOWATT_HOURS, empty=_NO_ENERGY
            )
        )
        .with_panel(_cost("Cost of 24 hours", f"{_DAY} * $tariff"))
        .with_panel(_cost("Cost of 30 days", f"sum({_MONTH}) / 3.6e6 * $tariff"))
        .with_panel(_nodes())
        .with_panel(_alerts())
        .with_row(Row("Nodes"))
        .with_panel(_against_thresholds())
        .with_panel(_fleet())
        .with_row(Row("Sources"))
        .with_panel(_side_by_side())
        .with_panel(_disagreement())
        .with_panel(_domains())
        .with_panel(_sensors())
        .with_row(Row("Energy and cost"))
        .with_panel(_each_day())
        .with_panel(_energy())
        .with_row(Row("Health of the sources"))
        .with_panel(_health())
        .with_panel(_failures())
    )
    return finished(power, [marks.arrivals(), marks.work()])


def _of_what(span: str) -> str:
    return (
        f"Energy of the {span} before the end of the time shown, of the minutes in which power was measured. Those in "
        "which it was not, or which Prometheus keeps no longer, are left out."
    )


def _total() -> stat.Panel:
    about = (
        "All chosen nodes together, each by what measures it now. One that falls back from its BMC to RAPL adds less."
    )
    return figure("Fleet", about, newest(f"sum(wattshift:node_watts{{{NODE}}})"), WATTS, empty=_NO_WATTS)


def _headroom() -> stat.Panel:
    query = newest(f"min(wattshift:node_headroom_watts{{{NODE}}})")
    about = (
        "What the node that is closest to its threshold may draw more, by the mean of a minute; below 0 it is above."
    )
    colors = steps([(None, "red"), (0, "orange"), (10, "green")])
    return figure("Least headroom", about, query, WATTS, empty="No threshold fits").thresholds(colors)


def _cost(title: str, expression: str) -> stat.Panel:
    about = "That energy by the price above, in the price's currency."
    return figure(title, about, newest(expression), NUMBER, empty=_NO_ENERGY).decimals(2)


def _nodes() -> table.Panel:
    by = "by (node, source)"
    return rows(
        "Each node now",
        "By what measures it now. Headroom is the lowest threshold for that source less the mean of a minute.",
        {
            "Now": (column(f"max {by} (wattshift:node_watts{{{NODE}}})", "A"), WATTS),
            "1 min": (column(f"max {by} (wattshift:node_watts:mean{{{NODE}}})", "B"), WATTS),
            "5 min": (column(f"max {by} (wattshift:node_watts:mean5m{{{NODE}}})", "C"), WATTS),
            "Threshold": (column(f"min {by} (wattshift:node_threshold_watts{{{NODE}}})", "D"), WATTS),
            "Headroom": (column(f"min {by} (wattshift:node_headroom_watts{{{NODE}}})", "E"), WATTS),
        },
        empty=_NO_WATTS,
        sort="1 min",
    )


def _alerts() -> statetimeline.Panel:
    query = series(
        'max by (alertname) (ALERTS{alertname=~"NodePowerHigh|Wattshift.*", alertstate="firing"})', "{{alertname}}"
    )
    return states(
        "Alerts",
        "What fired and when. A click on it leads to the runbook.",
        query,
        {1: ("fires", "red")},
        empty="No alert",
    ).data_links([DashboardLink("Runbook").url("$runbook#${__field.labels.alertname}").target_blank(target_blank=True)])


def _against_thresholds() -> timeseries.Panel:
    queries = [
        series(f"wattshift:node_watts:mean{{{NODE}}}", "{{node}} by {{source}}"),
        series(
            f"min by (node, source) (wattshift:node_threshold_watts{{{NODE}}})", "{{node}} threshold ({{source}})", "B"
        ),
    ]
    about = "Mean of a minute, and dashed the threshold for the same source: above it for a minute, a guest is moved."
    return lines("Each node against its threshold", about, queries, WATTS, empty=_NO_WATTS).override_by_query(
        "B", dashed("red")
    )


def _fleet() -> timeseries.Panel:
    query = series(f"sum by (node) (wattshift:node_watts:mean{{{NODE}}})", "{{node}}")
    return stacked(lines("Fleet", "All chosen nodes, one on top of the other.", [query], WATTS, empty=_NO_WATTS))


def _side_by_side() -> timeseries.Panel:
    about = (
        "Everything that measures the same node. The BMC (dcmi) sees the whole machine, psys the platform, rapl "
        "packages and memory, powerstat packages alone, so they differ; what contradicts is beside. acpi and psu are "
        "shown while they stand for the node; their sensors are below."
    )
    return lines(
        "Sources side by side",
        about,
        [series(_BY_METER, "{{node}} by {{meter}}")],
        WATTS,
        empty="No source gives power",
    )


def _disagreement() -> statetimeline.Panel:
    # Absent until there is something to compare with, which takes minutes: said as such, for each node's own source.
    query = series(
        f"max by (node, source, kind) (wattshift_source_disagreement{{{NODE}}}) or "
        f"label_replace(0 * max by (node, source) (wattshift:node_watts{{{NODE}}}) - 1, "
        '"kind", "nothing judged", "", "")',
        "{{node}} {{source}}: {{kind}}",
    )
    about = (
        "frozen: the figure stands still while another moves. above_meter: parts draw more than this meter says of "
        "the whole. It takes minutes of two sources to judge."
    )
    words = {-1: ("cannot be judged", "text"), 0: ("agrees", "green"), 1: ("contradicts", "red")}
    return states("Disagreement", about, query, words, empty="No source gives power")


def _domains() -> timeseries.Panel:
    query = series(f"wattshift_rapl_watts{{{NODE}}}", "{{node}} {{domain}} {{package}}{{die}}")
    about = "Core and uncore are parts of their package, psys is the whole platform; never add those up."
    return lines("RAPL domains", about, [query], WATTS, empty="No RAPL: a virtual machine, or not this processor")


def _sensors() -> timeseries.Panel:
    queries = [
        series(
            f"wattshift_hwmon_watts{{{NODE}}} or wattshift_dcmi_watts{{{NODE}}}",
            "{{node}} {{chip}}{{target}} {{sensor}}",
        ),
        series(f"wattshift_dcmi_max_watts{{{NODE}}}", "{{node}} {{target}} highest", "B"),
    ]
    about = (
        "Each meter by itself: BMCs and the power sensors of hwmon. Dashed: the highest in the BMC's own statistics."
    )
    return lines("Meters", about, queries, WATTS, empty="Neither BMC nor hwmon gives power").override_by_query(
        "B", dashed("orange")
    )


def _each_day() -> timeseries.Panel:
    # The day that begins at each bar: a step of a day begins at midnight, and today has only begun.
    query = series(
        f"sum by (node) (sum_over_time(wattshift:node_joules:minute{{{NODE}}}[1d] offset -1d)) / 3.6e6", "{{node}}"
    ).interval("1d")
    panel = lines("Energy of each day", _of_what("day"), [query], KILOWATT_HOURS, empty=_NO_ENERGY)
    return stacked(panel).draw_style(GraphDrawStyle.BARS).time_from("30d").interval("1d")


def _energy() -> table.Panel:
    return rows(
        "Energy and cost of each node",
        "Up to the end of the time shown. Measured: of how many of the 720 hours of 30 days this is; Prometheus keeps "
        "15 days unless it is told otherwise.",
        {
            "24 h": (column(f"sum by (node) (wattshift:node_joules:day{{{NODE}}}) / 3.6e6", "A"), KILOWATT_HOURS),
            "30 d": (column(f"sum by (node) ({_MONTH}) / 3.6e6", "B"), KILOWATT_HOURS),
            "Cost of 30 d": (column(f"sum by (node) ({_MONTH}) / 3.6e6 * $tariff", "C"), NUMBER),
            "Measured": (
                column(f"sum by (node) (count_over_time(wattshift:node_joules:minute{{{NODE}}}[30d])) / 60", "D"),
                HOURS,
            ),
        },
        empty=_NO_ENERGY,
        sort="30 d",
    )


def _health() -> table.Panel:
    by = "max by (node, source)"
    return rows(
        "Each source",
        "Up: whether the newest read gave power. A source that this machine does not have is down for good: no fault.",
        {
            "Up": (column(f"{by} (wattshift_source_up{{{NODE}}})", "A"), NUMBER),
            "Last power": (
                column(f"time() - {by} (wattshift_source_last_success_timestamp_seconds{{{NODE}}})", "B"),
                SECONDS,
            ),
            "A read takes": (column(f"{by} (wattshift_source_duration_seconds{{{NODE}}})", "C"), SECONDS),
        },
        empty="No exporter answers",
    )


def _failures() -> table.Panel:
    expression = f"sum by (node, source, reason) (increase(wattshift_source_errors_total{{{NODE}}}[$__range]))"
    return rows(
        "Failed reads by reason",
        "In the time shown. docs/metrics.md says what each reason means and what to do.",
        {"Failed": (column(expression, "A"), NUMBER)},
        empty="No exporter answers",
        sort="Failed",
    )
