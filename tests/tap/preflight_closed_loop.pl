# SPDX-License-Identifier: PostgreSQL
# Fixes that work: for each check with a fix the condition is broken on a real server, the check is seen not to pass,
# exactly the printed fix is run through psql (and the server restarted where it says so), and the check is seen to
# pass. Then the same printout is run again where the value is higher by now: it stays.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $role = 'My "Agent';
my $db = 'My "Shop';
my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
my $sample = slurp_file(`pg_config --sharedir` =~ s/\s+$//r . '/postgresql.conf.sample');
sub knows { my ($setting) = @_; return $sample =~ /^#$setting\b/m; }
my $old_snapshots = knows('old_snapshot_threshold');
$node->append_conf('postgresql.conf', <<'CONF' . ($old_snapshots ? "old_snapshot_threshold = 60\n" : ''));
wal_level = replica
max_replication_slots = 2
max_wal_senders = 3
max_connections = 6
synchronous_commit = local
CONF
$node->append_conf('postgresql.conf', "output_plugin_libraries = pgoutput\n") if knows('output_plugin_libraries');
$node->start;
$node->safe_psql('postgres', q(CREATE DATABASE "My ""Shop"));
sub sql { my ($query) = @_; return $node->safe_psql($db, $query); }
sql(q(CREATE EXTENSION ardent; CREATE ROLE "My ""Agent" LOGIN REPLICATION;
	CREATE TABLE legacy (code text NOT NULL UNIQUE); CREATE TABLE notes (t text)));
my $decisions = '{"decisions": {"public.legacy": "add_pk", "public.notes": "replica_identity_full"}}';

sub check
{
	my ($id, $columns, $server) = @_;
	return ($server // $node)->safe_psql($db, qq(SELECT $columns FROM ardent_preflight_checks(role => '$role', accept => '$decisions')
		WHERE id = '$id'));
}

my %seen;
# As it was printed, by psql.
sub run_fix
{
	my ($id, $fix, $server) = @_;
	$server //= $node;
	my $file = $node->basedir . '/fix.sql';
	append_to_file($file, $fix);
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr('postgres') =~ s/dbname=\S+//r
		  . q( dbname='My "Shop'), '-f', $file ], '>', \$out, '2>', \$err);
	unlink $file;
	ok($ok, "$id: the fix runs") or diag($fix, $err);
	return;
}

sub passes_soon
{
	my ($id, $server) = @_;
	($server // $node)->poll_query_until($db, qq(SELECT status = 'pass' FROM ardent_preflight_checks(role => '$role',
		accept => '$decisions') WHERE id = '$id'));
	return is(check($id, 'status', $server), 'pass', "$id: passes after the fix");
}

# The printed fix of a check that is seen to have this status.
sub printed
{
	my ($id, $status, $server) = @_;
	is(check($id, 'status', $server), $status, "$id: $status");
	my $fix = check($id, 'fix', $server);
	isnt($fix, '', "$id: a fix is printed");
	$seen{$id} = $fix;
	return $fix;
}

# 1. What needs a restart: all the fixes, then one restart.
my @restart = (
	[ 'wal_level', 'fail', 'wal_level', 'logical' ],
	[ 'replication_slots', 'fail', 'max_replication_slots', '30' ],
	[ 'wal_senders', 'fail', 'max_wal_senders', '20' ],
	[ 'free_connections', 'fail', 'max_connections', '50' ]);
