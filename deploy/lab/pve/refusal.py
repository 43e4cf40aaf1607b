"""What Proxmox says when it does not do what it was asked (PVE::Exception)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        message: The Perl message; its first line becomes the reason phrase.
        errors: Parameter -> what is wrong with it.
    """

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    @property
    def reason(self) -> str:
        """The HTTP reason phrase."""
        return self.message.split("\n", 1)[0]


def bad_parameters(errors: Mapping[str, str]) -> Refusal:
    """Return the refusal of parameters (PVE::Exception::raise_param_exc)."""
    return Refusal(400, "Parameter verification failed.\n", errors)


def died(message: str) -> Refusal:
    """Return what a Perl ``die`` inside a call becomes."""
    return Refusal(500, f"{message}\n")
