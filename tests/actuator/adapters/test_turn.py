"""The order in which writers come to their turn."""

from __future__ import annotations

import threading

from actuator.adapters.turn import Turn

PATIENCE = 30.0


def test_it_goes_to_whoever_has_waited_longest() -> None:
    """Each gets it in the order of asking, and nobody passes them, not even the one who gives it back."""
    turn, order = Turn(), list[int]()

    def work(number: int) -> None:
        assert turn.acquire(PATIENCE)
        order.append(number)
        turn.release()

    assert turn.acquire(PATIENCE)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for asked, thread in enumerate(threads, start=1):
        thread.start()
        while len(turn._waiting) < asked:
            thread.join(0.001)
    turn.release()
    assert turn.acquire(PATIENCE)
    order.append(99)
    turn.release()
    for thread in threads:
        thread.join(PATIENCE)

    assert order == [*range(20), 99]


def test_one_whose_patience_ends_is_passed_over() -> None:
    """It is told so, and whoever waits behind it gets its turn all the same; then the turn is free again."""
    turn, behind = Turn(), threading.Event()

    def wait_behind() -> None:
        assert turn.acquire(PATIENCE)
        behind.set()
        turn.release()

    assert turn.acquire(PATIENCE)
    assert not turn.acquire(0.01)
    thread = threading.Thread(target=wait_behind)
    thread.start()
    turn.release()
    thread.join(PATIENCE)

    assert behind.is_set()
    assert turn.acquire(0)
    assert not turn.acquire(0)


def test_one_at_a_time() -> None:
    """However many threads want it, and however impatient they are: nobody else is in, and no turn is lost."""
    turn, inside, most = Turn(), [0], [0]

    def work() -> None:
        for number in range(200):
            if turn.acquire(PATIENCE if number % 3 else 0.0001):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1
                turn.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert (most, inside) == ([1], [0])
    assert turn.acquire(0)
