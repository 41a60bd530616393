// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/grants.hpp"

#include "common/base/text.hpp"
#include "environment/instance/superuser.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace ardent::replay {

namespace {

struct Class {
    std::string_view type;
    std::string_view word;  // after ON
    const char* found;      // by the identity, $1: owner, name as SQL needs it, of an extension
};

// The connection's search_path is pg_catalog's alone: names come with their schemas.
constexpr const char* k_relation = R"sql(
SELECT pg_catalog.pg_get_userbyid(c.relowner), c.oid::pg_catalog.regclass,
       EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
  FROM pg_catalog.pg_class AS c
 WHERE c.oid = pg_catalog.to_regclass($1)
)sql";
// The constructors of a range type belong to the bootstrap superuser, whoever made the type
// (makeRangeConstructors, commands/typecmds.c).
constexpr const char* k_routine = R"sql(
SELECT pg_catalog.pg_get_userbyid(p.proowner), p.oid::pg_catalog.regprocedure,
       EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                  AND (d.deptype = 'e' OR d.deptype = 'i'
                       AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass))
  FROM pg_catalog.pg_proc AS p
 WHERE p.oid = pg_catalog.to_regprocedure($1)
)sql";
constexpr const char* k_type = R"sql(
SELECT pg_catalog.pg_get_userbyid(t.typowner), pg_catalog.format_type(t.oid, NULL),
       EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
                  AND d.deptype = 'e')
  FROM pg_catalog.pg_type AS t
 WHERE t.oid = pg_catalog.to_regtype($1)
)sql";
constexpr const char* k_schema = R"sql(
SELECT pg_catalog.pg_get_userbyid(n.nspowner), pg_catalog.quote_ident(n.nspname), false
  FROM pg_catalog.pg_namespace AS n
 WHERE n.nspname = (pg_catalog.parse_ident($1))[1]
)sql";
// Of the superuser's, whoever brought it: what a language's rights decide is who may use it.
constexpr const char* k_language = R"sql(
SELECT pg_catalog.pg_get_userbyid(l.lanowner), pg_catalog.quote_ident(l.lanname), true
  FROM pg_catalog.pg_language AS l
 WHERE l.lanname = (pg_catalog.parse_ident($1))[1]
)sql";

constexpr std::array<Class, 13> k_classes = {{{"table", "TABLE", k_relation},
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
                                              {"schema", "SCHEMA", k_schema},
                                              {"language", "LANGUAGE", k_language}}};

constexpr std::array<std::string_view, 14> k_rights = {
    "select",     "insert", "update",    "delete", "truncate", "references", "trigger",
    "privileges", "usage",  "temporary", "create", "execute",  "maintain",   "all"};

const Class* class_of(const model::DdlObject& object) {
    for (const Class& one : k_classes) {
        if (one.type == object.type) {
            return &one;
        }
    }
    return nullptr;
}

bool lies_outside(const model::DdlObject& object, const Scope& scope) {
    const auto relation = object.type == "table" || object.type == "table column"
                              ? model::parse_relation(object.identity)
                              : std::nullopt;
    if (relation) {
        return !carries(scope, *relation);
    }
    return object.schema && std::find(scope.schemas.begin(), scope.schemas.end(), *object.schema) ==
                                scope.schemas.end();
}

/// The places of the tokens around what a statement of this kind names.
struct Parts {
    std::size_t on = 0;        // ON
    std::size_t grantees = 0;  // TO or FROM
};

std::optional<Parts> parts_of(const SqlText& sql) {
    const auto on = sql.find({"on"});
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = on.value_or(tokens.size()); i < tokens.size(); ++i) {
        if (tokens[i].depth == 0 && (tokens[i].is("to") || tokens[i].is("from"))) {
            return Parts{*on, i};
        }
    }
    return std::nullopt;
}

// The rights between GRANT or REVOKE and ON; empty when there is more to them, as with columns.
std::string rights_of(const SqlText& sql, const Parts& parts) {
    std::vector<std::string> rights;
    std::size_t first = 1;
    if (parts.on > 4 && sql.tokens()[1].is("grant") && sql.tokens()[2].is("option")) {
        first = 4;  // REVOKE GRANT OPTION FOR
    }
    std::string text = first == 4 ? "GRANT OPTION FOR " : "";
    for (std::size_t i = first; i < parts.on; ++i) {
        const Token& token = sql.tokens()[i];
        const bool right = std::any_of(k_rights.begin(), k_rights.end(),
                                       [&](std::string_view word) { return token.is(word); });
        if (!right && !token.symbol(',')) {
            return {};
        }
        text += right ? ddl::lower(token.text) + " " : ", ";
    }
    return text;
}

