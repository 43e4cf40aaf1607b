"""The flags that the service is started with, for a doctor who is given none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.doctor import environment_file
from exporter.flags import make_parser, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PASSWORD = "IPMI_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_DOCTOR = "doctor"


def adopt(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[list[str], dict[str, str], str]:
    """Return the arguments and the environment to judge by, and a sentence that says so, empty when there is nothing.

    They are those of ``default/wattshift-exporter`` below ``--path.etc``. Flags on the command line, other than that
    one, stand in place of the service's; the BMC's password is the service's unless the environment has one. Exits
    with status 2 when ``argv``, or the service's own flags, make no sense, as `exporter.flags.parse` does.
    """
    given = make_parser().parse_args(argv)
    if given.command != _DOCTOR:
        return list(argv), dict(environment), ""
    path = given.etc / "default" / "wattshift-exporter"
    alone = _without_etc(argv) == [_DOCTOR]
    try:
        variables = environment_file.parse(path.read_bytes().decode(errors="replace"))
    except FileNotFoundError:
        return list(argv), dict(environment), ""
    except OSError as error:
        said = f"the service's settings in {path} cannot be read ({error.strerror}): run this as root"
        return list(argv), dict(environment), said if alone else ""
    password = {_PASSWORD: variables[_PASSWORD]} if _PASSWORD in variables else {}
    if not alone:
        return list(argv), {**password, **environment}, ""
    flags = variables.get("ARGS", "")
    adopted = environment_file.words(flags)
    try:
        parse([*argv, *adopted], {**environment, **password})
    except SystemExit:
        sys.stderr.write(f"These flags are the service's, which does not start with them: correct ARGS in {path}\n")
        raise
    return [*argv, *adopted], {**environment, **password}, f"judging with the service's settings: {flags or 'no flags'}"


def _without_etc(argv: Sequence[str]) -> list[str]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--path.etc", dest="etc", type=Path)
    return parser.parse_known_args(argv)[1]
