"""The command line as settings: ``wattshift-exporter [serve|read|doctor] [flags]``, in the exporters' style."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from exporter import __version__, flag_values
from exporter.settings import COLLECTORS, Bmc, Pace, Settings
from exporter.sources import powerstat
from exporter.sources.dcmi import LOCAL_INTERFACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PASSWORD_VARIABLE = "IPMI_PASSWORD"  # noqa: S105 - the name ipmitool reads, not a password
_MEANINGS = {
    "rapl": "the processor's energy counters",
    "dcmi": "the power the BMC measures, through ipmitool",
    "hwmon": "the power sensors of the kernel's hwmon drivers: ACPI's meter, power supplies, cards",
    "powerstat": "the tool powerstat; the interval is its delay between samples",
    "guests": "the CPU time of Proxmox's guests, by which the node's power is divided among them",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, which is all that a service's log needs; the base class prints every flag before it."""
        self.exit(2, f"{self.prog}: error: {message} (--help lists the flags)\n")


def parse(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Settings]:
    """Return the command and the settings that ``argv`` asks for; exit with status 2 when they make no sense."""
    parser = make_parser()
    given = parser.parse_args(argv)
    if given.watch and given.command != "read":
        parser.error("argument --watch: is for read: wattshift-exporter read --watch")
    try:
        bmc = _bmc(given, environment)
        _check_paces(given)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    host, port = given.listen_address
    settings = Settings(
        node=given.node,
        listen_host=host,
        listen_port=port,
        web_config=given.web_config,
        sysfs=given.sysfs,
        procfs=given.procfs,
        run=given.run,
        pve=given.pve,
        etc=given.etc,
        dev=given.dev,
        collectors=frozenset(name for name in COLLECTORS if getattr(given, f"collect_{name}")),
        rapl=Pace(given.rapl_interval, given.rapl_deadline),
        dcmi=Pace(given.dcmi_interval, given.dcmi_deadline),
        hwmon=Pace(given.hwmon_interval, given.hwmon_deadline),
        powerstat=Pace(given.powerstat_interval, given.powerstat_deadline),
        guests=Pace(given.guests_interval, given.guests_deadline),
        max_age=given.max_age,
        node_order=given.node_order,
        bmc=bmc,
        dcmi_interface=given.interface or LOCAL_INTERFACES[0],
        dcmi_accept_inactive=given.accept_inactive,
        modules_file=given.modules_file,
        log_level=given.log_level,
        watch=given.watch,
    )
    return given.command, settings


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all flags; what they mean is in docs/metrics.md, too."""
    default = Settings(node=socket.gethostname().split(".")[0])
    parser = _Parser(
        prog="wattshift-exporter",
        description="Measures the electric power of this node for Prometheus.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "read", "doctor"),
        default="serve",
        help="serve /metrics (the default), read every source now and print a table, or say what is wrong with this "
        "node and how to mend it",
    )
    add = parser.add_argument
    add("--version", action="version", version=f"wattshift-exporter {__version__}")
    add(
        "--web.listen-address",
        dest="listen_address",
        metavar="ADDRESS",
        type=flag_values.listen_address,
        default=(default.listen_host, default.listen_port),
        help="host:port, [v6]:port or :port; port 0 lets the kernel choose (default :19100)",
    )
    add(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        type=Path,
        help="TLS, client certificates, users and headers, in the format of Prometheus's exporters",
    )
    add("--watch", action="store_true", help="with read: show the table as it changes, until Ctrl-C")
    add("--node", type=flag_values.node_name, default=default.node, help="this node's name in Proxmox (%(default)s)")
    add("--log.level", dest="log_level", choices=("debug", "info", "warning", "error"), default=default.log_level)
    for root in ("sysfs", "procfs", "run", "pve", "etc", "dev"):
        add(
            f"--path.{root}",
            dest=root,
            metavar="FOLDER",
            type=flag_values.folder,
            default=getattr(default, root),
            help=f"where to find it (default {getattr(default, root)})",
        )
    add(
        "--max-age",
        metavar="DURATION",
        type=flag_values.duration,
        default=default.max_age,
        help=f"figures older than this are not shown (default {default.max_age:g}s)",
    )
    add(
        "--node-power.order",
        dest="node_order",
        metavar="NAMES",
        type=flag_values.node_order,
        default=default.node_order,
        help=f"figures that may stand for the node, best first (default {','.join(default.node_order)})",
    )
    for name in COLLECTORS:
        _add_collector(parser, name, getattr(default, name))
    _add_bmc(parser)
    return parser


def _add_collector(parser: argparse.ArgumentParser, name: str, pace: Pace) -> None:
    group = parser.add_argument_group(name, _MEANINGS[name])
    group.add_argument(f"--collector.{name}", dest=f"collect_{name}", action="store_true", default=True)
    group.add_argument(f"--no-collector.{name}", dest=f"collect_{name}", action="store_false")
    for what, seconds, meaning in (
        ("interval", pace.interval, "pause between two reads"),
        ("deadline", pace.deadline, "longest a read may take"),
    ):
        group.add_argument(
            f"--{name}.{what}",
            dest=f"{name}_{what}",
            metavar="DURATION",
            type=flag_values.duration,
            default=seconds,
            help=f"{meaning} (default {seconds:g}s)",
        )


def _add_bmc(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dcmi.interface",
        dest="interface",
        choices=LOCAL_INTERFACES,
        help=f"ipmitool's way to this machine's own BMC (default {LOCAL_INTERFACES[0]})",
    )
    parser.add_argument(
        "--dcmi.accept-inactive",
        dest="accept_inactive",
        action="store_true",
        help="believe power other than zero though the BMC calls its meter deactivated, as OpenBMC does",
    )
    parser.add_argument(
        "--dcmi.modules-file",
        dest="modules_file",
        metavar="FILE",
        type=Path,
        help="serve /dcmi?target=HOST&module=NAME too: how to ask other machines' BMCs, in ipmi_exporter's format",
    )
    group = parser.add_argument_group(
        "remote BMC", "ask this BMC over the network (IPMI 2.0, RMCP+) instead of the local one"
    )
    add = group.add_argument
    add("--dcmi.host", dest="host", help="its name or address")
    add("--dcmi.port", dest="port", type=flag_values.port, help="its UDP port (default 623)")
    add("--dcmi.user", dest="user")
    add(
        "--dcmi.password-file",
        dest="password",
        metavar="FILE",
        type=flag_values.password_file,
        help=f"file with the password; else it is taken from the environment, {_PASSWORD_VARIABLE}",
    )
    add(
        "--dcmi.cipher-suite", dest="cipher_suite", type=flag_values.cipher_suite, help="default: ipmitool's own choice"
    )
    add(
        "--dcmi.privilege",
        dest="privilege",
        choices=("USER", "OPERATOR", "ADMINISTRATOR"),
        help="the session's privilege level (default: ipmitool's, ADMINISTRATOR)",
    )


def _check_paces(given: argparse.Namespace) -> None:
    """Refuse a pace at which a healthy source's figures grow too old between two reads.

    The node's figure would jump to another source and back, and no source would be called down.
    """
    for name in COLLECTORS:
        if not getattr(given, f"collect_{name}"):
            continue
        interval, deadline = getattr(given, f"{name}_interval"), getattr(given, f"{name}_deadline")
        longest = interval + deadline
        if name == "powerstat":  # its rows wait for a read, and then the figure stands for a pause and a read more
            longest = 2 * powerstat.PAUSE + deadline
            if deadline <= interval:
                raise argparse.ArgumentTypeError(
                    f"argument --powerstat.interval: {interval:g}s: no row comes within --powerstat.deadline "
                    f"({deadline:g}s): raise that above {interval:g}s, or lower the interval"
                )
        if given.max_age <= longest:
            raise argparse.ArgumentTypeError(
                f"argument --max-age: {given.max_age:g}s: with --{name}.interval={interval:g}s and "
                f"--{name}.deadline={deadline:g}s figures may grow older than that between two reads: "
                f"raise --max-age above {longest:g}s, or lower those"
            )


def _bmc(given: argparse.Namespace, environment: Mapping[str, str]) -> Bmc | None:
    if given.host is None:
        for flag in ("port", "user", "password", "cipher_suite", "privilege"):
            if getattr(given, flag) is not None:
                name = {"password": "password-file", "cipher_suite": "cipher-suite"}.get(flag, flag)
                raise argparse.ArgumentTypeError(f"argument --dcmi.{name}: expected --dcmi.host beside it")
        return None
    if given.interface is not None:
        raise argparse.ArgumentTypeError(
            "argument --dcmi.interface: is for this machine's own BMC: leave out --dcmi.host"
        )
    if not given.host or given.host.startswith("-") or any(character.isspace() for character in given.host):
        raise argparse.ArgumentTypeError(f"argument --dcmi.host: {given.host!r}: expected a host name or address")
    password = given.password
    if password is None:
        if _PASSWORD_VARIABLE not in environment:
            raise argparse.ArgumentTypeError(
                f"argument --dcmi.host: expected a password, by --dcmi.password-file or {_PASSWORD_VARIABLE}"
            )
        password = flag_values.password(environment[_PASSWORD_VARIABLE], _PASSWORD_VARIABLE)
    return Bmc(given.host, given.port or 623, given.user, password, given.cipher_suite, given.privilege)
