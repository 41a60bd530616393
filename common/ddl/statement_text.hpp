// SPDX-License-Identifier: PostgreSQL
// The text of one statement: where it begins, and which of its literals are secrets. Knows as much
// of SQL's lexical rules as that takes: quotes, dollar quotes, nested comments. Pure; any thread;
// any server encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ardent::ddl {

/// Without white space and comments before it, and without white space and semicolons behind it.
std::string_view trim_statement(std::string_view text);

struct Masking {
    bool every_option = false;  // of OPTIONS (…): all values but those of user and username
    bool connection = false;    // the string behind CONNECTION
    bool backslashes = false;   // standard_conforming_strings = off
};

/// The text with every secret replaced by '***': values in OPTIONS (…) whose names say that they
/// are one (password, secret, token, key, credential, …), and what `masking` adds. nullopt when
/// there is none.
std::optional<std::string> mask_secrets(std::string_view text, const Masking& masking);

}  // namespace ardent::ddl
