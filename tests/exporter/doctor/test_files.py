"""The files that flags name: the service does not start with one that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.doctor import files
from exporter.doctor.finding import State
from tests.exporter.doctor.world import World

if TYPE_CHECKING:
    from pathlib import Path


def test_each_file_is_read_as_the_service_does(tmp_path: Path) -> None:
    """A good one is so; of one that is wrong the line is told, and that the service does not start."""
    world = World(tmp_path / "machine")
    web = world.write("web.yml", "http_server_config: {headers: {X-Frame-Options: deny}}\n")
    modules = world.write("modules.yml", "modules:\n  default:\n    pas: x\n")
    where = world.where()
    assert [finding.state for finding in files.check(where)] == [State.ABSENT]

    settings = replace(where.settings, web_config=web, modules_file=modules)
    good, bad = files.check(replace(where, settings=settings))
    assert (good.state, good.sentence) == (State.OK, f"{web} makes sense")
    assert bad.state == State.PROBLEM
    assert bad.sentence.startswith(f"the service does not start: {modules}:3: ")
    assert bad.commands[-1] == "systemctl restart wattshift-exporter"
