-- Lists of schemas are read as search_path is; only a list that cannot be read or is empty is an error.
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.state(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN sqlstate || ' ' || sqlerrm || ' | ' || hint;
END $$;
SELECT list, f, pg_temp.state(format('SELECT count(*) FROM %s', format(f, quote_nullable(list))))
  FROM unnest(ARRAY['', '   ', 'a b', 'a,', ',a', 'a,,b', '"a', '""', 'a"b', NULL]) WITH ORDINALITY AS l (list, i),
       unnest(ARRAY['ardent_preflight(%s)', 'ardent_preflight_checks(%s)', 'ardent_preflight_report(%s)',
                    'ardent_grant_script(%s)', 'ardent_replica_identity(%s)']) WITH ORDINALITY AS g (f, j)
 WHERE j = 1 OR list = ''
 ORDER BY i, j;
-- folding, quotes, spaces, repetition, 63 bytes
CREATE SCHEMA "Mixed, ""Case";
CREATE TABLE "Mixed, ""Case"."T" (i int);
SELECT list, objects FROM (VALUES (' "Mixed, ""Case" '), ('PUBLIC , "Mixed, ""Case",public'), ('mixed')) AS l (list),
       LATERAL ardent_preflight_checks(list) AS c
 WHERE c.id = 'replica_identity';
SELECT detail FROM ardent_preflight_checks(repeat('é', 40), 'regress_ardent_nobody') WHERE id = 'can_read_tables';
-- an unknown schema and an unknown role are failed checks, everything else still reports
SELECT id, status, detail, hint FROM ardent_preflight_checks('nowhere,pg_catalog', 'regress_ardent "nobody')
 WHERE status = 'fail' AND id <> 'wal2json';
-- 10,000 names
SELECT status, cardinality(objects), detail
  FROM ardent_preflight_checks((SELECT string_agg('"x''; DROP TABLE y' || i || '"', ',') FROM generate_series(1, 10000) AS i))
 WHERE id = 'can_read_tables';
SELECT count(*) < 100 AS script_is_short
  FROM regexp_split_to_table(ardent_grant_script((SELECT string_agg('x' || i, ',') FROM generate_series(1, 10000) AS i)), '\n');
-- accept
SELECT a, pg_temp.state(format('SELECT ardent_preflight(accept => %L)', a))
  FROM unnest(ARRAY['{}', '[]', '7', 'null', '{"large_objects": "yes"}', '{"other": true}', '{"decisions": []}',
                    '{"decisions": {"a.b": "drop"}}', '{"decisions": {"a.b": 1}}']) AS a;
SELECT pg_temp.state('SELECT ardent_preflight(accept => NULL)'), pg_temp.state('SELECT ardent_preflight(role => NULL)');
-- names that are no role's: GRANT … TO public would open the tables to everybody, also when it is quoted
SELECT r, f, pg_temp.state(format(f, r))
  FROM unnest(ARRAY['public', 'none', '']) AS r,
       unnest(ARRAY['SELECT ardent_preflight(role => %L)', 'SELECT ardent_grant_script(role => %L)']) AS f;
-- a decision for a table that is not there; one for any relation that is there is taken
CREATE VIEW "My View" AS SELECT 1 AS i;
SELECT d, f, pg_temp.state(format(f, d))
  FROM unnest(ARRAY['{"decisions": {"public.nowhere": "exclude", "public.My View": "exclude"}}',
                    '{"decisions": {"public.\"My View\"": "exclude"}}']) AS d,
       unnest(ARRAY['SELECT ardent_preflight(accept => %L)', 'SELECT ardent_grant_script(accept => %L)']) AS f;
DROP VIEW "My View";
-- nothing in a name reaches the server as SQL
CREATE TABLE "x'); DROP TABLE victim; --" (i int);
CREATE TABLE victim (i int PRIMARY KEY);
SELECT objects FROM ardent_preflight_checks('public', E'\'; DROP TABLE victim; --\\') WHERE id = 'replica_identity';
SELECT ardent_replica_identity_script('{"public.x''); DROP TABLE victim; --": "replica_identity_full"}');
SELECT count(*) FROM victim;
DROP TABLE victim, "x'); DROP TABLE victim; --";
DROP SCHEMA "Mixed, ""Case" CASCADE;
