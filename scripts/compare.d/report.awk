# SPDX-License-Identifier: PostgreSQL
# Prints what was found out about rows. Files: views, notes.source, notes.replica, samples (number, line), report (number, table, line).
# A line stays a line: COPY writes line breaks, tabs and backslashes as \n, \t, \\; other control characters are not printed.
BEGIN { FS = "\t" }
function printed(text) { gsub(/[\001-\037\177]/, "?", text); print "  " text }
function pad(text, width) { while (length(text) < width) text = text " "; return text }
function after_tab(text) { return substr(text, index(text, FS) + 1) }
FILENAME ~ /\/views$/ { printed(pad($0, 36) " materialized view: computed in the replica, not compared"); next }
FILENAME ~ /\/notes\./ {
    if (!($0 in noted)) printed(pad($1, 36) " not compared, computed when read: " $2)
    noted[$0]
    next
}
FILENAME ~ /\/samples$/ { sample[$1, ++samples[$1]] = after_tab($0); next }
FNR == 1 { printed(pad("table", 36) "  source rows replica rows  checksum") }
{
    printed(after_tab(after_tab($0)))
    for (i = 1; $1 && i <= samples[$1]; i++) printed(sample[$1, i])
}
