// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/message.hpp"

#include "common/ddl/envelope.hpp"

#include "extension/src/capture/definition.hpp"
#include "extension/src/capture/key.hpp"
#include "extension/src/capture/session_settings.hpp"

#include "extension/src/pg/compat.hpp"
#include "extension/src/pg/hmac.hpp"

namespace ardent::ext::capture {

namespace {

// Messages of one transaction are numbered; the number outlives no transaction.
struct Numbering {
    FullTransactionId transaction = {};
    std::uint64_t last = 0;
};

constinit Numbering g_numbering;

std::uint64_t next_ordinal(FullTransactionId transaction) {
    if (!FullTransactionIdEquals(g_numbering.transaction, transaction)) {
        g_numbering.transaction = transaction;
        g_numbering.last = 0;
    }
    return ++g_numbering.last;
}

void write_head(Json& json, const char* kind, const Saying& saying) {
    const FullTransactionId transaction = GetTopFullTransactionId();
    json.open().key("kind").text(kind);
    json.key("database").text(get_database_name(MyDatabaseId));
    json.key("database_oid").number(MyDatabaseId);
    json.key("xid").quoted(U64FromFullTransactionId(transaction));
    json.key("ordinal").number(next_ordinal(transaction));
    json.key("tag").text(saying.tag);
    json.key("text").text(saying.text);
    json.key("text_known").boolean(saying.text != nullptr);
}

void write_session(Json& json, const Statement& statement, const Saying& saying) {
    json.key("masked").boolean(saying.masked);
    json.key("nested").boolean(statement.nested);
    json.key("role").text(GetUserNameFromId(GetUserId(), true));
    if (GetSessionUserId() != GetUserId()) {
        json.field("session_role", GetUserNameFromId(GetSessionUserId(), true));
    }
    json.key("search_path").text(GetConfigOption("search_path", true, false));
    json.key("settings");
    write_settings(json);
    write_current(json, statement.tree);
}

void write_list(Json& json, const char* name, StringInfo objects) {
    if (objects != nullptr && objects->len > 0) {
        json.key(name).open('[').raw(objects->data).close(']');
    }
}

/// Statements whose effects the server does not list.
bool works_unseen(const Statement& statement) {
    return statement.kind == T_DropOwnedStmt || statement.kind == T_ReassignOwnedStmt;
}

List* touched(const Statement& statement, const Objects& objects) {
    return list_concat(list_copy(objects.relations), left_of_touched(statement));
}

void append_hex(StringInfo out, const pg::Hmac& code) {
    char digits[2 * pg::k_hmac_bytes];
    hex_encode(reinterpret_cast<const char*>(code.data()), code.size(), digits);
    appendBinaryStringInfo(out, digits, sizeof digits);
}

std::string_view written(const StringInfoData& buffer) {
    return {buffer.data, static_cast<std::size_t>(buffer.len)};
}

}  // namespace

StringInfo form_body(const Statement& statement, const Saying& saying, const Objects& objects) {
    const bool drops = statement.dropped != nullptr && statement.dropped->len > 0;
    const bool rewrites = statement.rewritten != nullptr;
    const int left_out = objects.left_out + statement.dropped_left_out;
    if (objects.reported == 0 && !drops && !rewrites && !works_unseen(statement)) {
        return nullptr;
    }
    StringInfo const body = makeStringInfo();
    Json json(body);
    write_head(json, "ddl", saying);
    write_session(json, statement, saying);
    json.flag("rows_follow", saying.rows_follow);
    json.flag("names_left_out", left_out > 0);
    write_list(json, "objects", objects.json);
    write_list(json, "dropped", statement.dropped);
    write_list(json, "rewritten", statement.rewritten);
    List* const relations = touched(statement, objects);
    if (relations != NIL) {
        json.key("tables");
        const std::uint64_t missing = write_definitions(json, relations, statement.tree);
        if (missing > 0) {
            json.key("tables_left_out").number(missing);
        }
    }
    json.close();
    return body;
}

StringInfo form_failure(const Statement& statement, const Saying& saying) {
    StringInfo const body = makeStringInfo();
    Json json(body);
    write_head(json, "capture_failed", saying);
    json.key("role").text(GetUserNameFromId(GetUserId(), true));
    json.key("sqlstate").text(statement.sqlstate);
    json.key("message").text(statement.problem).close();
    return body;
}

StringInfo form_end(const char* tag, const char* reason) {
    StringInfo const body = makeStringInfo();
    Saying saying;
    saying.tag = tag;
    Json json(body);
    write_head(json, "capture_ended", saying);
    json.key("role").text(GetUserNameFromId(GetUserId(), true));
    json.key("message").text(reason).close();
    return body;
}

StringInfo sign(StringInfo body) {
    const Key* const key = current_key();
    if (key == nullptr) {
        return nullptr;
    }
    StringInfoData head;
    initStringInfo(&head);
    appendStringInfo(&head, "%s\n%d\n%s\n", ddl::k_name, ddl::k_version, key->id);
    pg::Hmac code;
    pg::hmac_sha256(key->bytes, {written(head), written(*body)}, code);
    StringInfo const message = makeStringInfo();
    appendStringInfo(message, "{\"version\":%d,\"key\":\"%s\",\"hmac\":\"", ddl::k_version,
                     key->id);
    append_hex(message, code);
    appendStringInfoString(message, "\",\"body\":");
    appendBinaryStringInfo(message, body->data, body->len);
    appendStringInfoChar(message, '}');
    return message;
}

void emit(const char* prefix, const char* message, std::size_t length) {
    ARDENT_LOG_MESSAGE(prefix, message, length);
}

bool write_message(StringInfo body) {
    StringInfo const message = sign(body);
    if (message == nullptr) {
        return false;
    }
    emit(current_key()->prefix, message->data, static_cast<std::size_t>(message->len));
    return true;
}

}  // namespace ardent::ext::capture
