-- The checks, their order and labels, and the report's look. The server of this test has wal_level = logical and
-- allows wal2json; what needs another server is in tests/tap/preflight_*.pl.
SET client_min_messages = warning;
CREATE ROLE regress_ardent LOGIN REPLICATION;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_ardent;
CREATE TABLE orders (id int PRIMARY KEY);
-- (what depends on the major and on the disk is not shown)
SELECT ordinal, section, id, label,
       CASE WHEN id NOT IN ('supported_major', 'wal_disk_room') THEN status END AS status
  FROM ardent_preflight_checks('public', 'regress_ardent');
SELECT regexp_replace(line, 'database \S+ \(port \d+\)|\d+/\d+ used|max: \d+|\d+ warnings', '...')
  FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS r (line, i)
 WHERE i < (SELECT min(i) FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS s (line, i) WHERE line = 'Server:')
    OR line LIKE '✗ %'
 ORDER BY i;
GRANT SELECT ON orders TO regress_ardent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO regress_ardent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO regress_ardent;
SELECT regexp_replace(line, '\d+ (further|warn)', 'N \1')
  FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS r (line, i)
 WHERE i > (SELECT max(i) FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS s (line, i) WHERE line = 'DDL capture:');
-- a check that did not pass is shown with what to do, and the fix as it is to be run
SELECT line FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS r (line, i)
 WHERE i BETWEEN (SELECT i FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS s (line, i) WHERE line = 'Role and rights:')
             AND (SELECT i FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS s (line, i) WHERE line LIKE '  i publication%');
-- verbose shows all; a client without such letters gets ASCII
SELECT count(*) FILTER (WHERE line ~ '^  [✓⚠i?✗] ') = (SELECT count(*) FROM ardent_preflight_checks('public', 'regress_ardent')) AS whole,
       count(*) FILTER (WHERE line LIKE '  ✓ %') > 60 AS passed, bool_or(line LIKE '-- nothing to grant: %') AS script
  FROM ardent_preflight('public', 'regress_ardent', verbose => true) AS r (line);
SET client_encoding = 'LATIN1';
SELECT regexp_replace(line, '\d+/\d+ used|max: \d+', '...') AS line
  FROM ardent_preflight('public', 'regress_ardent') WITH ORDINALITY AS r (line, i)
 WHERE line ~ '^(  )?\[' AND line NOT LIKE '%supported major%' AND i < 20;
RESET client_encoding;
-- the JSON of the HTTP API
SELECT jsonb_object_keys(ardent_preflight_report('public', 'regress_ardent'));
SELECT r -> 'preflight_pass', r -> 'branching_prerequisites_pass', r -> 'source_provider',
       (r #> '{checks,metadata_schema}'), (SELECT count(*) >= 60 FROM jsonb_object_keys(r -> 'checks')) AS complete
  FROM ardent_preflight_report('public', 'regress_ardent') AS r;
-- in a READ ONLY transaction too, and without leaving anything
BEGIN READ ONLY;
SELECT count(*) >= 60 AS complete, count(*) FILTER (WHERE status = 'unverified') AS unverified
  FROM ardent_preflight_checks('public', 'regress_ardent');
COMMIT;
SELECT count(*) FROM pg_replication_slots;
-- rights
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id int PRIMARY KEY, no serial);
CREATE TABLE billing.secured (id int PRIMARY KEY);
ALTER TABLE billing.secured ENABLE ROW LEVEL SECURITY;
SELECT status, detail, hint FROM ardent_preflight_checks('billing', 'regress_ardent') WHERE id = 'can_read_tables';
SELECT status, detail FROM ardent_preflight_checks('billing', 'regress_ardent', '{"decisions": {"billing.secured": "exclude"}}')
 WHERE id = 'can_read_tables';
GRANT USAGE ON SCHEMA billing TO regress_ardent;
GRANT SELECT ON ALL TABLES IN SCHEMA billing TO regress_ardent;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA billing TO regress_ardent;
SELECT status, detail, hint FROM ardent_preflight_checks('billing', 'regress_ardent') WHERE id = 'can_read_tables';
ALTER ROLE regress_ardent BYPASSRLS;
SELECT status FROM ardent_preflight_checks('billing', 'regress_ardent') WHERE id = 'can_read_tables';
-- the role
ALTER ROLE regress_ardent NOLOGIN NOREPLICATION VALID UNTIL '2001-01-01';
SELECT status, detail, fix FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'replication_role';
ALTER ROLE regress_ardent WITH LOGIN REPLICATION VALID UNTIL 'infinity';
SELECT status FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'replication_role';
-- large objects
SELECT lo_create(4711) AS lo \gset
SELECT status, detail FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'large_objects';
SELECT status, detail FROM ardent_preflight_checks('public', 'regress_ardent', '{"large_objects": true}') WHERE id = 'large_objects';
SELECT lo_unlink(4711) AS lo \gset
SELECT status FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'large_objects';
-- NaN and Infinity
CREATE TABLE billing.figures (id int PRIMARY KEY, a float4, b float8 NOT NULL, c numeric(9, 2), d text, e float8[],
                              f numeric GENERATED ALWAYS AS (id * 2) STORED);
SELECT CASE WHEN actual = 'wal2json knows numeric-data-types-as-string' THEN 'warn, {billing.figures.a,billing.figures.c}'
            ELSE status || ', ' || objects::text
       END AS before_2_6
  FROM ardent_preflight_checks('billing', 'regress_ardent') WHERE id = 'exact_numbers';
SELECT status FROM ardent_preflight_checks('billing', 'regress_ardent', '{"decisions": {"billing.figures": "exclude"}}')
 WHERE id = 'exact_numbers';
DROP SCHEMA billing CASCADE;
-- duplicate source
SELECT 'ok' FROM pg_create_logical_replication_slot('ardent_regress', 'test_decoding');
SELECT status, detail, hint, objects FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'duplicate_source';
SELECT slot_name, active, wal_status, lag_bytes >= 0 AS lag, retained_wal_bytes >= 0 AS retained, room_left_bytes > 0 AS room
  FROM ardent_slots;
SELECT 'ok' FROM pg_drop_replication_slot('ardent_regress');
SELECT status FROM ardent_preflight_checks('public', 'regress_ardent') WHERE id = 'duplicate_source';
DROP TABLE orders;
DROP OWNED BY regress_ardent;
DROP ROLE regress_ardent;
