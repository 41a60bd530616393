#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The unit tests of environment/volume on file systems of their own: XFS with reflink and without, Btrfs with and without
# user_subvol_rm_allowed, ext4 and tmpfs, all of them small enough to be filled. Behind the suite `volume` of scripts/test;
# prints "ok …" and "not ok …".
#
#   tests/volume.sh UNIT_TESTS USER FOLDER    as root: the program, who runs it, an empty folder for the images
#
# Everything is mounted in a mount namespace of this script: whatever ends it, the kernel unmounts and frees the loop devices.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

# skip_all REASON
skip_all() {
    echo "ok - trees are cloned on XFS, Btrfs, ext4 and tmpfs # skip $1"
    exit 0
}

if [ "${ARDENT_VOLUME_INSIDE:-}" != 1 ]; then
    [ "$(id -u)" = 0 ] || skip_all 'only root may mount'
    unshare --mount true 2> /dev/null || skip_all 'no mount namespace may be made here'
    exec env ARDENT_VOLUME_INSIDE=1 unshare --mount --propagation private bash "$0" "$@"
fi
program=$1
user=$2
folder=$3

# run NAME METHOD MOUNTPOINT: the tests as that user, who may fill it and has to leave it as it was
run() {
    local name=$1 method=$2 place=$3 before
    chmod 1777 "$place"
    before=$(ls -A "$place")
    if ARDENT_VOLUME_MAY_FILL=1 ARDENT_VOLUME_METHOD=$method TMPDIR=$place setpriv --reuid="$user" \
        --regid="$(id -gn "$user")" --init-groups "$program" '[volume]' > "$folder/log" 2>&1; then
        echo "ok - $name: trees are cloned by $method"
    else
        echo "not ok - $name: trees are cloned by $method"
        cut -c1-200 "$folder/log" | head -n 100 | sed 's/^/# /'
    fi
    if [ "$(ls -A "$place")" = "$before" ]; then
        echo "ok - $name: nothing is left"
    else
        echo "not ok - $name: $(ls -A "$place") is left"
    fi
}

# on TYPE NAME METHOD MEGABYTES OPTIONS MKFS...: on an image of that size
on() {
    local type=$1 name=$2 method=$3 megabytes=$4 options=$5
    shift 5
    local image=$folder/image place=$folder/mounted
    if ! command -v "$1" > /dev/null; then
        echo "ok - $name # skip there is no $1"
    elif ! losetup --find > /dev/null 2>&1; then
        echo "ok - $name # skip there is no loop device"
    elif ! grep -qw "$type" /proc/filesystems && ! modprobe "$type" 2> /dev/null; then
        echo "ok - $name # skip this kernel knows no $type"
    else
        truncate -s "${megabytes}M" "$image"
        mkdir -p "$place"
        if "$@" "$image" > "$folder/log" 2>&1 && mount -o "loop$options" "$image" "$place" >> "$folder/log" 2>&1; then
            run "$name" "$method" "$place"
            umount "$place"
        else
            echo "not ok - $name: cannot be made and mounted"
            sed 's/^/# /' "$folder/log"
        fi
        rm -f "$image"
    fi
}

# 300 MB is the least that mkfs.xfs makes, and 114 MB what mkfs.btrfs does with metadata of its own.
on xfs 'XFS' reflink 320 '' mkfs.xfs -q -m reflink=1
on xfs 'XFS without reflink' copy 320 '' mkfs.xfs -q -m reflink=0
on btrfs 'Btrfs' snapshot 256 '' mkfs.btrfs -q
on btrfs 'Btrfs with user_subvol_rm_allowed' snapshot 256 ,user_subvol_rm_allowed mkfs.btrfs -q
on ext4 'ext4' copy 64 '' mkfs.ext4 -q
mkdir -p "$folder/memory"
mount -t tmpfs -o size=48m none "$folder/memory"
run 'tmpfs' copy "$folder/memory"
