#!/bin/sh
# Build the exporter's package into OUTDIR (dist by default): deploy/debian/build.sh [OUTDIR]
# It needs dpkg-deb and nothing else that a Debian without any development package lacks, and no root.
# DEBFULLNAME and DEBEMAIL name whoever answers for the package, as for Debian's own tools.
# The same tree gives the same bytes; SOURCE_DATE_EPOCH is the commit's time unless set.
set -eu
umask 022
export LC_ALL=C

out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."

package=wattshift-exporter
version=$(sed -n 's/^__version__ = "\([0-9][0-9A-Za-z.+~]*\)"$/\1/p' exporter/__init__.py)
[ -n "$version" ] || {
    echo "exporter/__init__.py names no __version__ that Debian would take, so no package can be built." >&2
    exit 1
}
[ -n "${SOURCE_DATE_EPOCH:-}" ] || SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || stat -c %Y exporter/__init__.py)
export SOURCE_DATE_EPOCH
maintainer="${DEBFULLNAME:-Wattshift maintainers} <${DEBEMAIL:-maintainers@wattshift.invalid}>"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

put() { # MODE FROM TO
    install -D -m "$1" "$2" "$tree/$3"
}

# The whole package of Python, whatever folders it has; what Python compiled here stays here.
(cd exporter && find . -type f ! -path '*/__pycache__/*' | sort) | while read -r file; do
    put 644 "exporter/$file" "usr/share/$package/exporter/$file"
done

here=deploy/debian
put 755 $here/$package usr/bin/$package
put 755 $here/proxmox-names usr/share/$package/proxmox-names
put 755 $here/rtupdate usr/share/python3/runtime.d/$package.rtupdate
put 600 $here/default etc/default/$package
put 644 deploy/systemd/$package.service usr/lib/systemd/system/$package.service
put 644 deploy/systemd/udev/60-wattshift.rules usr/lib/udev/rules.d/60-$package.rules
put 644 deploy/systemd/udev/60-wattshift-powercap.rules usr/lib/udev/rules.d/60-$package-powercap.rules
put 644 $here/lintian-overrides usr/share/lintian/overrides/$package
put 644 $here/copyright usr/share/doc/$package/copyright
put 644 $here/README.md usr/share/doc/$package/README.md
for example in $here/examples/*; do
    put 644 "$example" "usr/share/doc/$package/examples/${example##*/}"
done

# The other user of that file is another package's.
mkdir -p "$tree/usr/lib/sysusers.d"
sed -n "/^u $package /p" deploy/systemd/sysusers.d/wattshift.conf > "$tree/usr/lib/sysusers.d/$package.conf"

mkdir -p "$tree/usr/share/man/man8"
gzip -9n < $here/$package.8 > "$tree/usr/share/man/man8/$package.8.gz"
{
    printf '%s (%s) unstable; urgency=medium\n\n  * Version %s; see the changelog of the project.\n\n' \
        "$package" "$version" "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n > "$tree/usr/share/doc/$package/changelog.gz"

mkdir "$tree/DEBIAN"
for script in postinst prerm postrm; do
    put 755 $here/$script DEBIAN/$script
done
echo /etc/default/$package > "$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -exec md5sum {} + | sort -k 2) > "$tree/DEBIAN/md5sums"
# In KiB, files alone: what a folder takes depends on the file system.
size=$(cd "$tree" && find etc usr -type f -exec stat -c %s {} + | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
{
    printf 'Package: %s\nVersion: %s\nMaintainer: %s\nInstalled-Size: %s\n' "$package" "$version" "$maintainer" "$size"
    cat $here/control
} > "$tree/DEBIAN/control"

find "$tree" -type d -exec chmod 755 {} +
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/${package}_${version}_all.deb" > /dev/null
echo "$out/${package}_${version}_all.deb"
