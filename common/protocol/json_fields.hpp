// SPDX-License-Identifier: PostgreSQL
// Reading JSON fields with errors that name them. Included by .cpp files only (it brings
// nlohmann/json). Fields points into its Document and must not outlive it.
#pragma once

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/model/lsn.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::protocol {

using json = nlohmann::json;

/// Invalid UTF-8 (a server message in another encoding) becomes U+FFFD rather than an exception.
inline std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

using base::parse_json;
using base::try_json;

template <class T>
json nullable(const std::optional<T>& value) {
    return value ? json(*value) : json(nullptr);
}

inline json nullable(const std::optional<model::Lsn>& value) {
    return value ? json(model::to_string(*value)) : json(nullptr);
}

class Fields {
public:
    Fields(std::string path, const json& object) : m_path(std::move(path)), m_object(&object) {
        if (!object.is_object()) {
            throw base::Error(base::ErrorKind::bug, m_path + " is no JSON object");
        }
    }

    base::Error misfit(const std::string& name, const std::string& expected) const {
        return {base::ErrorKind::bug, m_path + ": field \"" + name + "\" is not " + expected};
    }

    /// Present and not null.
    bool has(const char* name) const {
        const auto at = m_object->find(name);
        return at != m_object->end() && !at->is_null();
    }

    std::string text(const char* name) const {
        const json& value = at(name);
        if (!value.is_string()) {
            throw misfit(name, "a text");
        }
        return value.get<std::string>();
    }

    std::optional<std::string> maybe_text(const char* name) const {
        return has(name) ? std::optional(text(name)) : std::nullopt;
    }

    char letter(const char* name) const {
        const std::string value = text(name);
        if (value.size() != 1) {
            throw misfit(name, "one letter");
        }
        return value[0];
    }

    bool boolean(const char* name) const {
        const json& value = at(name);
        if (!value.is_boolean()) {
            throw misfit(name, "true or false");
        }
        return value.get<bool>();
    }

    template <class T>
    T number(const char* name) const {
        return as_number<T>(at(name), name);
    }

    template <class T>
    std::optional<T> maybe_number(const char* name) const {
        return has(name) ? std::optional(number<T>(name)) : std::nullopt;
    }

    model::Lsn lsn(const char* name) const {
        const auto value = model::parse_lsn(text(name));
        if (!value) {
            throw misfit(name, "an LSN such as \"0/16B3748\"");
        }
        return *value;
    }

    std::optional<model::Lsn> maybe_lsn(const char* name) const {
        return has(name) ? std::optional(lsn(name)) : std::nullopt;
    }

    std::vector<std::string> texts(const char* name) const {
        std::vector<std::string> result;
        for (const json& value : array(name)) {
            if (!value.is_string()) {
                throw misfit(name, "a list of texts");
            }
            result.push_back(value.get<std::string>());
        }
        return result;
    }

    std::vector<std::uint64_t> numbers(const char* name) const {
        std::vector<std::uint64_t> result;
        for (const json& value : array(name)) {
            result.push_back(as_number<std::uint64_t>(value, name));
        }
        return result;
    }

    std::map<std::string, std::string> text_map(const char* name) const {
        std::map<std::string, std::string> result;
        const json& value = at(name);
        if (!value.is_object()) {
            throw misfit(name, "an object");
        }
        for (const auto& [key, entry] : value.items()) {
            if (!entry.is_string()) {
                throw misfit(name, "an object of texts");
            }
            result.emplace(key, entry.get<std::string>());
        }
        return result;
    }

    Fields object(const char* name) const { return {m_path + "." + name, at(name)}; }

    std::vector<Fields> objects(const char* name) const {
        std::vector<Fields> result;
        const json& list = array(name);
        result.reserve(list.size());
        for (const json& value : list) {
            result.emplace_back(m_path + "." + name + "[" + std::to_string(result.size()) + "]",
                                value);
        }
        return result;
    }

    /// The field as JSON text, whatever its type.
    std::string raw(const char* name) const { return dump(at(name)); }

private:
    const json& at(const char* name) const {
        const auto found = m_object->find(name);
        if (found == m_object->end()) {
            throw base::Error(base::ErrorKind::bug, m_path + ": field \"" + name + "\" is missing");
        }
        return *found;
    }

    const json& array(const char* name) const {
        const json& value = at(name);
        if (!value.is_array()) {
            throw misfit(name, "a list");
        }
        return value;
    }

    template <class T>
    T as_number(const json& value, const char* name) const {
        if (!value.is_number_integer() ||
            (value.is_number_integer() && !value.is_number_unsigned() &&
             value.get<std::int64_t>() < 0)) {
            throw misfit(name, "a whole number from 0");
        }
        const auto wide = value.get<std::uint64_t>();
        if (wide > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
            throw misfit(name, "in range");
        }
        return static_cast<T>(wide);
    }

    std::string m_path;
    const json* m_object;
};

class Document {
public:
    Document(std::string what, std::string_view text)
        : m_what(std::move(what)), m_json(parse_json(m_what, text)) {}

    Fields fields() const { return {m_what, m_json}; }

private:
    std::string m_what;
    json m_json;
};

}  // namespace ardent::protocol
