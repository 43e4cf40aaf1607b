"""The operator's page in a real browser, through a whole migration that a person orders by the keyboard alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.page_journey import ARTEFACTS, GUEST, HALF, SOURCE, TARGET, Journey, travelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.lab.tools import Toolbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("page")]


@pytest.fixture(scope="module")
def journey(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Make the journey once; every test of this module looks at what it left."""
    with travelled(toolbox, tmp_path_factory.mktemp("page")) as made:
        yield made


def test_the_guest_has_moved(journey: Journey) -> None:
    """What was ordered on the page is the truth of the simulated cluster: the guest runs on the woken node."""
    guest = journey.lab.guest(GUEST)

    assert (guest.node, guest.running, guest.lock) == (TARGET, True, None)

    assert journey.lab.packets >= 1


def test_the_nodes_are_shown_with_watts_and_guests(journey: Journey) -> None:
    """Before anything is done: what each node is up to, what it draws against its threshold, and who is on it."""
    text = journey.texts["overview"]

    assert re.search(r"pve2\s+on\s+\d+\.\d W of 6\.0 W", text), text

    assert re.search(r"pve\s+asleep\s+", text), text

    assert "Wake pve" in text

    assert "100\nweb" in text


def test_the_plan_is_told_before_anything_is_done(journey: Journey) -> None:
    """The page says what would happen, that a node would be woken for it, and waits for a word."""
    text = journey.texts["plan"]

    assert "This would happen".casefold() in text.casefold()

    assert f"{TARGET} is asleep: it is woken" in text

    assert f"Move guest {GUEST} to {TARGET} now" in text


def test_the_progress_is_live(journey: Journey) -> None:
    """The bar of progress is seen where the migration was held, and only ever grows; the page is never loaded again."""
    assert HALF in journey.bars

    assert sorted(journey.bars) == journey.bars

    assert "succeeded" in journey.heard[-1]  # by the same page that heard of the first step


def test_a_reader_of_screens_hears_each_step(journey: Journey) -> None:
    """How far the migration is and how the job ended is said, once each, and of the migration not each percent."""
    assert any("migrating, 25 percent" in said for said in journey.heard), journey.heard

    assert sum("migrating" in said for said in journey.heard) <= 5

    assert len(journey.heard) == len(set(journey.heard))


def test_the_history_has_each_step_and_its_time(journey: Journey) -> None:
    """The job's page ends with every step, how long it took and why; the overview lists it among what is over."""
    text = journey.texts["job-over"]

    for step in ("preflight", "waking", "awaiting ready", "migrating", "verifying"):
        assert re.search(rf"{step}\s+(\d+ (ms|s)|\d+ min)", text), (step, text)

    assert "Stood still\n42 ms" in text

    assert re.search(rf"succeeded\s+Guest {GUEST} web from {SOURCE} to {TARGET}", journey.texts["phone-over"])


def test_no_other_host_is_asked(journey: Journey) -> None:
    """All that the browser loaded came from the actuator."""
    assert len(journey.asked) >= 5

    assert {urlsplit(address).netloc for address in journey.asked} == {journey.host}


def test_no_script_complains(journey: Journey) -> None:
    """Neither an error of ours, nor something that the page's own policy keeps from being loaded."""
    assert journey.errors == []


def test_everybody_can_use_it(journey: Journey) -> None:
    """The rules of axe hold on each page, in light and in dark: names, landmarks, contrast, order of headings."""
    assert {name: found for name, found in journey.findings.items() if found} == {}

    assert {
        "sign-in",
        "plan",
        "job-under-way",
        "job-over",
        "overview-light",
        "overview-dark",
    } <= journey.findings.keys()


def test_a_phone_needs_no_sideways_scrolling(journey: Journey) -> None:
    """Every page fits 360 pixels."""
    assert journey.widths

    assert {name: width for name, width in journey.widths.items() if width > 360} == {}


def test_the_pictures_are_kept(journey: Journey) -> None:
    """A person can look at what was seen."""
    assert {f"{name}.png" for name in journey.texts} <= {file.name for file in ARTEFACTS.iterdir()}
