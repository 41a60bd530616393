// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/json_writer.hpp"

#include "common/base/text.hpp"

namespace ardent::preflight {

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    quoted(name);
    m_out += ':';
    m_first = true;
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    separate();
    quoted(value);
    return *this;
}

JsonWriter& JsonWriter::text_or_null(std::string_view value) {
    if (!value.empty()) {
        return text(value);
    }
    separate();
    m_out += "null";
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    separate();
    m_out += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::number(std::size_t value) {
    separate();
    m_out += std::to_string(value);
    return *this;
}

JsonWriter& JsonWriter::texts(const std::vector<std::string>& values) {
    begin('[');
    for (const std::string& value : values) {
        text(value);
    }
    return end(']');
}

JsonWriter& JsonWriter::begin(char bracket) {
    separate();
    m_out += bracket;
    m_first = true;
    return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
    m_out += bracket;
    m_first = false;
    return *this;
}

void JsonWriter::separate() {
    if (!m_first) {
        m_out += ',';
    }
    m_first = false;
}

void JsonWriter::quoted(std::string_view value) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    const bool foreign = m_utf8 && !base::is_utf8(value);
    m_out += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            m_out += '\\';
            m_out += c;
        } else if (c == '\n') {
            m_out += "\\n";
        } else if (byte < 0x20) {
            m_out += "\\u00";
            m_out += k_digits[byte >> 4U];
            m_out += k_digits[byte & 15U];
        } else {
            m_out += foreign && byte > 0x7f ? '?' : c;
        }
    }
    m_out += '"';
}

}  // namespace ardent::preflight
