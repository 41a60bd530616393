// SPDX-License-Identifier: PostgreSQL
// What changes the meaning of a statement's text, or the form of what it makes: told in each DDL
// message where it is not what PostgreSQL comes with (docs/ddl.md).
#pragma once

#include <array>

namespace ardent::ddl {

struct Setting {
    const char* name;
    /// The built-in value (pg_settings.boot_val), as SHOW says it: what a message that is silent
    /// means. A part of the format, so that it stays when a major of PostgreSQL comes with another
    /// one.
    const char* ordinary;
    int since = 0;  // the first major that has it
};

inline constexpr std::array<Setting, 19> k_settings = {{
    {"standard_conforming_strings", "on"},
    {"default_table_access_method", "heap"},
    {"default_tablespace", ""},
    {"default_toast_compression", "pglz", 14},
    {"check_function_bodies", "on"},
    {"xmloption", "content"},
    {"DateStyle", "ISO, MDY"},
    {"IntervalStyle", "postgres"},
    {"TimeZone", "GMT"},
    {"transform_null_equals", "off"},
    {"array_nulls", "on"},
    {"quote_all_identifiers", "off"},
    {"session_replication_role", "origin"},
    {"bytea_output", "hex"},
    {"extra_float_digits", "1"},
    {"default_text_search_config", "pg_catalog.simple"},
    {"lc_monetary", "C"},
    {"lc_numeric", "C"},
    {"lc_time", "C"},
}};

}  // namespace ardent::ddl
