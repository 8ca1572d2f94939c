#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make a room: an overlay of this machine's root, with a fresh /proc, /dev, /run and /tmp, and run a program in it.
#
# usage: unshare -m … room.sh ROOM LOWER UPPER FILES PROGRAM…
#   ROOM   folder to mount at; LOWER  colon-separated lower layers; UPPER  folder for upper+work, or "memory"
#   FILES  folder that is copied to /lab in the room, or "-"
# Every mount is private to the calling mount namespace: when its last process ends, the kernel removes them all.
set -eu
room=$1 lower=$2 upper=$3 files=$4
shift 4
if [ "$upper" = memory ]; then
    mount -t tmpfs -o mode=755 lab "$room"
    upper=$room
fi
mkdir -p "$upper/upper" "$upper/work" "$room/root"
mount -t overlay lab -o "lowerdir=$lower,upperdir=$upper/upper,workdir=$upper/work" "$room/root"
root=$room/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
# Our own /dev: the machine's is shared, and a socket /dev/log made there would be seen outside.
for node in null zero full random urandom tty; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
chmod 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/lock"
chmod 1777 "$root/run/lock"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
if [ "$files" != - ]; then
    mkdir -p "$root/lab"
    cp -R "$files/." "$root/lab/"
fi
cd "$root"
exec chroot "$root" "$@"
