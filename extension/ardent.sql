-- SPDX-License-Identifier: PostgreSQL
-- The schema of the extension in full; the build copies it to ardent--<version>.sql.
-- What users call stands in the schema that CREATE EXTENSION was given, the rest in the schema ardent.
\echo Use "CREATE EXTENSION ardent" to load this file. \quit

CREATE SCHEMA ardent;
GRANT USAGE ON SCHEMA ardent TO PUBLIC;

CREATE FUNCTION ardent_preflight(
    schemas text DEFAULT 'public',
    role name DEFAULT 'ardent_replication',
    verbose boolean DEFAULT false,
    accept jsonb DEFAULT '{}',
    provider text DEFAULT NULL
) RETURNS SETOF text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_preflight';

COMMENT ON FUNCTION ardent_preflight(text, name, boolean, jsonb, text) IS
    'can this database be connected, and if not, what to run: the report as lines';

CREATE FUNCTION ardent_preflight_checks(
    schemas text DEFAULT 'public',
    role name DEFAULT 'ardent_replication',
    accept jsonb DEFAULT '{}',
    provider text DEFAULT NULL,
    OUT ordinal integer,
    OUT section text,
    OUT id text,
    OUT label text,
    OUT status text,
    OUT actual text,
    OUT expected text,
    OUT detail text,
    OUT hint text,
    OUT fix text,
    OUT objects text[]
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_preflight_checks';

COMMENT ON FUNCTION ardent_preflight_checks(text, name, jsonb, text) IS
    'the preflight checks, one row each';

CREATE FUNCTION ardent_preflight_report(
    schemas text DEFAULT 'public',
    role name DEFAULT 'ardent_replication',
    accept jsonb DEFAULT '{}',
    provider text DEFAULT NULL
) RETURNS jsonb
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_preflight_report';

COMMENT ON FUNCTION ardent_preflight_report(text, name, jsonb, text) IS
    'the preflight report as JSON, as the HTTP API has it';

CREATE FUNCTION ardent_grant_script(
    schemas text DEFAULT 'public',
    role name DEFAULT 'ardent_replication',
    full boolean DEFAULT false,
    accept jsonb DEFAULT '{}',
    provider text DEFAULT NULL
) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_grant_script';

COMMENT ON FUNCTION ardent_grant_script(text, name, boolean, jsonb, text) IS
    'a script for psql -v ON_ERROR_STOP=1 -1 that gives the replication role what it needs';

CREATE FUNCTION ardent_settings_script(provider text DEFAULT NULL) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_settings_script';

COMMENT ON FUNCTION ardent_settings_script(text) IS
    'a script for psql (without -1) that raises the settings that are too low';

CREATE FUNCTION ardent_hba_lines(role name, address text) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_hba_lines';

COMMENT ON FUNCTION ardent_hba_lines(name, text) IS
    'the line for pg_hba.conf that lets the role connect from the address';

CREATE FUNCTION ardent_replica_identity(
    schemas text DEFAULT 'public',
    OUT table_name text,
    OUT setting text,
    OUT identified boolean,
    OUT index_name text,
    OUT key_columns text,
    OUT candidate_index text,
    OUT decisions text[]
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_replica_identity';

COMMENT ON FUNCTION ardent_replica_identity(text) IS
    'how the rows of each table are identified in the stream, and what can be decided';

CREATE FUNCTION ardent_replica_identity_script(decisions jsonb) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS 'MODULE_PATHNAME', 'ardent_replica_identity_script';

COMMENT ON FUNCTION ardent_replica_identity_script(jsonb) IS
    'the ALTER TABLE statements that the decisions ask for';

CREATE FUNCTION ardent.slots(
    OUT slot_name name,
    OUT database name,
    OUT active boolean,
    OUT active_pid integer,
    OUT wal_status text,
    OUT restart_lsn pg_catalog.pg_lsn,
    OUT confirmed_flush_lsn pg_catalog.pg_lsn,
    OUT lag_bytes bigint,
    OUT retained_wal_bytes bigint,
    OUT room_left_bytes bigint,
    OUT wal_bytes_per_second bigint,
    OUT time_until_full interval
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_slots';

CREATE VIEW ardent_slots AS
SELECT s.slot_name, s.database, s.active, s.active_pid, s.wal_status, s.restart_lsn,
       s.confirmed_flush_lsn, s.lag_bytes, s.retained_wal_bytes, s.room_left_bytes,
       s.wal_bytes_per_second, s.time_until_full
  FROM ardent.slots() AS s;

GRANT SELECT ON ardent_slots TO PUBLIC;

COMMENT ON VIEW ardent_slots IS
    'health of the slots of Ardent on this server; room and time are NULL for who may not see the disk';

-- DDL capture (docs/ddl.md). Event triggers are disabled until ardent_ddl_capture(true). Their functions do not pin
-- search_path: they record the statement's own.
-- Event triggers fire in the order of their names, by bytes. Those of an application write rows and run statements of
-- their own, which belong behind the statement that they were fired for: so these come first.
CREATE FUNCTION ardent.ddl_command_start() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ardent_ddl_command_start';
CREATE FUNCTION ardent.sql_drop() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ardent_sql_drop';
CREATE FUNCTION ardent.table_rewrite() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ardent_table_rewrite';
CREATE FUNCTION ardent.ddl_command_end() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'ardent_ddl_command_end';

REVOKE ALL ON FUNCTION ardent.ddl_command_start() FROM PUBLIC;
REVOKE ALL ON FUNCTION ardent.sql_drop() FROM PUBLIC;
REVOKE ALL ON FUNCTION ardent.table_rewrite() FROM PUBLIC;
REVOKE ALL ON FUNCTION ardent.ddl_command_end() FROM PUBLIC;

CREATE EVENT TRIGGER "!ardent_ddl_command_start" ON ddl_command_start EXECUTE FUNCTION ardent.ddl_command_start();
ALTER EVENT TRIGGER "!ardent_ddl_command_start" DISABLE;
CREATE EVENT TRIGGER "!ardent_sql_drop" ON sql_drop EXECUTE FUNCTION ardent.sql_drop();
ALTER EVENT TRIGGER "!ardent_sql_drop" DISABLE;
CREATE EVENT TRIGGER "!ardent_table_rewrite" ON table_rewrite EXECUTE FUNCTION ardent.table_rewrite();
ALTER EVENT TRIGGER "!ardent_table_rewrite" DISABLE;
CREATE EVENT TRIGGER "!ardent_ddl_command_end" ON ddl_command_end EXECUTE FUNCTION ardent.ddl_command_end();
ALTER EVENT TRIGGER "!ardent_ddl_command_end" DISABLE;

-- Nothing connects through it: it is where the keys stand, as options of the replication role's user mapping.
CREATE FOREIGN DATA WRAPPER ardent_ddl NO HANDLER NO VALIDATOR;
CREATE SERVER ardent_ddl FOREIGN DATA WRAPPER ardent_ddl;

CREATE FUNCTION ardent_ddl_capture(
    enabled boolean,
    role name DEFAULT 'ardent_replication',
    forget_keys boolean DEFAULT false
) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_ddl_capture';

REVOKE ALL ON FUNCTION ardent_ddl_capture(boolean, name, boolean) FROM PUBLIC;

COMMENT ON FUNCTION ardent_ddl_capture(boolean, name, boolean) IS
    'switches DDL capture of this database on or off; the role may read the keys';

-- A secret: who knows it can write what the output plugin passes on (docs/ddl.md).
CREATE FUNCTION ardent.ddl_prefix() RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_ddl_prefix';

REVOKE ALL ON FUNCTION ardent.ddl_prefix() FROM PUBLIC;

COMMENT ON FUNCTION ardent.ddl_prefix() IS
    'the prefix of the logical messages of DDL; NULL without a key';

CREATE FUNCTION ardent.ddl_tags() RETURNS SETOF text
LANGUAGE c STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ardent_ddl_tags';

COMMENT ON FUNCTION ardent.ddl_tags() IS
    'the command tags that this server fires event triggers for';
