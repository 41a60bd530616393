# SPDX-License-Identifier: PostgreSQL
# Conditions of a server that pg_regress cannot make: plugin settings, a missing plugin, no free slot, a standby, other
# encodings, another connected database.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $knows_libraries =
  `grep -c '^#output_plugin_libraries' "\$(pg_config --sharedir)/postgresql.conf.sample"` > 0;
my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 10\nmax_wal_senders = 10\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION ardent; CREATE ROLE ardent_replication LOGIN REPLICATION; CREATE ROLE reader');

sub check
{
	my ($id, $columns, $database) = @_;
	return $node->safe_psql($database // 'postgres', "SELECT $columns FROM ardent_preflight_checks() WHERE id = '$id'");
}

sub plugin_setting
{
	my ($value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET output_plugin_libraries = $value");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', q(SELECT reset_val = f.setting FROM pg_settings AS s
		JOIN (SELECT setting, row_number() OVER (ORDER BY seqno DESC) AS n FROM pg_file_settings
			WHERE name = 'output_plugin_libraries') AS f ON n = 1 WHERE s.name = 'output_plugin_libraries'))
	  or die 'the setting did not arrive';
}

is(check('wal2json', 'status'), 'pass', 'wal2json: allowed and loadable');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), '0', 'proved without a slot');
SKIP:
{
	skip 'the server has no output_plugin_libraries', 9 unless $knows_libraries;
	plugin_setting('pgoutput, test_decoding');
	is(check('wal2json', 'status, actual'), 'fail|pgoutput, test_decoding', 'not in the list');
	is($node->safe_psql('postgres', q(SET output_plugin_libraries = 'wal2json';
		SELECT status FROM ardent_preflight_checks() WHERE id = 'wal2json')), 'fail', 'what this session sets does not count');
	plugin_setting(q('pgoutput, test_decoding, wal2json'));
	like(check('wal2json', 'status, detail'), qr/^fail\|.*ONE library/, 'one quoted string is named');
	my ($code) = $node->psql('postgres', q(SELECT pg_create_logical_replication_slot('x', 'pgoutput')));
	isnt($code, 0, 'and indeed the server refuses even pgoutput then');
	$node->safe_psql('postgres', check('wal2json', 'fix'));
	is(check('wal2json', 'status'), 'pass', 'the fix works for the role');
	like(check('wal2json', 'detail'), qr/every other role is refused/, 'and the rest is still told');
	is($node->safe_psql('postgres', q(SET SESSION AUTHORIZATION reader;
		SELECT status, actual FROM ardent_preflight_checks() WHERE id = 'wal2json')), 'pass|loadable, allowed',
		'a caller who may not see the setting gets the verdict, not the value');
	$node->safe_psql('postgres', 'ALTER ROLE ardent_replication RESET ALL');
	is($node->safe_psql('postgres', q(SET SESSION AUTHORIZATION reader;
		SELECT status, actual FROM ardent_preflight_checks() WHERE id = 'wal2json')), 'fail|', 'a refusal as well');
	plugin_setting('pgoutput, test_decoding, wal2json');
	is(check('wal2json', 'status'), 'pass', 'as it should be');
}

# a library that is not there, in a session that finds the extension as before
my $elsewhere = $node->safe_psql('postgres', q(SELECT replace(current_setting('dynamic_library_path'), '$libdir', '/nonexistent')));
like($node->safe_psql('postgres', qq(SET dynamic_library_path = '$elsewhere'; SELECT ardent_settings_script() IS NULL;
	SELECT status, detail, hint FROM ardent_preflight_checks() WHERE id = 'wal2json')),
	qr/fail\|The server cannot load wal2json: could not access file "wal2json".*postgresql-\d+-wal2json/,
	'wal2json that is not installed: the package is named');

# slots
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_replication_slots = 2');
$node->restart;
like(check('replication_slots', 'status, actual, hint'), qr{^fail\|0/2\|10 is the documented minimum}, 'below the minimum');
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_replication_slots = 11');
$node->restart;
$node->safe_psql('postgres', q(SELECT pg_create_physical_replication_slot('other_' || i) FROM generate_series(1, 11) AS i));
is(check('replication_slots', q(status, actual, substring(fix FROM 'max_replication_slots = (\d+)'))), 'fail|11/11|12', 'none is free');
my $settings = $node->safe_psql('postgres', 'SELECT ardent_settings_script()');
like($settings, qr/max_replication_slots = 12/, 'the settings script asks for one more');
$node->psql('postgres', $settings, on_error_die => 1);
$node->restart;
is(check('replication_slots', 'status, actual'), 'pass|11/12', 'then one is free');
$node->safe_psql('postgres', q(SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots));

# another database of the server
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', q(CREATE EXTENSION ardent; SELECT pg_create_logical_replication_slot('ardent_shop', 'wal2json')));
is(check('duplicate_source', 'status, detail'), 'info|Another database of this server is connected by slot ardent_shop (database shop)',
	'duplicate source: elsewhere it is an info');
like(check('duplicate_source', 'status, detail, hint', 'shop'), qr/^fail\|.*slot ardent_shop\|.*ardent connector list/,
	'duplicate source: here it fails and says where to look');

# encodings
foreach my $encoding (qw(LATIN1 SQL_ASCII))
{
	my $database = lc "db_$encoding";
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	$node->safe_psql($database, q(SET client_encoding = 'UTF8'; CREATE EXTENSION ardent; CREATE TABLE "naïve" (i int)));
	my $report = $node->safe_psql($database, q(SET client_encoding = 'UTF8';
		SELECT string_agg(line, E'\n') FROM ardent_preflight() AS r (line)));
	like($report, qr/^  \[ok\] is writer$/m, "$encoding: ASCII letters");
	unlike($report, qr/✓|✗|→|…/, "$encoding: and no others");
	is($node->safe_psql($database, q(SET client_encoding = 'UTF8';
		SELECT ardent_preflight_report() #>> '{checks,replica_identity,objects,0}' = 'public."naïve"')), 't',
		"$encoding: names come out whole");
	is($node->safe_psql($database, q(SET client_encoding = 'UTF8';
		SELECT status FROM ardent_preflight_checks('"naïve"') WHERE id = 'can_read_tables')), 'fail', "$encoding: and in");
}

# a standby: is writer fails, the rest still reports
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', q(SELECT count(*) >= 60, count(*) FILTER (WHERE status = 'unverified') FROM ardent_preflight_checks())),
	't|0', 'standby: every check reports');
like($standby->safe_psql('postgres', q(SELECT status, hint FROM ardent_preflight_checks() WHERE id = 'is_writer')),
	qr/^fail\|Use the writable primary/, 'standby: is writer fails');
is($standby->safe_psql('shop', 'SELECT count(*) FROM ardent_slots'), '0', 'standby: ardent_slots answers');
$standby->stop;
$node->stop;
done_testing();
