# SPDX-License-Identifier: PostgreSQL
# Agent and environment are killed while a table is copied again, at every stage: the table ends equal, what was written
# meanwhile is there exactly once, and nothing is pending (invariant 6).
use strict;
use warnings;
use Ardent::Again;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'copy_again_kills', source_conf => "max_connections = 40\n", sql => <<'SQL');
CREATE TABLE large (id integer PRIMARY KEY, v text);
INSERT INTO large SELECT g, (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 20) WHERE g > 0) FROM generate_series(1, 60000) AS g;
CREATE TABLE other (id integer PRIMARY KEY, v text);
CREATE TABLE counted (n bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $writer = start_writer($t, 'large', 'other');
my $admin = $t->replica_admin;
my $active = sub {
	my ($sql) = @_;
	my $out = '';
	my $ok = eval { IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $admin, '-c',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ardent apply' AND state = 'active' AND query LIKE '$sql'" ],
		'<', \undef, '>', \$out, '2>', \my $err) };
	return $ok && $out =~ /^1$/;
};
my $ends_well = sub {
	my ($what) = @_;
	wait_no_pending($t, $what);
	$t->wait_caught_up(120);
	like($t->status, qr/^(?:streaming|degraded)$/, "invariant 6: $what: streaming again");
	return is($t->replica_psql('SELECT count(*) FROM ardent.held'), 0, "invariant 6: $what: no change is held");
};

# A session whose thread is slow to end still shows its table: who asks meanwhile, as a branch's cut does, finds it.
my $holder = altered_and_locked($t, 'large', 'ALTER TABLE large ADD COLUMN e0 float8 DEFAULT random()');
wait_pending($t, 'public.large', qr/locked/);
my ($in, $out, $looks, $none) = ('', '', 0, 0);
my $blocker = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $admin ], '<', \$in, '>&', \$out, IPC::Run::timeout(120));
$in = "BEGIN; LOCK TABLE other; SELECT 'locked';\n";
$blocker->pump until $out =~ /locked/;
$source->("INSERT INTO other (id, v) VALUES (100001, 'waits')");
$t->wait_for('the replica waits for the lock', sub { return $active->('%ardent.write_rows(%') });
$t->agent->kill9;
$t->start_agent;
my $looking_ends = time + 3;
until (time > $looking_ends)
{
	++$looks;
	++$none unless pending($t)->{'public.large'};
}
is($none, 0, "invariant 5: a table that waits is shown while its session ends ($looks looks)");
$in = "ROLLBACK;\n\\q\n";
$blocker->finish;
$holder->run('COMMIT');
$holder->end;
$ends_well->('the session ended slowly');

# the agent, in the middle of the rows
copy_in_progress($t, 'large', sub { $t->agent->kill9; return %{ pending($t) } ? 1 : 0 });
ok(pending($t)->{'public.large'}, 'the table still waits for a copy');
$t->start_agent;
$ends_well->('the agent was killed');

# the environment, in the middle of the rows
copy_in_progress($t, 'large', sub { $t->environment->kill9; return 1 });
$t->start_environment;
$t->wait_streaming;
$ends_well->('the environment was killed while rows came');

# the environment, while the rows are written, and while changes are caught up with
foreach my $statement ('DELETE FROM ONLY%large%', '%ardent.copy_rows(%')
{
	my $killed = 0;
	foreach my $attempt (1 .. 8)
	{
		$source->('ALTER TABLE large ADD COLUMN again float8 DEFAULT random()');
		$t->wait_with_agent('the table waits for a copy', sub { return %{ pending($t) } });
		my $deadline = time + 60;
		until ($killed || time > $deadline)
		{
			$killed = $active->($statement);
			last if !$killed && !%{ pending($t) };
		}
		last if $killed;
		$source->('ALTER TABLE large DROP COLUMN again');
		$t->wait_caught_up(120);
	}
	$t->environment->kill9;
	ok($killed, "killed while the replica ran $statement");
	$t->start_environment;
	$t->wait_streaming;
	$ends_well->("the environment was killed during $statement");
	$source->('ALTER TABLE large DROP COLUMN again');
}

# the replica's server
$source->('ALTER TABLE large ADD COLUMN e2 float8 DEFAULT random()');
$t->wait_with_agent('the table waits for a copy', sub { return %{ pending($t) } });
kill KILL => $t->replica_postmaster_pid;
$ends_well->("the replica's server was killed");

# and both, with changes held: a lock keeps the copy back
my $locker = altered_and_locked($t, 'large', 'ALTER TABLE large ADD COLUMN e3 float8 DEFAULT random()');
wait_pending($t, 'public.large', qr/locked/);
stop_writer($writer);
$locker->run(q(INSERT INTO large (id, v) SELECT g, 'held' FROM generate_series(100001, 100500) AS g; UPDATE large SET v = v || '!' WHERE id > 100250));
# in the session with the lock: from PostgreSQL 18 on REVOKE asks for one as well
$locker->run('REVOKE SELECT ON large FROM ardent_replication; COMMIT');
$locker->end;
$t->wait_with_agent('changes are held', sub { return pending($t)->{'public.large'}{held_changes} >= 750 });
$t->wait_caught_up;
my $held = pending($t)->{'public.large'}{held_changes};

$t->agent->kill9;
$t->environment->kill9;
$t->start_environment;
$t->start_agent;
$t->wait_streaming;
is(pending($t)->{'public.large'}{held_changes}, $held, 'held changes outlive both programs, each once');
$source->('GRANT SELECT ON large TO ardent_replication');
$ends_well->('both were killed');
$t->compare_ok('invariant 6: after all kills');
$t->stop_all;
done_testing();
