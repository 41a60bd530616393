// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/extensions.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

// Types, operators, indexes, and what only looks at its own server; postgres_fdw because it calls
// nobody without a server of its own, and those here are of another wrapper. Not among them: what
// calls out (dblink), reads or writes files (file_fdw, adminpack), goes around the server's checks
// (pageinspect, pg_surgery), runs jobs (pg_cron) or programs (plpython3u).
constexpr std::array<std::string_view, 41> k_harmless = {"amcheck",
                                                         "autoinc",
                                                         "bloom",
                                                         "dict_xsyn",
                                                         "earthdistance",
                                                         "insert_username",
                                                         "intagg",
                                                         "moddatetime",
                                                         "pg_buffercache",
                                                         "pg_freespacemap",
                                                         "pg_prewarm",
                                                         "pg_stat_statements",
                                                         "pg_visibility",
                                                         "pgrowlocks",
                                                         "pgstattuple",
                                                         "postgres_fdw",
                                                         "refint",
                                                         "sslinfo",
                                                         "xml2",
                                                         "address_standardizer",
                                                         "h3",
                                                         "hll",
                                                         "hypopg",
                                                         "ip4r",
                                                         "pg_hint_plan",
                                                         "pg_partman",
                                                         "pg_repack",
                                                         "pg_similarity",
                                                         "pg_uuidv7",
                                                         "pgrouting",
                                                         "pgtap",
                                                         "postgis",
                                                         "postgis_tiger_geocoder",
                                                         "postgis_topology",
                                                         "prefix",
                                                         "q3c",
                                                         "rum",
                                                         "semver",
                                                         "tdigest",
                                                         "unit",
                                                         "vector"};

constexpr const char* k_closure = R"sql(
WITH RECURSIVE wanted (name, version) AS (
    SELECT $1::pg_catalog.name, $2::pg_catalog.text
    UNION
    SELECT r.name, e.default_version
      FROM wanted AS w
      JOIN pg_catalog.pg_available_extension_versions AS v ON v.name OPERATOR(pg_catalog.=) w.name AND v.version OPERATOR(pg_catalog.=) w.version
     CROSS JOIN LATERAL pg_catalog.unnest(v.requires) AS r (name)
      LEFT JOIN pg_catalog.pg_available_extensions AS e ON e.name OPERATOR(pg_catalog.=) r.name
)
SELECT w.name, v.version IS NOT NULL, COALESCE(v.trusted, false)
  FROM wanted AS w
  LEFT JOIN pg_catalog.pg_available_extension_versions AS v ON v.name OPERATOR(pg_catalog.=) w.name AND v.version OPERATOR(pg_catalog.=) w.version
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS x WHERE x.extname OPERATOR(pg_catalog.=) w.name)
 ORDER BY w.name OPERATOR(pg_catalog.<>) $1::pg_catalog.name, w.name
)sql";

// Sets other names, which no scanner reads as one name or operator, and returns the true ones. What
// an extension has made is the superuser's own, and may be what the script calls.
constexpr const char* k_functions_aside = R"sql(
WITH theirs AS (
    SELECT p.oid, p.proname
      FROM pg_catalog.pg_proc AS p
      JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
     WHERE p.oid OPERATOR(pg_catalog.>=) 16384 AND n.nspname OPERATOR(pg_catalog.<>) 'ardent'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                          AND d.objid OPERATOR(pg_catalog.=) p.oid
                          AND d.deptype OPERATOR(pg_catalog.=) 'e')
)
UPDATE pg_catalog.pg_proc AS p
   SET proname = pg_catalog.format('ardent aside %s', t.oid)
  FROM theirs AS t
 WHERE p.oid OPERATOR(pg_catalog.=) t.oid
RETURNING t.oid, t.proname
)sql";

constexpr const char* k_operators_aside = R"sql(
WITH theirs AS (
    SELECT o.oid, o.oprname
      FROM pg_catalog.pg_operator AS o
     WHERE o.oid OPERATOR(pg_catalog.>=) 16384
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
                          AND d.objid OPERATOR(pg_catalog.=) o.oid
                          AND d.deptype OPERATOR(pg_catalog.=) 'e')
)
UPDATE pg_catalog.pg_operator AS o
   SET oprname = pg_catalog.format('ardent aside %s', t.oid)
  FROM theirs AS t
 WHERE o.oid OPERATOR(pg_catalog.=) t.oid
