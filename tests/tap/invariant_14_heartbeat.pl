# SPDX-License-Identifier: PostgreSQL
# Invariant 14: the heartbeat, which goes out when the source's WAL moves and the confirmed position does not, is a logical
# message. No row of any relation is written for it, neither in the application's tables nor in a catalog.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'heartbeat', source_conf => "autovacuum = off\n",
	sql => 'CREATE TABLE public.n (id integer PRIMARY KEY)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$source->safe_psql($database, q(SELECT pg_create_logical_replication_slot('another', 'test_decoding')));
$t->start_all;
$t->wait_caught_up;

# Every relation that is not temporary, with its file and what was ever written to it; other databases write what they like.
my $written = sub {
	return $source->safe_psql($database, <<'SQL');
SELECT c.oid::regclass, c.relkind, c.relowner::regrole, c.relfilenode, s.n_tup_ins, s.n_tup_upd, s.n_tup_del
  FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
 WHERE c.relpersistence <> 't' AND NOT c.relisshared
 ORDER BY c.oid
SQL
};
# Nothing becomes durable while somebody in the replica has the table; the network is in order all the same.
my $admin = $t->replica_admin;
my ($in, $out) = ("BEGIN; LOCK TABLE public.n; SELECT 'locked';\n", '');
my $lock = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $admin ], '<', \$in, '>', \$out);
$t->wait_for('the table is locked in the replica', sub { $lock->pump_nb; return $out =~ /locked/ });
$source->safe_psql($database, 'INSERT INTO public.n VALUES (1)');
$t->wait_for('apply waits', sub {
	return ($t->replica_try(q(SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.n'::regclass)) // 0) > 0;
});
my ($before, $last) = ('', '');
# before 15 a collector tells them, when it comes to it
$t->wait_for('the figures tell what was written until now', sub {
	return $source->safe_psql($database, <<'SQL') eq 't';
SELECT (SELECT n_tup_ins FROM pg_stat_all_tables WHERE relid = 'public.n'::regclass) = 1
   AND (SELECT n_tup_upd FROM pg_stat_all_tables WHERE relid = 'public.beacon'::regclass) = (SELECT n FROM public.beacon)
SQL
});
$t->wait_for('the figures stand still', sub { $last = $before; $before = $written->(); return $before eq $last; });
my $confirmed = $t->slot->{confirmed};

$source->safe_psql('postgres', 'CREATE TABLE busy (v text)');
my $beat = q(SELECT count(*) FROM pg_logical_slot_peek_changes('another', NULL, NULL) WHERE data LIKE '%prefix: ardent.heartbeat%');
is($source->safe_psql($database, $beat), 0, 'no heartbeat while all goes well');
$t->wait_with_agent('a heartbeat goes out', sub {
	$source->safe_psql('postgres', q(INSERT INTO busy VALUES (repeat('x', 1000))));
	return $source->safe_psql($database, $beat) > 0;
}, 200);
ok(1, 'invariant 14: a heartbeat goes out as a logical message');
is($t->slot->{confirmed}, $confirmed, 'nothing was confirmed meanwhile');
# what a session wrote is told at its end at the latest
is($t->agent->stop, 0, 'the agent stops');
is($written->(), $before, 'invariant 14: no row of any relation was written, and no relation made');
is($source->safe_psql($database, q(SELECT count(*) FROM pg_logical_slot_peek_changes('another', NULL, NULL) WHERE data LIKE 'table %')),
	2, "the other consumer sees the application's two changes and no other");

$in = "ROLLBACK;\n\\q\n";
$lock->finish;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('after the lock is gone, with the heartbeat in the stream');
$t->stop_all;
done_testing();
