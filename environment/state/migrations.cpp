// SPDX-License-Identifier: PostgreSQL
#include "environment/state/migrations.hpp"

#include <array>

namespace ardent::environment {

namespace {

// JSON that came from elsewhere is kept as text: jsonb refuses \u0000, and nothing here asks inside
// it.
constexpr std::string_view k_first = R"sql(
CREATE TABLE environment.connector (
    id                text PRIMARY KEY,
    name              text NOT NULL,
    org_id            text NOT NULL,
    project_id        text NOT NULL,
    service_name      text NOT NULL,
    schemas           text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    token_hash        text NOT NULL,
    phase             text NOT NULL,
    failure           text,
    source            text,
    slot              text NOT NULL,
    consistent_point  pg_catalog.pg_lsn,
    not_carried       text NOT NULL,
    copy_warnings     text NOT NULL,
    disabled_triggers text NOT NULL,
    agent_version     text NOT NULL,
    preflight         text NOT NULL,
    preflight_pass    boolean NOT NULL,
    agent_status      text,
    agent_seen_at     timestamptz
);
CREATE TABLE environment.operation (
    id           text PRIMARY KEY,
    type         text NOT NULL,
    status       text NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    resource_id  text NOT NULL,
    error        text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    completed_at timestamptz
);
CREATE TABLE environment.api_key (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    prefix     text NOT NULL,
    hash       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
)sql";

constexpr std::string_view k_excluded = R"sql(
ALTER TABLE environment.connector ADD COLUMN excluded text NOT NULL DEFAULT '{"list":[]}';
)sql";

constexpr std::string_view k_preflight_at = R"sql(
ALTER TABLE environment.connector ADD COLUMN preflight_at timestamptz;
)sql";

constexpr std::string_view k_ddl = R"sql(
ALTER TABLE environment.connector
    ADD COLUMN ddl_keys text NOT NULL DEFAULT '{"map":{}}', ADD COLUMN skip_ddl pg_catalog.pg_lsn;
)sql";

constexpr std::string_view k_drop_extensions = R"sql(
ALTER TABLE environment.connector ADD COLUMN drop_extensions text NOT NULL DEFAULT '{"list":[]}';
)sql";

// Name and port of a branch that failed or is being deleted may be used again.
constexpr std::string_view k_branches = R"sql(
CREATE TABLE environment.branch (
    id           text PRIMARY KEY,
    connector_id text NOT NULL,
    name         text NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('creating', 'active', 'failed', 'deleting')),
    port         integer NOT NULL,
    revision     bigint NOT NULL,
    body         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX branch_name ON environment.branch (connector_id, name)
    WHERE phase IN ('creating', 'active');
CREATE UNIQUE INDEX branch_port ON environment.branch (port)
    WHERE phase IN ('creating', 'active');
)sql";

// `hook` is empty but for branch_sql, which may be there several times.
constexpr std::string_view k_settings = R"sql(
CREATE TABLE environment.connector_setting (
    connector_id text NOT NULL REFERENCES environment.connector ON DELETE CASCADE,
    key          text NOT NULL CHECK (key IN ('default_db', 'branch_sql', 'branch_role')),
    hook         text NOT NULL,
    value        text NOT NULL,
    run_order    integer NOT NULL,
    database     text NOT NULL,
    run_as       text NOT NULL,
    PRIMARY KEY (connector_id, key, hook),
    CHECK ((hook <> '') = (key = 'branch_sql'))
);
)sql";

constexpr std::string_view k_idempotency = R"sql(
CREATE TABLE environment.idempotency (
    key              text PRIMARY KEY,
    request_hash     text NOT NULL,
    operation_id     text NOT NULL,
    operation_status text NOT NULL,
    branch_id        text NOT NULL,
    created          boolean NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX idempotency_branch ON environment.idempotency (branch_id);
)sql";

constexpr std::string_view k_captures = R"sql(
ALTER TABLE environment.connector ADD COLUMN captures boolean NOT NULL DEFAULT false;
)sql";

constexpr std::array k_migrations = {k_first,    k_excluded,        k_preflight_at,
                                     k_ddl,      k_drop_extensions, k_branches,
                                     k_settings, k_idempotency,     k_captures};

}  // namespace

std::span<const std::string_view> migrations() {
    return k_migrations;
}

}  // namespace ardent::environment
