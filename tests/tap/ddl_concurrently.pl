# SPDX-License-Identifier: PostgreSQL
# CONCURRENTLY that did not come to its end at the source: no message says what it left behind, and what is said of that
# afterwards has to do without. And sessions that change one table at the same time: what one of them says of it may be out
# of date when it commits.
use strict;
use warnings;
use Ardent::Dump;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ddl_concurrently', sql => <<'SQL');
CREATE TABLE twice (id integer PRIMARY KEY, v integer, w integer);
INSERT INTO twice SELECT g, g / 2, g FROM generate_series(1, 100) AS g;
CREATE INDEX half_gone ON twice (w);
CREATE TABLE parted (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100);
INSERT INTO parted VALUES (1);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;

my $follows = sub {
	my ($what) = @_;
	my $n = $source->('UPDATE beacon SET n = n + 1 RETURNING n');
	my $failure = '';
	$t->wait_for($what, sub {
		my $connector = $t->connector;
		$failure = $connector->{failure}{message} // 'failed' if $connector->{status} eq 'failed';
		return $failure || ($t->replica_try('SELECT n FROM beacon') // '') eq $n;
	});
	is($failure, '', $what) or die 'the connector has failed';
	is(join("\n", definitions_differ($t)), '', "$what: the definitions are equal");
	return $t->compare_ok($what);
};
my $fails = sub {
	my ($sql, $expected, %more) = @_;
	my (undef, undef, $err) = $t->source->psql($database, $sql, %more);
	return like($err, $expected, "the source refuses $sql");
};
my $valid = sub { return $source->("SELECT indisvalid FROM pg_index WHERE indexrelid = '$_[0]'::regclass"); };

# an index that could not be made
$fails->('CREATE UNIQUE INDEX CONCURRENTLY unmade ON twice (v)', qr/could not create unique index/);
is($valid->('unmade'), 'f', 'it is there, and not valid');
$source->('ALTER TABLE twice ADD COLUMN x text');
$follows->('a table that has such an index is altered');
$source->('ALTER INDEX unmade RENAME TO unmade_too');
$source->(q(COMMENT ON INDEX unmade_too IS 'never made'));
$source->('ALTER INDEX unmade_too SET (fillfactor = 80)');
$follows->('the index is altered');
$source->('CREATE INDEX made ON twice (x); DROP INDEX unmade_too, made');
$follows->('it is dropped with another one');
$fails->('CREATE UNIQUE INDEX CONCURRENTLY "Un made" ON twice (v)', qr/could not create unique index/);
$source->('DROP INDEX CONCURRENTLY "Un made"');
$follows->('it is dropped on its own, without a lock');
$fails->('CREATE UNIQUE INDEX CONCURRENTLY unmade ON twice (v)', qr/could not create unique index/);
$source->('DROP TABLE twice; CREATE TABLE twice (id integer PRIMARY KEY, w integer); CREATE INDEX half_gone ON twice (w)');
$follows->('it is dropped with its table');

# what could not be ended because somebody reads there
my $open = sub {
	my ($sql) = @_;
	my $session = { in => "BEGIN; $sql; SELECT 'done';\n", out => '' };
	$session->{run} = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $t->source->connstr($database) ], '<', \$session->{in}, '>', \$session->{out});
	$session->{run}->pump until $session->{out} =~ /done\n/;
	return $session;
};
my $close = sub { my ($session) = @_; $session->{in} = "COMMIT;\n\\q\n"; return $session->{run}->finish; };
my $while = sub {
	my ($sql, $work) = @_;
	my $session = $open->($sql);
	$work->();
	return $close->($session);
};
my $while_read = sub {
	my ($table, $sql) = @_;
	return $while->("SELECT count(*) FROM $table", sub { $fails->("SET lock_timeout = '200ms'; $sql", qr/lock timeout/) });
};
$while_read->('twice', 'DROP INDEX CONCURRENTLY half_gone');
is($valid->('half_gone'), 'f', 'the index is there, and not valid any more');
$source->('ALTER INDEX half_gone RENAME TO gone');
$source->('DROP INDEX gone');
$follows->('an index that was half dropped is renamed and dropped');