push @restart, [ 'old_snapshot_threshold', 'warn', 'old_snapshot_threshold', '-1' ] if $old_snapshots;
foreach my $entry (@restart)
{
	my ($id, $status) = @$entry;
	my $fix = printed($id, $status);
	like($fix, qr/-- then restart the server\n?$/, "$id: it says that a restart is needed");
	run_fix($id, $fix);
}
$node->restart;
is(check($_->[0], 'status'), 'pass', "$_->[0]: passes after fix and restart") foreach @restart;
# by now the values are higher, and wait for their restart
$node->safe_psql('postgres', "ALTER SYSTEM SET $_->[2] = '$_->[3]'") foreach @restart;
run_fix($_->[0], $seen{ $_->[0] }) foreach @restart;
$node->restart;
is($node->safe_psql('postgres', "SELECT setting FROM pg_settings WHERE name = '$_->[2]'"), $_->[3],
	"$_->[0]: an old printout lowers nothing") foreach @restart;
my $senders = printed('senders_for_slots', 'warn');
run_fix('senders_for_slots', $senders);
$node->restart;
is(check('senders_for_slots', 'status'), 'pass', 'senders_for_slots: passes after fix and restart');

# 2. Everything else, one by one: id, status, how it is broken, [a higher value, a query that shows it, its answer]
my $quoted = '"My ""Agent"';
my $limit = q(SELECT rolconnlimit FROM pg_roles WHERE rolname = 'My "Agent');
my $settings = q(SELECT setconfig FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole WHERE rolname = 'My "Agent');
my $reload = 'SELECT pg_reload_conf()';
my @loop = (
	[ 'replication_role', 'fail', "ALTER ROLE $quoted NOLOGIN NOREPLICATION VALID UNTIL '2001-01-01'" ],
	[ 'password_expiry', 'warn', "ALTER ROLE $quoted VALID UNTIL 'tomorrow'" ],
	[ 'monitoring_rights', 'info', 'SELECT 1' ],
	[ 'logical_messages', 'info',
		q(DO $$ BEGIN EXECUTE (SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure), ';')
			FROM pg_proc WHERE proname = 'pg_logical_emit_message'); END $$) ],
	[ 'role_connection_limit', 'fail', "ALTER ROLE $quoted CONNECTION LIMIT 2",
		[ "ALTER ROLE $quoted CONNECTION LIMIT 40", $limit, '40' ] ],
	[ 'database_connection_limit', 'fail', 'ALTER DATABASE "My ""Shop" CONNECTION LIMIT 3',
		[ 'ALTER DATABASE "My ""Shop" CONNECTION LIMIT 40',
			'SELECT datconnlimit FROM pg_database WHERE datname = current_database()', '40' ] ],
	[ 'wal_sender_timeout', 'warn', "ALTER ROLE $quoted SET wal_sender_timeout = '5s'",
		[ "ALTER ROLE $quoted SET wal_sender_timeout = '5min'", $settings, '{wal_sender_timeout=5min}' ] ],
	[ 'slot_wal_limit', 'fail', 'ALTER SYSTEM SET max_slot_wal_keep_size = 0',
		[ q(ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'), 'SHOW max_slot_wal_keep_size', '20GB' ] ],
	[ 'tls_version', 'warn', q(ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1'),
		[ q(ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.3'), 'SHOW ssl_min_protocol_version', 'TLSv1.3' ] ],
	[ 'replica_identity', 'fail', 'SELECT 1' ]);
push @loop, [ 'wal2json', 'fail', "ALTER ROLE $quoted RESET ALL",
	[ "ALTER ROLE $quoted SET output_plugin_libraries = 'wal2json', 'mine'", $settings, '{"output_plugin_libraries=wal2json, mine"}' ] ]
  if knows('output_plugin_libraries');
push @loop, [ 'idle_slot_timeout', 'warn', q(ALTER SYSTEM SET idle_replication_slot_timeout = '5min'),
	[ q(ALTER SYSTEM SET idle_replication_slot_timeout = '5d'), 'SHOW idle_replication_slot_timeout', '5d' ] ]
  if knows('idle_replication_slot_timeout');
foreach my $entry (@loop)
{
	my ($id, $status, $break, $higher) = @$entry;
	sql($break);
	sql($reload);
	$node->poll_query_until($db, qq(SELECT status = '$status' FROM ardent_preflight_checks(role => '$role', accept => '$decisions')
		WHERE id = '$id'));
	my $fix = printed($id, $status);
	run_fix($id, $fix);
	passes_soon($id);
	next unless $higher;
	my ($raise, $query, $answer) = @$higher;
	sql($raise);
	run_fix($id, $fix);
	sql($reload);
	$node->poll_query_until($db, "SELECT '$answer' = (" . ($query =~ s/^SHOW (\w+)/SELECT current_setting('$1')/r) . ')');
	is(sql($query), $answer, "$id: an old printout lowers nothing");
}
is(sql(q(SELECT string_agg(relname || ' ' || relreplident::text, ', ' ORDER BY relname) FROM pg_class WHERE relname IN ('legacy', 'notes'))),
	'legacy i, notes f', 'replica_identity: what was decided, and no other table');

# 3. A synchronous standby of that name, while every commit would wait for one
my $standby_name = 'a "standby';
my $folder = $node->basedir . '/received';
mkdir $folder;
my $receiver = IPC::Run::start([ 'pg_receivewal', '--synchronous', '-D', $folder, '-d',
	$node->connstr('postgres') =~ s/dbname=\S+//r . qq( application_name='$standby_name') ], '>', \my $out, '2>', \my $err);
$node->poll_query_until($db, qq(SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '$standby_name'))
  or die 'pg_receivewal does not connect';
sql($_) foreach (q(ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (*)'), $reload);
$node->poll_query_until($db, q(SELECT current_setting('synchronous_standby_names') <> ''));
run_fix('synchronous_standbys', printed('synchronous_standbys', 'fail'));
passes_soon('synchronous_standbys');
is(sql('SHOW synchronous_standby_names'), 'FIRST 1 ("a ""standby")', 'the standbys that were there are named');
sql($_) foreach ('ALTER SYSTEM SET synchronous_standby_names = mine', $reload);
run_fix('synchronous_standbys', $seen{synchronous_standbys});
$node->poll_query_until($db, q(SELECT current_setting('synchronous_standby_names') = 'mine'));
is(sql('SHOW synchronous_standby_names'), 'mine', 'synchronous_standbys: a list that was changed since stays');
sql($_) foreach ('ALTER SYSTEM RESET synchronous_standby_names', $reload);
$receiver->signal('INT');
$receiver->finish;

# 4. A standby
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = off');
$standby->start;
run_fix('hot_standby_feedback', printed('hot_standby_feedback', 'fail', $standby), $standby);
passes_soon('hot_standby_feedback', $standby);

# 5. Whatever else prints a fix here belongs into the loop.
my @fixes = split /\n/, sql(qq(SELECT id FROM ardent_preflight_checks(role => 'nobody', accept => '$decisions') WHERE fix IS NOT NULL
	UNION SELECT id FROM ardent_preflight_checks(role => '$role') WHERE fix IS NOT NULL));
is(join(' ', grep { !$seen{$_} } @fixes), '', 'no fix without its loop');
my %documented;
my $part = '';
foreach my $line (split /\n/, slurp_file('docs/preflight.md'))
{
	$part = $1 if $line =~ /^### (\w+)$/;
	$documented{$part} = 1 if $line =~ /^Fix: /;
}
my %elsewhere = map { $_ => 1 } grep { !knows($_ eq 'idle_slot_timeout' ? 'idle_replication_slot_timeout' : $_) }
  ('old_snapshot_threshold', 'idle_slot_timeout');
$elsewhere{$_} = 1 foreach 'ddl_capture', 'ddl_capture_key';    # preflight_capture.pl
$elsewhere{wal2json} = 1 unless knows('output_plugin_libraries');
is(join(' ', sort grep { !$elsewhere{$_} } keys %documented), join(' ', sort keys %seen),
	'docs/preflight.md names the fixes that are in the loop');
$standby->stop;
$node->stop;
done_testing();
