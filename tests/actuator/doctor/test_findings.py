"""What each check makes of what it is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from actuator.adapters.endpoint_probe import Answer, Trouble
from actuator.doctor import (
    alertmanager,
    certificates,
    clock,
    database,
    endpoints,
    privileges,
    prometheus,
    quorum,
    rebalancing,
    secrets,
    wake,
)
from actuator.doctor.facts import Facts, Seen
from actuator.doctor.finding import Finding, State
from actuator.node_sections import IpmiSection
from actuator.policy.power import Power
from actuator.settings import Settings
from tests.actuator.configuration import configuration, written

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_790_000_000.0
ALL = {"Sys.Audit": 1, "VM.Audit": 1, "VM.Migrate": 1, "Datastore.Audit": 1, "Sys.PowerMgmt": 1}


def answer(data: Any, **fields: Any) -> Answer:
    """A good answer."""
    return Answer(200, "OK", data, NOW, **fields)


def status(quorate: int = 1, **nodes: int) -> Answer:
    """The cluster's state, by node."""
    whole = {"type": "cluster", "name": "lab", "quorate": quorate}
    return answer([whole, *({"type": "node", "name": name, "online": online} for name, online in nodes.items())])


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """A cluster of two with nothing amiss, the one node off as it should be."""
    keys = configuration(tmp_path)
    keys["proxmox"] |= {"hosts": ["pve:8006", "pve2:8006"], "verify": True}
    for name in ("proxmox-token", "alertmanager-token"):
        (tmp_path / name).chmod(0o640)
    settings = Settings.load(written(tmp_path, keys))
    return Facts(
        settings=settings,
        endpoints={"pve:8006": Answer(trouble=Trouble.UNREACHABLE), "pve2:8006": answer({"/": ALL})},
        asked_at={"pve:8006": NOW, "pve2:8006": NOW},
        status=status(pve=0, pve2=1),
        options=answer({"allowed-tags": []}),
        qdevice=answer({"State": "Connected", "Model": "Net"}),
        configs={"pve2": answer({"wakeonlan": "04:42:1a:e7:5a:a0"})},
        prometheus=Seen((Power({"pve2": 84.5}, {"pve2": 90.0}), [])),
        alertmanager=None,
    )


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    """States and sentences."""
    return [(finding.state.value, finding.sentence) for finding in findings]


def worst(findings: list[Finding]) -> State:
    """The state that decides."""
    return max((finding.state for finding in findings), key=list(State).index)


def test_a_node_that_is_off_is_no_problem(facts: Facts) -> None:
    """With several endpoints one may sleep; and while it does Prometheus need not know it."""
    assert worst(endpoints.check(facts)) is State.WARNING
    assert told(prometheus.check(facts)) == [("ok", "it has a figure and a threshold for each node")]
    assert told(privileges.check(facts)) == [("ok", "the token has every privilege that is needed")]
    assert worst(quorum.check(facts)) is State.OK


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Answer(trouble=Trouble.CERTIFICATE), "certificate that is not to be trusted"),
        (Answer(trouble=Trouble.SILENT), "does not answer in time"),
        (Answer(trouble=Trouble.UNREACHABLE), "cannot be reached"),
        (Answer(401, "Authentication failed!"), "does not accept the API token"),
        (Answer(404, "Not Found"), "answered 404 Not Found, and not as Proxmox does"),
        (Answer(200, "OK", None), "not as Proxmox does"),
    ],
)
def test_what_each_endpoint_lacks_is_named(facts: Facts, given: Answer, says: str) -> None:
    """When none answers it is a problem, with its own sentence for each cause."""
    findings = endpoints.check(replace(facts, endpoints={"pve2:8006": given}))

    assert findings[0].state is State.PROBLEM
    assert says in findings[0].sentence
    assert privileges.check(replace(facts, endpoints={"pve2:8006": given}))[0].state is State.WARNING


