"""Tokens and other secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.auth import Tokens
from actuator.credentials import Credentials
from actuator.errors import ConfigurationError
from actuator.settings import Settings
from tests.actuator.configuration import CALLER_TOKEN, PROXMOX_SECRET, configuration, written

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, environment: dict[str, str] | None = None) -> Credentials:
    """The credentials of the configuration in the folder."""
    path = folder / "actuator.yml"
    return Credentials.read(Settings.load(path), environment or {}, file=path)


def test_holder() -> None:
    """A token tells its holder."""
    tokens = Tokens({"alertmanager": "a" * 16, "operator": "b" * 16})

    assert tokens.holder("a" * 16) == "alertmanager"
    assert tokens.holder("b" * 16) == "operator"


@given(token=st.text())
def test_nobody(token: str) -> None:
    """Whatever is not a known token is nobody's, and no text makes the comparison fail."""
    assert Tokens({"alertmanager": "correct-horse-battery"}).holder(token) is None
    assert Tokens({}).holder(token) is None


def test_a_lone_surrogate_is_nobody() -> None:
    """Text that has no encoding is nobody's either."""
    assert Tokens({"alertmanager": "correct-horse-battery"}).holder("\ud800") is None


def test_never_shown(tmp_path: Path) -> None:
    """What a debugger or a careless log line would print holds names, but no secret."""
    written(tmp_path, configuration(tmp_path))
    credentials = read(tmp_path)

    assert credentials.proxmox_secret == PROXMOX_SECRET
    assert "alertmanager" in repr(credentials)
    for shown in (repr(credentials), str(vars(credentials.tokens)), repr(credentials.tokens)):
        assert CALLER_TOKEN not in shown
        assert PROXMOX_SECRET not in shown


def test_the_environment_wins(tmp_path: Path) -> None:
    """The Proxmox secret of the environment wins over the file, which need not be there then."""
    written(tmp_path, configuration(tmp_path))
    (tmp_path / "proxmox-token").unlink()

    assert read(tmp_path, {"WATTSHIFT_PROXMOX_TOKEN": "from-the-environment"}).proxmox_secret == "from-the-environment"


@pytest.mark.parametrize(
    ("name", "content", "key", "expected"),
    [
        ("proxmox-token", None, "proxmox.token_file", "readable file"),
        ("proxmox-token", b" \n", "proxmox.token_file", "found nothing"),
        ("proxmox-token", b"wattshift@pve!actuator=very-secret-indeed", "proxmox.token_file", "the token alone"),
        ("proxmox-token", b"one very-secret\ntwo\n", "proxmox.token_file", "the token alone"),
        ("proxmox-token", b"very-secret\xff", "proxmox.token_file", "plain characters"),
        ("alertmanager-token", None, "tokens.0.file", "readable file"),
        ("alertmanager-token", b"very-secret", "tokens.0.file", "openssl rand -hex 32"),
        ("alertmanager-token", b"very-secret and with spaces", "tokens.0.file", "the token alone"),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: bytes | None, key: str, expected: str) -> None:
    """A secret's file that cannot be used is said by configuration file, key and path, without its content."""
    path = written(tmp_path, configuration(tmp_path))
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path)

    message = str(refused.value)
    assert message.startswith(f"{path}: {key}: ")
    assert str(tmp_path / name) in message
    assert expected in message
    assert "very-secret" not in message


@pytest.mark.parametrize("key", ["token_file", "ca_file"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_no_regular_file(tmp_path: Path, key: str, kind: str) -> None:
    """A pipe that nobody writes to would keep the actuator from starting without a word: only a file is read."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    keys = configuration(tmp_path)
    keys["proxmox"] |= {"verify": key != "token_file", key: "/dev/null" if kind == "device" else kind}
    written(tmp_path, keys)
    with pytest.raises(ConfigurationError, match=rf"proxmox\.{key}: .*not a regular file"):
        read(tmp_path)


def test_no_proxmox_secret(tmp_path: Path) -> None:
    """Without any source for the Proxmox secret, both that there are are named."""
    keys = configuration(tmp_path)
    del keys["proxmox"]["token_file"]
    written(tmp_path, keys)
    with pytest.raises(ConfigurationError, match=r"proxmox\.token_file: .* WATTSHIFT_PROXMOX_TOKEN"):
        read(tmp_path)


def test_one_token_for_two(tmp_path: Path) -> None:
    """Two callers with one token could not be told apart."""
    keys = configuration(tmp_path)
    keys["tokens"].append({"name": "operator", "file": "alertmanager-token"})
    written(tmp_path, keys)
    with pytest.raises(ConfigurationError, match=r"tokens\.1\.file: expected a token of its own"):
        read(tmp_path)
