// SPDX-License-Identifier: PostgreSQL
#include "common/config/raw_file.hpp"

#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ardent::config {

namespace {

std::string place(const std::string& path, const toml::source_region& region) {
    return path + ":" + std::to_string(region.begin.line);
}

RawValue read_value(const toml::node& node) {
    RawValue value;
    if (const auto* text = node.as_string()) {
        value.kind = RawValue::Kind::text;
        value.text = text->get();
    } else if (const auto* number = node.as_integer()) {
        value.kind = RawValue::Kind::integer;
        value.text = std::to_string(number->get());
    } else if (const auto* truth = node.as_boolean()) {
        value.kind = RawValue::Kind::boolean;
        value.text = truth->get() ? "true" : "false";
    } else if (const auto* array = node.as_array()) {
        value.kind = RawValue::Kind::list;
        for (const toml::node& element : *array) {
            if (!element.is_string()) {
                value.kind = RawValue::Kind::other;
                break;
            }
            value.list.push_back(element.as_string()->get());
        }
    }
    return value;
}

}  // namespace

std::map<std::string, RawValue> read_toml(const std::string& path, std::vector<Problem>& problems) {
    std::map<std::string, RawValue> values;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
        problems.push_back({path, std::string("cannot be read: ") + std::strerror(errno)});
        return values;
    }
    toml::table root;
    try {
        root = toml::parse(content.str(), path);
    } catch (const toml::parse_error& e) {
        problems.push_back({place(path, e.source()), std::string(e.description())});
        return values;
    }
    for (const auto& [table_name, node] : root) {
        const toml::table* const table = node.as_table();
        if (table == nullptr) {
            problems.push_back({place(path, node.source()), "\"" + std::string(table_name.str()) +
                                                                "\" stands outside of a [table]"});
            continue;
        }
        for (const auto& [key, entry] : *table) {
            const std::string name = std::string(table_name.str()) + "." + std::string(key.str());
            RawValue value = read_value(entry);
            value.where = place(path, entry.is_table() ? key.source() : entry.source());
            values.emplace(name, std::move(value));
        }
    }
    return values;
}

}  // namespace ardent::config
