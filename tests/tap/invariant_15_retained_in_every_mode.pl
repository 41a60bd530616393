# SPDX-License-Identifier: PostgreSQL
# Invariant 15: limits.max_retained_wal is judged whatever the agent does: while the environment is away, while the
# connector rests, while hello is refused, during a copy, and while the slot is being made.
# long
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'every', source_conf => "max_wal_size = 1GB\n", sql => <<'SQL');
CREATE TABLE public.n (id bigserial PRIMARY KEY, v text);
INSERT INTO public.n (v) SELECT repeat('x', 1000) FROM generate_series(1, 20000);
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $slots = q(SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'ardent%');
my $write = sub {
	return $source->safe_psql($database, q(SELECT count(pg_logical_emit_message(false, 'load', repeat('x', 1000000)))
		FROM generate_series(1, 100)));
};
my $streams = sub {
	return $t->wait_with_agent('the agent streams', sub {
		return ($t->slot->{active} // '') eq 't' && $t->agent->log_text =~ /msg=streaming/ });
};
my $gives_up = sub {
	my ($mode) = @_;
	is($t->agent->wait(60), 3, "invariant 15: the agent gives the slot up $mode, exit 3");
	is($source->safe_psql('postgres', $slots), 0, "the slot is gone $mode");
	my @lines = split /\n/, $t->agent->log_text;
	like($lines[-1], qr/max_retained_wal/, "the log ends with the reason $mode");
	return;
};
# an agent that streamed before, and then its slot holds back what it may
my $anew = sub {
	$t->control(state => 'copy', answers => {}, preflight => JSON::PP::false);
	$t->start_agent('limits.max_retained_wal' => '64MB');
	$t->wait_with_agent('the slot streams', sub { return ($t->slot->{active} // '') eq 't' && $t->control->{state} ne 'x'
		&& $t->control->{orders}{state} eq 'streaming' });
	return;
};
$t->start_fake_environment;

$anew->();
$t->control(state => 'failed', lose => JSON::PP::true);
$t->wait_for('it rests', sub { return $t->slot->{active} eq 'f' });
$write->();
$gives_up->('at rest');

$anew->();
$t->control(preflight => JSON::PP::true, lose => JSON::PP::true);
$t->wait_for('it waits', sub { return $t->slot->{active} eq 'f' });
$write->();
$gives_up->('while hello is refused');

$anew->();
is($t->agent->stop, 0, 'the agent stops');
$t->control(answers => { hello => [ 503, 'unavailable' ] });
$t->start_agent;
$t->wait_with_agent('it waits for the environment', sub { return ($t->control->{refused} // 0) > 1 });
$write->();
$gives_up->('while the environment is away');

# a slot that was made, and rows that nobody takes
$t->control(state => 'copy', answers => { 'copy/c1/tables' => [ 503, 'unavailable' ] });
$t->start_agent;
$t->wait_with_agent('the copy is under way', sub { return ($t->control->{refused} // 0) > 1 });
is($source->safe_psql('postgres', $slots), 1, 'with its slot');
$write->();
$gives_up->('during the copy');

# a slot that is being made keeps WAL as well
$t->control(state => 'copy', answers => {});
my $blocker = $source->background_psql($database);
$blocker->query_safe('BEGIN; SELECT pg_current_xact_id()');
$t->start_agent;
$t->wait_with_agent('it waits for the transaction', sub { return $t->agent->log_text =~ /cannot be created while older.*application/ }, 30);
$write->();
$gives_up->('while the slot is being made');
$blocker->quit;

# a copy begins with a new slot: what the old one held back is no reason to end
$anew->();
is($t->agent->stop, 0, 'the agent stops');
$write->();
$anew->();
ok($t->agent->alive, 'after a resync it copies, whatever the old slot held back');
$t->stop_all;
done_testing();
