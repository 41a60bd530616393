# SPDX-License-Identifier: PostgreSQL
# A DBA who applies the printed scripts, and restarts, sees every check pass; and what was promised is so: the role
# creates a wal2json slot and reads every table, also one that is made later. Nothing is lowered, and the password is
# told to nobody.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $knows_libraries =
  `grep -c '^#output_plugin_libraries' "\$(pg_config --sharedir)/postgresql.conf.sample"` > 0;
my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
wal_level = replica
max_replication_slots = 2
max_wal_senders = 3
log_statement = all
CONF
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding'\n") if $knows_libraries;
$node->start;
$node->safe_psql('postgres', q(CREATE DATABASE "My ""Shop"));
my $db = 'My "Shop';

sub sql { my ($query) = @_; return $node->safe_psql($db, $query); }

# name=status of the checks that fail, or whose finding was accepted
sub not_passed
{
	my ($accept) = @_;
	return sql(qq{SELECT string_agg(id || '=' || status, ' ' ORDER BY ordinal)
		FROM ardent_preflight_checks('public,"Bill ""ing"', accept => '$accept')
		WHERE status = 'fail' OR (status = 'info' AND id IN ('replica_identity', 'large_objects'))});
}

sub run_script
{
	my ($name, $script, @options) = @_;
	my $file = $node->basedir . "/$name.sql";
	append_to_file($file, $script);
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', @options, '-d', $node->connstr('postgres') =~ s/dbname=\S+//r
		  . q( dbname='My "Shop'), '-f', $file ], '>', \$out, '2>', \$err);
	unlink $file;
	ok($ok, "the $name script runs") or diag($err);
	return $out . $err;
}

sql(<<'SQL');
CREATE EXTENSION ardent;
CREATE ROLE "table owner";
CREATE SCHEMA "Bill ""ing";
GRANT ALL ON SCHEMA "Bill ""ing" TO "table owner";
CREATE TABLE orders (id serial PRIMARY KEY);
CREATE TABLE history (happened timestamptz, note text);
CREATE TABLE legacy (code text NOT NULL UNIQUE);
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE audit (line text);
SET ROLE "table owner";
CREATE TABLE "Bill ""ing"."Invoices, all" (id int PRIMARY KEY);
RESET ROLE;
CREATE TABLE "Bill ""ing".secured (id int PRIMARY KEY);
ALTER TABLE "Bill ""ing".secured ENABLE ROW LEVEL SECURITY;
INSERT INTO "Bill ""ing".secured VALUES (1);
SELECT lo_create(0);
SQL
my $plugin = $knows_libraries ? 'wal2json=fail ' : '';
is(not_passed('{}'),
	"wal_level=fail replication_slots=fail wal_senders=fail ${plugin}can_read_tables=fail replica_identity=fail "
	  . 'replication_role=fail large_objects=fail',
	'before: what a fresh server lacks');
my $report = sql(q{SELECT string_agg(line, E'\n') FROM ardent_preflight('public,"Bill ""ing"') AS r (line)});
like($report, qr/^--- Settings script ---$/m, 'the report prints the settings script');
like($report, qr/^--- Grant script ---$/m, 'and the grant script');
like($report, qr/^✗ Preflight checks did NOT pass\. Fix the failures above before creating\./m, 'and the closing line');

# 1. settings; a value that waits for a restart is not lowered
my $settings = sql('SELECT ardent_settings_script()');
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_wal_senders = 20');
my $said = run_script('settings', $settings);
like($said, qr/ALTER SYSTEM/, 'it changes what is too low');
$node->restart;
is(sql(q(SELECT current_setting('wal_level') || ' ' || current_setting('max_replication_slots') || ' '
	|| current_setting('max_wal_senders'))), 'logical 10 20', 'settings: raised, and what was higher stayed');
unlike(run_script('settings', $settings), qr/ALTER SYSTEM/, 'a second run of the same printout changes nothing');

