# SPDX-License-Identifier: PostgreSQL
# docs/uninstall.md does what it says: its SQL runs as printed, and the catalogs of the server are then what they were
# before Ardent came. Compared is every row of every catalog; what counts time (transaction ids, page counts) is left out,
# and a list of privileges is compared with the defaults written out, because the server writes them out at the first GRANT.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_replication_slots = 4\nmax_wal_senders = 10\n");
$node->start;
my @databases = ('shop', 'billing');
foreach my $database (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, q(CREATE ROLE owner_of_) . $database . q(; CREATE SCHEMA extra AUTHORIZATION owner_of_)
		  . $database . q(; CREATE TABLE public.orders (id serial PRIMARY KEY); CREATE TABLE extra.t (id int PRIMARY KEY);
		CREATE FUNCTION extra.f() RETURNS int LANGUAGE sql AS 'SELECT 1'));
}
$node->safe_psql('shop', 'GRANT SELECT ON public.orders TO owner_of_billing');

# Every row of every catalog as text.
sub catalogs
{
	my ($database) = @_;
	my %acl = (
		pg_class => q(CASE x.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, x.relowner),
		pg_namespace => q('n'::"char", x.nspowner), pg_database => q('d'::"char", x.datdba), pg_proc => q('f'::"char", x.proowner));
	my @columns = map { [ split /\|/ ] } split /\n/, $node->safe_psql($database, q(
		SELECT c.relname, string_agg(a.attname || ':' || a.atttypid::regtype, ',' ORDER BY a.attnum)
		  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
		   AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data')
		   AND a.attname !~ '^(relpages|reltuples|relallvisible|relallfrozen|.*frozenxid|.*minmxid)$'
		 GROUP BY 1 ORDER BY 1));
	my @parts;
	foreach my $catalog (@columns)
	{
		my ($name, $list) = @$catalog;
		my @values = map {
			my ($column, $type) = split /:/;
			my $value = qq(x.$column);
			$value = qq(coalesce($value, acldefault($acl{$name}))) if $type eq 'aclitem[]' && $acl{$name};
			$value = qq((SELECT array_agg(i::text ORDER BY i::text) FROM unnest($value) AS i)) if $type eq 'aclitem[]';
			qq(($value)::text)
		} split /,/, $list;
		push @parts, "SELECT '$name: ' || array_to_string(ARRAY[" . join(', ', @values)
		  . "], ' | ', '~') AS line FROM pg_catalog.$name AS x";
	}
	return [ split /\n/, $node->safe_psql($database, 'SELECT replace(line, chr(10), chr(32)) FROM (' . join(' UNION ALL ', @parts)
			  . ') AS all_rows ORDER BY line COLLATE "C"') ];
}

sub differences
{
	my ($before, $after) = @_;
	my %count;
	$count{$_}++ foreach @$after;
	$count{$_}-- foreach @$before;
	return map { ($count{$_} > 0 ? '+ ' : '- ') . substr($_, 0, 300) } grep { $count{$_} != 0 } sort keys %count;
}

sub psql_file
{
	my ($database, $script, @options) = @_;
	my $file = $node->basedir . '/script.sql';
	append_to_file($file, $script);
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', @options, '-d', $node->connstr($database), '-f', $file ],
		'>', \$out, '2>', \$err);
	unlink $file;
	ok($ok, "psql @options on $database") or diag($err);
	return $out;
}

# the page: SQL blocks by heading
my %blocks;
my ($heading, $in_block) = ('', 0);
foreach my $line (split /\n/, slurp_file('docs/uninstall.md'))
{
	$heading = $1 if $line =~ /^## \d+\. (.*)/;
	if ($line =~ /^```(\w*)/) { $in_block = $1 eq 'sql'; next; }
	$blocks{$heading} .= "$line\n" if $in_block;
}
is(join(', ', sort keys %blocks), 'In each connected database, Once for the server, Settings and pg_hba.conf', 'the page has its blocks');

my %before = map { $_ => catalogs($_) } @databases, 'postgres';
cmp_ok(scalar @{ $before{shop} }, '>', 5000, 'the catalogs are read: ' . @{ $before{shop} } . ' rows');

foreach my $database (@databases)
{
	$node->safe_psql($database, 'CREATE EXTENSION ardent');
	psql_file($database, $node->safe_psql($database, q(SELECT ardent_grant_script('public,extra'))), '-1', '-v', 'ardent_password=x');
	$node->safe_psql($database, "SELECT pg_create_logical_replication_slot('ardent_$database', 'wal2json')");
	# in the one capture was on, in the other it never was
	like($node->safe_psql($database, 'SELECT ardent_ddl_capture(true)'), qr/is on/, 'capture is on') if $database eq 'shop';
	cmp_ok(scalar(differences($before{$database}, catalogs($database))), '>', 20, "$database: Ardent is there");
}
psql_file('postgres', $node->safe_psql('shop', 'SELECT ardent_settings_script()'));
cmp_ok($node->safe_psql('postgres', q(SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf')), '>', 0, 'settings are changed');

my ($code, undef, $err) = $node->psql('postgres', $blocks{'Once for the server'});
isnt($code, 0, 'the role is not dropped before the databases are done');
like($err, qr/database (shop|billing)/, 'and the server names them');
psql_file($_, $blocks{'In each connected database'}) foreach @databases;
psql_file('postgres', $blocks{'Once for the server'});
psql_file('postgres', $blocks{'Settings and pg_hba.conf'});

foreach my $database (@databases, 'postgres')
{
	my @left = differences($before{$database}, catalogs($database));
	is(scalar @left, 0, "$database: the catalogs are what they were") or diag(join("\n", @left));
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), '0', 'no slot is left');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf')), '0', 'no setting is left');
$node->restart;
is($node->safe_psql('shop', 'SELECT count(*) FROM public.orders'), '0', 'the server starts, and its tables are there');
$node->stop;
done_testing();
