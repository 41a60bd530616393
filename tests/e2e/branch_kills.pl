# SPDX-License-Identifier: PostgreSQL
# Completed or nothing left, whatever is killed when: the environment and servers are killed at random moments of creations,
# resets, suspends, resumes and deletions, while the source is written to. Afterwards each branch that is shown serves one commit, and there
# are no files, servers or ports of any other.
#
#   ROUNDS=20 SEED=1 scripts/test tests/e2e/branch_kills.pl
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = $ENV{ROUNDS} || 20;
my $seed = $ENV{SEED} || int(rand(1e9));
diag("SEED=$seed ROUNDS=$rounds");
srand($seed);

my $t = Ardent::Test->new(name => 'branch_kills', sql => <<'SQL');
CREATE TABLE public.pair (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.pair VALUES (1, 0), (2, 0);
CREATE TABLE public.bulk (id serial PRIMARY KEY, v text);
INSERT INTO public.bulk (v) SELECT repeat('x', 500) FROM generate_series(1, 5000);
SQL
my $database = $Ardent::Test::database;
my $port = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$port-" . ($port + 40));
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
my $load = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($database), '-c',
	q(DO $$ BEGIN FOR i IN 1..1000000 LOOP UPDATE pair SET n = n + 1; INSERT INTO bulk (v) VALUES ('y'); COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$) ], '>', '/dev/null', '2>&1');

my $call = sub { return $t->http($_[0], $_[1], $_[2]) };
my $list = sub { my $answer = $call->('GET', "/v1/branches/$t->{connector}"); return $answer->{status} == 200 ? @{ $answer->{json} } : () };
my $psql = sub {
	my ($row, $sql) = @_;
	my $url = $call->('GET', "/v1/branches/$t->{connector}/$row->{id}")->{json}{branch_url} // return;
	$url =~ s/sslmode=verify-full/sslmode=require/;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};
my %counts;
foreach my $round (1 .. $rounds)
{
	my @active = grep { $_->{status} eq 'active' } $list->();
	my $what = @active < 2 ? 'create' : (qw(create reset delete suspend resume))[rand 5];
	$what = 'delete' if @active > 4;
	my $one = $active[ rand @active ];
	my $base = $one ? "/v1/branches/$t->{connector}/$one->{id}" : '';
	$counts{$what}++;
	$what eq 'create' ? $call->('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => "b$round", allow_stale => JSON::PP::true })
	  : $what eq 'delete' ? $call->('DELETE', $base)
	  : $call->('POST', "$base/$what");
	usleep(int(rand(700_000)));
	if (rand() < 0.25)
	{
		# a server of a branch
		my @pids = grep { /^\d+$/ } map { my $file = $_; do { local (@ARGV, $/) = $file; (<> // '') =~ /^(\d+)/ ? $1 : () } } glob($t->dir . '/data/branches/*/server');
		kill 'KILL', $pids[ rand @pids ] if @pids;
	}
	if (rand() < 0.8)
	{
		$t->environment->kill9;
		$t->start_environment;
	}
	$t->wait_for("round $round ($what): nothing is under way", sub { return !grep { $_->{status} =~ /^(?:creating|deleting)$/ || ($_->{state} // '') eq 'resetting' } $list->() }, 60);
}
note join ', ', map { "$_ $counts{$_}" } sort keys %counts;
$t->wait_with_agent('it streams', sub { return $t->status eq 'streaming' });

my @rows = $list->();
my @active = grep { $_->{status} eq 'active' } @rows;
is(scalar(grep { $_->{status} !~ /^(?:active|failed)$/ } @rows), 0, 'every branch is there, or has failed');
foreach my $row (@active)
{
	my $said = '';
	$t->wait_for("branch $row->{name} answers", sub { $said = $psql->($row, q(SELECT count(DISTINCT n), (SELECT max(n) FROM pair) = (SELECT count(*) - 5000 FROM bulk WHERE v IN ('y', repeat('x', 500))) FROM pair)) // ''; return $said !~ /^ERROR|^$/ }, 60);
	is($said, '1|t', "branch $row->{name} is one commit, whole");
	is($psql->($row, q(INSERT INTO bulk (v) VALUES ('mine') RETURNING v)), 'mine', 'and takes rows');
}
my %known = map { $_->{id} => 1 } @active;
is(join(' ', grep { !$known{$_} } map { m{/([0-9a-f]{32})$} ? $1 : () } glob($t->dir . '/data/branches/*')), '', 'no files of any other');
is(join(' ', glob($t->dir . '/data/branches/*/data.*')), '', 'nor of a reset that is over');
foreach my $row (@rows)
{
	my $answer = $call->('DELETE', "/v1/branches/$t->{connector}/$row->{id}");
	is($answer->{status}, 202, "$row->{name} can be deleted");
}
$t->wait_for('all are gone', sub { return !$list->() }, 60);
is(join(' ', glob($t->dir . '/data/branches/*')), '', 'no file is left');
# the loop would not notice that its client is gone
$t->source->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN FOR%'));
$load->finish;
$t->wait_caught_up;
$t->compare_ok('the replica equals the source');
$t->stop_all;
done_testing();
