// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/setting_rules.hpp"

#include "common/base/text.hpp"
#include "common/ddl/script.hpp"
#include "common/ddl/sql_tokens.hpp"
#include "environment/instance/superuser.hpp"

#include <algorithm>

namespace ardent::environment {

namespace {

constexpr std::size_t k_name_limit = 63;  // NAMEDATALEN less the terminator

std::optional<std::string> name_objection(std::string_view name) {
    if (name.empty() || name.size() > k_name_limit) {
        return "a name has 1 to 63 bytes";
    }
    if (name.find('\0') != std::string_view::npos || !base::is_utf8(name)) {
        return "a name is text without null characters";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> role_objection(const std::string& role,
                                          const std::vector<std::string>& superusers) {
    if (auto objection = name_objection(role)) {
        return objection;
    }
    if (is_reserved_role(role)) {
        return "role " + role + " is the server's or the environment's own";
    }
    if (std::find(superusers.begin(), superusers.end(), role) != superusers.end()) {
        return "role " + role +
               " is a superuser at the source, and nobody is one in a branch: name the role that "
               "owns the tables";
    }
    return std::nullopt;
}

std::optional<std::string> database_objection(std::string_view name) {
    return name_objection(name);
}

std::optional<std::string> hook_name_objection(std::string_view name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
    if (name.empty() || name.size() > k_name_limit || !plain) {
        return "the name of a hook has 1 to 63 letters, digits, dots, hyphens and underscores";
    }
    return std::nullopt;
}

std::optional<std::string> script_objection(std::string_view sql) {
    if (sql.size() > k_hook_limit) {
        return "the script has " + base::human_bytes(sql.size()) + ", and " +
               base::human_bytes(k_hook_limit) + " is the most";
    }
    if (!base::is_utf8(sql) || sql.find('\0') != std::string_view::npos) {
        return "the script is no UTF-8 text without null characters";
    }
    std::size_t statements = 0;
    for (auto next = ddl::next_statement(sql, 0, true); next;
         next = ddl::next_statement(sql, next->next, true)) {
        ++statements;
        if (next->backslash) {
            return psql_objection(sql, *next->backslash);
        }
        // Behind it the script may be cut otherwise, which is seen when it runs.
        if (ddl::lower(next->text).find("standard_conforming_strings") != std::string::npos) {
            return std::nullopt;
        }
    }
    return statements == 0 ? std::optional<std::string>("the script has no statement")
                           : std::nullopt;
}

std::string psql_objection(std::string_view sql, std::size_t place) {
    const std::string_view rest = sql.substr(place);
    const std::string_view word =
        rest.substr(0, std::min(rest.find_first_of(" \t\r\n;"), std::size_t{20}));
    const std::string where = "line " + std::to_string(ddl::line_of(sql, place)) + " has ";
    if (word == "\\.") {
        return where +
               "the end of data of a COPY … FROM STDIN, as a dump has it: use INSERT "
               "(pg_dump --inserts)";
    }
    return where + "a command of psql (" + std::string(word) + "): a hook is SQL alone";
}

}  // namespace ardent::environment
