"""RAPL: zones of one name, the two ways to one counter, and what is no zone at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.readings import Reason
from exporter.settings import Pace
from exporter.sources.rapl import JOULES, WATTS, Rapl
from tests.exporter.rapl_trees import three_zones
from tests.exporter.test_rapl import figures, source
from tests.exporter.worlds import ManualClock, write_zone


def test_two_zones_of_one_name_are_neither_shown(tmp_path: Path) -> None:
    """Older kernels call the psys of every socket psys: half a platform must not pass for the whole of it."""
    three_zones(tmp_path)
    write_zone(tmp_path, "intel-rapl:2", "psys", 7)
    write_zone(tmp_path, "intel-rapl:3", "psys", 7)
    sample = source(tmp_path, ManualClock()).read()

    assert ("", "", "psys") not in figures(sample, JOULES)
    assert len(figures(sample, JOULES)) == 3
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(Reason.PARSE, ("", "", "psys"))]
    assert "intel-rapl:2 and intel-rapl:3" in sample.failures[0].detail


def test_each_psys_has_its_own_series(tmp_path: Path) -> None:
    """Newer kernels number them, and psys is no package whatever its number."""
    write_zone(tmp_path, "intel-rapl:0", "psys", 7)
    write_zone(tmp_path, "intel-rapl:1", "psys-1", 7)

    assert set(figures(source(tmp_path, ManualClock()).read(), JOULES)) == {("", "", "psys"), ("1", "", "psys")}


def test_dies_and_hexadecimal_indexes(tmp_path: Path) -> None:
    """Sixteen dies: each memory zone belongs to the die whose index its folder carries, in hexadecimal."""
    for index in range(16):
        write_zone(tmp_path, f"intel-rapl:{index:x}", f"package-{index // 2}-die-{index % 2}", index)
        write_zone(tmp_path, f"intel-rapl:{index:x}:0", "dram", index)
    sample = source(tmp_path, ManualClock()).read()

    dies = {(str(package), str(die)) for package in range(8) for die in range(2)}
    assert set(figures(sample, JOULES)) == {(*die, domain) for die in dies for domain in ("package", "dram")}
    assert sample.failures == ()


def test_folders_that_are_no_zones_are_left_alone(tmp_path: Path) -> None:
    """Other control types and malformed names are neither read nor complained about."""
    three_zones(tmp_path)
    for odd in ("dtpm", "intel-rapl", "intel-rapl:", "intel-rapl:x", "amd-rapl:0", "intel-rapl:0:0:"):
        (tmp_path / "class" / "powercap" / odd).mkdir()
    sample = source(tmp_path, ManualClock()).read()

    assert len(figures(sample, JOULES)) == 3
    assert sample.failures == ()


def spoil_msr(root: Path) -> None:
    """Make the MSR zone one that the driver shows and cannot read."""
    energy = root / "class" / "powercap" / "intel-rapl:0" / "energy_uj"
    energy.unlink(missing_ok=True)
    energy.symlink_to("/proc/self/mem")


def test_an_mmio_zone_stands_in_for_an_msr_zone_that_cannot_be_read(tmp_path: Path) -> None:
    """The package has its figure, and no failure: it is measured. A twin that could be read is not asked."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 7)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    spoil_msr(tmp_path)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 100_000_000)
    sample = rapl.read()

    assert figures(sample, WATTS) == {("0", "", "package"): 20.0}
    assert sample.failures == ()


def test_an_msr_zone_that_fails_now_and_then_is_left_to_its_twin(tmp_path: Path) -> None:
    """Each change of counter costs a window, so there is one: its energy lost, and all of it counted from then on."""
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    powers = []
    for number in range(6):
        write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", number * 100_000_000)
        if number % 2:
            spoil_msr(tmp_path)
        else:
            energy = tmp_path / "class" / "powercap" / "intel-rapl:0" / "energy_uj"
            energy.unlink(missing_ok=True)
            write_zone(tmp_path, "intel-rapl:0", "package-0", number * 100_000_000)
        powers.append(figures(rapl.read(), WATTS).get(("0", "", "package")))
        clock.advance(5)

    assert powers == [None, None, 20.0, 20.0, 20.0, 20.0]
    assert figures(rapl.read(), JOULES) == {("0", "", "package"): 400.0}


def test_twins_that_both_fail_are_one_failure(tmp_path: Path) -> None:
    """The reason told is the preferred zone's."""
    for folder in ("intel-rapl:0", "intel-rapl-mmio:0"):
        write_zone(tmp_path, folder, "package-0", 7)
    spoil_msr(tmp_path)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", "")
    sample = source(tmp_path, ManualClock()).read()

    assert sample.readings == ()
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.UNSUPPORTED, ("0", "", "package"))
    ]


def test_a_passing_fault_changes_no_counter(tmp_path: Path) -> None:
    """One garbled text is not worth a window: the zone fails once, and its next window reaches over the gap."""
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 5)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    write_zone(tmp_path, "intel-rapl:0", "package-0", "")
    assert [failure.reason for failure in rapl.read().failures] == [Reason.PARSE]
    clock.advance(5)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 100_000_000)

    assert figures(rapl.read(), JOULES) == {("0", "", "package"): 100.0}


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.sampled_from(["fine", "gone", "EIO", "garbled"]),
            st.sampled_from(["fine", "gone"]),
        ),
        max_size=12,
    )
)
def test_whichever_twin_is_read_the_joules_never_fall_nor_exceed_the_truth(
    steps: list[tuple[int, str, str]],
) -> None:
    """A fall would make Prometheus count all energy again, a jump would be energy that nobody used."""
    with tempfile.TemporaryDirectory() as name:
        root, clock, used, before = Path(name), ManualClock(), 0, 0.0
        (root / "class" / "powercap").mkdir(parents=True)
        rapl = Rapl(root, Pace(5.0, 2.0), clock.clock)
        for step, msr, mmio in steps:
            used += step
            clock.advance(5)
            for folder, state, offset in (("intel-rapl:0", msr, 4), ("intel-rapl-mmio:0", mmio, 50_000_000)):
                energy = write_zone(root, folder, "package-0", "") / "energy_uj"
                energy.unlink()
                if state == "EIO":
                    energy.symlink_to("/proc/self/mem")
                elif state != "gone":
                    energy.write_text(f"{used + offset}\n" if state == "fine" else "?\n")
            shown = figures(rapl.read(), JOULES).get(("0", "", "package"))
            for folder in ("intel-rapl:0", "intel-rapl-mmio:0"):
                (root / "class" / "powercap" / folder / "energy_uj").unlink(missing_ok=True)
            if shown is not None:
                assert before <= shown <= used / 1e6
                before = shown
