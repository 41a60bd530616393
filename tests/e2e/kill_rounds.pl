# SPDX-License-Identifier: PostgreSQL
# Kills agent, environment, walsender, source or replica at random moments under load, sometimes two of them; after
# each round the replica catches up and must equal the source. The first two rounds strike after 60 s without a write.
#
#   ROUNDS=25  how many       SEED=n  the same choices again       IDLE=60  seconds of the idle rounds
# in make check
# long
use strict;
use warnings;
use Ardent::Kill;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $rounds = $ENV{ROUNDS} || ($ENV{ARDENT_SELECTION} ? 3 : 25);
my $seed = $ENV{SEED} || int(rand(2**31));
my $idle = $ENV{IDLE} // 60;
my $idle_rounds = $rounds < 20 ? 0 : 2;
srand($seed);
note("SEED=$seed ROUNDS=$rounds");

my $t = Ardent::Kill::new_test(name => 'kill');
my $source = $t->source;
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('after the copy');

# Without a write, while everything stays as it is.
sub stay_idle
{
	my ($seconds) = @_;
	my $deadline = time + $seconds;
	while (time < $deadline)
	{
		return 0 unless $t->agent->alive && $t->environment->alive && $t->slot->{active} eq 't';
		usleep(500_000);
	}
	return 1;
}

# How many transactions of the load have left a row behind so far: two of three do.
sub transactions
{
	return $source->safe_psql($Ardent::Test::database,
		'SELECT (SELECT count(*) FROM pgbench_history) + (SELECT count(*) FROM public.orders)');
}

my $kill = Ardent::Kill->new($t, rounds => $rounds, rate => 400);
my $written = transactions();
foreach my $round (1 .. $rounds)
{
	my @now = $kill->victims($round);
	my $name = "round $round, " . join(' and ', @now);
	if ($round <= $idle_rounds)
	{
		ok(stay_idle($idle), "$name: streaming through $idle s without a write");
	}
	$kill->run_load(0.3 + rand(1.7));
	$kill->strike(@now);
	$kill->run_load(0.3 + rand(0.7));
	$kill->stop_load;
	my $since = time;
	unless (eval { $t->wait_caught_up(90) })
	{
		fail("$name: catches up");
		diag("$@ SEED=$seed");
		last;
	}
	my $seconds = time - $since;
	my $now = transactions();
	my $equal = $t->compare_ok(sprintf('%s, %d transactions, caught up in %.1f s', $name, $now - $written, $seconds));
	$written = $now;
	unless ($equal && $t->agent->alive && $t->environment->alive)
	{
		fail("$name: agent and environment live") if $equal;
		diag($t->tail('agent') . $t->tail('environment') . "SEED=$seed");
		last;
	}
}
is($kill->complaints, '', 'the load ran without an error of its own');
my ($agent_code, $environment_code) = $t->stop_all;
is($agent_code, 0, 'the agent ends with 0');
is($environment_code, 0, 'the environment ends with 0');
done_testing();