RETURNING t.oid, t.oprname
)sql";

constexpr const char* k_functions_back = R"sql(
UPDATE pg_catalog.pg_proc AS p
   SET proname = t.name
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.name[])) AS t (oid, name)
 WHERE p.oid OPERATOR(pg_catalog.=) t.oid
)sql";

constexpr const char* k_operators_back = R"sql(
UPDATE pg_catalog.pg_operator AS o
   SET oprname = t.name
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.name[])) AS t (oid, name)
 WHERE o.oid OPERATOR(pg_catalog.=) t.oid
)sql";

bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string leave_out_hint(const std::string& extension) {
    return "to leave it out of the replica: ardent connector update NAME --drop-extensions " +
           extension;
}

[[noreturn]] void not_available(int server_version, const std::string& extension,
                                const std::string& version) {
    throw Error(ErrorKind::replica,
                "the extension " + extension + (version.empty() ? "" : " " + version) +
                    " of the source is not available on this host",
                "Install its package on the environment's host (" +
                    package_of(server_version / 10000, extension) +
                    "), then run retry-setup; or, " + leave_out_hint(extension) + ".");
}

void require_allowed(const ExtensionPolicy& policy, const std::string& extension, bool trusted) {
    if (is_dropped(policy, extension)) {
        throw Error(ErrorKind::replica,
                    "the connector's drop_extensions leaves out " + extension +
                        ", which another extension of the source requires",
                    "Name both in drop_extensions, or none.");
    }
    const bool known =
        std::find(k_harmless.begin(), k_harmless.end(), extension) != k_harmless.end();
    if (!has(policy.allowed, k_any_extension) && !has(policy.allowed, extension) &&
        !(trusted && has(policy.allowed, k_trusted)) && !(known && has(policy.allowed, k_known))) {
        throw Error(ErrorKind::replica,
                    "the extension " + extension +
                        " of the source is not among those that this environment installs "
                        "(replica.extensions)",
                    "If it can do no harm on the environment's host, add " + extension +
                        " to replica.extensions in the environment's configuration, restart it and "
                        "run retry-setup; or, " +
                        leave_out_hint(extension) + ".");
    }
}

}  // namespace

bool is_dropped(const ExtensionPolicy& policy, const std::string& extension) {
    return has(policy.dropped, extension);
}

// Debian's and apt.postgresql.org's names.
std::string package_of(int major, const std::string& extension) {
    static const std::map<std::string_view, std::string_view> suffixes = {
        {"vector", "pgvector"},
        {"postgis", "postgis-3"},
        {"postgis_raster", "postgis-3"},
        {"postgis_sfcgal", "postgis-3"},
        {"postgis_topology", "postgis-3"},
        {"postgis_tiger_geocoder", "postgis-3"},
        {"address_standardizer", "postgis-3"},
        {"pgrouting", "pgrouting"},
        {"pg_cron", "cron"},
        {"pg_partman", "partman"},
        {"pg_repack", "repack"},
        {"pg_similarity", "similarity"},
        {"pg_hint_plan", "pg-hint-plan"},
        {"pgtap", "pgtap"},
        {"pgmp", "pgmp"},
        {"rdkit", "rdkit"},
        {"temporal_tables", "temporal-tables"},
    };
    static const std::vector<std::string> own = {"adminpack",
                                                 "amcheck",
                                                 "autoinc",
                                                 "bloom",
                                                 "btree_gin",
                                                 "btree_gist",
                                                 "citext",
                                                 "cube",
                                                 "dblink",
                                                 "dict_int",
                                                 "dict_xsyn",
                                                 "earthdistance",
                                                 "file_fdw",
                                                 "fuzzystrmatch",
                                                 "hstore",
                                                 "insert_username",
                                                 "intagg",
                                                 "intarray",
                                                 "isn",
                                                 "lo",
                                                 "ltree",
                                                 "moddatetime",
                                                 "old_snapshot",
                                                 "pageinspect",
                                                 "pg_buffercache",
                                                 "pg_freespacemap",
                                                 "pg_logicalinspect",
                                                 "pg_prewarm",
                                                 "pg_stat_statements",
                                                 "pg_surgery",
                                                 "pg_trgm",
                                                 "pg_visibility",
                                                 "pg_walinspect",
                                                 "pgcrypto",
                                                 "pgrowlocks",
                                                 "pgstattuple",
                                                 "plpgsql",
                                                 "postgres_fdw",
                                                 "refint",
                                                 "seg",
                                                 "sslinfo",
                                                 "tablefunc",
                                                 "tcn",
                                                 "tsm_system_rows",
                                                 "tsm_system_time",
                                                 "unaccent",
                                                 "uuid-ossp",
                                                 "xml2"};
    const std::string version = std::to_string(major);
    for (const std::string_view language : {"plperl", "plpython3", "pltcl"}) {
        if (extension.find(language) != std::string::npos) {
            return "postgresql-" + std::string(language) + "-" + version;
        }
    }
    if (has(own, extension)) {
        return "postgresql-" + version + ", elsewhere postgresql-contrib";
    }
    const auto found = suffixes.find(extension);
    if (found != suffixes.end()) {
        return "postgresql-" + version + "-" + std::string(found->second);
    }
    std::string name = extension;
    std::replace(name.begin(), name.end(), '_', '-');
    return "often postgresql-" + version + "-" + name + "; apt-cache search postgresql-" + version +
           " lists them";
}

