// SPDX-License-Identifier: PostgreSQL
// Branches in the environment's own tables.
#include "environment/state/store.hpp"

#include "common/base/error.hpp"
#include "environment/state/record_json.hpp"

#include <array>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view k_unique_violation = "23505";

constexpr std::array k_phases = {
    std::pair(BranchPhase::creating, "creating"), std::pair(BranchPhase::active, "active"),
    std::pair(BranchPhase::failed, "failed"), std::pair(BranchPhase::deleting, "deleting")};

}  // namespace

const char* to_string(BranchPhase phase) noexcept {
    for (const auto& [known, word] : k_phases) {
        if (known == phase) {
            return word;
        }
    }
    return "failed";
}

BranchPhase parse_branch_phase(std::string_view word) {
    for (const auto& [phase, known] : k_phases) {
        if (word == known) {
            return phase;
        }
    }
    throw Error(ErrorKind::bug, "unknown phase of a branch: " + std::string(word));
}

std::vector<BranchRecord> Store::branches() {
    const pq::Result rows = run(R"sql(
        SELECT id, connector_id, name, phase, port, revision, body, created_at
          FROM environment.branch
         ORDER BY created_at, id
    )sql");
    std::vector<BranchRecord> records;
    for (int row = 0; row < rows.rows(); ++row) {
        BranchRecord record;
        record.id = rows.text(row, 0);
        record.connector_id = rows.text(row, 1);
        record.name = rows.text(row, 2);
        record.phase = parse_branch_phase(rows.text(row, 3));
        record.port = rows.number<std::uint16_t>(row, 4);
        record.revision = rows.number<std::int64_t>(row, 5);
        body_into(record, rows.text(row, 6));
        record.created_at = rows.text(row, 7);
        records.push_back(std::move(record));
    }
    return records;
}

// One statement, so that a lost answer may be asked for again: the same ids come to nothing then,
// and what is there is told.
void Store::begin(BranchRecord& record, const OperationRecord& operation,
                  const std::optional<IdempotencyRecord>& request) {
    const auto told = [&](std::string IdempotencyRecord::*field) {
        return request ? pq::Value((*request).*field) : std::nullopt;
    };
    try {
        const pq::Result row = run(
            R"sql(
            WITH branch AS (
                INSERT INTO environment.branch (id, connector_id, name, phase, port, revision, body)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (id) DO UPDATE SET id = excluded.id
                RETURNING created_at
            ), operation AS (
                INSERT INTO environment.operation (id, type, status, resource_id)
                VALUES ($8, $9, $10, $1)
                ON CONFLICT (id) DO NOTHING
            ), request AS (
                INSERT INTO environment.idempotency (key, request_hash, operation_id,
                                                     operation_status, branch_id, created)
                SELECT $11::pg_catalog.text, $12::pg_catalog.text, $8, $10, $1, true
                 WHERE $11::pg_catalog.text IS NOT NULL
                ON CONFLICT (key) DO UPDATE
                   SET request_hash = excluded.request_hash, operation_id = excluded.operation_id,
                       operation_status = excluded.operation_status,
                       branch_id = excluded.branch_id, created = excluded.created,
                       created_at = excluded.created_at
            )
            SELECT created_at FROM branch
            )sql",
            {record.id, record.connector_id, record.name, to_string(record.phase),
             std::to_string(record.port), std::to_string(record.revision), body_to_json(record),
             operation.id, operation.type, operation.status, told(&IdempotencyRecord::key),
             told(&IdempotencyRecord::request_hash)});
        record.created_at = row.text(0, 0);
    } catch (const Error& error) {
        if (error.sqlstate() != k_unique_violation) {
            throw;
        }
        throw Error(ErrorKind::config, "there is a branch " + record.name +
                                           " already, or another one has port " +
                                           std::to_string(record.port));
    }
}

// Of a statement that is repeated because its answer was lost, the revision has been counted
// already: the body tells.
void Store::save(BranchRecord& record) {
    const std::string body = body_to_json(record);
    const pq::Result row = run(
        R"sql(
        UPDATE environment.branch
           SET phase = $3, body = $4, revision = $2::pg_catalog.int8 + 1
         WHERE id = $1
           AND (revision = $2::pg_catalog.int8
                OR (revision = $2::pg_catalog.int8 + 1 AND body = $4 AND phase = $3))
        RETURNING revision
        )sql",
        {record.id, std::to_string(record.revision), to_string(record.phase), body});
    if (row.rows() == 0) {
        throw Error(ErrorKind::bug,
                    "branch " + record.name +
                        " was changed by another operation, or is removed (revision " +
                        std::to_string(record.revision) + ")");
    }
    record.revision = row.number<std::int64_t>(0, 0);
}

void Store::remove_branch(const std::string& id) {
    run(R"sql(
        WITH requests AS (DELETE FROM environment.idempotency WHERE branch_id = $1)
        DELETE FROM environment.branch WHERE id = $1
        )sql",
        {id});
}

void Store::save(const IdempotencyRecord& record) {
    run(R"sql(
        WITH expired AS (
            DELETE FROM environment.idempotency
             WHERE key <> $1 AND created_at < pg_catalog.now() - interval '24 hours'
        )
        INSERT INTO environment.idempotency (key, request_hash, operation_id, operation_status,
                                             branch_id, created)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (key) DO UPDATE
           SET request_hash = excluded.request_hash, operation_id = excluded.operation_id,
               operation_status = excluded.operation_status, branch_id = excluded.branch_id,
               created = excluded.created, created_at = excluded.created_at
        )sql",
        {record.key, record.request_hash, record.operation_id, record.operation_status,
         record.branch_id, record.created ? "t" : "f"});
}

std::optional<IdempotencyRecord> Store::idempotency(const std::string& key) {
    const pq::Result row = run(
        R"sql(
        SELECT key, request_hash, operation_id, operation_status, branch_id, created
          FROM environment.idempotency
         WHERE key = $1 AND created_at >= pg_catalog.now() - interval '24 hours'
        )sql",
        {key});
    if (row.rows() == 0) {
        return std::nullopt;
    }
    const auto text = [&](int column) { return std::string(row.text(0, column)); };
    return IdempotencyRecord{text(0), text(1), text(2), text(3), text(4), text(5) == "t"};
}

}  // namespace ardent::environment
