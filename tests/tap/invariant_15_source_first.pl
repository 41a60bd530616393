# SPDX-License-Identifier: PostgreSQL
# Invariant 15: retained WAL is watched and shown; with limits.max_retained_wal the slot is given up when it holds back
# more, which is a clear end and no retry loop.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'first', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_environment;
$t->create_connector;
$t->start_agent('limits.max_retained_wal' => '64MB');
$t->wait_streaming;
$t->wait_caught_up;
$t->wait_for('the status shows retained WAL',
	sub { return defined $t->connector->{source}{retained_wal_bytes} }, 30);
ok(1, 'invariant 15: retained WAL is in the connector\'s status');

$t->environment->kill9;
$source->safe_psql($database, q(INSERT INTO public.n (v) SELECT repeat('x', 1000) FROM generate_series(1, 100000)));
is($t->agent->wait(60), 3, 'invariant 15: the agent gives the slot up and ends with 3');
is($source->safe_psql('postgres', q(SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'ardent%')), 0,
	'invariant 15: the slot is gone, the disk is the application\'s');
like($t->agent->log_text, qr/max_retained_wal/, 'the log says why');
$t->start_environment;
$t->start_agent;
is($t->agent->wait(30), 3, 'and it does not begin again by itself');
$t->stop_all;
done_testing();
