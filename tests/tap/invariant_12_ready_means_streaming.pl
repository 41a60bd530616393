# SPDX-License-Identifier: PostgreSQL
# Invariant 12: READY=1 comes after the first status exchange, not before; during the copy STATUS= says the phase and
# the time to start is extended; WATCHDOG=1 comes while the loop moves and stops when it does not.
use strict;
use warnings;
use Ardent::Test;
use IO::Socket::UNIX;
use IPC::Run;
use Socket qw(SOCK_DGRAM MSG_DONTWAIT);
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'ready', sql => <<'SQL');
CREATE TABLE public.log (n bigint PRIMARY KEY, v text);
INSERT INTO public.log SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 100000) AS g;
SQL
$t->start_environment;
$t->create_connector;
my $path = $t->dir . '/notify';
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
my (@messages, $streaming_at_ready);
my $read = sub {
	while (defined recv($socket, my $text, 8192, MSG_DONTWAIT))
	{
		foreach my $line (split /\n/, $text)
		{
			push @messages, [ time, $line ];
			$streaming_at_ready = $t->slot->{active} if $line eq 'READY=1';
		}
	}
	return;
};
my $has = sub { my ($pattern) = @_; return scalar grep { $_->[1] =~ $pattern } @messages; };

$t->start_agent(environment => { NOTIFY_SOCKET => $path, WATCHDOG_USEC => 2_000_000 });
$t->wait_with_agent('READY=1', sub { $read->(); return $has->(qr/^READY=1$/) }, 90);
is($streaming_at_ready, 't', 'invariant 12: the slot streams when READY=1 comes');
is($t->status =~ /^(streaming|degraded)$/ ? 'streaming' : $t->status, 'streaming', 'and the connector says so');
ok($has->(qr/^STATUS=.*cop/i), 'STATUS= says that it copied');
ok($has->(qr/^EXTEND_TIMEOUT_USEC=\d+$/), 'EXTEND_TIMEOUT_USEC= while bytes move');
is(scalar(() = $has->(qr/^READY=1$/)), 1, 'READY=1 once');

my $since = time;
$t->wait_for('three watchdog messages', sub {
	$read->();
	return 3 <= grep { $_->[0] > $since && $_->[1] eq 'WATCHDOG=1' } @messages;
}, 20);
my $beats = sub { my ($after) = @_; return grep { $_ > $after } map { $_->[0] } grep { $_->[1] eq 'WATCHDOG=1' } @messages; };
my @beats = $beats->($since);
my @gaps = map { $beats[$_] - $beats[ $_ - 1 ] } 1 .. $#beats;
ok(!(grep { $_ > 2 } @gaps), 'invariant 12: never longer apart than the watchdog allows');

# The loop asks the catalog about a relation that the plugin left out. While that answer does not come, it does not move.
my $source = $t->source;
my $database = $Ardent::Test::database;
$source->safe_psql($database, 'CREATE MATERIALIZED VIEW public.later AS SELECT n, v FROM public.log WHERE n < 10 WITH NO DATA;'
	  . ' CREATE UNIQUE INDEX ON public.later (n)');
$source->safe_psql($database, 'REFRESH MATERIALIZED VIEW public.later');
my $change = $source->background_psql($database);
$change->query_safe('BEGIN; UPDATE public.log SET v = v || n WHERE n = 1; REFRESH MATERIALIZED VIEW CONCURRENTLY public.later');
my ($in, $out) = ("BEGIN; LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE;\n", '');
my $lock = IPC::Run::start([ 'psql', '-X', '-q', '-d', $source->connstr($database) ], '<', \$in, '>', \$out);
my $count = sub { my ($of) = @_; return $source->safe_psql($database, "SELECT count(*) FROM $of") };
$t->wait_for('the catalog is locked', sub {
	$lock->pump_nb;
	return $count->(q(pg_locks WHERE relation = 'pg_depend'::regclass AND mode = 'AccessExclusiveLock' AND granted));
});
my $waits = sub { return $count->(q(pg_stat_activity WHERE application_name = 'ardent-agent control' AND wait_event_type = 'Lock')) };
$change->query_safe('COMMIT');
$t->wait_with_agent('the loop waits for the catalog', $waits);
$read->();
my $stood = time;
while (time < $stood + 4) { $read->(); usleep(50_000); }
ok($waits->(), 'the loop still waits');
is(scalar($beats->($stood)), 0, 'invariant 12: no watchdog message while the loop does not move');
$in .= "ROLLBACK;\n\\q\n";
$lock->finish;
$change->quit;
my $moves = time;
$t->wait_with_agent('watchdog messages again', sub { $read->(); return 3 <= scalar(my @again = $beats->($moves)) }, 30);
ok(1, 'invariant 12: and again when it moves');
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('after the loop stood still', '--rows-only');

is($t->agent->stop, 0, 'the agent stops');
$read->();
ok($has->(qr/^STOPPING=1$/), 'STOPPING=1');

# while there is no environment it is not ready
$t->environment->stop;
@messages = ();
$t->start_agent(environment => { NOTIFY_SOCKET => $path });
$t->wait_for('it says what it waits for', sub { $read->(); return $has->(qr/^STATUS=/) });
my $deadline = time + 3;
while (time < $deadline) { $read->(); usleep(50_000); }
ok(!$has->(qr/^READY=1$/), 'invariant 12: not ready while it does not stream');
$t->agent->stop;
$t->source->stop('fast');
done_testing();
