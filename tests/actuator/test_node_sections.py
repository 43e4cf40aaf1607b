"""How nodes and their waking are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trustme

from actuator.adapters.proxmox import Proxmox
from actuator.adapters.waking import Cause, Name, WakeTarget
from actuator.credentials import Credentials
from actuator.errors import ConfigurationError, Permanent
from actuator.settings import Settings
from actuator.wakers import chain
from tests.actuator.configuration import configuration, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BMC = {"host": "127.0.0.1", "user": "wattshift", "password_file": "bmc"}
NOBODY = {**BMC, "host": "127.0.0.1:1", "verify": False}


def load(folder: Path, wake: object, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Settings:
    """The valid configuration with another way to wake ``pve``."""
    (folder / "bmc").write_text("pass-word\n")
    keys = configuration(folder)
    keys["nodes"]["pve"]["wake"] = wake
    change(keys)
    return Settings.load(written(folder, keys))


def order(settings: Settings) -> tuple[Name, ...]:
    """The methods for ``pve``."""
    wake = settings.nodes["pve"].wake
    assert wake is not None
    return wake.order


@pytest.mark.parametrize(
    ("wake", "expected"),
    [
        ({}, ["proxmox", "magic_packet"]),
        ({"mac": "0c:9d:92:86:bb:63"}, ["proxmox", "magic_packet"]),
        ({"ipmi": BMC}, ["ipmi", "proxmox", "magic_packet"]),
        ({"ipmi": BMC, "redfish": BMC}, ["redfish", "ipmi", "proxmox", "magic_packet"]),
        ({"ipmi": BMC, "methods": ["magic_packet", "ipmi"]}, ["magic_packet", "ipmi"]),
    ],
)
def test_the_order_is_the_operators_or_the_surest_first(
    tmp_path: Path, wake: dict[str, Any], expected: list[str]
) -> None:
    """What is not configured is not among them; a node with any is wakeable."""
    settings = load(tmp_path, wake)

    assert list(order(settings)) == expected
    assert settings.rules().wakeable == {"pve"}


def test_a_node_without_the_key_is_never_woken(tmp_path: Path) -> None:
    """Not even by an address that Proxmox knows."""
    settings = load(tmp_path, None)

    assert settings.rules().wakeable == frozenset()


def test_the_interface_is_an_address_or_a_name(tmp_path: Path) -> None:
    """Both are handed on as they are."""
    for interface in ("192.168.1.5", "vmbr0", "enp3s0.20"):
        settings = load(tmp_path, {"interface": interface})
        assert settings.wake_targets() == {"pve": WakeTarget(interface=interface)}


@pytest.mark.parametrize(
    ("wake", "key", "expected"),
    [
        ({"methods": []}, "nodes.pve.wake.methods", "at least one"),
        ({"methods": ["wol"]}, "nodes.pve.wake.methods.0", "'magic_packet'"),
        ({"methods": ["proxmox", "proxmox"]}, "nodes.pve.wake.methods", "each method once"),
        ({"methods": ["redfish"]}, "nodes.pve.wake", "expected 'redfish' with host and user"),
        ({"interface": "192.168.1.256"}, "nodes.pve.wake.interface", "own IPv4 address"),
        ({"interface": "a name of more"}, "nodes.pve.wake.interface", "own IPv4 address"),
        ({"redfish": {**BMC, "host": "https://bmc"}}, "nodes.pve.wake.redfish.host", "address and port"),
        ({"redfish": {**BMC, "user": "a:b"}}, "nodes.pve.wake.redfish.user", "colons"),
        ({"redfish": {**BMC, "system": "../.."}}, "nodes.pve.wake.redfish.system", "id of a system"),
        ({"redfish": {**BMC, "ca_file": "bmc"}}, "nodes.pve.wake.redfish.ca_file", "PEM file"),
        ({"redfish": {**BMC, "password": "very-secret"}}, "nodes.pve.wake.redfish", "unknown key 'password'"),
        ({"ipmi": {**BMC, "host": "-o"}}, "nodes.pve.wake.ipmi.host", "address"),
        ({"ipmi": {**BMC, "user": "-x"}}, "nodes.pve.wake.ipmi.user", "name of an account"),
        ({"ipmi": {**BMC, "port": 0}}, "nodes.pve.wake.ipmi.port", "greater than"),
        ({"ipmi": {"host": "127.0.0.1"}}, "nodes.pve.wake.ipmi.user", "missing"),
    ],
)
def test_wrong_keys(tmp_path: Path, wake: dict[str, Any], key: str, expected: str) -> None:
    """What is wrong is said with the file, the key, and what was expected there."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, wake)

    assert str(refused.value).startswith(f"{tmp_path / 'actuator.yml'}: {key}")
    assert expected in str(refused.value)
    assert "very-secret" not in str(refused.value)


def test_there_is_one_way_to_trust_a_bmc(tmp_path: Path) -> None:
    """Either its authority or nobody's; the latter is complained about, as is a secret that others can write."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigurationError, match="either 'ca_file' or 'verify: false'"):
        load(tmp_path, {"redfish": {**BMC, "ca_file": "ca.pem", "verify": False}})

    assert load(tmp_path, {"redfish": {**BMC, "ca_file": "ca.pem"}})
    settings = load(tmp_path, {"redfish": {**BMC, "verify": False}})
    (tmp_path / "bmc").chmod(0o666)

    cautions = "\n".join(settings.cautions())
    assert "nodes.pve.wake.redfish.verify is false: anybody on the network can pose as this BMC" in cautions
    assert "nodes.pve.wake.redfish.password_file: everybody on this machine can write" in cautions


def test_settings_and_secrets_make_the_methods(tmp_path: Path) -> None:
    """In their order, with their secrets; a node without the key has none."""
    path = tmp_path / "actuator.yml"
    settings = load(tmp_path, {"redfish": NOBODY, "ipmi": BMC, "methods": ["redfish", "proxmox", "magic_packet"]})
    credentials = Credentials.read(settings, {}, file=path)
    proxmox = Proxmox(settings.proxmox_access(credentials.proxmox_secret))

    made = chain(settings, credentials.wake, proxmox, lambda _: None)

    assert made.wake("pve").failures[0][:2] == (Name.REDFISH, Cause.UNREACHABLE)
    assert [(name, cause) for name, cause, _ in made.wake("pve").failures[1:]] == [
        (Name.PROXMOX, Cause.UNREACHABLE),
        (Name.MAGIC_PACKET, Cause.NOT_CONFIGURED),
    ]
    with pytest.raises(Permanent, match=r"add nodes\.pve2\.wake"):
        made.wake("pve2")
    proxmox.close()
