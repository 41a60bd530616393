# SPDX-License-Identifier: PostgreSQL
# What stops a connector that replays DDL, and how it goes on: a statement that fails here, the one LSN that the operator
# leaves out, rows that are not in the stream, a statement that the source could not capture. And what a statement's author
# cannot reach.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ddl_failures', sql => <<'SQL');
CREATE TABLE fact (id integer PRIMARY KEY, v text);
INSERT INTO fact SELECT g, 'v' || g FROM generate_series(1, 200) AS g;
CREATE TABLE filled (id integer PRIMARY KEY);
INSERT INTO filled SELECT generate_series(1, 20);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || ' fired'; RETURN NEW; END $$;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $admin = $t->replica_admin;
my $replica = sub {
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $admin ], '<', \$_[0]) or die "replica: $_[0]";
};
my $retry = sub {
	my ($code, $said) = $t->cli('connector', 'retry-setup', $database, @_);
	is($code, 0, "retry-setup @_") or diag($said);
	return $t->wait_with_agent('it streams again', sub { return $t->status =~ /^(?:streaming|degraded)$/ });
};
my $stops = sub {
	my ($what, $sql, $expected) = @_;
	my $position = $t->connector->{replica}{durable_lsn};
	$source->($sql);
	$t->wait_status('failed');
	my $failure = $t->connector->{failure};
	like($failure->{message}, $expected, "$what stops the connector");
	like($failure->{message}, qr/^LSN $failure->{lsn}: /, 'with its LSN');
	return $failure->{lsn};
};

# a failure that is mended
$replica->('CREATE TABLE in_the_way (id integer)');
my $lsn = $stops->('a statement that fails here', q(BEGIN; INSERT INTO fact VALUES (1001, 'with it');
	CREATE TABLE in_the_way (id integer PRIMARY KEY); INSERT INTO in_the_way VALUES (1); COMMIT),
	qr/the replica refuses a CREATE TABLE of the source: .*relation "in_the_way" already exists.*; statement: CREATE TABLE in_the_way/s);
is($t->replica_psql('SELECT count(*) FROM fact WHERE id = 1001'), 0, 'with what came before it in its transaction');
$replica->('DROP TABLE in_the_way');
$retry->();
$t->wait_caught_up;
$t->compare_ok('after it was mended');

# one that is left out
$replica->('ALTER TABLE fact ADD COLUMN doubled integer');
$lsn = $stops->('a column that is here already', 'ALTER TABLE fact ADD COLUMN doubled integer', qr/column "doubled" of relation "fact" already exists/);
$retry->('--skip-ddl', $lsn);
$t->wait_caught_up;
is($t->connector->{ddl}{skip_lsn}, $lsn, 'what is left out is shown');
$t->compare_ok('after one was left out');
my ($code, $said) = $t->cli('connector', 'retry-setup', $database, '--skip-ddl', 'nonsense');
isnt($code, 0, 'only an LSN can be left out');
like($said, qr/skip_ddl is no LSN/, 'which is said');

# a definition that comes out otherwise
$replica->('ALTER TABLE filled ADD COLUMN stray text');
$lsn = $stops->('another definition', 'ALTER TABLE filled ADD COLUMN meant integer',
	qr/after a ALTER TABLE of the source table public.filled is another one here: column 2 is meant integer at the source and stray text in the replica/);
$replica->('ALTER TABLE filled DROP COLUMN stray');
$retry->();
$t->wait_caught_up;
$t->compare_ok('after the stray column is gone');

# a DROP OWNED that would take more here than there: REASSIGN OWNED as a session's first statement has no message
$source->('CREATE ROLE leaver; CREATE TABLE kept (id integer PRIMARY KEY); CREATE TABLE gone (id integer PRIMARY KEY); ALTER TABLE gone OWNER TO leaver');
$t->wait_caught_up;
$replica->('ALTER TABLE kept OWNER TO leaver');
$source->('DROP OWNED BY leaver');
$t->wait_caught_up;
$t->compare_ok('DROP OWNED that meets another owner takes what it took at the source');
like(join("\n", @{ $t->connector->{warnings} }), qr/in the replica table public\.kept belongs to postgres/, 'and says who owns the rest');

# triggers that would fire here
$source->(q(CREATE TRIGGER fire BEFORE INSERT ON fact FOR EACH ROW EXECUTE FUNCTION fire(); ALTER TABLE fact ENABLE ALWAYS TRIGGER fire;
	INSERT INTO fact VALUES (2001, 'once')));
$t->wait_caught_up;
is($t->replica_psql('SELECT v FROM fact WHERE id = 2001'), 'once fired', 'a trigger that is ENABLE ALWAYS does not fire again');
is_deeply($t->connector->{disabled_triggers}, ['public.fact: fire'], 'and is shown as switched off');

