"""What the alerts of a webhook ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actuator.policy.alertmanager import Webhook, power_alerts
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "alertmanager"


def recorded(name: str) -> Any:
    """The body of a webhook that a real Alertmanager sent."""
    return json.loads((RECORDINGS / f"{name}.json").read_text())["body"]


def webhook(body: object) -> Webhook:
    """The model of a body, read as it comes: from JSON."""
    return Webhook.model_validate_json(json.dumps(body))


def understood(labels: dict[str, str], **changes: Any) -> Any:
    """The one alert of a recorded body, with these labels instead of its own."""
    body = recorded("firing-single")
    body["alerts"][0] |= {"labels": labels, **changes}
    [alert] = power_alerts(webhook(body), requested_by="alertmanager")
    return alert


def test_recorded_alert() -> None:
    """A recorded alert is understood as its labels say."""
    [alert] = power_alerts(webhook(recorded("firing-single")), requested_by="am")

    assert alert.order == Order(Action.MIGRATE, "pve3", vmid=100, target_node="pve", requested_by="am")
    assert alert.refusal is None
    assert (alert.fingerprint, alert.alertname, alert.firing) == ("f36d1bcf78df65b3", "NodePowerHigh", True)
    assert alert.starts_at == 1795364422.295


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDINGS.glob("*.json")))
def test_every_recording(name: str) -> None:
    """Every recorded body is understood, alert by alert."""
    body = recorded(name)
    alerts = power_alerts(webhook(body), requested_by="am")

    assert [alert.fingerprint for alert in alerts] == [alert["fingerprint"] for alert in body["alerts"]]
    assert all(alert.order for alert in alerts)


def test_resolved_and_firing_are_the_same_episode() -> None:
    """An alert that resolved has the identity of its firing."""
    [firing] = power_alerts(webhook(recorded("firing-other-node")), requested_by="am")
    [resolved] = power_alerts(webhook(recorded("resolved")), requested_by="am")

    assert (firing.fingerprint, firing.starts_at) == (resolved.fingerprint, resolved.starts_at)
    assert (firing.firing, resolved.firing) == (True, False)


def test_only_the_alerts_own_status_counts() -> None:
    """A resolved alert in a group that still fires is resolved."""
    body = recorded("resolved") | {"status": "firing"}
    [alert] = power_alerts(webhook(body), requested_by="am")

    assert not alert.firing


def test_nanoseconds() -> None:
    """Nanoseconds, which Alertmanager writes, are cut to microseconds, always in the same way."""
    times = [understood({}, startsAt=f"2026-11-22T16:20:22.295123{tail}Z").starts_at for tail in ("", "000", "999")]

    assert times == [1795364422.295123] * 3


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ({"node": "pve2"}, Order(Action.MIGRATE, "pve2", requested_by="alertmanager")),
        ({"vmid": "100"}, Order(Action.MIGRATE, None, vmid=100, requested_by="alertmanager")),
        (
            {"node": "pve2", "vmid": "", "target_node": "", "action": ""},
            Order(Action.MIGRATE, "pve2", requested_by="alertmanager"),
        ),
        ({"vmid": "999999999"}, Order(Action.MIGRATE, None, vmid=999_999_999, requested_by="alertmanager")),
        ({"action": "wake", "node": "pve"}, Order(Action.WAKE, "pve", requested_by="alertmanager")),
        (
            {"action": "wake", "target_node": "pve", "vmid": "whatever"},
            Order(Action.WAKE, None, target_node="pve", requested_by="alertmanager"),
        ),
    ],
)
def test_orders(labels: dict[str, str], order: Order) -> None:
    """Labels are an order; an empty label is, as for Prometheus, an absent one."""
    assert understood(labels).order == order


@pytest.mark.parametrize(
    ("labels", "reason", "says"),
    [
        ({}, Reason.UNKNOWN_NODE, "neither 'node' nor 'vmid'"),
        ({"alertname": "Watchdog", "severity": "none"}, Reason.UNKNOWN_NODE, "keep the alert from this receiver"),
        ({"action": "wake"}, Reason.UNKNOWN_NODE, "wake a node but names none"),
        ({"node": "pve2", "action": "MIGRATE"}, Reason.UNKNOWN_ACTION, "'migrate' or 'wake'"),
        ({"node": "pve2:9100"}, Reason.UNKNOWN_NODE, "no domain, no port"),
        ({"node": "pve2.lan"}, Reason.UNKNOWN_NODE, "'pve2.lan'"),
        ({"node": "pve2", "target_node": "../etc"}, Reason.UNKNOWN_TARGET, "target_node"),
        ({"vmid": "99"}, Reason.GUEST_NOT_FOUND, "from 100 to 999999999"),
        ({"vmid": "1000000000"}, Reason.GUEST_NOT_FOUND, "from 100 to 999999999"),
        ({"vmid": "0100"}, Reason.GUEST_NOT_FOUND, "'0100'"),
        ({"vmid": "100.0"}, Reason.GUEST_NOT_FOUND, "'100.0'"),
        ({"vmid": " 100"}, Reason.GUEST_NOT_FOUND, "' 100'"),
        ({"vmid": "100\n"}, Reason.GUEST_NOT_FOUND, "'100?'"),
        ({"vmid": "1e3"}, Reason.GUEST_NOT_FOUND, "'1e3'"),
        ({"vmid": "qemu/100"}, Reason.GUEST_NOT_FOUND, "'qemu/100'"),
        ({"vmid": "\u0661\u0660\u0660"}, Reason.GUEST_NOT_FOUND, "expected a whole number"),
        ({"vmid": "9" * 10_000}, Reason.GUEST_NOT_FOUND, "…'"),
    ],
)
def test_refusals(labels: dict[str, str], reason: Reason, says: str) -> None:
    """A label that cannot be obeyed is a reason, and a short sentence that names it and what was expected."""
    alert = understood(labels)

    assert alert.order is None
    assert alert.refusal[0] is reason
    assert says in alert.refusal[1]
    assert len(alert.refusal[1]) < 250


def test_a_time_out_of_range_is_a_sentence() -> None:
    """A start that is in no year of UTC is refused with what was expected."""
    with pytest.raises(ValidationError, match=r"expected a time in the years 1 to 9999 of UTC"):
        understood({}, startsAt="9999-12-31T23:59:59-12:00")


@given(labels=st.dictionaries(st.sampled_from(["node", "vmid", "target_node", "action", "alertname"]), st.text()))
def test_either_an_order_or_a_refusal(labels: dict[str, str]) -> None:
    """Whatever the labels are, there is an order or a refusal, and no message carries control characters."""
    alert = understood(labels)

    assert (alert.order is None) != (alert.refusal is None)
    assert alert.alertname.isprintable()
    assert alert.refusal is None or alert.refusal[1].isprintable()


@given(vmid=st.integers(100, 999_999_999))
def test_every_vmid(vmid: int) -> None:
    """Every number that Proxmox can give a guest is understood."""
    assert understood({"vmid": str(vmid)}).order.vmid == vmid


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "pending"),
        ("labels", {"node": 2}),
        ("labels", None),
        ("startsAt", "yesterday"),
        ("startsAt", "2026-11-22T16:20:22"),
        ("startsAt", 1795364422),
        ("startsAt", "9999-12-31T23:59:59-12:00"),
        ("startsAt", "9999-12-31T23:59:59.999999Z"),
        ("startsAt", "0001-01-01T00:00:00+14:00"),
        ("fingerprint", "F36D1BCF78DF65B3"),
        ("fingerprint", "f36d1bcf78df65b3\n"),
        ("fingerprint", ""),
    ],
)
def test_no_alert(key: str, value: object) -> None:
    """What no Alertmanager writes is no alert, and the finding names the key."""
    body = recorded("firing-single")
    body["alerts"][0][key] = value
    with pytest.raises(ValidationError) as refused:
        Webhook.model_validate_json(json.dumps(body))

    assert refused.value.errors()[0]["loc"][:3] == ("alerts", 0, key)
