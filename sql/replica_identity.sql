-- How the server identifies rows, by its own rules.
CREATE SCHEMA ri;
SET search_path = ri;
CREATE TABLE pk (a int, b int, PRIMARY KEY (b, a));
CREATE TABLE pk_include (a int, b int, PRIMARY KEY (a) INCLUDE (b));
CREATE TABLE pk_deferrable (a int PRIMARY KEY DEFERRABLE);
CREATE TABLE no_key (a int);
CREATE TABLE uniq (a int NOT NULL UNIQUE, b int UNIQUE);
CREATE TABLE uniq_chosen (a int NOT NULL, b int);
CREATE UNIQUE INDEX uniq_chosen_key ON uniq_chosen (a);
ALTER TABLE uniq_chosen REPLICA IDENTITY USING INDEX uniq_chosen_key;
CREATE TABLE index_gone (a int NOT NULL UNIQUE);
ALTER TABLE index_gone REPLICA IDENTITY USING INDEX index_gone_a_key;
ALTER TABLE index_gone DROP CONSTRAINT index_gone_a_key;
CREATE TABLE uniq_partial (a int NOT NULL);
CREATE UNIQUE INDEX ON uniq_partial (a) WHERE a > 0;
CREATE TABLE uniq_expression (a int NOT NULL);
CREATE UNIQUE INDEX ON uniq_expression ((a + 1));
CREATE TABLE uniq_nullable (a int, b int NOT NULL);
CREATE UNIQUE INDEX ON uniq_nullable (a, b);
CREATE TABLE uniq_deferrable (a int NOT NULL UNIQUE DEFERRABLE);
CREATE TABLE is_full (a int);
ALTER TABLE is_full REPLICA IDENTITY FULL;
CREATE TABLE is_nothing (a int PRIMARY KEY);
ALTER TABLE is_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE parted (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
ALTER TABLE parted_2 ADD PRIMARY KEY (a);
CREATE UNLOGGED TABLE unlogged (a int);
CREATE VIEW a_view AS SELECT 1 AS a;
CREATE TEMP TABLE temporary (a int);
CREATE TABLE "Quoted ""Name" ("A b" int PRIMARY KEY);
RESET search_path;
SELECT * FROM ardent_replica_identity('ri');
SELECT status, detail, fix, objects FROM ardent_preflight_checks('ri') WHERE id = 'replica_identity';
-- a fix only for what was decided, when a statement carries it out
SELECT fix FROM ardent_preflight_checks('ri', accept => '{"decisions": {"ri.uniq": "add_pk", "ri.no_key": "replica_identity_full",
    "ri.uniq_partial": "add_pk"}}') WHERE id = 'replica_identity';
-- the decisions
SELECT ardent_replica_identity_script($${
    "ri.pk": "replica_identity_full", "ri.no_key": "replica_identity_full", "ri.uniq": "add_pk",
    "ri.pk_deferrable": "replica_identity_full", "ri.index_gone": "replica_identity_full", "ri.uniq_partial": "exclude",
    "ri.uniq_expression": "add_pk", "ri.uniq_nullable": "replica_identity_full",
    "ri.uniq_deferrable": "replica_identity_full", "ri.is_nothing": "add_pk", "ri.parted_1": "replica_identity_full",
    "ri.\"Quoted \"\"Name\"": "add_pk"}$$) AS script \gset
\echo :script
-- it is ready to run, here without its comments
SELECT statement FROM regexp_split_to_table(:'script', '\n') AS statement WHERE statement !~ '^--' \gexec
ALTER TABLE ri.uniq_expression ADD PRIMARY KEY (a);
SELECT status, detail FROM ardent_preflight_checks('ri') WHERE id = 'replica_identity';
SELECT status, detail, actual FROM ardent_preflight_checks('ri', accept => '{"decisions": {"ri.uniq_partial": "exclude"}}')
 WHERE id = 'replica_identity';
-- a decision that is no exclusion does not make it pass by itself
SELECT status FROM ardent_preflight_checks('ri', accept => '{"decisions": {"ri.uniq_partial": "add_pk"}}') WHERE id = 'replica_identity';
-- what is not there is refused
SELECT ardent_replica_identity_script('{"ri.nothing_here": "add_pk"}');
SELECT ardent_replica_identity_script('{"ri.a_view": "add_pk"}');
-- and so are decisions that leave tables out, of the schemas that they name
CREATE SCHEMA ri2;
CREATE TABLE ri2.other (a int);
SELECT ardent_replica_identity_script('{"ri.pk": "add_pk"}');
SELECT ardent_replica_identity_script('{"ri.uniq_partial": "exclude"}');
DROP SCHEMA ri2 CASCADE;
SELECT ardent_replica_identity_script('{"ri.pk": "maybe"}');
SELECT ardent_replica_identity_script('[]');
SELECT ardent_replica_identity_script(NULL);
SET client_min_messages = warning;
DROP SCHEMA ri CASCADE;
