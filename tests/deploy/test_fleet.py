"""The scrape job of fleet mode, by the real Prometheus: what its series are called in the end."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

FLEET = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "fleet.yml"
PATIENCE = 120.0


class _Exporter(BaseHTTPRequestHandler):
    """Answers as the exporter does for a BMC."""

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        target, module = query["target"][0], query["module"][0]
        body = f'wattshift_dcmi_watts{{node="{target}",target="{target}",module="{module}"}} 212\n'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def test_promtool_accepts_it(toolbox: Toolbox) -> None:
    """As it is shipped."""
    check = [str(toolbox.find("promtool")), "check", "config", str(FLEET)]
    done = subprocess.run(check, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_series_carry_the_nodes_name_and_the_bmc(toolbox: Toolbox, tmp_path: Path) -> None:
    """Prometheus's own label `node` stands in place of the exporter's, once, and the instance is the BMC."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    text = FLEET.read_text().replace("127.0.0.1:19100", f"127.0.0.1:{server.server_address[1]}")
    (tmp_path / "prometheus.yml").write_text(
        text.replace("30s", "1s").replace("scrape_timeout: 10s", "scrape_timeout: 1s")
    )
    command = [
        str(toolbox.find("prometheus")),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={listen}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        try:
            series = _series(f"http://{listen}/api/v1/query?query=wattshift_dcmi_watts")
        finally:
            prometheus.kill()
    server.shutdown()
    server.server_close()
    thread.join()

    assert sorted(series, key=lambda labels: labels["node"]) == [
        {
            "__name__": "wattshift_dcmi_watts",
            "instance": bmc,
            "job": "wattshift-fleet",
            "module": "default",
            "node": node,
            "target": bmc,
        }
        for node, bmc in (("pve3", "192.0.2.7"), ("pve4", "192.0.2.8"))
    ]


def _series(url: str) -> list[dict[str, str]]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310 - our own URL
                found = [row["metric"] for row in json.load(response)["data"]["result"]]
        except OSError:  # it is only coming up
            found = []
        if len(found) == 2:
            return found
        time.sleep(0.1)  # there is no event to wait for on the other side of HTTP
    raise AssertionError("Prometheus shows no series of the fleet's")
