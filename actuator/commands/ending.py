"""How a command ends when it cannot do what was asked."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130


class CommandFailed(Exception):
    """Ends the command with a sentence, with the next thing to do, and an exit status.

    Attributes:
        status: For the shell; see `actuator.commands`.
    """

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
