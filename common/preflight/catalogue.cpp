// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ardent::preflight {

namespace {

constexpr std::size_t k_listed = 10;
constexpr Section k_connection = Section::connection;

/// The product's, under its labels and in its order.
Checks connection_checks() noexcept {
    static const std::array<Check, 10> k_checks = {{
        {"postgres_metadata", k_connection, "postgres metadata", "PostgreSQL 13 or newer", nullptr,
         judge_metadata},
        {"is_writer", k_connection, "is writer", "primary", nullptr, judge_writer},
        {"wal_level", k_connection, "wal level", "logical", &k_settings, judge_wal_level},
        {"replication_slots", k_connection, "replication slots", "at least 10, one free",
         &k_slot_capacity, judge_slots},
        {"wal_senders", k_connection, "wal senders", "at least 10, one free", &k_sender_capacity,
         judge_senders},
        {"wal2json", k_connection, "wal2json", "loadable, allowed", &k_plugin_use, judge_plugin},
        {"can_read_tables", k_connection, "can read tables", "CONNECT, USAGE, SELECT, every row",
         &k_readable, judge_readable},
        {"metadata_schema", k_connection, "metadata schema", "extension ardent, or not needed",
         &k_available, judge_metadata_schema, false},
        {"replica_identity", k_connection, "replica identity", "a key, an index or FULL each",
         &k_identities, judge_identity},
        {"duplicate_source", k_connection, "duplicate source", "no other slot of Ardent here",
         &k_slots, judge_duplicate, false},
    }};
    return k_checks;
}

}  // namespace

std::vector<Check> catalogue() {
    std::vector<Check> all;
    for (const Checks part :
         {connection_checks(), server_checks(), role_checks(), hba_checks(), capacity_checks(),
          wal_checks(), slot_checks(), failover_checks(), transaction_checks(), relation_checks(),
          outside_checks(), extension_checks(), column_checks(), capture_checks()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Check& a, const Check& b) { return a.section < b.section; });
    return all;
}

std::string Context::text(std::size_t row, std::size_t column) const {
    return row < rows.size() && column < rows[row].size() ? rows[row][column].value_or("") : "";
}

long Context::number(std::size_t row, std::size_t column) const {
    return std::strtol(text(row, column).c_str(), nullptr, 10);
}

bool Context::flag(std::size_t row, std::size_t column) const {
    const std::string value = text(row, column);
    return value == "t" || value == "true";
}

bool Context::is_null(std::size_t row, std::size_t column) const {
    return row >= rows.size() || column >= rows[row].size() || !rows[row][column];
}

void list_capped(std::vector<std::string>& details, std::string_view before,
                 const std::vector<std::string>& objects) {
    for (std::size_t i = 0; i < objects.size() && i < k_listed; ++i) {
        details.push_back(std::string(before) + objects[i]);
    }
    if (objects.size() > k_listed) {
        details.push_back("... and " + std::to_string(objects.size() - k_listed) + " more");
    }
}

}  // namespace ardent::preflight
