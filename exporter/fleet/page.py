"""``GET /dcmi?target=HOST[:PORT]&module=NAME``: one BMC's power, asked for at this moment.

The way of Prometheus's multi-target exporters: Prometheus names the BMC, the exporter asks it and shows its figures and
how the asking went. A BMC that fails is an answer too: 200, ``wattshift_source_up`` 0, and the reason.

The series carry the BMC as it was asked for in ``target``, in one spelling, and its host in ``node``: which Proxmox
node a BMC belongs to is known to Prometheus's configuration, where a target's own label ``node`` takes the place of
this one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.registry import CollectorRegistry

from exporter.fleet.probe_families import ProbeFamilies
from exporter.fleet.target import is_listed, parse_target
from exporter.readings import Sample, SourceError, printable
from exporter.settings import Bmc
from exporter.web.page import Answer
from exporter.web.pages import metrics
from exporter.web.rate_limit import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.fleet.modules_file import ModulesFile
    from exporter.fleet.probes import Probes
    from exporter.web.page import Request

_log = logging.getLogger(__name__)

_DEFAULT_MODULE = "default"
_MARGIN_SECONDS = 0.5  # what Prometheus's timeout is ahead of ours, so that the answer arrives before it hangs up
_MOST_TOLD = 1024  # BMCs whose last trouble is remembered, so that it is logged once
_MOST_LINES = 100  # of trouble that is logged at once, and one more each while; the others are for debugging
_PAUSE_SECONDS = 6.0
_NOT_SET_UP = b"Fleet mode is off: name a file of modules with --dcmi.modules-file.\n"


def not_set_up(_request: Request) -> Answer:
    """Answer for an exporter that was given no modules."""
    return Answer(_NOT_SET_UP, status=HTTPStatus.NOT_FOUND)


class FleetPage:
    """The page, with the modules of a file."""

    def __init__(self, modules: ModulesFile, probes: Probes, now: Callable[[], float] = time.monotonic) -> None:
        self._modules = modules
        self._probes = probes
        self._loud = RateLimiter(_PAUSE_SECONDS, _MOST_LINES, now)
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, str], str] = OrderedDict()

    def __call__(self, request: Request) -> Answer:
        """Answer one scrape."""
        try:
            asked, name = _one(request, "target"), _one(request, "module", _DEFAULT_MODULE)
            target = parse_target(asked)
        except ValueError as error:
            return _refuse(HTTPStatus.BAD_REQUEST, str(error))
        label = str(target)
        modules = self._modules.current()
        module = modules.get(name)
        if module is None:
            return _refuse(HTTPStatus.BAD_REQUEST, f"module {name[:80]!r} is not in the modules file")
        if not is_listed(target.host, module.targets):
            return _refuse(HTTPStatus.FORBIDDEN, f"target {label!r} is not among the targets of module {name!r}")
        bmc = Bmc(
            target.host, target.port or module.port, module.user, module.password, module.cipher_suite, module.privilege
        )
        limit = scrape_timeout(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        # The read has the module's time, whoever asked first: a scraper in a hurry must not cut another's short.
        patience = min(module.timeout, limit - margin(limit)) + margin(limit) / 2
        began = time.monotonic()
        result: Sample | SourceError
        try:
            result = self._probes.ask(bmc, module.timeout, patience, accept_inactive=module.accept_inactive)
        except SourceError as error:
            result = error
        duration = time.monotonic() - began
        self._tell(label, name, result)
        registry = CollectorRegistry()
        registry.register(ProbeFamilies(target.host, label, result, duration))
        return metrics(registry)(request)

    def _tell(self, label: str, name: str, result: Sample | SourceError) -> None:
        """Log a BMC's trouble when it is new: not at every scrape, and without remembering every BMC ever named."""
        failures = result.failures if isinstance(result, Sample) else (result,)
        reasons = " ".join(failure.reason for failure in failures)
        with self._lock:
            before = self._told.pop((label, name), "")
            if reasons:
                self._told[label, name] = reasons
                if len(self._told) > _MOST_TOLD:
                    self._told.popitem(last=False)
        if reasons != before:
            if reasons:
                details = "; ".join(f"{failure.reason}: {failure.detail}" for failure in failures)
                # Made-up targets all have trouble that is new: they must not fill the journal.
                level = logging.WARNING if self._loud.allows() else logging.DEBUG
                _log.log(level, "BMC %s: %s", label, details)
            else:
                _log.info("BMC %s: up", label)


def scrape_timeout(header: str) -> float:
    """Return the seconds after which the scraper hangs up, by its header; infinite when it says none, or nonsense."""
    try:
        seconds = float(header)
    except ValueError:
        return math.inf
    return seconds if 0 < seconds < math.inf else math.inf


def margin(limit: float) -> float:
    """Return how much sooner than that the answer has to be on its way."""
    return min(_MARGIN_SECONDS, limit / 2)


def _one(request: Request, name: str, otherwise: str | None = None) -> str:
    values = request.query.get(name, ())
    if len(values) > 1 or (not values and otherwise is None):
        raise ValueError(f"expected one {name}, as in /dcmi?target=bmc1.example&module=default")
    return values[0] if values else otherwise or ""


def _refuse(status: HTTPStatus, why: str) -> Answer:
    return Answer(f"{printable(why)}\n".encode(), status=status)