// Behind TO or FROM: the names, and whether these come with an option.
struct Grantees {
    std::vector<std::string> names;  // quoted, or PUBLIC
    std::vector<std::string> roles;
    std::string option;
};

std::optional<Grantees> grantees_of(const SqlText& sql, const Parts& parts) {
    Grantees found;
    const std::vector<Token>& tokens = sql.tokens();
    std::size_t i = parts.grantees + 1;
    for (; i < tokens.size() && tokens[i].name(); ++i) {
        if (tokens[i].is("group") && i + 1 < tokens.size() && tokens[i + 1].name()) {
            ++i;
        }
        const bool everybody = tokens[i].is("public");
        if (!everybody && environment::is_reserved_role(tokens[i].text)) {
            return std::nullopt;
        }
        found.names.push_back(everybody ? "PUBLIC" : pq::quote_identifier(tokens[i].text));
        if (!everybody) {
            found.roles.push_back(tokens[i].text);
        }
        if (i + 1 >= tokens.size() || !tokens[i + 1].symbol(',')) {
            ++i;
            break;
        }
        ++i;
    }
    if (sql.find({"with", "grant", "option"})) {
        found.option = " WITH GRANT OPTION";
    } else if (i < tokens.size() && tokens[i].is("cascade")) {
        found.option = " CASCADE";
    }
    return found.names.empty() ? std::nullopt : std::optional(found);
}

using Shares = std::map<std::pair<std::string, std::string_view>, std::vector<std::string>>;

void form_of_superuser(const SqlText& sql, const Parts& parts, const Shares& shares,
                       GrantShares& result) {
    const std::string rights = rights_of(sql, parts);
    const auto grantees = grantees_of(sql, parts);
    const bool gives = sql.tokens()[0].is("grant");
    for (const auto& [key, names] : shares) {
        if (rights.empty() || !grantees) {
            result.left_out.insert(result.left_out.end(), names.begin(), names.end());
            continue;
        }
        result.of_superuser.push_back((gives ? "GRANT " : "REVOKE ") + rights + "ON " +
                                      std::string(key.second) + " " + base::join(names, ", ") +
                                      (gives ? " TO " : " FROM ") +
                                      base::join(grantees->names, ", ") + grantees->option);
    }
    if (grantees) {
        result.grantees = grantees->roles;
    }
}

}  // namespace

GrantShares share_grant(pq::Connection& connection, const model::DdlStatement& statement,
                        const Scope& scope, const SqlText& sql, bool superuser) {
    Shares shares;
    Shares of_superuser;
    bool outside = false;
    for (const model::DdlObject& object : statement.objects) {
        const Class* const kind = class_of(object);
        if (kind == nullptr) {
            return {};
        }
        if (lies_outside(object, scope)) {
            outside = true;
            continue;
        }
        const pq::Result found = connection.exec(kind->found, {object.identity});
        if (found.rows() == 0) {
            outside = true;  // a view, say, that needs what is not carried
            continue;
        }
        const std::string owner(found.text(0, 0));
        const bool own = environment::is_own_role(owner) && found.text(0, 2) == "t";
        auto& list = own ? of_superuser : shares;
        list[{superuser || own ? owner : statement.role, kind->word}].emplace_back(
            found.text(0, 1));
    }
    const auto parts = parts_of(sql);
    const bool whole = !outside && of_superuser.empty();
    if (!parts || (whole && (!superuser || shares.empty()))) {
        return {};
    }
    GrantShares result;
    result.apart = true;
    if (whole && shares.size() == 1) {
        result.shares.push_back({shares.begin()->first.first, sql.text()});
        return result;
    }
    for (const auto& [key, names] : shares) {
        const std::string& text = sql.text();
        result.shares.push_back({key.first, text.substr(0, sql.tokens()[parts->on].end) + " " +
                                                std::string(key.second) + " " +
                                                base::join(names, ", ") + " " +
                                                text.substr(sql.tokens()[parts->grantees].begin)});
    }
    if (!of_superuser.empty()) {
        form_of_superuser(sql, *parts, of_superuser, result);
    }
    return result;
}

}  // namespace ardent::replay
