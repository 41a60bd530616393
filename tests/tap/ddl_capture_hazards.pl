# SPDX-License-Identifier: PostgreSQL
# What makes other captures wrong: statements in more than one transaction, two-phase commit, statements that touch many
# objects, names that change in the middle of a transaction that also writes rows, the extended protocol.
use strict;
use warnings;
use Ardent::Ddl;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 4\nmax_wal_senders = 4\nmax_prepared_transactions = 4\nfsync = off\n");
$node->start;
my ($major) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;
$node->safe_psql('postgres', 'CREATE ROLE r; CREATE ROLE r2; CREATE TABLE t (id integer PRIMARY KEY, n integer)');
my $ddl = Ardent::Ddl->new($node, 'postgres');

sub leaves
{
	my ($sql, $expected, $name, %args) = @_;
	$ddl->sql($_) foreach ref $sql ? @$sql : $sql;
	my @lines = $ddl->lines(%args);
	is_deeply(\@lines, $expected, $name) or diag(join "\n", @lines);
	return;
}

# two-phase commit: nothing at PREPARE nor at ROLLBACK PREPARED, all at COMMIT PREPARED
leaves(q(BEGIN; CREATE TABLE twice (id integer); INSERT INTO t VALUES (1, 1); ALTER TABLE twice ADD n integer; PREPARE TRANSACTION 'one'), [], 'prepared: nothing yet');
leaves(q(COMMIT PREPARED 'one'), [ 'CREATE TABLE: CREATE TABLE twice (id integer)', 'table public.t: INSERT: id[integer]:1 n[integer]:1',
	'ALTER TABLE: ALTER TABLE twice ADD n integer' ], 'committed later: in order with the rows');
leaves([ q(BEGIN; DROP TABLE twice; PREPARE TRANSACTION 'two'), q(ROLLBACK PREPARED 'two') ], [], 'a prepared transaction that is rolled back leaves nothing');

# sub-transactions, also such that a function rolls back; the numbers go up
$ddl->sql(q(BEGIN; CREATE TABLE s1 (); SAVEPOINT a; CREATE TABLE s2 (); SAVEPOINT b; CREATE TABLE s3 (); ROLLBACK TO b; CREATE TABLE s3 ();
	RELEASE b; ROLLBACK TO a; CREATE TABLE s2 (); DO $$ BEGIN CREATE TABLE s4 (); DROP TABLE missing; EXCEPTION WHEN undefined_table THEN CREATE TABLE s5 (); END $$; COMMIT));
my @bodies = $ddl->bodies;
is_deeply([ map { $_->{text} } @bodies ], [ 'CREATE TABLE s1 ()', 'CREATE TABLE s2 ()', 'CREATE TABLE s5 ()' ], 'what was rolled back to a savepoint is not there');
ok($bodies[0]{ordinal} < $bodies[1]{ordinal} && $bodies[1]{ordinal} < $bodies[2]{ordinal}, 'the numbers rise');
is(scalar(keys %{ { map { $_->{xid} => 1 } @bodies } }), 1, 'one top transaction id');
is($bodies[0]{xid}, $ddl->sql(q(SELECT xmin FROM pg_class WHERE relname = 's1')), 'that of the transaction, not of a sub-transaction');

# more sub-transactions than a backend remembers: capture itself takes no transaction id of its own
$ddl->sql('BEGIN;' . join('', map { "CREATE TABLE many$_ ();" } 1 .. 80) . 'COMMIT');
@bodies = $ddl->bodies;
is(scalar @bodies, 80, '80 statements in a transaction, 80 messages');
is($ddl->sql(q(SELECT count(DISTINCT xmin::text) FROM pg_class WHERE relname LIKE 'many%')), '1', 'all under one transaction id');

# names that change while rows are written
leaves(q(BEGIN; CREATE TABLE a (v text); INSERT INTO a VALUES ('first'); ALTER TABLE a RENAME TO b; INSERT INTO b VALUES ('second');
	CREATE TABLE a (w integer); INSERT INTO a VALUES (3); DROP TABLE a; ALTER TABLE b RENAME v TO x; INSERT INTO b VALUES ('last'); COMMIT),
	[ 'CREATE TABLE: CREATE TABLE a (v text)', q(table public.a: INSERT: v[text]:'first'), 'ALTER TABLE: ALTER TABLE a RENAME TO b',
		q(table public.b: INSERT: v[text]:'second'), 'CREATE TABLE: CREATE TABLE a (w integer)', 'table public.a: INSERT: w[integer]:3',
		'DROP TABLE: DROP TABLE a', 'ALTER TABLE: ALTER TABLE b RENAME v TO x', q(table public.b: INSERT: x[text]:'last') ],
	'renamed, made again and dropped under one name between rows');

