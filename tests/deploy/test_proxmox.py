"""The script that makes the actuator's role and token, run for real against a stand-in for ``pveum``."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.plans import ACTUATOR_TOKEN, DEFAULT_ACL

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "proxmox" / "role-and-token.sh"
FAKE = Path(__file__).with_name("fake_pveum.py")
USER = "wattshift@pve"
TOKEN = "wattshift@pve!actuator"
SECRET = "0b5d3a0e-7f6c-4d6e-9a53-2f6d0d3b1c11"
MOVE = ["WattshiftMove", "--privs", "VM.Migrate VM.Audit"]
WATCH = ["WattshiftWatch", "--privs", "Sys.Audit Datastore.Audit"]
COMMENT = ["--comment", "Wattshift actuator"]


@dataclass(frozen=True)
class Node:
    """A Proxmox node as far as the script sees it."""

    folder: Path

    @property
    def state_file(self) -> Path:
        """Where the stand-in keeps what it knows."""
        return self.folder / "state.json"

    @property
    def secret_file(self) -> Path:
        """Where the script is told to put the secret."""
        return self.folder / "etc" / "proxmox-token"

    @property
    def state(self) -> dict[str, Any]:
        """What the stand-in knows now."""
        return dict(json.loads(self.state_file.read_text()))

    def changes(self) -> list[list[str]]:
        """The calls so far that change something, and forget them."""
        state = self.state
        self.state_file.write_text(json.dumps({**state, "calls": []}))
        return [call for call in state["calls"] if "list" not in call]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script; its standard output and error come as one text."""
        return subprocess.run(
            ["/bin/sh", SCRIPT, "-f", self.secret_file, *arguments],
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(params=[None, 3], ids=["compact", "pretty"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    """A node that knows nothing of Wattshift yet, its pveum printing JSON one way or the other."""
    made = Node(tmp_path)
    empty = {"role": {"PVEAdmin": ""}, "user": {"root@pam": []}, "acl": {}, "calls": []}
    made.state_file.write_text(json.dumps({**empty, "secret": SECRET, "indent": request.param}))
    pveum = tmp_path / "pveum"
    pveum.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(FAKE), str(made.state_file)])} "$@"\n')
    pveum.chmod(0o755)
    return made


def acls(guests: str) -> list[list[str]]:
    """The grants: to the user and to the token, since a token may do only what both may."""
    return [
        ["acl", "modify", guests, "--users", USER, "--roles", "WattshiftMove"],
        ["acl", "modify", guests, "--tokens", TOKEN, "--roles", "WattshiftMove"],
        ["acl", "modify", "/", "--users", USER, "--roles", "WattshiftWatch"],
        ["acl", "modify", "/", "--tokens", TOKEN, "--roles", "WattshiftWatch"],
    ]


def test_first_run_makes_exactly_what_is_needed(node: Node) -> None:
    """Two roles, one user, one token with separated privileges, four grants, and not one call more."""
    done = node.run()

    assert done.returncode == 0, done.stdout
    assert node.changes() == [
        ["role", "add", *MOVE],
        ["role", "add", *WATCH],
        ["user", "add", USER, *COMMENT],
        ["user", "token", "add", USER, "actuator", "--privsep", "1", *COMMENT, "--output-format", "json"],
        *acls("/vms"),
    ]


def test_secret_goes_into_its_file_and_nowhere_else(node: Node) -> None:
    """The file holds the secret alone, for its owner only; the screen shows where it is, not what it is."""
    done = node.run()

    assert node.secret_file.read_text().splitlines() == [SECRET]
    assert stat.S_IMODE(node.secret_file.stat().st_mode) == 0o600
    # The configuration lies beside it, for another user to read.
    assert stat.S_IMODE(node.secret_file.parent.stat().st_mode) == 0o755
    assert list(node.secret_file.parent.iterdir()) == [node.secret_file]
    assert SECRET not in done.stdout
    assert str(node.secret_file) in done.stdout
    assert SECRET not in str(node.state["calls"])


def test_second_run_keeps_the_token(node: Node) -> None:
    """Running it again writes the same roles and grants and leaves user, token and secret alone."""
    node.run()
    node.changes()
    done = node.run()

    assert done.returncode == 0, done.stdout
    assert node.changes() == [["role", "modify", *MOVE], ["role", "modify", *WATCH], *acls("/vms")]
    assert node.secret_file.read_text().splitlines() == [SECRET]


