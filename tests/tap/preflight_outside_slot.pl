# SPDX-License-Identifier: PostgreSQL
# --probe-slot: wal2json proven from outside by a temporary slot, which never stays: not after success, not when the
# server keeps it waiting, not when the command is killed.
use strict;
use warnings;
use Ardent::Outside;
use Ardent::Process;
use IPC::Run;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 10\nmax_wal_senders = 10\nlog_replication_commands = on\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE numbers (id int PRIMARY KEY, weight float8);
	CREATE ROLE ardent_replication LOGIN REPLICATION; GRANT SELECT ON numbers TO ardent_replication;
	CREATE ROLE other LOGIN REPLICATION; CREATE ROLE plain LOGIN));
my $knows_setting = $node->safe_psql('postgres', q(SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'));
my $allow = sub {
	my ($role, $list) = @_;
	$node->safe_psql('postgres', "ALTER ROLE $role SET output_plugin_libraries = $list") if $knows_setting;
};
$allow->($_, q('pgoutput', 'wal2json')) foreach 'ardent_replication', 'other';
my $where = 'postgresql:///postgres?host=' . $node->host . '&port=' . $node->port . '&user=';
my $me = $where . 'ardent_replication';

sub slots { return $node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'); }
sub wal2json
{
	my ($url, @more) = @_;
	my ($code, $out, $err) = preflight($url, '--json', @more);
	return ($code, JSON::PP->new->decode($out || '{}')->{checks} // {}, $out . $err);
}
sub logged { my ($from, $what) = @_; return slurp_file($node->logfile, $from) =~ $what; }

# without consent nothing is made
my $begin = -s $node->logfile;
my ($code, $checks, $said) = wal2json($me);
is($checks->{wal2json}{status}, 'unverified', 'without --probe-slot: unverified');
like($checks->{wal2json}{hint}, qr/--probe-slot/, 'and how it can be verified');
ok(!logged($begin, qr/CREATE_REPLICATION_SLOT/), 'no slot was asked for');

# with it
($code, $checks, $said) = wal2json($me, '--probe-slot');
is($checks->{wal2json}{status}, 'pass', 'with --probe-slot: pass') or diag($said);
is($code, 0, 'exit 0');
ok(logged($begin, qr/CREATE_REPLICATION_SLOT "probe_ardent_[0-9a-f]+" TEMPORARY LOGICAL wal2json/), 'a temporary slot was made');
is(slots(), '0', 'none is left');
is($checks->{duplicate_source}{status}, 'pass', 'nor taken for a connector');
my ($out) = (preflight($me, '--probe-slot'))[1];
like($out, qr/^  ✓ wal2json$/m, 'the report says so');
unlike($out, qr/^  \? (?:wal2json|exact numbers)\b/m, 'and nothing of the plugin is left to verify');

# what wal2json knows of NaN was asked too
my $version = qx(dpkg-query -W -f '\${Version}' 'postgresql-*-wal2json' 2>/dev/null);
my $knows = $version =~ /^(\d+)\.(\d+)/ && ($1 > 2 || $2 >= 6);
is($checks->{exact_numbers}{status}, $knows ? 'pass' : 'warn', "exact numbers, with wal2json $version");

# another role: the library loads, whether the replication role may use it is another question
($code, $checks, $said) = wal2json($where . 'other', '--probe-slot');
is($checks->{wal2json}{status}, 'pass', 'another role: the setting of the replication role is known') or diag($said);
($code, $checks, $said) = wal2json($where . 'plain', '--probe-slot');
is($checks->{wal2json}{status}, 'unverified', 'a role that may not replicate proves nothing');
like($checks->{wal2json}{detail}, qr/No temporary slot: .*(replication role|WAL sender)/, 'in the server\'s words');

# refused
SKIP:
{
	skip 'this server knows no output_plugin_libraries', 6 unless $knows_setting;
	$allow->('ardent_replication', q('pgoutput'));
	($code, $checks) = wal2json($me, '--probe-slot');
	is($checks->{wal2json}{status}, 'fail', 'not allowed: fail');
	is($code, 2, 'exit 2');
	$node->safe_psql('postgres', $checks->{wal2json}{fix});
	($code, $checks) = wal2json($me, '--probe-slot');
	is($checks->{wal2json}{status}, 'pass', 'the printed fix mends it');
	$allow->('other', q('pgoutput'));
	($code, $checks) = wal2json($where . 'other', '--probe-slot');
	is($checks->{wal2json}{status}, 'unverified', 'not allowed for another role: says nothing');
	$node->safe_psql('postgres', 'ALTER ROLE ardent_replication RESET ALL');
	$allow->('other', q('pgoutput', 'wal2json'));
	($code, $checks) = wal2json($where . 'other', '--probe-slot');
	is($checks->{wal2json}{status}, 'unverified', 'loadable, but nothing known about the role');
	like($checks->{wal2json}{detail}, qr/can load wal2json; whether role ardent_replication may use it/, 'and says which');
	$allow->('ardent_replication', q('pgoutput', 'wal2json'));
}

# a transaction that writes is in the way
my ($in, $err, $psql_out) = ('', '', '');
my $writer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' application_name=payroll' ],
	'<', \$in, '>', \$psql_out, '2>', \$err);
$in .= "BEGIN; INSERT INTO numbers VALUES (1, 1); SELECT 'wrote';\n";
IPC::Run::pump($writer) until $psql_out =~ /wrote/ || $err;
is($err, '', 'a transaction is open');
my $since = time;
($code, $checks, $said) = wal2json($me, '--probe-slot');
my $took = time - $since;
is($checks->{wal2json}{status}, 'unverified', 'it did not become: unverified') or diag($said);
like($checks->{wal2json}{detail}, qr/waits for the transactions that write: process \d+/, 'with the reason and the process');
cmp_ok($took, '<', 15, 'within bounds');
is(slots(), '0', 'none is left');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender')), '0', 'nor a walsender');
like((wal2json($where . $node->safe_psql('postgres', 'SELECT current_user'), '--probe-slot'))[1]{wal2json}{detail},
	qr/process \d+ \(\S+, application "payroll", for \d+ s\)/, 'who may see it is told whose it is');

# killed while it waits
my $killed = Ardent::Process->start(name => 'preflight', log => $node->basedir . '/killed.log',
	command => [ 'ardent', 'connector', 'preflight', 'postgresql', $me, '--probe-slot' ]);
wait_until('the slot is being made', sub { return slots() eq '1' });
$since = time;
is($killed->kill9, 137, 'killed');
is(slots(), '1', 'the server does not know yet');
wait_until('no slot is left, while the transaction is still open', sub { return slots() eq '0' }, 20);
note(sprintf('gone after %.1f s', time - $since));
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'payroll')), '1', 'which it is');
$in .= "ROLLBACK;\n\\q\n";
IPC::Run::finish($writer);

