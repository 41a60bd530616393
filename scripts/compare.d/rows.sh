# SPDX-License-Identifier: PostgreSQL
# shellcheck shell=bash disable=SC2154
# The rows of both sides. Sourced by scripts/compare.
#
# A first pass sums a hash of every row, table by table. Where the sums differ three more narrow that down: by the first
# bits of the hashes to a few buckets of some hundred rows, to single hashes, to rows; so no table has to fit anywhere.

# How a row gets its text: ROW(…) of columns that are named through the alias, which no column's name can shadow (an
# alias alone can: r is the column r where there is one), and record_out, which no cast can replace.
row_text='pg_catalog.textin(pg_catalog.record_out(ROW(%s)))'

# The tables that hold rows: oid, name, root (the uppermost partitioned table of these schemas that it belongs to, or
# itself), schema, table, and the columns of the root, in its order.
tables_sql() {
    cat <<SQL
WITH tables AS (
    SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, n.nspname, c.relname,
           COALESCE(root.oid, c.oid) AS root_oid,
           COALESCE(root.name, pg_catalog.format('%I.%I', n.nspname, c.relname)) AS root
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
      LEFT JOIN LATERAL (
            SELECT a.relid AS oid, pg_catalog.format('%I.%I', an.nspname, ac.relname) AS name
              FROM pg_catalog.pg_partition_ancestors(c.oid) WITH ORDINALITY AS a (relid, place)
              JOIN pg_catalog.pg_class AS ac ON ac.oid OPERATOR(pg_catalog.=) a.relid
              JOIN pg_catalog.pg_namespace AS an ON an.oid OPERATOR(pg_catalog.=) ac.relnamespace
             WHERE an.nspname OPERATOR(pg_catalog.=) ANY ($(schema_array))
             ORDER BY a.place DESC
             LIMIT 1) AS root ON true
     WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relpersistence OPERATOR(pg_catalog.=) 'p'
       AND (n.nspname OPERATOR(pg_catalog.=) ANY ($(schema_array)) OR root.oid IS NOT NULL)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND d.objid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')
), columns AS (
    -- a dump puts the columns of parents first: in a table with parents by INHERITS they are taken by name
    SELECT r.oid, pg_catalog.string_agg(pg_catalog.format('r.%I', a.attname), ', '
                                        ORDER BY CASE WHEN r.inherits THEN a.attname END COLLATE "C", a.attnum)
                    FILTER (WHERE a.attgenerated OPERATOR(pg_catalog.<>) 'v') AS list,
           pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                    FILTER (WHERE a.attgenerated OPERATOR(pg_catalog.=) 'v') AS virtual
      FROM (SELECT DISTINCT t.root_oid,
                   EXISTS (SELECT FROM pg_catalog.pg_inherits AS i
                             JOIN pg_catalog.pg_class AS ic ON ic.oid OPERATOR(pg_catalog.=) i.inhrelid
                            WHERE i.inhrelid OPERATOR(pg_catalog.=) t.root_oid AND NOT ic.relispartition)
              FROM tables AS t) AS r (oid, inherits)
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) r.oid
     WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
     GROUP BY r.oid
)
SQL
}

# each_table STATEMENT ARGUMENTS [VALUES]: SQL that runs STATEMENT for each table, or for those in VALUES, rows of
# (oid, number, bits, list). STATEMENT is a format; ARGUMENTS are expressions over t, columns and wanted.
each_table() {
    local join=
    [ -z "${3:-}" ] || join="JOIN (VALUES $3) AS wanted (oid, number, bits, list)
    ON t.oid OPERATOR(pg_catalog.=) wanted.oid::pg_catalog.oid"
    printf '%s\n' "$(tables_sql)
SELECT pg_catalog.format($(literal "COPY ($1) TO STDOUT"), $2)
  FROM tables AS t LEFT JOIN columns ON columns.oid OPERATOR(pg_catalog.=) t.root_oid $join
 ORDER BY t.root COLLATE \"C\", t.name COLLATE \"C\"
\\gexec"
}

# two checksums of a sum, small enough for awk to add exactly
checksums="pg_catalog.count(*),
    pg_catalog.mod(COALESCE(pg_catalog.sum(q.h), 0) OPERATOR(pg_catalog.%%) 281474976710656 OPERATOR(pg_catalog.+) 281474976710656, 281474976710656),
    pg_catalog.mod(COALESCE(pg_catalog.sum(q.h), 0) OPERATOR(pg_catalog.%%) 281474976710597 OPERATOR(pg_catalog.+) 281474976710597, 281474976710597)"
hashes="SELECT pg_catalog.hashtextextended($row_text, 0) AS h FROM ONLY %I.%I AS r"
hashes_of='columns.list, t.nspname, t.relname'

