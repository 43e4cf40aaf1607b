"""What the page about fleet mode says is so."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.fleet import modules
from exporter.fleet.modules import Module, read_modules
from exporter.fleet.probes import MOST

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "fleet.md").read_text()


def test_its_example_is_a_modules_file() -> None:
    """As it stands there, and it means what its comments say."""
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example
    read = read_modules(example[1], lambda path: f"from {path}")

    assert read == {
        "default": Module("monitor", "from bmc.password", "USER", targets=("192.0.2.0/24", "*.bmc.example")),
        "old": Module("monitor", "from bmc.password", None, 3, 6230, 15.0, accept_inactive=True),
    }
    assert "default: 623" in TEXT
    assert f"default: {Module(None, '').timeout:g}s" in TEXT


def test_every_key_and_bound_is_documented() -> None:
    """Also those of ipmi_exporter that are refused."""
    for key in (*modules.KEYS, *modules.PEERS):
        assert f"`{key}`" in TEXT or f"    {key}: " in TEXT, key
    assert f"{MOST} at once" in TEXT
