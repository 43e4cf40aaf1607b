"""Tokens and other secrets."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.auth import Holder, Scope, Tokens, digest_of, hashed
from actuator.credentials import Credentials
from actuator.errors import ConfigurationError
from actuator.settings import Settings
from tests.actuator.configuration import CALLER_TOKEN, PROXMOX_SECRET, configuration, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read(folder: Path, environment: dict[str, str] | None = None) -> Credentials:
    """The credentials of the configuration in the folder."""
    path = folder / "actuator.yml"
    return Credentials.read(Settings.load(path), environment or {}, file=path)


def held(**tokens: str) -> Tokens:
    """Tokens by the names of their holders, as written in their files."""
    return Tokens((Holder(name, frozenset({Scope.READ})), digest_of(token)) for name, token in tokens.items())


def named(tokens: Tokens, token: str) -> str | None:
    """The name of a token's holder."""
    holder = tokens.holder(token)
    return None if holder is None else holder.name


def test_holder() -> None:
    """A token tells its holder."""
    tokens = held(alertmanager="a" * 16, operator="b" * 16)

    assert named(tokens, "a" * 16) == "alertmanager"
    assert named(tokens, "b" * 16) == "operator"


@pytest.mark.parametrize(
    ("has", "may"),
    [("alert", {"alert"}), ("read", {"read"}), ("operate", {"operate", "read"})],
)
def test_scopes(has: str, may: set[str]) -> None:
    """A scope is good for itself; who operates may also look; nothing else follows from anything."""
    holder = Holder("x", frozenset({Scope(has)}))

    assert {str(scope) for scope in Scope if holder.may(scope)} == may


@given(token=st.text(min_size=1).filter(lambda token: not token.startswith("sha256:")))
def test_a_hash_at_rest_lets_in_its_token_and_not_itself(token: str) -> None:
    """Who knows only what lies in the file is not let in; who knows the token is."""
    tokens = held(alertmanager=hashed(token))

    assert named(tokens, token) == "alertmanager"
    assert named(tokens, hashed(token)) is None


def test_the_hash_is_the_one_of_sha256sum() -> None:
    """What `printf %s TOKEN | sha256sum` prints is the hash."""
    done = subprocess.run(["sha256sum"], input=CALLER_TOKEN.encode(), stdout=subprocess.PIPE, check=True, timeout=60)

    assert hashed(CALLER_TOKEN) == f"sha256:{done.stdout.decode().split()[0]}"


@given(token=st.text())
def test_nobody(token: str) -> None:
    """Whatever is not a known token is nobody's, and no text makes the comparison fail."""
    assert held(alertmanager="correct-horse-battery").holder(token) is None
    assert held().holder(token) is None


def test_a_lone_surrogate_is_nobody() -> None:
    """Text that has no encoding is nobody's either."""
    assert held(alertmanager="correct-horse-battery").holder("\ud800") is None


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
        ("alertmanager-token", b" \n\n", "tokens.0.file", "found nothing"),
        ("alertmanager-token", b"sha256:very-secret-but-no-digits", "tokens.0.file", "64 hexadecimal digits"),
        ("alertmanager-token", b"long-enough-token-0\nvery-secret", "tokens.0.file", "at least 16 characters"),
        ("alertmanager-token", b"very-secret-token-0\n" * 9, "tokens.0.file", "at most 8, found 9"),
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


def test_several_lines_are_several_tokens(tmp_path: Path) -> None:
    """While a token is replaced the old one and the new one are let in, plain or hashed, under the same name."""
    written(tmp_path, configuration(tmp_path))
    (tmp_path / "alertmanager-token").write_text(f"{CALLER_TOKEN}\n\n  {hashed('the-new-token-0123')}\r\n")
    tokens = read(tmp_path).tokens

    assert (named(tokens, CALLER_TOKEN), named(tokens, "the-new-token-0123")) == ("alertmanager", "alertmanager")
    assert repr(tokens) == "Tokens(alertmanager)"


@pytest.mark.parametrize("form", [str, hashed])
def test_one_token_for_two(tmp_path: Path, form: Callable[[str], str]) -> None:
    """Two callers with one token could not be told apart, in whichever form it lies there."""
    keys = configuration(tmp_path)
    keys["tokens"].append({"name": "operator", "file": "operator-token", "scopes": ["read"]})
    (tmp_path / "operator-token").write_text(form(CALLER_TOKEN))
    written(tmp_path, keys)
    with pytest.raises(ConfigurationError, match=r"tokens\.1\.file: expected a token of its own"):
        read(tmp_path)
