-- What the checks of tables, columns and rights see in a real catalog. The rest of the catalogue: tests/tap/preflight_*.pl.
SET client_min_messages = warning;
CREATE ROLE regress_ardent LOGIN REPLICATION;
CREATE SCHEMA hazards;
GRANT USAGE ON SCHEMA hazards TO regress_ardent;
CREATE VIEW findings AS
SELECT id, status, objects
  FROM ardent_preflight_checks('hazards', 'regress_ardent')
 WHERE section IN ('Tables', 'Columns') AND status <> 'pass' AND id <> 'exact_numbers';
TABLE findings;
-- tables
CREATE TABLE hazards.keyless (a int);
ALTER TABLE hazards.keyless REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE hazards.unlogged (a int PRIMARY KEY);
CREATE FOREIGN DATA WRAPPER regress_ardent_wrapper;
CREATE SERVER regress_ardent_server FOREIGN DATA WRAPPER regress_ardent_wrapper;
CREATE FOREIGN TABLE hazards.far (a int) SERVER regress_ardent_server;
CREATE TABLE hazards.parted (a int, PRIMARY KEY (a)) PARTITION BY LIST (a);
CREATE TABLE hazards.parted_1 PARTITION OF hazards.parted FOR VALUES IN (1);
CREATE TABLE hazards.parted_plain (a int) PARTITION BY LIST (a);
CREATE FOREIGN TABLE hazards.parted_far PARTITION OF hazards.parted_plain FOR VALUES IN (2) SERVER regress_ardent_server;
CREATE MATERIALIZED VIEW hazards.material AS SELECT 1 AS a;
CREATE TABLE hazards.numbered (id serial PRIMARY KEY);
CREATE TABLE hazards.parent (a int PRIMARY KEY);
CREATE TABLE hazards.child (PRIMARY KEY (a)) INHERITS (hazards.parent);
CREATE TABLE hazards."Twice" (a int PRIMARY KEY);
CREATE TABLE hazards.twice (a int PRIMARY KEY);
CREATE TABLE hazards."tab	here" (a int PRIMARY KEY);
CREATE ACCESS METHOD regress_ardent_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE hazards.other_storage (a int PRIMARY KEY) USING regress_ardent_heap;
CREATE TABLE hazards.large (a int PRIMARY KEY, b text, c int);
ALTER TABLE hazards.large ALTER b SET STORAGE EXTERNAL;
INSERT INTO hazards.large VALUES (1, repeat('x', 5000));
VACUUM hazards.large;
TABLE findings;
-- a table that is excluded by decision is no finding
SELECT status FROM ardent_preflight_checks('hazards', 'regress_ardent', '{"decisions": {"hazards.unlogged": "exclude"}}')
 WHERE id = 'unlogged_tables';
BEGIN;
LOCK TABLE hazards.twice IN ACCESS EXCLUSIVE MODE;
SELECT status, regexp_replace(objects::text, 'pid \d+', 'pid') FROM ardent_preflight_checks('hazards') WHERE id = 'table_locks';
COMMIT;
-- extensions and labels, as their rows would be there
BEGIN;
SET LOCAL allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 9990 + n, name, 10, 11, false, '1' FROM unnest(ARRAY['timescaledb', 'pglogical', 'pg_repack']) WITH ORDINALITY AS e (name, n);
INSERT INTO pg_seclabel VALUES ('hazards.twice'::regclass, 'pg_class'::regclass, 1, 'anon', 'MASKED WITH VALUE 0');
SELECT id, status, objects FROM ardent_preflight_checks('hazards') WHERE id ~ 'storage|other_rep|rewriting|labels' ORDER BY ordinal;
ROLLBACK;
DROP SCHEMA hazards CASCADE;
CREATE SCHEMA hazards;
TABLE findings;
-- columns
CREATE EXTENSION ltree;
CREATE EXTENSION citext;
CREATE EXTENSION lo;
CREATE TYPE hazards.mood AS ENUM ('good');
CREATE TYPE hazards.pair AS (a int, b int);
CREATE TABLE hazards.columns (id int PRIMARY KEY, path ltree[], word citext, mood hazards.mood, pairs hazards.pair[],
    twice int GENERATED ALWAYS AS (id * 2) STORED, picture oid, thumb lo, at timestamptz, born date, score float8 NOT NULL DEFAULT 0,
    plain text, range int4range, doc jsonb);
CREATE TABLE hazards.paths (path ltree PRIMARY KEY);
CREATE TABLE hazards.words (word citext PRIMARY KEY);
TABLE findings;
SELECT lo_create(4712) AS lo \gset
SELECT status, objects FROM ardent_preflight_checks('hazards') WHERE id = 'large_object_columns';
SELECT lo_unlink(4712) AS lo \gset
INSERT INTO hazards.columns (id, at, born) SELECT i, 'infinity', '2020-01-01' FROM generate_series(1, 3) AS i;
ANALYZE hazards.columns;
SELECT status, objects FROM ardent_preflight_checks('hazards') WHERE id = 'special_values';
UPDATE hazards.columns SET at = NULL, born = '0044-03-15 BC';
ANALYZE hazards.columns;
SELECT status, objects FROM ardent_preflight_checks('hazards') WHERE id = 'special_values';
UPDATE hazards.columns SET born = NULL;
ANALYZE hazards.columns;
SELECT status, objects FROM ardent_preflight_checks('hazards') WHERE id = 'special_values';
DROP SCHEMA hazards CASCADE;
CREATE SCHEMA hazards;
TABLE findings;
-- the role
SELECT id, status FROM ardent_preflight_checks('hazards', 'regress_nobody') WHERE section IN ('Role and rights', 'DDL capture')
   AND id NOT LIKE 'hba%';
ALTER ROLE regress_ardent SUPERUSER VALID UNTIL 'tomorrow';
SELECT id, status, fix FROM ardent_preflight_checks('hazards', 'regress_ardent') WHERE id IN ('role_superuser', 'password_expiry');
ALTER ROLE regress_ardent NOSUPERUSER VALID UNTIL 'infinity';
SELECT id, status FROM ardent_preflight_checks('hazards', 'regress_ardent') WHERE id IN ('role_superuser', 'password_expiry');
SELECT format('GRANT CREATE ON DATABASE %I TO regress_ardent', current_database()) \gexec
SELECT status, actual FROM ardent_preflight_checks('hazards', 'regress_ardent') WHERE id = 'publication_rights';
SELECT status, actual FROM ardent_preflight_checks('hazards', current_user) WHERE id = 'event_trigger_rights';
DROP VIEW findings;
DROP SCHEMA hazards;
DROP EXTENSION ltree;
DROP EXTENSION citext;
DROP EXTENSION lo;
DROP SERVER regress_ardent_server;
DROP FOREIGN DATA WRAPPER regress_ardent_wrapper;
DROP ACCESS METHOD regress_ardent_heap;
DROP OWNED BY regress_ardent;
DROP ROLE regress_ardent;
