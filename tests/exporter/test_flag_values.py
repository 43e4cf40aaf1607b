"""Flag values of any text: a setting that means what was written, or a refusal; never a traceback."""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter import flag_values
from exporter.settings import NODE_SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = st.text(alphabet="0123456789.:[]-+msh e_٣,abf", max_size=12)
ANY = st.one_of(st.text(max_size=20), PIECES)


def taken(read: Callable[[str], object], text: str) -> object:
    """Return what a value is read as, None when it is refused."""
    refusal = ""
    try:
        return read(text)
    except argparse.ArgumentTypeError as error:
        refusal = str(error)
    assert "expected" in refusal
    return None


@example("9" * 400 + "h")
@example("1" + "0" * 5000 + "s")
@example("600h")
@example("0.0000000000000000000001ms")
@given(ANY)
def test_a_duration_is_a_plain_number_with_a_unit(text: str) -> None:
    """What is taken is above zero, a day at most, and the number that stands there times its unit."""
    seconds = taken(flag_values.duration, text)
    if seconds is not None:
        assert isinstance(seconds, float)
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
        assert match
        assert 0 < seconds <= 86_400
        assert seconds == float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]]


@given(ANY)
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    """What is taken ends in a port that exists, in ASCII digits, behind the host as it was written."""
    address = taken(flag_values.listen_address, text)
    if address is not None:
        assert isinstance(address, tuple)
        host, port = address
        assert 0 <= port <= 65535
        written, _, digits = text.rpartition(":")
        assert re.fullmatch("[0-9]{1,5}", digits)
        assert (written.removeprefix("[").removesuffix("]"), int(digits)) == (host, port)


@pytest.mark.parametrize(
    ("read", "highest"), [(flag_values.port, 65535), (flag_values.cipher_suite, 17)], ids=["port", "cipher suite"]
)
@given(text=st.one_of(ANY, st.just("1" * 5000), st.integers(-10, 70000).map(str)))
def test_a_number_is_digits_within_its_bounds(read: Callable[[str], int], highest: int, text: str) -> None:
    """No sign, no other script's digits, nothing beyond what IPMI or UDP has."""
    number = taken(read, text)
    if number is not None:
        assert isinstance(number, int)
        assert text.isascii()
        assert text.isdigit()
        assert 0 <= number == int(text) <= highest


@given(st.lists(st.sampled_from([*NODE_SOURCES, "", "wall", "rapl "]), max_size=6))
def test_an_order_names_each_figure_once(names: list[str]) -> None:
    """What is taken is what was written: known names, none twice."""
    order = taken(flag_values.node_order, ",".join(names))

    assert (order == tuple(names)) == (
        bool(names) and set(names) <= set(NODE_SOURCES) and len(set(names)) == len(names)
    )


@given(st.binary(max_size=40))
def test_a_password_file_gives_a_password_ipmi_could_have_or_none(content: bytes) -> None:
    """What is taken is the file's one line, of 1 to 20 bytes; a refusal never repeats it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "secret"
        file.write_bytes(content)
        secret = taken(flag_values.password_file, str(file))
    if secret is not None:
        assert isinstance(secret, str)
        assert 1 <= len(secret.encode()) <= 20
        assert secret.encode() == content.rstrip(b"\r\n")
