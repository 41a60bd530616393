#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# A command on a small disk of its own, which it may fill: XFS with reflink, on an image in FOLDER.
#
#   tests/small_disk.sh FOLDER MEGABYTES USER COMMAND...    as root; the command runs as USER, with the place of the
#                                                           disk in ARDENT_SMALL_DISK
#
# Exit status 77: no such disk can be made here, and stderr says why. The disk is mounted in a mount namespace of the command:
# whatever ends it, the kernel unmounts it and frees the loop device.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

no_disk() {
    echo "small_disk.sh: $1" >&2
    exit 77
}

if [ "${ARDENT_SMALL_DISK_INSIDE:-}" != 1 ]; then
    [ "$(id -u)" = 0 ] || no_disk 'only root may mount'
    command -v mkfs.xfs > /dev/null || no_disk 'there is no mkfs.xfs'
    losetup --find > /dev/null 2>&1 || no_disk 'there is no loop device'
    grep -qw xfs /proc/filesystems || modprobe xfs 2> /dev/null || no_disk 'this kernel knows no xfs'
    unshare --mount true 2> /dev/null || no_disk 'no mount namespace may be made here'
    exec env ARDENT_SMALL_DISK_INSIDE=1 unshare --mount --propagation private bash "$0" "$@"
fi
folder=$1 megabytes=$2 user=$3
shift 3

mkdir -p "$folder/mounted"
truncate -s "${megabytes}M" "$folder/image"
mkfs.xfs -q -f -m reflink=1 "$folder/image"
mount -o loop "$folder/image" "$folder/mounted"
rm "$folder/image"
chown "$user" "$folder/mounted"
exec env -u ARDENT_SMALL_DISK_INSIDE "ARDENT_SMALL_DISK=$folder/mounted" \
    setpriv --reuid="$user" --regid="$(id -gn "$user")" --init-groups "$@"
