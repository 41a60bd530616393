# SPDX-License-Identifier: PostgreSQL
# Invariant 4: a transaction of any size passes with the agent below 256 MB resident, also while the environment is
# too slow to take it.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'memory', sql => 'CREATE TABLE public.wide (id bigint PRIMARY KEY, v text)');
my $source = $t->source;
$t->start_all;
# about 700 MB of messages in one transaction, which compress by half, for an environment that takes nothing at first
kill STOP => $t->environment->pid;
$source->safe_psql($Ardent::Test::database, <<'SQL');
INSERT INTO public.wide
SELECT g, (SELECT string_agg(encode(sha512((g * 8 + k)::text::bytea), 'hex'), '') FROM generate_series(1, 8) AS k)
  FROM generate_series(1, 600000) AS g
SQL
# The walsender that works takes time of a processor; one that cannot write takes none.
my $ticks = sub {
	my ($pid) = @_;
	open(my $in, '<', "/proc/$pid/stat") or return -1;
	my @fields = split ' ', <$in> =~ s/^.*\) //sr;
	return $fields[11] + $fields[12];
};
my ($waits, $all_sent, $worked) = (0, 0, -1);
$t->wait_for('the agent reads no further, or has read all', sub {
	my ($pid, $event) = split /\|/, $source->safe_psql('postgres',
		q(SELECT pid, coalesce(wait_event, '') FROM pg_stat_activity WHERE backend_type = 'walsender'));
	my $now = $ticks->($pid);
	my $rests = $now == $worked;
	$worked = $now;
	$waits = $rests && $event eq 'WalSenderWriteData' ? $waits + 1 : 0;
	$all_sent = $rests && $event =~ /^WalSender(Main|WaitForWAL)$/i ? $all_sent + 1 : 0;
	return $waits > 10 || $all_sent > 10 || $t->agent->peak_kb > 256 * 1024;
}, 180);
cmp_ok($waits, '>', 10, 'invariant 4: the walsender has to wait when nobody takes what the agent has');
cmp_ok($t->agent->peak_kb, '<', 256 * 1024, 'invariant 4: and the agent is below its bound');
kill CONT => $t->environment->pid;
$t->wait_caught_up(240);
my $peak = $t->agent->peak_kb;
cmp_ok($peak, '<', 256 * 1024, "invariant 4: the agent needed at most $peak kB for one transaction of 600,000 rows");
cmp_ok($peak, '>', 1024, 'which was measured');
note('environment: ' . $t->environment->peak_kb . ' kB');
is($t->replica_psql('SELECT count(*) FROM public.wide'), 600000, 'all rows are there');

# one message far above a segment: libpq holds it whole, and the bound is three times its size
my $megabytes = 40;
$source->safe_psql($Ardent::Test::database, "INSERT INTO public.wide VALUES (-1, repeat('y', $megabytes * 1024 * 1024))");
$t->wait_caught_up(120);
$peak = $t->agent->peak_kb;
cmp_ok($peak, '<', (256 + 3 * $megabytes) * 1024, "invariant 4: $peak kB with a value of $megabytes MB");
is($t->replica_psql('SELECT length(v) FROM public.wide WHERE id = -1'), $megabytes * 1024 * 1024, 'which arrived whole');
$t->stop_all;
done_testing();
