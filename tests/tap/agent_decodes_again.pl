# SPDX-License-Identifier: PostgreSQL
# CREATE INDEX CONCURRENTLY while a transaction has changed a row: another session's INSERT makes the walsender learn of the
# index, and of the row that was changed before there was one it says, on some majors, "could not open relation with OID …".
# From behind the INSERT it can decode the rest.
use strict;
use warnings;
use Ardent::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $t = Ardent::Test->new(name => 'again_decoded', sql => <<'SQL');
CREATE TABLE item (id integer PRIMARY KEY, v integer);
INSERT INTO item SELECT g, g FROM generate_series(1, 20) AS g;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$t->start_all;
$t->wait_caught_up;

my $id = 20;
my $overlap = sub {
	my ($name) = @_;
	my $writer = $t->source->background_psql($database);
	$writer->query_safe('BEGIN; UPDATE item SET v = -v WHERE id = 1');
	my $maker = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($database), '-c', "CREATE INDEX CONCURRENTLY $name ON item (v)" ]);
	$t->wait_for("the index $name is being made", sub {
		return $source->(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock')) > 0 });
	$id++;
	$source->("INSERT INTO item VALUES ($id, $id)");
	return sub { $writer->query_safe('COMMIT'); $writer->quit; return ok($maker->finish, "the index $name is made"); };
};
my $said = sub { my $count = () = $t->agent->log_text =~ /asked again from behind what it could/g; return $count; };
my $failed = sub { my $count = () = slurp_file($t->source->logfile) =~ /ERROR: +could not open relation with OID/g; return $count; };
my $follows = sub {
	my ($what) = @_;
	$t->wait_caught_up;
	ok($t->agent->alive, "$what: the agent goes on");
	is($t->status, 'streaming', "$what: it streams");
	return $t->compare_ok($what, '--rows-only');
};

my $end = $overlap->('live');
$t->wait_for('the INSERT is in the replica', sub { return ($t->replica_try("SELECT count(*) FROM item WHERE id = $id") // '') eq '1' });
$end->();
$follows->('the rest comes later');
is($said->(), $failed->(), 'each time that the source could not decode on is told');

is($t->agent->stop, 0, 'the agent stops');
$overlap->('behind')->();
$source->('INSERT INTO item VALUES (1000, 1)');
$t->start_agent;
$follows->('both come at once');
is($said->(), $failed->(), 'again each time is told');
# How often is a matter of moments; without any this test would have tried nothing.
cmp_ok($failed->(), '>=', 1, 'the source could not decode it at first') if $t->major == 15;
$t->stop_all;
done_testing();
