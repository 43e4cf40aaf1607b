#!/bin/sh
# Make .venv with every dependency of the lock file, hashes checked; do nothing when it is up to date.
# A plain Debian has python3 without ensurepip: then pip itself comes from Debian's python3-pip-whl,
# unpacked beside the environment, so that nothing is installed on the machine and no root is needed.
set -eu
cd "$(dirname "$0")/../.."
venv=.venv
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Wattshift needs Python 3.11 or later as '$python': install it, or name one with PYTHON=/path/to/python3." >&2
    exit 2
}

# Two at once would tear down what the other builds; flock(1) belongs to every Debian.
mkdir -p .lab
exec 8> .lab/venv.lock
flock 8

stamp=$venv/.lock-installed
# The folder's own name is in it: an environment that was moved or copied would run the code of the old place.
want=$( (pwd; cat pyproject.toml requirements.lock deploy/dev/venv.sh) | sha256sum | cut -d' ' -f1)
[ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

echo "Setting up $venv (once, under a minute) ..."
rm -rf "$venv"
if "$python" -c 'import ensurepip, venv' 2>/dev/null && "$python" -m venv "$venv"; then
    pip="$venv/bin/python -m pip"
else
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv"
    wheel_root=.lab/debian-pip
    "$python" deploy/lab/debian.py --into "$wheel_root" python3-pip-whl
    pip_wheel=$(ls "$wheel_root"/root/usr/share/python-wheels/pip-*.whl | head -n 1)
    pip="$venv/bin/python $pip_wheel/pip"
fi
$pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes --requirement requirements.lock || {
    echo "The dependencies could not be installed (see above): is the network there? Run this again." >&2
    exit 1
}
$pip install --quiet --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable .
echo "$want" > "$stamp"
