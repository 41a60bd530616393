// SPDX-License-Identifier: PostgreSQL
// Forms, signs and writes messages (docs/ddl.md). The functions may raise and hold nothing to
// destroy.
#pragma once

#include "extension/src/capture/objects.hpp"
#include "extension/src/capture/statement.hpp"

namespace ardent::ext::capture {

/// What a message says of a statement besides its objects.
struct Saying {
    const char* tag = nullptr;
    const char* text = nullptr;  // nullptr: it is not known
    bool masked = false;
    bool rows_follow = false;
};

/// The body of a message, or nullptr when there is nothing to say: all that the statement did is
/// left out, or it did nothing.
StringInfo form_body(const Statement& statement, const Saying& saying, const Objects& objects);

/// The body of a mark: here the capture of a statement has failed.
StringInfo form_failure(const Statement& statement, const Saying& saying);

/// The body of the last message: from here on nothing is captured.
StringInfo form_end(const char* tag, const char* reason);

/// The whole message around a body; nullptr when there is no key to sign it with.
StringInfo sign(StringInfo body);
/// Writes a whole message with a key's prefix, in the current transaction.
void emit(const char* prefix, const char* message, std::size_t length);
/// Signs the body and writes the message. False when there is no key.
bool write_message(StringInfo body);

}  // namespace ardent::ext::capture
