"""The clocks: alerts carry the time at which they began, and one from the future is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts

TITLE = "Clocks"

_TOLERATED_SECONDS = 30.0
_REFUSED_SECONDS = 600.0
"""As far apart may clocks be before alerts are refused; see `actuator.policy.decide`."""
_SYNC = "timedatectl set-ntp true  # here and there"


def check(facts: Facts) -> list[Finding]:
    """Judge each endpoint's clock against ours."""
    told = {host: answer.date for host, answer in facts.endpoints.items() if answer.date is not None}
    if not told:
        return [warning("no endpoint told its time, so the clocks are not compared", "timedatectl")]
    findings = []
    for host, date in told.items():
        apart = date - facts.asked_at[host]
        words = f"the clock of {host} is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} ours"
        if abs(apart) >= _REFUSED_SECONDS:
            findings.append(problem(f"{words}: alerts would be taken for stale ones or refused", _SYNC))
        elif abs(apart) >= _TOLERATED_SECONDS:
            findings.append(warning(words, _SYNC))
    return findings or [ok("the clocks agree")]
