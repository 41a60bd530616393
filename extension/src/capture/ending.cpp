// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/ending.hpp"

#include "extension/src/capture/key.hpp"
#include "extension/src/capture/message.hpp"
#include "extension/src/capture/switch.hpp"

namespace ardent::ext::capture {

namespace {

// Where the last message stands. What a savepoint takes back is written once more, because the next
// one is another sub-transaction.
struct Place {
    FullTransactionId transaction = {};
    SubTransactionId part = InvalidSubTransactionId;
};

constinit Place g_ended;

bool is_own_extension(const ObjectAddress& object) {
    return object.classId == ExtensionRelationId &&
           object.objectId == get_extension_oid("ardent", true);
}

bool is_own_trigger(const ObjectAddress& object) {
    return object.classId == EventTriggerRelationId &&
           getExtensionOfObject(object.classId, object.objectId) ==
               get_extension_oid("ardent", true);
}

/// What comes first of all that goes with the extension differs; without any of these no message
/// can be made or signed.
bool ends_capture(const ObjectAddress& object) {
    return is_own_extension(object) || is_own_trigger(object) ||
           (object.classId == UserMappingRelationId && holds_last_key(object.objectId));
}

void write_end(const char* tag, const char* reason) {
    const FullTransactionId transaction = GetTopFullTransactionId();
    const SubTransactionId part = GetCurrentSubTransactionId();
    if (FullTransactionIdEquals(g_ended.transaction, transaction) && g_ended.part == part) {
        return;
    }
    if (write_message(form_end(tag, reason))) {
        g_ended = {transaction, part};
    }
}

}  // namespace

void note_end_by_drop(const ObjectAddress& object) {
    if (XLogLogicalInfoActive() && ends_capture(object) && is_switched_on()) {
        const Statement* const statement = innermost_statement();
        write_end(statement != nullptr && statement->tree != nullptr
                      ? GetCommandTagName(CreateCommandTag(const_cast<Node*>(statement->tree)))
                      : "DROP EXTENSION",
                  "the extension, or what DDL capture needs of it, was dropped");
    }
}

void note_end_by_alter(Oid event_trigger) {
    if (XLogLogicalInfoActive() && switches_off(event_trigger)) {
        write_end("ALTER EVENT TRIGGER", "DDL capture was switched off");
    }
}

}  // namespace ardent::ext::capture
