# SPDX-License-Identifier: PostgreSQL
# The server gives the slot up because its WAL grew beyond max_slot_wal_keep_size while the agent was away. The agent says so and
# ends, and the command that it prints makes the replica anew, with nothing dropped by hand.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'slot_lost', source_conf => "max_slot_wal_keep_size = 16MB\nmax_wal_size = 64MB\nmin_wal_size = 32MB\n",
	sql => 'CREATE TABLE public.t (id integer PRIMARY KEY, v text)');
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$t->start_all;
$source->(q(INSERT INTO public.t VALUES (1, 'before')));
$t->wait_caught_up;
$t->agent->stop;
$source->('CREATE TABLE public.bulk AS SELECT g AS id, repeat(md5(g::text), 30) AS v FROM generate_series(1, 80000) AS g');
$source->($_) foreach 'CHECKPOINT', 'DROP TABLE public.bulk', 'SELECT pg_switch_wal()', 'CHECKPOINT', q(INSERT INTO public.t VALUES (2, 'after'));
is($source->('SELECT wal_status FROM pg_replication_slots'), 'lost', 'the slot is lost');

$t->start_agent;
is($t->agent->wait(60), 3, 'the agent ends with exit 3');
my $said = $t->agent->log_text;
like($said, qr/is invalidated .*the server removed WAL that it needed/, 'says why');
like($said, qr/retry-setup/, 'and what to do');
like(join("\n", @{ $t->connector->{agent}{warnings} }), qr/invalidated.*retry-setup --resync/s, 'the connector says so, too');
like(join("\n", $source->(q(SELECT status || ' ' || detail || ' ' || hint FROM ardent_preflight_checks('public') WHERE id = 'slot_state'))),
	qr/^warn .*invalidated.*retry-setup --resync/s, 'preflight says the same');

my ($code, $answer) = $t->cli('connector', 'retry-setup', $database, '--resync');
is($code, 0, 'the command') or diag($answer);
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('the replica is made anew');
is($source->('SELECT string_agg(wal_status, $$,$$) FROM pg_replication_slots'), 'reserved', 'with one slot, which is another one');
$t->stop_all;
done_testing();
