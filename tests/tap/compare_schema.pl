# SPDX-License-Identifier: PostgreSQL
# scripts/compare sees each kind of difference in the schema, and nothing that a replica has otherwise by design.
use strict;
use warnings;
use Ardent::Compare;
use Test::More;

my $servers = Ardent::Compare->new;

# What is made, what is done to it in the replica, and which definitions are named.
my @kinds = (
	[ 'default', 'CREATE TABLE a_default (v text DEFAULT 5)', 'ALTER TABLE a_default ALTER v DROP DEFAULT', 'TABLE public.a_default: DIFFERENT' ],
	[ 'CHECK', 'CREATE TABLE a_check (v integer CONSTRAINT positive CHECK (v > 0))', 'ALTER TABLE a_check DROP CONSTRAINT positive', 'TABLE public.a_check: DIFFERENT' ],
	[ 'CHECK that is NOT VALID', 'CREATE TABLE unproven (v integer); ALTER TABLE unproven ADD CONSTRAINT positive CHECK (v > 0) NOT VALID',
		'ALTER TABLE unproven VALIDATE CONSTRAINT positive', 'TABLE public.unproven: DIFFERENT', 'CHECK CONSTRAINT public.unproven positive: MISSING in the replica' ],
	[ 'NOT NULL', 'CREATE TABLE a_not_null (v integer NOT NULL)', 'ALTER TABLE a_not_null ALTER v DROP NOT NULL', 'TABLE public.a_not_null: DIFFERENT' ],
	[ 'index', 'CREATE TABLE indexed (v integer); CREATE INDEX indexed_v ON indexed (v)', 'DROP INDEX indexed_v', 'INDEX public.indexed_v: MISSING in the replica' ],
	[ 'index more', 'CREATE TABLE more_indexed (v integer)', 'CREATE INDEX more_v ON more_indexed (v)', 'INDEX public.more_v: MISSING in the source' ],
	[ 'uniqueness', 'CREATE TABLE uni (v integer); CREATE UNIQUE INDEX uni_v ON uni (v)', 'DROP INDEX uni_v; CREATE INDEX uni_v ON uni (v)', 'INDEX public.uni_v: DIFFERENT' ],
	[ 'primary key', 'CREATE TABLE keyed (v integer PRIMARY KEY)', 'ALTER TABLE keyed DROP CONSTRAINT keyed_pkey; ALTER TABLE keyed ALTER v SET NOT NULL',
		'CONSTRAINT public.keyed keyed_pkey: MISSING in the replica' ],
	[ 'deferrable key', 'CREATE TABLE later (v integer UNIQUE DEFERRABLE)', 'ALTER TABLE later DROP CONSTRAINT later_v_key; ALTER TABLE later ADD UNIQUE (v)',
		'CONSTRAINT public.later later_v_key: DIFFERENT' ],
	[ 'foreign key', 'CREATE TABLE referring (v integer REFERENCES referred)',
		'ALTER TABLE referring DROP CONSTRAINT referring_v_fkey', 'FK CONSTRAINT public.referring referring_v_fkey: MISSING in the replica' ],
	[ 'foreign key that is NOT VALID', 'CREATE TABLE referring2 (v integer REFERENCES referred)',
		'ALTER TABLE referring2 DROP CONSTRAINT referring2_v_fkey; ALTER TABLE referring2 ADD CONSTRAINT referring2_v_fkey FOREIGN KEY (v) REFERENCES referred NOT VALID',
		'FK CONSTRAINT public.referring2 referring2_v_fkey: DIFFERENT' ],
	[ 'action of a foreign key', 'CREATE TABLE referring3 (v integer REFERENCES referred ON DELETE CASCADE)',
		'ALTER TABLE referring3 DROP CONSTRAINT referring3_v_fkey; ALTER TABLE referring3 ADD FOREIGN KEY (v) REFERENCES referred',
		'FK CONSTRAINT public.referring3 referring3_v_fkey: DIFFERENT' ],
	[ 'trigger that is off', 'CREATE TABLE triggered (v integer); CREATE TRIGGER trig BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION trig()',
		'ALTER TABLE triggered DISABLE TRIGGER trig', 'TRIGGER public.triggered trig: DIFFERENT' ],
	[ 'trigger ALWAYS that is on', 'CREATE TABLE triggered2 (v integer); CREATE TRIGGER trig BEFORE INSERT ON triggered2 FOR EACH ROW EXECUTE FUNCTION trig();'
		. ' ALTER TABLE triggered2 ENABLE ALWAYS TRIGGER trig', 'ALTER TABLE triggered2 ENABLE TRIGGER trig', 'TRIGGER public.triggered2 trig: DIFFERENT' ],
	[ 'rule', 'CREATE TABLE ruled (v integer); CREATE RULE rul AS ON INSERT TO ruled DO NOTHING', 'DROP RULE rul ON ruled', 'RULE public.ruled rul: MISSING in the replica' ],
	[ 'owner', 'CREATE TABLE owned (v integer)', 'ALTER TABLE owned OWNER TO app', 'TABLE public.owned: DIFFERENT' ],
	[ 'grant', 'CREATE TABLE granted (v integer); GRANT SELECT ON granted TO app, other', 'REVOKE SELECT ON granted FROM other', 'ACL public.TABLE granted: DIFFERENT' ],
	[ 'grant of a column', 'CREATE TABLE granted2 (v integer)', 'GRANT UPDATE (v) ON granted2 TO app', 'ACL public.COLUMN granted2.v: MISSING in the source' ],
	[ 'comment', q(CREATE TABLE commented (v integer); COMMENT ON TABLE commented IS 'here'), q(COMMENT ON TABLE commented IS 'there'), 'COMMENT public.TABLE commented: DIFFERENT' ],
	[ 'label of an enum', q(CREATE TYPE mood AS ENUM ('low', 'high')), q(ALTER TYPE mood ADD VALUE 'middle' BEFORE 'high'), 'TYPE public.mood: DIFFERENT' ],
	[ 'attribute', 'CREATE TYPE pair AS (x integer)', 'ALTER TYPE pair ADD ATTRIBUTE y integer', 'TYPE public.pair: DIFFERENT' ],
	[ 'domain', 'CREATE DOMAIN positive AS integer CHECK (VALUE > 0)', 'ALTER DOMAIN positive DROP CONSTRAINT positive_check', 'DOMAIN public.positive: DIFFERENT' ],
	[ 'body of a function', q(CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    -- one
    RETURN 1;

END $$), q(CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    -- two
    RETURN 1;

END $$), 'FUNCTION public.f(): DIFFERENT' ],
	[ 'blank line of a body', q(CREATE FUNCTION g() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN

    RETURN '
--
-- Name: g; Type: FUNCTION; Schema: public; Owner: -
--

SET default_tablespace = 0;
';
END $$), q(CREATE OR REPLACE FUNCTION g() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN

    RETURN '
--
-- Name: g; Type: FUNCTION; Schema: public; Owner: -
--

SET default_tablespace = 1;
';
END $$), 'FUNCTION public.g: DIFFERENT' ],
	[ 'setting of a function', q(CREATE FUNCTION h() RETURNS integer LANGUAGE sql SET search_path = public AS 'SELECT 1'), 'ALTER FUNCTION h() RESET search_path',
		'FUNCTION public.h(): DIFFERENT' ],
	[ 'generated expression', 'CREATE TABLE generated (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED)',
		'ALTER TABLE generated DROP b; ALTER TABLE generated ADD b integer GENERATED ALWAYS AS (a + 2) STORED', 'TABLE public.generated: DIFFERENT' ],
	[ 'no longer generated', 'CREATE TABLE ungenerated (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED)', 'ALTER TABLE ungenerated ALTER b DROP EXPRESSION',
		'TABLE public.ungenerated: DIFFERENT' ],
	[ 'identity', 'CREATE TABLE identified (a integer GENERATED ALWAYS AS IDENTITY)', 'ALTER TABLE identified ALTER a SET GENERATED BY DEFAULT',
		'SEQUENCE public.identified_a_seq: DIFFERENT' ],
	[ 'collation', 'CREATE TABLE collated (v text COLLATE "C")', 'ALTER TABLE collated ALTER v TYPE text', 'TABLE public.collated: DIFFERENT' ],
	[ 'type', 'CREATE TABLE typed (v varchar(5))', 'ALTER TABLE typed ALTER v TYPE varchar(6)', 'TABLE public.typed: DIFFERENT' ],
	[ 'order of columns', 'CREATE TABLE ordered (a integer, b integer)', 'DROP TABLE ordered; CREATE TABLE ordered (b integer, a integer)', 'TABLE public.ordered: DIFFERENT' ],
	[ 'replica identity', 'CREATE TABLE identity (v integer); ALTER TABLE identity REPLICA IDENTITY FULL', 'ALTER TABLE identity REPLICA IDENTITY DEFAULT',
		'TABLE public.identity: DIFFERENT' ],
	[ 'storage parameter', 'CREATE TABLE stored (v integer) WITH (fillfactor = 70)', 'ALTER TABLE stored RESET (fillfactor)', 'TABLE public.stored: DIFFERENT' ],
	[ 'persistence', 'CREATE UNLOGGED TABLE unlogged (v integer)', 'ALTER TABLE unlogged SET LOGGED', 'TABLE public.unlogged: DIFFERENT' ],
	[ 'partition', 'CREATE TABLE parted (v integer) PARTITION BY LIST (v); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1)', 'ALTER TABLE parted DETACH PARTITION part',
		'TABLE ATTACH public.part: MISSING in the replica' ],
	[ 'bound', 'CREATE TABLE parted2 (v integer) PARTITION BY LIST (v); CREATE TABLE part2 PARTITION OF parted2 FOR VALUES IN (1)',
		'ALTER TABLE parted2 DETACH PARTITION part2; ALTER TABLE parted2 ATTACH PARTITION part2 FOR VALUES IN (2)', 'TABLE ATTACH public.part2: DIFFERENT' ],
	[ 'inheritance', 'CREATE TABLE parent (v integer); CREATE TABLE child () INHERITS (parent)', 'ALTER TABLE child NO INHERIT parent', 'TABLE public.child: DIFFERENT' ],
	[ 'view', 'CREATE VIEW looked AS SELECT 1 AS n', 'CREATE OR REPLACE VIEW looked AS SELECT 2 AS n', 'VIEW public.looked: DIFFERENT' ],
	[ 'policy', 'CREATE TABLE secured (v integer); CREATE POLICY pol ON secured USING (v > 0)', 'ALTER POLICY pol ON secured USING (v > 1)', 'POLICY public.secured pol: DIFFERENT' ],
	[ 'row security', 'CREATE TABLE secured2 (v integer); ALTER TABLE secured2 ENABLE ROW LEVEL SECURITY', 'ALTER TABLE secured2 DISABLE ROW LEVEL SECURITY',
		'ROW SECURITY public.secured2: MISSING in the replica' ],
	[ 'statistics', 'CREATE TABLE counted (a integer, b integer); CREATE STATISTICS stat ON a, b FROM counted', 'DROP STATISTICS stat', 'STATISTICS public.stat: MISSING in the replica' ],
	[ 'sequence', 'CREATE SEQUENCE counter INCREMENT 2', 'ALTER SEQUENCE counter INCREMENT 3', 'SEQUENCE public.counter: DIFFERENT' ],
	[ 'cast', 'CREATE TYPE cast_from AS (x integer); CREATE FUNCTION cast_it(cast_from) RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;'
		. ' CREATE CAST (cast_from AS integer) WITH FUNCTION cast_it(cast_from)', 'DROP CAST (cast_from AS integer)', 'CAST CAST (public.cast_from AS integer): MISSING in the replica' ],
	[ 'extension', 'CREATE EXTENSION citext', 'DROP EXTENSION citext', 'EXTENSION citext: MISSING in the replica' ],
	[ 'default rights', 'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT SELECT ON TABLES TO other; ALTER DEFAULT PRIVILEGES FOR ROLE other IN SCHEMA public'
		. ' GRANT SELECT ON TABLES TO app', 'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public REVOKE SELECT ON TABLES FROM other',
		'DEFAULT ACL public.DEFAULT PRIVILEGES FOR TABLES of app: MISSING in the replica' ],
	[ 'table', 'CREATE TABLE gone (v integer)', 'DROP TABLE gone', 'TABLE public.gone: MISSING in the replica' ],
	[ 'odd name', qq(CREATE TABLE "two\n\nlines\t" (v integer)), qq(ALTER TABLE "two\n\nlines\t" ADD w integer), 'TABLE public.two  lines : DIFFERENT' ],
);
# what is otherwise in a replica, and what does not count
my $same = <<'SQL';
CREATE TABLE same (v integer, b bytea DEFAULT '\xff', t timestamptz DEFAULT '2026-01-01 00:00+00'); CREATE INDEX same_v ON same (v); GRANT SELECT ON same TO app, other; CREATE SEQUENCE sequence_value;
CREATE TRIGGER trig BEFORE INSERT ON same FOR EACH ROW EXECUTE FUNCTION trig(); ALTER TABLE same ENABLE ALWAYS TRIGGER trig;
CREATE RULE rul AS ON INSERT TO same DO NOTHING; ALTER TABLE same ENABLE REPLICA RULE rul;
CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (v integer); CREATE TYPE elsewhere.ty AS (x integer);
CREATE FUNCTION elsewhere.cast_it(elsewhere.ty) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE CAST (elsewhere.ty AS integer) WITH FUNCTION elsewhere.cast_it(elsewhere.ty);
CREATE EXTENSION hstore SCHEMA elsewhere;
CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER server FOREIGN DATA WRAPPER wrapper OPTIONS (host 'x'); CREATE USER MAPPING FOR app SERVER server;
CREATE FUNCTION event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER event ON sql_drop EXECUTE FUNCTION event();
CREATE TABLE elder (a integer, b text); CREATE TABLE younger (b text, a integer, own text); ALTER TABLE younger INHERIT elder;
CREATE TABLE "two
lines" (v integer); GRANT SELECT ON "two
lines" TO app;
CREATE PUBLICATION pub FOR TABLE same; ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO other;
SQL
my $by_design = <<'SQL';
REVOKE SELECT ON same FROM app; GRANT SELECT ON same TO app; GRANT SELECT ON same TO ardent_reader; SELECT nextval('sequence_value');
DROP TABLE younger; CREATE TABLE younger (own text) INHERITS (elder); ALTER TABLE younger NO INHERIT elder; ALTER TABLE younger INHERIT elder;
GRANT SELECT ON "two
lines" TO ardent_reader;
ALTER TABLE same DISABLE TRIGGER trig; ALTER TABLE same DISABLE RULE rul;
DROP EXTENSION hstore; DROP SCHEMA elsewhere CASCADE; DROP FOREIGN DATA WRAPPER wrapper CASCADE; DROP EVENT TRIGGER event; DROP PUBLICATION pub;
ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE SELECT ON TABLES FROM other;
ALTER DATABASE replica SET bytea_output = escape; ALTER DATABASE replica SET timezone = 'Asia/Tokyo'; ALTER DATABASE replica SET quote_all_identifiers = on;
ALTER DATABASE replica SET datestyle = 'German'; ALTER DATABASE replica SET search_path = nowhere;
SQL
$servers->sql('postgres', 'CREATE ROLE ardent_reader');
my $first = q(CREATE TABLE referred (v integer PRIMARY KEY); CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';);
$servers->make('source', join("\n", $first, (map { "$_->[1];" } @kinds), $same));
$servers->make('replica', '', 'source');
my ($exit, $said, $err) = $servers->compare('source', 'replica', '--schema-only');
is($exit, 0, 'a copy is equal') or diag($said, $err);
like($said, qr/^replica equals source: \d\d+ definitions\n\z/m, 'which is the last line');
unlike($said, qr/source rows/, 'with --schema-only rows are not read');
$servers->sql('replica', $by_design);
($exit, $said, $err) = $servers->compare('source', 'replica', '--schema-only');
is($exit, 0, 'what a replica has otherwise by design is no difference') or diag($said, $err);
# made in another order, so with other oids
$servers->make('reordered', join("\n", $first, $same =~ s/TO app, other/TO other, app/r, map { "$_->[1];" =~ s/TO app, other/TO other, app/r } reverse @kinds));
($exit, $said) = $servers->compare('source', 'reordered', '--schema-only');
is($exit, 0, 'nor are other oids') or diag($said);

$servers->sql('replica', "SET search_path = public; $_->[2]") foreach @kinds;
($exit, $said, $err) = $servers->compare('source', 'replica', '--schema-only');
is($exit, 1, 'differences are an exit status');
is($err, '', 'and no error');
my @found = sort $said =~ /^  ([A-Z].*: (?:DIFFERENT|MISSING.*))$/mg;
my @expected = map { @$_[ 3 .. $#$_ ] } @kinds;
if ($servers->version < 140000)
{
	push @expected, 'ACL public.TABLE gone: MISSING in the replica';    # what the verifier may
	s/^TABLE ATTACH (public\.\w+): .*/TABLE $1: DIFFERENT/ foreach @expected;    # a definition of its own since 14
}
@expected = sort @expected;
is_deeply(\@found, \@expected, 'each kind of difference is found, and no other') or diag($said);
my $n = @expected;
like($said, qr/^replica differs from source: $n of \d+ definitions\n\z/m, 'which is the last line');
like($said, qr/^  TABLE public\.a_default: DIFFERENT\n      source:      v text DEFAULT 5\n      replica:     v text\n/m, 'the lines that differ are shown');
like($said, qr/^  TYPE public\.pair: DIFFERENT\n      source:   x integer\n      replica:  x integer,\n      replica:  y integer\n/m, 'and no others');

# rows and schema
($exit, $said) = $servers->compare('source', 'replica', '--rows-only');
unlike($said, qr/definitions/, 'with --rows-only the schema is not compared');
($exit, $said) = $servers->compare('source', 'replica');
like($said, qr/^replica differs from source: \d+ of \d+ tables, $n of \d+ definitions\n\z/m, 'both are compared without an option');
$servers->make('indexed', 'CREATE TABLE t (v integer); CREATE INDEX i ON t (v)');
$servers->make('unindexed', 'DROP INDEX i', 'indexed');
($exit, $said) = $servers->compare('indexed', 'unindexed');
is($exit, 1, 'an index alone makes a difference');
like($said, qr/^replica differs from source: 0 of 1 tables, 1 of \d definitions\n\z/m, 'and is said');
($exit, $said) = $servers->compare('indexed', 'unindexed', '--rows-only');
like($said, qr/^replica equals source: 1 tables, 0 rows\n\z/m, 'but not with --rows-only');
($exit, $said) = $servers->compare('indexed', 'unindexed', '--without', '^(INDEX|VIEW) public\.i$');
is($exit, 0, 'nor with --without') or diag($said);
$servers->sql('unindexed', 'INSERT INTO t VALUES (1)');
($exit, $said) = $servers->compare('indexed', 'unindexed', '--without', '^INDEX public\.i$');
like($said, qr/^replica differs from source: 1 of 1 tables, 0 of \d definitions\n\z/m, 'a table is not left out with its index');
$servers->make('more', 'CREATE TABLE left_out (v integer); INSERT INTO left_out VALUES (1); GRANT SELECT ON left_out TO app', 'indexed');
($exit, $said) = $servers->compare('more', 'indexed', '--without', 'TABLE public\.left_out$');
is($exit, 1, 'a definition whose name is another one is not left out') or diag($said);
($exit, $said) = $servers->compare('more', 'indexed', '--without', 'TABLE (public\.)?left_out$');
like($said, qr/^replica equals source: 1 tables, 0 rows\n\z/m, 'a table that is left out at the source can be left out, with its rights') or diag($said);
done_testing();
