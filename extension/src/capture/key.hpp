// SPDX-License-Identifier: PostgreSQL
// The keys that messages are signed with: options of user mappings on the extension's foreign
// server, so that the replication role reads its own, roles without rights none, no dump has them
// and no other slot decodes them. Who may read every catalog, reads them (docs/ddl.md names who
// that is): a code says where a message is from, and is no authority. C inside: may raise, holds
// nothing to destroy.
#pragma once

#include "extension/src/pg/hmac.hpp"
#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

inline constexpr const char* k_server = "ardent_ddl";

struct Key {
    char id[17] = "";
    char prefix[64] = "";  // of its messages
    pg::KeyBytes bytes = {};
};

/// The identity of a user mapping that holds keys.
bool is_key_mapping(const char* identity);

/// The user mapping is the only one that holds keys.
bool holds_last_key(Oid mapping);

/// The key that messages of this database are signed with now; nullptr when there is none or it
/// cannot be read.
const Key* current_key();

/// Up to the end of the transaction, and until what it did can be seen, agents know that keys are
/// being made: a stream that begins meanwhile waits (agent/source/ddl_keys.hpp).
void announce_keys();
/// The role has no user mapping with keys.
bool lacks_keys(const char* role);
/// Gives the role a user mapping with the database's keys, made when there are none. Returns the
/// current key's id.
const char* provide_keys(const char* role);
/// Removes every user mapping on the server. Returns the names of the roles that had one.
List* forget_keys();

}  // namespace ardent::ext::capture
