#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# make install and make uninstall, from the tree as it is built, into an empty folder: the whole list of files with their
# modes, and nothing left. Behind the suite `install` of scripts/test; prints "ok …" and "not ok …".
#
#   tests/install.sh FOLDER        an empty folder, where everything is put
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
root=$1/root
pg_config=${PG_CONFIG:-pg_config}
prefix=/opt/ardent
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$top/ardent.control")
sharedir=$("$pg_config" --sharedir)
pkglibdir=$("$pg_config" --pkglibdir)
major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')

run_make() {
    (umask 027 && make -s -C "$top" PG_CONFIG="$pg_config" prefix="$prefix" DESTDIR="$root" "$1") > "$1.log" 2>&1
}

# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok - $name"
    else
        echo "not ok - $name"
    fi
}

# files: what is below the folder, with modes
files() {
    (cd "$root" && find . -mindepth 1 ! -type d -printf '%m /%P\n' | LC_ALL=C sort -k 2)
}

same_programs() {
    local program
    for program in ardent ardent-agent ardent-environment; do
        cmp "$top/build/bin/$program" "$root$prefix/bin/$program" || return 1
    done
}

units_start_what_is_installed() {
    local unit started
    for unit in "$root$prefix"/lib/systemd/system/*.service; do
        started=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$unit")
        if [ -z "$started" ] || [ ! -x "$root$started" ]; then
            echo "$unit starts \"$started\""
            return 1
        fi
        ! grep -n /usr/local "$unit" || return 1
    done
}

# They are readable by everybody, so they may name the files of secrets and hold none.
no_secrets() {
    ! grep -nE '^#?[a-z_]*(password|token|key|secret)[a-z_]* *=' "$root"/etc/ardent/*.example |
        grep -vE ':#?[a-z_]*_(file|key) *= *"[^"]*"$|= *""$'
}

cd "$1"
{
    for program in ardent ardent-agent ardent-environment; do echo "755 $prefix/bin/$program"; done
    for unit in ardent-agent ardent-environment; do echo "644 $prefix/lib/systemd/system/$unit.service"; done
    for example in agent environment; do echo "644 /etc/ardent/$example.toml.example"; done
    echo "644 $sharedir/extension/ardent.control"
    echo "644 $sharedir/extension/ardent--$version.sql"
    for upgrade in "$top"/extension/upgrade/*.sql; do
        [ ! -e "$upgrade" ] || echo "644 $sharedir/extension/${upgrade##*/}"
    done
    echo "755 $pkglibdir/ardent.so"
    echo "755 $prefix/lib/ardent/$major/ardent_replica.so"
    echo "755 $prefix/lib/ardent/ardent-opener"
} | LC_ALL=C sort -k 2 > expected

check 'make install ends well' run_make install
check 'nothing was compiled for it' sh -c '! grep -E "^  (c\+\+|link|ar) " install.log'
files > installed
check 'it puts in place these files, with these modes, and no other' diff expected installed
check 'the programs are those of the tree' same_programs
check 'the installed program runs' sh -c "'$root$prefix/bin/ardent' --version | grep -qF '$version'"
check 'the units start the programs where they are' units_start_what_is_installed
check 'the examples hold no secret' no_secrets
echo 'url = "mine"' > "$root/etc/ardent/agent.toml"
check 'make install once more ends well' run_make install
check 'and leaves the configuration alone' grep -qx 'url = "mine"' "$root/etc/ardent/agent.toml"
check 'make uninstall ends well' run_make uninstall
files | cut -d' ' -f2 > left
check 'it leaves nothing but the configuration' diff - left <<< /etc/ardent/agent.toml
