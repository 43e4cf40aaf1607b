"""Users and passwords against bcrypt hashes."""

from __future__ import annotations

import base64
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.basic_auth import Doorkeeper, NoBcrypt, load_bcrypt

if TYPE_CHECKING:
    from collections.abc import Callable

# "fakepassword" as exporter-toolkit hashes it, and at the least cost, made once by libcrypt.
SLOW = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
BCRYPT = load_bcrypt()
HASH = BCRYPT(b"fakepassword", b"$2b$04$abcdefghijklmnopqrstuu").decode()


def basic(user: str, password: str | bytes) -> str:
    """Return the header of a client."""
    secret = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


class Counting:
    """bcrypt that counts its calls, and waits in each for an event if asked to."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.calls = 0
        self.settings: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.entered = threading.Event()
        self._gate = gate

    def __call__(self, password: bytes, setting: bytes) -> bytes:
        """Hash."""
        self.calls += 1
        self.settings.append(setting)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.entered.set()
        if self._gate is not None:
            self._gate.wait()
        hashed = BCRYPT(password, setting)
        self.at_once -= 1
        return hashed


@pytest.mark.parametrize("variant", ["$2a$", "$2b$", "$2y$"])
def test_the_variants_of_bcrypt(variant: str) -> None:
    """The hashes of htpasswd, of Python and of others are all known."""
    keeper = Doorkeeper({"alice": SLOW.replace("$2y$", variant)}, BCRYPT)

    assert keeper.admits(basic("alice", "fakepassword")) is True
    assert keeper.admits(basic("alice", "Fakepassword")) is False


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic ä",
        "Bearer " + basic("alice", "fakepassword").split()[1],
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff:fakepassword").decode(),
        basic("alice", ""),
        basic("alice", "fakepassword "),
        basic("alice", "fakepassword\0"),
        basic("alice", "fakepassword\0x"),
        basic("alice", "\0fakepassword"),
        basic("Alice", "fakepassword"),
        basic("", "fakepassword"),
    ],
)
def test_everything_else_is_refused(header: str | None) -> None:
    """No header, no Basic, no user, no password, and nothing that only begins like the password."""
    assert Doorkeeper({"alice": HASH}, BCRYPT).admits(header) is False


def test_the_scheme_may_be_written_in_any_case() -> None:
    """RFC 7235: the scheme's case says nothing."""
    assert Doorkeeper({"alice": HASH}, BCRYPT).admits(basic("alice", "fakepassword").replace("Basic", "bAsIc"))


@given(st.text())
def test_no_header_crashes_it(header: str) -> None:
    """Any text is refused."""
    assert Doorkeeper({"alice": HASH}, BCRYPT).admits(header) is False
    assert Doorkeeper({"alice": HASH}, BCRYPT).admits(f"Basic {header}") is False


def test_a_right_password_is_hashed_once_and_a_wrong_one_each_time() -> None:
    """Prometheus costs no bcrypt a scrape; guesses always do."""
    bcrypt = Counting()
    keeper = Doorkeeper({"alice": HASH}, bcrypt)
    for _ in range(3):
        assert keeper.admits(basic("alice", "fakepassword"))
    assert bcrypt.calls == 1

    for _ in range(3):
        assert not keeper.admits(basic("alice", "wrong"))
    assert bcrypt.calls == 4


def test_an_unknown_user_costs_what_a_known_one_does() -> None:
    """The time of an answer does not tell which users there are: the same hash is computed."""
    bcrypt = Counting()
    keeper = Doorkeeper({"alice": HASH}, bcrypt)

    assert not keeper.admits(basic("bob", "fakepassword"))
    assert bcrypt.settings == [HASH[:29].encode() + b"." * 31]
    assert BCRYPT(b"fakepassword", bcrypt.settings[0]).decode() == HASH


@pytest.mark.parametrize("costs", [("04", "06", "05"), ("06", "04", "05")])
def test_an_unknown_user_costs_what_the_costliest_does(costs: tuple[str, ...]) -> None:
    """Whichever user comes first in the file."""
    bcrypt = Counting()
    users = {f"user{cost}": BCRYPT(b"x", f"$2b${cost}$".encode() + b"." * 22).decode() for cost in costs}

    assert not Doorkeeper(users, bcrypt).admits(basic("bob", "x"))
    assert bcrypt.settings[0].startswith(b"$2b$06$")


