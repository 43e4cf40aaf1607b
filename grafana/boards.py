"""Every board by its file's name, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import guests, migrations, power

if TYPE_CHECKING:
    from collections.abc import Callable

    from grafana_foundation_sdk.models.dashboard import Dashboard

FOLDER = Path(__file__).resolve().parent / "dashboards"

BOARDS: dict[str, Callable[[], Dashboard]] = {
    "power": power.board,
    "guests": guests.board,
    "migrations": migrations.board,
}


def text(board: Dashboard) -> str:
    """Return the file's content: the same board is the same bytes, so that a change is seen in a diff."""
    return json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
