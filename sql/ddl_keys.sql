-- The keys of DDL capture: who can read them, what a forger can do, what happens without one.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SELECT current_user AS dba \gset
CREATE ROLE ddl_reader LOGIN REPLICATION;
CREATE ROLE ddl_second LOGIN REPLICATION;
CREATE ROLE ddl_nobody LOGIN;
CREATE SCHEMA ddl_test;
GRANT ALL ON SCHEMA ddl_test TO PUBLIC;
SELECT 1 FROM pg_create_logical_replication_slot('ddl', 'test_decoding');
-- only a superuser, only a role that is there
SET SESSION AUTHORIZATION ddl_nobody;
SELECT ardent_ddl_capture(true, 'ddl_nobody');
SELECT ardent.ddl_command_end();
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION ardent_ddl_capture(boolean, name, boolean) TO ddl_nobody;
SET SESSION AUTHORIZATION ddl_nobody;
SELECT ardent_ddl_capture(true, 'ddl_nobody');
SELECT ardent_ddl_capture(false);
RESET SESSION AUTHORIZATION;
REVOKE EXECUTE ON FUNCTION ardent_ddl_capture(boolean, name, boolean) FROM ddl_nobody;
SELECT ardent_ddl_capture(true, 'ddl_missing');
SELECT ardent_ddl_capture(NULL);
SELECT ardent_ddl_capture(true, 'ddl_reader', forget_keys => true);
SELECT ardent.ddl_command_end();
-- created disabled; on means ALWAYS
SELECT evtname, evtevent, evtenabled FROM pg_event_trigger WHERE evtname LIKE '!ardent%' ORDER BY 1;
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');
SELECT evtname, evtenabled FROM pg_event_trigger WHERE evtname LIKE '!ardent%' ORDER BY 1;

-- what the role reads to check signatures; in hex
CREATE VIEW ddl_test.keys AS
SELECT m.usename, o.option_name, o.option_value
  FROM pg_catalog.pg_user_mappings AS m, pg_catalog.pg_options_to_table(m.umoptions) AS o
 WHERE m.srvname = 'ardent_ddl';
CREATE TEMP TABLE kept AS SELECT * FROM ddl_test.keys;
SELECT regexp_replace(option_name, '[0-9a-f]{16}', 'ID'), option_value ~ '^[0-9a-f]+$', length(option_value) FROM kept WHERE option_name NOT LIKE 'made%' ORDER BY 1;
SELECT option_value::pg_lsn <= pg_current_wal_lsn() FROM kept WHERE option_name LIKE 'made%';
SELECT count(*) FROM kept AS c JOIN kept AS k ON k.option_name = 'key_' || c.option_value WHERE c.option_name = 'current';
-- again: the same key; a second role: the same again
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_second'), '[0-9a-f]{16}', 'KEY');
SELECT o.usename, count(*), count(k.option_value) FROM ddl_test.keys AS o LEFT JOIN kept AS k USING (option_name, option_value) GROUP BY 1 ORDER BY 1;
-- the replication role reads its own; an ordinary role nothing, by no way
CREATE FUNCTION ddl_test.readable() RETURNS bigint LANGUAGE sql AS $$
SELECT count(*) FROM pg_catalog.pg_user_mappings AS m, pg_catalog.pg_options_to_table(m.umoptions) AS o WHERE m.srvname = 'ardent_ddl' $$;
SET SESSION AUTHORIZATION ddl_reader;
SELECT ddl_test.readable();
SET SESSION AUTHORIZATION ddl_nobody;
SELECT ddl_test.readable();
SELECT umoptions FROM pg_catalog.pg_user_mapping;
SELECT count(o.*) FROM information_schema.user_mapping_options AS o WHERE o.foreign_server_name = 'ardent_ddl' AND o.option_value IS NOT NULL;
CREATE USER MAPPING FOR ddl_nobody SERVER ardent_ddl;
CREATE FOREIGN TABLE ddl_test.f (i integer) SERVER ardent_ddl;
RESET SESSION AUTHORIZATION;

