"""What Proxmox tells of a node's address and of waking it, from recordings and by the documented forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.adapters.fields import UnexpectedShape
from actuator.adapters.shapes import cluster_of, wake_mac_of
from tests.actuator.adapters.recordings import recorded

MAC = "02:22:33:44:55:66"


def test_a_recorded_configuration_names_the_address() -> None:
    """The property string of the real Proxmox."""
    assert wake_mac_of(recorded("node-config")) == MAC


def test_a_recorded_look_tells_the_addresses() -> None:
    """Each node's ``ip`` in /cluster/status, whether it is online or not told at all."""
    nodes = cluster_of(recorded("cluster-status"), [], []).nodes

    assert nodes["pve5"].address == "127.0.0.5"
    assert cluster_of([{"type": "node", "name": "pve", "online": 0}], [], []).nodes["pve"].address is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MAC, MAC),
        (f"mac={MAC}", MAC),
        (f"{MAC},bind-interface=vmbr0", MAC),
        (f"bind-interface=vmbr0,broadcast-address=192.0.2.255,mac={MAC.upper()}", MAC),
        ("", None),
        (None, None),
    ],
)
def test_every_documented_form(text: str | None, expected: str | None) -> None:
    """With and without its key, alone or in company; nothing when nobody set it."""
    assert wake_mac_of({} if text is None else {"wakeonlan": text}) == expected


@pytest.mark.parametrize("answer", [None, [], {"wakeonlan": "bind-interface=vmbr0"}, {"wakeonlan": "mac=02:22"}])
def test_what_is_none(answer: object) -> None:
    """Other shapes are refused, never guessed at."""
    with pytest.raises(UnexpectedShape):
        wake_mac_of(answer)


@given(text=st.text() | st.integers() | st.lists(st.text()) | st.booleans())
def test_anything_gives_an_address_or_is_refused(text: object) -> None:
    """Whatever stands there, what comes out is a MAC address, nothing, or the one error."""
    try:
        mac = wake_mac_of({"wakeonlan": text})
    except UnexpectedShape:
        return
    assert mac is None or len(bytes.fromhex(mac.replace(":", ""))) == 6
