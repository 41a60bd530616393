// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include <array>
#include <cstdlib>

namespace ardent::preflight {

namespace {

constexpr std::size_t k_listed = 10;
constexpr Section k_connection = Section::connection;
constexpr Section k_further = Section::further;

}  // namespace

std::span<const Check> catalogue() noexcept {
    static const std::array<Check, 13> k_checks = {{
        {"postgres_metadata", k_connection, "postgres metadata", true, nullptr, Arguments::none,
         judge_metadata},
        {"is_writer", k_connection, "is writer", true, nullptr, Arguments::none, judge_writer},
        {"wal_level", k_connection, "wal level", true, k_observe_settings, Arguments::none,
         judge_wal_level},
        {"replication_slots", k_connection, "replication slots", true, k_observe_slots,
         Arguments::own_slot, judge_slots},
        {"wal_senders", k_connection, "wal senders", true, k_observe_senders, Arguments::own_slot,
         judge_senders},
        {"wal2json", k_connection, "wal2json", true, k_observe_plugin_use, Arguments::none,
         judge_plugin},
        {"can_read_tables", k_connection, "can read tables", true, k_observe_readable,
         Arguments::schemas_and_role, judge_readable},
        {"metadata_schema", k_connection, "metadata schema", false, nullptr, Arguments::none,
         judge_metadata_schema},
        {"replica_identity", k_connection, "replica identity", true, k_observe_identities,
         Arguments::schemas, judge_identity},
        {"duplicate_source", k_connection, "duplicate source", false, k_observe_duplicates,
         Arguments::own_slot, judge_duplicate},
        {"replication_role", k_further, "replication role", true, k_observe_role, Arguments::role,
         judge_role},
        {"large_objects", k_further, "large objects", true, k_observe_large_objects,
         Arguments::none, judge_large_objects},
        {"exact_numbers", k_further, "exact numbers", false, k_observe_inexact_columns,
         Arguments::schemas, judge_inexact_columns},
    }};
    return k_checks;
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
