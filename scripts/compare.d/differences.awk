# SPDX-License-Identifier: PostgreSQL
# Prints the definitions that differ, of files definitions.source and definitions.replica (definitions.awk, sorted), with
# the lines that do. WITHOUT in the environment: those not to be looked at. Writes schema.count below `work`.
BEGIN { FS = "\t"; without = ENVIRON["WITHOUT"]; k_lines = 6 }
function printed(text) {
    if (length(text) > 240) text = substr(text, 1, 240) "..."
    gsub(/\t/, " ", text)
    gsub(/[\001-\037\177]/, "?", text)
    print text
}
{
    key = $1; text = substr($0, index($0, FS) + 1)
    if (without != "" && key ~ without) next
    side = FILENAME ~ /source$/ ? "s" : "r"
    if (!(key in known)) { known[key]; order[++keys] = key }
    # two definitions may have one heading; they come sorted
    if ((side, key) in all) all[side, key] = all[side, key] "\001" text
    else all[side, key] = text
}
# Triggers and rules that are enabled ALWAYS or for replicas would act on what the stream brings: a replica has them disabled.
function in_a_replica(key, text) {
    if (key ~ /^(TRIGGER|RULE) /) {
        gsub(/ ENABLE (ALWAYS|REPLICA) TRIGGER /, " DISABLE TRIGGER ", text)
        gsub(/ ENABLE (ALWAYS|REPLICA) RULE /, " DISABLE RULE ", text)
    }
    return text
}
function only(text, other, label,    lines, others, n, m, i, count, shown) {
    n = split(text, lines, "\001")
    m = split(other, others, "\001")
    for (i = 1; i <= m; i++) count[others[i]]++
    for (i = 1; i <= n; i++)
        if (--count[lines[i]] < 0 && lines[i] != "" && ++shown <= k_lines) printed("      " label lines[i])
    return shown
}
END {
    for (i = 1; i <= keys; i++) {
        key = order[i]
        if (!(("r", key) in all)) { bad++; printed("  " key ": MISSING in the replica"); continue }
        if (!(("s", key) in all)) { bad++; printed("  " key ": MISSING in the source"); continue }
        a = all["s", key]; b = all["r", key]
        if (a == b || in_a_replica(key, a) == b) continue
        bad++
        printed("  " key ": DIFFERENT")
        shown = only(a, b, "source:  ")
        shown += only(b, a, "replica: ")
        if (!shown) print "      the same lines in another order"
    }
    print "  schema: " keys " definitions, " (bad ? bad " differ" : "equal")
    printf "%d\t%d\n", bad, keys > (work "/schema.count")
}
