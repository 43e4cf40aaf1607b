"""The web configuration while it changes: never open by mistake, never down for want of a comma."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.web.guard import ConfigError, Guard
from tests.exporter.rights import without_root
from tests.exporter.websites import CLIENTS, LOGIN, TLS, USERS, Site

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = CLIENTS + "  client_allowed_sans: [prometheus.lan]\n" + USERS


def forget(name: str) -> Callable[[Path], None]:
    """Return what removes a file."""
    return lambda folder: (folder / name).unlink()


def spoil(name: str, text: str = "") -> Callable[[Path], None]:
    """Return what overwrites a file."""

    def overwrite(folder: Path) -> None:
        (folder / name).write_text(text)

    return overwrite


def lock_key(folder: Path) -> None:
    """Give the key a password."""
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (folder / "server.key").write_bytes(pem)


def make_pipe(folder: Path) -> None:
    """Put a named pipe in the configuration's place, to which nobody writes."""
    (folder / "web.yml").unlink()
    os.mkfifo(folder / "web.yml")


@pytest.mark.parametrize(
    ("damage", "where", "words"),
    [
        (forget("web.yml"), "web.yml: ", "that can be read: No such file"),
        (make_pipe, "web.yml: ", "it is no regular file"),
        (spoil("web.yml", "a\tb"), "web.yml:1: ", "a tab"),
        (spoil("web.yml", TLS + "  x: y\n"), "web.yml:4: ", "'x' is not known"),
        (forget("server.crt"), "web.yml:2: ", "expected a readable file"),
        (forget("server.key"), "web.yml:3: ", "expected a readable file"),
        (spoil("server.crt", "x"), "web.yml:2: ", "expected a certificate (PEM)"),
        (spoil("server.key"), "web.yml:2: ", "its key, without a password"),
        (lock_key, "web.yml:2: ", "without a password"),
        (forget("clients.pem"), "web.yml:4: ", "expected a readable file"),
        (spoil("clients.pem", "x"), "web.yml:4: ", "expected certificates (PEM)"),
    ],
)
def test_at_start_what_is_wrong_is_said_with_file_and_line(
    tmp_path: Path, damage: Callable[[Path], None], where: str, words: str
) -> None:
    """No file, a bad line, a certificate that is none, a key that wants a password typed: refused, never waited for."""
    site = Site(tmp_path, EVERYTHING)
    damage(tmp_path)
    with pytest.raises(ConfigError) as caught:
        Guard(site.file)

    assert str(caught.value).startswith(f"{tmp_path}/{where}")
    assert words in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path: Path) -> None:
    """The line is the one with the first byte that is no text."""
    (tmp_path / "web.yml").write_bytes(b"# caf\xc3\xa9\n\n# caf\xe9\n")

    with pytest.raises(ConfigError, match=r"web\.yml:3: expected text in UTF-8"):
        Guard(tmp_path / "web.yml")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    """A certificate and a key have to belong together."""
    site = Site(tmp_path, TLS)
    certificate = (tmp_path / "server.crt").read_bytes()
    site.issue()
    (tmp_path / "server.crt").write_bytes(certificate)

    with pytest.raises(ConfigError, match="MISMATCH"):
        Guard(site.file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TLS,
        CLIENTS,
        USERS,
        EVERYTHING.replace("RequireAndVerify", "NoSuch"),
        CLIENTS + USERS,
        TLS + USERS,
        "basic_auth_users: {alice: x}",
        EVERYTHING[:-5],
        EVERYTHING[: EVERYTHING.index("basic")],
    ],
)
def test_nothing_that_is_written_into_the_file_opens_a_door(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A file half written, damaged, or with a kind of protection less: what was in force stays, and it is said once."""
    caplog.set_level(logging.ERROR)
    site = Site(tmp_path, EVERYTHING)
    guard = Guard(site.file)
    before = guard.current()
    site.file.write_text(text)

    assert [guard.current() for _ in range(3)] == [before] * 3
    assert len(caplog.records) == 1
    assert "stays in force" in caplog.text


def test_every_beginning_of_the_file_leaves_everything_protected(tmp_path: Path) -> None:
    """Whatever part of it a writer has written when somebody connects, all kinds of protection are there."""
    site = Site(tmp_path, EVERYTHING)
    guard = Guard(site.file)
    for end in range(0, len(EVERYTHING), 5):
        site.file.write_text(EVERYTHING[:end])
        found = guard.current().config

        assert found.users
        assert found.tls is not None
        assert found.tls.client_auth_type == "RequireAndVerifyClientCert"
        assert found.tls.client_allowed_sans


def test_a_file_that_is_gone_changes_nothing_and_its_return_counts(tmp_path: Path) -> None:
    """Removed: all stays. Back, with another user: that counts."""
    site = Site(tmp_path, USERS)
    guard = Guard(site.file)
    site.file.unlink()
    assert guard.current().config.users.keys() == {"alice"}

    site.file.write_text(USERS.replace("alice", "bob"))
    assert guard.current().config.users.keys() == {"bob"}


@pytest.mark.parametrize("name", ["web.yml", "server.crt", "server.key", "clients.pem"])
def test_a_file_that_may_not_be_read_any_more_changes_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its permission lost while it runs: all stays, and it is said once. Given back: what is in it counts."""
    caplog.set_level(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), EVERYTHING)
        site.folder.chmod(0o755)
        for file in site.folder.iterdir():
            file.chmod(0o644)
        with without_root():
            guard = Guard(site.file)
            before = guard.current()
        lost = site.folder / name
        lost.chmod(0)
        with without_root():
            assert [guard.current() for _ in range(3)] == [before] * 3
        assert len(caplog.records) == 1
        assert f"{lost}" in caplog.text
        assert "Permission denied" in caplog.text

        lost.chmod(0o644)
        site.file.write_text(EVERYTHING.replace("alice", "bob"))
        with without_root():
            assert guard.current().config.users.keys() == {"bob"}


