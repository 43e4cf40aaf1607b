"""The demo as a command: from nothing to the closed loop, and back to nothing."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
from rich.console import Console

from deploy.lab.debian import DebianError
from deploy.lab.demo import GUEST, SOURCE, TARGET, Demo, LoopOpenError
from deploy.lab.plans import two_nodes
from deploy.lab.processes import ProcessError
from deploy.lab.stack import Stack
from deploy.lab.tools import Toolbox
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).resolve().parent.parent.parent
_KEEP_SECONDS = 0.5


def run(argv: Sequence[str]) -> int:
    """Run the demo; return 0 when the loop closed, 1 when it did not, 130 when it was interrupted before."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end, until Ctrl-C")
    keep = parser.parse_args(argv).keep
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # told while it happens, into a pipe too
    console = Console(soft_wrap=True)
    directory = Path(tempfile.mkdtemp(prefix="wattshift-demo-"))
    failed = False
    try:
        return _play(console, directory, keep=keep)
    except BrokenPipeError:
        # Nobody listens any more: end quietly, as head(1) expects of what feeds it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LoopOpenError, ProcessError, DebianError, TimeoutError, OSError, httpx.HTTPError) as error:
        failed = True
        console.print(f"\n[bold red]The loop did not close:[/] {error}", highlight=False)
        console.print(f"Configuration and logs are kept in {directory}", highlight=False)
        return 1
    finally:
        if not failed:
            shutil.rmtree(directory, ignore_errors=True)


def _play(console: Console, directory: Path, *, keep: bool) -> int:
    toolbox = Toolbox(_ROOT / ".lab" / "tools")
    console.print(
        f"Two nodes as in the original experiment: [bold]{TARGET}[/] is off, [bold]{SOURCE}[/] runs guest {GUEST}.\n"
        "Simulated: the nodes, their BMCs and their Proxmox API. Real: everything else.\n",
        highlight=False,
    )
    for tool in ("prometheus", "alertmanager", "ipmitool"):
        toolbox.find(tool)
    with Lab(two_nodes(), directory / "lab") as lab, Stack(lab, toolbox, directory / "stack") as stack:
        Demo(lab, stack, console).run()
        if keep:
            with contextlib.suppress(KeyboardInterrupt):
                _keep(console, stack)
            console.print("\nEnded; nothing that was started is left.")
    return 0


def _keep(console: Console, stack: Stack) -> None:
    console.print("\n[bold]Everything stays up until Ctrl-C.[/]")
    for service, page in (("prometheus", "/"), ("alertmanager", "/api/v2/alerts"), ("actuator", "/docs")):
        console.print(f"  {service:14} {stack.url(service)}{page}", highlight=False)
    for node, address in sorted(stack.addresses.exporters.items()):
        console.print(f"  {'exporter ' + node:14} http://{address}/metrics", highlight=False)
    console.print("\nMove the guest back by hand:")
    console.print(
        f"  curl -X POST {stack.url('actuator')}/api/v1/jobs -H 'Authorization: Bearer {stack.tokens['operator']}' "
        f"-H 'Content-Type: application/json' "
        f'-d \'{{"action":"migrate","node":"{TARGET}","vmid":{GUEST},"target_node":"{SOURCE}"}}\'',
        highlight=False,
        markup=False,
    )
    pause = threading.Event()
    while not pause.wait(_KEEP_SECONDS):
        stack.keep_up()
