"""Stands in for ``pveum``: keeps roles, users and tokens in a file, refuses as Proxmox does, and records each call.

Behaviour as in pve-access-control: creating what exists is an error, a token's secret is shown when it is created and
never again. Run as ``python fake_pveum.py STATE ARGUMENT...``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:  # noqa: C901 - one case a call
    """Do one call."""
    path = Path(sys.argv[1])
    state = json.loads(path.read_text())
    arguments = sys.argv[2:]
    state["calls"].append(arguments)
    answer: object = None
    status = 0
    match arguments:
        case [("role" | "user") as kind, "list", "--output-format", "json"]:
            answer = [{f"{kind}id": name} for name in state[kind]]
        case ["user", "token", "list", user, "--output-format", "json"]:
            answer = [{"privsep": 1, "tokenid": name} for name in state["user"][user]]
        case ["role", ("add" | "modify") as verb, name, "--privs", privileges]:
            status = 255 if (name in state["role"]) is (verb == "add") else 0
            state["role"][name] = privileges
        case ["user", "add", user, *_]:
            status = 255 if user in state["user"] else 0
            state["user"].setdefault(user, [])
        case ["user", "token", "add", user, token, "--privsep", "1", *_]:
            status = 255 if token in state["user"][user] else 0
            state["user"][user].append(token)
            answer = {"full-tokenid": f"{user}!{token}", "info": {"privsep": "1"}, "value": state["secret"]}
        case ["acl", "modify", where, "--users" | "--tokens", who, "--roles", role]:
            known = role in state["role"] and who.partition("!")[0] in state["user"]
            status = 0 if known else 255
            state["acl"][f"{where} {who}"] = role
        case ["acl", "delete", where, "--users" | "--tokens", who, "--roles", role]:
            status = 0 if role in state["role"] else 255
            if state["acl"].get(f"{where} {who}") == role:
                del state["acl"][f"{where} {who}"]
        case _:
            status = 255
    if status == 0:
        path.write_text(json.dumps(state))
        if answer is not None:
            compact = (",", ":") if state["indent"] is None else None
            json.dump(answer, sys.stdout, indent=state["indent"], separators=compact)
    return status


if __name__ == "__main__":
    sys.exit(main())
