// SPDX-License-Identifier: PostgreSQL
// Structured log lines on stderr: `level=info msg="…" key=value …`, one event a line; with a time
// in front unless journald reads them (JOURNAL_STREAM), and then with the <N> priority prefix.
// Control characters in a value come out as base::printable says. Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace ardent::process {

enum class LogLevel { debug, info, warning, error };

struct LogField {
    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(text) {}
    LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
    LogField(std::string_view name, std::int64_t number)
        : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, std::uint64_t number)
        : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, int number) : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, unsigned number) : key(name), value(std::to_string(number)) {}

    std::string_view key;
    std::string value;
};

/// "debug", "info", "warning", "error"; anything else is info.
void set_log_level(std::string_view level);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    log(LogLevel::error, message, fields);
}

/// One line of logfmt without level and time; exposed for its tests.
std::string format_fields(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace ardent::process
