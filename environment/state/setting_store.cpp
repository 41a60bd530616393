// SPDX-License-Identifier: PostgreSQL
// Settings of connectors in the environment's own tables. They go with their connector (ON DELETE
// CASCADE).
#include "environment/state/store.hpp"

namespace ardent::environment {

namespace {

pq::Value number_or_null(const std::optional<std::int32_t>& number) {
    return number ? pq::Value(std::to_string(*number)) : std::nullopt;
}

}  // namespace

// Names in the order of their bytes, whatever the state's collation: hooks of one order run the
// same way everywhere.
ConnectorSettings Store::settings(const std::string& connector_id) {
    const pq::Result rows = run(
        R"sql(
        SELECT key, hook, value, run_order, database, run_as
          FROM environment.connector_setting
         WHERE connector_id = $1
         ORDER BY run_order, hook COLLATE pg_catalog."C"
        )sql",
        {connector_id});
    ConnectorSettings settings;
    for (int row = 0; row < rows.rows(); ++row) {
        const auto text = [&](int column) { return std::string(rows.text(row, column)); };
        const std::string key = text(0);
        if (key == k_branch_sql) {
            settings.hooks.push_back(
                {text(1), rows.number<std::int32_t>(row, 3), text(2), text(4), text(5)});
        } else if (key == k_default_db) {
            settings.default_db = text(2);
        } else if (key == k_branch_role) {
            settings.branch_role = text(2);
        }
    }
    return settings;
}

void Store::save(const SettingChange& change) {
    run(R"sql(
        INSERT INTO environment.connector_setting AS s (
               connector_id, key, hook, value, run_order, database, run_as)
        VALUES ($1, $2, $3, $4, coalesce($5::pg_catalog.int4, 0), coalesce($6, ''),
                coalesce($7, ''))
        ON CONFLICT (connector_id, key, hook) DO UPDATE
           SET (value, run_order, database, run_as)
             = ($4, coalesce($5::pg_catalog.int4, s.run_order), coalesce($6, s.database),
                coalesce($7, s.run_as))
        )sql",
        {change.connector_id, change.key, change.hook, change.value, number_or_null(change.order),
         change.database, change.run_as});
}

void Store::remove_setting(const std::string& connector_id, const std::string& key,
                           const std::string& hook) {
    run(R"sql(
        DELETE FROM environment.connector_setting
         WHERE connector_id = $1 AND key = $2 AND hook = $3
        )sql",
        {connector_id, key, hook});
}

}  // namespace ardent::environment