NamesAside::NamesAside(Superuser& admin) : m_admin(admin) {
    const auto set_aside = [&](const char* sql) {
        const pq::Result found = m_admin->exec(sql);
        pq::ArrayText oids;
        pq::ArrayText names;
        for (int row = 0; row < found.rows(); ++row) {
            oids.add(found.text(row, 0));
            names.add(found.text(row, 1));
        }
        return Names{oids.finish(), names.finish()};
    };
    m_functions = set_aside(k_functions_aside);
    m_operators = set_aside(k_operators_aside);
}

void NamesAside::put_back() {
    m_admin->exec(k_functions_back, {m_functions.oids, m_functions.names});
    m_admin->exec(k_operators_back, {m_operators.oids, m_operators.names});
}

void create_extension(Superuser& admin, const protocol::ExtensionNeed& need,
                      const ExtensionPolicy& policy, std::vector<std::string>& warnings) {
    const pq::Result found = admin->exec(
        R"sql(
        SELECT v.version OPERATOR(pg_catalog.=) $2, v.version, v.schema
          FROM pg_catalog.pg_available_extension_versions AS v
          JOIN pg_catalog.pg_available_extensions AS e ON e.name OPERATOR(pg_catalog.=) v.name
         WHERE v.name OPERATOR(pg_catalog.=) $1 AND (v.version OPERATOR(pg_catalog.=) $2 OR v.version OPERATOR(pg_catalog.=) e.default_version)
         ORDER BY v.version OPERATOR(pg_catalog.=) $2 DESC
         LIMIT 1
        )sql",
        {need.name, need.version});
    if (found.rows() == 0) {
        not_available(admin->server_version(), need.name, need.version);
    }
    const std::string version(found.text(0, 1));
    const pq::Result all = admin->exec(k_closure, {need.name, version});
    for (int row = 0; row < all.rows(); ++row) {
        const std::string name(all.text(row, 0));
        if (all.text(row, 1) != "t") {
            not_available(admin->server_version(), name, {});
        }
        require_allowed(policy, name, all.text(row, 2) == "t");
    }
    if (found.text(0, 0) != "t" && !need.version.empty()) {
        warnings.push_back("extension " + need.name + ": the source has version " + need.version +
                           ", the replica " + version);
    }
    const bool own_schema = !found.is_null(0, 2);
    if (!own_schema) {
        create_schema(admin, need.schema);
    }
    NamesAside aside(admin);
    admin->exec("CREATE EXTENSION IF NOT EXISTS " + pq::quote_identifier(need.name) +
                (own_schema ? "" : " SCHEMA " + pq::quote_identifier(need.schema)) + " VERSION " +
                admin->quote_literal(version) + " CASCADE");
    aside.put_back();
}

void update_extension(Superuser& admin, const std::string& name,
                      const std::optional<std::string>& version) {
    NamesAside aside(admin);
    admin->exec("ALTER EXTENSION " + pq::quote_identifier(name) + " UPDATE" +
                (version ? " TO " + pq::quote_identifier(*version) : ""));
    aside.put_back();
}

}  // namespace ardent::environment