def test_a_pool_narrows_what_may_be_moved(node: Node) -> None:
    """With a pool, nothing is granted on all guests."""
    done = node.run("-p", "movable")

    assert done.returncode == 0, done.stdout
    assert node.changes()[-4:] == acls("/pool/movable")


def test_waking_takes_a_role_of_its_own(node: Node) -> None:
    """Only who asks for it gets the privilege that can also switch nodes off, on nodes alone, beside the others."""
    done = node.run("-w")

    assert done.returncode == 0, done.stdout
    assert node.state["role"]["WattshiftWake"] == "Sys.Audit Sys.PowerMgmt"
    assert node.changes()[-6:] == [
        *acls("/vms"),
        ["acl", "modify", "/nodes", "--users", USER, "--roles", "WattshiftWake"],
        ["acl", "modify", "/nodes", "--tokens", TOKEN, "--roles", "WattshiftWake"],
    ]


def granted(node: Node, who: str) -> dict[str, frozenset[str]]:
    """Path -> the privileges that the user or the token was given there."""
    state = node.state
    return {
        place.split()[0]: frozenset(state["role"][role].split())
        for place, role in state["acl"].items()
        if place.split()[1] == who
    }


@pytest.mark.parametrize(("arguments", "acl"), [(("-w",), ACTUATOR_TOKEN.acl), ((), DEFAULT_ACL)])
def test_the_labs_token_has_what_the_script_grants(
    node: Node, arguments: tuple[str, ...], acl: dict[str, frozenset[str]]
) -> None:
    """The lab's Proxmox, which enforces privileges, tests the actuator with these and none besides."""
    node.run(*arguments)

    assert granted(node, TOKEN) == granted(node, USER) == acl
    assert ACTUATOR_TOKEN.id == TOKEN


def test_what_is_granted_no_more_is_taken_back(node: Node) -> None:
    """Run with fewer rights and for a pool's guests alone, user and token keep nothing of what a run before granted."""
    node.run("-w")
    done = node.run("-p", "movable")

    assert done.returncode == 0, done.stdout
    expected = {"/": DEFAULT_ACL["/"], "/pool/movable": DEFAULT_ACL["/vms"]}
    assert granted(node, TOKEN) == granted(node, USER) == expected


def test_a_lost_secret_is_said_and_not_made_anew(node: Node) -> None:
    """A token whose secret is not in the file may be in use elsewhere: nothing is changed, and the way out is named."""
    node.run()
    node.changes()
    node.secret_file.unlink()
    done = node.run()

    assert done.returncode == 1
    assert f"pveum user token remove {USER} actuator" in done.stdout
    assert node.changes() == []


def test_a_secret_of_something_else_is_not_overwritten(node: Node) -> None:
    """A file that holds a secret already stays as it is, and no token is made whose secret would have no place."""
    node.secret_file.parent.mkdir()
    node.secret_file.write_text("another cluster's")
    done = node.run()

    assert done.returncode == 1
    assert "Move the file away" in done.stdout
    assert node.secret_file.read_text() == "another cluster's"
    assert node.changes() == []


def test_run_after_a_run_that_died_half_way(node: Node) -> None:
    """Whatever an earlier run got done before the token, a run finishes the rest."""
    state = node.state
    state["role"]["WattshiftMove"] = "VM.Audit"
    state["user"][USER] = []
    node.state_file.write_text(json.dumps(state))
    done = node.run()

    assert done.returncode == 0, done.stdout
    assert node.state["role"]["WattshiftMove"] == "VM.Migrate VM.Audit"
    assert node.secret_file.read_text().splitlines() == [SECRET]


def test_a_pveum_that_fails_ends_the_script(node: Node) -> None:
    """A failing list is not taken for an empty one: nothing is created, and the message says what to look at."""
    (node.folder / "pveum").write_text("#!/bin/sh\nexit 255\n")
    done = node.run()

    assert done.returncode == 1
    assert "quorum" in done.stdout
    assert not node.secret_file.exists()


def test_not_on_a_node(node: Node) -> None:
    """Without pveum the script says where it has to run."""
    (node.folder / "pveum").unlink()
    done = node.run()

    assert done.returncode == 1
    assert "on a Proxmox VE node" in done.stdout


@pytest.mark.parametrize("arguments", [("-x",), ("-p",), ("pool",)])
def test_an_argument_it_does_not_know(arguments: tuple[str, ...], node: Node) -> None:
    """A wrong argument ends in the usage line and changes nothing."""
    done = node.run(*arguments)

    assert done.returncode == 1
    assert "usage: role-and-token.sh" in done.stdout
    assert node.changes() == []
