"""What a BMC that hangs does to scrapes, and how many processes wait for it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from tests.bench import proc
from tests.bench.cost import SCRAPE_SECONDS
from tests.bench.scraper import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.serving import Running

_LOOK_SECONDS = 0.05


class ChildCount:
    """Counts the children of a process while its block runs; ``most`` is the most seen at once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.most = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.most = max(self.most, len(proc.children(self._pid)))


def scrape_on(running: Running, path: str, scrapes: int) -> list[float]:
    """Scrape every 5 s, whether or not the last scrape has ended, as Prometheus does; return the seconds of each.

    A scrape ends at Prometheus's own timeout of 10 s; its connection is then closed.
    """
    seconds: list[float] = []

    def scrape() -> None:
        began = time.monotonic()
        try:
            with running.scraper(path, patience=2 * SCRAPE_SECONDS) as scraper:
                scraper.scrape()
        except (OSError, NoAnswer):
            pass  # that it did not answer in time is what is measured
        seconds.append(time.monotonic() - began)

    _every(scrape, scrapes)
    return seconds


def _every(work: Callable[[], None], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
        time.sleep(SCRAPE_SECONDS)
    for thread in threads:
        thread.join()
