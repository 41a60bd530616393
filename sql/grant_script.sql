-- The grant script: what is missing and nothing else, in blocks for who may run them. That it does what it says is tested in
-- tests/tap/grant_script.pl.
SET client_min_messages = warning;
CREATE ROLE "regress Owner";
CREATE ROLE regress_billing;
CREATE ROLE regress_team;
CREATE ROLE regress_dev IN ROLE regress_team;
CREATE ROLE regress_agent LOGIN REPLICATION;
CREATE SCHEMA "My ""Schema" AUTHORIZATION "regress Owner";
CREATE SCHEMA "a,b" AUTHORIZATION "regress Owner";
GRANT USAGE, CREATE ON SCHEMA "a,b" TO regress_billing, regress_team;
SET ROLE "regress Owner";
CREATE TABLE "My ""Schema"."T,1" (i serial PRIMARY KEY);
CREATE TABLE "My ""Schema".excluded (i int PRIMARY KEY);
CREATE TABLE "a,b".mine (i int PRIMARY KEY);
SET ROLE regress_billing;
CREATE TABLE "a,b".theirs (i int PRIMARY KEY);
CREATE VIEW "a,b".secret AS SELECT 1 AS i;
RESET ROLE;
CREATE FUNCTION pg_temp.script(schemas text, role name DEFAULT 'regress_agent', everything boolean DEFAULT false, accept jsonb DEFAULT '{}')
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT replace(replace(line, current_database(), 'DB'), (SELECT rolname FROM pg_roles WHERE oid = 10), 'POSTGRES')
      FROM regexp_split_to_table(ardent_grant_script(schemas, role, everything, accept), '\n') AS line
$$;
-- the statements alone: no comments, no password, no row security block
CREATE FUNCTION pg_temp.statements(schemas text, role name DEFAULT 'regress_agent', everything boolean DEFAULT false, accept jsonb DEFAULT '{}')
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT line FROM pg_temp.script(schemas, role, everything, accept) AS line WHERE line ~ '^(GRANT|ALTER|CREATE|SELECT ''GRANT)'
$$;

-- a superuser runs all of it: one block, default privileges of each role that owns or may create tables
SELECT pg_temp.script('"My ""Schema","a,b"');
-- the owner runs what is his; what he may not run stands in blocks headed by the role that must run them
SET SESSION AUTHORIZATION "regress Owner";
SELECT pg_temp.script('"My ""Schema","a,b"');
-- the block of the role comes first while there is no role
SELECT line FROM pg_temp.script('"a,b"', 'regress_none') AS line WHERE line LIKE '-- ----%';
RESET SESSION AUTHORIZATION;
-- what the role has through PUBLIC, a membership or a default is not missing
CREATE ROLE regress_readers;
GRANT regress_readers TO regress_agent;
GRANT USAGE ON SCHEMA "a,b" TO PUBLIC;
GRANT SELECT ON "a,b".mine TO regress_readers;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_dev GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_team IN SCHEMA "a,b" GRANT SELECT ON SEQUENCES TO regress_readers;
SELECT pg_temp.statements('"a,b"');
-- a role that has the rights of a creator reads what it creates
GRANT regress_billing TO regress_agent;
SELECT pg_temp.statements('"a,b"');
REVOKE regress_billing FROM regress_agent;
-- full: everything, whatever the role has
SELECT pg_temp.statements('"a,b"', everything => true);
-- a table that is excluded is not opened, nor is a view
SELECT pg_temp.statements('"My ""Schema"', accept => '{"decisions": {"My \"Schema.excluded": "exclude"}}');
SELECT pg_temp.statements('"My ""Schema"', everything => true, accept => '{"decisions": {"\"My \"\"Schema\".excluded": "exclude"}}');
SELECT line FROM pg_temp.script('"My ""Schema"', everything => true, accept => '{"decisions": {"\"My \"\"Schema\".excluded": "exclude"}}') AS line
 WHERE line LIKE '%NOT IN%';
-- many tables: one statement; beside a view, one that looks for what the role cannot read when it runs
CREATE SCHEMA many;
DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE many.t%s (i int)', i); END LOOP; END $$;
SELECT pg_temp.statements('many');
CREATE VIEW many.v AS SELECT 1 AS i;
SELECT pg_temp.script('many');
DO $$ BEGIN FOR i IN 1..295 LOOP EXECUTE format('GRANT SELECT ON many.t%s TO regress_agent', i); END LOOP; END $$;
SELECT pg_temp.statements('many');
-- all there: it says so
DO $$ BEGIN EXECUTE replace((SELECT string_agg(s, '') FROM pg_temp.statements('many') AS s), 'POSTGRES', quote_ident((SELECT rolname FROM pg_roles WHERE oid = 10))); END $$;
SELECT pg_temp.script('many');
SELECT pg_temp.script('many,missing,pg_toast');
SELECT count(*) > 5 AS full FROM pg_temp.statements('many', everything => true);
-- a week later
ALTER ROLE regress_agent NOLOGIN VALID UNTIL '2001-01-01 00:00+00';
SET TimeZone = 'UTC';
SELECT pg_temp.script('many');
ALTER ROLE regress_agent LOGIN VALID UNTIL 'infinity';
-- row security: a block of its own, opt-in, with the note
ALTER TABLE many.t1 ENABLE ROW LEVEL SECURITY;
SELECT pg_temp.script('many');
SELECT pg_temp.statements('many', accept => '{"decisions": {"many.t1": "exclude"}}');
ALTER ROLE regress_agent BYPASSRLS;
SELECT pg_temp.statements('many');
SELECT bool_or(line LIKE '-- row security (opt-in)') AS full FROM pg_temp.script('many', everything => true) AS line;
-- PUBLIC may create tables: nobody can be named, and that is said
GRANT CREATE ON SCHEMA "a,b" TO PUBLIC;
SELECT line FROM pg_temp.script('"a,b"') WITH ORDINALITY AS s (line, i)
 WHERE i BETWEEN (SELECT i FROM pg_temp.script('"a,b"') WITH ORDINALITY AS s (line, i) WHERE line LIKE '%PUBLIC may create%')
             AND (SELECT i FROM pg_temp.script('"a,b"') WITH ORDINALITY AS s (line, i) WHERE line LIKE '%PUBLIC may create%') + 2;
-- never SUPERUSER, never CREATE on the database, never a password
SELECT bool_or(s ~* '(with|alter.*) superuser|grant [^;\n]*create|password ''') AS asks_too_much
  FROM ardent_grant_script('public,many,"a,b"', full => true) AS s;
-- bad input
SELECT ardent_grant_script('many', accept => '{"many": 1}');
DROP SCHEMA "My ""Schema", "a,b", many CASCADE;
DROP OWNED BY "regress Owner", regress_billing, regress_team, regress_dev, regress_agent, regress_readers;
DROP ROLE "regress Owner", regress_billing, regress_team, regress_dev, regress_agent, regress_readers;
