// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr Observation k_extensions = {R"(
SELECT e.extname, e.extversion
  FROM pg_catalog.pg_extension AS e
 ORDER BY e.extname
)"};

constexpr Observation k_labels = {R"(
SELECT 'label ', pg_catalog.format('%I.%I: %s', n.nspname, c.relname,
                                   pg_catalog.string_agg(DISTINCT l.provider, ', ')),
       pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname
  FROM pg_catalog.pg_seclabel AS l
  JOIN pg_catalog.pg_class AS c ON c.oid = l.objoid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND n.nspname = ANY ($1::text[])
 GROUP BY n.nspname, c.relname
 ORDER BY 2
)",
                                  Arguments::schemas};

template <std::size_t N>
std::vector<std::string> installed(const Context& context,
                                   const std::array<const char*, N>& wanted) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const std::string name = context.text(i, 0);
        if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) {
            found.push_back(name + " " + context.text(i, 1));
        }
    }
    return found;
}

Outcome judge_hidden(const Context& context) {
    constexpr std::array<const char*, 6> k_names = {"timescaledb", "citus",       "citus_columnar",
                                                    "columnar",    "pg_columnar", "hydra"};
    return listed(installed(context, k_names), Status::warn,
                  "Extensions that keep rows of tables elsewhere (chunks in a schema of their own, "
                  "shards on other servers, columnar files):",
                  "Name the schema of the chunks too; shards need a connector each; columnar rows "
                  "are not decoded.");
}

Outcome judge_other_replication(const Context& context) {
    constexpr std::array<const char*, 4> k_names = {"bdr", "pglogical", "pglogical_origin",
                                                    "spock"};
    return listed(installed(context, k_names), Status::warn,
                  "Another replication writes here or reads from here; its rows are decoded too:",
                  "Make sure that the same rows do not come in from two sides.");
}

Outcome judge_rewriting(const Context& context) {
    constexpr std::array<const char*, 3> k_names = {"pg_partman", "pg_repack", "pg_squeeze"};
    return listed(installed(context, k_names), Status::info,
                  "Extensions that rewrite or replace tables:",
                  "Do not let them work on a table while it is copied.");
}

Outcome judge_labels(const Context& context) {
    return listed(
        flagged(context, {"label", 2}), Status::warn,
        "Security labels (masking, SELinux): the copy reads through them, the stream does "
        "not:",
        "Exempt the role from masking, so that both show the same.");
}

constexpr Section k_here = Section::tables;

}  // namespace

Checks extension_checks() noexcept {
    static const std::array<Check, 4> k_checks = {{
        {"hidden_storage", k_here, "hidden storage", "none", &k_extensions, judge_hidden},
        {"other_replication", k_here, "other replication", "none", &k_extensions,
         judge_other_replication, false},
        {"rewriting_extensions", k_here, "rewriting extensions", "none", &k_extensions,
         judge_rewriting, false},
        {"security_labels", k_here, "security labels", "none", &k_labels, judge_labels},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
