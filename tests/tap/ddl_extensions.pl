# SPDX-License-Identifier: PostgreSQL
# Extensions of the source: what the environment's list allows, what the connector's drop_extensions leaves out, what this host
# has no package for; the same for the copy and for replay. And that they are made in the transaction they belong to.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ddl_extensions', schemas => [ 'public', 'later' ], sql => <<'SQL');
CREATE ROLE owner_of_it;
CREATE SCHEMA later;
CREATE EXTENSION dblink;
CREATE EXTENSION pg_trgm;
CREATE TABLE fact (id integer PRIMARY KEY, v text);
INSERT INTO fact SELECT g, 'v' || g FROM generate_series(1, 50) AS g;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
my $fails = sub {
	my ($what, $expected, $hint) = @_;
	$t->wait_status('failed');
	my $failure = $t->connector->{failure};
	like($failure->{message}, $expected, "$what stops the connector");
	like($failure->{hint}, $hint, 'and it is said what to do');
	return $failure->{lsn};
};
my $cli = sub {
	my ($code, $said) = $t->cli('connector', @_);
	is($code, 0, join ' ', 'ardent connector', map { $_ eq '' ? "''" : $_ } @_) or diag($said);
	return $said;
};
my $retry = sub {
	$cli->('retry-setup', $database, @_);
	return $t->wait_with_agent('it streams', sub { return $t->status =~ /^(?:streaming|degraded)$/ });
};
my $installed = sub { return $t->replica_psql(q(SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql')) };

# the copy
$t->start_environment;
$t->create_connector;
$t->start_agent;
$fails->('an extension outside of replica.extensions, at the copy,',
	qr/the extension dblink of the source is not among those that this environment installs \(replica\.extensions\)/,
	qr/add dblink to replica\.extensions.*ardent connector update NAME --drop-extensions dblink/s);
like($cli->('update', $database, '--drop-extensions', 'dblink'), qr/left out of the replica: dblink/, 'drop_extensions');
$retry->();
is($installed->(), 'pg_trgm', 'an extension in drop_extensions is not installed by the copy');
like(join("\n", @{ $t->connector->{warnings} }), qr/extension dblink of the source is not in the replica: drop_extensions names it/, 'which is shown');

# omit: unchanged; []: none
my $put = sub { return $t->http('PUT', "/v1/connectors/$t->{connector}", $_[0])->{json}{drop_extensions} };
is_deeply($put->({}), ['dblink'], 'without drop_extensions an update leaves them');
is_deeply($put->({ drop_extensions => undef }), ['dblink'], 'and so with null');
is_deeply($put->({ drop_extensions => [] }), [], 'an empty list clears them');
is($t->http('PUT', "/v1/connectors/$t->{connector}", { drop_extensions => 'dblink' })->{status}, 422, 'a text is no list');
is_deeply($put->({ drop_extensions => [ 'dblink', 'cube', 'dblink' ] }), [ 'cube', 'dblink' ], 'a list replaces the one before');
like($cli->('update', $database, '--drop-extensions', ''), qr/no extension is left out/, 'and an empty one on the command line');
$cli->('update', $database, '--drop-extensions', 'dblink,cube');

# replay: what drop_extensions names
$source->('CREATE EXTENSION cube; ALTER EXTENSION cube UPDATE; COMMENT ON EXTENSION cube IS $$none$$; DROP EXTENSION cube; DROP EXTENSION dblink');
$t->wait_caught_up;
is($installed->(), 'pg_trgm', 'an extension in drop_extensions is passed over by replay');
like($t->{environment}->log_text, qr/DDL left out.*CREATE EXTENSION.*drop_extensions names cube/, 'with a note');
$fails->('an extension that requires one of drop_extensions',
	qr/the connector's drop_extensions leaves out cube, which another extension of the source requires/, qr/both/)
  if $source->('CREATE EXTENSION earthdistance CASCADE; SELECT 1');
$cli->('update', $database, '--drop-extensions', 'dblink');
$retry->();
$t->wait_caught_up;
is($installed->(), 'cube earthdistance pg_trgm', 'after an update it is installed, with what it requires');

# in the transaction that makes its schema, with rows of its types, all or nothing
$source->(q(BEGIN; DROP SCHEMA later CASCADE; CREATE SCHEMA later AUTHORIZATION owner_of_it; CREATE EXTENSION hstore SCHEMA later;
	CREATE TABLE later.attributes (id integer PRIMARY KEY, h later.hstore); INSERT INTO later.attributes VALUES (1, 'a=>1');
	UPDATE fact SET v = 'with it' WHERE id = 1; COMMIT));
$t->wait_caught_up;
is($t->replica_psql('SELECT h FROM later.attributes'), '"a"=>"1"', 'CREATE EXTENSION into a schema of the same transaction');
is($t->replica_psql(q(SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'later')), 'owner_of_it', 'the schema has its owner');
is($t->replica_psql(q(SELECT pg_has_role('ardent_apply', 'ardent_admin', 'MEMBER'))), 'f', 'who applies is no superuser afterwards');
$t->compare_ok('after CREATE SCHEMA and CREATE EXTENSION in one transaction');
$source->(q(BEGIN; INSERT INTO later.attributes VALUES (2, 'b=>2'); CREATE INDEX by_v ON fact USING gin (v gin_trgm_ops);
	INSERT INTO fact VALUES (100, 'indexed'); DROP EXTENSION pg_trgm CASCADE; DROP EXTENSION hstore CASCADE; INSERT INTO later.attributes VALUES (3); COMMIT));
$t->wait_caught_up;
is($installed->(), 'cube earthdistance', 'DROP EXTENSION CASCADE in a transaction that wrote what it drops');
$t->compare_ok('after DROP EXTENSION CASCADE');
$source->(q(BEGIN; CREATE EXTENSION pg_trgm SCHEMA later; ALTER EXTENSION pg_trgm SET SCHEMA public; CREATE INDEX by_v ON fact USING gin (v gin_trgm_ops); COMMIT));
$source->(q(SET search_path = "$user", later, public; CREATE EXTENSION IF NOT EXISTS citext));
$t->wait_caught_up;
is($t->replica_psql(q(SELECT string_agg(extname || ' ' || extnamespace::regnamespace, ', ' ORDER BY extname) FROM pg_extension WHERE extname IN ('citext', 'pg_trgm'))),
	'citext later, pg_trgm public', 'ALTER EXTENSION … SET SCHEMA, and a schema of search_path');

# a package that this host lacks, and what is not allowed
my $replica_only = sub { return $t->replica_psql(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'only_there')) };
SKIP:
{
	my $destination = $source->(q(SELECT current_setting('extension_destdir', true)));
	skip 'this server has no extension_destdir', 5 if !$destination || !-w "$destination/" || $t->major >= 18;
	my ($folder) = glob("$destination/usr/share/postgresql/*/extension");
	skip 'no folder for extensions', 5 if !$folder;
	is($replica_only->(), 0, 'an extension of another host');
	foreach my $file ([ 'only_there.control', "default_version = '1'\ntrusted = true\n" ], [ 'only_there--1.sql', "CREATE FUNCTION only_there() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n" ])
	{
		open(my $out, '>', "$folder/$file->[0]") or die "$folder: $!";
		print $out $file->[1];
		close $out;
	}
	$source->('CREATE EXTENSION only_there');
	$fails->('an extension without a package here', qr/the extension only_there .*of the source is not available on this host/,
		qr/Install its package on the environment's host \(often postgresql-\d+-only-there.*--drop-extensions only_there/);
	unlink glob("$folder/only_there*");
	$cli->('update', $database, '--drop-extensions', 'dblink,only_there');
	$retry->();
	$t->wait_caught_up;
}
$cli->('update', $database, '--drop-extensions', '');
$source->('CREATE EXTENSION pageinspect');
my $lsn = $fails->('an extension outside of replica.extensions, replayed,', qr/the extension pageinspect of the source is not among those/, qr/replica\.extensions/);
ok($lsn, 'with its LSN');
$t->{environment}->stop(60);
$t->start_environment('replica.extensions' => [ 'trusted', 'pageinspect', 'pg_buffercache' ]);
$retry->();
$t->wait_caught_up;
like($installed->(), qr/pageinspect/, 'what replica.extensions names is installed');
$source->('CREATE EXTENSION pg_buffercache');
$t->wait_caught_up;
is($t->replica_psql(q(SELECT has_table_privilege('pg_buffercache', 'SELECT'))), 't', 'what it brings can be read in the replica');
$t->compare_ok('at the end', '--without', '^EXTENSION only_there$');
$t->stop_all;
done_testing();
