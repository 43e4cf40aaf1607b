"""The part of YAML that configuration files are written in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.document import DocumentError, Node, parse

Plain = str | None | list["Plain"] | dict[str, "Plain"]

NULLS = ("", "~", "null", "Null", "NULL")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["a b", "http://x:1/#y", "-x", ":19100", *NULLS]
)
_PIECES = [
    *"ab:,-#?&*!|>%@`~'\"[]{}\\ \n\r\t.0x<=",
    " ",
    "\n",
    "\n  ",
    "- ",
    ": ",
    "---",
    "a: ",
    "[a, b]",
    "{a: b}",
    "'x'",
]
YAMLISH = st.lists(st.sampled_from(_PIECES), max_size=20).map("".join)


def plain(node: Node) -> Plain:
    """Return what a node says, without the lines."""
    if isinstance(node.value, Mapping):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    return node.value


def same(ours: Plain, theirs: object) -> bool:
    """Say whether PyYAML's reading is ours: its base loader keeps nothing, too, as text."""
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict)
            and ours.keys() == theirs.keys()
            and all(same(value, theirs[key]) for key, value in ours.items())
        )
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return theirs in (None, *NULLS) if ours is None else ours == theirs


def load(text: str) -> object:
    """Return PyYAML's reading."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the base loader makes text only


def quoted(text: str) -> str:
    """Return a text as a double-quoted scalar, with escapes for all that is unusual."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'


def written(value: Plain, indent: int = 0) -> list[str]:
    """Return the lines of a document that says ``value``."""
    space = " " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            lines += entry(f"{space}{quoted(key)}:", item, indent)
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            lines += entry(f"{space}-", item, indent)
        return lines
    if value is None:
        return [f"{space}~"]
    return [space + (quoted(value) if isinstance(value, str) else "{}" if isinstance(value, dict) else "[]")]


def entry(head: str, value: Plain, indent: int) -> list[str]:
    """Return the lines of one entry: a block below its head, everything else beside it."""
    if isinstance(value, dict | list) and value:
        return [f"{head}  # below", "", *written(value, indent + 2)]
    return [head + " " + written(value)[0] + " # beside"]


