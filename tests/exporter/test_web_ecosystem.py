"""The web configuration beside the programs it has to fit: promtool reads the same files, Prometheus scrapes."""

from __future__ import annotations

import json
import os
import pty
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.web.guard import ConfigError, Guard
from tests.exporter.process import PROGRAM, run, serving
from tests.exporter.websites import CLIENTS, HASH, PASSWORD, PATIENCE, TLS, USERS, Site

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

BOTH_TAKE = [
    "",
    "tls_server_config: {}\n",
    TLS,
    CLIENTS,
    CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"),
    TLS + "  min_version: TLS13\n  prefer_server_cipher_suites: yes\n",
    TLS + "  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n  - TLS_AES_256_GCM_SHA384\n",
    TLS + "  \"curve_preferences\": [ 'X25519' ] # one\n",
    USERS,
    "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, X-XSS-Protection: 1}}\n",
    "---\nhttp_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n",
]
BOTH_REFUSE = [
    "- a\n",
    "a\n",
    "nothing: known\n",
    "tls_server_config: {ca: x}\n",
    "tls_server_config: {cert_file: server.crt}\n",
    "tls_server_config: {key_file: server.key}\n",
    "tls_server_config: {client_auth_type: NoClientCert}\n",
    TLS.replace("server.crt", "nothing.crt"),
    TLS.replace("server.key", "clients.pem"),
    CLIENTS.replace("clients.pem", "nothing.pem"),
    TLS + "  client_ca_file: clients.pem\n",
    TLS + "  client_auth_type: Sometimes\n",
    TLS + "  min_version: TLS14\n",
    TLS + "  cipher_suites: [ROT13]\n",
    TLS + "  cipher_suites: {}\n",
    TLS + "  curve_preferences: [CurveP192]\n",
    TLS + "  cert_file: server.crt\n",
    "http_server_config: {http2: perhaps}\n",
    "http_server_config: {headers: {X-Frame-Options: never}}\n",
    "http_server_config: {headers: {Server: x}}\n",
    "basic_auth_users: [alice]\n",
    "basic_auth_users: {alice: secret}\n",
    "basic_auth_users: {alice: }\n",
    f"basic_auth_users: {{alice: {HASH.replace('$04', '$03')}}}\n",
    "basic_auth_users:\n\talice: x\n",
]
WE_REFUSE = {
    "a certificate that nobody verifies protects nothing": TLS + "  client_auth_type: RequireAnyClientCert\n",
    "the same": TLS + "  client_auth_type: RequestClientCert\n",
    "Go would take a client of any authority in the world": TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
    "Debian's OpenSSL speaks no TLS 1.1": TLS + "  min_version: TLS11\n",
    "Python's ssl can be told one curve": TLS + "  curve_preferences: [X25519, CurveP256]\n",
    "Go would speak plain HTTP here": "tls_server_config: {min_version: TLS13}\n",
    "the highest version is below the least": TLS + "  min_version: TLS13\n  max_version: TLS12\n",
    "a check of 52 minutes": f"basic_auth_users: {{alice: {HASH.replace('$04', '$20')}}}\n",
    "a hash of a version with a known fault": f"basic_auth_users: {{alice: {HASH.replace('$2b', '$2x')}}}\n",
    "a user that no client can name": f"basic_auth_users: {{'a:b': {HASH}}}\n",
    "YAML that is left out": f"basic_auth_users: {{alice: &hash {HASH}}}\n",
}


def we_take(site: Site) -> bool:
    """Say whether the exporter takes the file."""
    try:
        Guard(site.file)
    except ConfigError:
        return False
    return True


def promtool_takes(toolbox: Toolbox, site: Site) -> bool:
    """Say whether exporter-toolkit takes it."""
    command = [str(toolbox.find("promtool")), "check", "web-config", str(site.file)]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE).returncode == 0


@pytest.mark.parametrize("text", BOTH_TAKE)
def test_what_the_toolkit_takes_we_take(tmp_path: Path, toolbox: Toolbox, text: str) -> None:
    """A file written for another exporter works here."""
    site = Site(tmp_path, text)

    assert (we_take(site), promtool_takes(toolbox, site)) == (True, True)


@pytest.mark.parametrize("text", BOTH_REFUSE)
def test_what_the_toolkit_refuses_we_refuse(tmp_path: Path, toolbox: Toolbox, text: str) -> None:
    """No file that another exporter would refuse is taken here."""
    site = Site(tmp_path, text)

    assert (we_take(site), promtool_takes(toolbox, site)) == (False, False)


