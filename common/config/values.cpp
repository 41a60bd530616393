// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/config/config.hpp"
#include "common/config/units.hpp"

namespace ardent::config {

namespace {

template <class T>
T checked(const std::optional<T>& value, std::string_view key) {
    if (!value) {
        throw base::Error(base::ErrorKind::bug,
                          "setting " + std::string(key) + " has no such value");
    }
    return *value;
}

}  // namespace

Values::Values(std::map<std::string, std::string> values,
               std::map<std::string, std::vector<std::string>> lists)
    : m_values(std::move(values)), m_lists(std::move(lists)) {}

bool Values::has(std::string_view key) const {
    return m_values.contains(std::string(key)) || m_lists.contains(std::string(key));
}

std::string Values::text(std::string_view key) const {
    const auto at = m_values.find(std::string(key));
    return at == m_values.end() ? std::string() : at->second;
}

std::int64_t Values::integer(std::string_view key) const {
    return checked(parse_integer(text(key)), key);
}

bool Values::boolean(std::string_view key) const {
    return checked(parse_boolean(text(key)), key);
}

std::uint64_t Values::bytes(std::string_view key) const {
    return checked(parse_bytes(text(key)), key);
}

std::chrono::milliseconds Values::duration(std::string_view key) const {
    return checked(parse_duration(text(key)), key);
}

std::vector<std::string> Values::list(std::string_view key) const {
    const auto at = m_lists.find(std::string(key));
    return at == m_lists.end() ? std::vector<std::string>() : at->second;
}

}  // namespace ardent::config
