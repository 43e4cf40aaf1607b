"""The files that hold secrets: who else on this machine can read or change them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.doctor.facts import Facts
    from actuator.settings import Settings

TITLE = "Secrets"


def check(facts: Facts) -> list[Finding]:
    """Judge each file that the configuration names."""
    findings = [each for key, file in files(facts.settings) if (each := judge(key, file)) is not None]
    return findings or [ok("nobody else on this machine can read or change them")]


def files(settings: Settings) -> list[tuple[str, Path]]:
    """Return key and file of each secret that is in one."""
    named = [("proxmox.token_file", settings.proxmox.token_file)]
    named += [(f"tokens.{index}.file", token.file) for index, token in enumerate(settings.tokens)]
    if settings.prometheus is not None:
        named.append(("prometheus.bearer_token_file", settings.prometheus.bearer_token_file))
    named.append(("database_password_file", settings.database_password_file))
    named.append(("web.key_file", settings.web.key_file))
    for name, node in settings.nodes.items():
        if (wake := node.wake) is not None:
            named.append((f"nodes.{name}.wake.secureon_file", wake.secureon_file))
            named += [
                (f"nodes.{name}.wake.{kind}.password_file", bmc.password_file)
                for kind, bmc in (("redfish", wake.redfish), ("ipmi", wake.ipmi))
                if bmc is not None
            ]
    return [(key, file) for key, file in named if file is not None]


def judge(key: str, file: Path) -> Finding | None:
    """Say what is wrong with one file, or None."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return problem(f"{key}: {file} cannot be looked at ({error.strerror})")
    if mode & stat.S_IWOTH:
        return problem(
            f"{key}: everybody on this machine can change {file}, and so choose the secret", f"chmod o= {file}"
        )
    if mode & stat.S_IROTH:
        return warning(f"{key}: everybody on this machine can read {file}", f"chmod o= {file}")
    return None
