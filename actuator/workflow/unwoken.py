"""What to say of a node that did not join in time: how far it came, and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.adapters.waking import by_bmc
from actuator.workflow.stages import Stage, seconds

if TYPE_CHECKING:
    from actuator.policy.jobs import Checkpoint

_WAKE_ON_LAN = (
    "Check that Wake-on-LAN is on in its firmware (ErP off) and in Linux (ethtool shows 'Wake-on: g' before each "
    "power-off), that the address (nodes.{node}.wake.mac, or `pvenode config get` there) is that network card's, and "
    "that the broadcast reaches its network."
)


def why_not(target: str, checkpoint: Checkpoint, patience: float) -> str:
    """The sentences.

    Args:
        target: The node.
        checkpoint: Of the job that waited for it.
        patience: How long it had, in seconds.
    """
    situation, advice = _situation(target, checkpoint)
    packets = f" ({checkpoint.packets_sent} magic packets)" if checkpoint.packets_sent else ""
    troubles = f" It could not be asked by {checkpoint.wake_troubles}." if checkpoint.wake_troubles else ""
    return (
        f"Node {target} did not join in {patience:.0f} s: {situation}. It was asked to wake by "
        f"{checkpoint.wake_method}{packets}.{troubles} {advice} It is not woken again until it was seen online, so "
        f"start it by hand once, or until you say so: wattshift-actuator clear-quarantine {target}."
    )


def _situation(target: str, checkpoint: Checkpoint) -> tuple[str, str]:
    if Stage.ANSWERS in checkpoint.stages:
        after = seconds(checkpoint)[Stage.ANSWERS]
        return (
            f"it answers on its network, since {after:.0f} s after the first request, but has not joined the cluster",
            "Look at its console, and at `systemctl status corosync pve-cluster` there.",
        )
    if Stage.POWERED in checkpoint.stages:
        return (
            "its BMC says that it has power, but it does not answer on its network",
            "Look at its console: it may stand in its firmware or its boot loader, or its network is down.",
        )
    if by_bmc(checkpoint.wake_method):
        return (
            "its BMC took the request to switch it on, and then said that it was off",
            "Look at the event log of the BMC, and at the power supply.",
        )
    return ("it gives no sign of life", _WAKE_ON_LAN.format(node=target))
