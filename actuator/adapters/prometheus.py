"""What Prometheus knows of the power of nodes and guests.

One instant query tells it all, so that every figure is of the same moment and there is one deadline: three expressions
joined by ``or``, each marked by a label of its own (https://prometheus.io/docs/prometheus/latest/querying/api/).
Spoken with requests, which Proxmox's client brings along: one session, in the one thread that looks.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import defaultdict
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests
import structlog

from actuator.adapters.looking import Shared
from actuator.policy.power import Power

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = structlog.get_logger(__name__)

_KIND = "wattshift_kind"
_NODE, _THRESHOLD, _GUEST = "node", "threshold", "guest"
# `and` keeps to what is there now: the mean alone would go on for a minute with a source, or a guest, that has gone.
QUERY: Final = " or ".join(
    f'label_replace({expression}, "{_KIND}", "{kind}", "", "")'
    for kind, expression in (
        (_NODE, "(avg_over_time(wattshift_node_watts[1m]) and wattshift_node_watts)"),
        (_THRESHOLD, "wattshift:node_threshold_watts"),
        (_GUEST, "(avg_over_time(wattshift_guest_watts[1m]) and wattshift_guest_watts)"),
    )
)
"""Means over the last minute of what is measured now, and the thresholds of ``deploy/prometheus/rules``."""

_GUEST_ID = re.compile(r"(?:qemu|lxc)/([1-9][0-9]{2,8})", re.ASCII)
_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PrometheusAccess:
    """Where Prometheus is and how to be let in.

    Attributes:
        url: Its address, with the path that a reverse proxy gives it, without ``/api/v1``.
        bearer_token: Never shown; None when it asks for none.
        verify: A file with the certificate authority, True for the system's.
        timeout_seconds: How long a look is waited for in all.
    """

    url: str
    bearer_token: str | None = field(default=None, repr=False)
    verify: bool | str = True
    timeout_seconds: float = 2.0


class PrometheusError(Exception):
    """It gave no usable answer; the message says what to look at, and holds no secret."""


class PrometheusClient:
    """Asks instant queries; for one thread.

    Args:
        access: Where it is.
    """

    def __init__(self, access: PrometheusAccess) -> None:
        self._access = access
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc would take the place of the token
        self._session.verify = access.verify
        if access.bearer_token is not None:
            self._session.headers["Authorization"] = f"Bearer {access.bearer_token}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an instant vector, each with ``metric`` and ``value`` as Prometheus gives them.

        Raises:
            PrometheusError: it gave none.
        """
        url = f"{self._access.url.rstrip('/')}/api/v1/query"
        try:
            answer = self._session.post(
                url, data={"query": expression}, timeout=self._access.timeout_seconds, allow_redirects=False
            )
            document = answer.json()
            result = document["data"]["result"] if document["status"] == "success" else None
        except requests.exceptions.SSLError:
            raise PrometheusError(
                f"the certificate of {self._access.url} is not to be trusted: set prometheus.ca_file to the authority "
                f"that issued it"
            ) from None
        except requests.exceptions.JSONDecodeError:
            raise PrometheusError(self._said(answer.status_code, "no JSON")) from None
        except (KeyError, TypeError, RecursionError):
            raise PrometheusError(self._said(answer.status_code, "not what Prometheus answers")) from None
        except OSError as error:  # the base of everything that requests raises
            raise PrometheusError(
                f"nothing answered at {self._access.url} ({type(error).__name__}): check prometheus.url, and that "
                f"Prometheus runs"
            ) from None
        if not isinstance(result, list):
            raise PrometheusError(self._said(answer.status_code, str(document.get("error") or "no result")[:200]))
        return [sample for sample in result if isinstance(sample, dict)]

    def _said(self, status: int, what: str) -> str:
        hint = {401: "; set prometheus.bearer_token_file", 403: "; set prometheus.bearer_token_file"}.get(status, "")
        return f"{self._access.url} answered {status}, {what}: check prometheus.url{hint}"


