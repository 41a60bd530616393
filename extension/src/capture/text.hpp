// SPDX-License-Identifier: PostgreSQL
// The text of a statement, cut out of the query that it came in, secrets masked.
#pragma once

#include "extension/src/capture/statement.hpp"

#include <optional>
#include <string>

namespace ardent::ext::capture {

struct Text {
    std::optional<std::string> text;  // nullopt: it cannot be known
    bool masked = false;
};

/// For a statement that the hook has not seen, when ddl_command_start fires: looks for its text
/// where the server keeps it. Leaves `query` nullptr when it is not to be found.
void find_text(Statement* statement);

Text text_of(const Statement& statement, const std::string& tag);

}  // namespace ardent::ext::capture