# statements that run in several transactions
leaves([ 'CREATE INDEX CONCURRENTLY later ON t (n)', 'REINDEX INDEX CONCURRENTLY later', 'DROP INDEX CONCURRENTLY later' ],
	[ 'CREATE INDEX: CREATE INDEX CONCURRENTLY later ON t (n)', ($major >= 17 ? 'REINDEX: REINDEX INDEX CONCURRENTLY later' : ()),
		'DROP INDEX: DROP INDEX CONCURRENTLY later' ], 'indexes, concurrently: a message each');
$ddl->sql($_) foreach 'CREATE INDEX valid ON t (n)', 'INSERT INTO t VALUES (2, 1)', 'DROP INDEX CONCURRENTLY valid';
@bodies = $ddl->bodies;
ok(!$bodies[-1]{dropped}[0]{invalid}, 'a valid index that is dropped concurrently was valid');
isnt($node->psql('postgres', 'CREATE UNIQUE INDEX CONCURRENTLY wrong ON t (n)'), 0, 'a concurrent index that fails');
is_deeply([ $ddl->lines ], [], 'leaves no message, though an invalid index stays');
$ddl->sql('DROP INDEX wrong');
@bodies = $ddl->bodies;
is_deeply([ map { [ $_->{text}, $_->{dropped}[0]{invalid} ? 'invalid' : 'valid' ] } @bodies ], [ [ 'DROP INDEX wrong', 'invalid' ] ], 'whose end is told as that of an invalid one');
$ddl->sql('CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)');
$ddl->changes;
SKIP:
{
	skip 'DETACH CONCURRENTLY came with 14', 2 if $major < 14;
	$ddl->sql('ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY');
	@bodies = $ddl->bodies;
	is_deeply([ map { $_->{text} } @bodies ], ['ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY'], 'detached concurrently: one message');
	my ($p1) = grep { $_->{name} eq 'p1' } @{ $bodies[0]{tables} };
	ok($p1 && !$p1->{partition_of}, 'with the definition of what is a table of its own now');
}
leaves([ 'ALTER TABLE p DETACH PARTITION p2', 'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2, 3)' ],
	[ 'ALTER TABLE: ALTER TABLE p DETACH PARTITION p2', 'ALTER TABLE: ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2, 3)' ], 'partitions detached and attached');

# a statement for many objects
make_path($node->basedir . '/space');
$ddl->sql('CREATE TABLE o1 (); CREATE VIEW o2 AS SELECT 1 AS x; CREATE TABLE o3 (); ALTER TABLE o1 OWNER TO r; ALTER VIEW o2 OWNER TO r; ALTER TABLE o3 OWNER TO r; GRANT SELECT ON t TO r');
$ddl->changes;
leaves('COMMENT ON TABLE t IS NULL; REASSIGN OWNED BY r2 TO r', [ 'COMMENT: COMMENT ON TABLE t IS NULL', 'REASSIGN OWNED: REASSIGN OWNED BY r2 TO r' ],
	'REASSIGN OWNED, for which no event trigger fires, in a session that has the library');
$ddl->sql('DROP OWNED BY r');
@bodies = $ddl->bodies;
is(scalar @bodies, 1, 'DROP OWNED: one message');
is_deeply([ sort map { $_->{identity} } @{ $bodies[0]{dropped} } ], [ 'public.o1', 'public.o2', 'public.o3' ], 'with what it dropped');
$ddl->sql("CREATE TABLESPACE space LOCATION '" . $node->basedir . "/space'");
$ddl->sql('CREATE TABLE in1 (id integer) TABLESPACE space; CREATE TABLE in2 (id integer) TABLESPACE space');
$ddl->changes;
$ddl->sql('ALTER TABLE ALL IN TABLESPACE space SET TABLESPACE pg_default');
@bodies = $ddl->bodies;
is(scalar @bodies, 1, 'ALTER TABLE ALL IN TABLESPACE: one message');
is_deeply([ sort map { $_->{identity} } @{ $bodies[0]{objects} } ], [ 'public.in1', 'public.in2' ], 'with every table');
is_deeply([ map { $_->{tag} } do { $ddl->sql('DROP TABLE in1, in2'); $ddl->bodies } ], ['DROP TABLE'], 'one message for two tables');

