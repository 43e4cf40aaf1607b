"""Reloading, in a running actuator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from actuator.auth import hashed
from actuator.credentials import Credentials
from actuator.errors import ConfigurationError
from actuator.reload import Reloader
from actuator.settings import Settings
from tests.actuator.adapters.stores import opened
from tests.actuator.configuration import CALLER_TOKEN, configuration, written
from tests.actuator.test_cli import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.actuator.test_cli import Actuator

NEW_TOKEN = "a-new-token-for-the-same-caller"


class Site:
    """A running actuator and its configuration."""

    def __init__(self, folder: Path, actuator: Actuator, keys: dict[str, Any]) -> None:
        self.folder = folder
        self.actuator = actuator
        self.keys = keys

    def reload(self, **changes: Any) -> tuple[int, Any]:
        """Lay changes over the file and ask for a reload."""
        written(self.folder, self.keys | changes)
        return self.actuator.call("POST", "/-/reload")

    def mode(self) -> str:
        """What it says to be up to."""
        return str(self.actuator.call("GET", "/-/ready")[1]["mode"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One actuator for all tests here, each of which leaves it as it was configured."""
    folder = tmp_path_factory.mktemp("reload")
    keys = configuration(folder) | {"mode": "observe", "guests": {"vmids": [100]}}
    with running(written(folder, keys)) as actuator:
        yield Site(folder, actuator, keys)
        actuator.stop()


@pytest.fixture(autouse=True)
def _as_configured(site: Site) -> Iterator[None]:
    yield
    (site.folder / "alertmanager-token").write_text(CALLER_TOKEN)
    site.reload()


def test_rules_change(site: Site) -> None:
    """Mode and guests are taken over at once, and what changed is named; a job is decided by the new ones."""
    before = site.actuator.call("POST", "/api/v1/jobs", {"vmid": 101})
    status, answer = site.reload(
        mode="act", guests={"vmids": [101]}, limits={"parallel": 3}, timing={"poll_seconds": 9}
    )
    after = site.actuator.call("POST", "/api/v1/jobs", {"vmid": 101})

    assert (status, answer) == (
        200,
        {"changed": ["guests.vmids", "limits.parallel", "mode", "timing.poll_seconds"]},
    )
    assert site.mode() == "act"
    assert (before[0], before[1]["reason"]) == (409, "guest_not_allowed")
    assert after[0] == 202


def test_nothing_changed(site: Site) -> None:
    """A reload of the same files changes nothing and says so."""
    assert site.reload() == (200, {"changed": []})


def test_tokens_rotate(site: Site) -> None:
    """The new token is let in beside the old one, then alone; neither takes a restart."""
    file = site.folder / "alertmanager-token"
    file.write_text(f"{CALLER_TOKEN}\n{hashed(NEW_TOKEN)}\n")
    added = site.reload()
    both = [site.actuator.call("GET", "/api/v1/jobs", token=token)[0] for token in (CALLER_TOKEN, NEW_TOKEN)]
    file.write_text(NEW_TOKEN)
    removed = site.reload()
    after = [site.actuator.call("GET", "/api/v1/jobs", token=token)[0] for token in (CALLER_TOKEN, NEW_TOKEN)]
    file.write_text(CALLER_TOKEN)
    back = site.actuator.call("POST", "/-/reload", token=NEW_TOKEN)

    assert added == (200, {"changed": ["tokens"]})
    assert removed[0] == 200
    assert both == [200, 200]
    assert after == [401, 200]
    assert back[0] == 200


def test_a_scope_can_be_taken_away(site: Site) -> None:
    """A narrowed token is narrow from the reload on."""
    reader = {"name": "reader", "file": "reader-token", "scopes": ["operate"]}
    (site.folder / "reader-token").write_text(NEW_TOKEN)
    site.reload(tokens=[*site.keys["tokens"], reader])
    wide = site.actuator.call("POST", "/api/v1/resume", token=NEW_TOKEN)[0]
    site.reload(tokens=[*site.keys["tokens"], reader | {"scopes": ["read"]}])

    assert (wide, site.actuator.call("POST", "/api/v1/resume", token=NEW_TOKEN)[0]) == (200, 403)


