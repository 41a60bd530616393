// SPDX-License-Identifier: PostgreSQL
// Random identifiers and tokens, and the form in which tokens are kept. libsodium; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ardent::environment {

/// Once per program, before the first use. Throws base::Error (bug).
void init_secrets();

/// 2 * `bytes` hex digits.
std::string random_hex(std::size_t bytes);

/// `prefix` and 64 hex digits: 256 random bits.
std::string make_token(std::string_view prefix);

/// SHA-256 as hex: enough for a token of 256 random bits, which nobody can guess from a list.
std::string token_hash(std::string_view token);

/// Compares a presented token with a kept hash; the time does not depend on where they differ.
bool token_matches(std::string_view token, std::string_view hash);

}  // namespace ardent::environment
