# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash disable=SC2154
# The schema of both sides, as pg_dump tells it. Sourced by scripts/compare.

# The major of a pg_dump, 0 when there is none.
dump_major() { "$1" --version 2>/dev/null | awk '{ print int($3); exit }' || :; }

# Sets pg_dump: the one beside pg_config when it knows both servers, else the newest of a folder like its. One for both
# sides, because two tell the same in other words.
find_dump() {
    local candidate major needed=${hello[source.major]} newest=0
    [ "$needed" -ge "${hello[replica.major]}" ] || needed=${hello[replica.major]}
    for candidate in "$bindir"/pg_dump "$bindir"/../../*/bin/pg_dump; do
        major=$(dump_major "$candidate")
        if [ "${major:-0}" -gt "$newest" ]; then
            newest=$major
            pg_dump=$candidate
        fi
        [ "$newest" -lt "$needed" ] || return 0
    done
    not_compared "pg_dump $newest is too old for a server of version $needed: install postgresql-client-$needed, or set PG_CONFIG"
    return 1
}

not_compared() {
    if [ ! -s "$work/schema.count" ]; then
        printf 'not compared\t%s (--rows-only leaves it out)\n' "$(tr '\t\n' '  ' <<< "$1" | sed 's/ *$//')" > "$work/schema.count"
    fi
}

# Everything but the other schemas: what belongs to none is told too then (casts, extensions), and their tables are neither
# locked nor does anybody need a right on them.
dump_side() { # SIDE
    local side=$1 pattern others=()
    while IFS= read -r pattern; do others+=(-N "$(unescape "$pattern")"); done < "$work/others.$side"
    # what pg_dump does not pin itself, and a database may set
    local settings='-c quote_all_identifiers=off -c standard_conforming_strings=on -c bytea_output=hex -c timezone=UTC -c lc_monetary=C -c xmlbinary=base64'
    PGOPTIONS=$settings PGAPPNAME=ardent-compare "$pg_dump" --schema-only --no-tablespaces --no-publications --no-subscriptions \
        --no-security-labels --snapshot="${hello[$side.snapshot]}" --encoding="${hello[$side.encoding]}" "${others[@]}" \
        -d "${conninfo[$side]}" > "$work/dump.$side" 2> "$work/dump.$side.err"
}

dump_schemas() {
    local side dumping
    : > "$work/schema.count"
    find_dump || return 0
    ask_both others "COPY (SELECT pg_catalog.concat('\"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\"')
  FROM pg_catalog.pg_namespace AS n
 WHERE n.nspname OPERATOR(pg_catalog.<>) ALL ($(schema_array))
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema') TO STDOUT;"
    # each as it stands before a dot; names hold no \001
    ask_both carried "COPY (SELECT pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.')
  FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) ANY ($(schema_array))) TO STDOUT;"
    dump_side source &
    dumping=$!
    dump_side replica || dump_failed replica
    wait "$dumping" || dump_failed source
}

dump_failed() { # SIDE
    local said
    said=$(sed -n 's/^pg_dump: *\(error: \|detail: \)*//p' "$work/dump.$1.err" | head -n 2)
    not_compared "pg_dump of the $1: ${said:-failed}"
}

# A line a definition: what it is, and its text in one line.
definitions() { # SIDE
    CARRIED=$(unescape "$(tr '\n' '\001' < "$work/carried.$1")") awk -f "$here/definitions.awk" "$work/dump.$1" | sort
}

# Prints what differs; "definitions that differ, definitions", or why there is nothing to tell, goes to $work/schema.count.
compare_schemas() {
    if [ ! -s "$work/schema.count" ]; then
        definitions source > "$work/definitions.source"
        definitions replica > "$work/definitions.replica"
        WITHOUT=$without awk -v "work=$work" -f "$here/differences.awk" "$work/definitions.source" "$work/definitions.replica"
    fi
}
