"""``wattshift-actuator plan``: what would happen now, and why, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.commands.connection import add_flags, connect
from actuator.commands.ending import DONE, FAILED, MISUSED, CommandFailed
from actuator.commands.jobs import is_json, print_json
from actuator.commands.screen import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plan",
        help="tell what would happen, and why, without doing it",
        description="Tell what an order would lead to now. Exit status 0 when something would be done, 1 when not.",
    )
    add_flags(parser)
    parser.add_argument(
        "--vmid", type=int, metavar="VMID", help="the guest to move; without it one is chosen on --node"
    )
    parser.add_argument("--node", metavar="NODE", help="the node to relieve")
    parser.add_argument("--target", metavar="NODE", help="where to; without it a node is chosen")
    parser.add_argument("--wake", metavar="NODE", help="instead of a move: the node to wake")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Ask, and show the answer."""
    plan = connect(parsed).post("/plan", _order(parsed))
    if is_json(parsed):
        print_json(plan)
    else:
        print("\n".join(plan_lines(plan)))
    return DONE if plan.get("act") is True else FAILED


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return a plan as text; pure."""
    lines = [printable(plan.get("message"))]
    if not plan.get("act"):
        lines.append(f"Nothing would be done: {printable(plan.get('reason'))}.")
    power = plan.get("power") or {}
    source, target = plan.get("source"), plan.get("target")
    told = [
        ("the guest is estimated at", power.get("guest_watts")),
        (f"{source} draws", power.get("source_watts")),
        (f"{target} draws", power.get("target_watts")),
        (f"too much for {target} are", power.get("target_threshold_watts")),
    ]
    known = [f"{words} {watts:.1f} W" for words, watts in told if isinstance(watts, int | float)]
    return [*lines, printable(f"Power: {'; '.join(known)}.")] if known else lines


def _order(parsed: argparse.Namespace) -> dict[str, Any]:
    move = {"vmid": parsed.vmid, "node": parsed.node, "target_node": parsed.target}
    given = {key: value for key, value in move.items() if value is not None}
    if parsed.wake is not None:
        if given:
            raise CommandFailed("plan: give either --wake, or what to move.", MISUSED)
        return {"action": "wake", "node": parsed.wake}
    if not {"vmid", "node"} & set(given):
        raise CommandFailed("plan: give --vmid (the guest), --node (the node to relieve), or --wake.", MISUSED)
    return {"action": "migrate", **given}
