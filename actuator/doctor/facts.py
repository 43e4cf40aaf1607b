"""What there is on the network, looked at once and side by side: each endpoint, the cluster, and what watches it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from actuator.adapters.certificate import shown_by
from actuator.adapters.endpoint_probe import Answer, ask
from actuator.adapters.prometheus import QUERY, PrometheusClient, PrometheusError, read
from actuator.policy.power import Power

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.adapters.prometheus import PrometheusAccess
    from actuator.adapters.proxmox_access import ProxmoxAccess
    from actuator.monitoring import AlertmanagerSection
    from actuator.settings import Settings

_SIDE_BY_SIDE = 8
_SECONDS = 5.0
_NOTHING = Answer()


@dataclass(frozen=True, slots=True)
class Seen:
    """What an outside service told, or why it did not.

    Attributes:
        told: Its answer.
        error: A sentence, when there is none.
    """

    told: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the checks judge.

    Attributes:
        settings: The configuration.
        endpoints: ``address:port`` -> what it says the token may do (``GET /access/permissions``).
        asked_at: When each was asked, by our clock, unix seconds: between sending and answer.
        certificates: ``address:port`` -> until when the certificate is valid that it shows, unix seconds; without
            those that show none.
        status: ``GET /cluster/status`` of the first endpoint that answers.
        options: ``GET /cluster/options`` of it.
        ha_resources: ``GET /cluster/ha/resources`` of it.
        qdevice: ``GET /cluster/config/qdevice`` of it.
        configs: Node that is online -> its ``GET /nodes/{node}/config``.
        prometheus: Its power and doubts; None when none is configured.
        alertmanager: The text of its configuration; None when none is configured.
    """

    settings: Settings
    endpoints: Mapping[str, Answer]
    asked_at: Mapping[str, float] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)
    status: Answer = _NOTHING
    options: Answer = _NOTHING
    ha_resources: Answer = _NOTHING
    qdevice: Answer = _NOTHING
    configs: Mapping[str, Answer] = field(default_factory=dict)
    prometheus: Seen | None = None
    alertmanager: Seen | None = None

    @property
    def members(self) -> dict[str, bool]:
        """Cluster node -> whether it is online; empty when Proxmox does not tell."""
        entries = self.status.data if self.status.good and isinstance(self.status.data, list) else []
        return {
            str(entry["name"]): bool(entry.get("online"))
            for entry in entries
            if isinstance(entry, dict) and entry.get("type") == "node" and "name" in entry
        }

    @property
    def quorate(self) -> bool:
        """Whether the cluster has quorum; a stand-alone host always has."""
        entries = self.status.data if isinstance(self.status.data, list) else []
        whole = [entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "cluster"]
        return all(bool(entry.get("quorate")) for entry in whole)


def gather(settings: Settings, access: ProxmoxAccess, prometheus: PrometheusAccess | None) -> Facts:
    """Look at everything; takes as long as the slowest of them, whose every answer has a deadline."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="doctor") as pool:
        asked = {host: pool.submit(_timed, access, host) for host in access.hosts}
        shown = {host: pool.submit(shown_by, host, access.probe_timeout) for host in access.hosts}
        power = None if prometheus is None else pool.submit(_power, prometheus)
        route = None if settings.alertmanager is None else pool.submit(_route, settings.alertmanager)
        endpoints = {host: future.result() for host, future in asked.items()}
        answering = next((host for host, (answer, _) in endpoints.items() if answer.good), None)
        about = {}
        if answering is not None:
            paths = ("/cluster/status", "/cluster/options", "/cluster/ha/resources", "/cluster/config/qdevice")
            about = dict(zip(paths, pool.map(lambda path: ask(access, answering, path), paths), strict=True))
        facts = Facts(
            settings=settings,
            endpoints={host: answer for host, (answer, _) in endpoints.items()},
            asked_at={host: at for host, (_, at) in endpoints.items()},
            certificates={host: expires for host, future in shown.items() if (expires := future.result()) is not None},
            status=about.get("/cluster/status", _NOTHING),
            options=about.get("/cluster/options", _NOTHING),
            ha_resources=about.get("/cluster/ha/resources", _NOTHING),
            qdevice=about.get("/cluster/config/qdevice", _NOTHING),
            prometheus=None if power is None else power.result(),
            alertmanager=None if route is None else route.result(),
        )
        awake = [name for name, online in facts.members.items() if online and name in settings.nodes]
        configs = pool.map(lambda name: ask(access, answering or "", f"/nodes/{name}/config"), awake)
        return _with_configs(facts, dict(zip(awake, configs, strict=True)))


def _with_configs(facts: Facts, configs: dict[str, Answer]) -> Facts:
    return Facts(**{name: getattr(facts, name) for name in Facts.__slots__} | {"configs": configs})


def _timed(access: ProxmoxAccess, host: str) -> tuple[Answer, float]:
    began = time.time()
    answer = ask(access, host, "/access/permissions")
    return answer, (began + time.time()) / 2


def _power(access: PrometheusAccess) -> Seen:
    try:
        return Seen(read(PrometheusClient(access).query(QUERY)))
    except PrometheusError as error:
        return Seen((Power(), []), str(error))


def _route(section: AlertmanagerSection) -> Seen:
    """Its configuration, as it runs (``GET /api/v2/status``)."""
    with requests.Session() as session:
        session.trust_env = False
        verify = True if section.ca_file is None else str(section.ca_file)
        try:
            answer = session.get(f"{section.url}/api/v2/status", verify=verify, timeout=_SECONDS, allow_redirects=False)
            return Seen(str(answer.json()["config"]["original"]))
        except (requests.exceptions.JSONDecodeError, KeyError, TypeError, RecursionError):
            return Seen(error=f"{section.url} does not answer as Alertmanager does")
        except OSError as error:
            return Seen(error=f"nothing answered at {section.url} ({type(error).__name__})")
