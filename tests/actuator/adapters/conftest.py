"""Every test of the store runs on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actuator.adapters.stores import url

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.postgresql import Postgresql

_UNHURRIED = "%20-cidle_in_transaction_session_timeout%3D60s"
"""Behind the URL's options: a machine that is busy with other tests may let a transaction stand still for seconds."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which there is nothing yet."""
    if request.param == "sqlite":
        return url(tmp_path / "a.db")
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.new_url() + _UNHURRIED
