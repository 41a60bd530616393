# SPDX-License-Identifier: PostgreSQL
# Invariant 6: a segment may arrive twice and has the effect of one. The table has no key, so that a row that was
# written twice would stay, and all rows of one transaction share an LSN.
# in make check
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(usleep);

my $t = Ardent::Test->new(name => 'once', sql => <<'SQL');
CREATE TABLE public.heap (n integer, t text);
ALTER TABLE public.heap REPLICA IDENTITY FULL;
SQL
my $source = $t->source;
$t->start_all;
my $load = Ardent::Process->start(
	name => 'load', log => $t->dir . '/load.log',
	command => [ 'pgbench', '-n', '-h', $source->host, '-p', $source->port, '-c', '2', '-T', '120', '-f',
		$t->write_file('load.sql', "INSERT INTO public.heap SELECT 1, 'the same' FROM generate_series(1, 30);\n"),
		$Ardent::Test::database ]);
# killed after the commit and before the answer, some time or other: the agent sends it all again
foreach my $round (1 .. 4)
{
	my $before = $t->replica_psql('SELECT count(*) FROM public.heap');
	$t->wait_for('rows arrive', sub { ($t->replica_try('SELECT count(*) FROM public.heap') // 0) > $before + 500 });
	$t->environment->kill9;
	$t->start_environment;
	$t->agent->kill9 if $round % 2;
	$t->start_agent if $round % 2;
}
$load->stop;
$t->wait_caught_up;
my $rows = $source->safe_psql($Ardent::Test::database, 'SELECT count(*) FROM public.heap');
is($t->replica_psql('SELECT count(*) FROM public.heap'), $rows, "invariant 6: $rows equal rows, none twice, none lost");
$t->compare_ok('after four kills');

# A source that crashes forgets what was confirmed since the slot was last saved: it can send that again. The agent is
# held meanwhile, so that the slot can be looked at.
my ($forgot, $wanted) = (0);
foreach my $try (1 .. 5)
{
	$source->safe_psql('postgres', 'CHECKPOINT');
	# twice: the first confirmation behind a checkpoint moves restart_lsn, and then the slot is saved at once
	foreach (1 .. 2)
	{
		$source->safe_psql($Ardent::Test::database, q(INSERT INTO public.heap SELECT 2, 'again' FROM generate_series(1, 30)));
		$wanted = $source->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
		$t->wait_for('the rows are confirmed',
			sub { return $source->safe_psql('postgres', "SELECT pg_lsn '" . $t->slot->{confirmed} . "' >= '$wanted'") eq 't' });
	}
	kill STOP => $t->agent->pid;
	$source->stop('immediate');
	$t->restart_source;
	$forgot = $source->safe_psql('postgres', "SELECT pg_lsn '" . $t->slot->{confirmed} . "' < '$wanted'") eq 't';
	kill CONT => $t->agent->pid;
	$t->wait_streaming;
	last if $forgot;
}
ok($forgot, 'the slot of a source that crashed stands before what was confirmed');
my $next = $source->safe_psql($Ardent::Test::database, 'UPDATE public.beacon SET n = n + 1 RETURNING n');
$t->wait_for('invariant 6: a change after the crash is in the replica',
	sub { return ($t->replica_try('SELECT n FROM public.beacon') // '') eq $next });
$rows = $source->safe_psql($Ardent::Test::database, 'SELECT count(*) FROM public.heap');
is($t->replica_psql('SELECT count(*) FROM public.heap'), $rows, 'invariant 6: what was confirmed before the crash is there once');
$t->compare_ok('after the crash of the source');
$t->stop_all;
done_testing();
