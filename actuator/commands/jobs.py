"""``wattshift-actuator jobs [list | show ID | follow ID | cancel ID]``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from actuator.commands.connection import add_flags, connect
from actuator.commands.ending import DONE, FAILED, INTERRUPTED
from actuator.commands.job_text import event_line, job_lines, jobs_table, progress_line
from actuator.commands.screen import Screen, cut, printable
from actuator.policy.jobs import JobState

if TYPE_CHECKING:
    from actuator.commands.client import Client

_MOST = 500


def register(commands: Any) -> None:
    """Add the command."""
    does = "list the jobs, show, follow or cancel one"
    parser = commands.add_parser("jobs", help=does, description=f"{does[0].upper()}{does[1:]}; by default, list them.")
    add_flags(parser)
    _add_list_flags(parser)
    parser.set_defaults(run=run_list)
    of_jobs = parser.add_subparsers(metavar="list | show | follow | cancel")
    for name, does, run in (
        ("list", "list the newest jobs", run_list),
        ("show", "show a job and its history", run_show),
        ("follow", "follow a job to its end; exit status 0 when it has succeeded", run_follow),
        ("cancel", "cancel a job that has asked for no migration yet", run_cancel),
    ):
        child = of_jobs.add_parser(name, help=does, description=does)
        add_flags(child)
        if name == "list":
            _add_list_flags(child)
        else:
            child.add_argument("id", metavar="ID", type=_job_id, help="as `jobs` lists it")
        child.set_defaults(run=run)


def run_list(parsed: argparse.Namespace) -> int:
    """List them."""
    parameters = {"state": parsed.state or [], "limit": parsed.limit}
    document = connect(parsed).get("/jobs", **parameters)
    if is_json(parsed):
        return print_json(document)
    jobs = document.get("jobs") or []
    print(cut(jobs_table(jobs, time.time()), sys.stdout) if jobs else "No jobs.")
    return DONE


def run_show(parsed: argparse.Namespace) -> int:
    """Show one."""
    job = connect(parsed).get(f"/jobs/{parsed.id}")
    if is_json(parsed):
        return print_json(job)
    print("\n".join(job_lines(job)))
    return DONE


def run_cancel(parsed: argparse.Namespace) -> int:
    """Cancel one."""
    document = connect(parsed).post(f"/jobs/{parsed.id}/cancel")
    if is_json(parsed):
        return print_json(document)
    print(f"Asked job {parsed.id} to stop; see it with: wattshift-actuator jobs follow {parsed.id}")
    return DONE


def run_follow(parsed: argparse.Namespace) -> int:
    """Follow one to its end."""
    return follow(connect(parsed), parsed.id, as_json=is_json(parsed))


def follow(client: Client, job_id: str, *, as_json: bool) -> int:
    """Show a job's events as they happen; the exit status is 0 exactly when it has succeeded."""
    screen = Screen(sys.stdout)
    try:
        for event in client.follow(job_id):
            if as_json:
                screen.line(json.dumps(event))
                continue
            progress = progress_line(event, plain=screen.plain)
            if progress is not None and screen.is_terminal:
                screen.live(progress)
            else:
                screen.line(event_line(event))
    except KeyboardInterrupt:
        screen.end()
        print(f"The job goes on; follow it again with: wattshift-actuator jobs follow {job_id}", file=sys.stderr)
        return INTERRUPTED
    screen.end()
    job = client.get(f"/jobs/{job_id}")
    if job.get("state") == JobState.SUCCEEDED:
        return DONE
    print(f"The job is {printable(job.get('state'))}: {printable(job.get('message'))}", file=sys.stderr)
    return FAILED


def is_json(parsed: argparse.Namespace) -> bool:
    """Tell whether the answer is wanted as JSON."""
    return bool(getattr(parsed, "json", False))


def print_json(document: object) -> int:
    """Print a document; done with that."""
    print(json.dumps(document, indent=2, ensure_ascii=True))
    return DONE


def _add_list_flags(parser: argparse.ArgumentParser) -> None:
    states = [state.value for state in JobState]
    parser.add_argument("--state", action="append", choices=states, help="only these; may be given several times")
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help=f"at most so many (default 20, up to {_MOST})"
    )


def _job_id(text: str) -> str:
    if not text.isascii() or not text.isalnum():
        raise argparse.ArgumentTypeError(f"expected a job's id, found {text!r}")
    return text
