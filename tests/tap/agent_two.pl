# SPDX-License-Identifier: PostgreSQL
# Two agents with one connector: the one that started last takes over, once; the other says who it is, leaves it alone,
# and goes on when it is gone.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'two', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
my $database = $Ardent::Test::database;
my $config = sub { return $t->agent_config; };
my $start = sub {
	my ($name) = @_;
	return Ardent::Process->start(name => $name, log => $t->dir . "/$name.log",
		command => [ "$Ardent::Test::bin/ardent-agent", 'run', '--config', $config->() ]);
};
my $holder = sub {
	return $source->safe_psql('postgres', q(SELECT a.application_name FROM pg_replication_slots AS s
		JOIN pg_stat_activity AS a ON a.pid = s.active_pid WHERE s.slot_name LIKE 'ardent%'));
};
# the host is clipped when it is long, the process never
my $holds = sub { my ($agent) = @_; my $pid = $agent->pid; return $holder->() =~ /:$pid$/; };

$t->start_environment;
$t->create_connector;
my $first = $t->{agent} = $start->('first');
$t->wait_streaming;
$t->wait_caught_up;
ok($holds->($first), 'the walsender is named after its agent');

my $second = $start->('second');
$t->wait_for('the second one has the slot', sub { return $holds->($second) });
$t->wait_for('the first one says who it is', sub { return $first->log_text =~ /another agent with the same connector is running/ });
my $pid = $second->pid;
like($first->log_text, qr/is running: agent \S+:$pid, walsender pid \d+ since [^,]*, application [^,]*, client /,
	'by host, pid, application and address');
ok($first->alive, 'it waits');
# nobody is driven out any more
my $walsender = $t->slot->{pid};
my $until = time + 40;    # longer than the first one waits between two looks
my $same = 1;
while (time < $until && $same)
{
	$source->safe_psql($database, q(INSERT INTO public.n (v) VALUES ('x')));
	$same = ($t->slot->{pid} // '') eq $walsender;
	usleep(300_000);
}
ok($same, 'and the second one streams on, undisturbed');
is(scalar(() = $first->log_text =~ /another agent with the same connector/g), 1, 'it was said once');
$t->wait_caught_up;

# the first one goes on when the second one has ended
is($second->stop, 0, 'the second one stops');
$t->wait_for('the first one streams again', sub { return $holds->($first) }, 60);
$t->wait_caught_up;

# in a copy too
is($first->stop, 0, 'the first one stops');
$source->safe_psql($database, q(INSERT INTO public.n (v) SELECT repeat('x', 500) FROM generate_series(1, 300000)));
is($t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", { resync => JSON::PP::true })->{status}, 200, 'resync');
$first = $t->{agent} = $start->('first');
$t->wait_for('it copies', sub { return ($t->connector->{copy}{phase} // '') =~ /^(creating|schema|restoring|data)$/ });
$second = $t->{agent} = $start->('second');
$t->wait_streaming(120);
$t->wait_for('the second one has it', sub { return $holds->($second) });
ok($first->alive && $second->alive, 'both live');
$t->wait_caught_up;
$t->compare_ok('after two agents');
is($first->stop, 0, 'the one that waits stops');
is($second->stop, 0, 'and the one that streams');
$t->{agent} = undef;
$t->stop_all;
done_testing();