def test_probes_can_be_closed(site: Site) -> None:
    """Whether probes take a token is taken over as well."""
    status, answer = site.reload(web={"open_probes": False})

    assert (status, answer) == (200, {"changed": ["web.open_probes"]})
    assert site.actuator.call("GET", "/-/ready", token="nobody's")[0] == 401
    assert site.mode() == "observe"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mode": "perhaps"}, "mode: expected 'observe' or 'act'"),
        ({"tokens": []}, "tokens: expected at least one"),
        ({"tokens": [{"name": "x", "file": "nowhere", "scopes": ["read"]}]}, "tokens.0.file: expected a readable file"),
        ({"listen": "127.0.0.1:1"}, "listen: changed, which takes a restart"),
        ({"database": "sqlite:////nowhere/else.db"}, "database: changed, which takes a restart"),
        ({"proxmox": {"hosts": ["192.0.2.1"], "token_id": "a@b!cd", "token_file": "proxmox-token"}}, "proxmox.hosts"),
        ({"nodes": {"pve9": None}}, "nodes.pve, nodes.pve2, nodes.pve9: changed"),
        ({"web": {"cert_file": "nowhere", "key_file": "nowhere"}}, "web.cert_file: expected a readable file"),
    ],
)
def test_what_cannot_be_taken_changes_nothing(site: Site, changes: dict[str, Any], expected: str) -> None:
    """A file that is wrong, or that takes a restart, is refused as a whole with a sentence, and the old one stays."""
    status, answer = site.reload(**({"mode": "act"} | changes))

    assert status == 409
    assert expected in answer["message"]
    assert site.mode() == "observe"
    assert site.actuator.call("GET", "/api/v1/jobs")[0] == 200


def test_another_proxmox_secret_takes_a_restart(site: Site) -> None:
    """A new secret of the Proxmox token is not half taken, and is not in the sentence."""
    file = site.folder / "proxmox-token"
    old = file.read_text()
    file.write_text("another-very-secret")
    status, answer = site.reload(mode="act")
    file.write_text(old)

    assert status == 409
    assert "the secret of proxmox.token_id: changed" in answer["message"]
    assert "very-secret" not in answer["message"]
    assert site.mode() == "observe"


SECRETS = {
    "secureon": ("00:11:22:33:44:55", "a secret of nodes.NODE.wake"),
    "redfish": ("an-old-password-of-the-bmc", "a secret of nodes.NODE.wake"),
    "ipmi": ("an-old-password", "a secret of nodes.NODE.wake"),
    "database": ("the-old-password-of-the-database", "the database's password"),
}


@pytest.mark.parametrize("changed", SECRETS)
def test_another_secret_of_what_is_connected_takes_a_restart(tmp_path: Path, changed: str) -> None:
    """A new password of a BMC, a card or the database is not half taken; the sentence says which kind, and not what."""
    keys = configuration(tmp_path) | {"database": "postgresql://wattshift@db/wattshift"}
    keys["database_password_file"] = "database"
    keys["nodes"]["pve"]["wake"] |= {
        "secureon_file": "secureon",
        "redfish": {"host": "192.0.2.9", "user": "x", "password_file": "redfish"},
        "ipmi": {"host": "192.0.2.9", "user": "x", "password_file": "ipmi"},
    }
    for name, (secret, _) in SECRETS.items():
        (tmp_path / name).write_text(secret)
    path = written(tmp_path, keys)

    def read() -> tuple[Settings, Credentials]:
        settings = Settings.load(path)
        return settings, Credentials.read(settings, {}, file=path)

    settings, credentials = read()
    adopted: list[Settings] = []
    with opened(tmp_path / "audit.db") as store:
        reloader = Reloader(
            file=path,
            settings=settings,
            credentials=credentials,
            read=read,
            adopt=lambda settings, _: adopted.append(settings),
            store=store,
            clock=lambda: 0.0,
        )
        assert reloader.reload("x") == []
        new = SECRETS[changed][0].replace("old", "new").replace("55", "66")
        (tmp_path / changed).write_text(new)
        with pytest.raises(ConfigurationError) as refused:
            reloader.reload("x")

    assert f"{SECRETS[changed][1]}: changed, which takes a restart" in str(refused.value)
    assert new not in str(refused.value)
    assert len(adopted) == 1


def test_signals_reload_too(site: Site) -> None:
    """SIGHUP does the same, and one that finds a bad file ends nothing."""
    written(site.folder, site.keys | {"mode": "act"})
    told = site.actuator.hang_up()
    taken = site.mode()
    written(site.folder, {"mode": "act"})
    refused = site.actuator.hang_up("actuator.reload_refused")

    assert (told["requested_by"], told["changed"], taken) == ("SIGHUP", ["mode"], "act")
    assert "proxmox: expected a value" in refused["message"]
    assert site.mode() == "act"


def test_reloads_are_in_the_audit(site: Site) -> None:
    """Who reloaded, what changed, and what was refused is kept."""
    site.reload(mode="act")
    site.reload(listen="127.0.0.1:1")
    _, text = site.actuator.call("GET", "/api/v1/audit", plain=True)
    lines = [json.loads(line) for line in text.splitlines()]
    last = [line for line in lines if line["event"].startswith("reload")][-2:]

    assert [(line["event"], line["requested_by"]) for line in last] == [
        ("reloaded", "alertmanager"),
        ("reload_refused", "alertmanager"),
    ]
    assert last[0]["detail"] == {"changed": ["mode"]}
    assert "listen" in last[1]["message"]