@pytest.mark.parametrize("why", WE_REFUSE)
def test_what_we_refuse_beyond_the_toolkit(tmp_path: Path, toolbox: Toolbox, why: str) -> None:
    """Each has its reason; none would be safe or possible to take."""
    site = Site(tmp_path, WE_REFUSE[why])

    assert (we_take(site), promtool_takes(toolbox, site)) == (False, True)


def test_at_start_a_bad_file_ends_the_program_with_file_and_line(tmp_path: Path) -> None:
    """Exit status 1, and one sentence."""
    site = Site(tmp_path, USERS + "basic_auth_user: {}\n")
    ended = run(os.environ["PATH"], ["--web.listen-address=127.0.0.1:0", f"--web.config.file={site.file}"])

    assert ended.returncode == 1
    assert f"{site.file}:2: 'basic_auth_user' is not known in this file: expected tls_server_config" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_with_a_password_is_refused_also_at_a_terminal(tmp_path: Path) -> None:
    """OpenSSL would ask the terminal for it, and the program would never start: nobody types anything here."""
    site = Site(tmp_path, TLS)
    key = load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "server.key").write_bytes(pem)
    # A session's first terminal is its controlling one, which is where OpenSSL asks.
    code = "import os, sys; os.setsid(); os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
    mine, theirs = pty.openpty()
    command = [sys.executable, "-c", code, os.ttyname(theirs), str(PROGRAM), f"--web.config.file={site.file}"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    finally:
        os.close(mine)
        os.close(theirs)

    assert ended.returncode == 1
    assert f"{site.file}:2: expected a certificate (PEM)" in ended.stderr


def test_prometheus_scrapes_with_password_and_certificate(tmp_path: Path, toolbox: Toolbox) -> None:
    """Prometheus with both is served; with a wrong password, or with no certificate, the target is down."""
    site = Site(tmp_path, CLIENTS + "  client_allowed_sans: [prometheus.lan]\n" + USERS)
    site.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = site.clients.issue_cert("prometheus.lan")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    with serving(os.environ["PATH"], f"--web.config.file={site.file}") as exporter:
        assert exporter.url.startswith("https://")
        target = urlsplit(exporter.url).netloc
        jobs = [
            job("right", target, tmp_path, PASSWORD, "client.pem"),
            job("password", target, tmp_path, "wrong", "client.pem"),
            job("certificate", target, tmp_path, PASSWORD, None),
        ]
        scrapes = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        (tmp_path / "prometheus.json").write_text(json.dumps(scrapes))
        address = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}:9090"
        command = [
            str(toolbox.find("prometheus")),
            f"--config.file={tmp_path / 'prometheus.json'}",  # every JSON is YAML
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
        ]
        log = tmp_path / "prometheus.log"
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as prometheus:
            try:
                until = time.monotonic() + PATIENCE
                while not all(found := [health(address, name) for name in ("right", "password", "certificate")]):
                    assert prometheus.poll() is None, log.read_text()
                    assert time.monotonic() < until, (found, log.read_text(), exporter.log)
                    time.sleep(0.05)  # there is no event to wait for on the other side of HTTP
            finally:
                prometheus.kill()

    assert found[0] == "up: "
    assert found[1].startswith("down: ")
    assert "401" in found[1]
    assert found[2].startswith("down: ")
    assert "tls" in found[2] or "reset" in found[2]


def job(name: str, target: str, folder: Path, password: str, certificate: str | None) -> dict[str, object]:
    """Return a scrape job."""
    tls: dict[str, str] = {"ca_file": str(folder / "ca.pem")}
    if certificate is not None:
        tls |= {"cert_file": str(folder / certificate), "key_file": str(folder / certificate)}
    return {
        "job_name": name,
        "scheme": "https",
        "tls_config": tls,
        "basic_auth": {"username": "alice", "password": password},
        "static_configs": [{"targets": [target]}],
    }


def health(address: str, job_name: str) -> str:
    """Return what Prometheus says of a target once it has scraped it: its state and its last error; else nothing."""
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/targets", timeout=PATIENCE) as response:
            targets = json.load(response)["data"]["activeTargets"]
    except (urllib.error.URLError, ConnectionError):
        return ""
    for target in targets:
        if target["scrapePool"] == job_name and target["health"] in {"up", "down"}:
            return f"{target['health']}: {target['lastError']}"
    return ""
