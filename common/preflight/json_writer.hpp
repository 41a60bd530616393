// SPDX-License-Identifier: PostgreSQL
// Writes JSON text. In-house because the extension uses it: bytes above 127 pass unchanged in
// whatever encoding the database has (every server encoding keeps ASCII bytes to itself), which a
// JSON library that insists on UTF-8 refuses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

class JsonWriter {
public:
    explicit JsonWriter(bool utf8) : m_utf8(utf8) {}

    JsonWriter& open() { return begin('{'); }
    JsonWriter& close() { return end('}'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& text(std::string_view value);
    JsonWriter& text_or_null(std::string_view value);
    JsonWriter& boolean(bool value);
    JsonWriter& number(std::size_t value);
    JsonWriter& texts(const std::vector<std::string>& values);

    std::string take() { return std::move(m_out); }

private:
    JsonWriter& begin(char bracket);
    JsonWriter& end(char bracket);
    void separate();
    void quoted(std::string_view value);

    bool m_utf8;
    bool m_first = true;
    std::string m_out;
};

}  // namespace ardent::preflight
