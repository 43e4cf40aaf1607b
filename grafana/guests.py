"""The board *Guests*: who takes the power of the nodes, by the exporter's estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from grafana import marks, variables
from grafana.frame import finished, framed
from grafana.panels import KILOWATT_HOURS, NUMBER, SHARE, WATTS, bars, figure, lines, rows, stacked
from grafana.query import column, newest, series
from grafana.variables import A_GUEST, GUEST, NODE

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
    from grafana_foundation_sdk.models.dashboard import Dashboard

_NONE = "No guest runs, or no node is measured"
_NAME = "{{name}} ({{id}})"
_ESTIMATE = "An estimate: the node's power, divided by processor time."
_MINUTES = f"wattshift:guest_joules:minute{{{NODE}, {GUEST}, {A_GUEST}}}"


def board() -> Dashboard:
    """The whole board."""
    guests = (
        framed("Guests", "Who takes the power of the nodes.", [variables.guest(), variables.tariff()])
        .with_row(Row("Now"))
        .with_panel(_count())
        .with_panel(_share("All guests", A_GUEST, "Of the power of the chosen nodes, what their guests take."))
        .with_panel(_share("Host", 'id="host"', "All other work: the kernel, Proxmox's services, storage."))
        .with_panel(
            _share("Idle", 'id="idle"', "The time in which no processor worked. It is not what an idle node draws.")
        )
        .with_panel(_energy_of_a_day())
        .with_panel(_cost_of_a_day())
        .with_panel(_top())
        .with_panel(_top_of_a_day())
        .with_panel(_where())
        .with_row(Row("Power"))
        .with_panel(_each())
        .with_panel(_shares())
        .with_panel(_processors())
        .with_panel(_energy())
    )
    return finished(guests, [marks.arrivals(), marks.work()])


def _count() -> stat.Panel:
    query = newest(f"count(count by (id) (wattshift_guest_watts{{{NODE}, {A_GUEST}}}))")
    return figure("Guests", "Guests that run on the chosen nodes.", query, NUMBER, empty=_NONE)


def _share(title: str, matcher: str, about: str) -> stat.Panel:
    # Without a single guest their share is 0, not unknown: host and idle are there, and they are all.
    part = f"sum(wattshift_guest_watts{{{NODE}, {matcher}}})"
    whole = f"sum(wattshift_guest_watts{{{NODE}}})"
    query = newest(f"({part} or 0 * {whole}) / {whole}")
    return figure(f"{title}: share", about, query, SHARE, empty="No node is measured").decimals(1)


def _energy_of_a_day() -> stat.Panel:
    query = newest(f"sum(wattshift:guest_joules:day{{{NODE}, {GUEST}, {A_GUEST}}}) / 3.6e6")
    return figure("Last 24 hours", f"Of the chosen guests. {_ESTIMATE}", query, KILOWATT_HOURS, empty="Nothing yet")


def _cost_of_a_day() -> stat.Panel:
    query = newest(f"sum(wattshift:guest_joules:day{{{NODE}, {GUEST}, {A_GUEST}}}) / 3.6e6 * $tariff")
    return figure("Cost of 24 hours", "That energy by the price above.", query, NUMBER, empty="Nothing yet").decimals(2)


def _top() -> bargauge.Panel:
    query = newest(f"sort_desc(topk(10, sum by (id, name) (wattshift_guest_watts{{{NODE}, {A_GUEST}}})))", _NAME)
    return bars("Top ten now", _ESTIMATE, query, WATTS, empty=_NONE)


def _top_of_a_day() -> bargauge.Panel:
    expression = f"sort_desc(topk(10, sum by (id, name) (wattshift:guest_joules:day{{{NODE}, {A_GUEST}}}) / 3.6e6))"
    return bars("Top ten of 24 hours", _ESTIMATE, newest(expression, _NAME), KILOWATT_HOURS, empty="Nothing yet")


def _where() -> table.Panel:
    expression = f"sum by (id, name, node) (wattshift_guest_watts{{{NODE}, {GUEST}, {A_GUEST}}})"
    return rows(
        "Where they run",
        "A guest that has just moved may be seen on both nodes for a scrape.",
        {"Now": (column(expression, "A"), WATTS)},
        empty=_NONE,
        sort="Now",
    )


def _each() -> timeseries.Panel:
    query = series(f"sum by (id, name) (wattshift_guest_watts{{{NODE}, {GUEST}, {A_GUEST}}})", _NAME)
    return stacked(lines("Each guest", f"Wherever it runs. {_ESTIMATE}", [query], WATTS, empty=_NONE))


def _shares() -> timeseries.Panel:
    queries = [
        series(f"sum(wattshift_guest_watts{{{NODE}, {A_GUEST}}})", "guests"),
        series(f'sum(wattshift_guest_watts{{{NODE}, id="host"}})', "host", "B"),
        series(f'sum(wattshift_guest_watts{{{NODE}, id="idle"}})', "idle", "C"),
    ]
    about = "Together they are the power of the chosen nodes, exactly."
    return stacked(lines("Guests, host and idle", about, queries, WATTS, empty="No node is measured"))


def _processors() -> timeseries.Panel:
    expression = f"sum by (id, name) (rate(wattshift_guest_cpu_seconds_total{{{NODE}, {GUEST}}}[$__rate_interval]))"
    about = "Processors kept busy: 1 is one processor all the time. The watts are divided by this."
    return lines("Processor time", about, [series(expression, _NAME)], NUMBER, empty=_NONE)


def _energy() -> table.Panel:
    energy = f"sum by (id, name) (sum_over_time({_MINUTES}[$__range])) / 3.6e6"
    return rows(
        "Energy and cost of each guest",
        f"In the time shown, on all chosen nodes together. {_ESTIMATE}",
        {"Energy": (column(energy, "A"), KILOWATT_HOURS), "Cost": (column(f"{energy} * $tariff", "B"), NUMBER)},
        empty="Nothing measured in this time",
        sort="Energy",
    )