class Prometheus:
    """The power of nodes and guests, from any thread; see `actuator.workflow.means.Means.power`.

    Args:
        access: Where it is.
        monotonic: Seconds, for the age of what is remembered.
    """

    def __init__(self, access: PrometheusAccess, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._timeout = access.timeout_seconds
        self._client = PrometheusClient(access)
        self._monotonic = monotonic
        self._looks = Shared(self._look, "prometheus")
        self._lock = threading.Lock()
        self._newest: tuple[float, Power] | None = None
        self._told: set[str] = set()

    def power(self) -> Power:
        """Return what is known now; nothing when Prometheus does not tell within the deadline. Never raises.

        Whatever it was, it stands for some seconds, so that a Prometheus that hangs holds up nobody twice.
        """
        with self._lock:
            if self._newest is not None and self._monotonic() - self._newest[0] < _FRESH_SECONDS:
                return self._newest[1]
        try:
            power = self._looks.ask().result(self._timeout)
        except (TimeoutError, CancelledError):
            self._tell_once(f"Prometheus did not answer within {self._timeout:g} s, so power is unknown: see its load")
            power = Power()
        with self._lock:
            self._newest = self._monotonic(), power
        return power

    def _look(self) -> Power:
        try:
            power, doubts = read(self._client.query(QUERY))
        except PrometheusError as error:
            self._tell_once(f"power is unknown: {error}")
            return Power()
        except Exception:  # noqa: BLE001 - unknown power must not fail a job; a defect of ours is told
            _log.exception("prometheus.defect")
            return Power()
        self._told.intersection_update(doubts)  # what is over may be told again when it comes back
        for doubt in doubts:
            self._tell_once(doubt)
        return power

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            _log.warning("prometheus.doubt", message=message)


def read(samples: Iterable[Mapping[str, Any]]) -> tuple[Power, list[str]]:
    """Return the power that the samples of `QUERY` tell, and sentences about those that were left out.

    A threshold counts while its node is measured by its source; of several for one node the lowest does, for each of
    them is an alert. A node or guest with two figures has none: nobody can tell which of them is right.
    """
    doubts: list[str] = []
    nodes: dict[str, list[tuple[str, float]]] = defaultdict(list)
    thresholds: dict[tuple[str, str], list[float]] = defaultdict(list)
    guests: dict[int, list[float]] = defaultdict(list)
    for sample in samples:
        labels = _labels(sample)
        kind, node, source = labels.get(_KIND), labels.get("node", ""), labels.get("source", "")
        watts = _watts(sample)
        if watts is None:
            doubts.append(f"a figure of {kind} {labels.get('id') or node} is not a number of watts, and left out")
        elif kind == _NODE and node:
            nodes[node].append((source, watts))
        elif kind == _THRESHOLD and node:
            thresholds[node, source].append(watts)
        elif kind == _GUEST and (found := _GUEST_ID.fullmatch(labels.get("id", ""))):
            guests[int(found[1])].append(watts)
    for node, figures in nodes.items():
        if len(figures) > 1:
            doubts.append(f"node {node} has {len(figures)} figures for its power, so none counts: scrape it once")
    sure = {node: figures[0] for node, figures in nodes.items() if len(figures) == 1}
    power = Power(
        node_watts={node: watts for node, (_, watts) in sure.items()},
        node_thresholds={
            node: min(thresholds[node, source]) for node, (source, _) in sure.items() if (node, source) in thresholds
        },
        # A guest under migration is seen on both nodes for a moment, which is nothing to tell.
        guest_watts={vmid: figures[0] for vmid, figures in guests.items() if len(figures) == 1},
    )
    return power, doubts


def _labels(sample: Mapping[str, Any]) -> dict[str, str]:
    metric = sample.get("metric")
    return {str(key): str(value) for key, value in metric.items()} if isinstance(metric, dict) else {}


def _watts(sample: Mapping[str, Any]) -> float | None:
    """A sample's value, written ``[time, "text"]``; None when it can be no power."""
    try:
        watts = float(sample["value"][1])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return watts if math.isfinite(watts) and watts >= 0 else None
