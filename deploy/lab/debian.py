"""Debian packages unpacked into a folder, without installing anything and without root.

Standard library only: ``deploy/dev/venv.sh`` runs this file before any dependency exists.

apt-get gets its own state and cache folders, so neither the machine's package lists nor its locks are touched;
the machine's dpkg status is read, so only what is really missing is fetched (apt-get(8), apt.conf(5), and
dpkg-deb(1) -x). The lists are asked for anew after an hour, or when what they name is no longer there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_TIMEOUT_SECONDS = 300
_RECENT_SECONDS = 3600


class DebianError(Exception):
    """A package could not be had; the message says what to do."""


def unpack(packages: list[str], into: Path) -> Path:
    """Fetch ``packages`` and whatever they need that this machine lacks; return the unpacked root.

    Raises:
        DebianError: apt-get or dpkg-deb is missing or failed; the message carries its last words.
    """
    apt, root = apt_get(into), into / "root"
    root.mkdir(parents=True, exist_ok=True)
    _fetch(apt, packages, into / "apt" / "updated")
    for archive in sorted((into / "apt" / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(root)])
        archive.unlink()
    return root


def _fetch(apt: list[str], packages: list[str], updated: Path) -> None:
    fetch = [*apt, "install", "--reinstall", "--download-only", "--no-install-recommends", *packages]
    if updated.exists() and 0 <= time.time() - updated.stat().st_mtime < _RECENT_SECONDS:
        with suppress(DebianError):  # the archive may have replaced what the lists name
            run(fetch)
            return
    run([*apt, "update"])
    updated.touch()
    run(fetch)


def apt_get(into: Path) -> list[str]:
    """The start of an apt-get command that knows this machine's sources, and keeps all else below ``into``.

    Raises:
        DebianError: this machine has no apt.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            message = (
                f"{tool} is not on this machine, so Debian's packages cannot be fetched: install it and put it on PATH."
            )
            raise DebianError(message)
    state, cache = into / "apt" / "state", into / "apt" / "cache"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = [
        f"Dir::State={state.resolve()}",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={cache.resolve()}",
        "Dir::Cache::pkgcache=pkgcache.bin",  # images of Debian in a container keep none: a second more for each call
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",
        "Acquire::Retries=3",
        "APT::Update::Error-Mode=any",  # else it succeeds without a network, and the next step blames the package
    ]
    return ["apt-get", "-q", "-y"] + [word for option in options for word in ("-o", option)]


def run(command: list[str]) -> str:
    """Run a command that may need the network; return what it printed.

    Raises:
        DebianError: it failed or took too long; the message carries its last words.
    """
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{command[0]} gave no end within {_TIMEOUT_SECONDS} s: check the network and run this again."
        raise DebianError(message) from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-5:]
        message = f"{command[0]} failed with status {done.returncode}: {' / '.join(words)} (is the network there?)"
        raise DebianError(message)
    return done.stdout


def main() -> int:
    """Unpack the packages named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("packages", nargs="+")
    arguments = parser.parse_args()
    try:
        unpack(arguments.packages, arguments.into)
    except DebianError as error:
        print(f"debian: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
