# SPDX-License-Identifier: PostgreSQL
# A generated column is dropped and added again, or gets another expression, at a source without DDL capture: the old rows have
# other values there, and the stream does not say so. The connector stops and names table and column, also
# when the agent was not there meanwhile. With capture, and for what changes no row, it goes on.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'anew');
my $source = $t->source;
my $database = $Ardent::Test::database;
my $run = sub { return $source->safe_psql($database, $_[0]); };

$run->(<<'SQL');
CREATE FUNCTION public.twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE TABLE public."Order s" (id integer PRIMARY KEY, net integer, "to tal" integer GENERATED ALWAYS AS (net * 2) STORED);
CREATE TABLE public.others (id integer PRIMARY KEY, net integer, total integer GENERATED ALWAYS AS (public.twice(net)) STORED);
INSERT INTO public."Order s" VALUES (1, 10), (2, 20);
INSERT INTO public.others VALUES (1, 10);
SQL
$t->start_all;
$t->wait_caught_up;
# what changes no row stops nothing
$run->(q{ALTER FUNCTION public.twice(integer) RENAME TO double; ALTER FUNCTION public.double(integer) RENAME TO twice;
	INSERT INTO public.others VALUES (2, 20)});
$t->agent->stop;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('functions that were renamed');

my $caught = sub {
	my ($name) = @_;
	my $failure;
	$t->wait_for("the connector stops: $name", sub { $failure = $t->connector->{failure}; return $failure }, 90);
	like($failure->{message}, qr/^generated column "to tal" of table public\."Order s" was made anew at the source/, "$name: it names the column");
	like($failure->{hint}, qr/Make the same change in the replica, then retry; or make a new copy/, "$name: and what to do");
	return is($failure->{table}, 'public."Order s"', "$name: and the table");
};

# while the agent is away
$t->agent->stop;
my $anew = sub { return qq{ALTER TABLE public."Order s" DROP COLUMN "to tal", ADD COLUMN "to tal" integer GENERATED ALWAYS AS (net * $_[0]) STORED}; };
$run->($anew->(3) . '; INSERT INTO public."Order s" VALUES (3, 30)');
$t->start_agent;
$caught->('while the agent was away');

# the remedy: the same in the replica
my $mend = sub {
	my ($statement) = @_;
	my $err = '';
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $t->replica_admin ], '<', \$statement, '2>', \$err) or die $err;
	my ($exit, $said) = $t->cli('connector', 'retry-setup', $database);
	is($exit, 0, 'retry') or diag($said);
	$t->wait_streaming;
	$t->wait_caught_up;
	return $t->compare_ok('mended', '--rows-only');
};
$mend->($anew->(3));

# while it streams
$run->($t->major >= 17 ? 'ALTER TABLE public."Order s" ALTER COLUMN "to tal" SET EXPRESSION AS (net * 4)' : $anew->(4));
$caught->('while it streams');
$mend->($anew->(4));

# with capture the replica hears of it, and what is known is what is now
$run->('SELECT ardent_ddl_capture(true)');
$t->agent->stop;
$t->start_agent;
$t->wait_streaming;
$run->($_) foreach $anew->(5), 'ALTER TABLE public.others RENAME total TO sum', 'ALTER TABLE public."Order s" ALTER COLUMN "to tal" TYPE bigint',
	'INSERT INTO public.others VALUES (3, 30)';
$t->wait_replayed;
$t->agent->stop;
$t->start_agent;    # its first report is judged once the replica is there
my $made = $run->(q{SELECT string_agg(d.oid::text, ' ' ORDER BY d.oid) FROM pg_attrdef AS d
	JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
	AND d.adrelid IN ('public.others'::regclass, 'public."Order s"'::regclass)});
my $known = q{SELECT string_agg(g.source::text, ' ' ORDER BY g.source) FROM ardent.generated AS g JOIN pg_attrdef AS d ON d.adrelid = g.relation AND d.adnum = g.number};
$t->wait_for('what is known is what is at the source', sub { return ($t->replica_try($known) // '') eq $made }, 90);
is($t->status, 'streaming', 'with capture it goes on') or diag(explain($t->connector->{failure}));
$t->compare_ok('with capture');

done_testing();
