"""Flags to settings, and sentences for what makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.flags import parse
from exporter.settings import Bmc, Pace, Settings

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = {"IPMI_PASSWORD": "hunter2"}


def settings(*argv: str, environment: dict[str, str] | None = None) -> Settings:
    """Return the settings of a command line."""
    return parse(argv, environment or {})[1]


def test_the_defaults_are_those_of_the_settings() -> None:
    """Without a flag the program serves, each setting has its default, and the node is the short host name."""
    command, given = parse([], {})

    assert command == "serve"
    assert given == Settings(node=given.node)
    assert given.node
    assert "." not in given.node


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A service's log shows what is wrong, and not every flag there is."""
    with pytest.raises(SystemExit) as ended:
        parse(["--bogus"], {})

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "wattshift-exporter: error: unrecognized arguments: --bogus (--help lists the flags)\n"
    )


@pytest.mark.parametrize(
    "argv", [["read", "--node", "a"], ["--node", "a", "read"], ["--node=a", "read", "--max-age=40s"]]
)
def test_the_command_stands_anywhere(argv: list[str]) -> None:
    """Flags may come before and after."""
    command, given = parse(argv, {})

    assert (command, given.node) == ("read", "a")


def test_every_flag_reaches_its_setting(tmp_path: Path) -> None:
    """All of them at once."""
    secret = tmp_path / "secret"
    secret.write_text("pass word\n")
    argv = (
        "--web.listen-address=[::1]:9000 --node=pve2 --log.level=debug --max-age=90s --node-power.order=psys,rapl "
        f"--web.config.file={tmp_path}/web.yml "
        f"--path.sysfs={tmp_path} --path.procfs={tmp_path} --path.run={tmp_path} --path.pve={tmp_path} "
        "--no-collector.powerstat --rapl.interval=500ms --rapl.deadline=1s --dcmi.interval=1m --dcmi.deadline=4s "
        "--powerstat.interval=2s --powerstat.deadline=9s --guests.interval=3s --guests.deadline=1s "
        "--hwmon.interval=4s --hwmon.deadline=3s "
        "--dcmi.host=bmc --dcmi.port=6230 --dcmi.user=admin "
        f"--dcmi.password-file={secret} --dcmi.cipher-suite=17 --dcmi.privilege=OPERATOR --dcmi.accept-inactive"
    ).split()

    assert settings(*argv, environment=PASSWORD) == Settings(
        node="pve2",
        listen_host="::1",
        listen_port=9000,
        web_config=tmp_path / "web.yml",
        sysfs=tmp_path,
        procfs=tmp_path,
        run=tmp_path,
        pve=tmp_path,
        collectors=frozenset({"rapl", "dcmi", "hwmon", "guests"}),
        rapl=Pace(0.5, 1.0),
        dcmi=Pace(60.0, 4.0),
        hwmon=Pace(4.0, 3.0),
        powerstat=Pace(2.0, 9.0),
        guests=Pace(3.0, 1.0),
        max_age=90.0,
        node_order=("psys", "rapl"),
        bmc=Bmc("bmc", 6230, "admin", "pass word", 17, "OPERATOR"),
        dcmi_accept_inactive=True,
        log_level="debug",
    )


def test_a_collector_can_be_named_off_and_on() -> None:
    """The last word counts."""
    assert settings("--no-collector.rapl").collectors == {"dcmi", "hwmon", "powerstat", "guests"}
    assert "rapl" in settings("--no-collector.rapl", "--collector.rapl").collectors


