"""The lab's Proxmox agrees with every exchange recorded from the real one.

What the recordings carry of the recorder itself, and how it is met here:

* The recorder's host was called ``vm``: request paths name it inside UPIDs while the answers say ``pve1``, and the
  lists show entries ``node/vm`` and ``.../vm/...`` that no real cluster would have. They are mapped and left out.
* Which token was used is not recorded: ``forbidden`` and ``bot-*`` used the restricted one.
* Guest 101 was locked in its configuration alone, which the recorder's stand-in for the cluster file system did not
  see: its ``lock`` is missing from the recorded lists.
* The recorder's migrations moved no guest and its packets woke nobody: guest 100 is put back, and ``pve2`` switched
  off again, where the next request expects them so.
* Its list of ended tasks goes back to runs before the recorded ones; those entries are left out.
* ``ssl_fingerprint`` and figures are the recorder's; only shapes are compared.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
import requests

from deploy.lab.clock import ManualClock
from deploy.lab.plans import BOT_TOKEN, ROOT_TOKEN, recorded_cluster
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from deploy.lab.plan import Plan

EXCHANGES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "fixtures" / "pve" / "exchanges.json").read_text()
)

# name -> why the lab cannot produce it
NOT_PLAYED: dict[str, str] = {}

# Lab seconds that pass before a request, where the answer depends on what came before it.
_PASSING = {"task-running": 0.1, "task-done": 12.0, "task-failed": 1.0, "ha-task-log": 1.0}

# Process ids grow, so this orders the recorded UPIDs.
_FIRST_UPID = EXCHANGES["migrate"]["response"]["body"]["data"]

_UPID = re.compile(r"UPID:[^/?]*:")


def _phase(name: str) -> str:
    for phase in ("no-quorum", "bot", "ha"):
        if name.startswith(f"{phase}-") and name not in ("ha-status-current", "ha-manager-status", "ha-resources"):
            return phase
    return "main"


def _plan(phase: str) -> Plan:
    plans = {
        "main": recorded_cluster(),
        "no-quorum": recorded_cluster(sleeping_votes=5),
        "ha": recorded_cluster(ha=True),
        "bot": recorded_cluster(extra_node="pve9"),
    }
    return dataclasses.replace(plans[phase], refusal_seconds=0.0)


class Replay:
    """Sends recorded requests to a lab, in the recorded order."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._upids: dict[str, str] = {}

    def play(self, name: str) -> requests.Response:
        """Send one recorded request; remember the UPID that its answer gives."""
        recorded = EXCHANGES[name]["request"]
        if name == "migrate-to-node-still-booting":
            self._lab.place(100, "pve1")
            self._lab.power_off("pve2")
            self._lab.power_on("pve2")
        self._lab.advance(_PASSING.get(name, 0.0))
        body = recorded["body"]
        answer = requests.request(
            recorded["method"],
            self._lab.url("pve1") + self._path(recorded["path"]),
            data=body or None,
            headers=self._headers(name, recorded),
            verify=str(self._lab.ca_path),
            timeout=30,
        )
        told = EXCHANGES[name]["response"]["body"]
        if isinstance(told, dict) and isinstance(told["data"], str) and told["data"].startswith("UPID:"):
            self._upids[told["data"]] = answer.json()["data"]
        return answer

    def _path(self, path: str) -> str:
        def ours(match: re.Match[str]) -> str:
            upid = match[0].replace("UPID:vm:", "UPID:pve1:")
            return quote(self._upids.get(upid, upid), safe="")

        where, question, query = path.partition("?")
        return "/".join(_UPID.sub(ours, unquote(part)) for part in where.split("/")) + question + query

    def _headers(self, name: str, recorded: dict[str, Any]) -> dict[str, str]:
        headers = {} if recorded["content_type"] is None else {"Content-Type": recorded["content_type"]}
        token = BOT_TOKEN if name == "forbidden" or _phase(name) == "bot" else ROOT_TOKEN
        if recorded["token"] == "valid":
            headers["Authorization"] = token.header
        elif recorded["token"] == "invalid":
            headers["Authorization"] = token.header + "x"
        return headers


def shape(value: Any) -> Any:
    """Return the keys of an answer, recursively; list entries by what they are, figures and texts left out."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if all(isinstance(entry, dict) for entry in value):
            return sorted({repr(_kind(entry)) for entry in value})
        return sorted({type(entry).__name__ for entry in value})
    return None


def _kind(entry: dict[str, Any]) -> tuple[Any, ...]:
    identity = entry.get("id") if entry.get("type") in _LISTED else entry.get("type")
    return (identity, tuple(sorted((key, repr(shape(inner))) for key, inner in entry.items())))


_LISTED = ("node", "qemu", "storage", "network", "cluster")


def _of_the_cluster(body: Any) -> Any:
    """Return a recorded body without what the recorder's own host and earlier runs added."""
    if not isinstance(body, dict) or not isinstance(body["data"], list):
        return body
    entries = [
        entry
        for entry in body["data"]
        if "vm" not in str(entry.get("id", "")).split("/") and entry.get("upid", _FIRST_UPID) >= _FIRST_UPID
    ]
    return body | {"data": entries}


def _as_recorder_saw(body: Any) -> Any:
    """Return our body without the lock that the recorder's stand-in did not see."""
    if isinstance(body, dict) and isinstance(body["data"], list):
        for entry in body["data"]:
            if entry.get("id") == "qemu/101":
                entry.pop("lock", None)
    return body


@pytest.mark.parametrize("phase", ["main", "no-quorum", "ha", "bot"])
def test_every_recorded_exchange_is_answered_alike(phase: str, tmp_path: Path) -> None:
    """Status, reason phrase, content type and body keys are those that real Proxmox gave."""
    differences: list[str] = []
    with Lab(_plan(phase), tmp_path, clock=ManualClock()) as lab:
        replay = Replay(lab)
        for name in EXCHANGES:
            if _phase(name) != phase:
                continue
            ours, theirs = replay.play(name), EXCHANGES[name]["response"]
            got = (ours.status_code, ours.reason, ours.headers.get("Content-Type"))
            wanted = (theirs["status"], theirs["reason"], theirs["content_type"])
            body = ours.json() if ours.content else ""
            got_shape, wanted_shape = shape(_as_recorder_saw(body)), shape(_of_the_cluster(theirs["body"]))
            same = got == wanted and got_shape == wanted_shape
            if same != (name not in NOT_PLAYED):
                differences.append(f"{name}: {got} {got_shape}\n   real: {wanted} {wanted_shape}")

    assert not differences, "\n".join(differences)


def test_the_list_of_what_is_not_played_is_not_stale() -> None:
    """Every name in the list of exceptions is a recorded exchange and has its reason."""
    assert set(NOT_PLAYED) <= set(EXCHANGES)
    assert all(NOT_PLAYED.values())


@pytest.mark.parametrize(
    "name", [name for name, e in EXCHANGES.items() if e["response"]["status"] in (400, 403, 500, 501)]
)
def test_refusals_are_worded_alike(name: str, tmp_path: Path) -> None:
    """What a refusal says, parameter by parameter, is word for word what real Proxmox said."""
    with Lab(_plan(_phase(name)), tmp_path, clock=ManualClock()) as lab:
        answer = Replay(lab).play(name)

    assert answer.json() == EXCHANGES[name]["response"]["body"]
