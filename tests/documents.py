"""What a page of the documentation claims, for tests to hold it to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TEST = re.compile(r"`(tests/[\w/.]+)::(\w+)`")


def rows(page: str) -> list[list[str]]:
    """Return the cells of every table row of a page, without the lines below the headings."""
    lines = (line.strip() for line in page.splitlines())
    table = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| "))
    return [row for row in table if not row[0].startswith("---")]


def named_tests(cell: str) -> list[tuple[str, str]]:
    """Return the tests that a cell names, as file and function."""
    return _TEST.findall(cell)


def missing(tests: list[tuple[str, str]]) -> list[str]:
    """Return those of the tests that do not exist."""
    return [f"{file}::{name}" for file, name in tests if name not in _functions(ROOT / file)]


def _functions(file: Path) -> set[str]:
    if not file.is_file():
        return set()
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}
