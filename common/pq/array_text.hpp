// SPDX-License-Identifier: PostgreSQL
// The text form of one-dimensional arrays, as array_in reads it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ardent::pq {

/// Builds "{a,b}" element by element; every element is quoted, so each is read as it is.
/// `delimiter` is pg_type.typdelim of the element type (';' for box, ',' for all other built-in
/// ones).
class ArrayText {
public:
    explicit ArrayText(char delimiter = ',') noexcept : m_delimiter(delimiter) {}

    void add(std::string_view element);
    void add_null();
    /// Closes the array and returns it; only `clear` may follow.
    const std::string& finish();
    void clear() noexcept { m_text.clear(); }
    std::size_t bytes() const noexcept { return m_text.size(); }

private:
    void separate() { m_text += m_text.empty() ? '{' : m_delimiter; }

    std::string m_text;
    char m_delimiter;
};

std::string array_text(const std::vector<std::string>& elements);

}  // namespace ardent::pq
