# SPDX-License-Identifier: PostgreSQL
# Capture is on, and then: the library is gone, a dump goes to a server with and without the package. Each with its way
# out, run from docs/troubleshooting.md.
use strict;
use warnings;
use Ardent::Ddl;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The SQL and shell blocks of the page, by heading.
my (%blocks, $heading, $language);
foreach my $line (split /\n/, slurp_file('docs/troubleshooting.md'))
{
	$heading = $1 if $line =~ /^## (.*)/;
	if ($line =~ /^```(\w*)/) { $language = $1; push @{ $blocks{$heading} }, '' if $language; next; }
	$blocks{$heading}[-1] .= "$line\n" if $language;
}

my ($node, $library) = Ardent::Ddl::server_with_own_library("max_replication_slots = 4\nmax_wal_senders = 4");
$node->start;

my $ddl = Ardent::Ddl->new($node, 'postgres');
$ddl->sql('CREATE TABLE t (id integer PRIMARY KEY)');
is_deeply([ $ddl->lines ], ['CREATE TABLE: CREATE TABLE t (id integer PRIMARY KEY)'], 'capture works');

sub fails_like
{
	my ($sql, $pattern, $name) = @_;
	my ($code, undef, $err) = $node->psql('postgres', $sql);
	isnt($code, 0, $name);
	like($err, $pattern, "$name: the error");
	return;
}

# README.md: on, see it work, off
my ($shown) = slurp_file('README.md') =~ /```sql\n(SELECT ardent_ddl_capture\(true\);.*?)```/s;
ok($shown, 'README.md says how');
my $said_all = $node->safe_psql('postgres', $shown);
like($said_all, qr/is on; messages are signed with key.*"tag":"CREATE TABLE".*"tag":"DROP TABLE".*is off; the keys are kept/s, 'and that is what is seen');
$ddl->sql('SELECT ardent_ddl_capture(true)');
$ddl->changes;

# the library is gone
rename($library, "$library.away") or die "$library: $!";
fails_like('CREATE TABLE u ()', qr/could not access file|could not load library/, 'without the library DDL fails');
fails_like('DROP TABLE t', qr/could not access file|could not load library/, 'DROP too');
$ddl->sql('INSERT INTO t VALUES (1)');
is_deeply([ $ddl->lines ], ['table public.t: INSERT: id[integer]:1'], 'rows are written, and the slot is read');
my ($major) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;
SKIP:
{
	skip 'event_triggers came with 17', 1 if $major < 17;
	is($node->psql('postgres', 'SET event_triggers = off; CREATE TABLE without_triggers ()'), 0, '17 and later: event_triggers = off');
}
my $gone = $blocks{'Every DDL statement fails: could not access file "$libdir/ardent"'};
is($node->psql('postgres', $gone->[0]), 0, 'the first aid runs');
is($node->psql('postgres', 'CREATE TABLE u (); DROP TABLE u'), 0, 'and DDL works');
rename("$library.away", $library) or die "$library: $!";
$ddl->sql('SELECT ardent_ddl_capture(true); CREATE TABLE u ()');
is_deeply([ $ddl->lines ], ['CREATE TABLE: CREATE TABLE u ()'], 'the library is back, capture is on again');

# a dump of a database that captures
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'a dump');
my ($plain) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
like($plain, qr/CREATE EXTENSION IF NOT EXISTS ardent/, 'it has the extension');
unlike($plain, qr/EVENT TRIGGER|USER MAPPING/, 'and neither event triggers nor user mappings');
my @secrets = split /\n/, $ddl->sql(q(SELECT o.option_value FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o));
cmp_ok(scalar @secrets, '==', 3, 'a key, its name, and where it was made');
unlike($plain, qr/\Q$_\E/, 'no key in the dump') foreach @secrets;

# … on a server that has the package
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'again', $dump ], 'restored where the package is');
is($node->safe_psql('again', q(SELECT string_agg(DISTINCT evtenabled::text, ',') FROM pg_event_trigger WHERE evtname LIKE '!ardent%')), 'D', 'capture is off there');
is($node->safe_psql('again', 'SELECT count(*) FROM pg_user_mapping'), '0', 'and has no key');
like($node->safe_psql('again', 'SELECT ardent_ddl_capture(true)'), qr/is on/, 'it can be switched on');
unlike($node->safe_psql('again', q(SELECT umoptions::text FROM pg_user_mappings)), qr/$secrets[0]/, 'with a key of its own');

# … on a server that does not
my $bare = PostgreSQL::Test::Cluster->new('bare');
$bare->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
Ardent::Ddl::point_at($bare, $bare->basedir . '/nowhere');
$bare->start;
$bare->safe_psql('postgres', 'CREATE DATABASE shop; CREATE DATABASE whole');
my ($out, $err) = run_command([ 'pg_restore', '-d', $bare->connstr('shop'), $dump ]);
my @errors = grep { /ERROR/ } split /\n/, $err;
cmp_ok(scalar @errors, '>', 0, 'the restore without the package has errors');
is_deeply([ grep { !/extension "ardent"|ardent\.control|server "ardent_ddl"/ } @errors ], [], 'all of them about the extension') or diag($err);
is($bare->safe_psql('shop', 'SELECT id FROM t'), '1', 'the rest is restored');
is($bare->safe_psql('shop', 'SELECT count(*) FROM pg_event_trigger'), '0', 'no event trigger is there');
is($bare->psql('shop', 'CREATE TABLE v (); DROP TABLE v'), 0, 'DDL works');
my ($filter) = $blocks{'A restored dump has no DDL capture'}[0] =~ /(grep .*?) > list/;
ok($filter, 'the page has a filter');
is(system("pg_restore --list '$dump' | $filter > '$dump.list'"), 0, 'which runs');
$bare->command_ok([ 'pg_restore', '--exit-on-error', '--single-transaction', '--use-list', "$dump.list", '-d', 'whole', $dump ], 'without the extension, in one transaction');
is($bare->safe_psql('whole', 'SELECT id FROM t'), '1', 'all of it');
$bare->stop;

# taken out without its library
rename($library, "$library.away") or die "$library: $!";
fails_like('DROP EXTENSION ardent CASCADE', qr/could not access file|could not load library/, 'with capture on even DROP EXTENSION fails');
is($node->psql('postgres', $gone->[0]), 0, 'the first aid');
is($node->psql('postgres', $gone->[1]), 0, 'and the extension goes without its library');
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_user_mapping), (SELECT count(*) FROM pg_foreign_server)'), '0|0|0', 'nothing is left');
is($node->psql('postgres', 'CREATE TABLE w ()'), 0, 'DDL works');

# a key that was dropped with its role's belongings
rename("$library.away", $library) or die "$library: $!";
$node->safe_psql('postgres', 'CREATE EXTENSION ardent; SELECT ardent_ddl_capture(true)');
my (undef, undef, $said) = $node->psql('postgres', 'DROP OWNED BY ardent_replication; CREATE TABLE x ()');
like($said, qr/WARNING:  DDL capture of this database has no key/, 'capture without a key says so');
is($node->psql('postgres', $blocks{'WARNING: DDL capture of this database has no key'}[0]), 0, 'its way out runs');
($out, $said) = ($node->psql('postgres', 'CREATE TABLE y ()'))[ 1, 2 ];
unlike($said, qr/WARNING/, 'and the next statement is silent');
is($node->psql('postgres', $blocks{'DROP EXTENSION ardent: other objects depend on it'}[0]), 0, 'DROP EXTENSION as the page says');
$node->stop;
done_testing();
