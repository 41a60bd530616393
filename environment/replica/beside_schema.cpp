// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/beside_schema.hpp"

#include "environment/instance/superuser.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;

constexpr const char* k_resolved = R"sql(
SELECT pg_catalog.format_type(pg_catalog.to_regtype($1), NULL),
       pg_catalog.format_type(pg_catalog.to_regtype($2), NULL),
       pg_catalog.to_regprocedure(NULLIF($3, ''))::pg_catalog.text
)sql";

// pg_default_acl.defaclobjtype
constexpr std::array<std::pair<char, std::string_view>, 6> k_kinds = {{{'r', "TABLES"},
                                                                       {'S', "SEQUENCES"},
                                                                       {'f', "ROUTINES"},
                                                                       {'T', "TYPES"},
                                                                       {'n', "SCHEMAS"},
                                                                       {'L', "LARGE OBJECTS"}}};

// nullopt: its types or its function are not here.
std::optional<std::string> statement_of(pq::Connection& apply, const protocol::Cast& cast) {
    const pq::Result names = apply.exec(k_resolved, {cast.source, cast.target, cast.function});
    const bool calls = !cast.function.empty();
    if (names.is_null(0, 0) || names.is_null(0, 1) || (calls && names.is_null(0, 2))) {
        return std::nullopt;
    }
    std::string text = "CREATE CAST (" + std::string(names.text(0, 0)) + " AS " +
                       std::string(names.text(0, 1)) + ")";
    text += calls                ? " WITH FUNCTION " + std::string(names.text(0, 2))
            : cast.method == 'i' ? " WITH INOUT"
                                 : " WITHOUT FUNCTION";
    return text + (cast.context == 'i'   ? " AS IMPLICIT"
                   : cast.context == 'a' ? " AS ASSIGNMENT"
                                         : "");
}

bool is_right(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(),
                                        [](char c) { return (c >= 'A' && c <= 'Z') || c == ' '; });
}

std::string grantee_of(const std::string& role) {
    return role.empty() ? "PUBLIC" : pq::quote_identifier(role);
}

// What is stored takes the place of what the server gives by itself, so that goes first.
std::vector<std::string> statements_of(const protocol::DefaultPrivileges& one) {
    const auto kind = std::find_if(k_kinds.begin(), k_kinds.end(),
                                   [&](const auto& known) { return known.first == one.kind; });
    if (kind == k_kinds.end() || is_reserved_role(one.role)) {
        return {};
    }
    const std::string role = pq::quote_identifier(one.role);
    const std::string begin = "ALTER DEFAULT PRIVILEGES FOR ROLE " + role + " ";
    const std::string on = " ON " + std::string(kind->second);
    std::vector<std::string> statements = {begin + "REVOKE ALL" + on + " FROM PUBLIC, " + role};
    for (const protocol::DefaultRight& right : one.rights) {
        if (is_right(right.right) && !is_reserved_role(right.grantee)) {
            statements.push_back(begin + "GRANT " + right.right + on + " TO " +
                                 grantee_of(right.grantee) +
                                 (right.with_grant_option ? " WITH GRANT OPTION" : ""));
        }
    }
    return statements;
}

// True when it ran; otherwise what went wrong, unless the server is away.
std::string run_apart(pq::Connection& apply, const std::vector<std::string>& statements) {
    try {
        apply.exec("BEGIN");
        for (const std::string& statement : statements) {
            apply.exec(statement);
        }
        apply.exec("COMMIT");
        return {};
    } catch (const Error& error) {
        if (error.kind() == base::ErrorKind::transient) {
            throw;
        }
        apply.exec("ROLLBACK");
        return error.what();
    }
}

}  // namespace

std::vector<protocol::Cast> create_casts(pq::Connection& apply,
                                         const std::vector<protocol::Cast>& casts,
                                         std::vector<std::string>* warnings) {
    std::vector<protocol::Cast> left;
    for (const protocol::Cast& cast : casts) {
        const auto statement = statement_of(apply, cast);
        const std::string why =
            statement ? run_apart(apply, {*statement}) : "a type or its function is not here";
        if (why.empty()) {
            continue;
        }
        left.push_back(cast);
        if (warnings != nullptr) {
            warnings->push_back("the cast from " + cast.source + " to " + cast.target +
                                " is not in the replica: " + why);
        }
    }
    return left;
}

void set_default_privileges(pq::Connection& apply,
                            const std::vector<protocol::DefaultPrivileges>& all,
                            std::vector<std::string>& warnings) {
    for (const protocol::DefaultPrivileges& one : all) {
        const std::string why = run_apart(apply, statements_of(one));
        if (!why.empty()) {
            warnings.push_back("the default privileges of role " + one.role +
                               " are not in the replica: " + why);
        }
    }
}

}  // namespace ardent::environment
