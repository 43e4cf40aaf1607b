"""The Proxmox API: whether each endpoint answers, and its certificate is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.adapters.endpoint_probe import Trouble
from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from actuator.adapters.endpoint_probe import Answer
    from actuator.doctor.facts import Facts

TITLE = "Proxmox API"

_UNAUTHORIZED = 401
_ROLE = "sh role-and-token.sh  # deploy/proxmox, as root on a node of the cluster"


def check(facts: Facts) -> list[Finding]:
    """Judge each endpoint, and all of them."""
    others = any(answer.good for answer in facts.endpoints.values())
    findings = [_endpoint(host, answer, others=others) for host, answer in facts.endpoints.items()]
    if len(facts.endpoints) == 1 and len(facts.settings.nodes) > 1:
        findings.append(
            warning(
                "only one endpoint is configured: while its node is off, nothing works; add others to proxmox.hosts"
            )
        )
    if not facts.settings.proxmox.verify:
        findings.append(
            warning(
                "proxmox.verify is false: anybody on the network can pose as the cluster",
                "scp root@NODE:/etc/pve/pve-root-ca.pem /etc/wattshift/  # then set proxmox.ca_file to it",
            )
        )
    return findings


def _endpoint(host: str, answer: Answer, *, others: bool) -> Finding:
    """Judge one; when others answer, one that is off may be the node that sleeps, for which the others are there."""
    off = warning if others else problem
    if answer.trouble is Trouble.CERTIFICATE:
        return problem(
            f"{host} shows a certificate that is not to be trusted, or is another host's",
            f"scp root@{host.rpartition(':')[0]}:/etc/pve/pve-root-ca.pem /etc/wattshift/  # for proxmox.ca_file",
        )
    if answer.trouble is Trouble.SILENT:
        return off(f"{host} takes connections, but does not answer in time", "systemctl restart pveproxy  # there")
    if answer.trouble is not None:
        return off(
            f"{host} cannot be reached: its node is off, or pveproxy does not run", "systemctl status pveproxy  # there"
        )
    if answer.status == _UNAUTHORIZED:
        return problem(f"{host} does not accept the API token: its id or secret is wrong, or it has expired", _ROLE)
    if not answer.good:
        return problem(f"{host} answered {answer.status} {answer.reason}, and not as Proxmox does: check proxmox.hosts")
    return ok(f"{host} answers and accepts the token")
