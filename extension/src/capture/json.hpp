// SPDX-License-Identifier: PostgreSQL
// Writes JSON into the server's own growing buffer, so that it can be used inside call(): nothing
// to destroy, and an error of the server leaves nothing behind. Bytes above 127 pass as they are.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

class Json {
public:
    explicit Json(StringInfo out) : m_out(out) {}

    Json& open(char bracket = '{') {
        separate();
        appendStringInfoChar(m_out, bracket);
        m_first = true;
        return *this;
    }
    Json& close(char bracket = '}') {
        appendStringInfoChar(m_out, bracket);
        m_first = false;
        return *this;
    }
    Json& key(const char* name) {
        separate();
        appendStringInfoChar(m_out, '"');
        appendStringInfoString(m_out, name);
        appendBinaryStringInfo(m_out, "\":", 2);
        m_first = true;
        return *this;
    }
    /// A key that somebody else chose.
    Json& foreign_key(const char* name) {
        separate();
        escape_json(m_out, name);
        appendStringInfoChar(m_out, ':');
        m_first = true;
        return *this;
    }
    /// NULL becomes null.
    Json& text(const char* value) {
        separate();
        if (value == nullptr) {
            appendStringInfoString(m_out, "null");
        } else {
            escape_json(m_out, value);
        }
        return *this;
    }
    Json& number(std::uint64_t value) {
        separate();
        return digits(value);
    }
    /// As a string: JSON's numbers are read as doubles by some.
    Json& quoted(std::uint64_t value) {
        separate();
        appendStringInfoChar(m_out, '"');
        digits(value);
        appendStringInfoChar(m_out, '"');
        return *this;
    }
    Json& boolean(bool value) {
        separate();
        appendStringInfoString(m_out, value ? "true" : "false");
        return *this;
    }
    /// JSON that is written already.
    Json& raw(const char* json) {
        separate();
        appendStringInfoString(m_out, json);
        return *this;
    }

    /// A field that is absent when there is nothing to say.
    Json& field(const char* name, const char* value) {
        return value == nullptr ? *this : key(name).text(value);
    }
    Json& flag(const char* name, bool value) { return value ? key(name).boolean(true) : *this; }

private:
    Json& digits(std::uint64_t value) {
        char text[24];
        appendBinaryStringInfo(m_out, text, pg_ulltoa_n(value, text));
        return *this;
    }
    void separate() {
        if (!m_first) {
            appendStringInfoChar(m_out, ',');
        }
        m_first = false;
    }

    StringInfo m_out;
    bool m_first = true;
};

}  // namespace ardent::ext::capture
