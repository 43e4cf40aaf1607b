"""The benchmark's result, as it is shown and written down."""

from __future__ import annotations

import pytest

from tests.bench.line import Line
from tests.bench.machine import ROOT
from tests.bench.report import ACTUATOR, EXPORTER, cells, markdown, marks, table, written_into
from tests.bench.spread import Spread

BEGIN, END = marks(EXPORTER)
SLOW = Line("scrape, p50", "ms", 1.2345, "node_exporter", 0.5, Spread(2.469, 2.4, 2.6), budget=1.5, aim=1.0)
COUNT = Line("children", "", 1, "ipmi_exporter", 4, budget=1.0)


def test_an_aim_that_is_missed_is_told() -> None:
    """What is only aimed at fails no run, but the table says whether it was reached."""
    aimed = Line("time", "s", 2.0, "node_exporter", 1.0, Spread(2.0, 2.0, 2.0), aim=1.0)

    assert cells(aimed)[5:] == ("aim 1", "no, see below")


def test_a_line_shows_figures_ratio_and_verdict() -> None:
    """Nothing is rounded to what it is not, and a budget that is missed cannot be overlooked."""
    assert cells(SLOW) == (
        "scrape, p50",
        "1.23 ms",
        "0.5 ms",
        "node_exporter",
        "2.47 (2.40 to 2.60)",
        "≤ 1.5 times, aim 1",
        "NO",
    )
    assert cells(COUNT) == ("children", "1", "4", "ipmi_exporter", "", "≤ 1", "yes")


def test_a_large_figure_is_whole() -> None:
    """No figure turns into a power of ten."""
    assert cells(Line("longest", "ms", 10004.2))[1] == "10004 ms"


def test_columns_stand_below_each_other() -> None:
    """Every row of the terminal's table has its cells where the head has them."""
    head, *rows = table([SLOW, COUNT]).splitlines()

    assert all(row.index(peer) == head.index("peer") for row, peer in zip(rows, ("0.5 ms", "4"), strict=True))


def test_figures_are_written_between_the_marks() -> None:
    """What stood there is gone, what stands around it stays, and writing again changes nothing."""
    figures = markdown([SLOW], {"kernel": "6.8"})
    once = written_into(f"# Title\n{BEGIN}\nold\n{END}\nrest\n", EXPORTER, figures)

    assert once.startswith(f"# Title\n{BEGIN}\n| | |\n|---|---|\n| kernel | 6.8 |\n\n| what | ours |")
    assert once.endswith(f"| NO |\n{END}\nrest\n")
    assert "old" not in once
    assert written_into(once, EXPORTER, figures) == once


def test_halves_are_written_apart() -> None:
    """Measuring one of the two leaves the other's figures as they are."""
    first, last = marks(ACTUATOR)
    document = f"{BEGIN}\nkept\n{END}\n{first}\nold\n{last}\n"

    assert written_into(document, ACTUATOR, "new") == f"{BEGIN}\nkept\n{END}\n{first}\nnew\n{last}\n"


@pytest.mark.parametrize("document", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_document_without_its_marks_is_refused(document: str) -> None:
    """Rather than written to the wrong place."""
    with pytest.raises(ValueError, match="needs one line"):
        written_into(document, EXPORTER, "figures")


@pytest.mark.parametrize("place", [EXPORTER, ACTUATOR])
def test_the_document_has_a_place_for_the_figures(place: str) -> None:
    """Else the command that it names would measure for minutes and then not know where to."""
    document = (ROOT / "docs" / "performance.md").read_text()

    assert "figures of a test" in written_into(document, place, "figures of a test")


def test_a_limit_is_told_beside_the_ratio() -> None:
    """What a figure itself may be has its unit, and is no matter of the ratio."""
    late = Line("packet, p99", "ms", 300.0, "webhook", 600.0, Spread(0.5, 0.4, 0.6), limit=250.0)

    assert cells(late)[4:] == ("0.50 (0.40 to 0.60)", "≤ 250 ms", "NO")
