// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/ending.hpp"

#include "extension/src/capture/key.hpp"
#include "extension/src/capture/message.hpp"
#include "extension/src/capture/switch.hpp"

namespace ardent::ext::capture {

namespace {

// The last message of a transaction, signed while there is a key. It is written at the end, when
// capture is still off: another key is made by switching it off and on in one transaction
// (docs/ddl.md). In the transaction's memory.
struct Pending {
    char* message = nullptr;
    std::size_t length = 0;
    char prefix[sizeof Key::prefix] = "";
    SubTransactionId part = InvalidSubTransactionId;
};

constinit Pending g_pending;
bool g_watching = false;

void on_transaction(XactEvent event, void* /*argument*/) {
    if ((event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) &&
        g_pending.message != nullptr && !(is_switched_on() && current_key() != nullptr)) {
        emit(g_pending.prefix, g_pending.message, g_pending.length);
    }
    if (event != XACT_EVENT_PARALLEL_PRE_COMMIT && event != XACT_EVENT_PARALLEL_COMMIT &&
        event != XACT_EVENT_PARALLEL_ABORT) {
        g_pending = Pending();
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent,
                       void* /*argument*/) {
    if (g_pending.part != own) {
        return;
    }
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        g_pending = Pending();
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        g_pending.part = parent;
    }
}

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

void note_end(const char* tag, const char* reason) {
    if (!g_watching) {
        RegisterXactCallback(on_transaction, nullptr);
        RegisterSubXactCallback(on_subtransaction, nullptr);
        g_watching = true;
    }
    StringInfo const message = sign(form_end(tag, reason));
    if (message != nullptr) {
        g_pending.length = static_cast<std::size_t>(message->len);
        g_pending.message =
            static_cast<char*>(MemoryContextAlloc(TopTransactionContext, g_pending.length + 1));
        std::memcpy(g_pending.message, message->data, g_pending.length + 1);
        strlcpy(g_pending.prefix, current_key()->prefix, sizeof g_pending.prefix);
        g_pending.part = GetCurrentSubTransactionId();
    }
}

}  // namespace

void note_end_by_drop(const ObjectAddress& object) {
    if (XLogLogicalInfoActive() && ends_capture(object) && is_switched_on()) {
        const Statement* const statement = innermost_statement();
        note_end(statement != nullptr && statement->tree != nullptr
                     ? GetCommandTagName(CreateCommandTag(const_cast<Node*>(statement->tree)))
                     : "DROP EXTENSION",
                 "the extension, or what DDL capture needs of it, was dropped");
    }
}

void note_end_by_alter(Oid event_trigger) {
    if (XLogLogicalInfoActive() && switches_off(event_trigger)) {
        note_end("ALTER EVENT TRIGGER", "DDL capture was switched off");
    }
}

}  // namespace ardent::ext::capture
