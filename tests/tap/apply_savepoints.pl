# SPDX-License-Identifier: PostgreSQL
# A DELETE of many rows has a savepoint before it, to find the row that is missing. In a transaction of many batches the
# savepoints of a batch are released once its statements were answered: they do not pile up in the replica.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

my $t = Ardent::Apply->new(name => 'savepoints', setup => <<'SQL');
CREATE TABLE wide (k text PRIMARY KEY);
INSERT INTO wide SELECT g || repeat('x', 4000) FROM generate_series(1, 24000) AS g;
SQL
my $node = $t->{node};
$t->source('DELETE FROM wide');
my $file = $t->segments;
$node->safe_psql('postgres', $_) foreach q(ALTER SYSTEM SET log_statement = 'all'), 'ALTER SYSTEM SET log_parameter_max_length = 0',
  'SELECT pg_reload_conf()';
$t->applied_ok($file, 'a transaction of several batches');
$t->equal_ok('after it');

my ($set, $released, $most, @open) = (0, 0, 0);
open(my $in, '<', $node->logfile) or die $node->logfile . ": $!";
while (my $line = <$in>)
{
	next unless $line =~ /(?:execute [^:]*|statement): (SAVEPOINT|RELEASE SAVEPOINT|COMMIT)(?: (\w+))?/;
	my ($what, $name) = ($1, $2);
	if ($what eq 'SAVEPOINT') { push @open, $name; $set++; }
	elsif ($what eq 'COMMIT') { @open = (); }
	else
	{
		$released++;
		# with it everything that was set after it
		while (@open) { last if pop(@open) eq $name; }
	}
	$most = @open if @open > $most;
}
note("$set savepoints, $released times released, at most $most at a time");
cmp_ok($set, '>=', 9, 'it had many savepoints');
cmp_ok($released, '>=', 2, 'which were released in between');
cmp_ok($most, '<=', 5, 'no more are open than one batch sets');
done_testing();
