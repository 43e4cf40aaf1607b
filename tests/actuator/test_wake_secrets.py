"""The secrets of waking."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from actuator.errors import ConfigurationError
from actuator.settings import Settings
from actuator.wake_secrets import WakeSecrets
from tests.actuator.configuration import configuration, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BMC = {"host": "192.0.2.1", "user": "wattshift"}


def secrets(folder: Path, wake: dict[str, Any], environment: Mapping[str, str] | None = None) -> WakeSecrets:
    """Those of a node ``pve-1`` with this part of a configuration."""
    keys = configuration(folder)
    keys["nodes"] = {"pve-1": {"wake": wake}, "pve2": None}
    path = written(folder, keys)
    return WakeSecrets.read(Settings.load(path), environment or {}, file=path)


def test_they_are_read_from_files(tmp_path: Path) -> None:
    """Each from its own, without the line's end; a password may hold spaces."""
    (tmp_path / "redfish").write_text("correct horse = battery\n")
    (tmp_path / "ipmi").write_text("staple\n")
    (tmp_path / "secureon").write_text("A1-b2-c3-d4-e5-f6\n")

    found = secrets(
        tmp_path,
        {
            "redfish": {**BMC, "password_file": "redfish"},
            "ipmi": {**BMC, "password_file": "ipmi"},
            "secureon_file": "secureon",
        },
    )

    assert found == WakeSecrets(
        {"pve-1": "correct horse = battery"}, {"pve-1": "staple"}, {"pve-1": bytes.fromhex("a1b2c3d4e5f6")}
    )
    for secret in ("horse", "staple", "a1"):
        assert secret not in repr(found)


def test_the_environment_wins(tmp_path: Path) -> None:
    """One variable is for the node's BMC, however it is spoken to."""
    (tmp_path / "ipmi").write_text("staple\n")
    environment = {"WATTSHIFT_BMC_PASSWORD_PVE_1": "horse", "WATTSHIFT_SECUREON_PVE_1": "00:01:02:03:04:05"}

    found = secrets(tmp_path, {"redfish": BMC, "ipmi": {**BMC, "password_file": "ipmi"}}, environment)

    assert found == WakeSecrets({"pve-1": "horse"}, {"pve-1": "horse"}, {"pve-1": bytes(range(6))})


def test_nodes_without_bmc_need_none(tmp_path: Path) -> None:
    """Nothing is read that nobody asks for."""
    assert secrets(tmp_path, {}) == WakeSecrets()


@pytest.mark.parametrize(
    ("content", "wake", "words"),
    [
        (None, {"redfish": BMC}, "pve-1.wake.redfish.password_file: expected the file .*WATTSHIFT_BMC_PASSWORD_PVE_1"),
        (None, {"ipmi": {**BMC, "password_file": "secret"}}, "expected a readable file at .*secret"),
        (b"", {"ipmi": {**BMC, "password_file": "secret"}}, "expected the secret alone"),
        (b"very-secret\nand more\n", {"ipmi": {**BMC, "password_file": "secret"}}, "expected the secret alone"),
        (b"very-secret\xff", {"ipmi": {**BMC, "password_file": "secret"}}, "expected plain characters"),
        (b"very-secret-and-too-long", {"ipmi": {**BMC, "password_file": "secret"}}, "at most 20 bytes"),
        (b"very-secret", {"secureon_file": "secret"}, "wake.secureon_file: expected 6 bytes .*xx:xx:xx:xx:xx:xx"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_the_secret(
    tmp_path: Path, content: bytes | None, wake: dict[str, Any], words: str
) -> None:
    """With file, key, and what was expected."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)

    with pytest.raises(ConfigurationError, match=words) as refused:
        secrets(tmp_path, wake)

    assert str(refused.value).startswith(f"{tmp_path / 'actuator.yml'}: ")
    assert "very-secret" not in str(refused.value)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading it might never end."""
    os.mkfifo(tmp_path / "secret")

    with pytest.raises(ConfigurationError, match="not a regular file"):
        secrets(tmp_path, {"secureon_file": "secret"})
