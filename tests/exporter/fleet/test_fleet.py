"""A fleet: a real exporter, the real ipmitool, and BMCs that speak RMCP+ side by side."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.exporter.process import serving
from tests.exporter.recordings import FIXTURES, write_program
from tests.exporter.test_child import wait_for_end
from tests.exporter.test_dcmi_lan import PASSWORD, PORT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from tests.exporter.process import Running

FLEET = 10
PATIENCE = 120.0
MODULES = f"""\
modules:
  default:
    user: admin
    password_file: secret
    port: {PORT}
    timeout: 60s
  wrong:
    user: admin
    pass: not the password
    port: {PORT}
    timeout: 60s
  hasty:
    user: admin
    password_file: secret
    port: {PORT}
    timeout: 1s
"""


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    """BMCs, each with a power of its own."""
    with ExitStack() as stack:
        made = []
        for number in range(FLEET + 2):
            site = Site()
            stack.callback(site.close)
            site.lab.meter.observe(float(100 + number), 1.0)
            made.append(site)
        yield made


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """The modules file, its password beside it."""
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    path = tmp_path / "modules.yml"
    path.write_text(MODULES)
    return path


@pytest.fixture
def path(toolbox: Toolbox) -> str:
    """A PATH with the real ipmitool."""
    return f"{toolbox.find('ipmitool').parent}:{os.environ['PATH']}"


def flags(modules: Path) -> list[str]:
    """Return the flags of an exporter that measures nothing but fleets."""
    return [
        f"--dcmi.modules-file={modules}",
        f"--path.sysfs={FIXTURES / 'machines' / 'no-sensors' / 'sys'}",
        "--no-collector.dcmi",
        "--no-collector.powerstat",
        "--no-collector.guests",
    ]


def get(running: Running, target: str, module: str = "default", timeout: str = "") -> str:
    """Return the page of one BMC, as Prometheus asks for it."""
    request = urllib.request.Request(  # noqa: S310 - our own URL
        f"{running.url}/dcmi?target={target}&module={module}",
        headers={"X-Prometheus-Scrape-Timeout-Seconds": timeout} if timeout else {},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - our own URL
        assert response.status == 200
        return str(response.read().decode())


def figure(page: str, name: str) -> float | None:
    """Return the one figure of that name."""
    found = re.findall(rf"^{name}\{{.*\}} (\S+)$", page, re.MULTILINE)
    return float(found[0]) if len(found) == 1 else None


def reasons(page: str) -> list[str]:
    """Return why there are no figures."""
    return re.findall(r'^wattshift_source_failure\{.*reason="(\w+)".*\} 1\.0$', page, re.MULTILINE)


def test_a_fleet_is_asked_side_by_side(sites: list[Site], modules: Path, path: str, toolbox: Toolbox) -> None:
    """Each BMC's own figure under its own name; one that hangs, one that refuses and one unknown fail by themselves."""
    *healthy, hanging, refusing = sites
    hanging.lab.meter.fault = "hang"
    asked = [(site.bmc.host, "default") for site in healthy]
    asked += [(hanging.bmc.host, "hasty"), (refusing.bmc.host, "wrong"), ("no-such-bmc.invalid", "hasty")]
    with serving(path, *flags(modules)) as running, ThreadPoolExecutor(len(asked)) as pool:
        pages = list(pool.map(lambda pair: get(running, *pair), asked))
        assert running.stop() == 0

    for number, (site, page) in enumerate(zip(healthy, pages, strict=False)):
        assert f'wattshift_dcmi_watts{{node="{site.bmc.host}",target="{site.bmc.host}"}} {100.0 + number}' in page
        assert figure(page, "wattshift_source_up") == 1.0
        assert reasons(page) == []
    assert [reasons(page) for page in pages[FLEET:-1]] == [["timeout"], ["auth"]]
    assert reasons(pages[-1]) in (["missing"], ["timeout"])  # by whether this machine has a name server that answers
    for page in pages[FLEET:]:
        assert figure(page, "wattshift_source_up") == 0.0
        assert figure(page, "wattshift_dcmi_watts") is None
    for page in pages:
        check = [str(toolbox.find("promtool")), "check", "metrics"]
        done = subprocess.run(check, input=page, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for secret in (PASSWORD, "not the password"):
        assert secret not in "".join(running.log) + "".join(pages)


def test_a_hanging_bmc_costs_one_child_that_dies_with_its_group(
    sites: list[Site], modules: Path, toolbox: Toolbox
) -> None:
    """Two scrapers of a BMC that hangs start one ipmitool; when the module's time is over, all it started is gone."""
    sites[0].lab.meter.fault = "hang"
    folder = modules.parent / "tools"
    log = folder / "pids"
    folder.mkdir()
    log.touch()
    real = toolbox.find("ipmitool")
    # It is no exec: the tool is a grandchild, as it would be under a wrapper.
    write_program(folder, "ipmitool", f'"{real}" "$@" & echo $$ $! >> "{log}"; wait')
    with serving(f"{folder}:{os.environ['PATH']}", *flags(modules)) as running, ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda _: get(running, sites[0].bmc.host, "hasty"), range(2)))
        lines = log.read_text().splitlines()
        for line in lines:
            for pid in line.split():
                wait_for_end(int(pid))
        sites[0].lab.meter.fault = None
        # The first may still get what the read before ended with.
        assert 1.0 in [figure(get(running, sites[0].bmc.host), "wattshift_source_up") for _ in range(2)]
        assert running.stop() == 0

    assert [reasons(page) for page in pages] == [["timeout"], ["timeout"]]
    assert len(lines) <= 2  # one, unless the second scraper came when the first's time was over


def test_stopping_the_exporter_ends_every_child(modules: Path) -> None:
    """However many BMCs hang, the exporter ends at once and leaves nothing."""
    folder = modules.parent / "tools"
    started, log = folder / "started", folder / "pids"
    folder.mkdir()
    os.mkfifo(started)
    write_program(folder, "ipmitool", f'echo $$ >> "{log}"; echo > "{started}"; exec sleep 600')
    pipe = os.fdopen(os.open(started, os.O_RDWR))
    with serving(f"{folder}:{os.environ['PATH']}", *flags(modules)) as running, ThreadPoolExecutor(3) as pool:
        under_way = [pool.submit(get, running, f"127.0.0.{number}") for number in (1, 2, 3)]
        for _ in under_way:
            pipe.readline()
        assert running.stop() == 0
        for future in under_way:
            future.exception(PATIENCE)  # an answer or a closed connection: both are an end
    pipe.close()

    pids = log.read_text().split()
    assert len(pids) == 3
    for pid in pids:
        wait_for_end(int(pid))


def test_a_bad_modules_file_is_refused_at_the_start_with_its_line(modules: Path, path: str) -> None:
    """And nothing is served."""
    modules.write_text("modules:\n  default:\n    pas: x\n")
    with (
        pytest.raises(AssertionError, match=r"modules\.yml:3: 'pas' is not known in default"),
        serving(path, *flags(modules)),
    ):
        pass
