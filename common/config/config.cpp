// SPDX-License-Identifier: PostgreSQL
#include "common/config/config.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/config/raw_file.hpp"
#include "common/config/secret.hpp"
#include "common/config/units.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <unistd.h>

namespace ardent::config {

namespace {

struct Candidate {
    std::string text;
    std::vector<std::string> list;
    bool is_list = false;
    std::string where;
};

using Candidates = std::map<std::string, Candidate>;

std::string variable_name(std::string_view key) {
    std::string name = "ARDENT_";
    for (const char c : key) {
        name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return name;
}

std::string flag_name(std::string_view key) {
    std::string name = "--";
    for (const char c : key) {
        name += c == '.' || c == '_' ? '-' : c;
    }
    return name;
}

const Option* find(std::span<const Option> options, std::string_view key) {
    const auto at = std::find_if(options.begin(), options.end(),
                                 [&](const Option& option) { return option.key == key; });
    return at == options.end() ? nullptr : &*at;
}

bool fits_type(const RawValue& value, Type type) {
    using Kind = RawValue::Kind;
    switch (type) {
    case Type::integer:
        return value.kind == Kind::integer;
    case Type::boolean:
        return value.kind == Kind::boolean;
    case Type::bytes:
        return value.kind == Kind::text || value.kind == Kind::integer;
    case Type::text_list:
        return value.kind == Kind::list;
    case Type::text:
    case Type::duration:
    case Type::secret_file:
    case Type::file:
        return value.kind == Kind::text;
    }
    return false;
}

const char* describe(Type type) {
    switch (type) {
    case Type::text:
        return "a text in quotes";
    case Type::integer:
        return "a whole number";
    case Type::boolean:
        return "true or false";
    case Type::bytes:
        return "a size such as \"64MB\"";
    case Type::duration:
        return "a time such as \"30s\", \"5min\" or \"500ms\"";
    case Type::text_list:
        return "a list of texts such as [\"a\", \"b\"]";
    case Type::secret_file:
    case Type::file:
        return "the path of a file in quotes";
    }
    return "";
}

void take_file(std::span<const Option> options, const std::string& path, Candidates& chosen,
               std::vector<Problem>& problems) {
    for (auto& [key, value] : read_toml(path, problems)) {
        const Option* const option = find(options, key);
        if (option == nullptr) {
            problems.push_back({value.where, "there is no setting \"" + key + "\""});
        } else if (!fits_type(value, option->type)) {
            problems.push_back({value.where, key + " must be " + describe(option->type)});
        } else {
            chosen[key] = {value.text, value.list, value.kind == RawValue::Kind::list, value.where};
        }
    }
}

void take_environment(std::span<const Option> options,
                      const std::map<std::string, std::string>& environment, Candidates& chosen,
                      std::vector<Problem>& problems) {
    std::map<std::string, std::string> keys;
    std::set<std::string> prefixes;
    for (const Option& option : options) {
        keys.emplace(variable_name(option.key), option.key);
        prefixes.insert(variable_name(option.key.substr(0, option.key.find('.'))) + "_");
    }
    for (const auto& [name, value] : environment) {
        const std::string where = "environment variable " + name;
        if (const auto known = keys.find(name); known != keys.end()) {
            if (!value.empty()) {
                chosen[known->second] = {value, {}, false, where};
            }
        } else if (std::any_of(prefixes.begin(), prefixes.end(),
                               [&, &variable = name](const auto& prefix) {
                                   return variable.starts_with(prefix);
                               })) {
            problems.push_back({where, "there is no such setting"});
        }
    }
}

std::vector<std::string> list_of(const std::string& text) {
    std::vector<std::string> list;
    for (const std::string& part : base::split(text, ',')) {
        if (const std::string_view word = base::trim(part); !word.empty()) {
            list.emplace_back(word);
        }
    }
    return list;
}

std::optional<std::string> range_problem(const Option& option, std::int64_t value,
                                         const std::string& text) {
    if (value < option.minimum) {
        return text + " is below the smallest value, " + std::to_string(option.minimum);
    }
    if (value > option.maximum) {
        return text + " is above the largest value, " + std::to_string(option.maximum);
    }
    return std::nullopt;
}

/// Why the value cannot be used; numbers are compared in bytes and milliseconds.
std::optional<std::string> problem_of(const Option& option, const std::string& text) {
    std::optional<std::int64_t> number;
    switch (option.type) {
    case Type::text:
        if (!option.choices.empty() &&
            std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end()) {
            std::vector<std::string> words(option.choices.begin(), option.choices.end());
            return "\"" + text + "\" is none of: " + base::join(words, ", ");
        }
        return std::nullopt;
    case Type::boolean:
        return parse_boolean(text) ? std::nullopt
                                   : std::optional("\"" + text + "\" is not true or false");
    case Type::secret_file:
        return secret_file_problem(text);
    case Type::file:
        return ::access(text.c_str(), R_OK) == 0 ? std::nullopt
                                                 : std::optional(text + " cannot be read");
    case Type::text_list:
        return std::nullopt;
    case Type::integer:
        number = parse_integer(text);
        break;
    case Type::bytes:
        if (const auto bytes = parse_bytes(text)) {
            number = static_cast<std::int64_t>(*bytes);
        }
        break;
    case Type::duration:
        if (const auto duration = parse_duration(text)) {
            number = duration->count();
        }
        break;
    }
    if (!number) {
        return "\"" + text + "\" is not " + describe(option.type);
    }
    return range_problem(option, *number, text);
}

[[noreturn]] void refuse(const std::vector<Problem>& problems) {
    std::vector<std::string> lines;
    lines.reserve(problems.size());
    for (const Problem& problem : problems) {
        lines.push_back(problem.where + ": " + problem.what);
    }
    throw base::Error(base::ErrorKind::config, base::join(lines, "\n"));
}

std::string missing_where(const Inputs& inputs) {
    return inputs.file ? *inputs.file : "configuration";
}

}  // namespace

Values load(std::span<const Option> options, const Inputs& inputs) {
    Candidates chosen;
    std::vector<Problem> problems;
    if (inputs.file) {
        take_file(options, *inputs.file, chosen, problems);
    }
    take_environment(options, inputs.environment, chosen, problems);
    for (const auto& [key, value] : inputs.flags) {
        if (find(options, key) == nullptr) {
            problems.push_back({"flag " + flag_name(key), "there is no such setting"});
        } else {
            chosen[key] = {value, {}, false, "flag " + flag_name(key)};
        }
    }
    std::map<std::string, std::string> values;
    std::map<std::string, std::vector<std::string>> lists;
    for (const Option& option : options) {
        const std::string key(option.key);
        auto at = chosen.find(key);
        if (at == chosen.end() && option.default_value) {
            at = chosen
                     .emplace(key,
                              Candidate{std::string(*option.default_value), {}, false, "default"})
                     .first;
        }
        if (at == chosen.end() || (at->second.text.empty() && at->second.list.empty())) {
            if (option.required) {
                problems.push_back({at == chosen.end() ? missing_where(inputs) : at->second.where,
                                    key + " is required (or " + variable_name(key) + ", or " +
                                        flag_name(key) + "): " + std::string(option.help)});
            }
            continue;
        }
        const Candidate& candidate = at->second;
        if (option.type == Type::text_list) {
            lists[key] = candidate.is_list ? candidate.list : list_of(candidate.text);
        } else if (const auto problem = problem_of(option, candidate.text)) {
            problems.push_back({candidate.where, key + ": " + *problem});
        } else {
            values[key] = candidate.text;
        }
    }
    if (!problems.empty()) {
        refuse(problems);
    }
    return Values(std::move(values), std::move(lists));
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> all;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (const std::size_t at = text.find('='); at != std::string_view::npos) {
            all.emplace(text.substr(0, at), text.substr(at + 1));
        }
    }
    return all;
}

}  // namespace ardent::config
