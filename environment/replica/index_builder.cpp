// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/index_builder.hpp"

#include "common/base/error.hpp"
#include "common/pq/array_text.hpp"
#include "common/process/log.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* k_oids = R"sql(
SELECT c.oid, u.owner
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),
                  pg_catalog.unnest($3::pg_catalog.text[])) AS u (schema, name, owner)
  JOIN pg_catalog.pg_namespace AS n ON n.nspname = u.schema
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = u.name
)sql";

// Those that an index may call, and that do not bring a search_path of their own.
constexpr const char* k_lend_to = R"sql(
SELECT p.oid::pg_catalog.regprocedure
  FROM pg_catalog.pg_proc AS p
 WHERE p.provolatile = 'i' AND p.prokind = 'f' AND p.oid >= 16384
   AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) AS c (word)
                    WHERE pg_catalog.starts_with(c.word, 'search_path='))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                      AND d.deptype = 'e')
)sql";

void set_path(pq::Connection& connection, const std::string& path) {
    connection.exec("SELECT pg_catalog.set_config('search_path', $1, false)", {path});
}

// Two of one table wait for one another, so every table's first one comes first, then every table's
// second.
void spread(std::vector<AfterDataStatement>& statements) {
    std::map<model::RelationName, unsigned> counts;
    std::vector<std::pair<unsigned, AfterDataStatement>> turns;
    for (AfterDataStatement& statement : statements) {
        const unsigned turn = counts[statement.table]++;
        turns.emplace_back(turn, std::move(statement));
    }
    std::stable_sort(turns.begin(), turns.end(),
                     [](const auto& left, const auto& right) { return left.first < right.first; });
    std::transform(turns.begin(), turns.end(), statements.begin(),
                   [](auto& turn) { return std::move(turn.second); });
}

}  // namespace

WriterPaths::WriterPaths(pq::Connection& connection,
                         const std::vector<protocol::ObjectOwner>& owners,
                         const model::SearchPaths& paths)
    : m_usual(paths.usual) {
    pq::ArrayText schemas;
    pq::ArrayText names;
    pq::ArrayText roles;
    for (const protocol::ObjectOwner& owned : owners) {
        if (owned.names.size() == 2 &&
            (owned.type == "table" || owned.type == "materialized view")) {
            schemas.add(owned.names[0]);
            names.add(owned.names[1]);
            roles.add(owned.owner);
        }
    }
    const pq::Result found =
        connection.exec(k_oids, {schemas.finish(), names.finish(), roles.finish()});
    for (int row = 0; row < found.rows(); ++row) {
        const std::string owner(found.text(row, 1));
        m_paths[std::string(found.text(row, 0))] = model::path_of_user(paths.of(owner), owner);
    }
}

std::string WriterPaths::of(const std::string& oid) const {
    const auto found = m_paths.find(oid);
    const std::string& path = found == m_paths.end() ? m_usual : found->second;
    return path.empty() ? "pg_catalog" : "pg_catalog, " + path;
}

std::optional<std::string> WriterPaths::of(pq::Connection& connection,
                                           const model::RelationName& table) const {
    const pq::Value oid = connection.value("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid",
                                           {pq::quote_qualified(table.schema, table.name)});
    return oid ? std::optional(of(*oid)) : std::nullopt;
}

IndexBuilder::Outcome IndexBuilder::build(std::vector<AfterDataStatement> statements) const {
    spread(statements);
    Outcome outcome;
    std::mutex mutex;
    const Connect prepared = [this] { return connect(); };
    const auto one = [&](pq::Connection& connection, std::size_t place) {
        const auto path = m_parts.paths.of(connection, statements[place].table);
        if (!path) {
            const std::lock_guard lock(mutex);
            outcome.without_table.push_back(statements[place]);
            return;
        }
        set_path(connection, *path);
        connection.exec(statements[place].sql);
    };
    for (FailedPlace& failed :
         at_once(statements.size(), m_parts.jobs, prepared, m_parts.go_on, one)) {
        const AfterDataStatement& statement = statements[failed.place];
        process::log_info("an index is built once more, with a search_path lent to its functions",
                          {{"index", statement.name}, {"why", failed.error.what()}});
        try {
            build_lent(statement);
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient || !m_parts.go_on()) {
                throw;
            }
            process::log_warning("an index cannot be built",
                                 {{"index", statement.name}, {"why", error.what()}});
            outcome.failed.push_back({statement, std::move(failed.error)});
        }
    }
    return outcome;
}

void IndexBuilder::build_lent(const AfterDataStatement& statement) const {
    const std::shared_ptr<pq::Connection> connection = connect();
    set_path(*connection, "pg_catalog");
    std::vector<std::string> functions;
    const pq::Result found = connection->exec(k_lend_to);
    for (int row = 0; row < found.rows(); ++row) {
        functions.emplace_back(found.text(row, 0));
    }
    const auto alter = [&](const std::string& how) {
        for (const std::string& function : functions) {
            connection->exec("ALTER FUNCTION " + function + how);
        }
    };
    set_path(*connection, m_parts.paths.of(*connection, statement.table).value_or("pg_catalog"));
    connection->exec("BEGIN");
    alter(" SET search_path FROM CURRENT");
    connection->exec(statement.sql);
    alter(" RESET search_path");
    connection->exec("COMMIT");
}

std::shared_ptr<pq::Connection> IndexBuilder::connect() const {
    std::shared_ptr<pq::Connection> connection = m_parts.connect();
    for (const std::string& setting : m_parts.settings) {
        connection->exec(setting);
    }
    return connection;
}

}  // namespace ardent::environment
