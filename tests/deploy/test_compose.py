"""The compose file: valid by the specification's schema, sealed, and made of files that are there and fit together.

That an engine runs it is not shown here: the images of the others cannot be fetched by a test.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.source_tree import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SCHEMA = json.loads((ROOT / "tests" / "fixtures" / "compose" / "compose-spec.json").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GUIDES = Path("/etc/wattshift")
"""What the guide makes."""


def binds(service: str) -> dict[str, str]:
    """Return what is mounted from the machine: target -> source."""
    return {mount["target"]: mount["source"] for mount in SERVICES[service]["volumes"] if mount["type"] == "bind"}


def given(service: str) -> dict[str, str]:
    """Return the single files that a service is given as secrets: target -> file on the machine."""
    found = {}
    for grant in SERVICES[service].get("secrets", []):
        name = grant if isinstance(grant, str) else grant["source"]
        target = f"/run/secrets/{name}" if isinstance(grant, str) else grant["target"]
        found[target] = COMPOSE["secrets"][name]["file"]
    return found


def seen_at(service: str, path: str) -> str:
    """Return which file of the tree a service sees at a path."""
    target, source = next((item for item in binds(service).items() if path.startswith(f"{item[0]}/")), ("", ""))
    assert target, f"{service} sees nothing at {path}"
    return source + path.removeprefix(target)


def test_the_schema_accepts_it() -> None:
    """Every key and value is one of the specification's."""
    jsonschema.Draft7Validator(SCHEMA).validate(COMPOSE)


@pytest.mark.parametrize(("key", "value"), [("read_onli", True), ("cap_drop", "ALL"), ("healthcheck", {"test": 7})])
def test_the_schema_refuses_a_fault(key: str, value: object) -> None:
    """The check above is one that can fail."""
    broken = deepcopy(COMPOSE)
    broken["services"]["actuator"][key] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(broken)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_sealed(service: str) -> None:
    """A read-only root, no capability and no way to gain one; whatever it writes is a volume of its own, by name."""
    keys = SERVICES[service]
    written = [mount["source"] for mount in keys["volumes"] if not mount.get("read_only")]

    assert keys["read_only"] is True
    assert keys["cap_drop"] == ["ALL"]
    assert keys["security_opt"] == ["no-new-privileges:true"]
    assert written == [service]
    assert set(written) <= set(COMPOSE["volumes"])
    assert "ports" not in keys
    assert "privileged" not in keys


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_asked_for_its_health(service: str) -> None:
    """By its own means; the actuator's check is the image's."""
    test = SERVICES[service].get("healthcheck", {}).get("test", [])

    assert test[:1] == ["CMD"] if service != "actuator" else not test


def test_they_listen_on_loopback_and_find_each_other_there() -> None:
    """The addresses are those that the configurations name."""
    prometheus = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    alertmanagers = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]

    assert [f"--web.listen-address={address}" for address in alertmanagers] == [
        flag for flag in SERVICES["alertmanager"]["command"] if "listen-address" in flag and not flag.endswith("=")
    ]
    assert "--web.listen-address=127.0.0.1:9090" in SERVICES["prometheus"]["command"]
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert {keys["network_mode"] for keys in SERVICES.values()} == {"host"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service: str) -> None:
    """Each source is a folder of this tree, or the one that the guide makes; none is made up by the engine."""
    for mount in SERVICES[service]["volumes"]:
        if mount["type"] == "bind":
            source = (DEPLOY / mount["source"]).resolve()
            assert source == GUIDES or (source.is_relative_to(ROOT) and source.is_dir()), source
            assert mount["bind"] == {"create_host_path": False}
    assert all(re.fullmatch(r"/etc/wattshift/[a-z.-]+", file) for file in given(service).values())


@pytest.mark.parametrize(("service", "flag"), [("prometheus", "--config.file"), ("alertmanager", "--config.file")])
def test_the_command_names_a_file_that_is_mounted(service: str, flag: str) -> None:
    """The real promtool and amtool pass that file elsewhere."""
    path = next(word.split("=")[1] for word in SERVICES[service]["command"] if word.startswith(flag))

    assert (DEPLOY / seen_at(service, path)).is_file()


def test_grafana_sees_its_boards_where_it_looks_for_them() -> None:
    """The folder that the provisioning names is the one that is mounted."""
    named = {
        provider["options"]["path"]
        for file in (ROOT / "grafana" / "provisioning" / "dashboards").glob("*.yml")
        for provider in yaml.safe_load(file.read_text())["providers"]
    }

    assert named <= set(binds("grafana"))


def test_secrets_are_where_the_configurations_look_for_them() -> None:
    """Each file that the example configuration or Alertmanager's names is seen by the container, under that name."""
    alertmanager = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    webhook = alertmanager["receivers"][0]["webhook_configs"][0]["http_config"]
    actuator = yaml.safe_load((DEPLOY / "actuator" / "actuator.yml").read_text())
    files = {token["file"] for token in actuator["tokens"]} | {
        actuator["proxmox"]["token_file"],
        actuator["proxmox"]["ca_file"],
    }

    assert set(given("alertmanager")) == {webhook["authorization"]["credentials_file"]}
    assert {seen_at("actuator", file) for file in files} == files


def test_what_a_reload_reads_again_is_seen_anew() -> None:
    """Folders are mounted: an editor puts a new file in a file's place, and a mount of the old one keeps showing that.

    Alertmanager's copy of its token is the exception, and the page says what it takes.
    """
    page = (ROOT / "docs" / "containers.md").read_text()

    assert binds("actuator") == {str(GUIDES): str(GUIDES)}
    assert all((DEPLOY / binds(service)[f"/etc/{service}"]).is_dir() for service in ("prometheus", "alertmanager"))
    assert "configs" not in COMPOSE
    assert {service for service in SERVICES if given(service)} == {"alertmanager", "grafana"}
    assert "docker compose up --detach --force-recreate alertmanager" in page


def test_grafana_s_password_is_for_grafana_alone() -> None:
    """The actuator sees the folder that it lies in, so it is of another owner, and of no group that has any right."""
    page = (ROOT / "docs" / "containers.md").read_text()

    assert "(umask 077; openssl rand -hex 16 > /etc/wattshift/grafana-password)\nchown 472 " in page
    assert "group_add" not in SERVICES["grafana"]


def test_the_image_is_ours_and_the_others_are_of_one_version_each() -> None:
    """The build is the Containerfile's; no tag can become something else."""
    build = SERVICES["actuator"]["build"]
    others = {keys["image"] for service, keys in SERVICES.items() if service != "actuator"}

    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert all(re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image) for image in others)
