// SPDX-License-Identifier: PostgreSQL
#include "common/pq/server_error.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>

namespace ardent::pq {

namespace {

constexpr std::string_view k_taken_out = "…";
constexpr std::size_t k_most = 1000;  // bytes of a detail or a context

/// Classes of SQLSTATE whose details name objects, roles, limits and files, and no values.
constexpr std::array<std::string_view, 17> k_of_objects = {"08", "0A", "25", "28", "2B", "3D",
                                                           "3F", "40", "42", "53", "54", "55",
                                                           "57", "58", "72", "F0", "XX"};

/// What encloses a value, in the languages that the server speaks; « and » also as ISO 8859 has
/// them.
constexpr std::array<std::string_view, 12> k_quotes = {
    "\"",           "\xc2\xab",     "\xc2\xbb",     "\xe2\x80\x9a", "\xe2\x80\x98", "\xe2\x80\x9c",
    "\xe2\x80\x9d", "\xe2\x80\x9e", "\xe3\x80\x8c", "\xe3\x80\x8d", "\xab",         "\xbb"};

/// Of class 22, but about settings and options: the plugin refuses one with it.
constexpr std::string_view k_invalid_parameter = "22023";

bool is_of_objects(std::string_view sqlstate) {
    return sqlstate == k_invalid_parameter ||
           std::find(k_of_objects.begin(), k_of_objects.end(), sqlstate.substr(0, 2)) !=
               k_of_objects.end();
}

/// RAISE and ASSERT of PL/pgSQL, and errors of the other languages that come with the server.
bool is_raised(const ServerError& error) {
    return error.source_function == "exec_stmt_raise" ||
           error.source_function == "exec_stmt_assert" || error.source_file == "plperl.c" ||
           error.source_file == "plpy_elog.c" || error.source_file == "pltcl.c" ||
           error.sqlstate.substr(0, 2) == "P0";
}

/// From the first quote to the last: a value may hold quotes of its own.
std::string without_quoted(std::string_view text) {
    std::size_t first = text.size();
    std::size_t end = 0;
    int marks = 0;
    for (const std::string_view quote : k_quotes) {
        if (const std::size_t at = text.find(quote); at != text.npos) {
            first = std::min(first, at);
            const std::size_t last = text.rfind(quote);
            end = std::max(end, last + quote.size());
            marks += last == at ? 1 : 2;
        }
    }
    if (marks == 1) {
        end = text.size();  // it is not closed
    }
    // a byte of the encoding comes without quotes: 0xe2 0x28
    if (const std::size_t at = text.find(" 0x"); at != text.npos) {
        first = std::min(first, at + 1);
        end =
            std::max(end, std::min(text.size(), text.find_first_not_of("0123456789abcdefx ", at)));
    }
    if (first >= end) {
        return std::string(text);
    }
    return std::string(text.substr(0, first)) + std::string(k_taken_out) +
           std::string(text.substr(end));
}

/// Of a context the lines that name functions; of COPY's the place without the value.
std::string places(std::string_view context) {
    std::string kept;
    for (const std::string& line : base::split(context, '\n')) {
        std::string place;
        if (line.starts_with("PL/") || line.starts_with("SQL function ") ||
            line.starts_with("slot ")) {
            place = line;
        } else if (line.starts_with("COPY ")) {
            place = line.substr(0, line.find(": "));
        }
        if (!place.empty()) {
            kept += (kept.empty() ? "" : ", ") + place;
        }
    }
    return base::clip_utf8(kept, k_most);
}

std::string place_of(const ServerError& error) {
    std::string place = "SQLSTATE " + error.sqlstate;
    if (!error.table.empty()) {
        place += ", table " + (error.schema.empty() ? "" : error.schema + ".") + error.table;
    }
    if (!error.column.empty()) {
        place += ", column " + error.column;
    }
    if (!error.constraint.empty()) {
        place += ", constraint " + error.constraint;
    }
    return place;
}

}  // namespace

std::string ServerError::message() const {
    if (is_raised(*this)) {
        const std::string where = places(context);
        return "code in the database raised an exception, whose text is left out because it may "
               "hold values of rows (" +
               place_of(*this) + ")" + (where.empty() ? "" : " CONTEXT: " + base::one_line(where));
    }
    std::string text = primary;
    if (!is_of_objects(sqlstate)) {
        // class 22 is about values, 23 about constraints: only names stand in quotes there
        text = (sqlstate.starts_with("22") ? without_quoted(text) : text) + " (" + place_of(*this) +
               ")";
    } else if (!detail.empty()) {
        text += " DETAIL: " + base::clip_utf8(detail, k_most);
    }
    if (const std::string where = places(context); !where.empty()) {
        text += " CONTEXT: " + where;
    }
    return base::one_line(text);
}

std::string ServerError::advice() const {
    return is_raised(*this) ? std::string() : hint;
}

std::string without_values(std::string_view said) {
    constexpr std::array<std::string_view, 7> k_of_values = {"invalid input",
                                                             "out of range",
                                                             "malformed ",
                                                             "invalid byte sequence",
                                                             "character with byte sequence",
                                                             "invalid value for",
                                                             "not recognized"};
    std::string kept;
    for (const std::string& line : base::split(said, '\n')) {
        const std::string_view text = base::trim(line);
        if (text.starts_with("DETAIL:") || text.starts_with("CONTEXT:")) {
            continue;
        }
        const bool values =
            line.find("ERROR:") != line.npos &&
            std::any_of(k_of_values.begin(), k_of_values.end(),
                        [&](std::string_view sign) { return line.find(sign) != line.npos; });
        kept += (kept.empty() ? "" : "\n") + (values ? without_quoted(line) : line);
    }
    return kept;
}

}  // namespace ardent::pq