@pytest.mark.parametrize("lacking", ALL)
def test_each_privilege_that_is_missing_is_named_with_its_path(facts: Facts, lacking: str) -> None:
    """Without any one of the privileges there is a finding that names it."""
    listing = {"/": {name: 1 for name in ALL if name != lacking}}
    findings = privileges.check(replace(facts, endpoints={"pve2:8006": answer(listing)}))

    assert all(lacking in finding.sentence and finding.commands for finding in findings)
    assert worst(findings) is (State.WARNING if lacking in {"Datastore.Audit", "Sys.PowerMgmt"} else State.PROBLEM)


def test_privileges_on_a_guest_alone_are_enough_for_it(facts: Facts) -> None:
    """A token for one guest, or a pool's guests, may move those; a deeper path replaces what it inherits."""
    base = {"/": {"Sys.Audit": 1, "Datastore.Audit": 1, "Sys.PowerMgmt": 1}}
    good = {**base, "/vms/100": {"VM.Audit": 1, "VM.Migrate": 1}}
    replaced = {"/": ALL, "/vms/100": {"VM.Audit": 1}}

    assert worst(privileges.check(replace(facts, endpoints={"pve2:8006": answer(good)}))) is State.OK
    [finding] = privileges.check(replace(facts, endpoints={"pve2:8006": answer(replaced)}))
    assert finding.sentence == "the token lacks VM.Migrate on /vms/100: no guest there is moved"


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        (answer({}), State.WARNING, "two nodes and no QDevice"),
        (answer({"State": "Connect failed"}), State.PROBLEM, "gives no vote (state: Connect failed)"),
        (Answer(501, "not implemented"), State.WARNING, "cannot be told"),
        (answer({"State": "Connected"}), State.OK, "third vote"),
    ],
)
def test_a_cluster_of_two_is_advised_a_third_vote(facts: Facts, given: Answer, state: State, says: str) -> None:
    """Two nodes without a QDevice get the command that sets one up; one that does not vote is a problem."""
    finding = quorum.check(replace(facts, qdevice=given))[-1]

    assert finding.state is state
    assert says in finding.sentence
    assert bool(finding.commands) == (state is not State.OK)


def test_three_nodes_need_no_advice(facts: Facts) -> None:
    """With three nodes nothing is said of a QDevice."""
    findings = quorum.check(replace(facts, status=status(pve=1, pve2=1, pve3=1), qdevice=answer({})))

    assert told(findings) == [("ok", "the cluster has quorum, 3 of 3 nodes are on")]


def test_quorum_and_names_are_judged(facts: Facts) -> None:
    """No quorum is a warning, since waking brings it; a node that Proxmox does not know is a problem."""
    findings = quorum.check(replace(facts, status=status(0, pve2=1, pve9=0)))

    assert (findings[0].state, findings[1].state) == (State.WARNING, State.PROBLEM)
    assert findings[1].sentence.startswith("node pve is configured, but Proxmox knows only pve2, pve9")
    assert quorum.check(replace(facts, status=Answer(403, "Permission check failed")))[0].state is State.PROBLEM


def test_each_node_can_be_woken_or_not(facts: Facts) -> None:
    """A node without a way of waking is told the address that Proxmox has for it."""
    assert told(wake.check(facts)) == [
        ("ok", "pve can be woken by 0c:9d:92:86:bb:63; whether it does, tells: wattshift-actuator wake pve --follow"),
        ("warning", "pve2 is never woken: configure nodes.pve2.wake.mac: 04:42:1a:e7:5a:a0, unless it is always on"),
    ]


def test_two_addresses_for_one_card_are_named(facts: Facts) -> None:
    """When Proxmox and we would send to different cards, one of them is wrong."""
    config = answer({"wakeonlan": "mac=02:22:33:44:55:66,bind-interface=eno1"})
    finding = wake.check(replace(facts, configs={"pve": config}))[0]

    assert finding.state is State.WARNING
    assert "woken by 0c:9d:92:86:bb:63, but Proxmox has 02:22:33:44:55:66" in finding.sentence


