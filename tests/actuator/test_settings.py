"""The configuration file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actuator.adapters.waking import WakeTarget
from actuator.auth import Holder, Scope
from actuator.credentials import Credentials
from actuator.errors import ConfigurationError
from actuator.policy.rules import Mode
from actuator.settings import Settings
from actuator.workflow.timing import Timing
from tests.actuator.configuration import configuration, written

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[2] / "deploy" / "actuator" / "actuator.yml"


def load(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Settings:
    """The valid configuration, changed, written and loaded."""
    keys = configuration(folder)
    change(keys)
    return Settings.load(written(folder, keys))


def test_rules(tmp_path: Path) -> None:
    """The guard rails are what the file says, with the documented defaults for what it does not say."""
    rules = load(tmp_path, lambda keys: keys.update(limits={"parallel": 1, "memory_reserve_mib": 2})).rules()

    assert rules.mode is Mode.ACT
    assert rules.nodes == {"pve", "pve2"}
    assert rules.wakeable == {"pve"}
    assert rules.allowed_vmids == {100}
    assert rules.allowed_tag == "wattshift"
    assert (rules.parallel_limit, rules.memory_reserve_bytes) == (1, 2 * 1024 * 1024)
    assert (rules.cooldown_seconds, rules.daily_limit, rules.episode_limit) == (600, 4, 3)
    assert (rules.breaker_failures, rules.breaker_seconds, rules.alert_max_age_seconds) == (3, 3600, 3600)


def test_what_needs_leave_is_not_done_without(tmp_path: Path) -> None:
    """Restarts, copies, connection tracking and moving what HA may move back: each only where the file says so."""
    plain = load(tmp_path).rules()

    assert (plain.restart_containers, plain.local_disks_max_bytes) == (False, None)
    assert (plain.allow_ha_rebalancing, plain.conntrack_state) == (False, False)
    assert (plain.restart_timeout_seconds, plain.cpu_overcommit, plain.memory_overcommit) == (180, 4, 1.5)

    allowed = {
        "vmids": [100],
        "restart_containers": True,
        "restart_timeout_seconds": 60,
        "local_disks_max_gib": 2,
        "allow_ha_rebalancing": True,
        "conntrack_state": True,
    }
    unlimited = {"cpu_overcommit": None, "memory_overcommit": None}
    rules = load(tmp_path, lambda keys: keys.update(guests=allowed, limits=unlimited)).rules()

    assert (rules.restart_containers, rules.restart_timeout_seconds) == (True, 60)
    assert rules.local_disks_max_bytes == 2 * 1024**3
    assert (rules.allow_ha_rebalancing, rules.conntrack_state) == (True, True)
    assert (rules.cpu_overcommit, rules.memory_overcommit) == (None, None)


def test_timing(tmp_path: Path) -> None:
    """Deadlines are the workflow's own defaults unless the file says otherwise, each node's boot with the node."""
    timing = load(tmp_path, lambda keys: keys.update(timing={"poll_seconds": 0.2})).step_timing()

    assert timing == Timing(poll_seconds=0.2, boot_timeouts={"pve": 420})


def test_wake_targets(tmp_path: Path) -> None:
    """Only nodes with an address can be woken."""
    assert load(tmp_path).wake_targets() == {"pve": WakeTarget("0c:9d:92:86:bb:63")}


def test_safe_by_default(tmp_path: Path) -> None:
    """A file that says only what it must observes, listens on the loopback alone and lets no guest be moved."""

    def bare(keys: dict[str, Any]) -> None:
        for key in ("listen", "mode", "database", "guests"):
            del keys[key]
        keys["proxmox"]["hosts"] = ["pve.example"]

    settings = load(tmp_path, bare)

    assert settings.rules().mode is Mode.OBSERVE
    assert settings.listen_address == ("127.0.0.1", 19093)
    assert settings.rules().allowed_vmids == frozenset()
    assert settings.database == "sqlite:////var/lib/wattshift/actuator.db"
    assert settings.proxmox.hosts == ("pve.example:8006",)
    assert len(settings.cautions()) == 3  # observe, verify: false, no guests


def test_certificate_authority(tmp_path: Path) -> None:
    """A certificate authority is taken by its file, relative to the configuration's folder, and then verified with."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def with_authority(keys: dict[str, Any]) -> None:
        del keys["proxmox"]["verify"]
        keys["proxmox"]["ca_file"] = "ca.pem"

    settings = load(tmp_path, with_authority)

    assert settings.proxmox_access("x").verify == str(tmp_path / "ca.pem")
    assert settings.cautions() == []


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (
            lambda keys: keys.update(modus="act"),
            "unknown key 'modus'",
            "listen, mode, database, database_password_file, keep_days",
        ),
        (
            lambda keys: keys["nodes"]["pve"].update(mac="x"),
            "nodes.pve: unknown key 'mac'",
            "wake, boot_timeout_seconds",
        ),
        (lambda keys: keys.update(timing={"boot": 1}), "timing: unknown key 'boot'", "boot_timeout_seconds"),
        (lambda keys: keys.update(mode="Act"), "mode: expected 'observe' or 'act'", "found 'Act'"),
        (lambda keys: keys.pop("proxmox"), "proxmox: expected a value", "missing"),
        (lambda keys: keys["proxmox"].pop("hosts"), "proxmox.hosts: expected a value", "missing"),
        (lambda keys: keys["proxmox"].update(hosts=[]), "proxmox.hosts: expected at least one", ""),
        (lambda keys: keys["proxmox"].update(hosts=["https://pve"]), "proxmox.hosts.0", "'192.168.1.10:8006'"),
        (lambda keys: keys["proxmox"].update(hosts=["pve:99999"]), "proxmox.hosts.0", "'192.168.1.10:8006'"),
        (lambda keys: keys["proxmox"].update(token_id="root"), "proxmox.token_id: expected user@realm!name", ""),
        (lambda keys: keys["proxmox"].update(token_id="root@pam!t"), "proxmox.token_id: expected user@realm!name", ""),
        (lambda keys: keys["proxmox"].update(ca_file="none"), "proxmox.ca_file: expected a PEM file", "pve-root-ca"),
        (lambda keys: keys["proxmox"].update(ca_file="proxmox-token"), "proxmox.ca_file: expected a PEM file", ""),
        (lambda keys: keys["proxmox"].update(verify="nope"), "proxmox.verify", "valid boolean"),
        (lambda keys: keys.update(nodes={}), "nodes: expected at least one", ""),
        (
            lambda keys: keys.update(nodes={"pve.lan": {}}),
            "nodes.pve.lan: expected a Proxmox node name",
            "found 'pve.lan'",
        ),
        (lambda keys: keys.update(nodes={False: {}}), "nodes.", "valid string, found False"),
        (lambda keys: keys["nodes"]["pve"].update(wake={"mac": 1234}), "nodes.pve.wake.mac: expected a MAC", "quotes"),
        (
            lambda keys: keys["nodes"]["pve"].update(wake={"mac": "01:00:5e:00:00:01"}),
            "nodes.pve.wake.mac",
            "multicast",
        ),
        (lambda keys: keys["nodes"]["pve"]["wake"].update(broadcast="lan"), "nodes.pve.wake.broadcast", "IPv4 address"),
        (lambda keys: keys["nodes"]["pve"]["wake"].update(port=0), "nodes.pve.wake.port", "greater than or equal to 1"),
        (lambda keys: keys["nodes"]["pve"].update(boot_timeout_seconds=0), "nodes.pve.boot_timeout_seconds", "found 0"),
        (lambda keys: keys["guests"].update(vmids=[99]), "guests.vmids.0", "100, found 99"),
        (lambda keys: keys["guests"].update(tag="Bad Tag"), "guests.tag: expected a Proxmox tag", "found 'Bad Tag'"),
        (lambda keys: keys.update(keep_days=7), "keep_days", "from 8 to 36500, found 7"),
        (lambda keys: keys.update(limits={"parallel": 0}), "limits.parallel", "found 0"),
        (lambda keys: keys.update(limits={"parallel": True}), "limits.parallel", "valid integer"),
        (lambda keys: keys.update(timing={"poll_seconds": float("inf")}), "timing.poll_seconds", "finite number"),
        (lambda keys: keys.update(timing={"poll_seconds": -1}), "timing.poll_seconds", "from 0.1 to 60, found -1"),
        (lambda keys: keys.update(timing={"poll_seconds": 1e-9}), "timing.poll_seconds", "from 0.1 to 60"),
        (lambda keys: keys.update(timing={"poll_seconds": 61}), "timing.poll_seconds", "from 0.1 to 60"),
        (lambda keys: keys.update(timing={"packet_interval_seconds": 0.5}), "timing.packet_interval", "from 1 to 600"),
        (lambda keys: keys.update(timing={"boot_timeout_seconds": 1e300}), "timing.boot_timeout", "from 1 to 86400"),
        (lambda keys: keys["nodes"]["pve"].update(boot_timeout_seconds=86401), "nodes.pve.boot", "from 1 to 86400"),
        (lambda keys: keys.update(timing=[1]), "timing: expected keys and values", ""),
        (lambda keys: keys.update(nodes=["pve"]), "nodes: expected keys and values", ""),
        (lambda keys: keys["guests"].update(vmids=100), "guests.vmids: expected a list, found 100", ""),
        (lambda keys: keys["proxmox"].update(hosts="pve"), "proxmox.hosts: expected a list, found 'pve'", ""),
        (lambda keys: keys["proxmox"].update(hosts=["pve", "PVE:8006"]), "proxmox.hosts: expected each host once", ""),
        (lambda keys: keys.update(limits={"parallel": 17}), "limits.parallel", "from 1 to 16, found 17"),
        (lambda keys: keys.update(limits={"breaker_seconds": 1e9}), "limits.breaker_seconds", "from 1 to 604800"),
        (lambda keys: keys.update(limits={"cooldown_seconds": -1}), "limits.cooldown_seconds", "from 0 to 604800"),
        (lambda keys: keys.update(limits={"daily_per_guest": 10**6}), "limits.daily_per_guest", "from 1 to 1000"),
        (lambda keys: keys["nodes"]["pve"]["wake"].update(mac="00:00:00:00:00:00"), "nodes.pve.wake.mac", "all zeros"),
        (
            lambda keys: keys["nodes"].update(pve2={"wake": {"mac": "0C-9D-92-86-BB-63"}}),
            "nodes: expected a MAC address of its own for each node",
            "pve and pve2",
        ),
        (lambda keys: keys.update(database=keys["database"] + "?mode=ro"), "database: expected", "nothing behind '?'"),
        (lambda keys: keys["tokens"][0].update(name="a b"), "tokens.0.name: expected", "letters, digits"),
        (lambda keys: keys.update(database="sqlite:///actuator.db"), "database: expected a SQLite file", "absolute"),
        (lambda keys: keys.update(database="mysql://db/x"), "database: expected a SQLite file", "or a PostgreSQL"),
        (lambda keys: keys.update(database="postgresql://a:b@db/x"), "database: expected no password", "_file"),
        (lambda keys: keys.update(database="postgresql://a@db"), "database: expected a database's name", ""),
        (lambda keys: keys.update(database="postgresql://a@db:port/x"), "database: not a database URL", ""),
        (lambda keys: keys.update(listen="19093"), "listen: expected address and port", "found '19093'"),
        (lambda keys: keys.update(tokens=[]), "tokens: expected at least one", ""),
        (lambda keys: keys["tokens"][0].pop("scopes"), "tokens.0: expected 'scopes'", "[alert] for Alertmanager"),
        (lambda keys: keys["tokens"][0].update(scopes=[]), "tokens.0: expected 'scopes'", "[operate] for whoever"),
        (lambda keys: keys["tokens"][0].update(scopes=["all"]), "tokens.0.scopes.0: expected", "'alert', 'read'"),
        (lambda keys: keys.update(web={"cert_file": "x"}), "web: expected both 'cert_file' and 'key_file'", ""),
        (lambda keys: keys.update(web={"client_ca_file": "x"}), "web: expected 'cert_file' and 'key_file'", "TLS"),
        (lambda keys: keys.update(web={"open_probes": "no"}), "web.open_probes: expected", ""),
        (lambda keys: keys["tokens"].append(keys["tokens"][0]), "tokens: expected a name of its own", ""),
    ],
)
def test_wrong_keys(tmp_path: Path, change: Callable[[dict[str, Any]], object], key: str, expected: str) -> None:
    """What is wrong is said with the file, the key, and what was expected there."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, change)

    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'actuator.yml'}: ")
    assert key in message
    assert expected in message


def test_a_wrong_item_is_one_fault(tmp_path: Path) -> None:
    """A list whose only item is wrong is not said to be empty as well."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, lambda keys: keys["proxmox"].update(hosts=["https://pve"]))

    assert len(str(refused.value).splitlines()) == 1