# 2. grants
my $grants = sql(q{SELECT ardent_grant_script('public,"Bill ""ing"')});
my $secret = q(it's a "secret" \\ 42);
$said = run_script('grant', $grants, '-1', '-a', '-v', "ardent_password=$secret");
unlike($said, qr/secret/, 'the password is not printed, even with psql -a');
unlike(slurp_file($node->logfile), qr/a \\?"secret/, "nor is it in the server's log");
is(sql(q(SELECT rolsuper::text || rolcanlogin || rolreplication || rolbypassrls FROM pg_roles
	WHERE rolname = 'ardent_replication')), 'falsetruetruefalse', 'the role: no superuser, no BYPASSRLS');
is(sql(q(SELECT rolpassword LIKE 'SCRAM-SHA-256%' FROM pg_authid WHERE rolname = 'ardent_replication')), 't',
	'its password is a SCRAM verifier');
is(sql(q(SELECT has_database_privilege('ardent_replication', current_database(), 'CREATE'))), 'f', 'no CREATE on the database');
is(not_passed('{}'), 'can_read_tables=fail replica_identity=fail large_objects=fail',
	'after the grants: row security, identity and large objects are left');
run_script('grant', $grants, '-1', '-v', 'ardent_bypassrls=1');

# 3. identity
my $decisions = '{"public.history": "replica_identity_full", "public.legacy": "add_pk", '
  . '"public.late": "replica_identity_full", "public.audit": "exclude"}';
run_script('identity', sql("SELECT ardent_replica_identity_script('$decisions')"), '-1');
is(not_passed('{}'), 'replica_identity=fail large_objects=fail', 'the excluded table needs to be accepted');

my $accept = qq({"large_objects": true, "decisions": $decisions});
is(not_passed($accept), 'replica_identity=info large_objects=info', 'after: no check fails');
like(sql(qq{SELECT line FROM ardent_preflight('public,"Bill ""ing"', accept => '$accept') AS r (line)
	WHERE line LIKE '%Preflight checks%'}), qr/^✓ Preflight checks passed\. \d+ warnings do not block\.$/, 'and the report says so');
is(sql(qq{SELECT r ->> 'preflight_pass' FROM ardent_preflight_report('public,"Bill ""ing"', accept => '$accept') AS r}),
	'true', 'the JSON too');

# 4. what the checks promised
my $connection = $node->connstr('postgres') =~ s/dbname=\S+//r . q( dbname='My "Shop' user=ardent_replication);
my ($out, $err) = ('', '');
ok(IPC::Run::run([ 'psql', '-XAt', '-d', "$connection replication=database", '-c',
	'CREATE_REPLICATION_SLOT ardent_try LOGICAL wal2json NOEXPORT_SNAPSHOT' ], '>', \$out, '2>', \$err),
	'the role creates a wal2json slot') or diag($err);
sql(q(SET ROLE "table owner"; CREATE TABLE "Bill ""ing".later (id int PRIMARY KEY)));
ok(IPC::Run::run([ 'psql', '-XAt', '-d', $connection, '-v', 'ON_ERROR_STOP=1', '-c', 'SET row_security = off', '-c',
	'TABLE orders', '-c', 'TABLE "Bill ""ing".later', '-c', 'TABLE "Bill ""ing".secured', '-c',
	'SELECT last_value FROM orders_id_seq' ], '>', \$out, '2>', \$err),
	'and reads every table, one made later by its owner too') or diag($err);
ok(!IPC::Run::run([ 'psql', '-XAt', '-d', $connection, '-c', 'INSERT INTO history VALUES (now())' ], '>', \$out, '2>', \$err),
	'but writes none');
is(not_passed($accept), 'replica_identity=info duplicate_source=fail large_objects=info', 'now the source is connected');
sql(q(SELECT pg_drop_replication_slot('ardent_try')));

# 5. a list of plugins that the role has already is kept
if ($knows_libraries)
{
	sql(q(ALTER ROLE ardent_replication SET output_plugin_libraries = 'test_decoding'));
	is(not_passed($accept), 'wal2json=fail replica_identity=info large_objects=info', 'a role setting without wal2json fails');
	my $fix = sql(q{SELECT fix FROM ardent_preflight_checks() WHERE id = 'wal2json'});
	run_script('grant', sql('SELECT ardent_grant_script()'), '-1');
	is(sql(q(SELECT setconfig FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole)),
		'{"output_plugin_libraries=pgoutput, wal2json, test_decoding"}', 'the grant script adds to it');
	sql(q(ALTER ROLE ardent_replication SET output_plugin_libraries = 'test_decoding'));
	sql($fix);
	is(not_passed($accept), 'replica_identity=info large_objects=info', 'and so does the fix of the check');
	sql(q(ALTER ROLE ardent_replication IN DATABASE "My ""Shop" SET output_plugin_libraries = 'test_decoding'));
	is(not_passed($accept), 'wal2json=fail replica_identity=info large_objects=info', 'set for the role in this database');
	run_script('grant', sql('SELECT ardent_grant_script()'), '-1');
	is(not_passed($accept), 'replica_identity=info large_objects=info', 'the grant script mends that as well');
}
$node->stop;
done_testing();
