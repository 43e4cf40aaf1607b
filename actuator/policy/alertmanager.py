"""Alertmanager's webhook, version 4: its models, and what its alerts ask for.

The format is documented at https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Three of its
traits shape this file. Newer versions add keys, so unknown ones are accepted. A group is ``firing`` as soon as one of
its alerts is, so only each alert's own status counts. And labels are strings that anybody who can write a rule may set,
so each one is checked strictly before it means anything.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, FailFast, Field, StringConstraints

from actuator.policy.episodes import PowerAlert
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason

NODE_NAME: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
"""A Proxmox node name is a host name of one label (``pve-node`` of its API schema)."""

MIN_VMID: Final = 100
MAX_VMID: Final = 999_999_999
"""Proxmox's range of guest numbers (``pve-vmid`` of its API schema)."""

_SHOWN_CHARACTERS = 60
_VMID = re.compile(r"[1-9][0-9]{2,8}", re.ASCII)
_NODE_NAME = re.compile(NODE_NAME, re.ASCII)


def _in_the_calendar(time: datetime) -> datetime:
    # Times are kept as seconds since 1970, which must be a date again when they are shown.
    try:
        datetime.fromtimestamp(time.timestamp(), UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected a time in the years 1 to 9999 of UTC") from None
    return time


class Alert(BaseModel):
    """One alert of a group.

    Attributes:
        status: Its own status.
        labels: All of them, rule's and Prometheus's.
        starts_at: When this firing began (RFC 3339; nanoseconds are cut to microseconds).
        fingerprint: Alertmanager's hash of the labels: sixteen hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: Annotated[AwareDatetime, Field(strict=True), AfterValidator(_in_the_calendar)] = Field(alias="startsAt")
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Webhook(BaseModel):
    """The body of one notification.

    Attributes:
        version: Of the format.
        alerts: The group's alerts.
        truncated_alerts: How many more there are that ``max_alerts`` cut off.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal["4"]
    alerts: Annotated[list[Alert], FailFast()]  # what is wrong with the first bad one: a body may hold 100,000 of them
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0, strict=True)] = 0


def power_alerts(webhook: Webhook, *, requested_by: str) -> list[PowerAlert]:
    """Reduce a notification to what the actuator obeys, in its order.

    Args:
        webhook: The notification.
        requested_by: The name of the token that brought it.
    """
    return [_power_alert(alert, requested_by) for alert in webhook.alerts]


class _Unusable(ValueError):
    """A label asks for something that cannot be understood."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.refusal = (reason, message)


def _power_alert(alert: Alert, requested_by: str) -> PowerAlert:
    order, refusal = None, None
    try:
        order = _order(alert.labels, requested_by)
    except _Unusable as unusable:
        refusal = unusable.refusal
    return PowerAlert(
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at.timestamp(),
        firing=alert.status == "firing",
        alertname=_shown(alert.labels.get("alertname", "")),
        order=order,
        refusal=refusal,
    )


def _order(labels: dict[str, str], requested_by: str) -> Order:
    action = _action(labels)
    node = _node(labels, "node", Reason.UNKNOWN_NODE)
    target = _node(labels, "target_node", Reason.UNKNOWN_TARGET)
    if action is Action.WAKE:
        if node is None and target is None:
            raise _Unusable(
                Reason.UNKNOWN_NODE,
                "The alert asks to wake a node but names none: give its rule the label 'node' or 'target_node'.",
            )
        return Order(action, node, target_node=target, requested_by=requested_by)
    vmid = _vmid(labels)
    if node is None and vmid is None:
        # Else any alert that a wrong route sends here (Watchdog, say) would move a guest.
        raise _Unusable(
            Reason.UNKNOWN_NODE,
            "The alert names neither 'node' nor 'vmid', so nothing says what to move: give its rule the label 'node' "
            "(where power is too high), or keep the alert from this receiver.",
        )
    return Order(action, node, vmid=vmid, target_node=target, requested_by=requested_by)


def _action(labels: dict[str, str]) -> Action:
    text = labels.get("action") or Action.MIGRATE  # to Prometheus, an empty label is an absent one
    try:
        return Action(text)
    except ValueError:
        known = " or ".join(f"'{action}'" for action in Action)
        raise _Unusable(
            Reason.UNKNOWN_ACTION, f"Label 'action' is {_quoted(text)}; set it to {known}, or leave it out to migrate."
        ) from None


def _node(labels: dict[str, str], name: str, reason: Reason) -> str | None:
    text = labels.get(name)
    if not text:
        return None
    if not _NODE_NAME.fullmatch(text):
        raise _Unusable(
            reason,
            f"Label '{name}' is {_quoted(text)}; expected a Proxmox node name, such as 'pve2' (no domain, no port).",
        )
    return text


def _vmid(labels: dict[str, str]) -> int | None:
    text = labels.get("vmid")
    if not text:
        return None
    if not _VMID.fullmatch(text):
        raise _Unusable(
            Reason.GUEST_NOT_FOUND,
            f"Label 'vmid' is {_quoted(text)}; expected a whole number from {MIN_VMID} to {MAX_VMID}, such as '100'.",
        )
    return int(text)


def _quoted(text: str) -> str:
    return f"'{_shown(text)}'"


def _shown(text: str) -> str:
    """Return foreign text fit for a message: one line, no control characters, not endless."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= _SHOWN_CHARACTERS else printable[: _SHOWN_CHARACTERS - 1] + "…"
