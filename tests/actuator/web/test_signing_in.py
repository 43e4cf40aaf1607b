"""Who gets a session, what its cookie is like, and when it is over."""

from __future__ import annotations

import pytest

from actuator.api.pages.sessions import Notice, Sessions
from actuator.auth import Holder, Scope, Tokens, digest_of, hashed
from tests.actuator.api.world import ALERT_TOKEN, OPERATE_TOKEN, READ_TOKEN, World
from tests.actuator.web.visits import Read, Visitor, parts

NAME = "wattshift-80"


def test_nobody_sees_anything_before(world: World) -> None:
    """Whoever is not signed in is asked for a token, and comes back to where they were going."""
    visitor = Visitor(world)
    asked = visitor.client.get("/jobs/abc", follow_redirects=False)

    assert (asked.status_code, asked.headers["Location"]) == (303, "/sign-in?to=%2Fjobs%2Fabc")
    assert "pve2" not in visitor.client.get("/").text
    assert visitor.open("/sign-in?to=/jobs/abc").forms[0].fields["to"] == "/jobs/abc"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_token_gives_a_session(world: World, scheme: str) -> None:
    """The cookie is out of reach of scripts and of other sites, bound to TLS where there is TLS, and holds no token."""
    answer = Visitor(world, scheme=scheme).client.post(
        "/sign-in", data={"token": OPERATE_TOKEN}, follow_redirects=False
    )
    cookie = answer.headers["Set-Cookie"]
    attributes = {part.strip().lower() for part in cookie.split(";")}

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert ("secure" in attributes) is (scheme == "https")
    assert cookie.startswith("__Host-" if scheme == "https" else NAME)
    assert "domain" not in cookie.lower()
    assert OPERATE_TOKEN not in cookie


def test_a_wrong_token_gives_none(world: World) -> None:
    """Nobody's token, none at all, and the hash that a token file may hold: a sentence, and no session."""
    visitor = Visitor(world)
    for token in ("wrong", "", hashed(OPERATE_TOKEN)):
        answer = visitor.sign_in(token)

        assert answer.status_code == 401, token
        assert "This token is nobody's" in Read(answer.text).text
        assert token == "" or token not in answer.text
    assert not visitor.client.cookies
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_for_alerts_alone_gives_none(world: World) -> None:
    """Alertmanager's token opens no page, and the sentence says what it lacks."""
    visitor = Visitor(world)
    answer = visitor.sign_in(ALERT_TOKEN)

    assert answer.status_code == 403
    assert "lacks the scope 'read'" in Read(answer.text).text
    assert not visitor.client.cookies


def test_guessing_is_slowed_down(world: World) -> None:
    """Wrong tokens count as they do for the API: beyond ten a minute their sender waits, with a right one too."""
    visitor = Visitor(world)
    for _ in range(10):
        visitor.sign_in("wrong")
    answer = visitor.sign_in(OPERATE_TOKEN)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "wait" in Read(answer.text).text


def test_signing_in_again_ends_the_session_before(world: World, operator: Visitor) -> None:
    """Whoever kept the earlier key has nothing any more: a browser has one session."""
    key = operator.client.cookies[NAME]
    operator.sign_in(READ_TOKEN)

    assert parts(world).sessions.find(key) is None
    assert "who may look" in operator.open().text


def test_signing_in_leads_nowhere_else(world: World) -> None:
    """Only pages of ours are gone on to."""
    visitor = Visitor(world)
    for to in ("https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out", "/jobs/../x"):
        answer = visitor.client.post("/sign-in", data={"token": READ_TOKEN, "to": to}, follow_redirects=False)

        assert answer.headers["Location"] == "/", to


def test_the_api_takes_no_session(operator: Visitor) -> None:
    """The cookie opens pages: a call of the API that brings nothing else is nobody's."""
    assert operator.client.get("/api/v1/jobs").status_code == 401
    assert operator.client.post("/api/v1/resume").status_code == 401


def test_signing_out(world: World, operator: Visitor) -> None:
    """The session is over for whoever kept its key, too."""
    key = operator.client.cookies[NAME]
    operator.press("/sign-out")

    assert NAME not in operator.client.cookies
    operator.client.cookies.set(NAME, key)
    assert operator.client.get("/", follow_redirects=False).status_code == 303


def test_a_session_ends_by_itself(world: World, operator: Visitor) -> None:
    """After twelve hours a page asks for the token again, and a form does nothing."""
    form = next(form for form in operator.open().forms if form.action == "/pause")
    world.now += 12 * 3600 - 1

    assert operator.client.get("/", follow_redirects=False).status_code == 200
    world.now += 1
    late = operator.client.post("/pause", data=form.fields | {"reason": "late"})

    assert late.status_code == 401
    assert "Your session is over" in Read(late.text).text
    assert world.store.paused() is None


def test_a_token_that_is_removed_ends_its_sessions(world: World, operator: Visitor) -> None:
    """A reload counts at once: what the token is no longer good for, its sessions are no longer good for."""
    holder = world.gate.tokens.holder(OPERATE_TOKEN)
    assert holder is not None
    form = next(form for form in operator.open().forms if form.action == "/pause")
    world.gate.tokens = Tokens([(Holder(holder.name, frozenset({Scope.READ})), digest_of(OPERATE_TOKEN))])

    assert "/pause" not in {form.action for form in operator.open().forms}
    assert operator.client.post("/pause", data=form.fields | {"reason": "no more"}).status_code == 403
    world.gate.tokens = Tokens([(holder, digest_of(READ_TOKEN))])

    assert operator.client.get("/", follow_redirects=False).status_code == 303
    assert world.store.paused() is None


def test_who_comes_from_another_site_may_go_on(world: World, operator: Visitor) -> None:
    """A browser keeps the cookie back when another site's link is followed: the page offers to go on."""
    stranger = Visitor(world)
    page = stranger.client.get("/jobs/abc", headers={"Sec-Fetch-Site": "cross-site"})

    assert "/jobs/abc" in Read(page.text).values("a", "href")
    assert "Go on" in page.text


def test_whoever_is_signed_in_is_not_asked_again(operator: Visitor) -> None:
    """The door opens by itself."""
    answer = operator.client.get("/sign-in?to=/move", follow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/move")


def test_sessions_are_bounded() -> None:
    """However many are begun, some hundreds are kept: the oldest makes room."""
    sessions = Sessions(clock=lambda: 0.0)
    keys = [sessions.begin(b"digest %d" % (number // 32)) for number in range(257)]

    assert sessions.find(keys[0]) is None
    assert sessions.find(keys[1]) is not None
    assert sessions.find(keys[256]) is not None


def test_a_token_pushes_out_its_own_sessions_alone() -> None:
    """Whoever may only look can begin as many as they like: the session of somebody who may operate stays."""
    sessions = Sessions(clock=lambda: 0.0)
    operators = sessions.begin(b"operates")
    lookers = [sessions.begin(b"looks") for _ in range(300)]

    assert sessions.find(operators) is not None
    assert [sessions.find(key) is not None for key in lookers] == [False] * 268 + [True] * 32


def test_a_notice_is_told_once(world: World) -> None:
    """What became of a button is told by the next page, and by none after it; its session shows no secret."""
    sessions = parts(world).sessions
    session = sessions.find(sessions.begin(b"digest"))
    assert session is not None
    session.notice = Notice("Done.", done=True)

    assert sessions.tell(session) == Notice("Done.", done=True)
    assert sessions.tell(session) is None
    assert session.form_key not in repr(session)
    assert "digest" not in repr(session).replace("token_digest", "")
