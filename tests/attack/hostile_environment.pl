# SPDX-License-Identifier: PostgreSQL
# Whoever owns the environment asks the agent for what is not his, and answers what no environment answers. The agent sends
# only what its own configuration selects, and nothing that it is told ends it, fills its memory, or carries its token away.
# long
use strict;
use warnings;
use Ardent::Test;
use IO::Select;
use IO::Socket::INET;
use Test::More;

my $t = Ardent::Test->new(name => 'hostile', sql => <<'SQL');
CREATE SCHEMA hidden;
CREATE TABLE hidden.salaries (id integer PRIMARY KEY, v text);
INSERT INTO hidden.salaries VALUES (1, 'secret');
CREATE TABLE public.left_out (id integer PRIMARY KEY, v text);
INSERT INTO public.left_out VALUES (1, 'secret');
CREATE TABLE public.own (id integer PRIMARY KEY, v text);
INSERT INTO public.own SELECT g, 'v' FROM generate_series(1, 10) AS g;
CREATE UNLOGGED TABLE public.loose (id integer PRIMARY KEY, v text);
INSERT INTO public.loose VALUES (1, 'loose');
CREATE VIEW public.seen AS SELECT * FROM hidden.salaries;
CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM hidden.salaries;
CREATE SEQUENCE public.counter;
CREATE TABLE public.parted (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES FROM (0) TO (100);
INSERT INTO public.parted VALUES (1), (2);
SQL
my $source = $t->source;
# more than the grant script gives: what a role that reads all data may be asked for
$source->safe_psql($Ardent::Test::database, 'GRANT USAGE ON SCHEMA hidden TO ardent_replication;'
	  . ' GRANT SELECT ON ALL TABLES IN SCHEMA hidden, public TO ardent_replication');
$t->start_fake_environment;
my $agent = { 'source.exclude' => ['public.left_out'] };
my $streams = sub {
	return $t->wait_with_agent('the agent streams', sub { return ($t->slot->{active} // '') eq 't' && $t->control->{schema} });
};
my $insert = sub { return $source->safe_psql($Ardent::Test::database, q(INSERT INTO own SELECT max(id) + 1, 'x' FROM own)); };
my $carries = sub {
	my ($what) = @_;
	my $count = $t->control->{message_count};
	$insert->();
	$t->wait_with_agent("$what: it carries on", sub { return $t->control->{message_count} > $count }, 60);
	return ok($t->agent->alive, "$what: the agent lives and carries on");
};
$t->start_agent(%$agent);
$streams->();

# --- what is not carried is not sent
my %foreign = (
	hidden => [ 'hidden', 'salaries' ], excluded => [ 'public', 'left_out' ], catalog => [ 'pg_catalog', 'pg_class' ],
	secrets => [ 'pg_catalog', 'pg_authid' ], mapping => [ 'pg_catalog', 'pg_user_mapping' ], schema => [ 'information_schema', 'sql_features' ],
	view => [ 'public', 'seen' ], matview => [ 'public', 'kept' ], sequence => [ 'public', 'counter' ], unlogged => [ 'public', 'loose' ],
	quoting => [ 'public', 'own" IN ACCESS EXCLUSIVE MODE; SELECT 1; --' ], empty => [ '', '' ], toast => [ 'pg_toast', 'pg_toast_1255' ],
);
$t->control(copy_again => { %foreign, own => [ 'public', 'own' ], leaf => [ 'public', 'parted_1' ], parent => [ 'public', 'parted' ] });
$insert->();
foreach my $name ('own', 'leaf')
{
	$t->wait_with_agent("$name is copied again", sub { return ($t->control->{again}{$name}{finished} // 0) > 0 });
}
$t->wait_with_agent('each refusal is answered', sub {
	my $again = $t->control->{again};
	return !grep { !@{ $again->{$_}{trouble} // [] } } keys %foreign;
});
my $again = $t->control->{again};
foreach my $name (sort keys %foreign)
{
	is($again->{$name}{begun} + $again->{$name}{rows}, 0, "$name: nothing was sent");
}
like($again->{hidden}{trouble}[0], qr/does not carry/, 'the refusal says why');
unlike($again->{$_}{trouble}[0], qr/secret|gone at the source/, "$_: and nothing of what is there") foreach qw(hidden excluded catalog);
cmp_ok($again->{own}{rows}, '>=', 10, 'what is carried was sent');
like($t->agent->log_text, qr/environment asks for a table.*"?hidden\.salaries/, 'the log names it');
$t->control(copy_again => {});
$carries->('after requests for what is not its own');
my $locked = $source->safe_psql('postgres', q(SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
	WHERE a.application_name LIKE 'ardent-agent copy again%' AND l.mode <> 'AccessShareLock' AND l.locktype = 'relation'));
is($locked, 0, 'nothing but ACCESS SHARE is held');

# --- a wrong count concerns that table
$t->control(copy_again => { own => [ 'public', 'own' ] }, miscount => 5);
my $troubles = @{ $t->control->{again}{own}{trouble} // [] };
$insert->();
$t->wait_with_agent('the wrong count is told', sub {
	return grep { /rows at the source/ } @{ $t->control->{again}{own}{trouble} // [] };
});
$t->control(copy_again => {}, miscount => 0);
$carries->('after a wrong count');

# --- answers that are none
my %nonsense = (
	'no JSON' => { body => '<html>welcome to the hotel</html>' },
	'JSON 100,000 deep' => { body => '[' x 100_000 . ']' x 100_000 },
	'an object 100,000 deep' => { body => '{"state":' x 100_000 . '1' . '}' x 100_000 },
	'fields of other types' => { body => '{"state": 1, "durable_lsn": [], "next_sequence": "x"}' },
	'an empty body' => { body => '' },
	'200 MB' => { body => ' ' x 1_048_576, times => 200 },
);
foreach my $name (sort keys %nonsense)
{
	$t->control(raw => { position => { status => 200, %{ $nonsense{$name} } }, segments => { status => 200, %{ $nonsense{$name} } } });
	my $calls = $t->control->{calls};
	$insert->();
	$t->wait_for("$name: asked again", sub { return !$t->agent->alive || $t->control->{calls} > $calls + 2 });
	ok($t->agent->alive, "$name: the agent waits") or diag($t->tail('agent'));
	cmp_ok($t->control->{raw_sent} // 0, '<', 30_000_000, "$name: and does not read on") if $name =~ /MB/;
	$t->control(raw => {});
	$t->agent->alive or $t->start_agent, $streams->();
	$carries->("after $name");
}
cmp_ok($t->agent->peak_kb, '<', 256 * 1024, 'within its memory');
foreach my $verb ('hello', 'schema', 'sequences', 'status')
{
	$t->control(raw => { $verb => { status => 200, body => '[' x 100_000 } }, lose => 1);
	my $calls = $t->control->{calls};
	$insert->();
	$t->wait_for("$verb: asked again", sub { return !$t->agent->alive || $t->control->{calls} > $calls + 2 });
	ok($t->agent->alive, "$verb: the agent waits") or diag($t->tail('agent'));
	$t->control(raw => {});
	$t->agent->alive or $t->start_agent, $streams->();
}
$carries->('after all of them');
my @long = grep { length > 20_000 } split /\n/, $t->agent->log_text;
is(scalar @long, 0, 'no line of the log is as long as what was answered');

# --- a redirect is not followed, and the token goes nowhere
my $elsewhere = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or die "no port: $!";
my $place = 'http://127.0.0.1:' . $elsewhere->sockport . '/stolen';
foreach my $status (301, 307, 308)
{
	$t->control(raw => { segments => { status => $status, headers => { Location => $place } } });
	$insert->();
	$t->wait_for("$status: it was answered so", sub { return !$t->agent->alive || $t->agent->log_text =~ /answered $status/ });
	$t->control(raw => {});
	$t->agent->wait(10);
	$t->start_agent;
	$streams->();
}
ok(!IO::Select->new($elsewhere)->can_read(0), 'nobody came to where the redirect points');

# --- positions that are none
my $flushed = sub { return $t->slot->{confirmed}; };
$t->control(progress => { durable_lsn => 'FFFFFFFF/FFFFFFFF' });
$insert->();
$t->wait_for('the agent says so', sub { return $t->agent->log_text =~ /was never sent/ });
ok($t->agent->alive, 'a durable position that was never sent: the agent lives');
is($source->safe_psql('postgres', "SELECT '" . $flushed->() . "'::pg_lsn <= pg_current_wal_lsn()"), 't', 'and the slot is not moved beyond the WAL');
$t->control(progress => { durable_lsn => '0/1' });
$carries->('positions that go back') if $t->agent->alive;
$t->control(progress => {});
$carries->('after them');

# --- a session is not worth a storm
$t->control(raw => { segments => { status => 409, body => '{"detail":"","code":"session_unknown"}' } });
my $hellos = $t->control->{hellos};
my $began = time;
$insert->();
$t->wait_for('six sessions', sub { return $t->control->{hellos} >= $hellos + 6 });
cmp_ok(time - $began, '>=', 3, 'sessions that are lost at once come slower and slower');
$t->control(raw => {});
$carries->('after lost sessions');
is($t->agent->stop, 0, 'the agent stops');
done_testing();
