# SPDX-License-Identifier: PostgreSQL
# Ten thousand tables: each check is one pass over the catalogs, so the time grows with their number, not with its square.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_locks_per_transaction = 256\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION ardent; CREATE ROLE ardent_replication LOGIN REPLICATION');

# Seconds of the server process's own time, which other processes of the machine do not lengthen.
my $ticks = q(SELECT sum(t::integer) FROM unnest((string_to_array(pg_read_file('/proc/self/stat', 0, 1000), ' '))[14:15]) AS t);
chomp(my $ticks_a_second = qx(getconf CLK_TCK));

sub best_of_three
{
	my ($query) = @_;
	my $best;
	foreach my $try (1 .. 3)
	{
		my @lines = split /\n/, $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0; $ticks; $query; $ticks");
		my $seconds = ($lines[-1] - $lines[0]) / $ticks_a_second;
		$best = $seconds if !defined $best || $seconds < $best;
	}
	return $best;
}

# Adds `count` tables in each of `schemas` schemas, half of them without a key.
my $schemas = 0;
sub add_tables
{
	my ($new, $count) = @_;
	foreach (1 .. $new)
	{
		$schemas++;
		$node->safe_psql('postgres', qq(CREATE SCHEMA s$schemas; DO \$\$ BEGIN FOR i IN 1..$count LOOP
			EXECUTE pg_catalog.format('CREATE TABLE s$schemas.t%s (id int %s, v numeric, w text)', i,
				CASE WHEN i % 2 = 0 THEN 'PRIMARY KEY' END); END LOOP; END \$\$));
	}
	$node->safe_psql('postgres', 'VACUUM pg_class; VACUUM pg_attribute; VACUUM pg_depend; ANALYZE pg_class; ANALYZE pg_attribute');
	return join ',', map { "s$_" } 1 .. $schemas;
}

my $list = add_tables(4, 625);
my $small = best_of_three("SELECT count(*) FROM ardent_preflight('$list')");
is($node->safe_psql('postgres', "SELECT status FROM ardent_preflight_checks('$list') WHERE id = 'table_count'"), 'pass',
	'table_count: 2,500 pass');
$list = add_tables(12, 625);
my $large = best_of_three("SELECT count(*) FROM ardent_preflight('$list')");
# The pass over the catalogs that no answer can do without, on this machine as it is now.
my $bare = best_of_three(q(SELECT count(*) FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
	JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname LIKE 's%' AND length(a.attname) > 0));
note(sprintf('%.2f s for 2,500 tables, %.2f s for 10,000 in 16 schemas; a bare join of pg_class: %.2f s', $small, $large, $bare));
ok($large < 1 || $large < 15 * $bare, 'below one second of the server\'s own time for 10,000 tables in 16 schemas, or fifteen bare joins on a busy machine')
  or diag("$large s, bare $bare s");
cmp_ok($large, '<', 8 * $small + 0.5, 'and not sixteen times as much for four times as many');
my $objects = $node->safe_psql('postgres', q(SELECT cardinality(objects), detail ~ 'and 616 more' FROM ardent_preflight_checks('s1,s2')
	WHERE id = 'replica_identity'));
is($objects, '626|t', 'the objects are complete, the text is capped');
# 16 schemas of 625 tables: a statement each, also where a view must not be opened; and fast
my $lines = sub { return scalar split /\n/, $node->safe_psql('postgres', "SELECT ardent_grant_script('$list')") };
cmp_ok($lines->(), '<', 200, 'the grant script does not grow with the tables');
$node->safe_psql('postgres', "CREATE VIEW s$_.v AS SELECT 1 AS i") foreach 1 .. $schemas;
cmp_ok($lines->(), '<', 400, 'nor where there are views');
my $script = $node->safe_psql('postgres', "SELECT ardent_grant_script('$list')");
my $seconds = best_of_three("SELECT ardent_grant_script('$list')");
note(sprintf('%.3f s for the grant script', $seconds));
ok($seconds < 0.5 || $seconds < 7 * $bare, 'made in half a second, or seven bare joins on a busy machine') or diag("$seconds s");
$node->safe_psql('postgres', $script);
is($node->safe_psql('postgres', "SELECT status FROM ardent_preflight_checks('$list') WHERE id = 'can_read_tables'"), 'pass', 'it covers all of them');
like($node->safe_psql('postgres', "SELECT ardent_grant_script('$list')"), qr/nothing to grant/, 'and nothing is left');
$list = add_tables(1, 1);
is($node->safe_psql('postgres', "SELECT status, actual FROM ardent_preflight_checks('$list') WHERE id = 'table_count'"), 'warn|10001',
	'table_count: one more than 10,000 is a warning');
$node->stop;
done_testing();