@pytest.mark.parametrize(
    ("apart", "state"), [(0, "ok"), (29, "ok"), (-29, "ok"), (31, "warning"), (-599, "warning"), (601, "problem")]
)
def test_clocks_are_compared(facts: Facts, apart: float, state: str) -> None:
    """Half a minute is tolerated; ten minutes are where alerts are refused."""
    shifted = replace(facts.endpoints["pve2:8006"], date=NOW + apart)
    [(found, _)] = told(clock.check(replace(facts, endpoints={"pve2:8006": shifted})))

    assert found == state


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, State.OK),
        ({"crs": {"ha": "static", "ha-auto-rebalance": 0}}, State.OK),
        ({"crs": {"ha": "static", "ha-auto-rebalance": 1}}, State.WARNING),
        ({"crs": "ha=static,ha-auto-rebalance=1"}, State.WARNING),
        ({"crs": "ha=static"}, State.OK),
    ],
)
def test_rebalancing_is_seen_in_either_form(facts: Facts, options: dict[str, Any], state: State) -> None:
    """As a property string or taken apart, HA's own rebalancing is named."""
    assert worst(rebalancing.check(replace(facts, options=answer(options)))) is state


@pytest.mark.parametrize(
    ("resources", "state", "words"),
    [
        (
            [{"sid": "vm:100"}, {"sid": "vm:101", "auto-rebalance": 0}],
            State.WARNING,
            "manages (vm:100); it leaves vm:101",
        ),
        ([{"sid": "vm:100", "auto-rebalance": 0}], State.OK, "leaves vm:100 where they are"),
        ([{"sid": "vm:100", "auto-rebalance": 1}], State.WARNING, "manages (vm:100)"),
        (None, State.WARNING, "moves of guests that it manages"),
    ],
    ids=["some", "none", "said aloud", "not told"],
)
def test_guests_that_rebalancing_leaves_alone_are_named(
    facts: Facts, resources: list[dict[str, Any]] | None, state: State, words: str
) -> None:
    """Each HA resource can be kept from it by itself; what is not told may be moved."""
    seen = replace(facts, options=answer({"crs": {"ha-auto-rebalance": 1}}), ha_resources=answer(resources))
    (finding,) = rebalancing.check(seen)

    assert finding.state is state
    assert words in finding.sentence
    assert state is State.OK or "--auto-rebalance 0" in finding.commands[0]


def test_prometheus_is_judged_node_by_node(facts: Facts) -> None:
    """A node that is on and has no figure, or no threshold by its source, cannot raise an alert; its doubts show."""
    power = Power({"pve2": 84.5})
    on = replace(facts, status=status(pve=1, pve2=1), prometheus=Seen((power, ["node pve has 2 figures"])))
    findings = prometheus.check(on)

    assert [finding.sentence.split(":")[0] for finding in findings] == [
        "node pve has 2 figures",
        "it has no wattshift_node_watts of pve",
        "no threshold fits the source that measures pve2, so no alert about it can fire",
    ]
    gone = replace(facts, prometheus=Seen(error="nothing answered"))
    assert told(prometheus.check(gone)) == [("problem", "nothing answered")]


def route(url: str | None, receiver: str = "wattshift") -> dict[str, Any]:
    """A configuration of Alertmanager's with one webhook."""
    webhook = {} if url is None else {"url": url}
    return {
        "route": {"receiver": "people", "routes": [{"receiver": receiver}]},
        "receivers": [{"name": "people"}, {"name": "wattshift", "webhook_configs": [webhook]}],
    }


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        (route("http://127.0.0.1:19093/api/v1/alerts"), State.OK, "by the receiver wattshift"),
        (route("https://proxy/wattshift/api/v1/alerts"), State.OK, "by the receiver wattshift"),
        (route("http://127.0.0.1:9/api/v1/alerts"), State.WARNING, "we listen on port 19093"),
        (route("http://127.0.0.1:19093/"), State.PROBLEM, "none of its webhooks ends in /api/v1/alerts"),
        (route("http://127.0.0.1:19093/api/v1/alerts", "people"), State.PROBLEM, "no route leads to the receiver"),
        (route("<secret>"), State.WARNING, "hides where the webhooks of wattshift go"),
        (route(None), State.WARNING, "hides where"),
        ({"route": None, "receivers": [1, {"webhook_configs": ["x"]}]}, State.PROBLEM, "none of its webhooks"),
    ],
)
def test_alertmanagers_route_is_judged(given: dict[str, Any], state: State, says: str) -> None:
    """It reaches us by a webhook with our path that some route leads to."""
    finding = alertmanager.judge(given, 19093)

    assert finding.state is state
    assert says in finding.sentence


