"""powerstat's rows, on recordings of two versions, and on what its sources say it may print."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.readings import Reason, SourceError
from exporter.sources.powerstat import Rows
from tests.exporter.recordings import POWERSTAT_MMIO, POWERSTAT_TWO_SOCKETS

if TYPE_CHECKING:
    from pathlib import Path

RECORDINGS = [POWERSTAT_MMIO, POWERSTAT_TWO_SOCKETS]
BEFORE_ROOT = "  Time    User  Nice   Sys  Idle    IO  Run Ctxt/s  IRQ/s  Watts "
CELLS = "16:24:44   0.5   0.0   1.5  97.5   0.5    1   1583    640 "


def rows(text: str) -> list[dict[str, float] | SourceError]:
    """Return all samples of a text."""
    return list(Rows().feed(text))


def reasons(text: str) -> list[Reason | None]:
    """Return why each row gives no sample, None where it does."""
    return [row.reason if isinstance(row, SourceError) else None for row in rows(text)]


def test_one_socket_as_root() -> None:
    """Debian 12's version: sixty rows, the last ones right, averages and rulers no rows."""
    samples = rows(POWERSTAT_MMIO.read_text())

    assert len(samples) == 60
    assert samples[0] == {"0": 40.29}
    assert samples[-1] == {"0": 40.25}


def test_two_sockets_use_packages_alone() -> None:
    """Of overlapping columns only the packages count, by name and not by place; the total is not believed."""
    samples = rows(POWERSTAT_TWO_SOCKETS.read_text())

    assert len(samples) == 12
    assert samples[0] == {"1": 80.98, "0": 101.22}
    assert samples[-1] == {"1": 80.53, "0": 100.66}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_no_truncation_gives_a_wrong_figure(recording: Path) -> None:
    """Cut after any byte, a recording gives the whole one's samples up to there, and nothing else."""
    text = recording.read_text()
    whole = rows(text)
    for length in range(len(text) + 1):
        part = rows(text[:length])
        assert part == whole[: len(part)]


@given(cuts=st.lists(st.integers(0, 2594), max_size=12))
def test_pieces_give_what_the_whole_gives(cuts: list[int]) -> None:
    """However the pipe cuts the text, the samples are the same."""
    text = POWERSTAT_TWO_SOCKETS.read_text()
    reader = Rows()
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]

    assert [row for piece in pieces for row in reader.feed(piece)] == rows(text)


def test_without_root_there_are_three_columns_less() -> None:
    """Fork, Exec and Exit are root's; the packages are found by their names."""
    assert rows(f"{BEFORE_ROOT}  pkg-0   dram\n{CELLS}  52.00   40.00  12.00\n") == [{"0": 40.0}]


def test_the_total_may_be_marked_as_an_estimate_and_cpu_cells_may_be_nan() -> None:
    """Only the columns after Watts are figures to be read, but nonsense there is an error."""
    cells = CELLS.replace(" 0.5 ", " -nan ", 1)

    assert rows(f"{BEFORE_ROOT}  pkg-0\n{cells}  52.00E  40.00\n") == [{"0": 40.0}]
    assert reasons(f"{BEFORE_ROOT}  pkg-0\n{CELLS}  52.00   nan\n") == [Reason.PARSE]


def test_dies_share_a_cut_name_and_add_up_to_their_package() -> None:
    """package-0-die-0 and -die-1 both print as "pkg-0-": their sum is package 0. So for cut names of six letters."""
    header = f"{BEFORE_ROOT}  pkg-0-  pkg-0-  pkg-10  pkg-10\n"

    assert rows(f"{header}{CELLS}  0.00  30.00  31.00  5.00  6.00\n") == [{"0": 61.0, "10": 11.0}]


def test_a_zone_shown_twice_counts_once() -> None:
    """Versions before 0.03.01 show a package's MMIO twin under the same whole name."""
    assert rows(f"{BEFORE_ROOT}  pkg-0  pkg-0\n{CELLS}  80.00  40.00  40.02\n") == [{"0": 40.0}]


