"""The modules file: what it means, and the line of what is wrong with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.document import DocumentError
from exporter.fleet.modules import Module, read_modules
from exporter.fleet.modules_file import ModulesError, ModulesFile

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
modules:
  default:
    user: "monitor"
    pass: "correct horse"
    driver: "LAN_2_0"
    privilege: "user"
    timeout: 10000
  old:
    password_file: secret
    privilege: ADMIN
    cipher_suite: 3
    port: 6230
    timeout: 2.5s
    targets: [192.0.2.0/24, "*.bmc.example"]
    accept_inactive: true
"""


def secret(path: Path) -> str:
    """Give every file the same password."""
    return f"from {path}"


def modules(text: str) -> dict[str, Module]:
    """Return the modules."""
    return dict(read_modules(text, secret))


def test_every_key_has_its_meaning() -> None:
    """ipmi_exporter's keys mean what they mean there, a bare timeout milliseconds; ours stand beside them."""
    assert modules(WHOLE) == {
        "default": Module("monitor", "correct horse", "USER", timeout=10.0),
        "old": Module(
            None, "from secret", "ADMINISTRATOR", 3, 6230, 2.5, ("192.0.2.0/24", "*.bmc.example"), accept_inactive=True
        ),
    }


def test_a_module_without_a_list_may_ask_everybody() -> None:
    """As in the files that people bring along; the documentation says what that means."""
    assert modules("modules: {default: {pass: x}}")["default"].targets == ("*",)


def test_a_password_is_in_no_representation() -> None:
    """A module that is logged by mistake gives nothing away."""
    assert "correct horse" not in repr(modules(WHOLE))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "at least one module"),
        ("modules:\n", 1, "at least one module"),
        ("module:\n  a:\n    pass: x\n", 1, "'module' is not known"),
        ("modules:\n  a:\n    pass: x\n    pasword: y\n", 4, "'pasword' is not known in a"),
        ("modules:\n  a:\n    pass: x\n    collectors: [dcmi]\n", 4, "collectors is ipmi_exporter's"),
        ("modules:\n  a:\n    pass: x\n    driver: LAN\n", 4, "driver: expected LAN_2_0"),
        ("modules:\n  a:\n    user: u\n", 2, "either pass or password_file"),
        ("modules:\n  a:\n    pass: x\n    password_file: y\n", 2, "either pass or password_file"),
        ("modules:\n  a:\n\n    pass: 123456789012345678901\n", 4, "1 to 20 bytes"),
        ("modules:\n  a:\n    pass: x\n    user: 12345678901234567\n", 4, "at most 16 bytes"),
        ("modules:\n  a:\n    pass: x\n    privilege: root\n", 4, "user, operator or admin"),
        ("modules:\n  a:\n    pass: x\n    cipher_suite: 18\n", 4, "0 to 17"),
        ("modules:\n  a:\n    pass: x\n    port: 0\n", 4, "1 to 65535"),
        ("modules:\n  a:\n    pass: x\n    timeout: soon\n", 4, "timeout: "),
        ("modules:\n  a:\n    pass: x\n    timeout: 0\n", 4, "above zero"),
        ("modules:\n  a:\n    pass: x\n    targets: []\n", 4, "targets: "),
        ("modules:\n  a:\n    pass: x\n    targets: [a b]\n", 4, "expected a network"),
        ("modules:\n  a:\n    pass: x\n    timeout: \uff11\uff10\uff10\n", 4, "timeout: "),
        ("modules:\n  a:\n    pass: x\n    accept_inactive: maybe\n", 4, "true or false"),
        ("modules: &x\n", 1, "anchor"),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, line: int, words: str) -> None:
    """What is not known, and what cannot be, is refused where it stands."""
    with pytest.raises(DocumentError) as caught:
        modules(text)

    assert caught.value.line == line
    assert words in str(caught.value)
    assert "123456789012345678901" not in str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A modules file whose second module has its password beside it."""
    (tmp_path / "secret").write_text("sesame\n")
    path = tmp_path / "modules.yml"
    path.write_text(WHOLE)
    return path


def replace(path: Path, text: str) -> None:
    """Put another file in its place, as editors and configuration management do."""
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)


def test_the_file_is_read_anew_when_it_changes(path: Path) -> None:
    """Neither a new module nor a new password needs a restart; relative paths begin beside the file."""
    file = ModulesFile(path)
    assert file.current()["old"].password == "sesame"

    (path.parent / "secret").write_text("open sesame")
    assert file.current()["old"].password == "open sesame"

    replace(path, "modules: {new: {pass: x}}")
    assert list(file.current()) == ["new"]


@pytest.mark.parametrize("bad", ["modules:\n  a:\n    what: x\n", "\udcff", None])
def test_a_bad_change_leaves_the_modules_before_and_is_logged_once(
    path: Path, bad: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A slip of the editor ends no scrape; when the file makes sense again, it counts."""
    file = ModulesFile(path)
    if bad is None:
        path.unlink()
    else:
        path.write_bytes(bad.encode(errors="surrogateescape"))
    assert set(file.current()) == set(file.current()) == {"default", "old"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(path) in caplog.text

    replace(path, "modules: {new: {pass: x}}")
    assert list(file.current()) == ["new"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modules:\n  a:\n    what: x\n", ":3: 'what' is not known"),
        ("modules:\n  a:\n    password_file: none\n", ":3: password_file: expected a file to read"),
    ],
)
def test_at_the_start_a_bad_file_is_refused_with_the_line(path: Path, text: str, words: str) -> None:
    """There is nothing before it to fall back to."""
    path.write_text(text)
    with pytest.raises(ModulesError) as caught:
        ModulesFile(path)

    assert f"{path}{words}" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With its name, and what the system said."""
    with pytest.raises(ModulesError, match=os.strerror(2)):
        ModulesFile(tmp_path / "none.yml")