def test_the_address_that_alertmanager_calls_is_told_without_its_password() -> None:
    """Whether the host is ours a person can tell, who is shown it; what lets somebody in there is shown to nobody."""
    url = "http://someone:secret@elsewhere:{port}/api/v1/alerts"

    right, wrong = (alertmanager.judge(route(url.format(port=port)), 19093).sentence for port in (19093, 9))

    assert right == "it routes to elsewhere:19093, which is to be us, by the receiver wattshift"
    assert wrong.startswith("it calls elsewhere:9, and we listen on port 19093")


@pytest.mark.parametrize("text", ["", "[", "- a", "12"])
def test_what_is_no_configuration_is_a_problem(facts: Facts, text: str) -> None:
    """Whatever stands at the address, no check breaks on it."""
    assert worst(alertmanager.check(replace(facts, alertmanager=Seen(text)))) is State.PROBLEM


def test_the_database_is_judged_and_not_made(facts: Facts, tmp_path: Path) -> None:
    """A folder that is missing or closed is told with the command that mends it; nothing is created."""
    assert told(database.check(facts)) == [("ok", f"{tmp_path}/actuator.db can be made")]
    assert not (tmp_path / "actuator.db").exists()
    assert database.judge(tmp_path / "nowhere" / "actuator.db").commands[0].startswith("install -d")
    (tmp_path / "actuator.db").mkdir()
    assert database.check(facts)[0].state is State.PROBLEM


@pytest.mark.parametrize(
    ("days", "state", "says"),
    [
        (22, State.OK, "none that was seen ends within three weeks"),
        (20, State.WARNING, "the certificate of pve2:8006 ends in 20 days (2026-1"),
        (-1, State.PROBLEM, "the certificate of pve2:8006 has expired (2026-"),
    ],
)
def test_a_certificate_that_ends_is_named_in_time(facts: Facts, days: float, state: State, says: str) -> None:
    """Three weeks before its end it is a warning, from then on a problem, each with the command that renews it."""
    [finding] = certificates.check(replace(facts, certificates={"pve2:8006": NOW + days * 86_400}))

    assert finding.state is state
    assert finding.sentence.startswith(says)
    assert bool(finding.commands) == (state is not State.OK)


def test_our_own_certificate_is_read_from_its_file(facts: Facts, tmp_path: Path) -> None:
    """The listener's ends like any other, and a file without one is said."""
    until = datetime.fromtimestamp(NOW, UTC) + timedelta(days=3)
    leaf = trustme.CA().issue_cert("x", not_after=until)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    web = facts.settings.web.model_copy(update={"cert_file": tmp_path / "own.pem"})
    own = replace(facts, settings=facts.settings.model_copy(update={"web": web}))

    [finding] = certificates.check(own)
    assert (finding.state, finding.sentence[:37]) == (State.WARNING, "our own certificate ends in 3 days (2")
    assert finding.commands[0].startswith("systemctl reload wattshift-actuator")
    (tmp_path / "own.pem").write_text("")
    assert certificates.check(own)[0].state is State.PROBLEM


def test_sys_powermgmt_is_wanted_only_for_waking_through_a_peer(facts: Facts) -> None:
    """With another way of waking nobody is told to grant a privilege that can switch nodes off."""
    listing = {"/": {name: 1 for name in ALL if name != "Sys.PowerMgmt"}}
    wake_by = facts.settings.nodes["pve"].wake
    assert wake_by is not None

    def found(methods: list[str]) -> list[tuple[str, str]]:
        node = facts.settings.nodes["pve"].model_copy(update={"wake": wake_by.model_copy(update={"methods": methods})})
        settings = facts.settings.model_copy(update={"nodes": {"pve": node}})
        return told(privileges.check(replace(facts, settings=settings, endpoints={"pve2:8006": answer(listing)})))

    assert found(["magic_packet"]) == [("ok", "the token has every privilege that is needed")]
    [(state, sentence)] = found(["proxmox"])
    assert state == "warning"
    assert "Sys.PowerMgmt on /nodes/pve" in sentence


