"""All pages of the reference, by file name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.reference import flags, metrics, openapi, settings, words

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of each page as the code has it now."""
    return {
        "settings.md": settings.page(),
        "flags.md": flags.page(),
        "metrics.md": metrics.page(),
        "reasons.md": words.page(),
        "openapi.json": openapi.page(),
    }
