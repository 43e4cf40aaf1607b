"""Looks at the running stack through the same public interfaces that a user has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

import httpx2 as httpx

from deploy.lab.story import Look

if TYPE_CHECKING:
    from collections.abc import Mapping

ALERT = "NodePowerHigh"


class Lamps(Protocol):
    """What a person standing in front of the machines sees."""

    def power(self) -> Mapping[str, str]:
        """Node -> ``off``, ``booting`` or ``on``."""

    def quorate(self) -> bool:
        """Whether the cluster may change anything."""


@dataclass(slots=True)
class Watcher:
    """One client for Prometheus, Alertmanager and the actuator; trusts nothing but their answers."""

    prometheus: str
    alertmanager: str
    actuator: str
    token: str
    lamps: Lamps
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5.0, trust_env=False))
    _last_event: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def look(self, at: float) -> Look:
        """One look at everything, ``at`` seconds into the story."""
        job, events = self._job()
        return Look(
            at=at,
            power=dict(self.lamps.power()),
            watts=self.watts(),
            quorate=self.lamps.quorate(),
            alert=self._alert_state(),
            delivered=bool(self._get(f"{self.alertmanager}/api/v2/alerts", filter=f'alertname="{ALERT}"')),
            told_resolved=bool(job and job["episode"] and job["episode"]["resolved_at"]),
            job=job,
            events=events,
        )

    def watts(self) -> dict[str, float]:
        """Node -> its power now, for the nodes Prometheus has a figure of."""
        answer = self._get(f"{self.prometheus}/api/v1/query", query="wattshift_node_watts")
        return {sample["metric"]["node"]: float(sample["value"][1]) for sample in answer["data"]["result"]}

    def job(self, job_id: str) -> dict[str, Any]:
        """One job, as the actuator's API gives it."""
        found: dict[str, Any] = self._get(f"{self.actuator}/api/v1/jobs/{job_id}", authenticated=True)
        return found

    def _alert_state(self) -> str:
        answer = self._get(f"{self.prometheus}/api/v1/alerts")
        states = [alert["state"] for alert in answer["data"]["alerts"] if alert["labels"]["alertname"] == ALERT]
        return "firing" if "firing" in states else "pending" if states else "inactive"

    def _job(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        jobs = self._get(f"{self.actuator}/api/v1/jobs", authenticated=True, limit="1")["jobs"]
        if not jobs:
            return None, []
        job = self.job(jobs[0]["id"])
        events = [event for event in job["events"] if event["id"] > self._last_event]
        self._last_event = max((event["id"] for event in events), default=self._last_event)
        return job, events

    def _get(self, url: str, *, authenticated: bool = False, **parameters: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if authenticated else {}
        response = self._client.get(url, params=parameters, headers=headers)
        response.raise_for_status()
        return response.json()
