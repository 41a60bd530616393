# SPDX-License-Identifier: PostgreSQL
# The environment is killed between what a statement did in the replica and the position that records it: what cannot run in a
# transaction at the source (… CONCURRENTLY), and what needs a superuser here. Nothing is repeated and nothing skipped (invariants
# 5 and 6). Two locks find the place: one that the statement waits for, so that every position before it is recorded, and then the
# progress row, for which its transaction waits when the statement has run.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $major = Ardent::Test::major();
my $t = Ardent::Test->new(name => 'ddl_crash', sql => <<'SQL');
CREATE TABLE fact (id integer PRIMARY KEY, v text);
INSERT INTO fact SELECT g, 'v' || g FROM generate_series(1, 500) AS g;
CREATE TABLE parted (id integer, at integer, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
INSERT INTO parted VALUES (1, 1);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $admin = $t->replica_admin;

# Holds what the statement takes in a session of its own, until release.
my $hold = sub {
	my ($statement) = @_;
	my ($in, $out) = ("BEGIN; $statement; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $admin ], '<', \$in, '>', \$out);
	$t->wait_for("$statement", sub { $session->pump_nb; return $out =~ /held/ });
	return sub { $in .= "ROLLBACK;\n\\q\n"; $session->finish; };
};
my $waits = sub {
	my ($out, $sql) = ('', q(SELECT count(*) FROM pg_stat_activity WHERE usename = 'ardent_apply' AND wait_event_type = 'Lock'));
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $admin, '-c', $sql ], '>', \$out) or die 'psql';
	return $out eq "1\n";
};
my $state = sub { return $t->replica_psql(q(SELECT string_agg(relname, ' ' ORDER BY relname)
	|| (SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension) FROM pg_class WHERE relnamespace = 'public'::regnamespace)) };

my $replayed = sub { return scalar(() = $t->{environment}->log_text =~ /msg="DDL (?:replayed|left out)"/g) };

my $crash = sub {
	my ($what, $sql, $count, $lock, $order, $first) = @_;
	$source->($first) if $first;
	$t->wait_caught_up;
	my ($before, $so_far) = ($state->(), $replayed->());
	my $statement = $hold->($lock);
	$source->($sql);
	$t->wait_for("$what waits in the replica", $waits);
	my $release = $order eq 'before it ran' ? $statement : $hold->('SELECT FROM ardent.progress FOR UPDATE');
	if ($order ne 'before it ran')
	{
		$statement->();
		$t->wait_for("$what has run", sub { return $waits->() && $replayed->() == $so_far + $count });
	}
	is($state->(), $before, "$what: nobody sees it before its position is recorded");
	$source->(q(UPDATE fact SET v = 'after ' || v WHERE id = 7));
	$t->{environment}->kill9;
	$release->() if $order eq 'released first';
	$t->start_environment;
	$t->wait_streaming;
	$release->() if $order ne 'released first';
	$t->wait_caught_up;
	is($t->connector->{failure}, undef, "$what: after a kill there it goes on, $order");
	$t->schema_ok("$what: with the same schema");
	$t->compare_ok("$what: with the same rows");
	is($t->replica_psql(q(SELECT pg_has_role('ardent_apply', 'ardent_admin', 'MEMBER'))), 'f', "$what: no right is left lent");
};
my $fact = 'LOCK TABLE fact IN ROW EXCLUSIVE MODE';
my $parted = 'LOCK TABLE parted IN ROW EXCLUSIVE MODE';
my @orders = ('released first', 'started first');
my @cases = (
	[ 'CREATE INDEX CONCURRENTLY', 'CREATE INDEX CONCURRENTLY by_v ON fact (v)', 1, $fact ],
	[ 'CREATE UNIQUE INDEX CONCURRENTLY', 'CREATE UNIQUE INDEX CONCURRENTLY by_both ON fact (v, id)', 1, $fact ],
	[ 'DROP INDEX CONCURRENTLY', 'DROP INDEX CONCURRENTLY by_v', 1, $fact ],
	[ 'ALTER TYPE … ADD VALUE', q(BEGIN; ALTER TYPE mood ADD VALUE 'glad'; ALTER TABLE fact ADD COLUMN w integer; COMMIT), 2, $fact ],
	[ 'CREATE EXTENSION', q(BEGIN; CREATE TABLE one (id integer PRIMARY KEY); CREATE EXTENSION pg_trgm; CREATE INDEX by_trigram ON fact USING gin (v gin_trgm_ops); COMMIT), 3, $fact ],
	[ 'DROP EXTENSION', q(BEGIN; CREATE INDEX by_more ON fact USING gist (v gist_trgm_ops); DROP EXTENSION pg_trgm CASCADE; COMMIT), 2, $fact ],
	[ 'DROP EXTENSION in front', q(BEGIN; DROP EXTENSION pg_trgm CASCADE; ALTER TABLE fact ADD COLUMN x integer; COMMIT), 2, $fact, 'CREATE EXTENSION pg_trgm' ]);
push @cases, [ 'DETACH PARTITION CONCURRENTLY', 'ALTER TABLE parted DETACH PARTITION parted_1 CONCURRENTLY', 1, $parted ] if $major >= 14;
foreach my $i (0 .. $#cases)
{
	my ($what, $sql, $count, $lock, $first) = @{ $cases[$i] };
	$crash->($what, $sql, $count, $lock, $orders[ $i % 2 ], $first);
}
$crash->('CREATE INDEX CONCURRENTLY that waits', 'CREATE INDEX CONCURRENTLY late ON fact (id, v)', 1, $fact, 'before it ran');
is($source->(q(SELECT count(*) FROM pg_index WHERE NOT indisvalid)), $t->replica_psql(q(SELECT count(*) FROM pg_index WHERE NOT indisvalid)), 'no index is left invalid');
$t->stop_all;
done_testing();
