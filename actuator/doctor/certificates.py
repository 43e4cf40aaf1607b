"""Certificates: until when those of the endpoints and of our own listener are valid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from actuator.adapters.certificate import in_file
from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts

TITLE = "Certificates"

_DAY_SECONDS = 86_400.0
_SOON_SECONDS = 21 * _DAY_SECONDS
"""Proxmox renews its own two weeks before their end: what is younger than that was left alone by it."""
_RENEW = "pvecm updatecerts --force && systemctl restart pveproxy  # there"
_RELOAD = "systemctl reload wattshift-actuator  # once the new one is in {file}"


def check(facts: Facts) -> list[Finding]:
    """Judge each certificate that was shown, and the listener's file."""
    now = max(facts.asked_at.values(), default=time.time())
    shown = [judge(f"the certificate of {host}", expires, now, _RENEW) for host, expires in facts.certificates.items()]
    findings = [each for each in shown if each is not None]
    if (file := facts.settings.web.cert_file) is not None:
        expires = in_file(file)
        if expires is None:
            findings.append(
                problem(f"web.cert_file: no certificate can be read from {file}", f"openssl x509 -in {file}")
            )
        elif (ours := judge("our own certificate", expires, now, _RELOAD.format(file=file))) is not None:
            findings.append(ours)
    return findings or [ok("none that was seen ends within three weeks")]


def judge(whose: str, expires: float, now: float, command: str) -> Finding | None:
    """Say how long a certificate is valid, or None when that is long.

    Args:
        whose: As the sentence begins.
        expires: Unix seconds.
        now: Unix seconds.
        command: Renews it.
    """
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires))
    if now >= expires:
        return problem(f"{whose} has expired ({date}): nobody trusts it any more", command)
    if expires - now < _SOON_SECONDS:
        days = (expires - now) / _DAY_SECONDS
        return warning(f"{whose} ends in {days:.0f} days ({date})", command)
    return None
