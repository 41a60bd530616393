# SPDX-License-Identifier: PostgreSQL
# Invariant 4: a transaction of any size passes with the agent below 256 MB resident, also while the environment is
# too slow to take it.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'memory', sql => 'CREATE TABLE public.wide (id bigint PRIMARY KEY, v text)');
my $source = $t->source;
$t->start_all;
# about 700 MB of messages in one transaction, for an environment that takes nothing at first
kill STOP => $t->environment->pid;
$source->safe_psql($Ardent::Test::database,
	q(INSERT INTO public.wide SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 600000) AS g));
my ($sent, $same) = ('', 0);
$t->wait_for('the agent reads no further', sub {
	my $now = $source->safe_psql('postgres', 'SELECT max(sent_lsn) FROM pg_stat_replication');
	my $moving = $now ne $sent || $t->agent->resident_kb > 256 * 1024;
	$same = $moving ? 0 : $same + 1;
	$sent = $now;
	return $same > 10 || $t->agent->peak_kb > 256 * 1024;
});
cmp_ok($t->agent->peak_kb, '<', 256 * 1024, 'invariant 4: the agent stops reading when nobody takes what it has');
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
