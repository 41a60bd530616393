// SPDX-License-Identifier: PostgreSQL
#include "common/base/address.hpp"
#include "common/preflight/judging.hpp"
#include "common/preflight/provider.hpp"

#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

// A line each: number, type, address, method, error, and whether it covers the role in this
// database and for physical replication. The keyword `all` of the database column does not stand
// for `replication`.
constexpr Observation k_hba = {R"(
SELECT h.line_number, h.type, coalesce(h.address, ''), coalesce(h.auth_method, ''), h.error,
       u.covers
       AND EXISTS (SELECT
                     FROM pg_catalog.unnest(h.database) AS d (name)
                    WHERE d.name IN ('all', pg_catalog.current_database())
                       OR (d.name = 'sameuser' AND pg_catalog.current_database() = $1::text)
                       OR (d.name IN ('samerole', 'samegroup')
                           AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r, pg_catalog.pg_roles AS m
                                        WHERE r.rolname = $1::text
                                          AND m.rolname = pg_catalog.current_database()
                                          AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')))
                       OR (pg_catalog.starts_with(d.name, '/')
                           AND pg_catalog.current_database() ~ pg_catalog.substr(d.name, 2))),
       u.covers AND 'replication' = ANY (h.database)
  FROM pg_catalog.pg_hba_file_rules AS h
 CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT
                        FROM pg_catalog.unnest(h.user_name) AS u (name)
                       WHERE u.name IN ('all', $1::text)
                          OR (pg_catalog.starts_with(u.name, '+')
                              AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r, pg_catalog.pg_roles AS m
                                           WHERE r.rolname = $1::text
                                             AND m.rolname = pg_catalog.substr(u.name, 2)
                                             AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')))
                          OR (pg_catalog.starts_with(u.name, '/')
                              AND $1::text ~ pg_catalog.substr(u.name, 2)))
      ) AS u (covers)
 ORDER BY h.line_number
)",
                               Arguments::role, true};

std::string line_of(const Context& context, std::size_t row) {
    const std::string address = context.text(row, 2);
    return "line " + context.text(row, 0) + " (" + context.text(row, 1) +
           (address.empty() ? "" : " " + address) + ", " + context.text(row, 3) + ")";
}

Outcome judge_access(const Context& context) {
    std::vector<std::string> open;
    bool lets_in = false;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (!context.flag(i, 5) || context.text(i, 3) == "reject") {
            continue;
        }
        lets_in = true;
        const std::string method = context.text(i, 3);
        const bool far = context.text(i, 1) != "local" && !base::is_loopback(context.text(i, 2));
        if (far &&
            (method == "trust" || (method == "password" && context.text(i, 1) != "hostssl"))) {
            open.push_back(line_of(context, i));
        }
    }
    const std::string role = context.server.quoted_role;
    if (!lets_in) {
        return finding(
            Status::fail, "no line",
            "No line of pg_hba.conf lets role " + role + " into database " +
                context.server.quoted_database + ".",
            find_provider(context.server.provider).managed
                ? std::string("Let the agent's address in: ") +
                      find_provider(context.server.provider).network + "."
            : context.inside.is_inside
                ? "SELECT ardent_hba_lines('role', 'address of the agent') prints the line; then "
                  "SELECT pg_reload_conf();"
                : "ardent connector preflight on the agent's host, with a URL of the role, prints "
                  "the line; then SELECT pg_reload_conf();");
    }
    return listed(std::move(open), Status::warn,
                  "pg_hba.conf lets role " + role +
                      " in from other hosts without a password, or with one in clear text:",
                  "Say scram-sha-256 there.");
}

Outcome judge_syntax(const Context& context) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (!context.is_null(i, 4)) {
            lines.push_back("line " + context.text(i, 0) + ": " + context.text(i, 4));
        }
    }
    return listed(
        std::move(lines), Status::fail,
        "pg_hba.conf cannot be read: a reload keeps the old rules, and after a restart the "
        "server does not start.",
        "Mend these lines.");
}

Outcome judge_physical(const Context& context) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (context.flag(i, 6) && context.text(i, 3) != "reject") {
            lines.push_back(line_of(context, i));
        }
    }
    return listed(
        std::move(lines), Status::warn,
        "Lines for the keyword replication cover role " + context.server.quoted_role +
            ": it may copy the whole cluster with pg_basebackup.",
        "Logical replication needs no such line; narrow it to the roles of your standbys.");
}

constexpr Section k_here = Section::role;

}  // namespace

Checks hba_checks() noexcept {
    static const std::array<Check, 3> k_checks = {{
        {"hba_line", k_here, "hba line", "a line with scram-sha-256", &k_hba, judge_access},
        {"hba_syntax", k_here, "hba syntax", "no error", &k_hba, judge_syntax},
        {"hba_replication_line", k_here, "hba replication line", "none for the role", &k_hba,
         judge_physical, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
