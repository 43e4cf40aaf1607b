"""RAPL: what a zone's files may do wrong, with real files that do it, and what the other zones show meanwhile."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.readings import Reason
from exporter.sources.rapl import JOULES
from tests.exporter.rapl_trees import GOOD, three_zones
from tests.exporter.rights import without_root
from tests.exporter.test_rapl import figures, source
from tests.exporter.worlds import ManualClock, write_zone

if TYPE_CHECKING:
    from collections.abc import Callable


def link_to(target: str) -> Callable[[Path], None]:
    """Return how to put something else in a file's place."""

    def put(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return put


def write(content: bytes) -> Callable[[Path], None]:
    """Return how to make a file say something."""

    def put(path: Path) -> None:
        path.write_bytes(content)

    return put


def loop(path: Path) -> None:
    """Make a file a link to itself."""
    path.unlink()
    path.symlink_to(path.name)


def put_folder(path: Path) -> None:
    """Put a folder in a file's place."""
    path.unlink()
    path.mkdir()


FAULTS: dict[str, tuple[Callable[[Path], None], Reason]] = {
    "gone": (Path.unlink, Reason.MISSING),
    "empty": (write(b""), Reason.PARSE),
    "blank": (write(b" \n"), Reason.PARSE),
    "not ASCII": (write("٣٤\n".encode()), Reason.PARSE),
    "no text at all": (write(b"\xff\x00\xfe\n"), Reason.PARSE),
    "two lines": (write(b"12\n34\n"), Reason.PARSE),
    "cut short": (write(b"26214332"), Reason.PARSE),
    "a folder (EISDIR)": (put_folder, Reason.UNSUPPORTED),
    "EINVAL": (link_to("/sys/class/net/lo/duplex"), Reason.UNSUPPORTED),
    "EIO": (link_to("/proc/self/mem"), Reason.UNSUPPORTED),
    "ELOOP": (loop, Reason.UNSUPPORTED),
    "a link to nothing": (link_to("nothing"), Reason.MISSING),
    "endless": (link_to("/dev/zero"), Reason.PARSE),
}
WRONG_COUNTS = {
    "letters": b"many\n",
    "a sign": b"-5\n",
    "a fraction": b"5.0\n",
    "hexadecimal": b"0x10\n",
    "grouped": b"1_000\n",
    "more digits than an integer may be read from": b"9" * 4400 + b"\n",
    "more than 64 bits hold": b"123456789012345678901\n",
}


@pytest.mark.parametrize("file", ["name", "energy_uj", "max_energy_range_uj"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_at_fault_hides_no_other_zone(tmp_path: Path, file: str, fault: str) -> None:
    """Whichever file of a zone fails, and however: that zone has a reason and no figure, the others their figures."""
    spoil, reason = FAULTS[fault]
    zone = three_zones(tmp_path)
    spoil(zone / file)
    sample = source(tmp_path, ManualClock()).read()

    assert set(figures(sample, JOULES)) == GOOD
    assert [failure.reason for failure in sample.failures] == [reason]
    assert "intel-rapl:0" in sample.failures[0].detail
    assert sample.up


@pytest.mark.parametrize("file", ["energy_uj", "max_energy_range_uj"])
@pytest.mark.parametrize("wrong", WRONG_COUNTS)
def test_what_is_no_count_hides_no_other_zone(tmp_path: Path, file: str, wrong: str) -> None:
    """A count is decimal digits, no more than 64 bits take."""
    (three_zones(tmp_path) / file).write_bytes(WRONG_COUNTS[wrong])
    sample = source(tmp_path, ManualClock()).read()

    assert set(figures(sample, JOULES)) == GOOD
    assert [failure.reason for failure in sample.failures] == [Reason.PARSE]


@pytest.mark.parametrize("name", ["package 0", "package-0\nx", "pack\0age", "päckage-0"])
def test_what_is_no_name_becomes_no_label(tmp_path: Path, name: str) -> None:
    """A label is made of a name that a driver could have given, or not at all."""
    three_zones(tmp_path)
    write_zone(tmp_path, "intel-rapl:0", name, 7)
    sample = source(tmp_path, ManualClock()).read()

    assert set(figures(sample, JOULES)) == GOOD
    assert [failure.reason for failure in sample.failures] == [Reason.PARSE]


@settings(deadline=None)
@given(figure=st.integers(0, 262_143_328_850), span=st.integers(0, 2**64), name=st.sampled_from(["package-10", "dram"]))
def test_no_truncation_gives_a_wrong_figure(figure: int, span: int, name: str) -> None:
    """Any file of a zone cut after any of its bytes: the zone is not shown, or exactly as by the whole file."""
    with tempfile.TemporaryDirectory() as folder:
        root, clock = Path(folder), ManualClock()
        zone = write_zone(root, "intel-rapl:0", name, figure, span)
        meant = source(root, clock).read()
        for file in ("name", "energy_uj", "max_energy_range_uj"):
            whole = (zone / file).read_bytes()
            for length in range(len(whole)):
                (zone / file).write_bytes(whole[:length])
                cut = source(root, clock).read()
                assert cut.readings in {(), meant.readings}
                assert cut.readings or cut.failures[0].reason is Reason.PARSE
            (zone / file).write_bytes(whole)


def test_one_file_without_rights_hides_no_other_zone() -> None:
    """For an unprivileged user, one counter of three for root alone: permission for it, figures for the others."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (three_zones(root) / "energy_uj").chmod(0)
        with without_root():
            sample = source(root, ManualClock()).read()

    assert set(figures(sample, JOULES)) == GOOD
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.PERMISSION, ("0", "", "package"))
    ]
