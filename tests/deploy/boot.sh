#!/bin/sh
# A Debian folder as a machine of its own: boot.sh ROOT CLASS INIT [ARGUMENT...], started by machine.py as root.
# ROOT stays as it is: what the machine writes goes to memory over it. CLASS is put at its /sys/class. It has process
# numbers, mounts, a network, a name and a tree of cgroups (v2) of its own. The number of its first process is printed;
# it lives until standard input ends.
set -eu

if [ "${1:-}" = --inside ]; then
    shift
    new=$1 class=$2
    shift 2
    # The /proc of outside still: the number that those outside know us by. Read by the shell, which becomes the init.
    read -r pid _ < /proc/self/stat
    mount -t proc -o nosuid,nodev,noexec proc "$new/proc"
    mount -t sysfs -o nosuid,nodev,noexec sysfs "$new/sys"
    mount --bind "$class" "$new/sys/class"
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$new/sys/fs/cgroup"
    # Read-only, so that no udev or sysctl of the machine's reaches the kernel, which is not its own.
    mount -o remount,bind,ro "$new/sys"
    mount --bind "$new/proc/sys" "$new/proc/sys"
    mount -o remount,bind,ro "$new/proc/sys"
    mount -t tmpfs -o mode=755 tmpfs "$new/run"
    mount -t tmpfs -o mode=755 tmpfs "$new/dev"
    for node in null zero full random urandom tty; do
        touch "$new/dev/$node"
        mount --bind "/dev/$node" "$new/dev/$node"
    done
    mkdir "$new/dev/pts" "$new/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$new/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$new/dev/shm"
    ln -s pts/ptmx "$new/dev/ptmx"
    ln -s /proc/self/fd "$new/dev/fd"
    cd "$new"
    pivot_root . mnt
    umount -l /mnt
    echo "$pid"
    # Root, but without what reaches beyond its namespaces.
    exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio "$@" < /dev/null > /dev/null 2>&1
fi

root=$1 class=$2
shift 2
here=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$here"
mkdir "$here/upper" "$here/work" "$here/new" "$here/cgroup"
mount -t overlay -o "lowerdir=$root,upperdir=$here/upper,workdir=$here/work" overlay "$here/new"
mount -t cgroup2 cgroup2 "$here/cgroup"
group=$here/cgroup/wattshift-machine-$$
mkdir "$group"
echo $$ > "$group/cgroup.procs"
unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup sh "$0" --inside "$here/new" "$class" "$@" < /dev/null &
unshare=$!
exec > /dev/null
cat || true
kill -KILL "$unshare"
wait "$unshare" 2> /dev/null || true
echo $$ > "$here/cgroup/cgroup.procs"
# The last processes may take a moment to be gone after they were killed.
while ! find "$group" -depth -type d -exec rmdir {} + 2> /dev/null; do sleep 0.05; done
umount -l "$here/cgroup" "$here/new" "$here"
rmdir "$here"
