// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/grants.hpp"

#include "common/base/text.hpp"

#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace ardent::replay {

namespace {

struct Class {
    std::string_view type;
    std::string_view word;  // after ON
    const char* owner;      // $1 is the identity
};

constexpr const char* k_relation = R"sql(
SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)
)sql";
constexpr const char* k_routine = R"sql(
SELECT pg_catalog.pg_get_userbyid(proowner) FROM pg_catalog.pg_proc WHERE oid = pg_catalog.to_regprocedure($1)
)sql";
constexpr const char* k_type = R"sql(
SELECT pg_catalog.pg_get_userbyid(typowner) FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype($1)
)sql";
constexpr const char* k_schema = R"sql(
SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace
 WHERE pg_catalog.quote_ident(nspname) = $1
)sql";

constexpr std::array<Class, 12> k_classes = {{{"table", "TABLE", k_relation},
                                              {"table column", "TABLE", k_relation},
                                              {"view", "TABLE", k_relation},
                                              {"materialized view", "TABLE", k_relation},
                                              {"foreign table", "TABLE", k_relation},
                                              {"sequence", "SEQUENCE", k_relation},
                                              {"function", "ROUTINE", k_routine},
                                              {"procedure", "ROUTINE", k_routine},
                                              {"aggregate", "ROUTINE", k_routine},
                                              {"type", "TYPE", k_type},
                                              {"domain", "TYPE", k_type},
                                              {"schema", "SCHEMA", k_schema}}};

const Class* class_of(const model::DdlObject& object) {
    for (const Class& one : k_classes) {
        if (one.type == object.type) {
            return &one;
        }
    }
    return nullptr;
}

// The places of the token ON and of TO or FROM behind the objects.
std::optional<std::pair<std::size_t, std::size_t>> object_part(const SqlText& sql) {
    const auto on = sql.find({"on"});
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = on.value_or(tokens.size()); i < tokens.size(); ++i) {
        if (tokens[i].depth == 0 && (tokens[i].is("to") || tokens[i].is("from"))) {
            return std::pair(*on, i);
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<OwnersShare> by_owner(pq::Connection& connection, const model::DdlStatement& statement,
                                  const SqlText& sql) {
    std::map<std::pair<std::string, std::string_view>, std::vector<std::string>> shares;
    for (const model::DdlObject& object : statement.objects) {
        const Class* const kind = class_of(object);
        if (kind == nullptr) {
            return {};
        }
        const pq::Result owner = connection.exec(kind->owner, {object.identity});
        if (owner.rows() == 0) {
            return {};
        }
        shares[{std::string(owner.text(0, 0)), kind->word}].push_back(object.identity);
    }
    if (shares.size() == 1) {
        return {{shares.begin()->first.first, sql.text()}};
    }
    const auto part = object_part(sql);
    if (!part) {
        return {};
    }
    std::vector<OwnersShare> result;
    for (const auto& [key, identities] : shares) {
        const std::string& text = sql.text();
        result.push_back({key.first, text.substr(0, sql.tokens()[part->first].end) + " " +
                                         std::string(key.second) + " " +
                                         base::join(identities, ", ") + " " +
                                         text.substr(sql.tokens()[part->second].begin)});
    }
    return result;
}

}  // namespace ardent::replay
