# SPDX-License-Identifier: PostgreSQL
# Invariant 5 while a table is copied again: each transaction writes the same number to two tables, and whoever reads the replica
# while no copy is pending sees the same number in both, also when the copy was taken far ahead of the replica.
use strict;
use warnings;
use Ardent::Again;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'invariant_05_again', source_conf => "max_connections = 40\n", sql => <<'SQL');
CREATE TABLE one (id integer PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE two (id integer PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE third (id integer PRIMARY KEY);
INSERT INTO one VALUES (1, 0);
INSERT INTO two VALUES (1, 0);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $pairs = $t->write_file('pairs.sql', "BEGIN;\nUPDATE one SET n = n + 1;\nUPDATE two SET n = n + 1;\nCOMMIT;\n");
my $said = '';
my $writer = IPC::Run::start([ 'pgbench', '-n', '-c', '1', '-R', '300', '-T', '600', '-f', $pairs, $t->source->connstr($database) ],
	'<', \undef, '>&', \$said);
my $look = 'SELECT (SELECT count(*) FROM ardent.copy_again), (SELECT n FROM one), (SELECT n FROM two);';
my $looks = $t->write_file('looks.sql', join "\n", ($look) x 200_000);
my $seen = '';
my $reader = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $t->replica_conninfo, '-f', $looks ], '<', \undef, '>', \$seen, '2>', \my $error);
my $admin = $t->replica_admin;
foreach my $round (1 .. 6)
{
	# the replica stands still while the source goes on and the copy comes
	my $in = "BEGIN; LOCK TABLE third IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n";
	my $out = '';
	my $blocker = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $admin ], '<', \$in, '>', \$out);
	$blocker->pump until $out =~ /locked/;
	# in one session: nothing comes between the two
	$source->("ALTER TABLE one ADD COLUMN x$round float8 DEFAULT random();\n" . ($round % 2 ? "INSERT INTO third VALUES ($round);" : ''));
	$t->wait_with_agent('the copy is here', sub {
		my $row = pending($t)->{'public.one'};
		return $row && $row->{state} eq 'waiting' || !$row && $round % 2 == 0;
	});
	$source->("INSERT INTO third VALUES (1000 + $round)");
	$in .= "COMMIT;\n\\q\n";
	$blocker->finish;
	$t->wait_caught_up;
	wait_no_pending($t, "round $round");
}
$reader->signal('TERM');
eval { $reader->finish };
$writer->signal('TERM');
eval { $writer->finish };
my @all = map { [ split /\|/ ] } grep { /^\d+\|\d+\|\d+$/ } split /\n/, $seen;
my @apart = grep { $_->[0] == 0 && $_->[1] != $_->[2] } @all;
cmp_ok(scalar(grep { $_->[0] == 0 } @all), '>', 500, 'the replica was read often while nothing was pending');
cmp_ok(scalar(grep { $_->[0] > 0 } @all), '>', 20, 'and while a copy was pending');
is(scalar(@apart), 0, 'invariant 5: both tables showed the same transactions') or diag(join ', ', map { "$_->[1] and $_->[2]" } @apart[ 0 .. ($#apart > 5 ? 5 : $#apart) ]);
cmp_ok($all[-1][1], '>', 50, 'of many');
$t->wait_caught_up;
$t->compare_ok('at the end');
$t->stop_all;
done_testing();
