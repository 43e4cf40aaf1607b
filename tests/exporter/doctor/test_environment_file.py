"""The service's environment file, as systemd reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.doctor.environment_file import parse, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b", {"A": "b"}),
        ("A=\n", {"A": ""}),
        ("  A = b c  \n", {"A": "b c"}),
        ("# A=b\n; B=c\n\nno assignment\nC=d # kept\n", {"C": "d # kept"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ('A="--x --y"\n', {"A": "--x --y"}),
        ("A='a b'  \"c  \"\n", {"A": "a bc  "}),
        ("A='a\nB=b'\n", {"A": "a\nB=b"}),
        ('A="a \\\nb \\" \\$ \\x"\n', {"A": 'a b " $ \\x'}),
        ("A='\\'\n", {"A": "\\"}),
        ("A=a\\\n b\\c\n", {"A": "a bc"}),
        ('A=a"b"\n', {"A": 'a"b"'}),
        ("A=--x \\\n --y \\\n\nB=1\n", {"A": "--x  --y ", "B": "1"}),
        ("A=--x \\\n", {"A": "--x "}),
        ("A=--x\\", {"A": "--x"}),
        ("A=a\\ ", {"A": "a "}),
        ("A=a\\  \t\nB=1\n", {"A": "a ", "B": "1"}),
        ('A="unclosed\nB=1', {"A": "unclosed\nB=1"}),
        ("A='unclosed\nB=1\n", {"A": "unclosed\nB=1\n"}),
        ('A="a\\', {"A": "a"}),
        ("A=a\u00a0 \n", {"A": "a\u00a0"}),
        ("A=\u00a0a", {"A": "\u00a0a"}),
        ('A="a"b"c"', {"A": 'ab"c"'}),
        ('A=\\\n"a"', {"A": '"a"'}),
        ("A=a\r\nB=b\rC=c", {"A": "a", "B": "b", "C": "c"}),
        ("A\n=b\nC=c", {"C": "c"}),
        ("# hides \\\nA=seen", {"A": "seen"}),
        ("A=a # \\\nB=b", {"A": "a # B=b"}),
        ("export A=b", {"export A": "b"}),
        ("IPMI_PASSWORD=$(reboot)`id`;x&y\n", {"IPMI_PASSWORD": "$(reboot)`id`;x&y"}),
    ],
)
def test_it_is_read_as_systemd_reads_it(text: str, expected: dict[str, str]) -> None:
    """Quotes, comments, continued lines; nothing in it is run or replaced."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" --node=a  '--dcmi.host=b c'\n", ["--node=a", "--dcmi.host=b c"]),
        ("--a\t--b\r\n--c", ["--a", "--b", "--c"]),
        ("a\\ b c\\d", ["a b", "cd"]),
        ("\"a\\nb\" 'a\\nb'", ["anb", "anb"]),
        ("'a\\'b'", ["a'b"]),
        ("x'y \"z'w", ['xy "zw']),
        ("a '' b", ["a", "", "b"]),
        ('--node "a b ', ["--node", "a b "]),
        ("a 'b\\", ["a", "b"]),
        ("a\\", ["a"]),
        ("a \\", ["a", ""]),
        ("a '", ["a", ""]),
        ("a#b #c", ["a#b", "#c"]),
        ("a\u00a0b", ["a\u00a0b"]),
        (" \t", []),
    ],
)
def test_args_are_split_at_blanks_and_quotes_hold_together(value: str, expected: list[str]) -> None:
    """As ``$ARGS`` is in the unit's command line: what is not closed ends with it, and a backslash holds in quotes."""
    assert words(value) == expected


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]*", fullmatch=True), st.from_regex(r"[!#-&(-\[\]-~]*", fullmatch=True)
    )
)
def test_plain_assignments_come_back(variables: dict[str, str]) -> None:
    """A name, "=", and a value without blanks, quotes and backslashes."""
    assert parse("".join(f"{name}={value}\n" for name, value in variables.items())) == variables


@given(st.lists(st.text()))
def test_words_in_quotes_come_back(arguments: list[str]) -> None:
    """Whatever is in them, with a backslash before what would end them."""
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in arguments)

    assert words(" ".join(quoted)) == arguments


@given(st.text())
def test_any_value_in_single_quotes_comes_back(value: str) -> None:
    """Whatever is in it, but a single quote, beside whatever else is in the file."""
    value = value.replace("'", "")

    assert parse(f"# x\nA='{value}'\nB=c\n") == {"A": value, "B": "c"}


@given(st.text() | st.text(st.sampled_from("aB= \t\n\r'\"\\#;$\u00a0")))
def test_any_file_is_parsed(text: str) -> None:
    """Never a fault of ours, and nothing is made up."""
    for name, value in parse(text).items():
        assert name
        assert name == name.strip(" \t\r\n")
        assert set(name + value + "".join(words(value))) <= set(text)
