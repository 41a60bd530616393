# SPDX-License-Identifier: PostgreSQL
# The checks of DDL capture on a real server: switched on, half off, without its key, without its library. Each printed fix
# makes its check pass.
use strict;
use warnings;
use Ardent::Ddl;
use Ardent::Outside;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $library) = Ardent::Ddl::server_with_own_library("max_replication_slots = 10\nmax_wal_senders = 10");
$node->start;
$node->safe_psql('postgres', q(CREATE ROLE ardent_replication LOGIN REPLICATION));

my @ids = qw(ddl_capture ddl_capture_library ddl_capture_version ddl_capture_key);
my $inside = sub {
	my ($column) = @_;
	my %found = split /[|\n]/, $node->safe_psql('postgres',
		"SELECT id, $column FROM ardent_preflight_checks('public') WHERE id LIKE 'ddl_capture%'");
	return \%found;
};
my $outside = sub {
	my ($stdout, $stderr);
	IPC::Run::run([ "$ENV{ARDENT_BIN}/ardent", 'connector', 'preflight', 'postgresql', $node->connstr('postgres') =~ /host=(\S+)/
			? "postgresql://postgres\@/postgres?host=" . ($node->host =~ s{/}{%2F}gr) . '&port=' . $node->port : die(),
			'--schemas', 'public', '--json' ], '<', '/dev/null', '>', \$stdout, '2>', \$stderr);
	my $report = JSON::PP::decode_json($stdout);
	return { map { $_ => $report->{checks}{$_}{status} } @ids };
};
my $all = sub { return { map { $_ => $_[0] } @ids }; };

$node->safe_psql('postgres', 'CREATE EXTENSION ardent');
is_deeply($inside->('status'), $all->('pass'), 'capture off: all pass');
$node->safe_psql('postgres', 'SELECT ardent_ddl_capture(true)');
is_deeply($inside->('status'), $all->('pass'), 'capture on: all pass');
is($inside->('actual')->{ddl_capture}, 'on', 'and it is said to be on');

foreach my $case (
	[ 'ddl_capture', 'ALTER EVENT TRIGGER "!ardent_sql_drop" DISABLE' ],
	[ 'ddl_capture', 'ALTER EVENT TRIGGER "!ardent_table_rewrite" ENABLE' ],
	[ 'ddl_capture_key', 'DROP USER MAPPING FOR ardent_replication SERVER ardent_ddl' ],
	[ 'ddl_capture_key', 'REVOKE USAGE ON FOREIGN SERVER ardent_ddl FROM ardent_replication' ])
{
	my ($id, $break) = @$case;
	$node->safe_psql('postgres', $break);
	is($inside->('status')->{$id}, 'fail', "$break: $id fails");
	my $fix = $node->safe_psql('postgres', "SELECT fix FROM ardent_preflight_checks('public') WHERE id = '$id'");
	$node->safe_psql('postgres', $fix);
	is_deeply($inside->('status'), $all->('pass'), "$break: passes after the printed fix");
}

$node->safe_psql('postgres', q(UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'ardent'));
is($inside->('status')->{ddl_capture_version}, 'warn', 'another version in the database is warned of');
$node->safe_psql('postgres', q(UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'ardent'));

my $role = $node->safe_psql('postgres', "SELECT status FROM ardent_preflight_checks('public', 'nobody_yet') WHERE id = 'ddl_capture_key'");
is($role, 'unverified', 'a role that is not there has no key to read');

is($outside->()->{$_}, 'pass', "from outside: $_") foreach qw(ddl_capture ddl_capture_library ddl_capture_key);
rename($library, "$library.away") or die "$library: $!";
is($outside->()->{ddl_capture_library}, 'fail', 'from outside: a library that is gone fails');
rename("$library.away", $library) or die "$library: $!";
is($outside->()->{ddl_capture_library}, 'pass', 'and passes once it is back');
done_testing();
