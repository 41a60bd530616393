# SPDX-License-Identifier: PostgreSQL
# Kills agent, environment, walsender, source or replica at random moments under load, sometimes two of them; after
# each round the replica catches up and must equal the source. The first two rounds strike after 60 s without a write.
#
#   ROUNDS=25  how many       SEED=n  the same choices again       IDLE=60  seconds of the idle rounds
# in make check
use strict;
use warnings;
use Ardent::Test;
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(time usleep);

my $rounds = $ENV{ROUNDS} || ($ENV{ARDENT_SELECTION} ? 3 : 25);
my $seed = $ENV{SEED} || int(rand(2**31));
my $idle = $ENV{IDLE} // 60;
my $idle_rounds = $rounds < 20 ? 0 : 2;
srand($seed);
note("SEED=$seed ROUNDS=$rounds");
my $load_dir = "$Ardent::Test::top/tests/support/load";

my $t = Ardent::Test->new(name => 'kill', sql => slurp("$load_dir/schema.sql"));
my $source = $t->source;
$source->safe_psql($Ardent::Test::database, 'ALTER SYSTEM SET fsync = on');
$source->reload;
my @pgbench = ('pgbench', '-n', '-h', $source->host, '-p', $source->port);
PostgreSQL::Test::Utils::system_or_bail(@pgbench[ 0, 2 .. 5 ], '-i', '-q', '-s', '1', $Ardent::Test::database);
$source->safe_psql($Ardent::Test::database, 'ALTER TABLE pgbench_history REPLICA IDENTITY FULL');
$source->safe_psql($Ardent::Test::database, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication');
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('after the copy');

my $load;

sub slurp { my ($file) = @_; local $/ = undef; open(my $in, '<', $file) or die "$file: $!"; return scalar <$in>; }

sub start_load
{
	return Ardent::Process->start(
		name => 'load', log => $t->dir . '/load.log',
		command => [
			@pgbench, '-c', '4', '-j', '2', '-T', '600', '-R', '400', '--max-tries=20',
			'-b', 'tpcb-like@6', '-f', "$load_dir/mixed.sql\@8", '-f', "$load_dir/keys.sql\@4", '-f',
			"$load_dir/bulk.sql\@1", $Ardent::Test::database ]);
}

# Under load for some seconds; a load that a crash of the source ended begins again.
sub run_load
{
	my ($seconds) = @_;
	my $deadline = time + $seconds;
	while (time < $deadline)
	{
		$load = start_load() unless $load && $load->alive;
		usleep(20_000);
	}
	return;
}

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

# What each victim needs afterwards; those that have to come back by themselves need nothing.
my %strike = (
	agent => sub { $t->agent->kill9; return sub { $t->start_agent } },
	environment => sub { $t->environment->kill9; return sub { $t->start_environment } },
	walsender => sub {
		$source->psql('postgres', q(SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active));
		return sub { };
	},
	source => sub { $source->kill9; return sub { $t->restart_source } },
	replica => sub {
		my $pid = $t->replica_postmaster_pid;
		kill KILL => $pid if defined $pid;
		return sub { };
	});

my @victims = map { shuffle(sort keys %strike) } 1 .. 1 + $rounds / keys %strike;
my $written = transactions();
foreach my $round (1 .. $rounds)
{
	my @now = $victims[$round - 1];
	push @now, (grep { $_ ne $now[0] } shuffle(sort keys %strike))[0] if rand() < 0.25;
	my $name = "round $round, " . join(' and ', @now);
	if ($round <= $idle_rounds)
	{
		ok(stay_idle($idle), "$name: streaming through $idle s without a write");
	}
	run_load(0.3 + rand(1.7));
	my @repair = map { my $after = $strike{$_}->(); usleep(rand(300_000)); $after } @now;
	usleep(rand(700_000));
	$_->() foreach reverse @repair;
	run_load(0.3 + rand(0.7));
	$load->stop(5) if $load->alive;
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
# A load that stopped by itself would prove little: only a source that goes away may end a client.
my @complaints = grep { /ERROR:/ } split /\n/, slurp($t->dir . '/load.log');
is(join("\n", @complaints), '', 'the load ran without an error of its own');
my ($agent_code, $environment_code) = $t->stop_all;
is($agent_code, 0, 'the agent ends with 0');
is($environment_code, 0, 'the environment ends with 0');
done_testing();
