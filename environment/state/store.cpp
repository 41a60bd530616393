// SPDX-License-Identifier: PostgreSQL
#include "environment/state/store.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/state/migrations.hpp"
#include "environment/state/record_json.hpp"
#include "environment/state/secrets.hpp"

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using pq::Value;

template <class T, class Encode>
Value maybe(const std::optional<T>& value, Encode&& encode) {
    return value ? Value(encode(*value)) : std::nullopt;
}

Value text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : Value(text);
}

ConnectorRecord read_connector(const pq::Result& row, int at) {
    int column = 0;
    const auto next = [&] { return row.value(at, column++); };
    ConnectorRecord record;
    record.id = next().value();
    record.name = next().value();
    record.org_id = next().value();
    record.project_id = next().value();
    record.service_name = next().value();
    record.schemas = parse_texts(next().value());
    record.created_at = next().value();
    record.token_hash = next().value();
    record.phase = parse_phase(next().value());
    if (const Value failure = next()) {
        record.failure = protocol::parse_failure(*failure);
    }
    if (const Value source = next()) {
        record.source = protocol::parse_source_identity(*source);
    }
    record.slot = next().value();
    if (const Value point = next()) {
        record.consistent_point = model::parse_lsn(*point);
    }
    record.not_carried = protocol::parse_not_carried(next().value());
    record.copy_warnings = parse_texts(next().value());
    record.disabled_triggers = parse_triggers(next().value());
    record.agent_version = next().value();
    record.preflight = next().value();
    record.preflight_pass = next().value() == "t";
    if (const Value status = next()) {
        record.agent_status = protocol::parse_agent_status(*status);
    }
    record.agent_seen_at = next().value_or("");
    record.excluded = parse_relations(next().value());
    record.preflight_at = next().value_or("");
    record.ddl_keys = parse_text_map(next().value());
    if (const Value skip = next()) {
        record.skip_ddl = model::parse_lsn(*skip);
    }
    record.drop_extensions = parse_texts(next().value());
    record.captures = next().value() == "t";
    return record;
}

OperationRecord read_operation(const pq::Result& row, int at) {
    const auto text = [&](int column) { return row.value(at, column).value_or(""); };
    return {text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7)};
}

constexpr const char* k_select_operation = R"sql(
    SELECT id, type, status, resource_id, error, created_at, updated_at, completed_at
      FROM environment.operation
)sql";

}  // namespace

OperationRecord new_operation(const std::string& type, const std::string& resource) {
    constexpr std::size_t k_id_bytes = 16;
    OperationRecord operation;
    operation.id = "op_" + random_hex(k_id_bytes);
    operation.type = type;
    operation.status = "pending";
    operation.resource_id = resource;
    return operation;
}

pq::Result Store::run(const std::string& sql, std::initializer_list<Value> parameters) {
    const std::lock_guard lock(m_mutex);
    if (m_connection) {
        try {
            return m_connection->exec(sql, parameters);
        } catch (const Error&) {
            if (m_connection->ok()) {
                throw;
            }
        }
    }
    // Every statement here may be repeated, so one whose answer was lost is.
    m_connection = std::make_unique<pq::Connection>(
        m_instance.connect_options(k_admin_role, k_state_database, ErrorKind::bug));
    return m_connection->exec(sql, parameters);
}

void Store::migrate() {
    pq::Connection admin(m_instance.connect_options(k_admin_role, "template1", ErrorKind::bug));
    if (admin.exec("SELECT FROM pg_catalog.pg_database WHERE datname = $1", {k_state_database})
            .rows() == 0) {
        admin.exec(std::string("CREATE DATABASE ") + k_state_database + " TEMPLATE template0");
    }
    pq::Connection own(m_instance.connect_options(k_admin_role, k_state_database, ErrorKind::bug));
    own.exec(R"sql(
        CREATE SCHEMA IF NOT EXISTS environment;
        CREATE TABLE IF NOT EXISTS environment.migration (
            version    integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
        )
    )sql");
    auto version = own.exec("SELECT coalesce(max(version), 0) FROM environment.migration")
                       .number<std::size_t>(0, 0);
    const auto all = migrations();
    if (version > all.size()) {
        throw Error(ErrorKind::config,
                    "the environment's state has version " + std::to_string(version) +
                        " and this program knows " + std::to_string(all.size()),
                    "Run the newer ardent-environment that made it.");
    }
    for (; version < all.size(); ++version) {
        own.exec("BEGIN");
        own.exec(std::string(all[version]));
        own.exec("INSERT INTO environment.migration (version) VALUES ($1)",
                 {std::to_string(version + 1)});
        own.exec("COMMIT");
        process::log_info("state migrated", {{"version", version + 1}});
    }
}

