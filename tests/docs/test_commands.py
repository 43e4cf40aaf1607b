"""The pages' commands, typed on two fresh Debian 12 systems: a node with the package, and the machine always on.

systemd, apt, Prometheus and Alertmanager are real. ``pveum`` is a stand-in, since there is no Proxmox. There is no
network either: what pip installs lies where pip looks for it, what apt installs is there.
"""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme

from deploy.lab.userland import CONTROL
from tests.deploy.machine import booted
from tests.deploy.source_tree import ROOT
from tests.docs.blocks import Block, blocks
from tests.docs.pages import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.userland import Userlands
    from tests.deploy.machine import Machine

# One after the other on the same two machines; the first waits until Debian is there.
pytestmark = [pytest.mark.xdist_group("debian-control"), pytest.mark.timeout(600)]

SOURCE = "/opt/wattshift-src"
PVEUM = ROOT / "tests" / "deploy" / "fake_pveum.py"
SECRET = "0b5d3a0e-7f6c-4d6e-9a53-2f6d0d3b1c11"
# Not compiled beforehand: Python compiles what is used.
PIP = "[global]\nno-index = true\nfind-links = /srv/wheels\n[install]\nno-compile = true\n"
ROOTS_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Alertmanager waits a second for more alerts of the group.
HEARD = """
until /usr/local/bin/wattshift-actuator jobs | grep -q 100; do sleep 0.2; done
/usr/local/bin/wattshift-actuator jobs
"""
NOBODY: dict[str, object] = {
    "role": {},
    "user": {"root@pam": []},
    "acl": {},
    "calls": [],
    "secret": SECRET,
    "indent": None,
}


@dataclass(frozen=True)
class Hands:
    """Somebody who reads the pages and types what they say."""

    machines: dict[str, Machine]

    def follow(self, block: Block) -> None:
        """Do what a block says, where it says so."""
        place, _, rest = str(block.place).partition(" ")
        if place == "copy":
            self._copy(block)
        elif place == "write":
            where, _, file = rest.partition(" ")
            self.machines[where].path(file).write_text(block.text)
        else:
            self._type(self.machines[place], rest.removeprefix("in ") or "/root", block)

    def _type(self, machine: Machine, folder: str, block: Block) -> None:
        done = machine.run("env", "HOME=/root", ROOTS_PATH, "sh", "-c", f"cd {folder}\nset -eu\n{block.text}")
        assert done.returncode == 0, f"{block.page.relative_to(ROOT)}:{block.line}: {done.stdout}"

    def _copy(self, block: Block) -> None:
        for line in block.text.splitlines():
            program, *sources, target = shlex.split(line)
            assert program == "scp"
            for source in sources:
                self._place(target, source.rpartition("/")[2]).write_bytes(self._place(source).read_bytes())

    def _place(self, name: str, file: str = "") -> Path:
        host, colon, path = name.rpartition(":")
        assert host in {"", "root@pve2"}
        return self.machines["node" if colon else "control"].path(path + file)


@pytest.fixture(scope="module")
def hands(userlands: Userlands, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """Both machines as an administrator finds them."""
    root = userlands.find(CONTROL)
    with (
        booted(root, tmp_path_factory.mktemp("node")) as node,
        booted(root, tmp_path_factory.mktemp("desk")) as control,
    ):
        node.path("/usr/local/bin/pveum").write_text('#!/bin/sh\nexec python3 /srv/pveum.py /srv/state.json "$@"\n')
        node.path("/usr/local/bin/pveum").chmod(0o755)
        node.path("/srv/pveum.py").write_text(PVEUM.read_text())
        node.path("/srv/state.json").write_text(json.dumps(NOBODY))
        node.path("/etc/pve").mkdir()
        trustme.CA().cert_pem.write_to_path(node.path("/etc/pve/pve-root-ca.pem"))
        control.do("systemctl", "enable", "prometheus", "prometheus-alertmanager")  # as apt does
        control.path("/etc/pip.conf").write_text(PIP)
        control.path("/srv/wheels").mkdir()
        for wheel in wheels.iterdir():
            control.path(f"/srv/wheels/{wheel.name}").write_bytes(wheel.read_bytes())
        _copy_tree(control.path(SOURCE))
        yield Hands({"node": node, "control": control})


def _copy_tree(into: Path) -> None:
    """Put the tree there, as far as anything is installed of it."""
    for part in ("actuator", "exporter", "deploy"):
        shutil.copytree(ROOT / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, into / name)


def typed(page: Path, hands: Hands) -> int:
    """Type what a page says; return how many blocks that were."""
    told = [block for block in blocks(page) if block.place]
    for block in told:
        hands.follow(block)
    return len(told)


def test_the_guide_leads_to_an_actuator_that_hears_alerts(hands: Hands) -> None:
    """Each command ends well, as it stands on the page, and the parts fit: routes, tokens, addresses, rights."""
    typed(RUN[0], hands)
    control = hands.machines["control"]
    alert = ("NodePowerHigh", "action=migrate", "node=pve2", "vmid=100", "target_node=pve")
    control.do("amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "add", *alert)
    jobs = control.do("timeout", "30", "sh", "-c", HEARD)
    ready = json.loads(control.do("curl", "-sf", "http://127.0.0.1:19093/-/ready"))

    assert "100" in jobs
    assert ready == {"leading": True, "paused": None, "mode": "act"}
    assert "wattshift_node_watts" in hands.machines["node"].metrics_with("wattshift_node_watts")


@pytest.mark.parametrize("page", RUN[1:], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_s_commands_work(page: Path, hands: Hands) -> None:
    """Each ends well, as it stands on the page, after those of the pages before it."""
    assert typed(page, hands)