def test_the_password_may_come_from_the_environment_and_is_not_shown() -> None:
    """The variable that ipmitool itself reads; no representation of the settings betrays it."""
    given = settings("--dcmi.host=bmc", environment=PASSWORD)

    assert given.bmc == Bmc("bmc", 623, None, "hunter2")
    assert "hunter2" not in repr(given)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":19100", ("", 19100)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:80", ("localhost", 80)),
        ("[::]:1", ("::", 1)),
    ],
)
def test_listen_addresses(text: str, address: tuple[str, int]) -> None:
    """The forms that Prometheus's exporters take."""
    given = settings("--web.listen-address", text)

    assert (given.listen_host, given.listen_port) == address


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--web.listen-address", "19100", "host:port, [v6]:port or :port"),
        ("--web.listen-address", ":65536", "host:port, [v6]:port or :port"),
        ("--web.listen-address", "::1:80", "host:port, [v6]:port or :port"),
        ("--rapl.interval", "5", "a duration above zero"),
        ("--rapl.interval", "0s", "a duration above zero"),
        ("--dcmi.deadline", "-1s", "a duration above zero"),
        ("--max-age", "soon", "a duration above zero"),
        ("--path.sysfs", "/no/such/folder", "a folder that exists"),
        ("--node-power.order", "dcmi,wall", "some of dcmi,acpi,psu,psys,rapl,powerstat"),
        ("--node-power.order", "dcmi,hwmon", "hwmon's meters of the whole machine are acpi and psu"),
        ("--node-power.order", "dcmi,dcmi", "each once"),
        ("--node", " ", "the node's name"),
        ("--log.level", "loud", "'debug', 'info', 'warning', 'error'"),
        ("--dcmi.port", "0", "a port from 1 to 65535"),
        ("--dcmi.cipher-suite", "18", "a cipher suite from 0 to 17"),
        ("--dcmi.privilege", "ROOT", "'USER', 'OPERATOR', 'ADMINISTRATOR'"),
        ("--dcmi.password-file", "/no/such/file", "a file to read the password from"),
        ("--dcmi.host", "-oProxy", "a host name or address"),
        ("--dcmi.host", "a b", "a host name or address"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(
    flag: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and the message names flag, value and expectation."""
    with pytest.raises(SystemExit) as caught:
        settings(f"{flag}={value}", environment=PASSWORD)
    message = capsys.readouterr().err.splitlines()[-1]

    assert caught.value.code == 2
    assert flag in message
    assert value in message
    assert expected in message


@pytest.mark.parametrize(
    ("argv", "environment", "words"),
    [
        (["--dcmi.user=admin"], {}, ["--dcmi.user", "expected --dcmi.host"]),
        (["--dcmi.host=bmc", "--dcmi.interface=usb"], {"IPMI_PASSWORD": "x"}, ["--dcmi.interface", "leave out"]),
        (["--dcmi.host=bmc"], {}, ["--dcmi.host", "--dcmi.password-file or IPMI_PASSWORD"]),
        (["--dcmi.host=bmc"], {"IPMI_PASSWORD": "x" * 21}, ["IPMI_PASSWORD", "1 to 20 bytes"]),
        (["--dcmi.host=bmc"], {"IPMI_PASSWORD": ""}, ["IPMI_PASSWORD", "1 to 20 bytes"]),
        (["write"], {}, ["'write'", "'serve', 'read'"]),
        (["--sysfs=/sys"], {}, ["--sysfs"]),
    ],
)
def test_flags_that_do_not_fit_together(
    argv: list[str], environment: dict[str, str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing beside a flag is said; a password is never repeated."""
    with pytest.raises(SystemExit) as caught:
        settings(*argv, environment=environment)
    message = capsys.readouterr().err

    assert caught.value.code == 2
    for word in words:
        assert word in message
    assert "xxx" not in message


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--dcmi.interval=60s"], ["--dcmi.interval", "--max-age", "above 68s"]),
        (["--dcmi.interval=22s"], ["--dcmi.interval", "--max-age", "above 30s"]),
        (["--max-age=7s", "--no-collector.dcmi"], ["--rapl.interval", "--max-age"]),
        (["--powerstat.interval=10s"], ["--powerstat.interval", "--powerstat.deadline", "above 10s"]),
        (["--powerstat.deadline=30s"], ["--powerstat.deadline", "--max-age", "above 40s"]),
    ],
)
def test_figures_may_not_grow_too_old_between_two_reads(
    argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A pace at which a healthy source's figures vanish between reads is refused, and what to change is said."""
    with pytest.raises(SystemExit) as caught:
        settings(*argv)
    message = capsys.readouterr().err.splitlines()[-1]

    assert caught.value.code == 2
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--rapl.interval=1s", "--dcmi.interval=1s"],
        ["--dcmi.interval=60s", "--max-age=69s"],
        ["--dcmi.interval=60s", "--no-collector.dcmi"],
        ["--powerstat.interval=60s", "--no-collector.powerstat"],
    ],
)
def test_a_pace_that_keeps_figures_fresh_is_taken(argv: list[str]) -> None:
    """The defaults do, so do brisk intervals, and a collector that is off does not count."""
    assert settings(*argv).node


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n", "x" * 21])
def test_a_password_file_holds_one_line(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of at most twenty bytes, the longest that IPMI knows."""
    file = tmp_path / "secret"
    file.write_text(content)
    with pytest.raises(SystemExit):
        settings("--dcmi.host=bmc", f"--dcmi.password-file={file}")
    message = capsys.readouterr().err

    assert str(file) in message
    assert "1 to 20 bytes" in message
