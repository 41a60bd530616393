// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/row_rules.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <mutex>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* k_duplicate_name = "42710";
constexpr int k_version_not_enforced = 180000;  // and temporal keys

constexpr const char* k_partitioned = R"sql(
SELECT c.relkind OPERATOR(pg_catalog.=) 'p' FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)
)sql";

constexpr const char* k_leaves = R"sql(
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) AS t
  JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.relid
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE t.isleaf AND c.relkind OPERATOR(pg_catalog.=) 'r'
)sql";

constexpr const char* k_mark = R"sql(
UPDATE pg_catalog.pg_constraint
   SET convalidated = true
 WHERE NOT convalidated AND contype OPERATOR(pg_catalog.=) ANY ('{c,f}')
)sql";

// As RI_Initial_Check (utils/adt/ri_triggers.c) asks, but for that it counts. Operators that are
// neither the server's nor an extension's would be code of the source.
constexpr const char* k_keys = R"sql(
SELECT c.conname, n.nspname, r.relname,
       pg_catalog.format('SELECT pg_catalog.count(*) FROM %s%I.%I AS f WHERE (%s) AND NOT EXISTS (SELECT FROM %s%I.%I AS p WHERE %s)',
                         CASE WHEN r.relkind OPERATOR(pg_catalog.=) 'p' THEN '' ELSE 'ONLY ' END, n.nspname, r.relname,
                         pg_catalog.string_agg(pg_catalog.format('f.%I IS NOT NULL', fa.attname),
                                               CASE WHEN c.confmatchtype OPERATOR(pg_catalog.=) 'f' THEN ' OR ' ELSE ' AND ' END),
                         CASE WHEN pr.relkind OPERATOR(pg_catalog.=) 'p' THEN '' ELSE 'ONLY ' END, pn.nspname, pr.relname,
                         pg_catalog.string_agg(
                             pg_catalog.format('p.%I%s OPERATOR(%I.%s) (f.%I%s%s)', pa.attname,
                                               CASE WHEN lt.typtype OPERATOR(pg_catalog.<>) 'p' THEN '::' OPERATOR(pg_catalog.||) o.oprleft::pg_catalog.regtype END,
                                               ns.nspname, o.oprname, fa.attname,
                                               CASE WHEN rt.typtype OPERATOR(pg_catalog.<>) 'p' THEN '::' OPERATOR(pg_catalog.||) o.oprright::pg_catalog.regtype END,
                                               CASE WHEN pa.attcollation OPERATOR(pg_catalog.<>) 0 AND pa.attcollation OPERATOR(pg_catalog.<>) fa.attcollation
                                                    THEN ' COLLATE ' OPERATOR(pg_catalog.||) pa.attcollation::pg_catalog.regcollation END), ' AND '))
  FROM pg_catalog.pg_constraint AS c
  JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) c.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) r.relnamespace
  JOIN pg_catalog.pg_class AS pr ON pr.oid OPERATOR(pg_catalog.=) c.confrelid
  JOIN pg_catalog.pg_namespace AS pn ON pn.oid OPERATOR(pg_catalog.=) pr.relnamespace
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey),
                               pg_catalog.unnest(c.conpfeqop)) AS k (fk, pk, op)
  JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid OPERATOR(pg_catalog.=) c.conrelid AND fa.attnum OPERATOR(pg_catalog.=) k.fk
  JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid OPERATOR(pg_catalog.=) c.confrelid AND pa.attnum OPERATOR(pg_catalog.=) k.pk
  JOIN pg_catalog.pg_operator AS o ON o.oid OPERATOR(pg_catalog.=) k.op
  JOIN pg_catalog.pg_namespace AS ns ON ns.oid OPERATOR(pg_catalog.=) o.oprnamespace
  JOIN pg_catalog.pg_type AS lt ON lt.oid OPERATOR(pg_catalog.=) o.oprleft
  JOIN pg_catalog.pg_type AS rt ON rt.oid OPERATOR(pg_catalog.=) o.oprright
 WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND c.convalidated AND c.conparentid OPERATOR(pg_catalog.=) 0 %s
 GROUP BY c.oid, c.conname, c.confmatchtype, n.nspname, r.relname, r.relkind, pn.nspname, pr.relname, pr.relkind
HAVING pg_catalog.bool_and(o.oid OPERATOR(pg_catalog.<) 16384
                           OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                                       WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
                                         AND d.objid OPERATOR(pg_catalog.=) o.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'))
 ORDER BY 2, 3, 1
)sql";

std::string quoted(const model::RelationName& table) {
    return pq::quote_qualified(table.schema, table.name);
}

