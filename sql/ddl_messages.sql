-- DDL capture: one message for each statement, in order with the rows.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
CREATE ROLE ddl_reader;
CREATE ROLE ddl_author;
GRANT CREATE ON DATABASE :DBNAME TO ddl_author;
CREATE SCHEMA ddl_test;
GRANT ALL ON SCHEMA ddl_test TO ddl_author;
-- what is in the stream since the last look: rows as they are, messages as a line each
CREATE FUNCTION ddl_test.bodies() RETURNS TABLE (data text, body jsonb) LANGUAGE sql AS $$
SELECT c.data, CASE WHEN c.data LIKE 'message: transactional: 1 prefix: ardent.ddl.%'
                    THEN substr(c.data, strpos(c.data, 'content:') + 8)::jsonb -> 'body' END
  FROM pg_logical_slot_get_changes('ddl', NULL, NULL) AS c
 WHERE c.data !~ '^(BEGIN|COMMIT|table ddl_test.view1:)' $$;  -- until 16 CREATE MATERIALIZED VIEW sends rows
CREATE FUNCTION ddl_test.listed(list jsonb, VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
SELECT string_agg((SELECT string_agg(o ->> k, ' ' ORDER BY i) FROM unnest(keys) WITH ORDINALITY AS u (k, i)), ', ')
  FROM jsonb_array_elements(list) AS o $$;
CREATE FUNCTION ddl_test.seen() RETURNS SETOF text LANGUAGE sql AS $$
SELECT CASE WHEN body IS NULL THEN data ELSE
    concat_ws(' | ', body ->> 'ordinal', body ->> 'tag', coalesce(body ->> 'text', '(unknown)'),
        CASE WHEN (body ->> 'text_known')::boolean <> (body ->> 'text' IS NOT NULL) THEN 'text_known is wrong' END,
        CASE WHEN (body ->> 'nested')::boolean THEN 'nested' END,
        CASE WHEN (body ->> 'masked')::boolean THEN 'masked' END,
        CASE WHEN (body ->> 'rows_follow')::boolean THEN 'rows follow' END,
        CASE WHEN (body ->> 'names_left_out')::boolean THEN 'names left out' END,
        'objects: ' || ddl_test.listed(body -> 'objects', 'type', 'identity'),
        'dropped: ' || ddl_test.listed(jsonb_path_query_array(body -> 'dropped', '$[*] ? (@.type != "table constraint")'), 'type', 'identity', 'original'),
        'rewritten: ' || ddl_test.listed(body -> 'rewritten', 'identity', 'reasons'),
        'tables: ' || ddl_test.listed(body -> 'tables', 'kind', 'schema', 'name')) END
  FROM ddl_test.bodies() $$;
SELECT 1 FROM pg_create_logical_replication_slot('ddl', 'test_decoding');
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');

-- each statement of one query with its own text, the rows between them where they were
CREATE TABLE ddl_test.a (id integer PRIMARY KEY, note text) \; INSERT INTO ddl_test.a VALUES (1, 'x') \; /* why */ ALTER TABLE ddl_test.a RENAME COLUMN note TO remark ; INSERT INTO ddl_test.a VALUES (2, 'y');
DROP TABLE ddl_test.a \; CREATE TABLE ddl_test.a (other text) \; INSERT INTO ddl_test.a VALUES ('z');
SELECT * FROM ddl_test.seen();

-- inside DO, functions and procedures: the inner statements, once
DO $$ BEGIN
    CREATE TABLE ddl_test.d1 ();
    EXECUTE 'CREATE TABLE ddl_test.d2 () ; CREATE TABLE ddl_test.d3 ()';
    BEGIN CREATE TABLE ddl_test.d4 (); RAISE 'undone'; EXCEPTION WHEN OTHERS THEN NULL; END;
    INSERT INTO ddl_test.a VALUES ('row');
    DROP TABLE ddl_test.d1;
END $$;
CREATE FUNCTION ddl_test.makes() RETURNS void LANGUAGE sql AS 'CREATE TABLE ddl_test.s1 (); CREATE TABLE ddl_test.s2 ()';
CREATE PROCEDURE ddl_test.commits() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE ddl_test.p1 (); COMMIT; CREATE TABLE ddl_test.p2 (); END $$;
SELECT ddl_test.makes();
CALL ddl_test.commits();
SELECT * FROM ddl_test.seen();
-- the library is loaded by the first statement of a session, which may be inside a function already
\c
DO $$ BEGIN CREATE TABLE ddl_test.first1 (); CREATE TABLE ddl_test.first2 (); END $$;
\c
DO $$ BEGIN EXECUTE 'CREATE TABLE ddl_test.first3 () ; CREATE TABLE ddl_test.first4 ()'; END $$;
\c
DO $$ BEGIN EXECUTE 'CREATE TABLE ddl_test.first5 AS SELECT 1 AS one'; END $$;
\c
CREATE TABLE ddl_test.first6 AS SELECT 6 AS six;
\c
DROP TABLE ddl_test.s1, ddl_test.s2;
-- the text of an SQL function's statement is not to be had then: the definition is
\c
SELECT ddl_test.makes();
\c
SELECT * FROM ddl_test.seen();
-- statements of the extended protocol
SELECT 'CREATE TABLE ddl_test.gexec ()', 'DROP TABLE ddl_test.gexec' \gexec
SELECT * FROM ddl_test.seen();

-- rolled back: nothing; to a savepoint: what stays, numbered upwards
BEGIN; CREATE TABLE ddl_test.gone (); ROLLBACK;
BEGIN; CREATE TABLE ddl_test.one (); SAVEPOINT s; CREATE TABLE ddl_test.gone (); ROLLBACK TO s; CREATE TABLE ddl_test.two (); COMMIT;
CREATE TABLE ddl_test.one ();
CREATE TABLE IF NOT EXISTS ddl_test.one ();
DROP TABLE IF EXISTS ddl_test.none;
ALTER TABLE IF EXISTS ddl_test.none ADD COLUMN x integer;
SELECT * FROM ddl_test.seen();

-- a table with its rows: the message before the first of them
CREATE TABLE ddl_test.copy AS SELECT g AS id, 'text'::text COLLATE "C" AS t FROM generate_series(1, 2) AS g;
SELECT 3 AS id INTO ddl_test.into1;
CREATE TABLE ddl_test.empty AS SELECT 1 AS id WITH NO DATA;
CREATE TABLE IF NOT EXISTS ddl_test.empty AS SELECT 1 AS id;
CREATE MATERIALIZED VIEW ddl_test.view1 AS SELECT * FROM ddl_test.into1;
REFRESH MATERIALIZED VIEW ddl_test.view1;
PREPARE rows AS SELECT 4 AS id;
CREATE TABLE ddl_test.executed AS EXECUTE rows;
\o /dev/null
EXPLAIN (ANALYZE) CREATE TABLE ddl_test.explained AS SELECT 5 AS id;
\o
SELECT * FROM ddl_test.seen();

-- objects that live in no schema, and several at once
CREATE SCHEMA ddl_more AUTHORIZATION ddl_author CREATE TABLE t (id integer) CREATE VIEW v AS SELECT id FROM t;
CREATE CAST (ddl_more.t AS text) WITH INOUT;
GRANT SELECT (id), INSERT ON ddl_more.t TO ddl_reader;
GRANT USAGE ON SCHEMA ddl_more TO ddl_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA ddl_more GRANT SELECT ON TABLES TO ddl_reader;
CREATE POLICY mine ON ddl_more.t USING (id > 0);
CREATE RULE r AS ON INSERT TO ddl_more.v DO INSTEAD NOTHING;
COMMENT ON COLUMN ddl_more.t.id IS 'which';
DROP SCHEMA ddl_more CASCADE;
SELECT * FROM ddl_test.seen();

-- temporary objects are nobody else's; a statement that names both says so
CREATE TEMP TABLE scratch (id serial PRIMARY KEY, t text);
CREATE INDEX ON scratch (t);
CREATE RULE r AS ON DELETE TO scratch DO INSTEAD NOTHING;
CREATE POLICY p ON scratch;
COMMENT ON COLUMN scratch.t IS 'text';
GRANT SELECT ON scratch TO ddl_reader;
CREATE TEMP VIEW scratch_view AS SELECT 1 AS x;
CREATE TEMP TABLE scratch_copy AS SELECT 1 AS x;
CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql AS '';
ALTER TABLE scratch ADD COLUMN u integer DEFAULT random();
ALTER TABLE scratch RENAME TO scratch2;
DROP RULE r ON scratch2;
DROP POLICY p ON scratch2;
DROP TABLE scratch2, ddl_test.d2;
DROP VIEW scratch_view;
SELECT * FROM ddl_test.seen();

-- rewrites, whose rows are not in the stream
CREATE TABLE ddl_test.r (id integer, t text);
ALTER TABLE ddl_test.r ADD COLUMN at timestamptz DEFAULT clock_timestamp(), ALTER COLUMN id TYPE bigint;
ALTER TABLE ddl_test.r SET UNLOGGED;
ALTER TABLE ddl_test.r ADD COLUMN fast integer DEFAULT 1;
SELECT * FROM ddl_test.seen();

-- partitions
CREATE TABLE ddl_test.p (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE ddl_test.part1 PARTITION OF ddl_test.p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE ddl_test.part2 (at date, id integer);
ALTER TABLE ddl_test.p ATTACH PARTITION ddl_test.part2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
ALTER TABLE ddl_test.p ADD COLUMN more text;
CREATE UNIQUE INDEX p_key ON ddl_test.p (id, at);
ALTER TABLE ddl_test.p DETACH PARTITION ddl_test.part2;
DROP INDEX ddl_test.p_key;
SELECT * FROM ddl_test.seen();

-- one message for an extension, whatever its script does, and none for Ardent's own
CREATE EXTENSION hstore SCHEMA ddl_test;
ALTER EXTENSION hstore SET SCHEMA public;
DROP EXTENSION hstore;
CREATE EXTENSION hstore VERSION '1.4';
ALTER EXTENSION hstore UPDATE;
CREATE TABLE ddl_test.of_extension (id integer, h hstore);
DROP EXTENSION hstore CASCADE;
GRANT EXECUTE ON FUNCTION ardent_ddl_capture(boolean, name, boolean) TO ddl_author;
REVOKE EXECUTE ON FUNCTION ardent_ddl_capture(boolean, name, boolean) FROM ddl_author;
COMMENT ON VIEW ardent_slots IS 'slots';
SELECT * FROM ddl_test.seen();

-- secrets
CREATE FOREIGN DATA WRAPPER ddl_wrapper OPTIONS (api_key 'geheim');
CREATE SERVER ddl_server FOREIGN DATA WRAPPER ddl_wrapper OPTIONS (host 'h', sslpassword 'geheim');
CREATE USER MAPPING FOR ddl_author SERVER ddl_server OPTIONS (user 'bob', password 'geheim');
ALTER USER MAPPING FOR ddl_author SERVER ddl_server OPTIONS (SET password $$geheim$$);
SET client_min_messages = error;
CREATE SUBSCRIPTION ddl_sub CONNECTION 'host=h password=geheim' PUBLICATION p WITH (connect = false, slot_name = NONE);
RESET client_min_messages;
ALTER SUBSCRIPTION ddl_sub CONNECTION 'host=h password=geheim2';
DROP SUBSCRIPTION ddl_sub;
DROP FOREIGN DATA WRAPPER ddl_wrapper CASCADE;
SELECT * FROM ddl_test.seen();

-- who, where, and how
SET ROLE ddl_author;
SET search_path = ddl_test, pg_catalog;
SET DateStyle = 'German, DMY';
CREATE TABLE "of Author" (at date DEFAULT '01.02.2026');
RESET ROLE;
RESET search_path;
RESET DateStyle;
SELECT body ->> 'role', body ->> 'search_path', body -> 'settings' ->> 'DateStyle',
       (body ->> 'xid')::bigint > 0, body ->> 'database' = current_database(), body -> 'tables' -> 0 ->> 'owner'
  FROM ddl_test.bodies();
-- of the settings those that are not what PostgreSQL comes with
CREATE TEMPORARY VIEW told_settings AS
SELECT name, boot_val FROM pg_settings
 WHERE name IN ('standard_conforming_strings', 'default_table_access_method', 'default_tablespace', 'default_toast_compression',
                'check_function_bodies', 'xmloption', 'DateStyle', 'IntervalStyle', 'TimeZone', 'transform_null_equals',
                'array_nulls', 'quote_all_identifiers', 'session_replication_role');
SELECT count(*) = CASE WHEN current_setting('server_version_num')::integer < 140000 THEN 12 ELSE 13 END FROM told_settings;
SELECT count(set_config(name, boot_val, false)) > 0 FROM told_settings;
SET default_text_search_config = 'pg_catalog.simple';
CREATE TABLE ordinary (id integer);
SELECT body -> 'settings' FROM ddl_test.bodies();
CREATE ACCESS METHOD ddl_heap TYPE TABLE HANDLER heap_tableam_handler;
SET default_tablespace = pg_default;
SELECT count(*) >= 11
  FROM (SELECT set_config(name, other, false)
          FROM told_settings
          JOIN (VALUES ('standard_conforming_strings', 'off'), ('default_table_access_method', 'ddl_heap'), ('check_function_bodies', 'off'),
                       ('xmloption', 'document'), ('DateStyle', 'SQL, YMD'), ('IntervalStyle', 'iso_8601'),
                       ('TimeZone', 'Asia/Tokyo'), ('transform_null_equals', 'on'), ('array_nulls', 'off'), ('quote_all_identifiers', 'on'),
                       ('session_replication_role', 'replica'),
                       ('default_toast_compression', (SELECT min(one) FROM pg_settings, unnest(enumvals) AS one WHERE name = 'default_toast_compression'))
               ) AS others (name, other) USING (name)) AS changed;
SELECT count(*) FROM ddl_test.bodies();
CREATE TABLE extraordinary (id integer);
SELECT jsonb_pretty((body -> 'settings') - 'default_toast_compression'::text) AS settings,
       nullif(body -> 'settings' ->> 'default_toast_compression', 'pglz') IS NOT DISTINCT FROM
       nullif(current_setting('default_toast_compression', true), 'pglz') AS compression
  FROM ddl_test.bodies();
DO $$ BEGIN EXECUTE (SELECT string_agg(format('RESET %I', name), '; ') FROM told_settings); END $$;
DROP VIEW told_settings;
DROP TABLE ordinary, extraordinary;
DROP ACCESS METHOD ddl_heap;
SELECT count(*) FROM ddl_test.bodies();
CREATE FUNCTION ddl_test.definer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ddl_test AS 'BEGIN CREATE TABLE defined (); END';
ALTER FUNCTION ddl_test.definer() OWNER TO ddl_author;
SELECT ddl_test.definer();
SELECT body ->> 'text', body ->> 'role', body ->> 'search_path' FROM ddl_test.bodies();

-- the definition, for a receiver to check itself
CREATE DOMAIN ddl_test.positive AS integer CHECK (VALUE > 0);
CREATE TABLE ddl_test.parent (id bigint);
CREATE TABLE ddl_test.full_one (
    a integer GENERATED ALWAYS AS IDENTITY, b serial, c ddl_test.positive NOT NULL DEFAULT 7,
    d text COLLATE "C", e numeric(10, 2)[], f integer GENERATED ALWAYS AS (c * 2) STORED,
    CONSTRAINT k PRIMARY KEY (a, c), UNIQUE (d) DEFERRABLE, dropped integer) INHERITS (ddl_test.parent);
SELECT jsonb_pretty((body -> 'tables' -> 0) - 'oid') FROM ddl_test.bodies() WHERE body ->> 'text' LIKE '%full_one%';
ALTER TABLE ddl_test.full_one DROP COLUMN dropped, REPLICA IDENTITY FULL;
CREATE UNIQUE INDEX part ON ddl_test.full_one (lower(d), c) WHERE c > 5;
SELECT body -> 'tables' -> 0 ->> 'replica_identity', jsonb_array_length(body -> 'tables' -> 0 -> 'columns'),
       body -> 'tables' -> 0 -> 'keys' FROM ddl_test.bodies();
CREATE TABLE ddl_test.p3 PARTITION OF ddl_test.p DEFAULT;
SELECT t - 'columns' - 'oid' - 'owner' FROM ddl_test.bodies(), jsonb_array_elements(body -> 'tables') AS t;
ALTER TABLE ddl_test.p RENAME COLUMN more TO less;
SELECT t ->> 'name', t ->> 'partition_key', ddl_test.listed(t -> 'columns', 'name') FROM ddl_test.bodies(), jsonb_array_elements(body -> 'tables') AS t;
-- a type that goes takes a column along
CREATE TYPE ddl_test.mood AS ENUM ('low');
CREATE TABLE ddl_test.moody (id integer, m ddl_test.mood, n ddl_test.mood DEFAULT 'low');
SELECT count(*) FROM ddl_test.bodies();
DROP TYPE ddl_test.mood CASCADE;
SELECT ddl_test.listed(body -> 'dropped', 'identity'), ddl_test.listed(t -> 'columns', 'name') FROM ddl_test.bodies(), jsonb_array_elements(body -> 'tables') AS t;

-- off: silence
SELECT ardent_ddl_capture(false);
CREATE TABLE ddl_test.quiet ();
SELECT * FROM ddl_test.seen();
SELECT ardent_ddl_capture(false, forget_keys => true);
SELECT 1 FROM pg_drop_replication_slot('ddl');
\set VERBOSITY default
SET client_min_messages = error;
DROP SCHEMA ddl_test CASCADE;
REVOKE ALL ON DATABASE :DBNAME FROM ddl_author;
DROP ROLE ddl_reader, ddl_author;
