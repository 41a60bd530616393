# SPDX-License-Identifier: PostgreSQL
# Invariant 5: a reader of the replica sees whole source transactions only, in commit order.
# in make check
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'whole', sql => <<'SQL');
CREATE TABLE public.account (id integer PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO public.account SELECT g, 1000 FROM generate_series(1, 50) AS g;
CREATE TABLE public.ticket (n bigint PRIMARY KEY);
CREATE TABLE public.large (id bigint PRIMARY KEY);
CREATE TABLE public.wide (id bigint PRIMARY KEY, v text);
SQL
my $source = $t->source;
# segments far smaller than a transaction
$t->start_environment('environment.queue_bytes' => '1MB', 'environment.segment_bytes' => '64kB');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
my $load = Ardent::Process->start(
	name => 'load', log => $t->dir . '/load.log',
	command => [ 'pgbench', '-n', '-h', $source->host, '-p', $source->port, '-c', '1', '-T', '120', '-f',
		$t->write_file('load.sql', <<'SQL'), $Ardent::Test::database ]);
\set a random(1, 50)
\set b random(1, 50)
BEGIN;
UPDATE public.account SET balance = balance - 7 WHERE id = :a;
UPDATE public.account SET balance = balance + 7 WHERE id = :b;
INSERT INTO public.ticket SELECT coalesce(max(n), 0) + 1 FROM public.ticket;
COMMIT;
SQL
$source->psql($Ardent::Test::database, 'INSERT INTO public.large SELECT generate_series(1, 200000)');
my ($samples, %sums, %counts, $holes, $back) = (0);
my ($last, $large, $deadline) = (-1, 0, time + 90);
while (time < $deadline && !($large && $samples > 100))
{
	my ($sum, $n, $max, $rows) = split /\|/, $t->replica_psql(
		'SELECT (SELECT sum(balance) FROM public.account), (SELECT count(*) FROM public.ticket),'
		  . ' (SELECT coalesce(max(n), 0) FROM public.ticket), (SELECT count(*) FROM public.large)');
	$samples++;
	$sums{$sum}++;
	$counts{$rows}++;
	$holes++ if $n != $max;
	$back++ if $max < $last;
	$last = $max;
	$large = $rows == 200000;
}
$load->stop;
cmp_ok($samples, '>', 20, "$samples snapshots of the replica");
cmp_ok($last, '>', 10, "while $last transactions arrived");
is_deeply([ keys %sums ], [50000], 'invariant 5: no snapshot shows half of a transfer');
is($holes // 0, 0, 'invariant 5: no snapshot misses an earlier transaction');
is($back // 0, 0, 'invariant 5: nothing goes back');
is_deeply([ sort { $a <=> $b } keys %counts ], [ 0, 200000 ],
	'invariant 5: a transaction of many segments is there as a whole or not at all');
$t->wait_caught_up;

# One whose rest does not come for a while: its first rows are in the files of the replica, more than the environment
# keeps in memory, and no reader sees them.
foreach my $step (
	[ 'inserts', q(INSERT INTO public.wide SELECT g, 'i' || repeat(md5(g::text), 30) FROM generate_series(1, 120000) AS g), 'i' ],
	[ 'updates', q(UPDATE public.wide SET v = 'u' || substr(v, 2)), 'u' ])
{
	my ($what, $sql, $mark) = @$step;
	my $size = q(SELECT pg_relation_size('public.wide'));
	my $before = $t->replica_psql($size);
	$source->safe_psql($Ardent::Test::database, $sql);
	$t->wait_for("a part of the $what is written", sub { return $t->replica_psql($size) > $before + 48 * 1024 * 1024 });
	kill STOP => $t->agent->pid;
	my ($seen, $until) = (0, time + 3);
	while ($seen == 0 && time < $until)
	{
		$seen = $t->replica_psql("SELECT count(*) FROM public.wide WHERE v LIKE '$mark%'");
	}
	is($seen, 0, "invariant 5: a transaction of which a part has come is not seen, $what");
	kill CONT => $t->agent->pid;
	$t->wait_caught_up(120);
}
$t->compare_ok('at the end');
$t->stop_all;
done_testing();