def test_a_node_whose_address_nobody_knows_is_named(facts: Facts) -> None:
    """With packets alone a node needs an address, from us or from Proxmox; one with a BMC needs none."""
    wake_by = facts.settings.nodes["pve"].wake
    assert wake_by is not None

    def found(config: Answer | None, **changes: Any) -> str:
        node = facts.settings.nodes["pve"].model_copy(
            update={"wake": wake_by.model_copy(update={"mac": None, **changes})}
        )
        settings = facts.settings.model_copy(update={"nodes": {"pve": node}})
        configs = {} if config is None else {"pve": config}
        [finding] = wake.check(replace(facts, settings=settings, configs=configs))
        return finding.sentence if finding.state is State.WARNING else finding.state.value

    assert "no MAC address of pve is known here" in found(None)
    assert "no MAC address of pve is known here" in found(Answer(403, "Permission check failed"))
    assert found(answer({"wakeonlan": "04:42:1a:e7:5a:a0"})) == "ok"
    bmc = IpmiSection(host="192.0.2.9", user="x")
    assert found(None, ipmi=bmc) == "ok"


def test_every_file_with_a_secret_is_looked_at(tmp_path: Path) -> None:
    """Those of nodes, of the listener, of Prometheus and of the database as well; one that is gone is a problem."""
    keys = configuration(tmp_path)
    keys["database"] = "postgresql://wattshift@db/wattshift"
    keys |= {"database_password_file": "db", "prometheus": {"url": "http://x", "bearer_token_file": "prom"}}
    bmc = {"host": "192.0.2.9", "user": "x"}
    keys["nodes"]["pve"]["wake"] |= {
        "secureon_file": "secureon",
        "redfish": bmc | {"password_file": "redfish"},
        "ipmi": bmc | {"password_file": "ipmi"},
    }
    keys["web"] = {"cert_file": "cert", "key_file": "key"}
    for name in ("db", "prom", "secureon", "redfish", "ipmi", "cert", "key"):
        (tmp_path / name).write_text("x" * 20)
        (tmp_path / name).chmod(0o600)
    settings = Settings.load(written(tmp_path, keys))
    named = [key for key, _ in secrets.files(settings)]

    assert named == [
        "proxmox.token_file",
        "tokens.0.file",
        "prometheus.bearer_token_file",
        "database_password_file",
        "web.key_file",
        "nodes.pve.wake.secureon_file",
        "nodes.pve.wake.redfish.password_file",
        "nodes.pve.wake.ipmi.password_file",
    ]
    (tmp_path / "ipmi").unlink()
    (tmp_path / "redfish").chmod(0o604)
    assert [(finding.state, finding.sentence.split(":")[0]) for finding in secrets.check(Facts(settings, {}))][-2:] == [
        (State.WARNING, "nodes.pve.wake.redfish.password_file"),
        (State.PROBLEM, "nodes.pve.wake.ipmi.password_file"),
    ]


def test_secrets_that_others_can_read_or_change_are_named(facts: Facts, tmp_path: Path) -> None:
    """Readable by everybody is a warning, writable a problem, each with the command."""
    assert told(secrets.check(facts)) == [("ok", "nobody else on this machine can read or change them")]
    (tmp_path / "proxmox-token").chmod(0o644)
    (tmp_path / "alertmanager-token").chmod(0o662)
    findings = secrets.check(facts)

    assert [finding.state for finding in findings] == [State.WARNING, State.PROBLEM]
    assert [finding.commands for finding in findings] == [
        (f"chmod o= {tmp_path}/proxmox-token",),
        (f"chmod o= {tmp_path}/alertmanager-token",),
    ]
