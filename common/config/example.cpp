// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/config/config.hpp"

namespace ardent::config {

namespace {

constexpr std::size_t k_columns = 100;

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
        }
        result += c;
    }
    return result + "\"";
}

std::string as_toml(const Option& option) {
    const std::string text(option.default_value.value_or(""));
    switch (option.type) {
    case Type::integer:
        return text.empty() ? "0" : text;
    case Type::boolean:
        return text.empty() ? "false" : text;
    case Type::text_list: {
        std::vector<std::string> words;
        for (const std::string& word : base::split(text, ',')) {
            if (!base::trim(word).empty()) {
                words.push_back(quoted(base::trim(word)));
            }
        }
        return "[" + base::join(words, ", ") + "]";
    }
    default:
        return quoted(text);
    }
}

void append_comment(std::string& out, std::string_view text) {
    std::string line = "#";
    for (const std::string& word : base::split(text, ' ')) {
        if (line.size() > 1 && line.size() + 1 + word.size() > k_columns) {
            out += line + "\n";
            line = "#";
        }
        line += " " + word;
    }
    out += line + "\n";
}

std::string remark(const Option& option) {
    std::string text(option.help);
    if (option.required) {
        text += " Required.";
    }
    if (!option.choices.empty()) {
        text += " One of:";
        for (const std::string_view word : option.choices) {
            text += (word == option.choices.front() ? " " : ", ") + std::string(word);
        }
        text += ".";
    }
    return text;
}

}  // namespace

std::string example_file(std::span<const Option> options) {
    std::string out;
    std::string_view table;
    for (const Option& option : options) {
        const std::size_t dot = option.key.find('.');
        if (option.key.substr(0, dot) != table) {
            table = option.key.substr(0, dot);
            out += (out.empty() ? "[" : "\n[") + std::string(table) + "]\n";
        } else {
            out += "\n";
        }
        append_comment(out, remark(option));
        out += (option.required ? "" : "#") + std::string(option.key.substr(dot + 1)) + " = " +
               as_toml(option) + "\n";
    }
    return out;
}

}  // namespace ardent::config
