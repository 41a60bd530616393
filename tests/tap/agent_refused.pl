# SPDX-License-Identifier: PostgreSQL
# What the agent makes of an answer that is neither success nor "later": a segment that is too large, a connector that
# stopped, a body that cannot be read, an answer of something that is no environment. It ends clearly or rests; never a
# loop of restarts.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'refused', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
my $insert = sub { return $source->safe_psql($Ardent::Test::database, q(INSERT INTO public.n (v) VALUES ('x'))); };
my $streams = sub {
	return $t->wait_with_agent('the agent streams', sub { return ($t->slot->{active} // '') eq 't' && $t->control->{schema} });
};
my $log_since = sub { my ($at) = @_; return substr($t->agent->log_text, $at); };
$t->start_fake_environment;
my $start = sub {
	my $at = -s $t->dir . '/agent.log' // 0;
	$t->start_agent;
	$streams->();
	return $at;
};

my $at = $start->();
$t->control(answers => { segments => [ 413, 'too_large' ] });
$insert->();
is($t->agent->wait(30), 3, 'a segment that is too large is a condition that a person mends: exit 3');
my $said = $log_since->($at);
like($said, qr{a segment of \d+ messages, LSN [0-9A-F]+/[0-9A-F]+ to [0-9A-F]+/[0-9A-F]+, \d[^ ]* \w+ \(}, 'its LSN range and size are named');
like($said, qr/limits\.segment_bytes.*environment\.message_bytes/, 'and the two limits');
unlike($said, qr/\Q0\/0\E/, 'with positions that are some');

# 409 failed is the state `failed`
$t->control(answers => {});
$at = $start->();
my $hellos = $t->control->{hellos};
$t->control(answers => { segments => [ 409, 'failed' ] });
$insert->();
$t->wait_with_agent('the environment refused it as failed', sub { return ($t->control->{refused} // 0) > 0 });
$t->control(state => 'failed', answers => {});
$t->wait_with_agent('it rests', sub { return $log_since->($at) =~ /the connector is stopped at the environment/ }, 30);
cmp_ok($t->control->{hellos}, '>', $hellos, 'it went through hello');
$t->wait_for('it reads nothing', sub { return $t->slot->{active} eq 'f' });
$t->control(state => 'streaming');
$streams->();
$t->wait_for('what was refused is carried after all', sub {
	return grep { $_->[1] =~ /"action":"I"/ } @{ $t->control->{messages} };
});
is($t->agent->stop, 0, 'the agent stops');

# unreadable: sent again, as damage on the way would have it, and then an end that is not started again
$at = $start->();
$t->control(answers => { segments => [ 422, 'malformed' ] });
$insert->();
is($t->agent->wait(30), 2, 'a segment that cannot be read ends with 2');
is($t->control->{refused}, 3, 'after three tries');
like($log_since->($at), qr/a segment of \d+ messages, LSN/, 'the segment is named');

# something else answers in its place, or an older version
foreach my $case ([ 'segments', 400, '' ], [ 'segments', 404, '' ], [ 'hello', 422, 'malformed' ], [ 'hello', 405, '' ])
{
	my ($verb, $status, $code) = @$case;
	$t->control(answers => {});
	$start->() if $verb eq 'segments';
	$t->control(answers => { $verb => [ $status, $code ] });
	if ($verb eq 'segments') { $insert->(); } else { $t->start_agent; }
	is($t->agent->wait(30), 2, "$verb answered $status: exit 2");
}
foreach my $status (408, 425, 429)
{
	$t->control(answers => {});
	$start->();
	$t->control(answers => { segments => [ $status, '' ] });
	$insert->();
	$t->wait_with_agent("$status is tried again", sub { return ($t->control->{refused} // 0) >= 3 });
	$t->control(answers => {});
	my $count = $t->control->{segments};
	$insert->();
	$t->wait_with_agent("and goes on after $status", sub { return $t->control->{segments} > $count });
	is($t->agent->stop, 0, "$status: the agent stops");
}
$t->stop_all;
done_testing();
