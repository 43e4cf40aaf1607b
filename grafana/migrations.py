"""The board *Migrations*: what the actuator decided and did, how long each stage took, and what it brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from grafana import marks
from grafana.frame import finished, framed
from grafana.panels import (
    BYTES,
    NUMBER,
    SECONDS,
    SHARE,
    WATTS,
    bars,
    dashed,
    figure,
    lines,
    named,
    rows,
    stacked,
    steps,
)
from grafana.query import column, newest, series
from grafana.variables import NODE

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
    from grafana_foundation_sdk.models.dashboard import Dashboard

_NO_ACTUATOR = "No actuator answers"
_NO_MOVE = "No move in this time"
_NO_WAKE = "No node woken yet"
_LIVE = 'state!~"succeeded|skipped|failed|cancelled"'


def board() -> Dashboard:
    """The whole board."""
    migrations = (
        framed("Migrations", "What the actuator decided and did.", [])
        .with_row(Row("Now"))
        .with_panel(_switch("Leader", "max(wattshift_leader)", {0: ("none leads", "red"), 1: ("leads", "green")}))
        .with_panel(_switch("Paused", "max(wattshift_paused)", {0: ("no", "green"), 1: ("paused", "orange")}))
        .with_panel(_switch("Database", "min(wattshift_store_up)", {0: ("fails", "red"), 1: ("works", "green")}))
        .with_panel(_under_way())
        .with_panel(_success())
        .with_panel(_mean("Downtime", "wattshift_migration_downtime_seconds", SECONDS))
        .with_row(Row("Jobs"))
        .with_panel(_by_state())
        .with_panel(_by_failure())
        .with_panel(_decisions())
        .with_panel(_states_over_time())
        .with_panel(_refusals())
        .with_row(Row("How long it takes"))
        .with_panel(_steps())
        .with_panel(_stages())
        .with_panel(_wakes())
        .with_panel(_downtime())
        .with_panel(_costs())
        .with_row(Row("What it brings"))
        .with_panel(_before_and_after())
        .with_panel(_change())
        .with_panel(_nodes())
    )
    return finished(migrations, [marks.arrivals(), marks.work()])


def _switch(title: str, expression: str, words: dict[int, tuple[str, str]]) -> stat.Panel:
    # Of a pair each says it of itself or of the database that both have, so one figure stands for them.
    about = "Of all actuators that this Prometheus asks."
    return figure(title, about, newest(expression), NUMBER, empty=_NO_ACTUATOR).mappings([named(words)])


def _under_way() -> stat.Panel:
    query = newest(f"sum(max by (state) (wattshift_jobs{{{_LIVE}}}))")
    return figure("Under way", "Jobs that have not come to their end.", query, NUMBER, empty=_NO_ACTUATOR)


def _success() -> stat.Panel:
    done = 'sum(max by (state) (wattshift_jobs{state="succeeded"}))'
    tried = 'sum(max by (state) (wattshift_jobs{state=~"succeeded|failed"}))'
    about = "Of the jobs in the database that were carried out, those that succeeded. What was skipped does not count."
    colors = steps([(None, "red"), (0.9, "orange"), (0.99, "green")])
    return figure("Success", about, newest(f"{done} / ({tried} > 0)"), SHARE, empty="No job yet").thresholds(colors)


def _mean(title: str, metric: str, unit: str) -> stat.Panel:
    query = newest(f"sum(increase({metric}_sum[$__range])) / (sum(increase({metric}_count[$__range])) > 0)")
    return figure(
        title, "How long a guest stands still, as the mean of the moves in the time shown.", query, unit, empty=_NO_MOVE
    )


def _by_state() -> bargauge.Panel:
    query = newest("sort_desc(max by (state) (wattshift_jobs))", "{{state}}")
    return bars("Jobs by state", "All jobs in the database.", query, NUMBER, empty=_NO_ACTUATOR)


def _by_failure() -> bargauge.Panel:
    query = newest("sort_desc(max by (failure) (wattshift_failed_jobs))", "{{failure}}")
    return bars("Failed jobs by cause", "All failed jobs in the database.", query, NUMBER, empty=_NO_ACTUATOR)


def _decisions() -> table.Panel:
    expression = "sum by (reason) (increase(wattshift_decisions_total[$__range])) > 0"
    return rows(
        "Decisions by reason",
        "In the time shown: on alerts and orders as they came, and again with the cluster in view. A repeat counts.",
        {"Decisions": (column(expression, "A"), NUMBER)},
        empty="Nothing was decided in this time",
        sort="Decisions",
    )


def _states_over_time() -> timeseries.Panel:
    query = series(f"max by (state) (wattshift_jobs{{{_LIVE}}})", "{{state}}")
    return stacked(lines("Jobs under way", "By the step that works on them.", [query], NUMBER, empty=_NO_ACTUATOR))


def _refusals() -> timeseries.Panel:
    query = series("sum by (status) (increase(wattshift_requests_refused_total[$__rate_interval]))", "{{status}}")
    about = (
        "Calls of the actuator that ended in an error, by HTTP status. 401, 403: a wrong token, or without the scope."
    )
    return lines("Refused calls", about, [query], NUMBER, empty=_NO_ACTUATOR)


def _steps() -> bargauge.Panel:
    name = "wattshift_step_duration_seconds"
    expression = (
        f"sum by (step) (increase({name}_sum[$__range])) / (sum by (step) (increase({name}_count[$__range])) > 0)"
    )
    about = "How long jobs stayed in each step, as the mean of the time shown."
    return bars("Each step of a job", about, newest(expression, "{{step}}"), SECONDS, empty="No job in this time")


def _stages() -> bargauge.Panel:
    name = "wattshift_wake_stage_seconds"
    expression = f"sort(sum by (stage) ({name}_sum) / sum by (stage) ({name}_count))"
    about = (
        "How long after the first request a woken node had power (a BMC says so), answered, was a member, was in a "
        "quorate cluster, had its API up and its storages active: the mean since the actuator started."
    )
    return bars("Each stage of a wake", about, newest(expression, "{{stage}}"), SECONDS, empty=_NO_WAKE)


def _wakes() -> table.Panel:
    name = f"wattshift_wake_duration_seconds_{{}}{{{{{NODE}}}}}"
    count, total = (f"sum by (node, method) ({name.format(kind)})" for kind in ("count", "sum"))
    return rows(
        "Wakes of each node",
        "Since the actuator started: from the first request until the node was a member of its cluster.",
        {"Wakes": (column(count, "A"), NUMBER), "Mean": (column(f"{total} / {count}", "B"), SECONDS)},
        empty=_NO_WAKE,
        sort="Mean",
    )


def _downtime() -> timeseries.Panel:
    bucket = "sum by (le) (increase(wattshift_migration_downtime_seconds_bucket[$__range]))"
    queries = [
        series(f"histogram_quantile(0.5, {bucket})", "half of the moves", "A"),
        series(f"histogram_quantile(0.95, {bucket})", "95 of 100", "B"),
    ]
    about = "How long guests stood still at the end of their move, by the moves of a span as long as the time shown."
    return lines("Downtime", about, queries, SECONDS, empty=_NO_MOVE).override_by_query("B", dashed("orange"))


def _costs() -> table.Panel:
    def mean(metric: str) -> str:
        return f"sum(increase({metric}_sum[$__range])) / (sum(increase({metric}_count[$__range])) > 0)"

    return rows(
        "What a move costs",
        "Means of the moves in the time shown, as Proxmox's task logs tell them.",
        {
            "Downtime": (column(mean("wattshift_migration_downtime_seconds"), "A"), SECONDS),
            "Duration": (column(mean("wattshift_migration_duration_seconds"), "B"), SECONDS),
            "Transferred": (column(mean("wattshift_migration_transferred_bytes"), "C"), BYTES),
        },
        empty=_NO_MOVE,
    )


def _before_and_after() -> bargauge.Panel:
    query = newest("max by (role, when) (wattshift_migration_watts)", "{{role}} {{when}}")
    about = "What both nodes of the newest measured move drew before and some time after it, as means of a minute."
    return bars("Watts before and after", about, query, WATTS, empty="No move measured yet")


def _change() -> bargauge.Panel:
    # A histogram with steps below 0 has no sum, so there is no mean.
    expression = "histogram_quantile(0.5, sum by (role, le) (wattshift_migration_change_watts_bucket))"
    about = "By how much more (below 0: less) a node of a move draws after it: the median since the actuator started."
    return bars("Change by a move", about, newest(expression, "{{role}}"), WATTS, empty="No move measured yet").min(
        -500
    )


def _nodes() -> timeseries.Panel:
    query = series(f"wattshift:node_watts:mean{{{NODE}}}", "{{node}} by {{source}}")
    about = "Mean of a minute, with the moves as marks."
    return lines("The nodes meanwhile", about, [query], WATTS, empty="No node is measured")
