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
$t->stop_all;
done_testing();
