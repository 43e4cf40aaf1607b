"""The node's power divided among its guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cpu_window import CpuWindow, GuestTime, Look, MachineTimes, measure
from exporter.guest_power import divide, guest_power
from exporter.node_power import NodePower
from tests.exporter.worlds import snapshot

if TYPE_CHECKING:
    from exporter.readings import Snapshot

HOST, IDLE, WEB, DATABASE = ("host", ""), ("idle", ""), ("qemu/100", "web"), ("lxc/101", "db")
SECOND = 1_000_000
WINDOW = "wattshift_guest_window_cpu_microseconds"

microseconds = st.integers(0, 10**13)
guest_times = st.dictionaries(st.tuples(st.integers(100, 120).map("qemu/{}".format), st.just("")), microseconds)


@st.composite
def windows(draw: st.DrawFn) -> CpuWindow:
    """Return a window that keeps its bounds, but for the guests, which may be beyond all of them together."""
    capacity = draw(st.integers(1, 10**13))
    return CpuWindow(capacity, draw(st.integers(0, capacity)), draw(guest_times))


ticks = st.integers(0, 2**64 - 1)
machines = st.builds(MachineTimes, *[ticks] * 8)


def watts_of(*times: tuple[tuple[str, str], float]) -> Snapshot:
    """Return a snapshot with this CPU window."""
    return snapshot([(WINDOW, labels, value) for labels, value in times])


def test_power_goes_by_the_share_of_the_machines_capacity() -> None:
    """Of four processors one is a guest's, half a container's, a quarter the host's; the rest is idle."""
    window = CpuWindow(20 * SECOND, 8_750_000, {WEB: 5 * SECOND, DATABASE: 2_500_000})

    assert divide(100_000_000, window) == {WEB: 25_000_000, DATABASE: 12_500_000, HOST: 6_250_000, IDLE: 56_250_000}


def test_what_rounding_leaves_goes_to_the_largest_remainder() -> None:
    """Thirds of 100 µW: one of them gets the microwatt that is left, none is lost."""
    window = CpuWindow(3, 2, {WEB: 1})

    assert divide(100, window) == {WEB: 34, HOST: 33, IDLE: 33}


def test_the_remainder_counts_and_not_the_share() -> None:
    """Of 10 µW by sevenths the guest has 4 2/7 and the others 2 6/7 each: what is left is theirs."""
    assert divide(10, CpuWindow(7, 5, {WEB: 3})) == {WEB: 4, HOST: 3, IDLE: 3}


def test_guests_beyond_the_coarse_ticks_take_from_idle_not_from_nothing() -> None:
    """Their counters are finer than the machine's ticks: the host has none then, and nobody less than none."""
    assert divide(1000, CpuWindow(10, 4, {WEB: 5})) == {WEB: 500, HOST: 0, IDLE: 500}


def test_guests_beyond_the_machine_share_all_of_it() -> None:
    """Read at different moments, they may show more than there was: the sum holds all the same."""
    assert divide(900, CpuWindow(10, 10, {WEB: 10, DATABASE: 5})) == {WEB: 600, DATABASE: 300, HOST: 0, IDLE: 0}


@given(windows(), st.integers(0, 2**70))
def test_shares_add_up_exactly_and_none_is_negative(window: CpuWindow, microwatts: int) -> None:
    """Whatever the figures, however extreme: whole microwatts, in all the node's."""
    shares = divide(microwatts, window)

    assert set(shares) == {*window.guests, HOST, IDLE}
    assert sum(shares.values()) == microwatts
    assert all(share >= 0 for share in shares.values())


@given(windows(), st.integers(0, 10**12))
def test_no_share_is_off_by_a_microwatt(window: CpuWindow, microwatts: int) -> None:
    """Rounding moves no row by a whole microwatt, so an unused guest has none at all."""
    shares = divide(microwatts, window)
    whole = max(window.capacity, sum(window.guests.values()))
    for guest, time in window.guests.items():
        assert abs(shares[guest] * whole - microwatts * time) < whole


@given(st.floats(0, 1e9), windows())
def test_rows_in_watts_add_up_to_the_node_in_microwatts(watts: float, window: CpuWindow) -> None:
    """Floats are only how figures are written: rounded to microwatts the rows are the node's power, to the last one."""
    times = [*window.guests.items(), (("busy", ""), window.busy), (("capacity", ""), window.capacity)]
    node = round(watts, 6)
    rows = guest_power(watts_of(*times), NodePower("dcmi", node))

    assert sum(round(row * 1e6) for row in rows.values()) == round(node * 1e6)