std::string text_of(const AfterDataStatement& statement) {
    return statement.sql.substr(statement.definition);
}

bool is_partitioned(pq::Connection& apply, const AfterDataStatement& statement) {
    return statement.kind == AfterDataKind::foreign_key &&
           apply.value(k_partitioned, {quoted(statement.table)}) == "t";
}

// Before 18 a partitioned table takes no key that is not valid. One that has it in all its leaves,
// marked as valid, attaches them without reading rows.
void add_to_leaves(pq::Connection& apply, const AfterDataStatement& statement) {
    const pq::Result leaves = apply.exec(k_leaves, {quoted(statement.table)});
    for (int row = 0; row < leaves.rows(); ++row) {
        const std::string add = "ALTER TABLE ONLY " +
                                pq::quote_qualified(leaves.text(row, 0), leaves.text(row, 1)) +
                                " ADD ";
        const std::string rest = text_of(statement) + " NOT VALID";
        try {
            apply.exec(add + "CONSTRAINT " + pq::quote_identifier(statement.name) + " " + rest);
        } catch (const Error& error) {
            if (error.sqlstate() != k_duplicate_name) {
                throw;
            }
            apply.exec(add + rest);
        }
    }
}

void add_unread(pq::Connection& apply, const AfterDataStatement& statement, bool partitioned) {
    if (partitioned) {
        add_to_leaves(apply, statement);
    } else {
        apply.exec(statement.sql + (statement.unchecked ? "" : " NOT VALID"));
    }
}

}  // namespace

void add_row_rules(Superuser& admin, pq::Connection& apply,
                   const std::vector<AfterDataStatement>& statements,
                   std::vector<std::string>& warnings) {
    const auto attempt = [&](const AfterDataStatement& statement, const auto& how) {
        try {
            how();
            return true;
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            warnings.push_back(
                (statement.kind == AfterDataKind::check ? "check " : "foreign key ") +
                statement.name + " of " + model::to_string(statement.table) +
                " is not in the replica: " + error.what());
            return false;
        }
    };
    const auto mark = [&] {
        const bool knows_more = admin->server_version() >= k_version_not_enforced;
        admin->exec(std::string(k_mark) + (knows_more ? " AND conenforced" : ""));
    };
    std::vector<const AfterDataStatement*> parents;
    for (const AfterDataStatement& statement : statements) {
        if (!statement.unchecked) {
            const bool partitioned = is_partitioned(apply, statement);
            if (attempt(statement, [&] { add_unread(apply, statement, partitioned); }) &&
                partitioned) {
                parents.push_back(&statement);
            }
        }
    }
    mark();
    for (const AfterDataStatement* const parent : parents) {
        attempt(*parent, [&] { apply.exec(parent->sql); });
    }
    for (const AfterDataStatement& statement : statements) {
        if (statement.unchecked) {
            attempt(statement, [&] { apply.exec(statement.sql); });
        }
    }
}

std::vector<std::string> find_orphans(const Connect& connect_reader, unsigned jobs,
                                      const std::function<bool()>& go_on) {
    const std::shared_ptr<pq::Connection> reader = connect_reader();
    reader->exec("SET search_path = pg_catalog");
    std::string sql = k_keys;
    const bool knows_more = reader->server_version() >= k_version_not_enforced;
    sql.replace(sql.find("%s\n GROUP"), 2,
                knows_more ? "AND c.conenforced AND NOT c.conperiod" : "");
    const pq::Result keys = reader->exec(sql);
    std::vector<std::string> warnings;
    std::mutex mutex;
    const auto name = [&](std::size_t place) {
        const int row = static_cast<int>(place);
        return "foreign key " + std::string(keys.text(row, 0)) + " of " +
               model::to_string({std::string(keys.text(row, 1)), std::string(keys.text(row, 2))});
    };
    const auto look = [&](pq::Connection& connection, std::size_t place) {
        connection.exec("SET search_path = pg_catalog; SET default_transaction_read_only = on");
        const std::string rows =
            connection.value(std::string(keys.text(static_cast<int>(place), 3))).value_or("0");
        if (rows != "0") {
            const std::lock_guard lock(mutex);
            warnings.push_back(rows + (rows == "1" ? " row breaks " : " rows break ") +
                               name(place) + " at the source, and in the replica as well");
        }
    };
    for (const FailedPlace& failed :
         at_once(static_cast<std::size_t>(keys.rows()), jobs, connect_reader, go_on, look)) {
        warnings.push_back("whether rows break " + name(failed.place) +
                           " was not seen: " + base::clip_utf8(failed.error.what(), 300));
    }
    std::sort(warnings.begin(), warnings.end());
    return warnings;
}

}  // namespace ardent::environment
