# SPDX-License-Identifier: PostgreSQL
# The output of pg_dump --schema-only -> a line a definition: "TYPE schema.name", a tab, its text with \001 for line
# breaks. CARRIED in the environment: the schemas that are compared, each quoted and with its dot, \001 between them.
#
# What does not count, because a replica differs there by design:
#   - the order of definitions and of the grants of one, which follows the order of oids;
#   - the order of columns in a table with parents by INHERITS: a dump puts those of the parents first;
#   - rights of ardent_reader, which people read a replica with, and of what extension ardent has, which it lacks;
#   - that extension itself; extensions that are installed in other schemas; comments on extensions, which are those of the host's package;
#   - in schema public what initdb gave before 15, which pg_dump tells as changes of what another superuser's initdb gave;
#   - what belongs to no schema: servers, user mappings, wrappers, event triggers, publications, languages, default rights
#     that are meant for all schemas; and casts that name no type and no function of these schemas.
# Tablespaces, publications, subscriptions and security labels are left out by pg_dump's options.
BEGIN {
    n_carried = split(ENVIRON["CARRIED"], carried, "\001")
    method = "heap"
}
function ours(text,    i, at, before) { # names something in a schema that is compared
    for (i = 1; i <= n_carried; i++) {
        if (carried[i] == "") continue
        at = index(text, carried[i])
        before = at > 1 ? substr(text, at - 1, 1) : " "
        if (at && before !~ /[A-Za-z0-9_$".\200-\377]/) return 1
    }
    return 0
}
function is_ours(name,    i) { # SCHEMA x
    for (i = 1; i <= n_carried; i++) if (carried[i] != "" && name "." == "SCHEMA " carried[i]) return 1
    return 0
}
function line_in_schema(text,    i) { # CREATE EXTENSION … WITH SCHEMA x;
    for (i = 1; i <= n_carried; i++)
        if (carried[i] != "" && index(text, " WITH SCHEMA " substr(carried[i], 1, length(carried[i]) - 1) ";")) return 1
    return 0
}
function wanted(text) {
    if (name ~ /^(FUNCTION ardent_|TABLE ardent_slots$)/ && type == "ACL") return 0
    if (schema != "-") return 1
    if (type == "SCHEMA") return 1    # pg_dump told of no other
    if (type == "ACL" || type == "COMMENT") return is_ours(name) || (name ~ /^CAST / && ours(text))
    if (type == "EXTENSION") return name != "ardent" && line_in_schema(text)
    if (type == "CAST") return ours(text)
    return 0
}
function counts(line) {
    if (type != "ACL" && type != "DEFAULT ACL") return 1
    if (line ~ / (TO|FROM) ardent_reader( WITH GRANT OPTION)?;$/) return 0
    return line !~ /^GRANT ALL ON SCHEMA public TO (PUBLIC|postgres);$/ && line !~ /^REVOKE ALL ON SCHEMA public FROM (PUBLIC|ardent_admin);$/
}
function begin(header) {
    finish()
    sub(/^-- Name: /, "", header)
    name = header; sub(/; Type: .*$/, "", name)
    type = header; sub(/^.*; Type: /, "", type); schema = type
    sub(/; Schema: .*$/, "", type)
    sub(/^.*; Schema: /, "", schema); owner = schema; sub(/; Owner: .*$/, "", schema)
    sub(/^.*; Owner: /, "", owner)
    inside = 1
    n = 0
}
function add(text) { if (inside) line[++n] = text }
function finish(    i, j, text, key, kept, rights, inherits) {
    if (!inside) next_method()
    else {
        # what pg_dump says before the next definition stands at the end of this one
        was = method
        next_method()
        for (i = 1; i <= n && line[i] == ""; i++);
        kept = 0
        rights = type == "ACL" || type == "DEFAULT ACL"
        inherits = 0
        for (; i <= n; i++) {
            text = line[i]
            # a name in it may have line breaks
            while (rights && i < n && gsub(/"/, "\"", text) % 2) text = text "\001" line[++i]
            if (!counts(text)) continue
            entry[++kept] = text
            inherits = inherits || (type == "TABLE" && text ~ /^INHERITS \(/)
        }
        if (inherits) for (i = 1; i <= kept; i++) sub(/,$/, "", entry[i])
        if (rights || inherits)
            for (i = 2; i <= kept; i++) {
                text = entry[i]
                for (j = i - 1; j >= 1 && entry[j] "" > text ""; j--) entry[j + 1] = entry[j]
                entry[j + 1] = text
            }
        text = ""
        for (i = 1; i <= kept; i++) text = text (i > 1 ? "\001" : "") entry[i]
        if (kept && wanted(text)) {
            if (type == "TABLE" && was != "heap" && text !~ /\001PARTITION BY /) text = text "\001(access method " was ")"
            key = type " " (schema == "-" ? "" : schema ".") name
            # of several roles
            if (type == "DEFAULT ACL") key = key " of " owner
            gsub(/\t/, " ", key)
            print key "\t" text
        }
    }
    inside = 0
}
function next_method() {
    for (; n && (line[n] == "" || line[n] ~ /^SET default_(tablespace|table_access_method) = .*;$/); n--)
        if (line[n] ~ /^SET default_table_access_method/) { method = line[n]; gsub(/^.* = |;$/, "", method) }
}
{
    gsub(/[\001\002]/, "\002")
    if (held == 1) {
        if ($0 ~ /^-- Name: .*; Type: .*; Schema: .*; Owner: /) { held = 2; header = $0; next }
        if ($0 == "-- PostgreSQL database dump complete") exit
        add("--")
    } else if (held == 2) {
        if ($0 == "--") { held = 0; begin(header); next }
        add("--"); add(header)
    }
    held = $0 == "--"
    if (!held) add($0)
}
END { finish() }