def test_an_unknown_user_is_not_remembered() -> None:
    """Nor does a password that is remembered for one user let in another."""
    other = BCRYPT(b"another", b"$2b$04$" + b"." * 22).decode()
    keeper = Doorkeeper({"alice": HASH, "carol": other}, BCRYPT)
    assert keeper.admits(basic("alice", "fakepassword"))
    for user in ("bob", "carol"):
        assert [keeper.admits(basic(user, "fakepassword")) for _ in range(2)] == [False, False]


@pytest.mark.parametrize("password", ["pässwörd", "пароль", "密碼", "🔑", "a:b:c", " ", "e\u0301"])
def test_passwords_in_any_script(password: str) -> None:
    """The bytes of UTF-8 count, as in the hash; colons are part of the password."""
    keeper = Doorkeeper({"zoë": BCRYPT(password.encode(), HASH.encode()).decode()}, BCRYPT)

    assert keeper.admits(basic("zoë", password))
    assert not keeper.admits(basic("zoë", password + "x"))
    assert not keeper.admits(basic("zoe", password))


def test_of_a_long_password_the_first_72_bytes_count() -> None:
    """As in every bcrypt, Go's check of a password included: the 72nd counts, what is behind it does not."""
    keeper = Doorkeeper({"alice": BCRYPT(b"x" * 72, HASH.encode()).decode()}, BCRYPT)

    assert not keeper.admits(basic("alice", b"x" * 71))
    assert not keeper.admits(basic("alice", b"x" * 71 + b"y"))
    assert keeper.admits(basic("alice", b"x" * 72 + b"y"))


def test_what_is_remembered_is_bounded() -> None:
    """Of a password bcrypt reads 72 bytes, so there are endless right passwords; the newest are remembered."""
    long = b"x" * 72
    bcrypt = Counting()
    keeper = Doorkeeper({"alice": BCRYPT(long, HASH.encode()).decode()}, bcrypt)
    for number in range(200):
        assert keeper.admits(basic("alice", long + str(number).encode()))
    assert bcrypt.calls == 200

    assert keeper.admits(basic("alice", long + b"199"))
    assert bcrypt.calls == 200
    assert keeper.admits(basic("alice", long + b"0"))
    assert bcrypt.calls == 201


def test_one_password_is_checked_at_a_time_and_what_is_known_never_waits() -> None:
    """While a wrong one is being checked, others wait, but a password that was right is let in at once."""
    gate = threading.Event()
    gate.set()
    bcrypt = Counting(gate)
    keeper = Doorkeeper({"alice": HASH}, bcrypt)
    assert keeper.admits(basic("alice", "fakepassword"))
    gate.clear()
    bcrypt.entered.clear()
    guesses = [threading.Thread(target=keeper.admits, args=(basic("alice", f"guess {n}"),)) for n in range(4)]
    for guess in guesses:
        guess.start()
    assert bcrypt.entered.wait(60)

    assert keeper.admits(basic("alice", "fakepassword"))
    gate.set()
    for guess in guesses:
        guess.join()
    assert bcrypt.most_at_once == 1


def test_who_waits_too_long_is_told_so() -> None:
    """Neither let in nor refused: the check had no turn."""
    gate = threading.Event()
    bcrypt = Counting(gate)
    keeper = Doorkeeper({"alice": HASH}, bcrypt, patience=0.01)
    guess = threading.Thread(target=keeper.admits, args=(basic("alice", "guess"),))
    guess.start()
    assert bcrypt.entered.wait(60)

    assert keeper.admits(basic("alice", "fakepassword")) is None
    gate.set()
    guess.join()


def test_only_so_many_wait_for_their_turn() -> None:
    """Eight of twenty; the others are told so although nobody's patience is over."""
    gate = threading.Event()
    keeper = Doorkeeper({"alice": HASH}, Counting(gate), patience=600.0)
    verdicts: SimpleQueue[bool | None] = SimpleQueue()
    guesses = [threading.Thread(target=lambda: verdicts.put(keeper.admits(basic("alice", "guess")))) for _ in range(20)]
    for guess in guesses:
        guess.start()
    try:
        assert [verdicts.get(timeout=60) for _ in range(12)] == [None] * 12
    finally:
        gate.set()
    for guess in guesses:
        guess.join()
    assert [verdicts.get(timeout=60) for _ in range(8)] == [False] * 8
    assert keeper.admits(basic("alice", "fakepassword"))


@pytest.mark.parametrize("library", ["libnothing.so.1", "libc.so.6"])
def test_without_bcrypt_the_advice_is_to_install_it(library: str) -> None:
    """A missing library, or one that cannot do it, is said at once."""
    load: Callable[[str], object] = load_bcrypt
    with pytest.raises(NoBcrypt, match="apt install libcrypt1"):
        load(library)