-- the signature is what docs/ddl.md says: computed here over the bytes of the body
CREATE FUNCTION ddl_test.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE inner_pad bytea := ''; outer_pad bytea := ''; padded bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
BEGIN
    FOR i IN 0 .. 63 LOOP
        inner_pad := inner_pad || decode(lpad(to_hex(get_byte(padded, i) # 54), 2, '0'), 'hex');
        outer_pad := outer_pad || decode(lpad(to_hex(get_byte(padded, i) # 92), 2, '0'), 'hex');
    END LOOP;
    RETURN sha256(outer_pad || sha256(inner_pad || message));
END $$;
-- the RFC 4231 test, so that this function is right
SELECT encode(ddl_test.hmac('Jefe', 'what do ya want for nothing?'), 'hex');
CREATE FUNCTION ddl_test.checked() RETURNS TABLE (tag text, valid boolean) LANGUAGE sql AS $$
SELECT message::jsonb -> 'body' ->> 'tag',
       encode(ddl_test.hmac(decode(k.option_value, 'hex'),
                            convert_to(E'ardent.ddl\n1\n' || (message::jsonb ->> 'key') || E'\n' || substr(message, 120, length(message) - 120), 'UTF8')), 'hex')
           = message::jsonb ->> 'hmac'
  FROM (SELECT substr(c.data, strpos(c.data, 'content:') + 8) AS message, c.n
          FROM pg_logical_slot_get_changes('ddl', NULL, NULL) WITH ORDINALITY AS c (lsn, xid, data, n)
         WHERE c.data LIKE 'message:%prefix: ardent.ddl.%') AS m
  LEFT JOIN kept AS k ON k.option_name = 'key_' || (message::jsonb ->> 'key') ORDER BY n $$;
SELECT tag, valid FROM ddl_test.checked();
CREATE TABLE ddl_test.signed (id integer);
COMMENT ON TABLE ddl_test.signed IS 'ünïcödé "quoted" \ tab	end';
SELECT tag, valid FROM ddl_test.checked();
-- another key in the same session
SELECT ardent_ddl_capture(false, forget_keys => true);
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_second'), '[0-9a-f]{16}', 'KEY');
INSERT INTO kept SELECT * FROM ddl_test.keys WHERE usename = 'ddl_reader';
SELECT count(DISTINCT option_name) FROM kept WHERE option_name LIKE 'key%';
COMMENT ON TABLE ddl_test.signed IS NULL;
SELECT tag, valid FROM ddl_test.checked();
-- whoever emits the message himself has no key, and is not told the prefix; a copy in another transaction carries another xid
SELECT ardent.ddl_prefix() AS prefix, ardent.ddl_prefix() ~ '^ardent\.ddl\.[0-9a-f]{32}$' AS has_its_form,
       ardent.ddl_prefix() = 'ardent.ddl.' || left(encode(ddl_test.hmac(decode(option_value, 'hex'), E'ardent.ddl\nprefix'), 'hex'), 32) AS follows_from_the_key
  FROM ddl_test.keys WHERE usename = 'ddl_reader' AND option_name LIKE 'key%' \gset
\echo :has_its_form :follows_from_the_key
SET SESSION AUTHORIZATION ddl_nobody;
SELECT ardent.ddl_prefix();
SELECT 1 FROM pg_logical_emit_message(true, :'prefix', '{"version":1,"key":"0123456789abcdef","hmac":"' || repeat('0', 64) || '","body":{"tag":"DROP SCHEMA"}}');
RESET SESSION AUTHORIZATION;
SELECT tag, valid FROM ddl_test.checked();
CREATE TABLE ddl_test.genuine ();
SELECT substr(data, strpos(data, 'content:') + 8) AS message FROM pg_logical_slot_peek_changes('ddl', NULL, NULL) WHERE data LIKE '%genuine%' \gset
SET SESSION AUTHORIZATION ddl_nobody;
BEGIN;
SELECT 1 FROM pg_logical_emit_message(true, :'prefix', :'message');
SELECT (:'message'::jsonb -> 'body' ->> 'xid')::bigint = (pg_current_xact_id()::text)::bigint AS same_xid;
COMMIT;
RESET SESSION AUTHORIZATION;

-- a statement whose message cannot be formed succeeds, and leaves a mark; nothing of a half message
CREATE TABLE ddl_test.broken (id integer DEFAULT 1);
CREATE TABLE ddl_test.five (a integer, b integer, c integer, d integer, e integer, f integer GENERATED ALWAYS AS (e) STORED);
BEGIN;
UPDATE pg_catalog.pg_attrdef SET adbin = (SELECT adbin FROM pg_catalog.pg_attrdef WHERE adrelid = 'ddl_test.five'::regclass) WHERE adrelid = 'ddl_test.broken'::regclass;
UPDATE pg_catalog.pg_class SET relname = relname WHERE oid = 'ddl_test.broken'::regclass;
COMMIT;
SELECT 1 FROM pg_logical_slot_get_changes('ddl', NULL, NULL) LIMIT 1;
COMMENT ON TABLE ddl_test.broken IS 'still here';
SELECT obj_description('ddl_test.broken'::regclass);
CREATE TABLE ddl_test.fine ();
SELECT body ->> 'kind', body ->> 'tag', body ->> 'text', body ->> 'sqlstate', regexp_replace(body ->> 'message', '".*"', '…'), body ? 'objects', (body ->> 'xid') IS NOT NULL
  FROM (SELECT substr(c.data, strpos(c.data, 'content:') + 8)::jsonb -> 'body' AS body FROM pg_logical_slot_peek_changes('ddl', NULL, NULL) AS c WHERE c.data LIKE 'message:%') AS m;
SELECT tag, valid FROM ddl_test.checked();
-- the setting turns it round; ordinary roles may not
SET ardent.ddl_capture_strict = on;
COMMENT ON TABLE ddl_test.broken IS 'not any more';
SELECT obj_description('ddl_test.broken'::regclass);
SET SESSION AUTHORIZATION ddl_nobody;
SET ardent.ddl_capture_strict = off;
RESET SESSION AUTHORIZATION;
RESET ardent.ddl_capture_strict;
DROP TABLE ddl_test.broken;

-- without a key: a warning, or an error
DROP USER MAPPING FOR ddl_second SERVER ardent_ddl;
CREATE TABLE ddl_test.by_the_first ();
DROP OWNED BY ddl_reader;
CREATE TABLE ddl_test.unsigned ();
SET ardent.ddl_capture_strict = on;
CREATE TABLE ddl_test.unsigned2 ();
RESET ardent.ddl_capture_strict;
SELECT to_regclass('ddl_test.unsigned'), to_regclass('ddl_test.unsigned2');
SELECT tag, valid FROM ddl_test.checked();
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');
SELECT count(*) FROM ddl_test.keys AS o JOIN kept AS k USING (option_value);

-- DROP EXTENSION with capture on is refused, and says what is in the way
DROP EXTENSION ardent;
SELECT ardent_ddl_capture(false);
DROP EXTENSION ardent;
SELECT ardent_ddl_capture(false, forget_keys => true);
DROP EXTENSION ardent;
SELECT count(*) FROM pg_event_trigger;
SELECT count(*) FROM pg_user_mapping;
CREATE TABLE ddl_test.after ();
CREATE EXTENSION ardent;
-- with CASCADE it goes with capture on
SELECT regexp_replace(ardent_ddl_capture(true, 'ddl_reader'), '[0-9a-f]{16}', 'KEY');
SET client_min_messages = warning;
DROP EXTENSION ardent CASCADE;
RESET client_min_messages;
CREATE TABLE ddl_test.after2 ();
SELECT count(*) FROM pg_event_trigger;
CREATE EXTENSION ardent;
SELECT 1 FROM pg_drop_replication_slot('ddl');
SET client_min_messages = error;
DROP SCHEMA ddl_test CASCADE;
DROP ROLE ddl_reader, ddl_second, ddl_nobody;
