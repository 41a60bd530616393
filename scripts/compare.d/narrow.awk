# SPDX-License-Identifier: PostgreSQL
# From tables that differ to rows that do, a step at a time: buckets, hashes, rows, samples (rows.sh). Each but the last
# writes wanted.source and wanted.replica below `work`: what to ask next, as rows of SQL's VALUES, integers only.
BEGIN { FS = OFS = "\t"; m1 = 281474976710656; m2 = 281474976710597; k_each = 3 }
function side_of(file) { return file ~ /source$/ ? "s" : "r" }
function want(side, number, list,    n, oids, i, file) {
    file = work (side == "s" ? "/wanted.source" : "/wanted.replica")
    n = split(side == "s" ? source_oids[number] : replica_oids[number], oids, " ")
    for (i = 1; i <= n; i++) {
        printf "%s(%s, %s, %s, '{", wanted[side]++ ? "," : "", oids[i], number, bits[number] > file
        print list "}')" > file
    }
}
BEGIN {
    if (step != "samples") { printf "" > (work "/wanted.source"); printf "" > (work "/wanted.replica") }
    if (step == "rows") printf "" > (work "/chosen")
}
FILENAME ~ /\/differ$/ {
    number[++numbers] = $1; bits[$1] = $2; source_oids[$1] = $3; replica_oids[$1] = $4
    next
}
step == "hashes" {    # buckets: number, bucket, rows, two checksums; over the leaves of a root
    s = side_of(FILENAME)
    if (!(($1, $2) in seen)) { seen[$1, $2]; count[$1]++; item[$1, count[$1]] = $2 }
    rows[s, $1, $2] += $3
    one[s, $1, $2] = (one[s, $1, $2] + $4) % m1
    two[s, $1, $2] = (two[s, $1, $2] + $5) % m2
}
step == "rows" {      # hashes: number, hash, rows
    s = side_of(FILENAME)
    if (!(($1, $2) in seen)) { seen[$1, $2]; count[$1]++; item[$1, count[$1]] = $2 }
    rows[s, $1, $2] += $3
}
step == "samples" && FILENAME ~ /\/chosen$/ { order[++chosen] = $1 OFS $2; there[$1, $2] = $3; here[$1, $2] = $4; next }
step == "samples" { if (!(($1, $2) in text)) text[$1, $2] = $3 }
function add(list, what) { return list == "" ? what : list "," what }
END {
    for (i = 1; i <= numbers; i++) {
        n = number[i]
        if (step == "buckets") { want("s", n, ""); want("r", n, ""); continue }
        more = less = other = 0
        list = ""
        for (j = 1; j <= count[n]; j++) {
            it = item[n, j]
            difference = rows["s", n, it] - rows["r", n, it]
            if (step == "hashes" && difference == 0 && (one["s", n, it] != one["r", n, it] || two["s", n, it] != two["r", n, it])) {
                if (++other <= k_each) list = add(list, it)
            } else if (difference > 0) {
                if (++more <= k_each) list = choose(list, n, it)
            } else if (difference < 0) {
                if (++less <= k_each) list = choose(list, n, it)
            }
        }
        if (list != "") { want("s", n, list); want("r", n, list) }
    }
    if (step != "samples") exit
    for (pass = 1; pass <= 2; pass++)    # the source's first
        for (i = 1; i <= chosen; i++) {
            split(order[i], part, OFS)
            a = there[part[1], part[2]] + 0; b = here[part[1], part[2]] + 0
            if ((a > b) != (pass == 1)) continue
            what = a + b > 1 ? a " in the source, " b " in the replica" : a ? "only in the source" : "only in the replica"
            line = text[part[1], part[2]]
            print part[1], "      " what ": " line
        }
}
function choose(list, n, it) {
    if (step == "rows") print n, it, rows["s", n, it] + 0, rows["r", n, it] + 0 > (work "/chosen")
    return add(list, it)
}