sum_rows() {
    ask_both sums "$(each_table "SELECT %L, %L, %L, $checksums FROM ($hashes) AS q" "t.root, t.name, t.oid, $hashes_of")
-- a partitioned table without partitions
COPY (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), '', 0, 0, 0, 0
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
       WHERE c.relkind OPERATOR(pg_catalog.=) 'p' AND NOT c.relispartition
         AND n.nspname OPERATOR(pg_catalog.=) ANY ($(schema_array))) TO STDOUT;"
}

# What is not compared, and what is on its way.
ask_notes() {
    ask_both notes "$(tables_sql)
SELECT DISTINCT pg_catalog.format('COPY (SELECT %L, %L) TO STDOUT', t.root, columns.virtual)
  FROM tables AS t JOIN columns ON columns.oid OPERATOR(pg_catalog.=) t.root_oid
 WHERE columns.virtual IS NOT NULL
\\gexec"
    ask replica views "COPY (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.relkind OPERATOR(pg_catalog.=) 'm' AND n.nspname OPERATOR(pg_catalog.=) ANY ($(schema_array))
 ORDER BY 1) TO STDOUT;"
    answered replica
    # tables whose rows here wait for a new copy (docs/ddl.md)
    ask replica pending "SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AS known
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
 WHERE n.nspname OPERATOR(pg_catalog.=) 'ardent' AND c.relname OPERATOR(pg_catalog.=) 'copy_again' AND c.relkind OPERATOR(pg_catalog.=) 'r'
   AND a.attname OPERATOR(pg_catalog.=) 'relation'
   AND a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.oid', 'pg_catalog.regclass']::pg_catalog.regtype[]) \\gset
\\if :known
COPY (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM ardent.copy_again AS r
  JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.relation::pg_catalog.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace) TO STDOUT;
\\endif"
    answered replica
}

# ask_wanted FILE STATEMENT ARGUMENTS: of each side, for the tables that $work/wanted.SIDE names.
ask_wanted() {
    local side values
    for side in source replica; do
        values=$(cat "$work/wanted.$side")
        : > "$work/$1.$side"
        if [ -n "$values" ]; then
            ask "$side" "$1.$side" "$(each_table "$2" "$3" "$values")"
        fi
    done
    for side in source replica; do
        [ ! -s "$work/wanted.$side" ] || answered "$side"
    done
}

narrow_down() { # the rows that differ of the tables in $work/differ -> $work/samples
    local awk=(awk -v "work=$work" -f "$here/narrow.awk" -v) clip
    "${awk[@]}" step=buckets "$work/differ"
    # OFFSET 0: the hash is computed once a row
    ask_wanted buckets "SELECT %s, q.h OPERATOR(pg_catalog.>>) (64 OPERATOR(pg_catalog.-) %s), $checksums FROM ($hashes OFFSET 0) AS q GROUP BY 2 ORDER BY 2" \
        "wanted.number, wanted.bits, $hashes_of"
    "${awk[@]}" step=hashes "$work/differ" "$work/buckets.source" "$work/buckets.replica"
    ask_wanted hashes "SELECT %s, q.h, pg_catalog.count(*) FROM ($hashes) AS q
        WHERE (q.h OPERATOR(pg_catalog.>>) (64 OPERATOR(pg_catalog.-) %s)) OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.int8[]) GROUP BY q.h ORDER BY q.h" \
        "wanted.number, $hashes_of, wanted.bits, wanted.list"
    "${awk[@]}" step=rows "$work/differ" "$work/hashes.source" "$work/hashes.replica"
    clip="CASE WHEN pg_catalog.length(q.t) OPERATOR(pg_catalog.>) 240
        THEN pg_catalog.concat(pg_catalog.\"left\"(q.t, 240), '... (', pg_catalog.length(q.t), ' characters, hash ', pg_catalog.to_hex(q.h), ')')
        ELSE q.t END"
    ask_wanted rows "SELECT %s, q.h, pg_catalog.min($clip)
        FROM (SELECT pg_catalog.hashtextextended(p.t, 0) AS h, p.t
                FROM (SELECT $row_text AS t FROM ONLY %I.%I AS r) AS p) AS q
        WHERE q.h OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.int8[]) GROUP BY q.h" \
        "wanted.number, $hashes_of, wanted.list"
    "${awk[@]}" step=samples "$work/chosen" "$work/rows.source" "$work/rows.replica" > "$work/samples"
}

# Prints a line a table. "tables that differ, tables, rows" go to $work/rows.count.
compare_rows() {
    ask_notes
    sum_rows
    WITHOUT=$without awk -v "work=$work" -f "$here/tables.awk" "$work/pending" "$work/sums.source" "$work/sums.replica"
    : > "$work/samples"
    [ ! -s "$work/differ" ] || narrow_down
    awk -f "$here/report.awk" "$work/views" "$work/notes.source" "$work/notes.replica" "$work/samples" "$work/report"
}
