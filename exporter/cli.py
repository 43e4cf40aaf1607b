"""``wattshift-exporter``: settings to a running program."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client.registry import CollectorRegistry

from exporter import flags
from exporter.exposition import Exposition
from exporter.readings import Clock
from exporter.sampler import Sampler
from exporter.server import MetricsServer
from exporter.settings import Pace
from exporter.sources.dcmi import Dcmi
from exporter.sources.powerstat import Powerstat
from exporter.sources.rapl import Rapl
from exporter.table import has_power, is_settled, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.readings import Source
    from exporter.settings import Settings

_log = logging.getLogger(__name__)

_LISTEN_ADVICE: dict[int | None, str] = {
    errno.EADDRINUSE: "free it, or choose another",
    errno.EACCES: "ports below 1024 are root's: choose another",
}
_READ_INTERVAL = 1.0  # seconds between the two samples that a power figure takes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    command, settings = flags.parse(sys.argv[1:] if argv is None else argv, os.environ)
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )
    return read(settings) if command == "read" else serve(settings)


def make_sources(settings: Settings, clock: Clock, environment: Mapping[str, str]) -> list[Source]:
    """Return the sources that the settings ask for."""
    sources: list[Source] = [
        Rapl(settings.sysfs, settings.rapl, clock),
        Dcmi(settings.dcmi, settings.bmc, environment),
        Powerstat(settings.powerstat, environment, clock),
    ]
    return [source for source in sources if source.name in settings.collectors]


def serve(settings: Settings) -> int:
    """Serve metrics until told to stop (SIGTERM, SIGINT); 1 when the address cannot be listened on."""
    clock = Clock()
    sources = make_sources(settings, clock, os.environ)
    sampler = Sampler(sources, settings.max_age, clock)
    registry = CollectorRegistry()
    families = [family for source in sources for family in source.families]
    Exposition(settings.node, families, settings.node_order, sampler.snapshot).register(registry)
    try:
        server = MetricsServer(settings.listen_host, settings.listen_port, registry, settings.node)
    except (OSError, UnicodeError) as error:  # a host name that cannot be encoded is a UnicodeError
        number, why = (error.errno, error.strerror) if isinstance(error, OSError) else (None, str(error))
        advice = _LISTEN_ADVICE.get(number, "name an address of this machine")
        _log.error(
            "cannot listen on %s:%d: %s: %s with --web.listen-address",
            settings.listen_host,
            settings.listen_port,
            why,
            advice,
        )
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sampler.start()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    _log.info("listening on %s", server.url)
    stop.wait()
    server.shutdown()
    server.server_close()
    sampler.close()
    _log.info("stopped")
    return 0


def read(settings: Settings) -> int:
    """Print what every source says, once its figures or its reasons are known; 0 when any power is among it."""
    clock = Clock()
    brisk = replace(
        settings,
        rapl=Pace(_READ_INTERVAL, settings.rapl.deadline),
        dcmi=Pace(_READ_INTERVAL, settings.dcmi.deadline),
    )
    sampler = Sampler(make_sources(brisk, clock, os.environ), settings.max_age, clock)
    logging.getLogger("exporter.sampler").setLevel(logging.CRITICAL)  # the table says it all
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sampler.start()
    try:
        snapshot = sampler.wait_until(is_settled)
    finally:
        sampler.close()
    print(render(snapshot, settings.node_order))
    return 0 if has_power(snapshot, settings.node_order) else 1
