"""A real Prometheus that scrapes what a test says, once it has."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2 as httpx
import yaml

from deploy.lab.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox

_SECONDS = 30.0
_RULE = "wattshift:node_threshold_watts"


@contextmanager
def serving(toolbox: Toolbox, folder: Path, text: str) -> Iterator[str]:
    """The address of a Prometheus that has scraped this text, and made thresholds of its ``wattshift_threshold``."""
    folder.mkdir(exist_ok=True)
    with _exposed(text) as target, _port() as port:
        address = f"127.0.0.1:{port}"
        processes = Processes(folder / "logs")
        try:
            processes.start(
                "prometheus",
                [
                    toolbox.find("prometheus"),
                    f"--config.file={_configuration(folder, target)}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={address}",
                ],
            )
            processes.await_http("prometheus", f"http://{address}/-/ready", seconds=_SECONDS)
            _await_rule(f"http://{address}")
            yield f"http://{address}"
        finally:
            processes.stop()


def _configuration(folder: Path, target: str) -> Path:
    rule = {"record": _RULE, "expr": "max without (instance, job) (wattshift_threshold)"}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "t", "rules": [rule]}]}))
    job = {"job_name": "exporter", "static_configs": [{"targets": [target]}]}
    document = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [job],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def _await_rule(url: str) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": f"{_RULE} or up"}, trust_env=False).json()
        if any(sample["metric"].get("__name__") == _RULE for sample in answer["data"]["result"]):
            return
        time.sleep(0.05)  # between two looks at another process, which tells nobody when it is there
    raise AssertionError("Prometheus made no thresholds of what it scraped")


@contextmanager
def _exposed(text: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    yield port
