# SPDX-License-Identifier: PostgreSQL
# What the agent waits for, and what it says meanwhile: a preflight report with failures, a transaction that is in the
# way of the slot, a slot in other hands, a stopped connector.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'waits', sql => 'CREATE TABLE public.bare (n integer)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$source->safe_psql('postgres', 'GRANT pg_read_all_stats TO ardent_replication');
$t->start_environment;
$t->create_connector;
$t->start_agent;
$t->wait_for('it says that preflight fails', sub { return $t->agent->log_text =~ /preflight|not ready|source to be ready/i });
like($t->agent->log_text, qr/source to be ready: the preflight report of the source has failures: [^"]*(primary key|identity)/i,
	'it names the checks that fail');
ok($t->agent->alive, 'it waits');
is($t->slot->{name}, undef, 'and made no slot');
is($t->status, 'pending', 'the connector is pending');

# a transaction that writes is open when the table is mended
my $blocker = $source->background_psql($database);
$blocker->query_safe('BEGIN; CREATE TABLE public.open_one (id integer PRIMARY KEY)');
$source->safe_psql($database, 'ALTER TABLE public.bare ADD PRIMARY KEY (n)');
$t->wait_with_agent('it says who is in the way',
	sub { return $t->agent->log_text =~ /cannot be created while older transactions run: pid \d+/ }, 60);
like($t->agent->log_text, qr/older transactions run: pid \d+ \(user \w+, application \\"[^"]*\\", idle in transaction, in its transaction for [0-9:]+\)/,
	'with what it does and for how long');
unlike($t->agent->log_text, qr/older transactions run:[^\n]*CREATE TABLE/, 'and never what it says');
# however long that takes: the same attempt goes on
my $walsender = $t->slot->{pid};
my $until = time + 15;
my $same = 1;
while (time < $until && $same) { $same = ($t->slot->{pid} // '') eq $walsender; usleep(200_000); }
ok($same, 'the slot is being made by the same walsender for more than 10 s');
is($t->agent->stop(15), 0, 'it stops while it waits');
is($t->slot->{name}, undef, 'and leaves no half slot behind');
$t->start_agent;
$t->wait_with_agent('the slot is being made again', sub { return ($t->slot->{active} // '') eq 't' });
my $left_alone = $t->agent;
$left_alone->kill9;
$t->start_agent;
$t->wait_with_agent('a slot that a killed agent was making does not stop the next one', sub {
	return $t->agent->log_text =~ /ended the walsender that an earlier agent left behind/ }, 30);
$blocker->query_safe('ROLLBACK');
$blocker->quit;
$t->wait_streaming(60);
$t->wait_caught_up;
$t->compare_ok('after the waits');

# another client has the slot
is($t->agent->stop, 0, 'the agent stops');
my $slot = $t->slot->{name};
my $thief = Ardent::Process->start(
	name => 'thief', log => $t->dir . '/thief.log',
	command => [ 'pg_recvlogical', '-h', $source->host, '-p', $source->port, '-d', $database, '--slot', $slot, '--start',
		'-f', '/dev/null', '--fsync-interval=0', '--status-interval=0' ]);
$t->wait_for('somebody else has the slot', sub { return $t->slot->{active} eq 't' });
$t->start_agent;
$t->wait_for('it says so', sub { return $t->agent->log_text =~ /is in use by another client/ }, 60);
ok($t->agent->alive && $thief->alive, 'it waits, and leaves the other alone');
$thief->kill9;
$t->wait_for('the slot is free', sub { return !defined $t->slot->{pid} || $t->slot->{pid} eq '' || $t->status =~ /^str/ });
$t->wait_streaming(60);
$t->wait_caught_up;
$t->compare_ok('after the other one left');

# an agent that was killed left its walsender behind, stopped in the middle of nowhere
kill STOP => $t->agent->pid;
my $left = $t->agent;
$t->start_agent;
$t->wait_streaming(60);
$t->wait_caught_up;
like($t->agent->log_text, qr/ended the walsender that an earlier agent left behind/, 'a walsender of our own role is ended');
kill CONT => $left->pid;
$left->kill9;
$t->wait_streaming(60);
$t->wait_caught_up;
$t->compare_ok('after the earlier agent is gone');

# a stop while a call to the environment hangs, and one in the middle of a copy
$t->agent->stop;
kill STOP => $t->environment->pid;
$t->start_agent;
$t->wait_for('it has said hello', sub {
	return $source->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ardent-agent%')) >= 2;
});
is($t->agent->stop(15), 0, 'it stops while the environment does not answer');
kill CONT => $t->environment->pid;
$source->safe_psql($database, q(INSERT INTO public.bare SELECT g FROM generate_series(1, 300000) AS g));
is($t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", { resync => JSON::PP::true })->{status}, 200, 'resync');
$t->start_agent;
$t->wait_for('the copy is under way', sub { return ($t->connector->{copy}{phase} // '') =~ /^(creating|schema|restoring|data)$/ });
is($t->agent->stop(15), 0, 'it stops in the middle of a copy');
is($t->slot->{name}, undef, 'and takes its slot along');
$t->start_agent;
$t->wait_streaming(60);
$t->wait_caught_up;
$t->compare_ok('after a copy that began again');
$t->stop_all;
done_testing();
