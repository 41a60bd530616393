# SPDX-License-Identifier: PostgreSQL
# Kill rounds with DDL capture on: three sessions change the schema at random (tests/support/load/ddl.pl) beside the load of
# kill_rounds.pl; after each round rows, definitions and the numbers of columns are equal, so no statement was lost and
# none ran twice.
#
#   ROUNDS=5  how many       SEED=n  the same choices again       SESSIONS=3  of DDL
# long
use strict;
use warnings;
use Ardent::Dump;
use Ardent::Kill;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $rounds = $ENV{ROUNDS} || 5;
my $sessions = $ENV{SESSIONS} || 3;
my $seed = $ENV{SEED} || int(rand(2**31));
srand($seed);
note("SEED=$seed ROUNDS=$rounds");

my $t = Ardent::Kill::new_test(
	name => 'kill_ddl', schemas => [ 'public', 'app' ], sql => Ardent::Kill::slurp("$Ardent::Kill::load_dir/ddl_schema.sql"));
my $source = $t->source;
my $database = $Ardent::Test::database;
$source->safe_psql($database, 'SELECT ardent_ddl_capture(true)');
$t->start_all;
$t->wait_caught_up;

my $logs = $ENV{TESTLOGDIR} // $t->dir;
my $log_of = sub { return "$logs/kill_ddl_round_$_[0]_session_$_[1].log"; };
my $start_sessions = sub {
	my ($round) = @_;
	return map { Ardent::Process->start(name => "ddl $_", log => $log_of->($round, $_), command => [
		'perl', "$Ardent::Kill::load_dir/ddl.pl", $source->connstr($database), $_, $round, int(rand(2**31)) ]) } 1 .. $sessions;
};

# Up to the replica's last change, or to the connector's failure.
my $catch_up = sub {
	my $n = $source->safe_psql($database, 'UPDATE public.beacon SET n = n + 1 RETURNING n');
	my $failure = '';
	eval {
		$t->wait_for("change $n of the beacon is in the replica", sub {
			my $connector = $t->connector;
			$failure = $connector->{failure}{message} // 'failed' if $connector->{status} eq 'failed';
			return $failure || ($t->replica_try('SELECT n FROM public.beacon') // '') eq $n;
		}, 120);
	} or $failure = $@;
	return $failure;
};

# What CONCURRENTLY left behind when it was interrupted is not in the stream: it is taken away, which is.
my $tidy = sub {
	foreach my $index (split /\n/, $source->safe_psql($database, q(SELECT i.indexrelid::regclass FROM pg_index AS i
		JOIN pg_class AS c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i')))
	{
		$source->safe_psql($database, "DROP INDEX $index");
	}
	foreach my $detach (split /\n/, $source->safe_psql($database, q(SELECT format('%s DETACH PARTITION %s', inhparent::regclass, inhrelid::regclass)
		FROM pg_inherits AS i WHERE to_jsonb(i) ->> 'inhdetachpending' = 'true')))
	{
		$source->safe_psql($database, "ALTER TABLE $detach FINALIZE");
	}
	return;
};

# What a statement may be told beside the end of its server: that it waited too long, that another session was faster, and that one
# that was killed left a DETACH CONCURRENTLY behind (55000, until it is finalized).
my %expected = map { $_ => 1 } qw(55P03 40P01 57P01 57P02 57P03 XX000 23505 55000);
my %errors;
my ($transactions, $statements) = (0, 0);
my $kill = Ardent::Kill->new($t, rounds => $rounds, rate => 150);
ROUND: foreach my $round (1 .. $rounds)
{
	my @now = $kill->victims($round);
	my $name = "round $round, " . join(' and ', @now);
	my @sessions = $start_sessions->($round);
	$kill->run_load(0.5 + rand(1.5));
	$kill->strike(@now);
	$kill->run_load(0.3 + rand(0.7));
	$kill->stop_load;
	foreach my $session (@sessions)
	{
		is($session->stop(30), 0, "$name: $session->{name} ends") or last ROUND;
		my $said = $session->log_text;
		my ($committed, $done) = $said =~ /^committed (\d+) transactions, (\d+) statements$/m;
		$transactions += $committed;
		$statements += $done;
		$errors{$1}{$2}++ while $said =~ /-- error (\w+) (.*)/g;
	}
	$tidy->();
	my $since = time;
	my $failure = $catch_up->();
	is($failure, '', sprintf('%s: caught up in %.1f s', $name, time - $since)) or diag($t->tail('environment') . "SEED=$seed") and last;
	my $equal = $t->compare_ok($name);
	$equal &&= is(join("\n", columns_differ($t)), '', "$name: each column was added once, and dropped once");
	unless ($equal && $t->agent->alive && $t->environment->alive)
	{
		fail("$name: agent and environment live") if $equal;
		diag($t->tail('agent') . $t->tail('environment') . "SEED=$seed");
		last;
	}
}
note("$transactions transactions and $statements statements of DDL and rows");
cmp_ok($transactions, '>=', 5 * $rounds, 'the sessions changed the schema');
my @unexpected = map { my $code = $_; $expected{$code} ? () : map { "$code $_ ($errors{$code}{$_})" } sort keys %{ $errors{$code} } } sort keys %errors;
note(join ', ', map { my $code = $_; my $n = 0; $n += $_ foreach values %{ $errors{$code} }; "$code: $n" } sort keys %errors);
is(join("\n", @unexpected), '', 'the sessions made no mistake');
is($kill->complaints, '', 'the load ran without an error of its own');
is($t->connector->{ddl}{messages_refused}, 0, 'no message was refused');
my ($agent_code, $environment_code) = $t->stop_all;
is($agent_code, 0, 'the agent ends with 0');
is($environment_code, 0, 'the environment ends with 0');
done_testing();