@pytest.mark.parametrize("power", [None, NodePower("dcmi", -1.0)])
def test_without_a_power_to_divide_there_are_no_rows(power: NodePower | None) -> None:
    """No figure for the node, or one below zero: nothing is divided, and no zeros are made up."""
    assert guest_power(watts_of((WEB, 1), (("busy", ""), 1), (("capacity", ""), 2)), power) == {}


def test_without_a_window_there_are_no_rows() -> None:
    """Before the second look there are no shares, so there are no watts."""
    assert guest_power(snapshot(), NodePower("dcmi", 100.0)) == {}


def look(work: int, rest: int, **guests: tuple[int, int]) -> Look:
    """Return a look: the machine's ticks, and each guest's run and microseconds."""
    machine = MachineTimes(user=work, nice=0, system=0, idle=rest, iowait=0, irq=0, softirq=0, steal=0)
    return Look(machine, {name: GuestTime((run,), name, time) for name, (run, time) in guests.items()})


def test_a_window_is_what_grew_between_two_looks() -> None:
    """Ticks become microseconds; a guest's are its own."""
    assert measure(look(100, 1000, a=(1, 7)), look(150, 1350, a=(1, 300_007)), 100) == CpuWindow(
        4 * SECOND, 500_000, {("a", "a"): 300_000}
    )


def test_what_counts_as_work() -> None:
    """User, nice, system and interrupts are work; idle, waiting for disks and what was stolen are not."""
    window = measure(Look(MachineTimes(*[0] * 8), {}), Look(MachineTimes(1, 2, 4, 8, 16, 32, 64, 128), {}), SECOND)

    assert window == CpuWindow(capacity=255, busy=1 + 2 + 4 + 32 + 64, guests={})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": (1, 900_000)}),
        ({"a": (1, 900_000)}, {}),
        ({"a": (1, 100_000)}, {"a": (2, 900_000)}),
        ({"a": (1, 900_000)}, {"a": (1, 100_000)}),
    ],
    ids=["came", "went", "restarted", "went back"],
)
def test_a_guest_without_two_looks_at_one_run_has_no_part(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> None:
    """Nothing is known of how much of it belongs to this window: it is not shown, and its work is the host's."""
    window = measure(look(0, 0, **before), look(100, 300, **after), 100)

    assert window == CpuWindow(4 * SECOND, SECOND, {})


@pytest.mark.parametrize(("used", "part"), [(4 * SECOND + 1, 4 * SECOND), (9 * SECOND, 4 * SECOND)])
def test_a_little_more_than_the_machine_had_is_cut_off(used: int, part: int) -> None:
    """The files are not read at one instant, so on a busy node a guest may seem to have used that."""
    assert measure(look(0, 0, a=(1, 0)), look(400, 0, a=(1, used)), 100) == CpuWindow(
        4 * SECOND, 4 * SECOND, {("a", "a"): part}
    )


def test_far_more_than_the_machine_had_is_no_figure() -> None:
    """A counter that leaps is named with what it claims, and takes nothing from the others."""
    window = measure(look(0, 0, a=(1, 0), b=(1, 0)), look(400, 0, a=(1, 9 * SECOND + 1), b=(1, SECOND)), 100)

    assert window == CpuWindow(4 * SECOND, 4 * SECOND, {("b", "b"): SECOND}, {"a": 9 * SECOND + 1})


def test_no_time_is_no_window() -> None:
    """Two looks within one tick, and shares of nothing."""
    assert measure(look(5, 5, a=(1, 0)), look(5, 5, a=(1, 5)), 100) is None


def test_a_counter_of_the_machine_that_goes_back_is_no_negative_time() -> None:
    """Some kernels let iowait fall: what did not grow is 0, and the other figures stand."""
    before = MachineTimes(100, 0, 0, 100, 50, 0, 0, 9)
    after = MachineTimes(200, 0, 0, 300, 40, 0, 0, 0)

    assert measure(Look(before, {}), Look(after, {}), 100) == CpuWindow(3 * SECOND, SECOND, {})


@given(machines, machines, st.integers(0, 2**64), st.integers(0, 2**64), st.sampled_from([100, 250, 300, 1000]))
def test_a_window_keeps_its_bounds(
    before: MachineTimes, after: MachineTimes, then: int, now: int, ticks_per_second: int
) -> None:
    """Whatever the counters say, nothing is negative and nothing is more than the machine has."""
    window = measure(
        Look(before, {"a": GuestTime((1,), "", then)}), Look(after, {"a": GuestTime((1,), "", now)}), ticks_per_second
    )
    if window is not None:
        assert 0 <= window.busy <= window.capacity
        assert all(0 <= time <= window.capacity for time in window.guests.values())