std::vector<ConnectorRecord> Store::connectors() {
    const pq::Result rows = run(R"sql(
        SELECT id, name, org_id, project_id, service_name, schemas, created_at, token_hash, phase,
               failure, source, slot, consistent_point, not_carried, copy_warnings,
               disabled_triggers, agent_version, preflight, preflight_pass, agent_status,
               agent_seen_at, excluded, preflight_at, ddl_keys, skip_ddl, drop_extensions,
               captures
          FROM environment.connector
         ORDER BY created_at, id
    )sql");
    std::vector<ConnectorRecord> records;
    for (int row = 0; row < rows.rows(); ++row) {
        records.push_back(read_connector(rows, row));
    }
    return records;
}

std::string Store::save(const ConnectorRecord& record) {
    const auto encode = [](const auto& value) { return protocol::to_json(value); };
    const pq::Result row = run(
        R"sql(
        INSERT INTO environment.connector AS c (
               id, name, org_id, project_id, service_name, schemas, token_hash, phase, failure,
               source, slot, consistent_point, not_carried, copy_warnings, disabled_triggers,
               agent_version, preflight, preflight_pass, agent_status, agent_seen_at, excluded,
               preflight_at, ddl_keys, skip_ddl, drop_extensions, captures)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, $25, $26)
        ON CONFLICT (id) DO UPDATE
           SET (name, project_id, schemas, token_hash, phase, failure, source, slot,
                consistent_point, not_carried, copy_warnings, disabled_triggers, agent_version,
                preflight, preflight_pass, agent_status, agent_seen_at, excluded, preflight_at,
                ddl_keys, skip_ddl, drop_extensions, captures)
             = (excluded.name, excluded.project_id, excluded.schemas, excluded.token_hash,
                excluded.phase, excluded.failure, excluded.source, excluded.slot,
                excluded.consistent_point, excluded.not_carried, excluded.copy_warnings,
                excluded.disabled_triggers, excluded.agent_version, excluded.preflight,
                excluded.preflight_pass, excluded.agent_status, excluded.agent_seen_at,
                excluded.excluded, excluded.preflight_at, excluded.ddl_keys, excluded.skip_ddl,
                excluded.drop_extensions, excluded.captures)
        RETURNING created_at
        )sql",
        {record.id,
         record.name,
         record.org_id,
         record.project_id,
         record.service_name,
         texts_to_json(record.schemas),
         record.token_hash,
         to_string(record.phase),
         maybe(record.failure, encode),
         maybe(record.source, encode),
         record.slot,
         maybe(record.consistent_point, [](model::Lsn lsn) { return model::to_string(lsn); }),
         protocol::to_json(record.not_carried),
         texts_to_json(record.copy_warnings),
         triggers_to_json(record.disabled_triggers),
         record.agent_version,
         record.preflight,
         record.preflight_pass ? "t" : "f",
         maybe(record.agent_status, encode),
         text_or_null(record.agent_seen_at),
         relations_to_json(record.excluded),
         text_or_null(record.preflight_at),
         text_map_to_json(record.ddl_keys),
         maybe(record.skip_ddl, [](model::Lsn lsn) { return model::to_string(lsn); }),
         texts_to_json(record.drop_extensions),
         record.captures ? "t" : "f"});
    return row.value(0, 0).value();
}

void Store::remove_connector(const std::string& id) {
    run("DELETE FROM environment.connector WHERE id = $1", {id});
}

void Store::save(const OperationRecord& record) {
    run(R"sql(
        INSERT INTO environment.operation (id, type, status, resource_id, error)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE
           SET status = excluded.status, error = excluded.error, updated_at = pg_catalog.now(),
               completed_at = CASE WHEN excluded.status IN ('completed', 'failed')
                                   THEN pg_catalog.now() END
        )sql",
        {record.id, record.type, record.status, record.resource_id, text_or_null(record.error)});
}

std::optional<OperationRecord> Store::operation(const std::string& id) {
    const pq::Result row = run(std::string(k_select_operation) + " WHERE id = $1", {id});
    return row.rows() == 0 ? std::nullopt : std::optional(read_operation(row, 0));
}

std::vector<OperationRecord> Store::unfinished_operations() {
    const pq::Result rows =
        run(std::string(k_select_operation) + " WHERE status IN ('pending', 'running')");
    std::vector<OperationRecord> records;
    for (int row = 0; row < rows.rows(); ++row) {
        records.push_back(read_operation(rows, row));
    }
    return records;
}

void Store::save(const ApiKeyRecord& record) {
    run(R"sql(
        INSERT INTO environment.api_key (id, name, prefix, hash) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        )sql",
        {record.id, record.name, record.prefix, record.hash});
}

std::vector<ApiKeyRecord> Store::api_keys() {
    const pq::Result rows =
        run("SELECT id, name, prefix, hash FROM environment.api_key ORDER BY created_at, id");
    std::vector<ApiKeyRecord> records;
    for (int row = 0; row < rows.rows(); ++row) {
        records.push_back({rows.value(row, 0).value(), rows.value(row, 1).value(),
                           rows.value(row, 2).value(), rows.value(row, 3).value()});
    }
    return records;
}

std::string Store::now() {
    return run("SELECT pg_catalog.now()").value(0, 0).value();
}

}  // namespace ardent::environment
