# SPDX-License-Identifier: PostgreSQL
# Invariant 3: status messages go out on time while the peer is stopped and the queue is full: the walsender does not
# time out, and is the same one afterwards.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(
	name => 'silent', source_conf => "wal_sender_timeout = 3s\n",
	sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
$t->start_environment('environment.queue_bytes' => '1MB', 'environment.segment_bytes' => '64kB');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
my $walsender = $t->slot->{pid};
my $stopped = time;
kill STOP => $t->environment->pid;
# far more than queue and segments hold
$source->safe_psql($Ardent::Test::database,
	q(INSERT INTO public.n (v) SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60000) AS g));
my $same = 1;
while (time < $stopped + 10)
{
	$same &&= ($t->slot->{pid} // '') eq $walsender;
	last unless $same;
	usleep(200_000);
}
ok($same, 'invariant 3: the walsender lives through three times wal_sender_timeout with the environment stopped');
my $reply_age = $source->safe_psql('postgres',
	'SELECT extract(epoch FROM now() - reply_time) < 3 FROM pg_stat_replication');
is($reply_age, 't', 'invariant 3: the last status message is younger than the timeout');
kill CONT => $t->environment->pid;
$t->wait_caught_up;
is($t->slot->{pid}, $walsender, 'and it is the same walsender when all is carried');
$t->compare_ok('after the wait');
$t->stop_all;
done_testing();
