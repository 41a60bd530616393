# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# What the scripts that make throw-away Debian roots share (scripts/try-bare, scripts/matrix). Sourced by bash
# scripts after `set -euo pipefail`.

# need_root_tools WHAT: exits with 2 and says why when this machine cannot make a root.
need_root_tools() {
    local tool
    if [ "$(id -u)" != 0 ]; then
        echo "$1: needs root (chroot, mounts)" >&2
        exit 2
    fi
    for tool in mmdebstrap dpkg-deb unshare apt-get; do
        if ! command -v "$tool" >/dev/null; then
            echo "$1: $tool is missing: apt-get install mmdebstrap" >&2
            exit 2
        fi
    done
}

# debian_mirror ARCHIVE: debian or debian-security, as this machine's apt has it, so that no mirror is named here.
debian_mirror() {
    local found
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E "/$1/?\$" | sort -u | head -n 1) || :
    if [ -z "$found" ]; then
        case $1 in
        debian) found=http://deb.debian.org/debian ;;
        *) found=http://security.debian.org/$1 ;;
        esac
    fi
    echo "$found"
}

# apt_date_options: one a line, for mmdebstrap: what this machine's apt accepts as the dates of a mirror.
apt_date_options() {
    local line
    while read -r line; do
        echo "--aptopt=$line"
    done < <(apt-config dump Acquire::Check-Valid-Until; apt-config dump Acquire::Check-Date)
}
