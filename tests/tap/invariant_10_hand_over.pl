# SPDX-License-Identifier: PostgreSQL
# Invariant 10: what is written while the copy runs is in the replica exactly once; an interrupted copy drops its slot
# and begins again from an empty replica.
# in make check
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(usleep);

my $t = Ardent::Test->new(name => 'seam', sql => <<'SQL');
CREATE TABLE public.log (n bigint, v text);                  -- no key: a row that came twice would stay
ALTER TABLE public.log REPLICA IDENTITY FULL;
INSERT INTO public.log SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 150000) AS g;
CREATE TABLE public.item (id integer PRIMARY KEY, v integer NOT NULL);
INSERT INTO public.item SELECT g, 0 FROM generate_series(1, 1000) AS g;
SQL
my $source = $t->source;
$t->start_environment;
$t->create_connector;
my $load = Ardent::Process->start(
	name => 'load', log => $t->dir . '/load.log',
	command => [ 'pgbench', '-n', '-h', $source->host, '-p', $source->port, '-c', '3', '-T', '120', '-R', '300', '-f',
		$t->write_file('load.sql', <<'SQL'), $Ardent::Test::database ]);
\set id random(1, 1000)
BEGIN;
INSERT INTO public.log VALUES (:id, 'while copying');
UPDATE public.item SET v = v + 1 WHERE id = :id;
COMMIT;
SQL
$t->start_agent;
$t->wait_for('the copy is under way', sub { return ($t->connector->{copy}{phase} // '') =~ /^(restoring|data)$/ });
my $first = $t->slot->{name};
$t->agent->kill9;
ok($first, 'the agent was killed in the middle of the copy');
$t->start_agent;
$t->wait_streaming(90);
is($source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 1, 'one slot, none left behind');
$load->stop;
$t->wait_caught_up(90);
cmp_ok($source->safe_psql($Ardent::Test::database, q(SELECT count(*) FROM public.log WHERE v = 'while copying')), '>', 50,
	'rows were written meanwhile');
$t->compare_ok('invariant 10: the copy and the stream together');
$t->stop_all;
done_testing();
