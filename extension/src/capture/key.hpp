// SPDX-License-Identifier: PostgreSQL
// The keys that messages are signed with: options of user mappings on the extension's foreign server, so that
// the replication role reads its own, ordinary roles none, no dump has them and no other slot decodes them.
// C inside: may raise, holds nothing to destroy.
#pragma once

#include "extension/src/pg/hmac.hpp"
#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

inline constexpr const char* k_server = "ardent_ddl";

struct Key {
    char id[17] = "";
    pg::KeyBytes bytes = {};
};

/// The identity of a user mapping that holds keys.
bool is_key_mapping(const char* identity);

/// The key that messages of this database are signed with now; nullptr when there is none or it cannot be read.
const Key* current_key();

/// Gives the role a user mapping with the database's keys, made when there are none. Returns the current key's id.
const char* provide_keys(const char* role);
/// Removes every user mapping on the server. Returns the names of the roles that had one.
List* forget_keys();

}  // namespace ardent::ext::capture
