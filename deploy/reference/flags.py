"""The page of the actuator's command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from actuator.cli import make_parser
from deploy.reference.markdown import WRITTEN, code, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = f"""{WRITTEN}# Flags

Of `wattshift-actuator`. What each command is for, and its exit statuses: [Commands](../commands.md). The exporter's
flags: [Metrics](../metrics.md).
"""


_CALLED = "the actuator to call"


def page() -> str:
    """Return the page."""
    commands = list(_commands(make_parser()))
    calling = next(group for group in map(_called, commands) if group)
    *callers, last = [code(parser.prog.split()[-1]) for parser in commands if _called(parser) and _top(parser)]
    shared = f"## Where the actuator is\n\nOf {', '.join(callers)} and {last}, which call it.\n\n{_table(calling)}"
    return "\n".join([_HEAD, shared, *(_command(parser) for parser in commands)])


def _top(parser: argparse.ArgumentParser) -> bool:
    """Tell a command from those of a command."""
    return len(parser.prog.split()) == len(("wattshift-actuator", "COMMAND"))


def _called(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The flags that say which actuator is called; several commands have them."""
    groups = parser._action_groups  # noqa: SLF001 - argparse tells its own flags in no other way
    return [action for group in groups if group.title == _CALLED for action in group._group_actions]  # noqa: SLF001


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command and subcommand, in the program's order."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells its own flags in no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                yield command
                yield from _commands(command)


def _command(parser: argparse.ArgumentParser) -> str:
    shared = _called(parser)
    own = [
        action
        for action in parser._actions  # noqa: SLF001 - as above
        if action not in shared
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001 - as above
    ]
    flags = f"\n{_table(own)}" if own else ""
    does = sentence(parser.description or "")
    return f"## {code(parser.prog)}\n\n{does[:1].upper()}{does[1:]}.\n{flags}"


def _table(actions: list[argparse.Action]) -> str:
    rows = ((_names(action), sentence((action.help or "") % {"default": action.default})) for action in actions)
    return table(("flag", "meaning"), rows)


def _names(action: argparse.Action) -> str:
    value = (
        "" if action.nargs == 0 else action.metavar or ("|".join(map(str, action.choices or ())) or action.dest.upper())
    )
    if not action.option_strings:
        return code(str(value))
    return ", ".join(code(f"{name} {value}".strip()) for name in action.option_strings)
