// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/missing.hpp"

#include <string_view>

namespace ardent::replay {

namespace {

constexpr std::string_view k_undefined_object = "42704";

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

std::optional<std::string> unknown_parameter(const base::Error& error) {
    const auto parameter = name_in(error, "unrecognized parameter \"", "\"");
    return parameter ? parameter : name_in(error, "unrecognized parameter namespace \"", "\"");
}

}  // namespace ardent::replay
