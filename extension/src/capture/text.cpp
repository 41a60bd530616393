// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/text.hpp"

#include "common/ddl/statement_text.hpp"

#include "extension/src/pg/boundary.hpp"
#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

/// The client's own statement: the portal knows text and place.
bool from_portal(Statement* statement) {
    if (ActivePortal == nullptr) {
        return false;
    }
    ListCell* cell = nullptr;
    foreach (cell, ActivePortal->stmts) {
        auto* const planned = lfirst_node(PlannedStmt, cell);
        if (planned->utilityStmt != nullptr && equal(planned->utilityStmt, statement->tree)) {
            statement->query = ActivePortal->sourceText;
            statement->location = planned->stmt_location;
            statement->length = planned->stmt_len;
            return true;
        }
    }
    return false;
}

/// What the server's executor of embedded SQL says of the statement when it is asked for the
/// context of an error, in the language of its messages.
char* embedded_sql() {
    if (error_context_stack == nullptr) {
        return nullptr;
    }
    ErrorContextCallback innermost = *error_context_stack;
    innermost.previous = nullptr;
    ErrorContextCallback* const before = error_context_stack;
    error_context_stack = &innermost;
    char* const said = GetErrorContextStack();
    error_context_stack = before;
#ifdef ENABLE_NLS
    const char* const form = dgettext(PG_TEXTDOMAIN("postgres"), "SQL statement \"%s\"");
#else
    const char* const form = "SQL statement \"%s\"";
#endif
    const char* const hole = std::strstr(form, "%s");
    if (said == nullptr || hole == nullptr) {
        return nullptr;
    }
    const std::size_t head = static_cast<std::size_t>(hole - form);
    const std::size_t tail = std::strlen(hole + 2);
    const std::size_t length = std::strlen(said);
    if (length < head + tail || std::strncmp(said, form, head) != 0 ||
        std::strcmp(said + length - tail, hole + 2) != 0) {
        return nullptr;
    }
    said[length - tail] = '\0';
    return said + head;
}

/// A statement that PL/pgSQL or another user of SPI runs.
bool from_context(Statement* statement) {
    const char* const said = embedded_sql();
    if (said == nullptr) {
        return false;
    }
    List* const parsed = ARDENT_RAW_PARSE(said);
    ListCell* cell = nullptr;
    foreach (cell, parsed) {
        auto* const raw = lfirst_node(RawStmt, cell);
        // the server may have analysed the tree meanwhile; a statement that stands alone need only
        // be of its kind
        if (equal(raw->stmt, statement->tree) ||
            (list_length(parsed) == 1 && nodeTag(raw->stmt) == statement->kind)) {
            statement->query = MemoryContextStrdup(statement_memory(statement), said);
            statement->location = raw->stmt_location;
            statement->length = raw->stmt_len;
            return true;
        }
    }
    return false;
}

ddl::Masking masking_of(const std::string& tag) {
    ddl::Masking masking;
    masking.every_option = tag.ends_with("USER MAPPING");
    masking.connection = tag.ends_with("SUBSCRIPTION");
    masking.backslashes = !standard_conforming_strings;
    return masking;
}

}  // namespace

void find_text(Statement* statement) {
    statement->nested = !pg::call([&] { return from_portal(statement); });
    if (statement->nested) {
        try {
            pg::subtransaction([&] { return from_context(statement); });
        } catch (const pg::PgError&) {
            statement->query = nullptr;
        }
    }
}

Text text_of(const Statement& statement, const std::string& tag) {
    Text result;
    if (statement.query == nullptr) {
        return result;
    }
    std::string_view text(statement.query);
    if (statement.location > 0) {
        text.remove_prefix(static_cast<std::size_t>(statement.location));
    }
    if (statement.location >= 0 && statement.length > 0) {
        text = text.substr(0, static_cast<std::size_t>(statement.length));
    }
    text = ddl::trim_statement(text);
    std::optional<std::string> masked = ddl::mask_secrets(text, masking_of(tag));
    result.masked = masked.has_value();
    result.text = masked ? std::move(*masked) : std::string(text);
    return result;
}

}  // namespace ardent::ext::capture
