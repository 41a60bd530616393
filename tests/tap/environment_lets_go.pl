# SPDX-License-Identifier: PostgreSQL
# Half a target transaction does not keep its locks in the replica: neither when its agent is dead or stands still, nor
# after a failure. Whoever comes back goes on where the replica stands.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'lets_go', sql => <<'SQL');
CREATE TABLE public.large (id bigint PRIMARY KEY, v text);
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item VALUES (1, 'v');
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_environment('environment.segment_bytes' => '64kB', 'environment.agent_timeout' => '3s');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;

# locks that keep others from a user's table
my $locks = sub {
	return $t->replica_psql(q(SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
	    AND relation IN ('public.large'::regclass, 'public.item'::regclass)));
};
my $from = 1;
my $many = sub {
	my ($rows) = @_;
	my $sql = "INSERT INTO public.large SELECT g, repeat('x', 200) FROM generate_series($from, $from + $rows - 1) AS g";
	$from += $rows;
	return $sql;
};

foreach my $way ([ 'an agent that is dead', 'KILL' ], [ 'an agent that stands still', 'STOP' ])
{
	my ($what, $signal) = @$way;
	my $rows = $t->replica_psql('SELECT count(*) FROM public.large');
	$source->safe_psql($database, $many->(400_000));
	$t->wait_for("$what: a half target transaction", sub { return $locks->() > 0 });
	$t->agent->signal($signal);
	cmp_ok($locks->(), '>', 0, "$what leaves a target transaction open");
	$t->wait_for("$what: its locks are gone", sub { return $locks->() == 0 }, 40);
	is($t->replica_psql('SELECT count(*) FROM public.large'), $rows, "$what: and nothing of it is there");
	ok(!$t->connector->{failure}, "$what is no failure");
	if ($signal eq 'KILL')
	{
		$t->agent->wait(10);
		$t->start_agent;
	}
	else
	{
		$t->agent->signal('CONT');
	}
	$t->wait_caught_up(120);
	$t->compare_ok("$what came back");
}

my $admin = $t->replica_admin;
IPC::Run::run([ 'psql', '-X', '-q', '-d', $admin, '-c', 'DELETE FROM public.item' ]) or die 'the damage';
$source->safe_psql($database, 'BEGIN; ' . $many->(20_000) . q(; UPDATE public.item SET v = 'w'; COMMIT));
$t->wait_status('failed');
$t->wait_for('after a failure the locks are gone', sub { return $locks->() == 0 }, 20);
is($t->replica_psql('SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database'
	  . " WHERE l.locktype = 'advisory' AND d.datname = current_database()"),
	0, 'after a failure the session that applied is gone');
IPC::Run::run([ 'psql', '-X', '-q', '-d', $admin, '-c', q(INSERT INTO public.item VALUES (1, 'v')) ]) or die 'mending';
is($t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", {})->{status}, 200, 'retry');
$t->wait_caught_up(120);
$t->compare_ok('mended');
$t->stop_all;
done_testing();
