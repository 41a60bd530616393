// SPDX-License-Identifier: PostgreSQL
// Definitions of relations as DDL messages tell them (docs/ddl.md, "A definition"): read from the
// replica's catalogs in the same form, compared, and turned into a statement.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ardent::replay {

/// nullopt when the replica has no such relation. The connection's search_path is pg_catalog.
/// Throws as Connection::exec.
std::optional<model::DdlTable> read_definition(pq::Connection& connection,
                                               const model::RelationName& relation,
                                               std::string_view encoding);

struct Compared {
    bool owner = false;
    /// Of indexes, types and parents, and the texts that have names in them.
    bool names = true;
};

/// One sentence that names the first difference, with both sides; empty when equal. Expressions are
/// not compared (`different_expression` does), nor is the order of columns in a child of plain
/// inheritance, which a dump changes.
std::string describe_difference(const model::DdlTable& source, const model::DdlTable& replica,
                                Compared compared);

/// The first column from this place on whose expression's text is another one, although both have
/// one. -1: none.
int different_expression(const model::DdlTable& source, const model::DdlTable& replica,
                         int from = 0);

/// Prints an expression as this server prints it once it was read: the two texts mean the same. In
/// a savepoint.
bool same_expression(pq::Connection& connection, const model::DdlTable& table,
                     const model::DdlColumn& source, const model::DdlColumn& replica);

/// CREATE TABLE with columns and nothing else, for search_path = pg_catalog; `storage` as
/// storage_clause gives it.
std::string create_table(const model::DdlTable& table, const std::string& storage);
/// A column with all that its definition tells, as CREATE TABLE and ADD COLUMN take it.
std::string column_clause(const model::DdlColumn& column);
std::string create_foreign_table(const model::DdlTable& table, const std::string& server);

}  // namespace ardent::replay
