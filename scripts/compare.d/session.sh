# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash disable=SC2154
# One psql a side, alive for the whole comparison, so that everything is read in one snapshot. Sourced by
# scripts/compare, which sets bindir, conninfo, schemas and work.

# a psql that is gone is noticed by its answer that does not come
trap '' PIPE

declare -A to from hello
pids=()

# 2 is for the command line only; a psql in the middle of a table would go on to its end
trap 'status=$?; kill "${pids[@]}" 2> /dev/null || :; rm -rf "$work"; [ "$status" = 0 ] || exit 1' EXIT
trap 'exit 1' INT TERM HUP

fail() { # SIDE TEXT...
    local side=$1
    shift
    [ ! -s "$work/$side.err" ] || sed 's/^psql:<stdin>:[0-9]*: //' "$work/$side.err" >&2
    echo "scripts/compare: $*" >&2
    exit 1
}

connect() { # SIDE
    local side=$1 write read
    mkfifo "$work/$side.in" "$work/$side.out"
    PGOPTIONS='' PGCLIENTENCODING='' PGAPPNAME=ardent-compare "$bindir/psql" -X -q -At -v ON_ERROR_STOP=1 \
        -d "${conninfo[$side]}" -f - < "$work/$side.in" > "$work/$side.out" 2> "$work/$side.err" &
    pids+=($!)
    exec {write}> "$work/$side.in" {read}< "$work/$side.out"
    to[$side]=$write
    from[$side]=$read
    # What a role or database sets does not count; before search_path is pinned nothing is called.
    tell "$side" "
SET statement_timeout = 0;
SET search_path = pg_catalog, pg_temp;
SET standard_conforming_strings = on;
SET quote_all_identifiers = off;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SET lc_monetary = 'C';
SET xmlbinary = 'base64';
SET row_security = off;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
-- a few thousand groups of millions of rows: hashed, never sorted on disk
SET enable_sort = off;
SET jit = off;
-- bytes as they are: no conversion decides what is equal, or fails
SELECT pg_catalog.set_config('client_encoding', pg_catalog.current_setting('server_encoding'), false) AS encoding \\gset
-- settings of some versions; the first: a table that becomes a view meanwhile is not read
SELECT pg_catalog.count(pg_catalog.set_config(s.name, v.value, false)) AS n
  FROM (VALUES ('restrict_nonsystem_relation_kind', 'view, foreign-table'), ('transaction_timeout', '0')) AS v (name, value)
  JOIN pg_catalog.pg_settings AS s ON s.name OPERATOR(pg_catalog.=) v.name \\gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
"
}

# tell SIDE SQL
tell() { { printf '%s\n' "$2" >&"${to[$1]}"; } 2>/dev/null || :; }

# A string in psql's single quotes.
psql_string() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

# ask SIDE FILE SQL: begins to write what COPY … TO STDOUT sends to FILE below $work.
ask() {
    tell "$1" "\\o $(psql_string "$work/$2")
$3
\\o
\\echo answered"
}

# answered SIDE: waits for all that was asked; fails with the server's words.
answered() {
    local line=
    IFS= read -r line <&"${from[$1]}" || :
    [ "$line" = answered ] || fail "$1" "the $1 cannot be read"
}

# ask_both FILE SQL: of both sides, at the same time; FILE.source and FILE.replica.
ask_both() {
    ask source "$1.source" "$2"
    ask replica "$1.replica" "$2"
    answered source
    answered replica
}

# A field of COPY's text as it was.
unescape() { printf '%b' "$1"; }

# An SQL string literal.
literal() { printf "'%s'" "${1//\'/\'\'}"; }

# name[] of the schemas that are compared
schema_array() {
    local schema list=
    for schema in "${schemas[@]}"; do list+="$(literal "$schema"),"; done
    printf 'ARRAY[%s]::pg_catalog.name[]' "${list%,}"
}

say_hello() {
    local side super version encoding snapshot path writers_path
    ask_both hello "COPY (SELECT pg_catalog.bool_or(r.rolsuper), pg_catalog.current_setting('server_version_num'),
        pg_catalog.current_setting('server_encoding'), pg_catalog.pg_export_snapshot(),
        (SELECT s.reset_val FROM pg_catalog.pg_settings AS s WHERE s.name OPERATOR(pg_catalog.=) 'search_path')
  FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[CURRENT_USER, SESSION_USER])) TO STDOUT;"
    for side in source replica; do
        IFS=$'\t' read -r super version encoding snapshot path < "$work/hello.$side"
        [ "$side" = replica ] || writers_path=$(unescape "$path")
        hello[$side.major]=$((version / 10000))
        hello[$side.encoding]=$encoding
        hello[$side.snapshot]=$snapshot
        if [ "$super" = t ]; then
            echo "scripts/compare: warning: connected to the $side as a superuser; a role that may read everything is enough (head of this script)" >&2
        fi
    done
    # Whoever plans a SELECT parses the SQL functions in a table's indexes, which may name things by the path of those who write
    # there: with the source's usual one behind the server's own names, on both sides, they are found.
    for side in source replica; do
        tell "$side" "SELECT pg_catalog.set_config('search_path', $(literal "pg_catalog, $writers_path, pg_temp"), false) AS path \\gset"
    done
    if [ "${hello[source.encoding]}" != "${hello[replica.encoding]}" ]; then
        echo "scripts/compare: warning: the encodings are ${hello[source.encoding]} and ${hello[replica.encoding]}: equal texts beyond ASCII count as different" >&2
    fi
}
