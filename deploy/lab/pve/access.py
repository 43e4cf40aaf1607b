"""Who may do what: API tokens and their rights (PVE::AccessControl, PVE::RPCEnvironment)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from deploy.lab.pve.refusal import Refusal
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deploy.lab.plan import PveVersion, TokenPlan

# Every privilege of Proxmox VE 9.
PRIVILEGES = frozenset(
    {
        "Datastore.Allocate",
        "Datastore.AllocateSpace",
        "Datastore.AllocateTemplate",
        "Datastore.Audit",
        "Group.Allocate",
        "Mapping.Audit",
        "Mapping.Modify",
        "Mapping.Use",
        "Permissions.Modify",
        "Pool.Allocate",
        "Pool.Audit",
        "Realm.Allocate",
        "Realm.AllocateUser",
        "SDN.Allocate",
        "SDN.Audit",
        "SDN.Use",
        "Sys.AccessNetwork",
        "Sys.Audit",
        "Sys.Console",
        "Sys.Incoming",
        "Sys.Modify",
        "Sys.PowerMgmt",
        "Sys.Syslog",
        "User.Modify",
        "VM.Allocate",
        "VM.Audit",
        "VM.Backup",
        "VM.Clone",
        "VM.Config.CDROM",
        "VM.Config.CPU",
        "VM.Config.Cloudinit",
        "VM.Config.Disk",
        "VM.Config.HWType",
        "VM.Config.Memory",
        "VM.Config.Network",
        "VM.Config.Options",
        "VM.Console",
        "VM.GuestAgent.Audit",
        "VM.GuestAgent.FileRead",
        "VM.GuestAgent.FileSystemMgmt",
        "VM.GuestAgent.FileWrite",
        "VM.GuestAgent.Unrestricted",
        "VM.Migrate",
        "VM.PowerMgmt",
        "VM.Replicate",
        "VM.Snapshot",
        "VM.Snapshot.Rollback",
    }
)

# Paths that /access/permissions always looks at, beside those with an ACL of their own.
_COMMON_PATHS = frozenset({"/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"})


class Rights:
    """The rights of one token."""

    def __init__(self, token: TokenPlan) -> None:
        self.token = token

    def at(self, path: str) -> frozenset[str]:
        """Return the privileges on ``path``: those of the deepest entry on the way to it."""
        steps = [step for step in path.split("/") if step]
        for depth in range(len(steps), -1, -1):
            entry = self.token.acl.get("/" + "/".join(steps[:depth]))
            if entry is not None:
                return entry
        return frozenset()

    def may(self, path: str, privilege: str) -> bool:
        """Return whether the token has ``privilege`` on ``path``."""
        return privilege in self.at(path)

    def owns(self, user: str, tokenid: str | None) -> bool:
        """Return whether a task of ``user`` and ``tokenid`` is this token's own."""
        return (user, tokenid) == (self.token.user, self.token.name)

    def require(self, permissions: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Enforce a call's ``permissions`` as the published schema states them.

        Raises:
            Refusal: 403 with the path and the privileges that are missing.
        """
        if permissions.get("user") == "all":
            return
        _, template, wanted = permissions["check"]
        path = template.format(**parameters)
        if not frozenset(wanted) <= self.at(path):
            raise Refusal(403, f"Permission check failed ({path}, {'|'.join(wanted)})\n")

    def listing(self, acl_paths: Iterable[str]) -> dict[str, dict[str, int]]:
        """Return the effective permissions, as ``GET /access/permissions`` shows them."""
        paths = _COMMON_PATHS | frozenset(acl_paths)
        return {path: dict.fromkeys(self.at(path), 1) for path in paths if self.at(path)}


def authenticate(header: str | None, tokens: Sequence[TokenPlan], version: PveVersion) -> Rights:
    """Return the rights behind an Authorization header.

    Raises:
        Refusal: 401. The reason is the same for every cause in newer versions; before, it was the cause itself.
    """
    if header is None or not header.startswith("PVEAPIToken="):
        raise Refusal(401, "No ticket")
    identity, _, secret = header.removeprefix("PVEAPIToken=").partition("=")
    user, _, name = identity.partition("!")
    for token in tokens:
        if token.id == identity:
            if hmac.compare_digest(token.secret.encode(), secret.encode()):
                return Rights(token)
            cause = "invalid token value!"
            break
    else:
        cause = f"no such token '{name}' for user '{user}'"
    raise Refusal(401, "Authentication failed!" if knows(version, Change.SILENT_401) else cause)