def test_a_secret_that_others_can_write(tmp_path: Path) -> None:
    """Whoever can write a token's file can choose the token, which is said; a file that is not there is not."""
    settings = load(tmp_path)
    before = settings.cautions()
    (tmp_path / "alertmanager-token").chmod(0o666)
    (tmp_path / "proxmox-token").unlink()

    [caution] = [caution for caution in settings.cautions() if caution not in before]
    assert caution.startswith("tokens.0.file: ")
    assert f"chmod o-w {tmp_path / 'alertmanager-token'}" in caution


def with_server(keys: dict[str, Any]) -> None:
    """A PostgreSQL database, with its password in a file."""
    keys.update(database="postgresql://wattshift@db.example/wattshift", database_password_file="database-password")


def test_the_database_password(tmp_path: Path) -> None:
    """It comes from the environment, else from its file, else it is left to libpq; SQLite has none, which is said."""
    (tmp_path / "database-password").write_text("a b=c\n")
    path = tmp_path / "actuator.yml"
    server, file = load(tmp_path, with_server), load(tmp_path, lambda keys: keys.update(database_password_file="x"))
    environment = {"WATTSHIFT_DATABASE_PASSWORD": "from the environment"}

    assert Credentials.read(server, {}, file=path).database_password == "a b=c"
    assert Credentials.read(server, environment, file=path).database_password == "from the environment"
    assert Credentials.read(file, environment, file=path).database_password is None
    assert any("database_password_file is not read" in caution for caution in file.cautions())
    assert not any("database_password_file" in caution for caution in server.cautions())


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "bell\a"])
def test_a_database_password_that_cannot_be_one(tmp_path: Path, content: str) -> None:
    """A file that holds something else is named, without what is in it."""
    (tmp_path / "database-password").write_text(content)
    with pytest.raises(ConfigurationError, match=r"database_password_file: .*expected a password on one line") as told:
        Credentials.read(load(tmp_path, with_server), {}, file=tmp_path / "actuator.yml")

    assert "lines" not in str(told.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Two faults are two lines."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, lambda keys: keys.update(mode="x", listen="y"))

    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda keys: keys["proxmox"].update(token_id="wattshift@pve!actuator=very-secret"),
        lambda keys: keys["proxmox"].update(token_file=["very-secret"]),
        lambda keys: keys["proxmox"].update(token="very-secret"),
        lambda keys: keys["tokens"].append("very-secret"),
        lambda keys: keys.update(database="postgresql://wattshift:very-secret@db/wattshift"),
    ],
)
def test_a_misplaced_secret_is_not_repeated(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A secret that somebody wrote into the file by mistake is not in the error that refuses it."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, change)

    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected keys and values"),
        (b"- a\n", "expected keys and values"),
        (b"mode: [\n", "line 2: expected YAML"),
        (b"mode: act\nmode: observe\n", "line 2: expected YAML, but the key 'mode' is given twice"),
        (b"\xff", "UTF-8"),
        (b"mode: !!python/object/apply:os.system [true]\n", "expected YAML"),
        (b"a: \x00\n", "expected YAML"),
        (b"mode: act\nzz: 2020-13-45\n", "line 2: expected YAML, but found what is no valid date, number or the like"),
        (
            b"zz: 1" + b":59" * 200 + b".5\n",
            "line 1: expected YAML, but found what is no valid date, number or the like",
        ),
        (b"zz: !!timestamp x\n", "line 1: expected YAML, but found what is no valid date, number or the like"),
        (b"zz: !!bool x\n", "line 1: expected YAML, but found what is no valid date, number or the like"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_no_yaml(tmp_path: Path, content: bytes, expected: str) -> None:
    """What is no YAML, or no mapping, is refused with the place."""
    path = tmp_path / "actuator.yml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(expected)) as refused:
        Settings.load(path)

    assert str(path) in str(refused.value)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is said by its name."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml: cannot be read \(No such file"):
        Settings.load(tmp_path / "nowhere.yml")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(
        [
            "listen",
            "mode",
            "database",
            "keep_days",
            "proxmox",
            "nodes",
            "guests",
            "limits",
            "timing",
            "tokens",
            "web",
            "x",
        ]
    ),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner, max_size=3),
        max_leaves=8,
    ),
)
def test_any_value_is_taken_or_refused(tmp_path: Path, key: str, value: object) -> None:
    """Whatever stands behind a key, the file is valid or the error names the file."""
    keys = configuration(tmp_path) | {key: value}
    path = tmp_path / "actuator.yml"
    path.write_text(yaml.safe_dump(keys, allow_unicode=True), encoding="utf-8")
    try:
        Settings.load(path)
    except ConfigurationError as refused:
        assert str(path) in str(refused)  # noqa: PT017 - refused or not, both are right


