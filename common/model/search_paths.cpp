// SPDX-License-Identifier: PostgreSQL
#include "common/model/search_paths.hpp"

#include <algorithm>

namespace ardent::model {

namespace {

constexpr std::string_view k_blank = " \t\n\r\f\v";

std::string quoted(const std::string& name) {
    std::string text = "\"";
    for (const char c : name) {
        text += c;
        if (c == '"') {
            text += c;
        }
    }
    return text + "\"";
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(k_blank);
    return first == std::string_view::npos
               ? std::string_view()
               : text.substr(first, text.find_last_not_of(k_blank) - first + 1);
}

/// The end of the first name of a list, where a comma is or the text ends.
std::size_t end_of_name(std::string_view list) {
    bool inside = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] == '"') {
            inside = !inside;
        } else if (list[i] == ',' && !inside) {
            return i;
        }
    }
    return list.size();
}

}  // namespace

const std::string& SearchPaths::of(const std::string& role) const {
    const auto found = roles.find(role);
    return found == roles.end() ? usual : found->second;
}

std::string path_of_user(std::string_view path, const std::string& role) {
    std::string result;
    while (!path.empty()) {
        const std::size_t end = end_of_name(path);
        const std::string_view name = trimmed(path.substr(0, end));
        const bool user = name == "\"$user\"" || name == "$user";
        result += result.empty() ? "" : ", ";
        result += user ? quoted(role) : std::string(name);
        path.remove_prefix(std::min(path.size(), end + 1));
    }
    return result;
}

}  // namespace ardent::model