# dropped further: nobody uses it any more, and it waits for who may still read it
my $is = sub {
	my ($what, $sql) = @_;
	return $t->wait_for($what, sub { return $source->("SELECT count(*) FROM $sql") > 0 });
};
$source->('CREATE UNIQUE INDEX half_gone ON twice (w)');
my $first = $open->('SELECT count(*) FROM twice');
my $said = '';
my $dropper = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($database), '-c', 'DROP INDEX CONCURRENTLY half_gone' ], '>&', \$said);
$is->('it waits for the one who reads', q(pg_stat_activity WHERE query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'));
my $second = $open->('SELECT count(*) FROM twice');
$close->($first);
$is->('it waits for the next one', q(pg_index WHERE indexrelid = 'half_gone'::regclass AND NOT indislive));
$source->(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%'));
$dropper->finish;
like($said, qr/terminating connection/, 'it is ended');
$close->($second);
$source->('ALTER TABLE twice ADD COLUMN y integer; DROP INDEX half_gone');
$follows->('a table with an index that is nearly gone is altered');
SKIP:
{
	skip 'DETACH CONCURRENTLY is of 14', 11 if $t->major < 14;
	$while_read->('parted', 'ALTER TABLE parted DETACH PARTITION part CONCURRENTLY');
	$source->('INSERT INTO part VALUES (2)');
	$source->('ALTER TABLE parted DETACH PARTITION part FINALIZE');
	$source->('ALTER TABLE part DROP CONSTRAINT part_id_check; INSERT INTO part VALUES (1000)');
	$follows->('DETACH … FINALIZE ends what could not be ended');
	$source->(q(ALTER TABLE part ADD CONSTRAINT "Own check" CHECK (id >= 0 AND id < 100) NOT VALID; DELETE FROM part WHERE id = 1000;
		ALTER TABLE part VALIDATE CONSTRAINT "Own check"; ALTER TABLE parted ATTACH PARTITION part FOR VALUES FROM (0) TO (100)));
	$source->('ALTER TABLE parted DETACH PARTITION part CONCURRENTLY');
	$follows->('a check that implies the bound spares another one');
	$source->('ALTER TABLE part DROP CONSTRAINT "Own check"; INSERT INTO part VALUES (1000)');
	$follows->('the check is dropped');
	is($t->replica_psql(q(SELECT relispartition FROM pg_class WHERE oid = 'part'::regclass)), 'f', 'the partition is detached');
}
# what one session says of a table that it does not keep others from changing
$source->(q(CREATE TABLE busy (id integer PRIMARY KEY, v integer); CREATE INDEX busy_v ON busy (v); CREATE TABLE list (i integer) PARTITION BY LIST (i);
	CREATE TABLE list_1 PARTITION OF list FOR VALUES IN (1); CREATE TABLE list_2 (i integer);
	CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TABLE moody (id integer PRIMARY KEY, m mood DEFAULT 'low')));
foreach my $case (
	[ 'an index is renamed while its table is altered', 'ALTER INDEX busy_v RENAME TO busy_w', 'ALTER TABLE busy ADD COLUMN w integer' ],
	[ 'two make unique indexes', 'CREATE UNIQUE INDEX busy_one ON busy (v, id)', 'CREATE UNIQUE INDEX busy_two ON busy (id, v)' ],
	[ 'a partition is attached while another one gets a key', 'ALTER TABLE list ATTACH PARTITION list_2 FOR VALUES IN (2)', 'CREATE UNIQUE INDEX ON list_1 (i)' ],
	[ 'a key gets another name while its table is altered', 'ALTER TABLE busy ADD COLUMN x integer', 'ALTER INDEX busy_pkey RENAME TO busy_key' ],
	[ 'a type gets another name while its table is altered', 'ALTER TABLE moody ADD COLUMN x integer', 'ALTER TYPE mood RENAME TO temper' ],
	[ 'a parent gets another name while its child is altered', 'ALTER TABLE list_1 SET (fillfactor = 90)', 'ALTER TABLE list RENAME TO listed' ])
{
	my ($what, $one, $other) = @$case;
	$while->($one, sub { $source->($other) });
	$follows->($what);
}
$t->stop_all;
done_testing();