# killed at any other moment
foreach my $round (1 .. 12)
{
	my $process = Ardent::Process->start(name => 'preflight', log => $node->basedir . '/killed.log',
		command => [ 'ardent', 'connector', 'preflight', 'postgresql', $me, '--probe-slot' ]);
	my $at = time + 0.01 * $round;
	wait_until('the moment', sub { return time > $at || !$process->alive });
	$process->kill9;
}
wait_until('no slot is left after kills', sub { return slots() eq '0' }, 20);
pass('no slot is left after kills');

# the plugin is not there, or is no library
my $folder = $node->basedir . '/lib';
mkdir $folder;
$node->safe_psql('postgres', "ALTER SYSTEM SET dynamic_library_path = '$folder'");
$node->reload;
wait_until('the path is in force', sub { return $node->safe_psql('postgres', 'SHOW dynamic_library_path') eq $folder });
foreach my $case ([ 'missing', qr/could not access file "wal2json"/ ], [ 'damaged', qr/could not load library/ ])
{
	my ($what, $words) = @$case;
	append_to_file("$folder/wal2json.so", 'no library') if $what eq 'damaged';
	($code, $checks, $said) = wal2json($me, '--probe-slot');
	is($checks->{wal2json}{status}, 'fail', "a $what library: fail") or diag($said);
	like($checks->{wal2json}{detail}, qr/cannot load wal2json: .*$words/, 'in the server\'s words');
	like($checks->{wal2json}{hint}, qr/postgresql-\d+-wal2json/, 'and the package');
	is($code, 2, 'exit 2');
}
$node->safe_psql('postgres', 'ALTER SYSTEM RESET dynamic_library_path');

# no slot is free, and logical decoding is off: neither says anything about wal2json
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_replication_slots = 1');
$node->restart;
$node->safe_psql('postgres', q(SELECT pg_create_physical_replication_slot('taken')));
($code, $checks) = wal2json($me, '--probe-slot');
is($checks->{wal2json}{status}, 'unverified', 'no free slot: unverified');
like($checks->{wal2json}{detail}, qr/No temporary slot: .*all replication slots are in use/, 'with the reason');
$node->safe_psql('postgres', q(SELECT pg_drop_replication_slot('taken')));
$node->safe_psql('postgres', 'ALTER SYSTEM SET wal_level = replica');
$node->restart;
($code, $checks) = wal2json($me, '--probe-slot');
is($checks->{wal2json}{status}, 'unverified', 'no logical decoding: unverified');
is($checks->{wal_level}{status}, 'fail', 'wal level fails');
is(slots(), '0', 'none is left');
$node->stop;
done_testing();
