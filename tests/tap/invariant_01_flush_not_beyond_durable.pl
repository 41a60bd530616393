# SPDX-License-Identifier: PostgreSQL
# Invariant 1: the position confirmed to the source is never beyond what is durable in the replica.
# Read the slot first and the progress row after it: durable only grows, so the order must hold in every sample.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'flush', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
$t->start_all;
# A source that crashes forgets what was confirmed since the last checkpoint; a replica whose commits wait makes the
# distance between received and durable large.
my $load = Ardent::Process->start(
	name => 'load', log => $t->dir . '/load.log',
	command => [ 'pgbench', '-n', '-h', $source->host, '-p', $source->port, '-c', '2', '-T', '60', '-f',
		$t->write_file('load.sql', "INSERT INTO public.n (v) SELECT repeat('x', 500) FROM generate_series(1, 20);\n"),
		$Ardent::Test::database ]);
my ($samples, $moved, $beyond, $last) = (0, 0, 0, '');
my $deadline = time + 45;
while (time < $deadline && ($samples < 60 || $moved < 10))
{
	my $confirmed = $t->slot->{confirmed};
	my $behind = $t->replica_psql("SELECT durable_lsn - pg_lsn '$confirmed' FROM ardent.progress");
	$samples++;
	$moved++ if $confirmed ne $last;
	$last = $confirmed;
	next if $behind >= 0;
	$beyond++;
	diag("confirmed $confirmed, durable $behind bytes behind it");
}
$load->stop;
cmp_ok($samples, '>', 20, "$samples samples");
cmp_ok($moved, '>', 5, "the confirmed position moved $moved times under load");
is($beyond, 0, 'invariant 1: confirmed_flush is never beyond durable');

# While the replica cannot commit, nothing is confirmed however much is received.
$t->wait_caught_up;
kill STOP => $t->environment->pid;
$source->safe_psql($Ardent::Test::database, q(INSERT INTO public.n (v) SELECT 'stopped' FROM generate_series(1, 1000)));
my $sent = sub {
	$source->safe_psql('postgres', q(SELECT coalesce(max(sent_lsn - replay_lsn), 0) > 0 FROM pg_stat_replication)) eq 't';
};
$t->wait_for('the walsender has sent more than is confirmed', $sent);
my $durable = $t->replica_psql('SELECT durable_lsn FROM ardent.progress');
my $after = $t->slot->{confirmed};
is($source->safe_psql('postgres', "SELECT pg_lsn '$after' <= '$durable'"), 't',
	'invariant 1: with the environment stopped nothing is confirmed that is not durable');
kill CONT => $t->environment->pid;
$t->wait_caught_up;
$t->compare_ok('after it went on');
$t->stop_all;
done_testing();
