"""How many wrong tokens are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from actuator.api.throttle import _PEERS, LoginLimits, Throttle
from tests.actuator.api.world import OPERATE_TOKEN, TOKEN, World

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = LoginLimits(per_peer=3, in_all=5, window_seconds=60)


class Clock:
    """The present, which only the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


def calling(world: World, peer: str, token: str) -> tuple[int, str | None]:
    """What a caller at this address gets: the status, and how long to wait."""
    client = TestClient(world.app, client=(peer, 40000))
    answer = client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.headers.get("Retry-After")


def test_guessing_is_told_to_wait(world: World) -> None:
    """After ten wrong tokens within a minute an address is told how long to wait, and then is heard again."""
    assert [calling(world, "192.0.2.1", "wrong")[0] for _ in range(11)] == [401] * 10 + [429]

    world.now += 20
    assert calling(world, "192.0.2.1", "wrong") == (429, "40")
    assert calling(world, "192.0.2.1", TOKEN) == (429, "40"), "a guess that is right must not show while it waits"
    world.now += 40
    assert calling(world, "192.0.2.1", TOKEN) == (200, None)


def test_a_correct_token_is_at_nobody_elses_mercy(tmp_path: Path) -> None:
    """Failures from other addresses lock nobody out, nor do those of a neighbour where the token was in use before."""
    world = World(tmp_path, login_limits=LIMITS)
    assert calling(world, "192.0.2.1", TOKEN)[0] == 200
    for peer in (1, 1, 1, 1, 2, 3, 4):
        calling(world, f"192.0.2.{peer}", "wrong")

    assert calling(world, "192.0.2.1", TOKEN)[0] == 200
    assert calling(world, "192.0.2.1", OPERATE_TOKEN)[0] == 429
    assert calling(world, "198.51.100.1", OPERATE_TOKEN)[0] == 200
    assert calling(world, "198.51.100.2", "wrong")[0] == 429, "beyond the limit in all"
    world.store.close()


def test_no_token_is_no_guess(world: World) -> None:
    """Whoever sends none is told how to, however often: a browser does so before it asks its user."""
    stranger = TestClient(world.app)

    assert {stranger.get("/api/v1/jobs").status_code for _ in range(15)} == {401}


def test_one_customer_is_one_address() -> None:
    """All addresses of one IPv6 network count as one; an IPv4 address in IPv6's form is itself."""
    throttle = Throttle(LIMITS, clock=Clock())
    waits = [throttle.failed(f"2001:db8::{number}") for number in range(4)]

    assert waits == [None, None, None, 60]
    assert throttle.failed("2001:db8:0:1::1") is None
    assert Throttle(LIMITS, clock=Clock()).failed("::ffff:192.0.2.9") is None


def test_mapped_addresses_are_told_apart() -> None:
    """Callers over IPv4 on a socket of IPv6 do not wait for each other."""
    throttle = Throttle(LIMITS, clock=Clock())
    for _ in range(4):
        throttle.failed("::ffff:192.0.2.1")

    assert throttle.accepted("::ffff:192.0.2.2", "operator") is None


def test_memory_is_bounded() -> None:
    """However many addresses call, so many are remembered and no more, those that call now first."""
    throttle = Throttle(LoginLimits(in_all=10**9), clock=Clock())
    for number in range(_PEERS + 100):
        throttle.failed(f"peer-{number}")

    assert len(throttle._peers) == _PEERS
    assert "peer-0" not in throttle._peers
