// SPDX-License-Identifier: PostgreSQL
// Configuration of a program: a TOML file, environment variables and flags, checked as a whole
// before anything starts. Precedence: flag, then environment variable (an empty one is not set),
// then file, then default. Values; any thread.
//
// The file has tables of plain keys; key "log_level" in table "[agent]" is the option
// "agent.log_level", its environment variable ARDENT_AGENT_LOG_LEVEL, its flag --agent-log-level.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::config {

enum class Type {
    text,
    integer,  // whole number, `minimum` to `maximum`
    boolean,
    bytes,      // "64MB", "1GB", or a plain number of bytes
    duration,   // "500ms", "30s", "5min", "1h"
    text_list,  // ["a", "b"]; as one text: a,b
    secret_file,  // path of a file that must exist, and be readable by nobody but its owner (or root);
                  // a file of root's may be readable by its group, as systemd's credentials are
    file          // path of a file that must exist and be readable
};

struct Option {
    std::string_view key;  // "source.host"
    Type type = Type::text;
    std::string_view help;
    bool required = false;
    std::optional<std::string_view> default_value{};
    std::int64_t minimum = 0;  // of integers, of sizes in bytes, of times in milliseconds
    std::int64_t maximum = INT64_MAX;
    std::vector<std::string_view> choices{};  // for text: the words that are allowed; empty: any
};

struct Problem {
    std::string where;  // "/etc/ardent/agent.toml:12", "environment variable ARDENT_…", "flag --…"
    std::string what;
};

class Values {
public:
    explicit Values(std::map<std::string, std::string> values,
                    std::map<std::string, std::vector<std::string>> lists);

    bool has(std::string_view key) const;
    std::string text(std::string_view key) const;  // "" when not set
    std::int64_t integer(std::string_view key) const;
    bool boolean(std::string_view key) const;
    std::uint64_t bytes(std::string_view key) const;
    std::chrono::milliseconds duration(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;

private:
    std::map<std::string, std::string> m_values;
    std::map<std::string, std::vector<std::string>> m_lists;
};

struct Inputs {
    std::optional<std::string> file;
    std::map<std::string, std::string>
        environment;                           // name -> value, only ARDENT_… ones are looked at
    std::map<std::string, std::string> flags;  // option key -> value
};

/// Throws one base::Error (config) that lists every problem, a line each, with file and line
/// number. An unknown key, an unknown ARDENT_<TABLE>_… variable, a missing required value, a value
/// of the wrong type or out of range, a secret file that others may read: each is a problem.
Values load(std::span<const Option> options, const Inputs& inputs);

/// The file's content without trailing line ends; checked anew for its mode. Secrets are read at
/// every use.
std::string read_secret(const std::string& path);

/// The whole environment as a map.
std::map<std::string, std::string> process_environment();

/// A commented example file that `load` accepts once its required values are filled in.
std::string example_file(std::span<const Option> options);

}  // namespace ardent::config
