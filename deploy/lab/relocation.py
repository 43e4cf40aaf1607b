"""Makes unpacked Debian binaries find their data where it was unpacked, without root.

Debian's Prometheus and Alertmanager look for templates and web pages below a folder whose name is compiled in. The
wrapper opens the unpacked folder as a file descriptor before it starts the binary, and the binary's copy looks for it
there: the name is replaced by one of the same length that goes through the descriptor (proc(5), /proc/self/fd).
"""

from __future__ import annotations

import os
from pathlib import Path

_DATA = "usr/share/prometheus"
_DESCRIPTOR = 9
_COMPILED_IN = f"/{_DATA}".encode()
_THROUGH_DESCRIPTOR = f"/proc/self/fd/{_DESCRIPTOR}".encode().ljust(len(_COMPILED_IN), b"/")


def wrapper(binary: Path, root: Path) -> str:
    """A shell script that runs ``binary`` beside what was unpacked with it.

    The script belongs into a folder beside ``root``, and finds both from where it lies itself, so that the whole may be
    moved.
    """
    # Some keep libraries of their own one folder deeper: systemd, and PulseAudio, which Chromium is linked with.
    patterns = ("*-linux-gnu", "*-linux-gnu/systemd", "*-linux-gnu/pulseaudio")
    folders = [path for pattern in patterns for path in (root / "usr/lib").glob(pattern)]
    libraries = ":".join(f"$root/{path.relative_to(root)}" for path in folders)
    lines = [
        "#!/bin/sh",
        "# Runs the unpacked Debian binary beside the libraries and data unpacked with it.",
        f'root=$(cd "$(dirname "$0")/../{root.name}" && pwd)',
        f'export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"',
    ]
    content = binary.read_bytes()
    if _COMPILED_IN in content:
        binary.chmod(0o755)
        binary.write_bytes(content.replace(_COMPILED_IN, _THROUGH_DESCRIPTOR))
    if _COMPILED_IN in content or _THROUGH_DESCRIPTOR in content:
        lines.append(f'exec {_DESCRIPTOR}< "$root/{_DATA}"')
    if content.startswith(b"#!/usr/bin/perl"):
        # Every Debian has the bare perl; its larger library may have had to be unpacked.
        homes = ("share/perl/5.*", "lib/*-linux-gnu/perl/5.*", "share/perl5", "lib/*-linux-gnu/perl5/5.*")
        modules = ":".join(f"$root/{path.relative_to(root)}" for home in homes for path in (root / "usr").glob(home))
        lines.append(f'export PERL5LIB="{modules}"')
    lines.append(f'exec "$root/{binary.relative_to(root)}" "$@"')
    return "\n".join(lines) + "\n"


def mend_links(root: Path) -> None:
    """Let symbolic links lead somewhere again.

    An absolute link is pointed at what was unpacked beside it. A relative one that leads nowhere belongs to a package
    that this machine has installed, so that it was not fetched: it is pointed there.
    """
    for folder, subfolders, files in os.walk(root):
        for name in (*subfolders, *files):
            link = Path(folder, name)
            if link.is_symlink():
                _mend(link, root)


def _mend(link: Path, root: Path) -> None:
    target = link.readlink()
    if target.is_absolute():
        unpacked = root / target.relative_to("/")
        better = Path(os.path.relpath(unpacked, link.parent)) if unpacked.exists() else target
    elif link.exists():
        better = target
    else:
        wanted = Path(os.path.normpath(link.parent / target))
        installed = Path("/") / wanted.relative_to(root) if wanted.is_relative_to(root) else wanted
        better = installed if installed.exists() else target
    if better != target:
        link.unlink()
        link.symlink_to(better)
