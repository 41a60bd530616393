# SPDX-License-Identifier: PostgreSQL
# The same list from outside: `ardent connector preflight`, with and without the extension, and what it says when it
# does not get in.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{LC_ALL} = 'C.UTF-8';
my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 10\nmax_wal_senders = 10\n");
$node->start;
$node->safe_psql('postgres', q(CREATE DATABASE shop));
$node->safe_psql('shop', q(CREATE TABLE orders (id int PRIMARY KEY, weight float8); CREATE TABLE notes (t text);
	CREATE ROLE ardent_replication LOGIN REPLICATION PASSWORD 'geheim'; CREATE ROLE stranger LOGIN PASSWORD 'x'));
my $where = 'host=' . $node->host . '&port=' . $node->port;
my $url = "postgresql:///shop?$where&user=ardent_replication";

sub preflight
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'ardent', 'connector', 'preflight', @arguments ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

my ($code, $out, $err) = preflight('postgresql', $url);
is($code, 2, 'a failed check: exit 2');
like($out, qr/^Running preflight against \Q$node->{_host}\E:$node->{_port}…\n\nConnection checks:\n  ✓ tcp reachable\n  ✓ auth\n  i tls \(not needed: Unix socket\)\n  ✓ direct connection\n  ✓ replication connection\n  ✓ postgres metadata\n/,
	'the head, and what comes first from outside');
like($out, qr/^  i metadata schema \(not needed: no DDL capture\)$/m, 'without the extension: not needed');
like($out, qr/^  ✗ can read tables\n      Missing SELECT on public\.notes\n      Missing SELECT on public\.orders\n      → Run the grant script below/m,
	'can read tables');
like($out, qr/^  \? wal2json\n/m, 'wal2json is unverified from outside, with the reason');
like($out, qr/^✗ Preflight checks did NOT pass\..* [2-9] could not be verified from here/m, 'the closing line counts it');

# the same list
my @before = ('tcp reachable', 'auth', 'tls', 'direct connection', 'replication connection');
my ($product) = $out =~ /^(.*?)\n\nServer:\n/s;
my @outside = $product =~ /^  (?:✓|✗|⚠|\?|i) ([a-z0-9 ]+?)(?: \(.*\))?$/mg;
$node->safe_psql('shop', 'CREATE EXTENSION ardent');
my @inside = split /\n/, $node->safe_psql('shop', q(SELECT label FROM ardent_preflight_checks() WHERE section = 'Connection'));
is(join(',', @outside), join(',', @before, @inside), 'one list behind two doors');
my @whole = (preflight('postgresql', $url, '--verbose'))[1] =~ /^  (?:✓|✗|⚠|\?|i) ([a-z0-9 ]+?)(?: \(.*\))?$/mg;
is(join(',', @whole), join(',', @before, split /\n/, $node->safe_psql('shop', 'SELECT label FROM ardent_preflight_checks()')),
	'--verbose prints all of it');
like((preflight('postgresql', $url))[1], qr/^  \? wal disk room\n      Only seen inside the server\.$/m, 'what only the server sees is unverified');
like((preflight('postgresql', $url))[1], qr/^  \? password form, hba line, hba syntax, hba replication line\n      This could not be seen: from outside, only superusers may see it\n/m,
	'and so is what a superuser sees');

# the documentation has a part for each check, and for none that is not there
my @documented = slurp_file('docs/preflight.md') =~ /^### (\w+)$/mg;
my @ids = split /\n/, $node->safe_psql('shop', 'SELECT id FROM ardent_preflight_checks()');
is(join(',', sort @documented), join(',', sort @ids, map { tr/ /_/r } @before), 'docs/preflight.md: a part for each check');

# make it pass from outside
my $grants = $node->safe_psql('shop', 'SELECT ardent_grant_script()');
my $file = $node->basedir . '/grant.sql';
append_to_file($file, $grants);
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-d', $node->connstr('shop'), '-f', $file ], 'the grant script runs');
my $decisions = $node->basedir . '/decisions.json';
append_to_file($decisions, '{"public.notes": "exclude"}');
($code, $out) = preflight('postgresql', $url, '--replica-identity-decisions', $decisions);
is($code, 0, 'unverified does not block: exit 0') or diag($out);
like($out, qr/^✓ Preflight checks passed\. \d+ warnings do not block\. \d+ could not be verified from here, which does not block either\.$/m, 'and it says so');
like($out, qr/^  ⚠ exact numbers\n/m, 'a warning does not block either');
($code, $out) = preflight('postgresql', $url, '--json', '--replica-identity-decisions', $decisions);
like($out, qr/^\{"preflight_pass":true,/, '--json prints the report');
unlike($out, qr/geheim/, 'without a password');
($code, $out) = preflight('postgresql', $url, '--schemas', 'nowhere,"No Where"', '--role', 'no "body');
is($code, 2, 'unknown schema and role are failed checks');
like($out, qr/Role "no ""body" does not exist\..*Schema "No Where" does not exist\./s, 'named');
$node->safe_psql('shop', q(SELECT lo_create(7)));
is((preflight('postgresql', $url, '--replica-identity-decisions', $decisions))[0], 2, 'large objects fail');
is((preflight('postgresql', $url, '--replica-identity-decisions', $decisions, '--accept', '{"large_objects": true}'))[0], 0,
	'unless accepted');

# a caller without any rights
($code, $out) = preflight('postgresql', "postgresql:///shop?$where&user=stranger");
is($code, 2, 'a stranger gets a report');
like($out, qr/^  ✓ duplicate source$/m, 'a whole one');

# not getting in
($code, $out) = preflight('postgresql', 'postgresql://me:pa55word@127.0.0.1:1/shop');
is($code, 1, 'out of reach: exit 1');
like($out, qr/^  ✗ tcp reachable\n/m, 'tcp reachable fails');
unlike($out, qr/  . auth/, 'and nothing after it is claimed');
unlike($out, qr/pa55word/, 'the password is not repeated');
($code, $out) = preflight('postgresql', "postgresql:///nowhere?$where&user=stranger");
is($code, 2, 'a database that is not there: exit 2');
like($out, qr/^  ✓ tcp reachable\n  ✗ auth\n.*does not exist\n/m, 'auth fails');
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all stranger scram-sha-256\nlocal all all trust\n");
$node->reload;
($code, $out) = preflight('postgresql', "postgresql:///shop?$where&user=stranger&password=wr0ng");
like($out, qr/^  ✗ auth\n.*password authentication failed/m, 'a wrong password');
unlike($out, qr/wr0ng/, 'is not repeated');

# usage
foreach my $bad ([ 'mysql', $url ], [ 'postgresql' ], [ 'postgresql', 'postgresql://u:s3cret%zz@h/d' ],
	[ 'postgresql', $url, '--schemas', '' ], [ 'postgresql', $url, '--schemas', 'a b' ],
	[ 'postgresql', $url, '--accept', 'large' ], [ 'postgresql', $url, '--replica-identity-decisions', '/nonexistent' ])
{
	($code, $out, $err) = preflight(@$bad);
	is($code, 2, "usage: @$bad[1 .. $#$bad]" =~ s/postgresql:\S+/URL/r);
	unlike($out . $err, qr/s3cret/, 'without repeating a password');
}
$node->stop;
done_testing();
