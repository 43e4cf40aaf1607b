"""The real ipmitool switches a node of the lab on; and what is said when it does not."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from actuator.adapters.waking import Asked, Cause, Ipmi, IpmiAccess, Name, NotAsked
from deploy.lab.cluster import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from deploy.lab.world import Lab

STATUS, CONTROL = (0x00, 0x01), (0x00, 0x02)


def ipmi(lab: Lab, toolbox: Toolbox, *, seconds: float = 20.0, **fields: Any) -> Ipmi:
    """The real program, pointed at the sleeping node's BMC."""
    toolbox.find("ipmitool")
    known = {"host": lab.address("pve"), "user": lab.plan.bmc_user, "password": lab.plan.bmc_password}
    access = IpmiAccess(**{**known, "port": lab.ports.bmc, **fields})
    return Ipmi({"pve": access}, seconds=seconds, path=f"{toolbox.bin}:/usr/bin:/bin")


def script(folder: Path, text: str) -> str:
    """A PATH on which ``ipmitool`` is this shell script."""
    program = folder / "ipmitool"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def scripted(folder: Path, text: str, seconds: float = 10.0) -> Ipmi:
    """A BMC behind that script."""
    return Ipmi({"pve": IpmiAccess("192.0.2.1", "wattshift", "pass-word")}, seconds=seconds, path=script(folder, text))


def test_a_sleeping_node_is_switched_on(lab: Lab, toolbox: Toolbox) -> None:
    """Its power is read first; then it is switched on, and that is certain."""
    asked = ipmi(lab, toolbox).wake("pve")

    assert asked == Asked(Name.IPMI, certain=True)
    assert lab.node("pve").stage is Stage.POWERED
    assert [each for each in lab.bmc_commands("pve") if each in {STATUS, CONTROL}] == [STATUS, CONTROL]


def test_a_node_that_is_on_is_left_alone(lab: Lab, toolbox: Toolbox) -> None:
    """That it has power already is information, and nothing is switched."""
    lab.power_on("pve")

    asked = ipmi(lab, toolbox).wake("pve")

    assert asked == Asked(Name.IPMI, certain=True, was_on=True)
    assert CONTROL not in lab.bmc_commands("pve")


def test_a_wrong_password_is_told_as_that(lab: Lab, toolbox: Toolbox) -> None:
    """The account is named, the password never; the node stays off."""
    with pytest.raises(NotAsked, match=r"refuses the account wattshift .*nodes\.pve\.wake\.ipmi\.user") as failed:
        ipmi(lab, toolbox, password="not-the-one").wake("pve")

    assert failed.value.cause is Cause.DENIED
    assert "not-the-one" not in str(failed.value)
    assert lab.node("pve").stage is Stage.OFF


def test_a_bmc_that_hangs_is_given_up(lab: Lab, toolbox: Toolbox) -> None:
    """Silence costs the configured seconds and no more."""
    lab.spoil_meter("pve", "dead")
    began = time.monotonic()

    with pytest.raises(NotAsked, match=r"did not answer in 0\.5 s") as failed:
        ipmi(lab, toolbox, seconds=0.5).wake("pve")

    assert failed.value.cause is Cause.TIMEOUT
    assert time.monotonic() - began < 30


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """The message names the package."""
    with pytest.raises(NotAsked, match="apt install ipmitool") as failed:
        Ipmi({"pve": IpmiAccess("192.0.2.1", "u", "p")}, path=str(tmp_path)).wake("pve")

    assert failed.value.cause is Cause.PROGRAM_MISSING


def test_a_node_without_bmc() -> None:
    """The key to add is named."""
    with pytest.raises(NotAsked, match=r"add nodes\.pve\.wake\.ipmi") as failed:
        Ipmi({}).wake("pve")

    assert failed.value.cause is Cause.NOT_CONFIGURED


def test_the_password_is_in_the_environment_alone(tmp_path: Path) -> None:
    """The child's arguments hold no secret, and its environment holds nothing else of ours."""
    os.environ["WATTSHIFT_OF_NO_CONCERN"] = "x"
    try:
        scripted(tmp_path, f'echo "$*" > {tmp_path}/argv; env > {tmp_path}/env; echo Chassis Power is on').wake("pve")
    finally:
        del os.environ["WATTSHIFT_OF_NO_CONCERN"]

    arguments, environment = (tmp_path / "argv").read_text(), (tmp_path / "env").read_text()
    assert "pass-word" not in arguments
    assert "-I lanplus -H 192.0.2.1 -p 623 -U wattshift -E -L OPERATOR" in arguments
    assert "IPMI_PASSWORD=pass-word" in environment
    assert "WATTSHIFT_OF_NO_CONCERN" not in environment


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """At the deadline the whole process group is killed: everything that held its end of a pipe lets go."""
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(NotAsked) as failed:
            scripted(tmp_path, f"(echo x; sleep 600) > {tmp_path}/alive & sleep 600", seconds=1.0).wake("pve")
        os.set_blocking(reader, True)

        assert failed.value.cause is Cause.TIMEOUT
        assert os.read(reader, 2) == b"x\n"
        assert os.read(reader, 1) == b"", "the end comes when nobody has it open any more"
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("script_text", "cause", "words"),
    [
        ("echo Chassis Power is perhaps", Cause.UNINTELLIGIBLE, "Chassis Power is perhaps"),
        ("exit 0", Cause.UNINTELLIGIBLE, "nothing said"),
        ("echo Error: Unable to establish IPMI v2 / RMCP+ session; exit 1", Cause.UNREACHABLE, "ipmi.host"),
        ("echo Address lookup for bmc failed; exit 1", Cause.UNREACHABLE, "ipmi.host"),
        ('case "$*" in *on) echo Set failed; exit 1;; esac; echo Chassis Power is off', Cause.REFUSED, "Set failed"),
        ("echo Set Session Privilege Level to OPERATOR failed; exit 1", Cause.DENIED, "Operator"),
    ],
)
def test_what_it_says_is_explained(tmp_path: Path, script_text: str, cause: Cause, words: str) -> None:
    """Each ending has its cause and a message with its own words, or with what to check."""
    with pytest.raises(NotAsked) as failed:
        scripted(tmp_path, script_text).wake("pve")

    assert failed.value.cause is cause
    assert words in str(failed.value)
