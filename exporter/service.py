"""``wattshift-exporter serve``: the sampler behind a web server, until told to stop."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

from prometheus_client.registry import CollectorRegistry

from exporter.ending import Ending
from exporter.exposition import Exposition
from exporter.fleet.modules_file import ModulesError, ModulesFile
from exporter.fleet.page import FleetPage, not_set_up
from exporter.fleet.probes import MOST, Probes
from exporter.readings import Clock
from exporter.sampler import Sampler
from exporter.web.guard import ConfigError, Guard
from exporter.web.pages import site
from exporter.web.server import Bounds, WebServer
from exporter.wiring import make_sources

if TYPE_CHECKING:
    from exporter.settings import Settings

_log = logging.getLogger(__name__)

# Prometheus has one for each BMC; what is idle gives way, so this is what waits for BMCs at once, and as much again.
_FLEET_CONNECTIONS = 2 * MOST

_LISTEN_ADVICE: dict[int | None, str] = {
    errno.EADDRINUSE: "free it, or choose another",
    errno.EACCES: "ports below 1024 are root's: choose another",
}


def serve(settings: Settings) -> int:
    """Serve metrics until a signal says to stop; 1 when that cannot be done as the settings want it."""
    try:
        guard = Guard(settings.web_config) if settings.web_config is not None else None
        modules = ModulesFile(settings.modules_file) if settings.modules_file is not None else None
    except (ConfigError, ModulesError) as error:
        _log.error("%s", error)
        return 1
    clock = Clock()
    sources = make_sources(settings, clock, os.environ)
    sampler = Sampler(sources, settings.max_age, clock)
    registry = CollectorRegistry()
    families = [family for source in sources for family in source.families]
    Exposition(settings.node, families, settings.node_order, sampler.snapshot).register(registry)
    probes = Probes(os.environ)
    pages = {**site(registry, settings.node), "/dcmi": FleetPage(modules, probes) if modules else not_set_up}
    bounds = Bounds(connections=_FLEET_CONNECTIONS) if modules else Bounds()
    try:
        server = WebServer(settings.listen_host, settings.listen_port, pages, guard, bounds)
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
    ending = Ending(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    sampler.start()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    _log.info("listening on %s", server.url)
    ending.wait()
    server.shutdown()
    server.server_close()
    probes.close()
    sampler.close()
    _log.info("stopped")
    return 0
