// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/missing.hpp"

#include "environment/replay/sql_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ardent::replay {

namespace {

constexpr std::string_view k_undefined_object = "42704";
constexpr std::string_view k_undefined_function = "42883";
constexpr std::string_view k_no_privilege = "42501";
// Of a schema, a relation, a function or operator, and all else that has a name.
constexpr std::array<std::string_view, 4> k_undefined = {"3F000", "42P01", k_undefined_function,
                                                         k_undefined_object};

bool told_by_server(const base::Error& error) {
    const auto* const server = dynamic_cast<const pq::QueryError*>(&error);
    return server != nullptr && !server->told().in_code;
}

/// The name in a message that is `before`, the name and `after`, told by the server about the
/// statement itself.
std::optional<std::string> name_in(const base::Error& error, std::string_view before,
                                   std::string_view after) {
    const auto* const server = dynamic_cast<const pq::QueryError*>(&error);
    if (server == nullptr || server->told().in_code) {
        return std::nullopt;
    }
    std::string_view message = server->told().message;
    if (!message.starts_with(before) || !message.ends_with(after) ||
        message.size() <= before.size() + after.size()) {
        return std::nullopt;
    }
    message.remove_prefix(before.size());
    message.remove_suffix(after.size());
    return std::string(message);
}

bool is_of(const base::Error& error, std::string_view file) {
    const auto* const server = dynamic_cast<const pq::QueryError*>(&error);
    return server != nullptr && server->told().file == file &&
           error.sqlstate() == k_undefined_object;
}

}  // namespace

// get_role_oid and get_rolespec_oid, utils/adt/acl.c.
std::optional<std::string> missing_role(const base::Error& error) {
    return is_of(error, "acl.c") ? name_in(error, "role \"", "\" does not exist") : std::nullopt;
}

// get_tablespace_oid, commands/tablespace.c.
std::optional<std::string> missing_tablespace(const base::Error& error) {
    return is_of(error, "tablespace.c") ? name_in(error, "tablespace \"", "\" does not exist")
                                        : std::nullopt;
}

// GetForeignServerByName and get_foreign_server_oid, foreign/foreign.c.
std::optional<std::string> missing_server(const base::Error& error) {
    return is_of(error, "foreign.c") ? name_in(error, "server \"", "\" does not exist")
                                     : std::nullopt;
}

std::optional<MissingFunction> missing_function(const base::Error& error) {
    const auto called = error.sqlstate() == k_undefined_function
                            ? name_in(error, "function ", ") does not exist")
                            : std::nullopt;
    const std::size_t open = called ? called->find('(') : std::string::npos;
    if (open == std::string::npos) {
        return std::nullopt;
    }
    const SqlText name(called->substr(0, open), true);
    const std::string arguments = called->substr(open + 1);
    const std::vector<Token>& tokens = name.tokens();
    if (tokens.size() != 3 || !tokens[0].name() || !tokens[1].symbol('.') || !tokens[2].name() ||
        arguments.find("unknown") != std::string::npos) {
        return std::nullopt;
    }
    return MissingFunction{tokens[0].text, tokens[2].text, arguments};
}

bool names_what_is_missing(const base::Error& error) {
    return told_by_server(error) &&
           std::find(k_undefined.begin(), k_undefined.end(), error.sqlstate()) != k_undefined.end();
}

std::string unmet_need(const base::Error& error, std::string_view tag) {
    const bool unmet =
        names_what_is_missing(error) ||
        (told_by_server(error) && error.sqlstate() == k_no_privilege && !tag.starts_with("DROP "));
    return unmet ? dynamic_cast<const pq::QueryError&>(error).told().message : std::string();
}

std::optional<std::string> unknown_parameter(const base::Error& error) {
    const auto parameter = name_in(error, "unrecognized parameter \"", "\"");
    return parameter ? parameter : name_in(error, "unrecognized parameter namespace \"", "\"");
}

}  // namespace ardent::replay