@pytest.mark.parametrize(
    ("header", "cells", "reason"),
    [
        ("  pkg-0   dram", "  52.00   40.00", Reason.PARSE),
        ("  pkg-0", "  52.00   40.00  12.00", Reason.PARSE),
        ("   core   dram", "  52.00   40.00  12.00", Reason.UNSUPPORTED),
        ("  pkg-0", "  0.00   0.00", Reason.IMPLAUSIBLE),
        ("  pkg-0", "  -N/A-  -1.00", Reason.PARSE),
    ],
)
def test_a_row_that_cannot_be_trusted_has_a_reason(header: str, cells: str, reason: Reason) -> None:
    """Cells that do not match the header, no package, a package without power: none becomes a figure."""
    assert reasons(f"{BEFORE_ROOT}{header}\n{CELLS}{cells}\n") == [reason]


def test_a_row_before_any_header_is_no_sample() -> None:
    """Without names nothing says which cell is a package."""
    assert reasons(f"{CELLS}  52.00   40.00\n") == [Reason.PARSE]


def test_columns_moved_by_an_unreadable_zone_are_noticed() -> None:
    """A zone that fails moves the next ones into its place and leaves a zero at the end: the row is left out."""
    text = (
        f"{BEFORE_ROOT}  pkg-1  pkg-0  dram\n"
        f"{CELLS}  190.00  80.00 100.00 10.00\n"
        f"{CELLS}  110.00  100.00 10.00 0.00\n"
        f"{CELLS}  190.00  80.00 100.00 10.00\n"
    )

    assert reasons(text) == [None, Reason.IMPLAUSIBLE, None]


@pytest.mark.parametrize("rested", ["dram", "psys", "pkg-1"])
def test_columns_moved_from_the_first_row_on_are_noticed(rested: str) -> None:
    """A zone that never could be read leaves its zero from the start: packages are not read from their neighbours."""
    text = f"{BEFORE_ROOT}  pkg-0  {rested}\n" + 3 * f"{CELLS}  110.00  100.00  0.00\n"

    assert reasons(text) == [Reason.IMPLAUSIBLE] * 3


@pytest.mark.parametrize("last", ["core", "uncore"])
def test_with_several_packages_no_last_column_may_rest(last: str) -> None:
    """A package that never could be read would have its neighbour's figure, which no later row gives away."""
    text = f"{BEFORE_ROOT}  pkg-1  pkg-0  {last}\n" + 3 * f"{CELLS}  200.00  100.00  40.00  0.00\n"

    assert reasons(text) == [Reason.IMPLAUSIBLE] * 3


@pytest.mark.parametrize("rested", ["core", "uncore"])
def test_cores_and_graphics_may_rest(rested: str) -> None:
    """An idle part of a package is no fault, when it was idle from the start; graphics may fall idle, too."""
    assert rows(f"{BEFORE_ROOT}  pkg-0  {rested}\n{CELLS}  40.00  40.00  0.00\n") == [{"0": 40.0}]


def test_cores_that_worked_do_not_rest_completely() -> None:
    """Their zero is the mark of a row out of place."""
    text = f"{BEFORE_ROOT}  pkg-0  core\n{CELLS}  50.00  40.00  10.00\n{CELLS}  10.00  10.00  0.00\n"

    assert reasons(text) == [None, Reason.IMPLAUSIBLE]


# What the tool's versions print around their rows, 0.03.01 to 0.04.06: none of it is a row.
BESIDE_ROWS = [
    "Running for 3600.0 seconds (3600 samples at 1.0 second intervals).",
    "Power measurements will start in 0 seconds time.",
    "powercap: intel-rapl:0",
    "powercap: .",
    "--- Skipped samples(s) because of low CPU idle ---",
    "-------- ----- ----- ----- ----- ----- ---- ------ ------ ------ ------",
    " Average   6.1   0.0   2.4  90.6   1.0  1.8 2046.5  902.8 232.13   80.05 ",
    " GeoMean   6.1   0.0   2.4  90.6   1.0  1.8 2046.5  902.8 232.13   80.05 ",
    "  StdDev   0.1   0.0   0.4   0.6   0.0  0.8   46.5    2.8   2.13    0.05 ",
    " Minimum   6.1   0.0   2.4  90.6   1.0  1.8 2046.5  902.8 232.13   80.05 ",
    " Maximum   6.1   0.0   2.4  90.6   1.0  1.8 2046.5  902.8 232.13   80.05 ",
    "Summary:",
    "CPU: 232.13 Watts on average with standard deviation 2.11  ",
    "System: -N/A- Watts on average with standard deviation -N/A-",
    "Note: power read from RAPL domains: pkg-1, pkg-0, core, dram.",
    "These readings do not cover all the hardware in this device.",
    "",
]


