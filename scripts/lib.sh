# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash
# What the scripts that start servers share. Sourced by bash scripts after `set -euo pipefail`.
#
# Servers refuse to run as root: as root everything that starts one runs as user postgres, or nobody where there
# is none, in a scratch folder of a short path that holds copies of all it needs (the checkout may be unreadable
# for that user). Nothing is installed into the system: the extension is found through extension_destdir.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export top
pg_config=${PG_CONFIG:-pg_config}

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# The user that runs servers: the caller, unless that is root.
server_user() {
    if [ "$(id -u)" != 0 ]; then
        id -un
    elif id -u postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# clean_environment: sets `clean` to the command that runs another one at home in the scratch folder, and without PG… of the caller.
clean_environment() {
    clean=(env -u PGHOST -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE -u PGSERVICE -u PGOPTIONS
        -u PGSSLMODE -u DISPLAY "HOME=$scratch" "TMPDIR=$scratch/tmp" LC_ALL=C.UTF-8)
}

# as_user COMMAND...: runs it as that user, in a clean environment.
as_user() {
    local clean
    clean_environment
    if [ "$(id -u)" = 0 ]; then
        local user group
        user=$(server_user)
        group=$(id -gn "$user")
        setpriv --reuid="$user" --regid="$group" --init-groups "${clean[@]}" "$@"
    else
        "${clean[@]}" "$@"
    fi
}

# own PATH...: makes them that user's.
own() {
    if [ "$(id -u)" = 0 ]; then
        chown -R "$(server_user)" "$@"
    fi
}

# make_scratch NAME: sets $scratch, a folder that the server's user owns, and goes there, because that user may not be
# allowed where the caller stands.
make_scratch() {
    scratch=$(mktemp -d "/tmp/$1.XXXXXX")
    export scratch
    mkdir "$scratch/tmp"
    chmod 755 "$scratch"
    own "$scratch"
    cd "$scratch" || die "cannot go to $scratch"
}

# stage: the extension under $scratch/dest, the programs under $scratch/bin, the replicas' library under $scratch/lib.
stage() {
    make -s -C "$top/build/extension" -f "$top/Makefile" ARDENT_PGXS=1 PG_CONFIG="$pg_config" \
        DESTDIR="$scratch/dest" install
    mkdir -p "$scratch/bin"
    local program
    for program in ardent ardent-agent ardent-environment; do
        [ ! -x "$top/build/bin/$program" ] || cp "$top/build/bin/$program" "$scratch/bin/"
    done
    mkdir -p "$scratch/lib"
    cp -r "$top/build/lib/ardent" "$scratch/lib/"
}

# server_settings: lines for the postgresql.conf of a source server that finds what `stage` laid down.
server_settings() {
    local sample major
    major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    sample=$("$pg_config" --sharedir)/postgresql.conf.sample
    grep -v '^output_plugin_libraries\|^#' "$top/tests/regress.conf"
    # since the minors of August 2026; older servers refuse to start with it
    if grep -q '^#output_plugin_libraries' "$sample"; then
        grep '^output_plugin_libraries' "$top/tests/regress.conf"
    fi
    echo "dynamic_library_path = '$scratch/dest$("$pg_config" --pkglibdir):$scratch/lib/ardent/$major:\$libdir'"
    if grep -q '^#extension_control_path' "$sample"; then
        echo "extension_control_path = '$scratch/dest$("$pg_config" --sharedir):\$system'"
    else
        echo "extension_destdir = '$scratch/dest'"
    fi
}

# program_of PID: what it runs. Our programs close their /proc to their own user (exe cannot be read), but not their command line.
program_of() {
    local file=
    file=$(readlink "/proc/$1/exe" 2>/dev/null) || { IFS= read -rd '' file < "/proc/$1/cmdline"; } 2>/dev/null || :
    echo "$file"
}

# processes_here: the ids of what runs out of the scratch folder: our programs, and servers on data below it.
processes_here() {
    local process
    for process in /proc/[0-9]*; do
        case "$(program_of "${process#/proc/}") $(readlink "$process/cwd" 2>/dev/null || :)" in
        "$scratch"/*) echo "${process#/proc/}" ;;
        */postgres" $scratch"/*) echo "${process#/proc/}" ;;
        esac
    done
}

# stop_everything: ends whatever still runs out of the scratch folder. Servers get SIGQUIT first, their way of ending at
# once; what is left gets SIGKILL.
stop_everything() {
    local pid begun file deadline
    # Servers of an environment, which run contained: their own postmaster.pid has the pid that they see.
    while IFS= read -r file; do
        read -r pid begun 2>/dev/null < "${file%.lock}" || continue
        [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" != "$begun" ] || kill -QUIT "$pid" 2>/dev/null || :
    done < <(find "$scratch" -name server.lock 2>/dev/null)
    while IFS= read -r file; do
        pid=$(head -n 1 "$file" 2>/dev/null || :)
        case $(readlink "/proc/${pid:-none}/cwd" 2>/dev/null || :) in
        "$scratch"/*) kill -QUIT "$pid" 2>/dev/null || : ;;
        esac
    done < <(find "$scratch" -name postmaster.pid 2>/dev/null)
    deadline=$((SECONDS + 5))
    while [ -n "$(processes_here)" ] && [ $SECONDS -lt $deadline ]; do
        for pid in $(processes_here); do
            case $(program_of "$pid") in
            "$scratch"/bin/*) kill -KILL "$pid" 2>/dev/null || : ;;
            esac
        done
        read -rt 0.1 <> <(:) || :
    done
    for pid in $(processes_here); do
        kill -KILL "$pid" 2>/dev/null || :
    done
}

# unmount_here: the file systems that a script has mounted in the scratch folder.
unmount_here() {
    local folder
    while read -r _ folder _; do
        case $folder in
        "$scratch"/*) umount -l "$folder" ;;
        esac
    done < /proc/mounts
}

# remove_scratch: for an EXIT trap.
remove_scratch() {
    [ -n "${scratch:-}" ] && [ -d "$scratch" ] || return 0
    cd /
    stop_everything
    unmount_here
    rm -rf --one-file-system "$scratch"
}