# rows that are not in the stream
$source->(q(ALTER TABLE fact ADD COLUMN steady text DEFAULT lower('STEADY')));
$source->(q(ALTER TABLE fact ADD COLUMN made text GENERATED ALWAYS AS (v || '!') STORED));
$source->('ALTER TABLE fact ALTER COLUMN doubled TYPE bigint USING doubled + 1');
$source->('ALTER TABLE filled SET UNLOGGED; INSERT INTO filled (id) VALUES (77)');
$t->wait_caught_up;
is($t->status, 'streaming', 'a rewrite that comes out the same here is run here');
$t->compare_ok('after rewrites');
is($t->replica_psql('SELECT count(*) FROM filled'), 0, 'a table that became unlogged is empty');

# what its author cannot reach, text by text under the rights of the replica
foreach my $case (
	[ 'COPY TO PROGRAM', q(CREATE FUNCTION reach() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
		IF current_setting('session_replication_role') = 'replica' THEN COPY (SELECT 1) TO PROGRAM 'touch /tmp/reached'; END IF; RETURN 1; END $f$;
		ALTER TABLE fact ADD CONSTRAINT reached CHECK (reach() > 0)), qr/permission denied to COPY to or from an external program|must be superuser or (?:have privileges|a member) of the pg_execute_server_program role/ ],
	[ 'a role with more rights', q(CREATE OR REPLACE FUNCTION reach() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
		IF current_setting('session_replication_role') = 'replica' THEN CREATE ROLE mighty SUPERUSER; END IF; RETURN 1; END $f$;
		ALTER TABLE fact ADD CONSTRAINT reached CHECK (reach() > 0)), qr/must be superuser to create superusers|permission denied to create role/ ],
	[ 'the progress row', q(CREATE OR REPLACE FUNCTION reach() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
		IF current_setting('session_replication_role') = 'replica' THEN UPDATE ardent.progress SET slot = 'x'; END IF; RETURN 1; END $f$;
		ALTER TABLE fact ADD CONSTRAINT reached CHECK (reach() > 0)), qr/permission denied for (?:schema|table)/ ],
	[ 'ALTER SYSTEM', q(CREATE OR REPLACE FUNCTION reach() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
		IF current_setting('session_replication_role') = 'replica' THEN EXECUTE 'ALTER SYSTEM SET work_mem = 64'; END IF; RETURN 1; END $f$;
		ALTER TABLE fact ADD CONSTRAINT reached CHECK (reach() > 0)), qr/ALTER SYSTEM cannot (?:run inside a transaction block|be executed from a function)|permission denied to set parameter|must be superuser to execute ALTER SYSTEM/ ],
	[ 'the superuser, after an extension in the same transaction', q(CREATE OR REPLACE FUNCTION reach() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
		IF current_setting('session_replication_role') = 'replica' THEN SET LOCAL ROLE ardent_admin; END IF; RETURN 1; END $f$;
		BEGIN; CREATE EXTENSION pg_trgm; ALTER TABLE fact ADD CONSTRAINT reached CHECK (reach() > 0); COMMIT), qr/permission denied to set role "ardent_admin"/ ])
{
	my ($what, $sql, $expected) = @$case;
	my $stopped = $stops->($what, $sql, $expected);
	$retry->('--skip-ddl', $stopped);
	$source->('ALTER TABLE fact DROP CONSTRAINT IF EXISTS reached');
	$t->wait_caught_up;
}
$source->(q(CREATE FUNCTION c_function() RETURNS integer LANGUAGE c AS 'plpgsql', 'plpgsql_call_handler'));
$t->wait_caught_up;
is_deeply([ map { $_->{identity} } @{ $t->connector->{not_carried}{objects} } ], ['public.c_function()'], 'a C function is left out and named');
$source->('DROP FUNCTION c_function()');
$t->wait_caught_up;
is_deeply($t->connector->{not_carried}{objects}, [], 'until it is dropped');
is($t->replica_psql(q(SELECT count(*) FROM pg_roles WHERE rolname = 'mighty')), 0, 'no role was made');
ok(!-e '/tmp/reached', 'no program was run');

# rows that are not in the stream stop nothing: copy_again.pl
$source->('CREATE TABLE numbered (v text); INSERT INTO numbered SELECT generate_series(1, 10)');
$source->('ALTER TABLE fact ADD COLUMN since timestamptz DEFAULT now(); ALTER TABLE numbered ADD COLUMN id bigserial PRIMARY KEY');
$source->('ALTER TABLE unlogged SET LOGGED');
$t->wait_caught_up;
$t->wait_with_agent('no table waits for a copy', sub { return !@{ $t->connector->{copy_again} } });
is($t->status, 'streaming', 'rows that are not in the stream stop nothing');
$t->compare_ok('after tables were copied again');
$t->stop_all;
done_testing();
