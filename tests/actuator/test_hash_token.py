"""Hashing a token on the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from actuator.auth import hashed

TOKEN = "correct-horse-battery-staple"


def test_hash_token() -> None:
    """The command reads the token, with its line's end, and prints what a token file may hold."""
    command = [sys.executable, "-c", "import sys; from actuator.cli import main; sys.exit(main())", "hash-token"]
    done = subprocess.run(command, input=f"{TOKEN}\n", capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{hashed(TOKEN)}\n", "")


@pytest.mark.parametrize("given", ["", "\n", "two words", f"{TOKEN}\n{TOKEN}", hashed(TOKEN)])
def test_no_token(given: str) -> None:
    """What is no single token, a hash among it, is refused with a sentence that does not repeat it."""
    command = [sys.executable, "-c", "import sys; from actuator.cli import main; sys.exit(main())", "hash-token"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "expected one token on standard input" in done.stderr
    assert TOKEN not in done.stderr


def test_it_waits_for_no_library_of_another_command() -> None:
    """Those of the server and of the configuration take a second to import, which a small command need not cost."""
    program = "import sys; from actuator.cli import main; main(['hash-token']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], input=TOKEN, capture_output=True, text=True, timeout=60, check=True
    )

    assert not {"sqlalchemy", "pydantic", "fastapi", "requests", "yaml"} & set(done.stdout.split())
