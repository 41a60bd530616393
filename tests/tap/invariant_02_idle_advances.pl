# SPDX-License-Identifier: PostgreSQL
# Invariant 2: with nothing to carry, the positions of keepalives are recorded in the replica and then confirmed, so
# that a quiet database beside a busy one does not hold back WAL.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'idle', source_conf => "wal_sender_timeout = 4s\n");
my $source = $t->source;
$t->start_all;
$t->wait_caught_up;
my $row = $t->replica_psql('SELECT n FROM public.beacon');

$source->safe_psql('postgres', 'CREATE TABLE busy (v text)');
my @confirmed;
foreach my $round (1 .. 3)
{
	$source->safe_psql('postgres', q(INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 5000)));
	my $target = $source->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	my ($beyond, $confirmed) = (0);
	$t->wait_for("invariant 2: the slot passes $target", sub {
		$confirmed = $t->slot->{confirmed};
		my $behind = $t->replica_psql("SELECT durable_lsn - pg_lsn '$confirmed' FROM ardent.progress");
		$beyond++ if $behind < 0;
		return $source->safe_psql('postgres', "SELECT pg_lsn '$confirmed' >= '$target'") eq 't';
	}, 40);
	ok(1, "invariant 2: round $round, the slot of the quiet database has passed the other's WAL");
	is($beyond, 0, 'invariant 2: each position stood in the progress row first');
}
# With nobody to record it, no position may be confirmed, however often the source asks. Longer than the agent lets pass
# between two idle positions.
kill STOP => $t->environment->pid;
$source->safe_psql('postgres', q(INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 5000)));
my ($samples, $deadline) = (0, time + 15);
while (time < $deadline)
{
	$samples++;
	my $recorded = $t->replica_psql('SELECT durable_lsn FROM ardent.progress');
	last if $source->safe_psql('postgres', "SELECT confirmed_flush_lsn > '$recorded' FROM pg_replication_slots") eq 't';
}
my $confirmed = $t->slot->{confirmed};
my $durable = $t->replica_psql('SELECT durable_lsn FROM ardent.progress');
is($source->safe_psql('postgres', "SELECT pg_lsn '$confirmed' <= '$durable'"), 't',
	"invariant 2: with the environment stopped no idle position is confirmed ($samples samples)");
kill CONT => $t->environment->pid;
is($t->replica_psql('SELECT n FROM public.beacon'), $row, 'and no row of the database was written for it');
# restart_lsn moves when a record of the running transactions is confirmed, as a checkpoint writes it
$t->wait_for('invariant 2: WAL is not held back', sub {
	return $source->safe_psql('postgres',
		'CHECKPOINT; SELECT pg_current_wal_lsn() - restart_lsn < 4194304 FROM pg_replication_slots') eq 't';
});
$t->stop_all;
done_testing();
