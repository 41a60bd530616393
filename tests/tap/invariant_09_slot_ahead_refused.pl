# SPDX-License-Identifier: PostgreSQL
# Invariant 9: a slot that was advanced or made anew behind our back is refused with exit 3; the server itself would
# forward it without a word, and the changes between would be missing.
# in make check
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ahead', sql => 'CREATE TABLE public.n (id integer PRIMARY KEY)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_all;
$t->wait_caught_up;
is($t->agent->stop, 0, 'the agent stops');
my $slot = $t->slot->{name};
$source->safe_psql($database, 'INSERT INTO public.n VALUES (1)');
$source->safe_psql($database, "SELECT pg_replication_slot_advance('$slot', pg_current_wal_lsn())");
$t->start_agent;
is($t->agent->wait(30), 3, 'invariant 9: a slot that was advanced is refused');
like($t->agent->log_text, qr/$slot/, 'invariant 9: its name is said');
like($t->agent->log_text, qr/resync/, 'invariant 9: and how to go on');
is($t->replica_psql('SELECT count(*) FROM public.n'), 0, 'nothing was applied from beyond');

$source->safe_psql($database, "SELECT pg_drop_replication_slot('$slot')");
$source->safe_psql($database, "SELECT pg_create_logical_replication_slot('$slot', 'wal2json')");
$t->start_agent;
is($t->agent->wait(30), 3, 'invariant 9: a slot that was made anew is refused');

$source->safe_psql($database, "SELECT pg_drop_replication_slot('$slot')");
$t->start_agent;
is($t->agent->wait(30), 3, 'invariant 9: a missing slot ends the agent too');

# and the remedy that was printed works
my $answer = $t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", { resync => JSON::PP::true });
is($answer->{status}, 200, 'retry-setup --resync');
$t->start_agent;
$t->wait_streaming(90);
$t->wait_caught_up;
$t->compare_ok('after the resync');
$t->stop_all;
done_testing();