@pytest.mark.parametrize("line", BESIDE_ROWS)
def test_what_stands_beside_the_rows_is_no_row(line: str) -> None:
    """Notes, rulers, averages and 0.03.02's debug lines give neither figure nor error, wherever they stand."""
    header, row = f"{BEFORE_ROOT}  pkg-0\n", f"{CELLS}  52.00  40.00\n"

    assert rows(f"{line}\n{header}{line}\n{row}{line}\n{row}{line}\n") == [{"0": 40.0}] * 2


def test_a_greeting_is_no_reason_for_an_end() -> None:
    """What it says at each start is not told as why it ended."""
    rows = Rows()
    greeting = "Running for 60.0 seconds.\nPower measurements will start in 0 seconds time.\n"

    assert not list(rows.feed(f"no permission\n{greeting}"))

    assert rows.other == "no permission"


def test_the_header_may_come_again() -> None:
    """Without -n it is repeated each 25 rows: the same columns, and what was learnt of them stays."""
    header, row = f"{BEFORE_ROOT}  pkg-1  pkg-0  core\n", f"{CELLS}  190.00  80.00  100.00  10.00\n"
    moved = f"{CELLS}  110.00  100.00  10.00  0.00\n"

    assert reasons(header + 25 * row + header + row + header + moved) == [None] * 26 + [Reason.IMPLAUSIBLE]


def test_columns_may_change_between_two_headers() -> None:
    """A new header gives the cells new names: from root's form to the other, or a zone more."""
    root = BEFORE_ROOT.replace("IRQ/s", "IRQ/s Fork Exec Exit")
    text = f"{root}  pkg-0\n{CELLS}  1  2  3  52.00  40.00\n{BEFORE_ROOT}  pkg-1  pkg-0\n{CELLS}  52.00  41.00  42.00\n"

    assert rows(text) == [{"0": 40.0}, {"1": 41.0, "0": 42.0}]


@pytest.mark.parametrize("watts", ["52.00", "52.00E", "-N/A-", "nan", "0.00"])
def test_the_total_is_never_read(watts: str) -> None:
    """Estimated, missing or wrong: it adds up zones that overlap, and no figure comes from it."""
    assert rows(f"{BEFORE_ROOT}  pkg-0\n{CELLS}  {watts}  40.00\n") == [{"0": 40.0}]


def test_the_time_may_be_unknown() -> None:
    """A clock that cannot be formatted prints dashes; the row is one all the same, and a ruler is none."""
    assert rows(f"{BEFORE_ROOT}  pkg-0\n{CELLS.replace('16:24:44', '--:--:--')}  52.00  40.00\n") == [{"0": 40.0}]


CELL = st.sampled_from(["40.00", "7.25", "0.00", "nan", "-nan", "inf", "-N/A-", "-1.00", "1e3", "٣", "4_0", "41.0"])
NAME = st.sampled_from(["pkg-0", "pkg-1", "pkg-0-", "core", "uncore", "dram", "psys"])


@given(columns=st.lists(st.tuples(NAME, CELL), max_size=4), more=st.lists(CELL, max_size=1))
def test_a_sample_is_made_of_the_printed_figures_alone(columns: list[tuple[str, str]], more: list[str]) -> None:
    """Whatever the cells say, a figure is one that stands under its package's name, or the sum of such, and above 0."""
    header, cells = " ".join(name for name, _ in columns), " ".join([cell for _, cell in columns] + more)
    for row in rows(f"{BEFORE_ROOT} {header}\n{CELLS} 52.00 {cells}\n"):
        if isinstance(row, SourceError):
            assert row.reason in {Reason.PARSE, Reason.IMPLAUSIBLE, Reason.UNSUPPORTED}
            continue
        assert not more
        for package, watts in row.items():
            below = [cell for name, cell in columns if name.rstrip("-") == f"pkg-{package}"]
            assert set(below) <= {"40.00", "7.25"}
            assert float(below[0]) <= watts <= sum(map(float, below))


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    """The reader never raises."""
    assert isinstance(rows(text), list)
