# SPDX-License-Identifier: PostgreSQL
# What a migration does at the source works in a branch, as the branch's own role, which is no superuser: one statement of each kind,
# on objects of several owners, in a database whose objects came by way of the replica. What only a superuser may do is refused with
# PostgreSQL's own words, and leaves the branch as it was.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'branch_migrations', schemas => [ 'public', 'billing' ], sql => <<'SQL');
CREATE ROLE owner_a;
CREATE ROLE owner_b;
CREATE ROLE reader;
GRANT owner_a TO owner_b;
CREATE EXTENSION pg_trgm;
CREATE SCHEMA billing AUTHORIZATION owner_b;
CREATE TABLE public.a (id serial PRIMARY KEY, v text NOT NULL DEFAULT 'x', n integer);
ALTER TABLE public.a OWNER TO owner_a;
INSERT INTO public.a (v, n) SELECT 'v' || g, g FROM generate_series(1, 1000) AS g;
CREATE TABLE billing.b (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer REFERENCES public.a, amount numeric CHECK (amount >= 0));
ALTER TABLE billing.b OWNER TO owner_b;
INSERT INTO billing.b (a, amount) SELECT g, g FROM generate_series(1, 100) AS g;
CREATE TABLE public.nobodys (id integer PRIMARY KEY, v text);
INSERT INTO public.nobodys VALUES (1, 'a');
CREATE TABLE public.parted (id integer, k integer, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES IN (1);
CREATE TYPE public.mood AS ENUM ('low', 'high');
ALTER TYPE public.mood OWNER TO owner_a;
CREATE DOMAIN public.amount AS numeric CHECK (VALUE >= 0);
CREATE FUNCTION public.double(i integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT i * 2';
ALTER FUNCTION public.double(integer) OWNER TO owner_a;
CREATE VIEW public.av AS SELECT id, v FROM public.a;
ALTER VIEW public.av OWNER TO owner_a;
CREATE MATERIALIZED VIEW public.am AS SELECT count(*) AS n FROM public.a;
ALTER MATERIALIZED VIEW public.am OWNER TO owner_a;
CREATE UNIQUE INDEX am_n ON public.am (n);
CREATE SEQUENCE public.free;
CREATE TABLE public.secured (id integer PRIMARY KEY, who text);
INSERT INTO public.secured VALUES (1, 'reader'), (2, 'nobody');
ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.secured FOR SELECT USING (who = current_user);
GRANT SELECT ON public.secured TO reader;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || '!'; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.a FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE FUNCTION public.as_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
ALTER FUNCTION public.as_owner() OWNER TO owner_b;
SQL
my $database = $Ardent::Test::database;
$t->source->safe_psql('postgres', 'ALTER ROLE ardent_replication BYPASSRLS');
my $b = Ardent::Branching->new($t);
my $id = $b->create_ok('migrated');
my $role = $b->row($id)->{user};

# Who the role is.
is($b->psql($id, q(SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user)), 'f|t|t|f|f',
	'no superuser; it makes databases and roles, replicates nothing and keeps row security');
is($b->psql($id, q(SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = current_database())), 't', 'it owns the database');
is($b->psql($id, "SELECT pg_has_role('$_', 'MEMBER')"), 't', "it is a member of $_") foreach qw(owner_a owner_b reader pg_monitor pg_signal_backend);
SKIP:
{
	skip 'pg_read_all_data came with 14', 2 if $t->major < 14;
	is($b->psql($id, "SELECT pg_has_role('$_', 'MEMBER')"), 't', "it is a member of $_") foreach qw(pg_read_all_data pg_write_all_data);
}
is($b->psql($id, q(SELECT string_agg(tableowner, ' ' ORDER BY tablename) FROM pg_tables WHERE tablename IN ('a', 'b', 'secured'))),
	$t->source->safe_psql($database, q(SELECT string_agg(tableowner, ' ' ORDER BY tablename) FROM pg_tables WHERE tablename IN ('a', 'b', 'secured'))), 'tables have the owners that they have at the source');

# Each works; a list is a session of its own, in which statements follow one another.
my @works = (
	'CREATE EXTENSION hstore', 'CREATE EXTENSION citext', 'CREATE EXTENSION pgcrypto',
	'CREATE SCHEMA made', 'CREATE SCHEMA of_a AUTHORIZATION owner_a', 'ALTER SCHEMA billing RENAME TO bills', 'ALTER SCHEMA bills RENAME TO billing',
	'GRANT CREATE ON SCHEMA public TO owner_a', 'CREATE TABLE made.t (id serial PRIMARY KEY, v text)', 'CREATE TABLE billing.more (id integer)', 'CREATE TABLE public.more AS SELECT * FROM a', 'SELECT * INTO public.into_it FROM a',
	'CREATE TEMP TABLE tmp AS SELECT 1', 'CREATE UNLOGGED TABLE unlogged (i integer)',
	'ALTER TABLE a ADD COLUMN added integer NOT NULL DEFAULT 5', 'ALTER TABLE a ALTER COLUMN n TYPE bigint', 'ALTER TABLE a ADD COLUMN twice bigint GENERATED ALWAYS AS (n * 2) STORED',
	'ALTER TABLE a RENAME COLUMN added TO renamed', 'ALTER TABLE a DROP COLUMN renamed', 'ALTER TABLE a ALTER COLUMN v SET NOT NULL', q(ALTER TABLE a ALTER COLUMN v SET DEFAULT 'y'),
	'ALTER TABLE billing.b ADD CONSTRAINT big CHECK (amount < 1000000) NOT VALID', 'ALTER TABLE billing.b VALIDATE CONSTRAINT big', 'ALTER TABLE billing.b DROP CONSTRAINT big',
	'ALTER TABLE billing.b ADD CONSTRAINT other FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE', 'ALTER TABLE billing.b ALTER COLUMN id RESTART WITH 5000', 'ALTER TABLE billing.b REPLICA IDENTITY FULL',
	'ALTER TABLE nobodys OWNER TO owner_a', 'ALTER TABLE nobodys OWNER TO CURRENT_USER', 'ALTER TABLE nobodys SET SCHEMA billing', 'ALTER TABLE billing.nobodys SET SCHEMA public', 'ALTER TABLE a SET (fillfactor = 70)',
	'ALTER TABLE a CLUSTER ON a_pkey', 'CLUSTER a', 'ALTER TABLE a DISABLE TRIGGER touch', 'ALTER TABLE a ENABLE TRIGGER touch', 'ALTER TABLE a DISABLE TRIGGER USER', 'ALTER TABLE a ENABLE ALWAYS TRIGGER touch',
	'CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)', 'ALTER TABLE parted DETACH PARTITION parted_1', 'ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1)',
	'CREATE INDEX ON a (v)', 'CREATE INDEX CONCURRENTLY a_n ON a (n)', 'CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id, v)', 'CREATE INDEX trgm ON a USING gin (v gin_trgm_ops)', 'REINDEX INDEX a_n', 'REINDEX TABLE a', 'REINDEX INDEX CONCURRENTLY a_n',
	"REINDEX DATABASE $database", 'DROP INDEX CONCURRENTLY a_n', 'ALTER INDEX a_id RENAME TO a_other',
	'VACUUM a', 'VACUUM (FULL, ANALYZE) billing.b', 'ANALYZE', 'TRUNCATE more', 'CREATE STATISTICS stat ON id, n FROM a', 'COMMENT ON TABLE a IS \'told\'', 'COMMENT ON COLUMN billing.b.amount IS NULL', "COMMENT ON DATABASE $database IS 'a branch'",
	'REFRESH MATERIALIZED VIEW am', 'REFRESH MATERIALIZED VIEW CONCURRENTLY am', 'CREATE MATERIALIZED VIEW mv AS SELECT * FROM a', 'CREATE OR REPLACE VIEW av AS SELECT id, v, n FROM a', 'CREATE VIEW made.v AS SELECT * FROM billing.b', 'DROP VIEW made.v',
	'CREATE RULE r AS ON INSERT TO more DO INSTEAD NOTHING', 'DROP RULE r ON more',
	'CREATE OR REPLACE FUNCTION double(i integer) RETURNS integer LANGUAGE sql IMMUTABLE AS \'SELECT i + i\'', 'ALTER FUNCTION double(integer) STRICT', 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$', 'CALL p()', 'DO $$ BEGIN PERFORM 1; END $$',
	'CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer)', 'CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq)', 'CREATE TRIGGER again AFTER INSERT ON nobodys FOR EACH ROW EXECUTE FUNCTION touch()', 'DROP TRIGGER touch ON a',
	q(ALTER TYPE mood ADD VALUE 'middle' BEFORE 'high'), q(ALTER TYPE mood RENAME VALUE 'low' TO 'lower'), 'CREATE TYPE pair AS (x integer, y integer)', 'CREATE TYPE span AS RANGE (subtype = integer)', 'ALTER DOMAIN amount ADD CONSTRAINT small CHECK (VALUE < 100) NOT VALID', 'CREATE DOMAIN d AS text',
	'CREATE CAST (pair AS text) WITH INOUT', 'CREATE COLLATION german FROM "C"', 'CREATE TEXT SEARCH CONFIGURATION conf (COPY = simple)',
	'ALTER SEQUENCE free INCREMENT 5', q(SELECT setval('free', 100)), q(SELECT nextval('a_id_seq')), 'CREATE SEQUENCE own OWNED BY nobodys.id',
	'CREATE POLICY more ON secured FOR INSERT WITH CHECK (true)', 'ALTER POLICY own ON secured USING (true)', 'DROP POLICY own ON secured', 'ALTER TABLE secured FORCE ROW LEVEL SECURITY', 'ALTER TABLE secured DISABLE ROW LEVEL SECURITY', 'ALTER TABLE a ENABLE ROW LEVEL SECURITY',
	'GRANT SELECT ON a TO reader', 'REVOKE SELECT ON a FROM reader', 'GRANT USAGE ON SCHEMA billing TO reader', 'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader', 'ALTER DEFAULT PRIVILEGES FOR ROLE owner_a GRANT SELECT ON TABLES TO reader',
	"GRANT CONNECT ON DATABASE $database TO reader", 'REVOKE ALL ON SCHEMA public FROM PUBLIC',
	q(CREATE ROLE made_role LOGIN PASSWORD 'x'), 'GRANT reader TO made_role', 'ALTER ROLE made_role SET work_mem = \'1MB\'', 'ALTER ROLE owner_a CONNECTION LIMIT 5', 'GRANT owner_b TO made_role', 'DROP ROLE made_role', 'CREATE ROLE passing', 'GRANT passing TO CURRENT_USER', 'REASSIGN OWNED BY passing TO owner_a', 'DROP OWNED BY passing', 'DROP ROLE passing',
	'CREATE DATABASE another', 'ALTER DATABASE another RENAME TO another_one', 'DROP DATABASE another_one', "ALTER DATABASE $database SET statement_timeout = '1h'", "ALTER DATABASE $database RESET statement_timeout",
	'CREATE PUBLICATION pub FOR TABLE a', 'DROP PUBLICATION pub', 'SELECT lo_create(0) > 0', 'LISTEN c', 'NOTIFY c', q(SELECT pg_advisory_lock(1)), 'SELECT count(*) FROM pg_stat_activity',
	'DROP TABLE billing.b CASCADE', 'DROP FUNCTION double(integer) CASCADE', 'DROP SCHEMA of_a', 'DROP TYPE mood CASCADE', 'DROP EXTENSION hstore',
	[ 'SET ROLE owner_a', 'CREATE TABLE public.as_a (id integer)', q(SELECT 1 FROM pg_tables WHERE tablename = 'as_a' AND tableowner = 'owner_a'), 'RESET ROLE', 'DROP TABLE as_a' ],
	[ 'SET SESSION AUTHORIZATION DEFAULT', 'SET ROLE owner_b', 'CREATE TABLE billing.as_b (id integer)', 'SET ROLE owner_a' ],
	[ 'BEGIN', 'LOCK TABLE a', 'ALTER TABLE a ADD COLUMN y integer', 'CREATE INDEX ON a (y)', 'SAVEPOINT s', 'DROP TABLE a CASCADE', 'ROLLBACK TO s', 'COMMIT', 'SELECT y FROM a LIMIT 1' ]);
foreach my $statements (@works)
{
	my @all = ref $statements ? @$statements : $statements;
	unlike($b->psql($id, @all), qr/^ERROR/, "it works: @all");
}

# What it can see and do with rows.
my $fresh = $b->create_ok('fresh');
is($b->psql($fresh, 'SELECT count(*) FROM a', 'SELECT count(*) FROM billing.b', 'SELECT count(*) FROM secured'), "1000\n100\n2", 'it reads what every owner has, as owners do under row security');
is($b->psql($fresh, 'SET ROLE reader', 'SELECT string_agg(who, \' \') FROM secured'), 'reader', 'and as another role what that one may');
is($b->psql($fresh, 'SELECT as_owner()'), 'owner_b', 'SECURITY DEFINER runs as the owner that it has at the source');
is($b->psql($fresh, q(UPDATE a SET v = 'w' WHERE id = 1 RETURNING v)), 'w!', 'triggers fire');
like($b->psql($fresh, q(INSERT INTO billing.b (a, amount) VALUES (1, -1))), qr/^ERROR.*violates check/s, 'checks hold');
like($b->psql($fresh, q(INSERT INTO billing.b (a, amount) VALUES (99999, 1))), qr/^ERROR.*violates foreign key/s, 'foreign keys hold');
my $sleeper = $b->begin_psql($fresh, 'SET ROLE owner_a; SELECT pg_sleep(600)');
$t->wait_for('a session of another role', sub { return $b->psql($fresh, q(SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query ~ 'pg_sleep.600' AND pid <> pg_backend_pid() AND wait_event = 'PgSleep')) eq '1' });
$sleeper->{run}->finish;
like($sleeper->{err}, qr/canceling statement due to user request/, 'it cancels what another session does');
my $said = '';
IPC::Run::run([ 'pg_dump', '-Fc', '-d', $b->url($fresh), '-f', $t->dir . '/dump' ], '<', \undef, '>&', \$said);
is($said, '', 'pg_dump as the role');
is(Ardent::Branching::run_psql('-d', $b->url($fresh), '-c', 'CREATE DATABASE restored'), '', 'a database for it');
IPC::Run::run([ 'pg_restore', '--exit-on-error', '--no-owner', '-d', $b->url($fresh) =~ s{/shop\?}{/restored?}r, $t->dir . '/dump' ], '<', \undef, '>&', \$said);
# before 15 the schema public of a new database is the superuser's
$said =~ s/^pg_restore: WARNING:  no privileges (?:could be revoked|were granted) for "public"\n//mg if $t->major < 15;
is($said, '', 'and pg_restore into it');

# What is a superuser's.
foreach my $statement ('CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION touch()', 'ALTER SYSTEM SET work_mem = \'1MB\'', 'CREATE ROLE r SUPERUSER', 'CREATE EXTENSION file_fdw', 'CREATE PUBLICATION every FOR ALL TABLES',
	q(CREATE TABLESPACE ts LOCATION '/tmp'), 'CREATE LANGUAGE plperlu', 'ALTER TABLE a DISABLE TRIGGER ALL', 'SET SESSION AUTHORIZATION owner_a', q(UPDATE pg_class SET relname = 'x' WHERE relname = 'a'), 'DROP DATABASE postgres')
{
	like($b->psql($fresh, $statement), qr/^ERROR .*(?:permission denied|[Mm]ust be (?:superuser|owner)|superuser|does not exist|could not open extension|is not available)/s, "it is refused: $statement");
}
# A member of pg_read_all_data, which 14 brought, reads every catalog.
like($b->psql($fresh, 'SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname <> session_user'), $t->major < 14 ? qr/permission denied/ : qr/^0$/, 'no role but its own has a password to read');
is($b->psql($fresh, 'SELECT count(*) FROM a'), '1000', 'and nothing has changed');
is($t->source->safe_psql($database, q(SELECT count(*) FROM a) . ' WHERE v ~ \'^v\''), '1000', 'the source is what it was');
is($t->replica_psql('SELECT count(*) FROM billing.b'), '100', 'and so is the replica');
$t->stop_all;
done_testing();
