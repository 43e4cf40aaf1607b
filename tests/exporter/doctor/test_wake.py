"""Wake-on-LAN: which cards, what ethtool says of them, and what Proxmox knows."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.child import Ended
from exporter.doctor.cards import find
from exporter.doctor.finding import Finding, State
from exporter.doctor.wake import WakeOn, check, parse, parse_node_config
from exporter.readings import printable
from tests.exporter.doctor.world import World
from tests.exporter.recordings import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

MAC = "0a:00:00:00:00:01"
NAMES = sorted(path.stem for path in (FIXTURES / "ethtool").glob("*.txt"))


def ethtool(name: str) -> Ended:
    """Return a run of ethtool."""
    return Ended((FIXTURES / "ethtool" / f"{name}.txt").read_text(), 0, 0.01)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a node with one card behind one bridge."""
    made = World(tmp_path / "machine")
    made.net("eno1", card=True)
    made.bridge("vmbr0", "eno1")
    return made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("armed", WakeOn("pumbg", "g")),
        ("off", WakeOn("pumbg", "d")),
        ("secure", WakeOn("pumbgs", "gs")),
        ("cannot", WakeOn("d", "d")),
        ("not-root", WakeOn(refused=True)),
        ("virtio", WakeOn()),
        ("veth", WakeOn()),
        ("no-device", WakeOn()),
    ],
)
def test_ethtool_says_what_wakes(name: str, expected: WakeOn) -> None:
    """What a card can and what it is set to are two lines, and the first holds the words of the second."""
    assert parse(ethtool(name)) == expected


def test_an_answer_counts_though_something_else_was_refused() -> None:
    """The tool asks the kernel several things, and goes on when one is refused."""
    text = "netlink error: Operation not permitted\n" + ethtool("armed").text

    assert parse(Ended(text, 0, 0.0)) == WakeOn("pumbg", "g")


@given(name=st.sampled_from(NAMES), data=st.data())
def test_cut_short_it_never_says_that_a_card_is_armed_which_is_not(name: str, data: st.DataObject) -> None:
    """Of any part of its output, and with noise put in, the letters are those of a whole line or none."""
    text = ethtool(name).text
    end = data.draw(st.integers(0, len(text)))
    noise = data.draw(st.text(max_size=20))
    whole = parse(Ended(text, 0, 0.0))
    part = parse(Ended(text[:end], 0, 0.0))

    assert part.can in {whole.can, ""}
    assert part.now in {whole.now, ""}
    parse(Ended(text[:end] + noise + text[end:], 0, 0.0))


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    """No answer and no configuration brings the check down."""
    parse(Ended(text, 0, 0.0))
    found = parse_node_config(text)

    assert found is None or len(found) == 17


