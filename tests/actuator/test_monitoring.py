"""The keys about Prometheus and Alertmanager."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from actuator.adapters.prometheus import PrometheusAccess
from actuator.cli import main
from actuator.errors import ConfigurationError
from actuator.monitoring import prometheus_access
from actuator.settings import Settings
from tests.actuator.configuration import configuration, written

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path, **changes: Any) -> Settings:
    """The settings of a valid configuration with these keys beside."""
    return Settings.load(written(folder, configuration(folder) | changes))


def test_without_the_key_prometheus_is_not_asked(tmp_path: Path) -> None:
    """The key is optional; what it does not say has a default."""
    settings = load(tmp_path, prometheus={"url": "https://prometheus.example.org/p/"})

    assert prometheus_access(load(tmp_path).prometheus) is None
    assert prometheus_access(settings.prometheus) == PrometheusAccess("https://prometheus.example.org/p")


def test_its_token_is_read_from_a_file(tmp_path: Path) -> None:
    """The secret stands in a file of its own, named relative to the configuration, and is not shown."""
    (tmp_path / "bearer").write_text("prometheus-secret\n")
    access = prometheus_access(
        load(tmp_path, prometheus={"url": "http://p:9090", "bearer_token_file": "bearer"}).prometheus
    )

    assert access is not None
    assert access.bearer_token == "prometheus-secret"
    assert "prometheus-secret" not in repr(access)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("prometheus", {"url": "p:9090"}, "prometheus.url: expected an address such as"),
        ("prometheus", {"url": "http://user:secret@p:9090"}, "without user and password"),
        ("prometheus", {"url": "http://p:9090/?x=1"}, "expected an address such as"),
        ("prometheus", {"url": "http://p:9090", "timeout_seconds": 60}, "less than or equal to 10"),
        ("prometheus", {"url": "http://p:9090", "token": "x"}, "unknown key 'token'"),
        ("prometheus", {}, "prometheus.url: expected a value"),
        ("alertmanager", {"url": "ftp://a"}, "alertmanager.url: expected an address"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, key: str, value: Any, says: str) -> None:
    """Each fault is told with its key and what was expected."""
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        load(tmp_path, **{key: value})


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), ("", "the token alone"), ("two words", "the token alone")]
)
def test_a_token_file_that_cannot_be_used_is_said_by_check_config(
    tmp_path: Path, content: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """check-config reads it, so that no start fails by it; what is in it is not shown."""
    if content is not None:
        (tmp_path / "bearer").write_text(content)
    keys = configuration(tmp_path) | {"prometheus": {"url": "http://p:9090", "bearer_token_file": "bearer"}}

    assert main(["check-config", f"--config={written(tmp_path, keys)}"]) == 2
    told = capsys.readouterr().err
    assert "prometheus.bearer_token_file" in told
    assert says in told
    assert "two words" not in told
