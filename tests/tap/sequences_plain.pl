# SPDX-License-Identifier: PostgreSQL
# Sequences are followed without DDL capture too, at a source where nothing else happens, and while the replica's are
# locked; one that the replica has not got is named, and followed once it is there.
# long
use strict;
use warnings;
use Ardent::Sequences;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'sequences_plain', sql => <<'SQL');
CREATE TABLE public.orders (id serial PRIMARY KEY, v text);
CREATE SEQUENCE public.alone;
CREATE SEQUENCE public.other;
CREATE TABLE public.left_out (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
SQL
my $s = Ardent::Sequences->new($t);
$t->start_environment;
$t->create_connector;
$t->start_agent('source.exclude' => [ 'public.left_out' ]);
$t->wait_streaming;
$s->since_now;
$s->follows_ok('after the copy', 'orders_id_seq', 'alone');
$t->wait_for('the first report is in the replica', sub { return $t->connector->{sequences} }, 10);
is($t->connector->{sequences}{followed}, 3, 'not those of a table that is left out');

# The source is idle: each value is one of the two that a report may be behind by, whenever it comes.
foreach my $n (1 .. 4)
{
	$s->sql(q(SELECT nextval('alone')));
	$s->follows_ok("an idle source, nextval $n", 'alone');
	Time::HiRes::usleep(1_300_000 * $n % 5_000_000);
}
$s->sql(q(SELECT pg_switch_wal(); SELECT setval('alone', 50)));
$s->follows_ok('setval after a switch of the WAL file', 'alone');
$s->sql(q(SELECT nextval('alone'); SELECT pg_switch_wal()));
$s->follows_ok('a switch of the WAL file after nextval', 'alone');
# What an open transaction wrote is not flushed before somebody commits, and a nextval that writes no WAL flushes none.
$s->sql(q(SELECT nextval('alone')));
$s->follows_ok('before', 'alone');
my $open = $t->source->background_psql($Ardent::Test::database);
$open->query_safe(q(BEGIN; INSERT INTO orders (id, v) VALUES (-1, 'open')));
$s->sql(q(SELECT nextval('alone')));
note($t->source->safe_psql($Ardent::Test::database, 'SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()') . ' bytes are not flushed');
$s->follows_ok('beside WAL that is not flushed', 'alone');
$open->query_safe('ROLLBACK');
$open->quit;

# in the replica somebody has one locked: neither apply nor the others wait
my $conninfo = $t->replica_conninfo =~ s/ardent_reader/ardent_apply/r;
my ($in, $out) = ("BEGIN; ALTER SEQUENCE alone INCREMENT 1;\n\\echo locked\n", '');
my $psql = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $conninfo ], '<', \$in, '>', \$out, IPC::Run::timeout(120));
$psql->pump until $out =~ /locked/;
$s->sql(q(SELECT setval('alone', 1000), setval('other', 1000); INSERT INTO orders (v) VALUES ('x')));
$s->follows_ok('beside one that is locked in the replica', 'other', 'orders_id_seq');
$t->wait_caught_up;
is($s->replica_as('ardent_admin', 'SELECT last_value FROM alone'), 53, 'the locked one waits');
$t->wait_for('it is pending', sub { return $t->connector->{sequences}{pending} == 1 }, 15);
$in .= "COMMIT;\n\\q\n";
$psql->finish;
$s->since_now;
$s->follows_ok('after the lock is gone', 'alone');

# one that the replica has not got
$s->sql(q(CREATE SEQUENCE later; SELECT setval('later', 33); GRANT SELECT ON SEQUENCE later TO ardent_replication));
$t->wait_for('it is named', sub {
	return grep { /could not be set in the replica: public\.later \(the replica has no such sequence\)/ } @{ $t->connector->{warnings} };
}, 30);
like($t->http('GET', '/metrics')->{content}, qr/^ardent_sequences_pending\{[^}]*\} 1$/m, 'metrics: pending');
like($t->http('GET', '/metrics')->{content}, qr/^ardent_sequences_age_seconds\{[^}]*\} \d$/m, 'metrics: age');
$s->sql(q(SELECT setval('alone', 3)));
$s->follows_ok('the others go on', 'alone');
$s->replica_as('ardent_apply', 'CREATE SEQUENCE public.later MAXVALUE 10') // die 'the replica';
$t->wait_for('it is out of range', sub { return grep { /later \(outside of its limits/ } @{ $t->connector->{warnings} } }, 15);
$s->replica_as('ardent_apply', 'ALTER SEQUENCE public.later MAXVALUE 100') // die 'the replica';
$s->since_now;
$s->follows_ok('made by hand', 'later');
$t->wait_for('nothing is pending', sub { return $t->connector->{sequences}{pending} == 0 }, 15);
is_deeply($t->connector->{warnings}, [], 'and nothing warned of');
is($t->status, 'streaming', 'the connector streams');
$t->stop_all;
done_testing();