DOCUMENTS: st.SearchStrategy[Plain] = st.recursive(
    st.none() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def test_the_parts_of_a_document() -> None:
    """Mappings, lists, flow forms, quotes, comments and nothing, in the shapes people write."""
    text = """\
---
# a comment
plain: a b # trailing
"quoted key": 'it''s'
escapes: "tab\\t\\u00e9\\\\"
empty:
tilde: ~
url: http://host:80/#top
list:
- one
- name: two
  more: [a, "b, c", {d: e}]
- - nested
  -
indented:
  deeper:
    - x
none: {}
"""
    document = parse(text)

    assert plain(document) == {
        "plain": "a b",
        "quoted key": "it's",
        "escapes": "tab\té\\",
        "empty": None,
        "tilde": None,
        "url": "http://host:80/#top",
        "list": ["one", {"name": "two", "more": ["a", "b, c", {"d": "e"}]}, ["nested", None]],
        "indented": {"deeper": ["x"]},
        "none": {},
    }
    assert same(plain(document), load(text))


def test_every_entry_knows_its_line() -> None:
    """The line is where the key or the dash stands, comments and blank lines counted."""
    document = parse("# 1\n\na:\n  b:\n\n    c\nd:\n- e\n- f: g\n").value

    assert isinstance(document, Mapping)
    inner = document["a"].value
    assert isinstance(inner, Mapping)
    items = document["d"].value
    assert isinstance(items, tuple)
    assert [document["a"].line, inner["b"].line, document["d"].line] == [3, 4, 7]
    assert [item.line for item in items] == [8, 9]


@pytest.mark.parametrize("text", ["", "\n\n", "# only this\n", "---\n", "---", "~"])
def test_an_empty_document_is_nothing(text: str) -> None:
    """A file without a word is a document that says nothing."""
    assert parse(text).value is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2", 2, "'a' stands here twice, first in line 1"),
        ("a: {b: 1, b: 2}", 1, "'b' stands here twice"),
        ("a:\n\tb: c", 2, "a tab is not understood here"),
        ("a: &x b", 1, "an anchor (&) is not understood here"),
        ("a: *x", 1, "an alias (*) is not understood here"),
        ("a: !!str b", 1, "a tag (!) is not understood here"),
        ("a: |\n  b", 1, "a block scalar (|) is not understood here"),
        ("a: >-\n  b", 1, "a block scalar (>) is not understood here"),
        ("%YAML 1.1\n---\na: b", 2, "expected one document"),
        ("%YAML 1.1", 1, "a directive (%) is not understood here"),
        ("a: b\n---\nc: d", 2, "expected one document"),
        ("a: b\n...\n", 2, "expected one document"),
        ("? a\n: b", 1, "a '?' is not understood here"),
        ("<<: b", 1, "the key '<<' is not understood here"),
        (": b", 1, "a key without a name"),
        ("~: b", 1, "the key '~' is not understood here"),
        ("a: @b", 1, "begins with @"),
        ("a: b\n  c", 2, "a value ends with its line here"),
        ("a: b: c", 1, "put a text with a colon in quotes"),
        ("a: 'b", 1, "the closing quote in the same line"),
        ("a: [b,\n  c]", 1, "between commas and brackets"),
        ("a: [b\n  c]", 1, "it must be closed in the same line"),
        ("a: [b, ]", 1, "between commas and brackets"),
        ("a: [b?]", 1, "in quotes"),
        ("a: {b}", 1, "expected 'key: value' between { and }"),
        ("a: [b] c", 1, "nothing after this value but 'c'"),
        ("a: - b", 1, "put the text in quotes"),
        ('a: "\\q"', 1, "an escape of YAML"),
        ('a: "\\ud800"', 1, "a character's number"),
        ('a: "\\U00110000"', 1, "a character's number"),
        ("a: b\rc: d", 1, "the character U+000D"),
        ("\ufeffa: b", 1, "the character U+FEFF"),
        ("a:\n    b: c\n  d: e", 3, "indented like its neighbours"),
        ("a: b\n- c", 2, "indented like its neighbours"),
        ("- a\nb: c", 2, "indented like its neighbours"),
        ("k" * 1001 + ": b", 1, "more than 1000 characters"),
    ],
)
def test_the_rest_of_yaml_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """What is not understood is said, with the line, rather than guessed."""
    with pytest.raises(DocumentError) as caught:
        parse(text)

    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "- " * 5000 + "a", "{a: " * 5000, "".join(" " * n + "a:\n" for n in range(500))]
)
def test_nesting_is_bounded(text: str) -> None:
    """A document nested without end is refused, not a crash."""
    with pytest.raises(DocumentError, match="at most 32 levels"):
        parse(text)


@given(DOCUMENTS)
def test_what_is_written_is_read(value: Plain) -> None:
    """Any document of texts, lists and mappings comes back as it was, here and in PyYAML."""
    text = "\n".join(written(value))

    assert plain(parse(text)) == value
    assert same(value, load(text))


@given(YAMLISH | st.text())
def test_what_is_accepted_means_what_it_means_in_yaml(text: str) -> None:
    """Whatever we accept, PyYAML reads the same; whatever else there is, is a DocumentError."""
    try:
        document = parse(text)
    except DocumentError as error:
        assert 1 <= error.line <= text.count("\n") + 1  # noqa: PT017 - both outcomes are right, nothing else is
        return

    assert same(plain(document), load(text))


@given(DOCUMENTS, st.data())
def test_a_damaged_document_is_never_misread(value: Plain, data: st.DataObject) -> None:
    """A piece lost or changed: refused, or read as YAML reads it."""
    text = "\n".join(written(value))
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 4)))
    damaged = text[:begin] + data.draw(YAMLISH) + text[end:]
    try:
        document = parse(damaged)
    except DocumentError:
        return

    assert same(plain(document), load(damaged))