def test_the_real_ethtool_on_real_devices(toolbox: Toolbox) -> None:
    """The loopback, which cannot wake anything, and a device that is not there, as the real tool tells them."""
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    lo, gone = (
        subprocess.run(
            [*namespace, toolbox.find("ethtool"), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        ).stdout
        for name in ("lo", "gone")
    )

    assert lo.startswith("Settings for lo:\n")
    assert "No such device" in gone
    assert [parse(Ended(text, 0, 0.0)) for text in (lo, gone)] == [WakeOn()] * 2


def test_cards_are_found_through_bonds_and_vlans(tmp_path: Path) -> None:
    """From each bridge down to the real cards, guests' taps and loops left out; a bond's card keeps its own address."""
    world = World(tmp_path / "machine")
    world.net("eno1", card=True)
    world.net("eno2", card=True, mac="0a:00:00:00:00:01")
    world.write("sysfs/class/net/eno2/bonding_slave/perm_hwaddr", "0A:00:00:00:00:02\n")
    world.net("bond0", "eno1", "eno2")
    world.net("bond0.20", "bond0")
    world.net("tap100i0")
    world.net("round", "round")
    world.bridge("vmbr0", "bond0.20", "tap100i0", "round", "gone")
    world.bridge("vmbr1")
    world.net("eno3", card=True)

    found = find(world.root / "sysfs/class/net")

    assert [(card.name, card.mac, card.way) for card in found] == [
        ("eno1", MAC, ("vmbr0", "bond0.20", "bond0")),
        ("eno2", "0a:00:00:00:00:02", ("vmbr0", "bond0.20", "bond0")),
    ]


def test_without_a_bridge_every_wired_card_counts(tmp_path: Path) -> None:
    """Open vSwitch shows no bridge in sysfs; a wireless card is no use."""
    world = World(tmp_path / "machine")
    world.net("eno1", card=True)
    world.net("wlan0", card=True)
    world.write("sysfs/class/net/wlan0/phy80211/name", "phy0")
    world.net("lo")

    assert [card.name for card in find(world.root / "sysfs/class/net")] == ["eno1"]


def test_an_armed_card_that_proxmox_knows_is_all_well(world: World) -> None:
    """Two findings, nothing to do."""
    world.ethtool("armed")
    world.proxmox("pve2")
    world.write("pve/local/config", f"description: x\nwakeonlan: mac={MAC.upper()},bind-interface=vmbr0\n")

    assert check(world.where()) == [
        Finding(State.OK, f"eno1 {MAC} behind vmbr0: a magic packet wakes the node"),
        Finding(State.OK, f"Proxmox knows the address ({MAC})"),
    ]


def test_a_card_that_is_off_is_armed_now_and_for_good(world: World, tmp_path: Path) -> None:
    """The commands do what they say, with Proxmox's own form of the interfaces file."""
    world.ethtool("off")
    world.proxmox("pve2")
    card, address = check(world.where())
    interfaces = tmp_path / "interfaces"
    interfaces.write_text("auto lo\niface lo inet loopback\n\niface eno1 inet manual\n\nauto vmbr0\n")
    lasting = card.commands[1].replace("/etc/network/interfaces", str(interfaces))
    subprocess.run(["sh", "-c", lasting], check=True)

    assert card.state == State.PROBLEM
    assert card.commands[0] == "ethtool -s eno1 wol g"
    assert interfaces.read_text().splitlines()[3:5] == [
        "iface eno1 inet manual",
        "        post-up /usr/sbin/ethtool -s eno1 wol g",
    ]
    assert (address.state, address.commands) == (State.WARNING, (f"pvenode config set --wakeonlan {MAC}",))


def test_a_second_card_may_sleep_when_one_is_armed(world: World) -> None:
    """One card that wakes the node is enough."""
    world.net("eno2", card=True, mac="0a:00:00:00:00:02")
    world.bridge("vmbr1", "eno2")
    folder = FIXTURES / "ethtool"
    world.tool("ethtool", f"case $1 in eno1) cat {folder}/off.txt;; *) cat {folder}/armed.txt;; esac")

    assert [(finding.state, finding.commands) for finding in check(world.where())] == [(State.OK, ())] * 2


def test_an_address_that_no_card_has_is_told(world: World) -> None:
    """A card that was replaced leaves its address behind."""
    world.ethtool("armed")
    world.proxmox("pve2")
    world.write("pve/local/config", "wakeonlan: 0a:00:00:00:00:99\n")

    _, address = check(world.where())

    assert address.state == State.PROBLEM
    assert "0a:00:00:00:00:99" in address.sentence
    assert address.commands == (f"pvenode config set --wakeonlan {MAC}",)


@pytest.mark.parametrize(
    ("fixture", "state", "words"),
    [
        ("not-root", State.WARNING, "only root"),
        ("virtio", State.ABSENT, "cannot wake"),
        ("cannot", State.ABSENT, "cannot wake"),
    ],
)
def test_what_cannot_be_known_or_done_is_told_apart(world: World, fixture: str, state: State, words: str) -> None:
    """A user that is not root is told nothing, which must not pass for a card that cannot."""
    world.ethtool(fixture)
    (finding,) = check(world.where())

    assert finding.state == state
    assert words in finding.sentence


def test_without_ethtool_it_is_asked_for_once(world: World) -> None:
    """However many cards there are."""
    world.net("eno2", card=True)
    world.bridge("vmbr1", "eno2")

    (finding,) = check(world.where())

    assert finding.commands == ("apt install ethtool",)


def test_a_tool_that_says_nonsense_is_a_card_that_cannot(world: World) -> None:
    """And what it says goes nowhere."""
    world.tool("ethtool", r"printf '\033[31mWake-on: \007\n'; exit 3")
    (finding,) = check(world.where())

    assert finding.state == State.ABSENT
    assert printable(finding.sentence) == finding.sentence


def test_no_card_at_all_is_told(tmp_path: Path) -> None:
    """A container, perhaps."""
    (finding,) = check(World(tmp_path / "machine").where())

    assert finding.state == State.ABSENT


@pytest.mark.parametrize(
    ("config", "mac"),
    [
        ("wakeonlan: AA:BB:CC:DD:EE:FF\n", "aa:bb:cc:dd:ee:ff"),
        ("wakeonlan: mac=AA:BB:CC:DD:EE:FF\n", "aa:bb:cc:dd:ee:ff"),
        ("wakeonlan: broadcast-address=10.0.0.255,mac=AA:BB:CC:DD:EE:FF\n", "aa:bb:cc:dd:ee:ff"),
        ("#wakeonlan: AA:BB:CC:DD:EE:FF\n", None),
        ("wakeonlan: AA:BB:CC\n", None),
        ("", None),
    ],
)
def test_the_address_in_proxmox_s_configuration(config: str, mac: str | None) -> None:
    """Its two forms (a bare address, and a property string), a description, and nothing."""
    assert parse_node_config(config) == mac


def test_the_armed_card_s_address_is_the_one_to_configure(world: World) -> None:
    """Though another that could wake the node comes first."""
    world.net("eno0", card=True, mac="0a:00:00:00:00:02")
    (world.root / "sysfs/class/net/vmbr0/lower_eno0").symlink_to("../eno0")
    armed, off = FIXTURES / "ethtool" / "armed.txt", FIXTURES / "ethtool" / "off.txt"
    world.tool("ethtool", f"case $1 in eno1) cat {armed};; *) cat {off};; esac")
    world.proxmox("pve2")

    assert check(world.where())[-1].commands == (f"pvenode config set --wakeonlan {MAC}",)


def test_cards_are_asked_side_by_side(world: World) -> None:
    """Each waits for the other to have been asked: one after another, neither would end."""
    world.net("eno2", card=True, mac="0a:00:00:00:00:02")
    (world.root / "sysfs/class/net/vmbr0/lower_eno2").symlink_to("../eno2")
    asked, armed = world.root / "asked", FIXTURES / "ethtool" / "armed.txt"
    world.tool(
        "ethtool", f"echo > {asked}.$1; until [ -e {asked}.eno1 -a -e {asked}.eno2 ]; do sleep 0.01; done; cat {armed}"
    )

    assert [finding.state for finding in check(world.where())] == [State.OK] * 2
