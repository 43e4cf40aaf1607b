#!/bin/bash
# Build deploy/Containerfile with the real buildah, without any registry, and run what came of it:
# image.sh BUILDAH BASE WHEELS TREE CONFIG OUT, started by test_container.py as root in a mount namespace of its own.
# BASE, a Debian folder, stands in for the image of Debian that the file begins with: it has what the file has apt-get
# install, and an apt-get that only looks whether that is so. WHEELS has the files that the locks name. CONFIG goes to
# /etc/wattshift. Written to OUT: base.log, build.log, image.json, and what the container's commands said.
set -euo pipefail
buildah=$1 base=$2 wheels=$3 tree=$4 config=$5 out=$6

# Where buildah was unpacked and not installed, it starts itself anew without what its wrapper told it of libraries.
for libraries in "$(dirname "$buildah")"/../root/usr/lib/*-linux-gnu; do
    [ -L "$buildah" ] || mount -t overlay overlay -o "lowerdir=$libraries:/usr/lib/${libraries##*/}" "/usr/lib/${libraries##*/}"
done
store=$(mktemp -d)
mount -t tmpfs tmpfs "$store"
trap 'umount -l "$store"; rmdir "$store"' EXIT
mkdir "$store/tmp"
cat > "$store/storage.conf" << END
[storage]
driver = "overlay"
runroot = "$store/run"
graphroot = "$store/images"
END
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > "$store/policy.json"
printf '[global]\nno-index = true\nfind-links = /wheels\n' > "$store/pip.conf"
: > "$store/registries.conf"
export CONTAINERS_STORAGE_CONF=$store/storage.conf CONTAINERS_REGISTRIES_CONF=$store/registries.conf
export CONTAINERS_CONF=/dev/null TMPDIR=$store/tmp

{
    container=$("$buildah" from scratch)
    root=$("$buildah" mount "$container")
    tar -C "$base" --create --exclude='./usr/share/[dflm]*' --exclude=./usr/share/javascript --exclude=./usr/share/perl \
        --exclude='./usr/bin/prom*' --exclude=./usr/bin/amtool --exclude=./var/cache --exclude=./var/lib/apt . |
        tar -C "$root" --extract
    cat > "$root/usr/local/sbin/apt-get" << 'END'
#!/bin/sh
for word; do case $word in update | install | -*) ;; *) dpkg-query --show "$word" || exit 100 ;; esac; done
END
    chmod 755 "$root/usr/local/sbin/apt-get"
    "$buildah" commit --quiet --signature-policy "$store/policy.json" "$container" debian:12-slim
} > "$out/base.log" 2>&1
"$buildah" build --signature-policy "$store/policy.json" --isolation chroot --pull-never --format docker \
    --volume "$wheels:/wheels:ro" --volume "$store/pip.conf:/etc/pip.conf:ro" --tag wattshift-actuator \
    --file "$tree/deploy/Containerfile" "$tree" > "$out/build.log" 2>&1
"$buildah" inspect --type image wattshift-actuator > "$out/image.json"

# As an engine runs it with a read-only root: a volume for the database, the configuration, and nothing to write besides.
container=$("$buildah" from --pull-never --signature-policy "$store/policy.json" wattshift-actuator)
root=$("$buildah" mount "$container")
mount --bind "$root" "$root"
mount -t tmpfs -o mode=0750,uid=10001,gid=10001 tmpfs "$root/var/lib/wattshift"
mkdir -p "$root/etc/wattshift"
mount --bind "$config" "$root/etc/wattshift"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,bind,ro "$root"
inside=(env -i PATH=/opt/wattshift/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 chroot "$root"
    setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs)
"${inside[@]}" wattshift-actuator check-config --config /etc/wattshift/actuator.yml > "$out/check.log" 2>&1
"${inside[@]}" touch /opt/wattshift/changed > "$out/touch.log" 2>&1 && echo "the root can be written" >> "$out/touch.log"
"${inside[@]}" wattshift-actuator healthy --config /etc/wattshift/actuator.yml > "$out/early.log" 2>&1 && echo "healthy?" >> "$out/early.log"
"${inside[@]}" wattshift-actuator serve --config /etc/wattshift/actuator.yml > "$out/serve.log" 2>&1 &
until "${inside[@]}" wattshift-actuator healthy --config /etc/wattshift/actuator.yml > "$out/healthy.log" 2>&1; do
    kill -0 $! # it has ended: its log says why
done
grep -h '^\(Uid\|Gid\|CapBnd\|NoNewPrivs\):' "/proc/$!/status" > "$out/status.log"
ls -ln "$root/var/lib/wattshift" > "$out/state.log"
kill -TERM $!
wait $!
