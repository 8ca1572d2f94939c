#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make one image: install in a room (build.sh) and keep what that changed, the overlay's upper layer, as a tar file.
#
# usage: unshare -m … image.sh ROOM FILES TAR
# A tar file keeps the layer's whiteouts and trusted attributes on whatever file system the images lie.
set -eu
here=$(dirname "$0")
sh "$here/room.sh" "$1" / memory "$2" /bin/sh /lab/build.sh
tar --xattrs --xattrs-include='*' -C "$1/upper" -cf "$3" .
