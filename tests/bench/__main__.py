"""Runs the benchmark or half of it, prints its tables, and ends with status 1 when a budget is missed."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from deploy.lab.debian import DebianError
from deploy.lab.tools import Toolbox
from tests.bench import exporters, facts, report
from tests.bench.actuator import half as actuator
from tests.bench.machine import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.line import Line

_RESULT = ROOT / ".lab" / "bench.json"
_DOCUMENT = ROOT / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Half:
    """What was measured of one of the two programs, on what, and where it is written."""

    lines: list[Line]
    facts: dict[str, str]
    place: str


def _measured(name: str, toolbox: Toolbox, *, quick: bool) -> Half:
    measure, compared, place = {
        "exporter": (exporters.measure, facts.EXPORTERS, report.EXPORTER),
        "actuator": (actuator.measure, facts.ACTUATOR, report.ACTUATOR),
    }[name]
    return Half(measure(toolbox, quick=quick), facts.collect(toolbox, compared), place)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten; the spread is wider")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--only", choices=("exporter", "actuator"), help="measure only this one")
    given = parser.parse_args(argv)
    toolbox = Toolbox(ROOT / ".lab" / "tools")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started is ended
    names = [given.only] if given.only else ["exporter", "actuator"]
    try:
        halves = {name: _measured(name, toolbox, quick=given.quick) for name in names}
    except DebianError as error:
        parser.exit(2, f"bench: {error}\n")
    lines = [line for half in halves.values() for line in half.lines]
    sys.stdout.write(f"{report.table(lines)}\n")
    _RESULT.write_text(json.dumps({name: _figures(half) for name, half in halves.items()}, indent=2) + "\n")
    if given.write:
        document = _DOCUMENT.read_text()
        for half in halves.values():
            document = report.written_into(document, half.place, report.markdown(half.lines, half.facts))
        _DOCUMENT.write_text(document)
    missed = [line.what for line in lines if line.met is False]
    if missed:
        sys.stderr.write(f"bench: over budget: {'; '.join(missed)}\n")
    return 1 if missed else 0


def _figures(half: Half) -> dict[str, object]:
    return {"facts": half.facts, "lines": [{**asdict(line), "met": line.met} for line in half.lines]}


if __name__ == "__main__":
    sys.exit(main())
