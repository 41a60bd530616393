# SPDX-License-Identifier: PostgreSQL
# The last line, and whether all is equal. Files: rows.count (tables that differ, tables, rows), schema.count (definitions
# that differ, definitions; or a word why not). `rows`, `schema`: what was asked for; a file that was not is not read.
BEGIN {
    FS = "\t"
    if (rows) { if ((getline < ARGV[1]) < 1) exit 1; bad = $1; tables = $2; total = $3 }
    if (schema) {
        if ((getline < ARGV[2]) < 1) exit 1
        if ($1 == "not compared") why = $2
        differ = $1 + 0; definitions = $2 + 0
    }
    if (bad || differ) {
        line = "replica differs from source: "
        if (rows) line = line bad " of " tables " tables"
        if (schema && why == "") line = line (rows ? ", " : "") differ " of " definitions " definitions"
        print line (why == "" ? "" : "; schema not compared: " why)
        exit 1
    }
    if (rows && !tables) { print "no tables to compare"; exit 1 }
    if (why != "") {
        print (rows ? "rows are equal: " tables " tables, " total " rows; " : "") "schema not compared: " why
        exit 1
    }
    if (!rows && !definitions) { print "no definitions to compare"; exit 1 }
    print "replica equals source: " (rows ? tables " tables, " sprintf("%.0f", total) " rows" : definitions " definitions")
    exit 0
}
