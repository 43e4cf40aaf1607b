"""What ipmitool prints, on recordings of the real tool, and on every way to cut them short."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.child import Ended
from exporter.readings import Reason, SourceError
from exporter.sources.dcmi import AVERAGE_WATTS, MAX_WATTS, MIN_WATTS, WATTS
from exporter.sources.dcmi_answer import PowerReading, parse
from tests.exporter.recordings import ipmitool

ACTIVE = PowerReading({WATTS: 212, MIN_WATTS: 28, MAX_WATTS: 462, AVERAGE_WATTS: 201}, 3600, active=True)
ZERO = dict.fromkeys((WATTS, MIN_WATTS, MAX_WATTS, AVERAGE_WATTS), 0)

NO_SESSION = "Error: Unable to establish IPMI v2 / RMCP+ session"

OLDER = """
    Instantaneous power reading:                   198 Watts
    Minimum during sampling period:                 12 Watts
    Maximum during sampling period:                399 Watts
    Average power reading over sample period:      197 Watts
    IPMI timestamp:                           Wed Feb 15 12:49:51 2017
    Sampling period:                          01131466 Seconds.
    Power reading state is:                   activated
"""


def reason(ended: Ended) -> Reason:
    """Return why there is no reading."""
    with pytest.raises(SourceError) as caught:
        parse(ended)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("active", ACTIVE),
        ("activezero", PowerReading(ZERO, 1, active=True)),
        ("deact", PowerReading(ZERO, 0, active=False)),
    ],
)
def test_recorded_readings(name: str, reading: PowerReading) -> None:
    """Each recording gives just what it shows; "deactivated" is not "activated"."""
    assert parse(ipmitool(name)) == reading


@pytest.mark.parametrize(("name", "expected"), [("ccc1", Reason.UNSUPPORTED), ("ccd4", Reason.PERMISSION)])
def test_recorded_errors(name: str, expected: Reason) -> None:
    """A recorded completion code has its reason."""
    assert reason(ipmitool(name)) is expected


@pytest.mark.parametrize("name", ["active", "activezero", "deact"])
def test_no_truncation_gives_a_wrong_figure(name: str) -> None:
    """Cut after any byte, a recording gives what the whole gives, or an error."""
    whole = ipmitool(name)
    right = parse(whole)
    outcomes = []
    for length in range(len(whole.text) + 1):
        try:
            outcomes.append(parse(replace(whole, text=whole.text[:length])))
        except SourceError:
            continue
        assert outcomes[-1] == right
    assert outcomes


@given(cut=st.integers(0, 400), length=st.integers(1, 80))
def test_no_hole_gives_a_wrong_state(cut: int, length: int) -> None:
    """With a piece missing anywhere, an inactive meter never becomes an active one."""
    whole = ipmitool("deact")
    text = whole.text[:cut] + whole.text[cut + length :]
    try:
        reading = parse(replace(whole, text=text))
    except SourceError:
        return
    # The one hole that makes "activated" of "deactivated" is its first two letters.
    assert not reading.active or (whole.text[cut : cut + length].strip().endswith("de"))


def test_older_versions_print_timestamp_and_period_on_two_lines() -> None:
    """No count of lines is relied on."""
    reading = parse(Ended(OLDER, 0, 0.1))

    assert reading.watts[WATTS] == 198
    assert reading.period == 1131466


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5_sec", 5), ("30_sec", 30), ("1_min", 60), ("15_min", 900), ("1_hour", 3600)],
)
def test_enhanced_periods_are_words(text: str, seconds: int) -> None:
    """In enhanced mode the window is written as a word."""
    ended = Ended(OLDER.replace("01131466 Seconds.", text), 0, 0.1)

    assert parse(ended).period == seconds


@pytest.mark.parametrize(
    ("text", "seconds", "expected"),
    [
        ("    DCMI request failed because: Node busy (c0)", 0.1, Reason.BUSY),
        ("    DCMI request failed because: Timeout (c3)", 0.1, Reason.TIMEOUT),
        ("    DCMI request failed because: Unspecified error (ff)", 0.1, Reason.UNSUPPORTED),
        ("    DCMI request failed because: Command not supported in present state (d5)", 0.1, Reason.UNSUPPORTED),
        ("    Unable to get DCMI information", 0.1, Reason.TIMEOUT),
        ("\n    A valid DCMI command was not returned! (57)", 0.1, Reason.PARSE),
        (
            "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: No such file or directory",
            0.03,
            Reason.MISSING,
        ),
        (
            "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: Operation not permitted",
            0.03,
            Reason.PERMISSION,
        ),
        (
            "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: Permission denied",
            0.03,
            Reason.PERMISSION,
        ),
        (
            "Address lookup for bmc failed\nCould not open socket!\nError: Unable to establish IPMI v2 / RMCP+ session",
            0.1,
            Reason.MISSING,
        ),
        (
            "Could not open socket!\nError: Unable to establish IPMI v2 / RMCP+ session",
            0.03,
            Reason.TIMEOUT,
        ),
        ("> RAKP 2 HMAC is invalid\n" + NO_SESSION, 7.1, Reason.AUTH),
        (
            "RAKP 2 message indicates an error : unauthorized name\n" + NO_SESSION,
            0.03,
            Reason.AUTH,
        ),
        (
            "> RAKP 4 message has invalid integrity check value\n" + NO_SESSION,
            0.03,
            Reason.AUTH,
        ),
        (
            "Error in open session response message : no matching cipher suite\n\n" + NO_SESSION,
            0.03,
            Reason.AUTH,
        ),
        (
            "Error in open session response message : insufficient resources for session\n\n" + NO_SESSION,
            0.03,
            Reason.BUSY,
        ),
        (
            "Set Session Privilege Level to ADMINISTRATOR failed: Requested privilege level exceeds limit\n"
            + NO_SESSION,
            0.03,
            Reason.PERMISSION,
        ),
        ("Error: Unable to establish IPMI v2 / RMCP+ session", 0.03, Reason.TIMEOUT),
        ("", 0.1, Reason.PARSE),
        ("\x00\xff nonsense", 0.1, Reason.PARSE),
    ],
)
def test_errors_have_their_reasons(text: str, seconds: float, expected: Reason) -> None:
    """Each error text is one of the closed set; a refusal is told from silence by its words, however long it took."""
    assert reason(Ended(text, 1, seconds)) is expected


def test_a_reading_with_a_failing_status_is_no_reading() -> None:
    """A tool that failed is not believed, whatever it printed before."""
    assert reason(replace(ipmitool("active"), status=1)) is Reason.PARSE


@given(st.text(), st.sampled_from(["", "DCMI request failed because: {} (c1)", "Could not open device {}"]))
def test_what_the_tool_says_reaches_no_terminal_raw(text: str, frame: str) -> None:
    """A message is one line of printable characters, whatever ipmitool printed."""
    with pytest.raises(SourceError) as caught:
        parse(Ended(frame.replace("{}", text) or text, 1, 0.1))

    assert caught.value.detail.isprintable()
    assert str(caught.value).isprintable()


@given(st.text())
def test_any_text_is_a_reading_or_an_error(text: str) -> None:
    """The parser never raises anything else."""
    assert isinstance(reason(Ended(text, 0, 0.1)), Reason)
