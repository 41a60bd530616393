// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/progress.hpp"

#include "environment/apply/copy_records.hpp"
#include "environment/apply/generated_records.hpp"
#include "environment/replica/writer_functions.hpp"

namespace ardent::apply {

namespace {

constexpr const char* k_create_schema = "CREATE SCHEMA IF NOT EXISTS ardent";

constexpr const char* k_create = R"sql(
CREATE TABLE IF NOT EXISTS ardent.progress (
    singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    system_identifier text NOT NULL,
    timeline          bigint NOT NULL,
    durable_lsn       pg_lsn NOT NULL,
    slot              text NOT NULL,
    commit_timestamp  timestamptz,
    applied_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
) WITH (fillfactor = 10)
)sql";

constexpr const char* k_read = R"sql(
SELECT system_identifier, timeline, durable_lsn, slot, commit_timestamp, applied_at
  FROM ardent.progress
)sql";

constexpr const char* k_write = R"sql(
INSERT INTO ardent.progress (system_identifier, timeline, durable_lsn, slot, commit_timestamp)
VALUES ($1, $2::pg_catalog.int8, $3::pg_catalog.pg_lsn, $4, $5::pg_catalog.timestamptz)
ON CONFLICT (singleton) DO UPDATE
   SET system_identifier = excluded.system_identifier,
       timeline = excluded.timeline,
       durable_lsn = excluded.durable_lsn,
       slot = excluded.slot,
       commit_timestamp = excluded.commit_timestamp,
       applied_at = pg_catalog.clock_timestamp()
)sql";

}  // namespace

void create_progress(environment::Superuser& privileged, std::string_view apply_role) {
    const std::string role = pq::quote_identifier(apply_role);
    privileged->exec(k_create_schema);
    privileged->exec(k_create);
    privileged->exec("GRANT USAGE ON SCHEMA ardent TO " + role);
    privileged->exec("GRANT SELECT ON ardent.progress TO " + role);
    environment::create_writer_functions(privileged, apply_role);
    create_copy_records(privileged, apply_role);
    create_generated_records(privileged, apply_role);
}

std::optional<ProgressRow> read_progress(pq::Connection& connection) {
    if (!connection.value("SELECT pg_catalog.to_regclass('ardent.progress')")) {
        return std::nullopt;
    }
    const pq::Result result = connection.exec(k_read);
    if (result.rows() == 0) {
        return std::nullopt;
    }
    ProgressRow row;
    row.system_identifier = result.text(0, 0);
    row.timeline = result.number<std::uint32_t>(0, 1);
    row.durable = model::parse_lsn(result.text(0, 2)).value_or(model::Lsn{});
    row.slot = result.text(0, 3);
    row.commit_timestamp = result.value(0, 4);
    row.applied_at = result.value(0, 5);
    return row;
}

void write_progress(environment::Superuser& privileged, const ProgressRow& row) {
    privileged->exec(k_write, {row.system_identifier, std::to_string(row.timeline),
                               model::to_string(row.durable), row.slot, row.commit_timestamp});
}

}  // namespace ardent::apply
