"""What the installed service may do on Debian 12 and 13, and what its administrator may allow it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.deploy.node import DEFAULTS, DROP_INS, UNIT, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.deploy.node import Node

EXAMPLES = "/usr/share/doc/wattshift-exporter/examples"
PVE = "/etc/pve"
CONTAINER = "/sys/fs/cgroup/lxc/101"
NAMES = "/run/wattshift-exporter-names"
READ_EVERY_FILE = 1 << 2  # CAP_DAC_READ_SEARCH in the sets of /proc/<pid>/status (linux/capability.h)
# The password "fakepassword", as htpasswd -nBC 4 makes it.
HASH = "$2b$04$abcdefghijklmnopqrstuuBQnHgpqTvGwW5nyIPXIaIQpu5QBGVRy"


def test_the_service_has_no_right_it_does_not_need(node: Node) -> None:
    """A user of its own, no capability, no way to a new one, no system calls but a service's, in every thread."""
    user = node.machine.do("id", "-u", USER)

    assert user != "0"
    assert node.status("Uid").split() == [user] * 4
    assert {int(node.status(kind), 16) for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert node.status("NoNewPrivs") == "1"
    assert node.status("Seccomp") == "2"  # filtered


def test_the_releases_systemd_finds_little_exposed(node: Node) -> None:
    """It knows every key of the unit, and its own measure of exposure is 3.0 of 10 at most."""
    unit = f"/lib/systemd/system/{UNIT}"
    verified = node.machine.do("systemd-analyze", "verify", "--man=no", unit)
    node.machine.do("systemd-analyze", "security", "--offline=yes", "--threshold=30", "--no-pager", unit)
    done = node.machine.run("systemd-analyze", "security", "--offline=yes", "--threshold=1", "--no-pager", unit)

    assert verified == ""
    assert done.returncode != 0  # so that the measure is one that can be missed


def test_energy_counters_are_opened_to_the_group_alone(node: Node) -> None:
    """Each counter is root's, readable for the exporter's group and for nobody else."""
    listing = node.machine.do("sh", "-c", "stat -L -c '%U %G %a' /sys/class/powercap/*/energy_uj").splitlines()

    assert listing == [f"root {USER} 440"] * 3
    assert node.machine.run(
        "runuser", "-u", "nobody", "--", "cat", "/sys/class/powercap/intel-rapl:0/energy_uj"
    ).returncode


def test_settings_with_a_password_are_roots_alone(node: Node) -> None:
    """Nobody else reads the file, not even the service, which systemd hands what is in it."""
    assert node.machine.do("stat", "-c", "%U %G %a", DEFAULTS) == "root root 600"
    assert node.machine.run("runuser", "-u", USER, "--", "cat", DEFAULTS).returncode != 0


@pytest.mark.usefixtures("settings")
def test_a_guest_is_seen_through_the_hardening(node: Node) -> None:
    """Root's QEMU process, its pidfile closed to others, gets its share and the name it was started with."""
    pidfile = "/var/run/qemu-server/100.pid"
    code = f"import os, time; open('{pidfile}', 'w', opener=lambda *a: os.open(*a, 0o600)).write(str(os.getpid()))\\n"
    node.machine.do("mkdir", "-p", "/run/qemu-server")
    node.machine.do(
        *("systemd-run", "--slice=qemu.slice", "--unit=100.scope", "--scope", "--quiet", "sh", "-c"),
        'bash -c \'exec -a /usr/bin/kvm python3 -c "$0" "$@"\' "$0" "$@" > /dev/null 2>&1 &',
        f"{code}while True: pass".replace("\\n", "\n"),
        *("-id", "100", "-name", "web,debug-threads=on", "-pidfile", pidfile),
    )
    node.restart("--rapl.interval=1s", "--guests.interval=1s")
    node.machine.metrics_with('wattshift_guest_watts{id="qemu/100",name="web"')
    node.machine.do("systemctl", "stop", "100.scope")


@pytest.mark.usefixtures("settings")
def test_the_capability_drop_in_stands_in_for_the_group(node: Node) -> None:
    """With it counters that are root's alone are read, by the one capability and no other."""
    node.machine.do(
        "sh", "-c", "chgrp root /sys/class/powercap/*/energy_uj; chmod 0400 /sys/class/powercap/*/energy_uj"
    )
    node.machine.do("install", "-D", f"{EXAMPLES}/read-all-files.conf", f"{DROP_INS}/override.conf")
    node.restart("--rapl.interval=1s")
    node.machine.metrics_with("wattshift_rapl_watts")

    assert {int(node.status(kind), 16) for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {READ_EVERY_FILE}
    assert node.machine.do("stat", "-c", "%G %a", "/sys/class/powercap/intel-rapl:0/energy_uj") == "root 400"


@pytest.fixture
def cluster(node: Node) -> Iterator[Callable[..., None]]:
    """Mounts Proxmox's configuration, for root and www-data alone; anew each time, as when pve-cluster is restarted."""

    def mount(**files: str) -> None:
        node.machine.run("umount", PVE)
        node.machine.do("mkdir", "-p", PVE)
        node.machine.do("mount", "-t", "tmpfs", "tmpfs", PVE)
        for path, text in {"nodes/pve2/pve-ssl.key": "secret\n", **files}.items():
            node.machine.path(f"{PVE}/{path}").parent.mkdir(parents=True, exist_ok=True)
            node.machine.path(f"{PVE}/{path}").write_text(text)
        node.machine.do("chgrp", "-R", "www-data", PVE)
        node.machine.do("chmod", "-R", "u=rwX,g=rX,o=", PVE)

    yield mount
    node.machine.run("umount", PVE)
    node.machine.do("systemctl", "disable", "--now", "wattshift-exporter-names.timer")
    node.machine.do("systemctl", "stop", "wattshift-exporter-names.service")
    node.machine.do("sh", "-c", f"rm /etc/systemd/system/wattshift-exporter-names.* && rm -r {NAMES}")


def names(node: Node) -> dict[str, str]:
    """Return what the exporter is shown of Proxmox's configuration, after the unit that copies it ran."""
    node.machine.do("systemctl", "start", "wattshift-exporter-names.service")
    return {
        file: node.machine.do("runuser", "-u", USER, "--", "cat", file)
        for file in node.machine.do("find", NAMES, "-type", "f").split()
    }


@pytest.mark.usefixtures("settings")
def test_containers_are_named_without_a_view_of_proxmoxs_configuration(
    node: Node, cluster: Callable[..., None]
) -> None:
    """The name's line alone is copied, and kept while /etc/pve is gone; the service is in no group that reads keys."""
    container = "arch: amd64\nhostname: db\nmp0: secret\n\n[before]\nhostname: old\n"
    cluster(**{"lxc/101.conf": container, "qemu-server/100.conf": "#name: x\ncores: 2\nname: web\n", "lxc/new": "x"})
    node.machine.do("mkdir", "-p", CONTAINER)
    node.machine.do("sh", "-c", f"sleep infinity > /dev/null 2>&1 & echo $! > {CONTAINER}/cgroup.procs")
    node.machine.do("sh", "-c", f"cp {EXAMPLES}/wattshift-exporter-names.* /etc/systemd/system/")
    node.machine.do("systemctl", "daemon-reload")
    node.machine.do("systemctl", "enable", "--now", "wattshift-exporter-names.timer")
    node.restart(f"--path.pve={NAMES}", "--guests.interval=1s")
    node.machine.metrics_with('wattshift_guest_cpu_seconds_total{id="lxc/101",name="db"')
    shown = names(node)
    inodes = node.machine.do("find", NAMES, "-type", "f", "-printf", "%i %T@\n")
    again = names(node), node.machine.do("find", NAMES, "-type", "f", "-printf", "%i %T@\n")
    cluster(**{"lxc/101.conf": "hostname: db2\n"})
    remounted = names(node)
    node.machine.metrics_with('wattshift_guest_cpu_seconds_total{id="lxc/101",name="db2"')
    node.machine.do("umount", PVE)
    gone = names(node)
    node.machine.do("sh", "-c", f"echo 1 > {CONTAINER}/cgroup.kill")
    told = (
        node.machine.do("journalctl", "--sync"),
        node.machine.do("journalctl", "--unit=wattshift-exporter-names", "-q"),
    )

    assert shown == {f"{NAMES}/lxc/101.conf": "hostname: db", f"{NAMES}/qemu-server/100.conf": "name: web"}
    assert again == (shown, inodes)
    assert remounted == {f"{NAMES}/lxc/101.conf": "hostname: db2"}
    assert gone == remounted
    assert node.machine.do("id", "-g", "www-data") not in node.status("Groups").split()
    assert told == ("", "")
    timeout = node.machine.do("systemctl", "show", "--value", "--property=TimeoutStartUSec", "wattshift-exporter-names")
    assert timeout == "10s"


def device(node: Node, syspath: str, **files: str) -> str:
    """Make a device as sysfs has it; return what udev would do when it appears."""
    node.machine.do("mkdir", "-p", syspath)
    node.machine.do("ln", "-s", f"../../{syspath.split('/')[3]}", f"{syspath}/subsystem")
    for name, text in {"uevent": "", **files}.items():
        node.machine.path(f"{syspath}/{name}").write_text(text)
        node.machine.path(f"{syspath}/{name}").chmod(0o400)
    # The folder stands for a kernel's sysfs, which udev would insist on.
    told = node.machine.do("env", "SYSTEMD_DEVICE_VERIFY_SYSFS=0", "udevadm", "test", "--action=add", syspath)
    for command in re.findall(r"^(?:run: '|  RUN\{program\} : )(/bin/sh -c '[^']*')", told, re.MULTILINE):
        node.machine.do("sh", "-c", command)
    return told


def test_counters_that_appear_later_are_opened_to_the_group(node: Node) -> None:
    """The release's udev opens a zone whose driver is loaded after the service's start, and leaves other devices be."""
    late, kind = "/sys/class/powercap/intel-rapl:1", "/sys/class/powercap/intel-rapl"
    device(node, late, energy_uj="1\n")
    mode = node.machine.do("stat", "-c", "%U %G %a", f"{late}/energy_uj")
    other = device(node, kind)
    node.machine.do("rm", "-r", late, kind)

    assert mode == f"root {USER} 440"
    assert "chgrp" not in other


def test_the_bmcs_device_is_given_to_the_group(node: Node) -> None:
    """The release's udev takes the rule for /dev/ipmi0 when it appears."""
    told = device(node, "/sys/class/ipmi/ipmi0", uevent="MAJOR=240\nMINOR=0\nDEVNAME=ipmi0\n")
    node.machine.do("rm", "-r", "/sys/class/ipmi")

    assert f"60-wattshift-exporter.rules:3 GROUP {node.machine.do('id', '-g', USER)}\n" in told
    assert "60-wattshift-exporter.rules:3 MODE 0660\n" in told


@pytest.mark.usefixtures("settings")
def test_the_kernel_knows_the_bmcs_device_before_the_service_starts(node: Node) -> None:
    """The module is asked for at each start, since systemd shuts out what the kernel has no name for by then."""
    drop_in = node.machine.path("/run/systemd/system/modprobe@ipmi_devintf.service.d/lab.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Unit]\nConditionCapability=\n")  # which the machine lacks, its kernel not being its own
    modprobe = node.machine.path("/usr/sbin/modprobe")
    modprobe.write_text(f"#!/bin/sh\n{{ echo $*; systemctl show --value -p MainPID {UNIT}; }} > /srv/modprobe\n")
    modprobe.chmod(0o755)
    node.machine.do("systemctl", "stop", UNIT)
    node.restart()
    failed = node.machine.do("systemctl", "list-units", "--failed", "--no-legend")
    modprobe.unlink()
    drop_in.unlink()

    assert node.machine.path("/srv/modprobe").read_text() == "-abq ipmi_devintf\n0\n"
    assert failed == ""


@pytest.mark.usefixtures("settings")
def test_a_web_configuration_of_the_services_own_is_used(node: Node, tmp_path: Path) -> None:
    """Certificate, key and users in files for its group alone; passwords are checked by the release's own library."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    (tmp_path / "web.yml").write_text(
        f"tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\nbasic_auth_users:\n  prometheus: {HASH}\n"
    )
    for file in tmp_path.iterdir():
        node.machine.path(f"/srv/{file.name}").write_bytes(file.read_bytes())
    node.machine.do("install", "-d", "-m", "750", "-g", USER, "/etc/wattshift-exporter")
    for name in ("web.yml", "tls.crt", "tls.key"):
        node.machine.do("install", "-m", "640", "-g", USER, f"/srv/{name}", "/etc/wattshift-exporter/")
    node.restart("--web.config.file=/etc/wattshift-exporter/web.yml")

    node.machine.metrics_with(
        "wattshift_exporter_build_info", url="https://prometheus:fakepassword@127.0.0.1:19100", ca="/srv/ca.pem"
    )
