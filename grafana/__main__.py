"""``python -m grafana``: write every board."""

from __future__ import annotations

from grafana.boards import BOARDS, FOLDER, text

if __name__ == "__main__":
    for name, board in BOARDS.items():
        (FOLDER / f"{name}.json").write_text(text(board()), encoding="utf-8")
