# SPDX-License-Identifier: PostgreSQL
# Invariant 15: the source's shutdown does not wait for us, whatever the environment does: a walsender of a logical slot
# holds it up until everything sent is confirmed, so the agent leaves when it cannot confirm.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'shutdown', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_environment('environment.queue_bytes' => '1MB', 'environment.segment_bytes' => '64kB');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;

sub stop_source
{
	my ($name) = @_;
	my $since = time;
	local $ENV{PGCTLTIMEOUT} = 30;
	my $stopped = $source->stop('fast', fail_ok => 1);
	cmp_ok(time - $since, '<', 15, sprintf('invariant 15: %s: the source stopped in %.1f s', $name, time - $since));
	if (!$stopped)
	{
		$source->stop('immediate');
		die "$name: the source waits for the agent";
	}
	ok($t->agent->alive, 'the agent stays');
	$source->start;
	return;
}

stop_source('with everything in order');
$t->wait_streaming;
$t->wait_caught_up;

kill STOP => $t->environment->pid;
stop_source('nothing is waiting, the environment is stopped');
kill CONT => $t->environment->pid;
$t->wait_streaming;
$t->wait_caught_up;

kill STOP => $t->environment->pid;
$source->safe_psql($database, q(INSERT INTO public.n (v) SELECT 'some' FROM generate_series(1, 100)));
stop_source('a transaction waits, the environment is stopped');
kill CONT => $t->environment->pid;
$t->wait_streaming;
$t->wait_caught_up;

# the agent has stopped reading: it cannot see that the walsender asks
kill STOP => $t->environment->pid;
$source->safe_psql($database,
	q(INSERT INTO public.n (v) SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60000) AS g));
$t->wait_for('the walsender waits for the agent', sub {
	return $source->safe_psql('postgres',
		q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'WalSenderWriteData')) eq '1';
});
# it reports every 10 s, and the environment does not answer
$t->wait_for('the agent waits with a report', sub {
	return $source->safe_psql('postgres',
		q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ardent-agent report'
		     AND state = 'idle' AND clock_timestamp() - state_change > interval '11 s')) eq '1';
});
stop_source('all queues are full, the environment is stopped');
kill CONT => $t->environment->pid;
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('after all of it');
$t->stop_all;
done_testing();
