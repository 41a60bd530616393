# SPDX-License-Identifier: PostgreSQL
# The sums of both sides -> what is said of each table. Files: pending, sums.source, sums.replica, the latter with
# root, table, oid, rows, two checksums. WITHOUT in the environment: tables not to be looked at, as "TABLE public.t". Writes below `work`: report (number of a table whose rows are to be shown, or
# 0; its name; the line), differ (number, bits, oids at the source, oids in the replica), rows.count.
BEGIN {
    FS = OFS = "\t"; m1 = 281474976710656; m2 = 281474976710597; without = ENVIRON["WITHOUT"]
    printf "" > (work "/report")
    printf "" > (work "/differ")
}
function tab(name, there, here, verdict) {
    # mawk's sprintf has a limit, names have none here
    return pad(name, 36) " " sprintf("%12s %12s", there, here) "  " verdict
}
function pad(text, width) { while (length(text) < width) text = text " "; return text }
FILENAME ~ /\/pending$/ { pending[$0]; next }
without != "" && ("TABLE " $1) ~ without { next }
{
    side = FILENAME ~ /source$/ ? "s" : "r"
    key = side OFS $1
    if (!($1 in known)) { known[$1]; root[++roots] = $1 }
    there[key]
    if ($2 == "") next
    rows[key] += $4
    sum1[key] = (sum1[key] + $5) % m1
    sum2[key] = (sum2[key] + $6) % m2
    if (!(($1, $2) in leaf)) { leaf[$1, $2]; leaves[$1]++; leaf_name[$1, leaves[$1]] = $2 }
    oid[side, $1, $2] = $3
    leaf_rows[side, $1, $2] = $4
    leaf_sum[side, $1, $2] = $4 OFS $5 OFS $6
}
END {
    for (i = 1; i <= roots; i++) {
        name = root[i]; a = "s" OFS name; b = "r" OFS name; number = 0
        if (!(b in there)) { verdict = "MISSING in the replica"; bad++ }
        else if (!(a in there)) { verdict = "MISSING in the source"; bad++ }
        else if (rows[a] == rows[b] && sum1[a] == sum1[b] && sum2[a] == sum2[b]) {
            verdict = "equal"; total += rows[a]
            for (j = 1; j <= leaves[name]; j++)
                if (leaf_sum["s", name, leaf_name[name, j]] != leaf_sum["r", name, leaf_name[name, j]])
                    verdict = "equal, rows lie in other partitions"
        } else {
            bad++
            verdict = "DIFFERENT"
            if (name in pending) verdict = "DIFFERENT, it is being copied again"
            else if (++shown <= 10) number = shown
        }
        print number, name, tab(name, (a in there) ? rows[a] + 0 : "", (b in there) ? rows[b] + 0 : "", verdict) > (work "/report")
        if (verdict !~ /^DIFFERENT/) continue
        oids_a = oids_b = ""
        for (j = 1; j <= leaves[name]; j++) {
            l = leaf_name[name, j]
            if (leaf_sum["s", name, l] == leaf_sum["r", name, l]) continue
            if (("s", name, l) in oid) oids_a = oids_a " " oid["s", name, l]
            if (("r", name, l) in oid) oids_b = oids_b " " oid["r", name, l]
            if (l == name) continue
            verdict = (("s", name, l) in oid) ? (("r", name, l) in oid) ? "different" : "missing in the replica" : "missing in the source"
            print 0, name, tab("  " l, leaf_rows["s", name, l], leaf_rows["r", name, l], verdict) > (work "/report")
        }
        if (number) {
            most = rows[a] > rows[b] ? rows[a] : rows[b]
            for (bits = 1; bits < 20 && most > 256 * 2 ^ bits; bits++);
            print number, bits, oids_a, oids_b > (work "/differ")
        }
    }
    printf "%d\t%d\t%.0f\n", bad, roots, total > (work "/rows.count")
}
