// SPDX-License-Identifier: PostgreSQL
// What changes the meaning of a statement's text, or the form of what it makes: told in each DDL message (docs/ddl.md).
#pragma once

#include <array>

namespace ardent::ddl {

inline constexpr std::array<const char*, 13> k_settings = {"standard_conforming_strings",
                                                           "default_table_access_method",
                                                           "default_tablespace",
                                                           "default_toast_compression",
                                                           "check_function_bodies",
                                                           "xmloption",
                                                           "DateStyle",
                                                           "IntervalStyle",
                                                           "TimeZone",
                                                           "transform_null_equals",
                                                           "array_nulls",
                                                           "quote_all_identifiers",
                                                           "session_replication_role"};

}  // namespace ardent::ddl
