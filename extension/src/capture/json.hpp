// SPDX-License-Identifier: PostgreSQL
// Writes JSON into the server's own growing buffer, so that it can be used inside call(): nothing to destroy, and
// an error of the server leaves nothing behind. Bytes above 127 pass as they are.
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
        appendStringInfo(m_out, "\"%s\":", name);
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
        appendStringInfo(m_out, UINT64_FORMAT, static_cast<uint64>(value));
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
