# SPDX-License-Identifier: PostgreSQL
# Thousands of tables: each check is one pass over the catalogs, so the time grows with their number, not with its square.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_locks_per_transaction = 256\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION ardent; CREATE ROLE ardent_replication LOGIN REPLICATION');

# Adds `count` tables, half of them without a key; the seconds of a report over all of them.
my $schemas = 0;
sub seconds_with
{
	my ($count) = @_;
	$schemas++;
	$node->safe_psql('postgres', qq(CREATE SCHEMA s$schemas; DO \$\$ BEGIN FOR i IN 1..$count LOOP
		EXECUTE pg_catalog.format('CREATE TABLE s$schemas.t%s (id int %s, v numeric)', i, CASE WHEN i % 2 = 0 THEN 'PRIMARY KEY' END);
		END LOOP; END \$\$));
	my $list = join ',', map { "s$_" } 1 .. $schemas;
	my $best;
	foreach my $try (1 .. 3)
	{
		my $start = time;
		$node->safe_psql('postgres', qq(SELECT count(*) FROM ardent_preflight('$list')));
		my $seconds = time - $start;
		$best = $seconds if !defined $best || $seconds < $best;
	}
	return $best;
}

my $small = seconds_with(500);
my $large = seconds_with(1500);
note(sprintf('%.3f s for 500 tables, %.3f s for 2000', $small, $large));
cmp_ok($large, '<', 5, 'below five seconds for 2,000 tables');
cmp_ok($large, '<', 10 * $small + 0.5, 'and not sixteen times as much for four times as many');
my $objects = $node->safe_psql('postgres', q(SELECT cardinality(objects), detail ~ 'and 990 more' FROM ardent_preflight_checks('s1,s2')
	WHERE id = 'replica_identity'));
is($objects, '1000|t', 'the objects are complete, the text is capped');
$node->stop;
done_testing();
