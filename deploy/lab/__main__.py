"""``python -m deploy.lab``: the demo, from nothing to the closed loop."""

from __future__ import annotations

import argparse
import shutil
import signal
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
    from types import FrameType

_ROOT = Path(__file__).resolve().parent.parent.parent
_INTERRUPTED = 130
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KEEP_SECONDS = 0.5


def main() -> int:
    """Run the demo; return 0 when the loop closed, 1 when it did not, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end, until Ctrl-C")
    keep = parser.parse_args().keep
    for number in _ENDINGS:
        signal.signal(number, _interrupt)
    console = Console(soft_wrap=True)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # told while it happens, into a pipe too
    directory = Path(tempfile.mkdtemp(prefix="wattshift-demo-"))
    status = 1
    try:
        _play(console, directory, keep=keep)
        status = 0
    except (LoopOpenError, ProcessError, DebianError, TimeoutError, OSError, httpx.HTTPError) as error:
        console.print(f"\n[bold red]The loop did not close:[/] {error}", highlight=False)
        console.print(f"Configuration and logs are kept in {directory}", highlight=False)
    except KeyboardInterrupt:
        console.print("\nInterrupted; everything that was started has been ended.")
        status = _INTERRUPTED
    if status != 1:
        shutil.rmtree(directory, ignore_errors=True)
    return status


def _play(console: Console, directory: Path, *, keep: bool) -> None:
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
            _keep(console, stack)


def _keep(console: Console, stack: Stack) -> None:
    console.print("\n[bold]Everything stays up until Ctrl-C.[/]")
    for service in ("prometheus", "alertmanager"):
        console.print(f"  {service:14} {stack.url(service)}/", highlight=False)
    console.print(f"  {'actuator':14} {stack.url('actuator')}/docs", highlight=False)
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


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The clean-up that follows is short, and a second Ctrl-C must not leave half of it undone.
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