def example(folder: Path) -> str:
    """The example, with the files that it names written into a folder."""
    for name in ("proxmox-token", "alertmanager-token", "operator-token"):
        (folder / name).write_text(f"made-up-{name}-0123456789")
    trustme.CA().cert_pem.write_to_path(str(folder / "pve-root-ca.pem"))
    return EXAMPLE.read_text().replace("/etc/wattshift", str(folder))


def test_the_example_is_valid(tmp_path: Path) -> None:
    """The example that a user edits is valid as it stands, secrets included."""
    path = tmp_path / "actuator.yml"
    path.write_text(example(tmp_path))
    settings = Settings.load(path)

    assert settings.rules().mode is Mode.OBSERVE
    holder = Credentials.read(settings, {}, file=path).tokens.holder("made-up-operator-token-0123456789")
    assert holder == Holder("operator", frozenset({Scope.OPERATE}))


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    """With every commented key taken in, nothing changes but the address to send from: they are the defaults."""
    text = example(tmp_path)
    path = tmp_path / "actuator.yml"
    path.write_text(text)
    plain = Settings.load(path)
    path.write_text(re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", text, flags=re.MULTILINE).replace("verify: true", ""))
    full = Settings.load(path)

    assert full.model_fields_set == set(Settings.model_fields)
    assert full.limits.model_fields_set == set(type(full.limits).model_fields)
    assert full.step_timing() == plain.step_timing()
    assert full.timing.model_fields_set | {"boot_timeouts"} == set(Timing.__dataclass_fields__)
    assert full.rules() == plain.rules()
    assert full.web.model_fields_set == set(type(full.web).model_fields)
    assert (full.web.client_certificate, full.web.open_probes) == (
        plain.web.client_certificate,
        plain.web.open_probes,
    )
    assert (full.listen, full.database, full.keep_days) == (plain.listen, plain.database, plain.keep_days)
    assert full.wake_targets()["pve"] == WakeTarget("0c:9d:92:86:bb:63", interface="192.168.1.5")