# rows that an event trigger of somebody else writes, and DDL that it runs
$ddl->sql(q(CREATE TABLE log (tag text); CREATE FUNCTION logs() RETURNS event_trigger LANGUAGE plpgsql AS
	$$ BEGIN IF tg_tag = 'CREATE VIEW' THEN INSERT INTO log VALUES (tg_tag); CREATE TABLE by_trigger (); END IF; END $$;
	CREATE EVENT TRIGGER aaa ON ddl_command_start EXECUTE FUNCTION logs(); CREATE EVENT TRIGGER zzz ON ddl_command_end EXECUTE FUNCTION logs()));
$ddl->changes;
isnt($node->psql('postgres', 'CREATE VIEW vw AS SELECT 1 AS x'), 0, 'both triggers make the same table: the statement fails');
is_deeply([ $ddl->lines ], [], 'and leaves nothing');
leaves('DROP EVENT TRIGGER zzz; CREATE VIEW vw AS SELECT 1 AS x', [ q(table public.log: INSERT: tag[text]:'CREATE VIEW'), 'CREATE TABLE: CREATE TABLE by_trigger ()',
	'CREATE VIEW: CREATE VIEW vw AS SELECT 1 AS x' ], 'DDL of another event trigger has its own text');
$ddl->sql('DROP EVENT TRIGGER aaa; DROP FUNCTION logs; DROP TABLE log, by_trigger; DROP VIEW vw');
$ddl->changes;

# the extended protocol, with and without prepared statements
append_to_file($node->basedir . '/extended.sql', "CREATE TABLE extended (id integer);\nDROP TABLE extended;\n");
foreach my $mode ('simple', 'extended', 'prepared')
{
	$node->command_ok([ 'pgbench', '-n', '-t', '2', '-M', $mode, '-f', $node->basedir . '/extended.sql', 'postgres' ], "protocol: $mode");
	my @lines = $ddl->lines;
	is_deeply(\@lines, [ ('CREATE TABLE: CREATE TABLE extended (id integer)', 'DROP TABLE: DROP TABLE extended') x 2 ], "$mode: the texts") or diag(join "\n", @lines);
}

# a message that no output plugin could carry is a mark; the statement stands
$ddl->sql(q(DO $$ BEGIN EXECUTE format('COMMENT ON TABLE t IS %L', repeat('x', 101 * 1024 * 1024)); END $$));
@bodies = $ddl->bodies;
is_deeply([ map { [ @$_{qw(kind tag sqlstate text)} ] } @bodies ], [ [ 'capture_failed', 'COMMENT', '54000', undef ] ], 'a statement of 101 MB leaves a mark');
is($ddl->sql(q(SELECT length(obj_description('t'::regclass)))), 101 * 1024 * 1024, 'and was done');
$ddl->sql('COMMENT ON TABLE t IS NULL');
$ddl->changes;

# session_replication_role = replica does not silence it
leaves('SET session_replication_role = replica; CREATE TABLE as_replica ()', ['CREATE TABLE: CREATE TABLE as_replica ()'], 'ENABLE ALWAYS');
# a server's own crash in the middle: what was committed is there
$ddl->sql('CREATE TABLE before_crash ()');
$node->stop('immediate');
$node->start;
is(scalar(grep { $_ eq 'CREATE TABLE: CREATE TABLE before_crash ()' } $ddl->lines), 1, 'after a crash: the committed statement, once');

# loaded by the server: no statement is unseen, also the first of a session
$ddl->sql(q(CREATE FUNCTION makes() RETURNS void LANGUAGE sql AS 'CREATE TABLE by_sql ()'));
$ddl->changes;
leaves('SELECT makes()', ['CREATE TABLE: (unknown)'], 'the first statement of a session, in an SQL function: its text cannot be had');
$ddl->sql('DROP TABLE by_sql');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'ardent'\n");
$node->restart;
$ddl->changes;
leaves('SELECT makes()', ['CREATE TABLE: CREATE TABLE by_sql ()'], 'preloaded: it is there');
leaves('ALTER TABLE t OWNER TO r; REASSIGN OWNED BY r TO r2', [ 'ALTER TABLE: ALTER TABLE t OWNER TO r', 'REASSIGN OWNED: REASSIGN OWNED BY r TO r2' ], 'preloaded: REASSIGN OWNED');
leaves('REASSIGN OWNED BY r2 TO r', ['REASSIGN OWNED: REASSIGN OWNED BY r2 TO r'], 'preloaded: REASSIGN OWNED as the first statement');
leaves('EXPLAIN ANALYZE CREATE TABLE explained AS SELECT 1 AS x', [ 'CREATE TABLE AS: (unknown)', 'table public.explained: INSERT: x[integer]:1' ], 'preloaded: EXPLAIN ANALYZE');
$node->stop;
done_testing();
