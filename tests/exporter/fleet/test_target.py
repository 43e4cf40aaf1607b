"""Targets: text from whoever reaches the port."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.fleet.target import check_pattern, is_listed, parse_target


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.7", "192.0.2.7", None),
        ("192.0.2.7:6230", "192.0.2.7", 6230),
        ("BMC1.Example", "bmc1.example", None),
        ("bmc_1.example.:623", "bmc_1.example", 623),
        ("[2001:DB8:0::7]", "2001:db8::7", None),
        ("[::1]:6230", "::1", 6230),
        ("7up", "7up", None),
    ],
)
def test_names_and_addresses_have_one_spelling(text: str, host: str, port: int | None) -> None:
    """However a host is written, it is one host, and so is what it is called."""
    target = parse_target(text)

    assert (target.host, target.port) == (host, port)
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        *("", ":623", "-H", "--help", "a b", "a\n", "a\x00", "bmc:0", "bmc:65536", "bmc:x", "bmc:", "a..b", ".a", "a-"),
        *("2001:db8::7", "[192.0.2.7]", "[bmc]", "[::1", "[fe80::1%eth0]", "[fe80::1%$(id)]", "a:1:2", "bmc.-x", "é"),
        *("127.1", "2130706433", "0x7f.1", "0x7f000001", "192.0.2.256", "192.0.2.07", "1.2.3.4.", "a" * 254, "a/b"),
        *("_", "-", "_._", "a._", "a:623\n", "[::1]:623\n", "192.0.2.7\n", "a:000623", "a" * 64),
        *("a:\uff16\uff12\uff13", "[::1]:\uff16\uff12\uff13", "\uff11\uff19\uff12.0.2.7"),
        "a." * 127,  # with the dot at its end one more than a name can have
    ],
)
def test_nothing_else_passes(text: str) -> None:
    """No option, no blank, no odd spelling of an address that a list would not recognise."""
    with pytest.raises(ValueError, match="target"):
        parse_target(text)


@pytest.mark.parametrize("text", ["a" * 63, "a." * 126 + "a", "a.b" * 84])
def test_names_may_be_as_long_as_dns_has_them(text: str) -> None:
    """A label of 63, a name of 253."""
    assert parse_target(text).host == text


@pytest.mark.parametrize(
    ("text", "called"),
    [("A.Example.:00623", "a.example:623"), ("[2001:DB8:0::7]:1", "[2001:db8::7]:1"), ("[::0:1]", "[::1]")],
)
def test_a_target_is_called_by_one_spelling(text: str, called: str) -> None:
    """What becomes a label and a log line is not what was asked letter by letter, and can be asked again."""
    assert str(parse_target(text)) == called


@given(st.text())
@example("_")
@example("a:623\n")
def test_what_passes_is_harmless_on_a_command_line(text: str) -> None:
    """Whatever is asked, the host is an address, or a name of letters, digits, dots, dashes and underscores."""
    try:
        target = parse_target(text)
    except ValueError:
        return
    host = target.host
    assert str(target).isprintable()
    if ":" in host:
        assert ipaddress.ip_address(host).version == 6
    assert host.replace(".", "").replace("-", "").replace("_", "").replace(":", "").isalnum()
    assert host.isascii()
    assert host[0] != "-"


@given(st.ip_addresses())
def test_every_address_passes_and_is_in_its_own_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """An address is its own list, and in everything's."""
    host = parse_target(f"[{address}]" if address.version == 6 else str(address)).host

    assert ipaddress.ip_address(host) == address
    assert is_listed(host, (str(address),))
    assert is_listed(host, ("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    ("pattern", "host", "listed"),
    [
        ("*", "anything.example", True),
        ("192.0.2.0/24", "192.0.2.200", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24", "192.0.2.example", False),
        ("2001:db8::/32", "2001:db8::7", True),
        ("2001:db8::/32", "192.0.2.1", False),
        ("192.0.2.*", "192.0.2.9", True),
        ("*.bmc.example", "pve1.bmc.example", True),
        ("*.BMC.example.", "pve1.bmc.example", True),
        ("*.bmc.example", "a.b.bmc.example", False),
        ("*.bmc.example", "bmc.example", False),
        ("bmc*", "bmc17", True),
        ("bmc*", "bmc17.evil.example", False),
        ("bmc.example", "bmcxexample", False),
    ],
)
def test_lists_mean_networks_and_names(pattern: str, host: str, listed: bool) -> None:  # noqa: FBT001 - a table's column
    """A network means addresses alone, and a star stays within its label."""
    check_pattern(pattern)

    assert is_listed(host, (pattern,)) is listed


@pytest.mark.parametrize("pattern", ["", "192.0.2.0/33", "a b", "-x", "[a-z]", "a/b"])
def test_patterns_that_mean_nothing_are_refused(pattern: str) -> None:
    """A list that silently means nobody, or somebody else, is a mistake to be told."""
    with pytest.raises(ValueError, match="expected a network"):
        check_pattern(pattern)