def test_certificate_and_key_can_be_replaced_one_after_the_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the two the old pair is in force; then the new one is."""
    caplog.set_level(logging.INFO)
    site = Site(tmp_path, TLS)
    guard = Guard(site.file)
    before = guard.current()
    key = (tmp_path / "server.key").read_bytes()
    site.issue()
    new_key = (tmp_path / "server.key").read_bytes()
    (tmp_path / "server.key").write_bytes(key)
    assert guard.current() is before

    (tmp_path / "server.key").write_bytes(new_key)
    assert guard.current() is not before
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_a_change_of_the_same_length_in_the_same_tick_is_seen(tmp_path: Path) -> None:
    """The file's times do not tell two writes in one tick of its clock apart; the contents do."""
    site = Site(tmp_path, USERS)
    guard = Guard(site.file)
    for user in ("bobby", "carol", "david") * 20:
        site.file.write_text(USERS.replace("alice", user))
        assert guard.current().config.users.keys() == {user}


def test_what_has_not_changed_is_not_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Touching a file changes nothing, and other lines leave known passwords known: bcrypt is not paid again."""
    caplog.set_level(logging.INFO)
    site = Site(tmp_path, TLS + USERS)
    guard = Guard(site.file)
    before = guard.current()
    site.file.touch()
    assert guard.current() is before
    assert not caplog.records

    assert before.doorkeeper is not None
    assert before.doorkeeper.admits(LOGIN["Authorization"])
    site.file.write_text(TLS + USERS + "# a remark\n")
    assert guard.current() is not before
    assert guard.current().doorkeeper is before.doorkeeper


def test_a_file_at_rest_is_not_read_again(tmp_path: Path) -> None:
    """Once a file is older than a tick of any clock, its times are enough: a scrape reads no file."""
    site = Site(tmp_path, USERS)
    times: list[int] = []

    def much_later() -> int:
        times.append(1)
        return site.file.stat().st_ctime_ns + 60 * 10**9

    guard = Guard(site.file, much_later)
    for _ in range(5):
        guard.current()

    assert len(times) == 1
