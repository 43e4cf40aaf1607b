"""The guide to the web configuration says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.web.basic_auth import load_bcrypt
from exporter.web.config import HEADERS, read
from exporter.web.tls_config import KEYS
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "web-configuration.md").read_text()


def test_the_example_is_taken() -> None:
    """Its file is a configuration with TLS, and its hash is that of the password it names."""
    example = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[0]
    config = read(example, Path("/etc/wattshift"))

    assert config.tls is not None
    assert config.tls.files == (Path("/etc/wattshift/web.crt"), Path("/etc/wattshift/web.key"))
    stored = config.users["prometheus"].encode()
    assert load_bcrypt()(b"fakepassword", stored) == stored


def test_every_key_is_in_the_guide() -> None:
    """Nothing that the file may say is left out."""
    sections = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
    for key in (*sections, *KEYS, *HEADERS, "http2", "headers", "interval", "burst"):
        assert f"`{key}`" in GUIDE, key
