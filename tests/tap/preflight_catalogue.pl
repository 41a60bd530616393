# SPDX-License-Identifier: PostgreSQL
# Checks of the catalogue whose condition is a matter of the whole server: pg_hba.conf, passwords, slots, transactions,
# archiver, statistics, neighbours. Each is seen not to pass, and to pass.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
max_replication_slots = 10
max_wal_senders = 10
max_prepared_transactions = 5
archive_mode = on
archive_command = 'true'
autovacuum = off
CONF
$node->start;
$node->safe_psql('postgres', q(CREATE EXTENSION ardent; CREATE ROLE ardent_replication LOGIN REPLICATION; CREATE ROLE stranger LOGIN;
	CREATE ROLE pupils; CREATE TABLE t (id int PRIMARY KEY, v int)));
my $major = substr($node->safe_psql('postgres', 'SHOW server_version_num'), 0, 2);

sub check
{
	my ($id, $columns, $before) = @_;
	return $node->safe_psql('postgres', ($before // '') . "SELECT $columns FROM ardent_preflight_checks() WHERE id = '$id'");
}
sub goes { my ($id, $status, $why) = @_; return is(check($id, 'status'), $status, "$id: $why"); }
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# pg_hba.conf
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
sub rules
{
	my ($lines) = @_;
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all postgres trust\n$lines\n");
	return;
}
rules('local postgres ardent_replication scram-sha-256');
goes('hba_line', 'pass', 'a line for the role in this database');
goes('hba_replication_line', 'pass', 'no line for the keyword replication');
goes('hba_syntax', 'pass', 'every line is read');
rules("local other ardent_replication trust\nhost replication +pupils 10.0.0.0/8 scram-sha-256\nlocal postgres ardent_replication reject");
goes('hba_line', 'fail', 'another database, the keyword replication, and a rejection let nobody in');
goes('hba_replication_line', 'pass', 'a line for a group that the role is not in');
sql('GRANT pupils TO ardent_replication');
goes('hba_replication_line', 'warn', 'and one for a group that it is in');
rules("host all all 0.0.0.0/0 trust");
is(check('hba_line', 'status, objects'), 'warn|{"line 2 (host 0.0.0.0, trust)"}', 'hba_line: no password from afar');
rules("host samerole +pupils 10.0.0.0/8 scram-sha-256\nhostssl sameuser all all scram-sha-256");
goes('hba_line', 'fail', 'samerole and sameuser are other databases');
rules('host all all nonsense/99 trust');
like(check('hba_syntax', 'status, detail'), qr/^fail\|.*line 2: /s, 'hba_syntax: the line is named');
is(check('hba_line', 'status', 'SET SESSION AUTHORIZATION stranger; '), 'unverified', 'a stranger is not told');
sql('GRANT pg_read_all_settings TO stranger');
is(check('hba_syntax', 'status', 'SET SESSION AUTHORIZATION stranger; '), 'fail', 'a member of pg_read_all_settings is');
sql('REVOKE pg_read_all_settings FROM stranger');
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', $hba);

# the password's form
goes('password_form', 'pass', 'no password');
sql(q(SET password_encryption = 'md5'; ALTER ROLE ardent_replication PASSWORD 'x'));
goes('password_form', 'warn', 'md5');
unlike(check('password_form', 'detail, actual'), qr/md5[0-9a-f]{32}/, 'and the verifier is not told');
sql(q(SET password_encryption = 'scram-sha-256'; ALTER ROLE ardent_replication PASSWORD 'x'));
goes('password_form', 'pass', 'SCRAM');

# slots
sql(q(SELECT pg_create_physical_replication_slot('left_over', true)));
like(check('abandoned_slots', 'status, detail'), qr/^warn\|.*left_over holds \d/s, 'abandoned_slots: named, with what it holds');
sql(q(SELECT pg_drop_replication_slot('left_over')));
goes('abandoned_slots', 'pass', 'dropped');
sql(q(SELECT pg_create_logical_replication_slot('ardent_1', 'test_decoding')));
like(check('slot_definition', 'status, detail'), qr/^fail\|.*ardent_1: made for the plugin test_decoding/s, 'slot_definition: plugin');
goes('slot_state', 'pass', 'reserved');
goes('abandoned_slots', 'pass', 'a slot of Ardent is none');
sql($_) foreach (q(ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'), 'SELECT pg_reload_conf()');
foreach my $segment (1 .. 4)
{
	sql('SELECT pg_switch_wal(); INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t');
}
sql('CHECKPOINT');
like(check('slot_state', 'status, detail'), qr/^warn\|.*ardent_1: /s, 'slot_state: invalidated');
sql(q(SELECT pg_drop_replication_slot('ardent_1')));
sql($_) foreach (q(ALTER SYSTEM RESET max_slot_wal_keep_size), 'SELECT pg_reload_conf()');
sql(q(SELECT pg_create_logical_replication_slot('ardent_2', 'wal2json')));
goes('slot_definition', 'pass', 'wal2json in this database');
goes('slot_state', 'pass', 'no slot is lost');

# neighbours: Patroni shows itself by the name of its connections
{
	local $ENV{PGAPPNAME} = 'Patroni heartbeat';
	is(check('managed_failover', q(status || coalesce(substring(detail FROM 'ardent_2:'), ''))), $major < 17 ? 'warnardent_2:' : 'pass',
		'managed_failover: the block for Patroni has our slot');
}
goes('managed_failover', 'pass', 'no Patroni');
goes('failover_slot', 'pass', 'no standby');
if ($major >= 17)
{
	my $folder = $node->basedir . '/received';
	mkdir $folder;
	my $receiver = IPC::Run::start([ 'pg_receivewal', '-D', $folder, '-d', $node->connstr('postgres') =~ s/dbname=\S+//r
		  . ' application_name=standby1' ], '>', \my $out, '2>', \my $err);
	$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'standby1'))
	  or die 'pg_receivewal does not connect';
	goes('failover_slot', 'warn', 'a standby that does not get the slot');
	sql(q(SELECT pg_drop_replication_slot('ardent_2'); SELECT pg_create_logical_replication_slot('ardent_2', 'wal2json', failover => true)));
	goes('failover_slot', 'pass', 'a failover slot');
	goes('failover_confirmation', 'warn', 'nobody confirms');
	sql($_) foreach (q(ALTER SYSTEM SET synchronized_standby_slots = 'gone'), 'SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', q(SELECT current_setting('synchronized_standby_slots') = 'gone'));
	goes('failover_confirmation', 'pass', 'a slot confirms');
	is(check('synchronized_standby_slots', 'status, objects'), 'fail|{gone}', 'synchronized_standby_slots: which nobody uses');
	sql($_) foreach (q(ALTER SYSTEM RESET synchronized_standby_slots), 'SELECT pg_reload_conf()');
	$receiver->signal('INT');
	$receiver->finish;
}
goes('synchronized_standby_slots', 'pass', 'no name');
sql(q(SELECT pg_drop_replication_slot('ardent_2')));

# transactions
my $writer = $node->background_psql('postgres', on_error_stop => 1);
$writer->query_safe('BEGIN; INSERT INTO t VALUES (1000);');
goes('old_transactions', 'pass', 'a young one');
is(check('old_transactions', 'status', 'SET SESSION AUTHORIZATION stranger; '), 'unverified',
	'old_transactions: a stranger does not see how old it is');
$writer->query_safe(q(PREPARE TRANSACTION 'it''s open';));
$writer->quit;
like(check('prepared_transactions', 'status, detail'), qr/^warn\|.*'it''s open' in database postgres/s, 'prepared_transactions: named');
sql(q(ROLLBACK PREPARED 'it''s open'));
goes('prepared_transactions', 'pass', 'none');

# settings in force for the role, wherever they are set
sql(q(ALTER DATABASE postgres SET default_transaction_read_only = on));
is(check('default_read_only', 'status, actual'), 'warn|on (set for the database)', 'default_read_only: the database');
sql(q(SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only));
goes('default_read_only', 'pass', 'off');
sql(q(ALTER ROLE ardent_replication SET temp_file_limit = '10MB'; ALTER ROLE ardent_replication SET statement_timeout = '5min'));
is(check('temp_file_limit', 'status, actual'), 'info|10 MB', 'temp_file_limit: the role');
is(check('session_timeouts', 'status, actual'), 'info|statement_timeout = 5 min', 'session_timeouts: the role');
sql('ALTER ROLE ardent_replication RESET ALL');
goes('temp_file_limit', 'pass', 'none');
goes('session_timeouts', 'pass', 'none');
is(check('wal_sender_timeout', 'status', q(SET wal_sender_timeout = '7s'; )), 'unverified',
	'wal_sender_timeout: what this session sets hides the value in force');
goes('wal_sender_timeout', 'pass', 'the default');

# archiver
goes('archiver', 'pass', 'it archives');
sql($_) foreach (q(ALTER SYSTEM SET archive_command = 'false'), 'SELECT pg_reload_conf()', 'INSERT INTO t VALUES (2000); SELECT pg_switch_wal()');
$node->poll_query_until('postgres', q(SELECT status = 'warn' FROM ardent_preflight_checks() WHERE id = 'archiver'))
  or die 'the archiver does not fail';
like(check('archiver', 'status, detail'), qr/^warn\|The archiver fails \(last with 0/, 'archiver: it fails');

# statistics
sql(q(ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t SELECT i, 0 FROM generate_series(3001, 63001) AS i));
is(check('never_analyzed', 'status'), 'info', 'never_analyzed: rows, and no ANALYZE')
  if $node->poll_query_until('postgres', q(SELECT pg_stat_get_live_tuples('t'::regclass) > 0));
sql('ANALYZE t');
goes('never_analyzed', 'pass', 'analyzed');
goes('full_identity_hot', 'pass', 'few changes');
sql('UPDATE t SET v = 1; UPDATE t SET v = 2');
ok($node->poll_query_until('postgres', q(SELECT status = 'warn' FROM ardent_preflight_checks() WHERE id = 'full_identity_hot')),
	'full_identity_hot: many changes');
sql('ALTER TABLE t REPLICA IDENTITY DEFAULT');
goes('full_identity_hot', 'pass', 'by its key');

# encodings
foreach my $entry ([ 'LATIN1', 'info' ], [ 'SQL_ASCII', 'warn' ])
{
	my ($encoding, $status) = @$entry;
	sql("CREATE DATABASE db_$encoding ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	is($node->safe_psql(lc "db_$encoding", q(CREATE EXTENSION ardent; SELECT status FROM ardent_preflight_checks() WHERE id = 'encoding')),
		$status, "encoding: $encoding");
}
goes('encoding', 'pass', 'UTF8');
like(check('wal_disk_room', 'status'), qr/^(pass|warn|fail)$/, 'wal_disk_room: inside the server there is a verdict');
$node->stop;
done_testing();
