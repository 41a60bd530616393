// SPDX-License-Identifier: PostgreSQL
#include "common/process/log.hpp"

#include "common/base/text.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace ardent::process {

namespace {

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return spdlog::level::debug;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::warning:
        return spdlog::level::warn;
    case LogLevel::error:
        return spdlog::level::err;
    }
    return spdlog::level::info;
}

const char* priority_of(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return "<7>";
    case LogLevel::info:
        return "<6>";
    case LogLevel::warning:
        return "<4>";
    case LogLevel::error:
        return "<3>";
    }
    return "<6>";
}

bool under_journald() {
    static const bool s_journald = std::getenv("JOURNAL_STREAM") != nullptr;
    return s_journald;
}

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> s_logger = [] {
        auto made = spdlog::stderr_logger_mt("ardent");
        made->set_pattern(under_journald() ? "%v" : "ts=%Y-%m-%dT%H:%M:%S.%e%z %v");
        made->set_level(spdlog::level::info);
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *s_logger;
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" =\"\\\n\r\t") != std::string_view::npos;
}

// Names and messages of others stand in it. Escapes are JSON's.
void append_value(std::string& line, std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
        } else if (c == '\r') {
            text += "\\r";
        } else {
            if (c == '"' || c == '\\') {
                text += '\\';
            }
            text += c;
        }
    }
    const std::string shown = base::printable(text);
    const bool plain = !needs_quotes(value) && shown == value;
    line += plain ? shown : '"' + shown + '"';
}

const char* word_of(LogLevel level) {
    switch (level) {
    case LogLevel::debug:
        return "debug";
    case LogLevel::info:
        return "info";
    case LogLevel::warning:
        return "warning";
    case LogLevel::error:
        return "error";
    }
    return "info";
}

}  // namespace

void set_log_level(std::string_view level) {
    for (const LogLevel known :
         {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
        if (level == word_of(known)) {
            logger().set_level(level_of(known));
            return;
        }
    }
    logger().set_level(spdlog::level::info);
}

std::string format_fields(std::string_view message, std::initializer_list<LogField> fields) {
    std::string line = "msg=";
    append_value(line, message);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    return line;
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    spdlog::logger& out = logger();
    if (!out.should_log(level_of(level))) {
        return;
    }
    out.log(level_of(level), "{}level={} {}", under_journald() ? priority_of(level) : "",
            word_of(level), format_fields(message, fields));
}

}  // namespace ardent::process
