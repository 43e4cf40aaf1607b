"""The toolbox: PATH first, else unpacked, and what was unpacked finds its own data."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.lab import debian
from deploy.lab.relocation import mend_links, wrapper
from deploy.lab.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_unknown_tool_is_an_error(tmp_path: Path) -> None:
    """Only what the table names can be asked for."""
    with pytest.raises(KeyError):
        Toolbox(tmp_path).find("perpetuum-mobile")


@pytest.mark.parametrize("name", ["prometheus", "promtool", "alertmanager", "amtool"])
def test_each_tool_runs(toolbox: Toolbox, name: str) -> None:
    """Whichever way it came, it starts and tells its version."""
    done = subprocess.run([toolbox.find(name), "--version"], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "version 0." in done.stdout + done.stderr or "version 2." in done.stdout + done.stderr


def test_tools_of_one_package_do_not_spoil_each_other(tmp_path: Path) -> None:
    """Alertmanager finds its templates, though amtool of the same package was asked for after it."""
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    box = Toolbox(tmp_path / "tools")
    alertmanager = box.find("alertmanager")
    box.find("amtool")
    # It reads its templates before it listens, which it cannot on this address.
    flags = [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data"]
    flags += ["--web.listen-address=192.0.2.1:1", "--cluster.listen-address="]
    done = subprocess.run([alertmanager, *flags], capture_output=True, text=True, check=False, timeout=60)

    assert "Completed loading of configuration file" in done.stderr
    assert "failed to parse templates" not in done.stderr
    assert "bind: cannot assign requested address" in done.stderr


def test_a_relocated_binary_reads_what_was_unpacked_beside_it(tmp_path: Path) -> None:
    """A name below /usr/share/prometheus that is compiled in leads to the unpacked folder, from any working folder."""
    here = tmp_path / "here"
    root = here / "root"
    (root / "usr/share/prometheus/alertmanager").mkdir(parents=True)
    (root / "usr/share/prometheus/alertmanager/default.tmpl").write_text("from the unpacked folder")
    binary = root / "program"
    binary.write_text("#!/bin/sh\nexec cat /usr/share/prometheus/alertmanager/default.tmpl\n")
    script = here / "bin" / "program"
    script.parent.mkdir()
    for _ in range(2):  # made anew, it still leads there
        script.write_text(wrapper(binary, root))
        script.chmod(0o755)
        done = subprocess.run([script], capture_output=True, text=True, check=True, cwd="/")

        assert done.stdout == "from the unpacked folder"

    moved = here.rename(tmp_path / "else where")
    done = subprocess.run([moved / "bin" / "program"], capture_output=True, text=True, check=True, cwd="/")

    assert done.stdout == "from the unpacked folder"


def test_a_perl_program_finds_the_modules_unpacked_beside_it(tmp_path: Path) -> None:
    """In Debian's own folders of them, and wherever it was unpacked."""
    root = tmp_path / "root"
    (root / "usr/share/perl5").mkdir(parents=True)
    (root / "usr/share/perl5/Beside.pm").write_text('package Beside; sub words { "from beside" } 1;\n')
    program = root / "program"
    program.write_text("#!/usr/bin/perl\nuse Beside; print Beside::words();\n")
    program.chmod(0o755)
    script = tmp_path / "bin" / "program"
    script.parent.mkdir()
    script.write_text(wrapper(program, root))
    script.chmod(0o755)
    done = subprocess.run([script], capture_output=True, text=True, check=True, cwd="/")

    assert done.stdout == "from beside"


def test_links_lead_to_what_was_unpacked(tmp_path: Path) -> None:
    """To something unpacked, else to the same place of this machine; a link that leads nowhere is left alone."""
    (tmp_path / "usr/share/javascript").mkdir(parents=True)
    (tmp_path / "usr/share/javascript/d3.js").write_text("d3")
    (tmp_path / "web").symlink_to("/usr/share/javascript")
    (tmp_path / "away").symlink_to("/proc/self")
    (tmp_path / "usr/share/lost").symlink_to("../nowhere/at-all")
    (tmp_path / "usr/installed").symlink_to("../proc/self")
    mend_links(tmp_path)

    assert (tmp_path / "web" / "d3.js").read_text() == "d3"
    assert (tmp_path / "away").readlink() == Path("/proc/self")
    assert (tmp_path / "usr/share/lost").readlink() == Path("../nowhere/at-all")
    assert (tmp_path / "usr/installed").readlink() == Path("/proc/self")


def test_a_package_that_does_not_exist_says_so(tmp_path: Path) -> None:
    """Apt's own last words are in the error."""
    with pytest.raises(debian.DebianError, match="no-such-package-of-watts"):
        debian.unpack(["no-such-package-of-watts"], tmp_path)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """An apt-get that fetches nothing, fails while there is a file "broken", and tells what it was asked for since."""
    log = tmp_path / "asked"
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(
        f"""#!/bin/sh
        case "$*" in *" update") echo update; rm -f {tmp_path}/broken ;; *) echo install ;; esac >> {log}
        ! [ -e {tmp_path}/broken ]
        """
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")

    def since() -> list[str]:
        told = log.read_text().split()
        log.write_text("")
        return told

    return since


def test_lists_are_asked_for_once_for_many_packages(tmp_path: Path, asked: Callable[[], list[str]]) -> None:
    """Each asking takes seconds; after an hour they may be of another day."""
    into = tmp_path / "into"
    for package in ("one", "another"):
        debian.unpack([package], into)
    assert asked() == ["update", "install", "install"]

    (stamp,) = (into / "apt").glob("updated")
    os.utime(stamp, (stamp.stat().st_mtime - 3601,) * 2)
    debian.unpack(["one"], into)
    assert asked() == ["update", "install"]


def test_what_the_archive_has_replaced_is_found_by_new_lists(tmp_path: Path, asked: Callable[[], list[str]]) -> None:
    """Debian removes a package's old version at once, and the lists of the hour before name it still."""
    debian.unpack(["one"], tmp_path / "into")
    asked()

    (tmp_path / "broken").touch()
    debian.unpack(["another"], tmp_path / "into")
    assert asked() == ["install", "update", "install"]
