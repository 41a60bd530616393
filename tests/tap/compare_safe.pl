# SPDX-License-Identifier: PostgreSQL
# scripts/compare runs nothing that the owner of a table, a schema or the database wrote, hides no row that its role may not
# see, and says what it cannot do.
use strict;
use warnings;
use Ardent::Compare;
use Test::More;

my $servers = Ardent::Compare->new;
my $run = sub {
	my ($database, $sql, $role) = @_;
	my ($rc, undef, $err) = $servers->{node}->psql($database, $sql, extra_params => [ '-U', $role // 'verifier' ]);
	return $rc ? $err : '';
};

# Everything that might be taken for what pg_catalog has, or is called when a row is read or printed, raises an error.
my $boo = q(LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'owner''s code ran as %', current_user; END $$);
$servers->make('source', <<"SQL");
CREATE TABLE hostile (id integer, t text, r text);
INSERT INTO hostile VALUES (1, 'a', 'b');
CREATE FUNCTION cast_it(hostile) RETURNS text $boo;
CREATE CAST (hostile AS text) WITH FUNCTION cast_it(hostile);
CREATE TABLE cast_only (id integer);
INSERT INTO cast_only VALUES (1);
CREATE FUNCTION cast_it(cast_only) RETURNS text $boo;
CREATE CAST (cast_only AS text) WITH FUNCTION cast_it(cast_only) AS IMPLICIT;
CREATE FUNCTION text(hostile) RETURNS text $boo;
CREATE FUNCTION textin(cstring) RETURNS text LANGUAGE internal IMMUTABLE AS 'textin';
CREATE FUNCTION record_out(hostile) RETURNS text $boo;
CREATE FUNCTION hashtextextended(text, integer) RETURNS bigint $boo;
CREATE FUNCTION count() RETURNS bigint $boo;
CREATE FUNCTION r(hostile) RETURNS text $boo;
CREATE FUNCTION quote_ident(name) RETURNS text $boo;
CREATE FUNCTION format(text, name, name) RETURNS text $boo;
CREATE FUNCTION same(name, name) RETURNS boolean $boo;
CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, FUNCTION = same);
CREATE FUNCTION same(oid, oid) RETURNS boolean $boo;
CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = oid, FUNCTION = same);
CREATE FUNCTION part(numeric, bigint) RETURNS numeric $boo;
CREATE OPERATOR % (LEFTARG = numeric, RIGHTARG = bigint, FUNCTION = part);
CREATE TYPE colour AS (x integer);
CREATE FUNCTION colour_text(colour) RETURNS text $boo;
CREATE CAST (colour AS text) WITH FUNCTION colour_text(colour) AS IMPLICIT;
CREATE TABLE coloured (c colour, many colour[]);
INSERT INTO coloured VALUES (ROW(1), ARRAY[ROW(2)::colour]);
CREATE FUNCTION visible(hostile) RETURNS boolean $boo;
CREATE POLICY pol ON hostile USING (visible(hostile));
ALTER TABLE hostile ENABLE ROW LEVEL SECURITY;
ALTER TABLE hostile FORCE ROW LEVEL SECURITY;
CREATE FUNCTION boo() RETURNS integer $boo;
CREATE VIEW looked AS SELECT boo();
CREATE RULE rul AS ON INSERT TO hostile DO ALSO SELECT boo();
CREATE SCHEMA ardent;
CREATE VIEW ardent.copy_again AS SELECT boo()::oid AS relation;
ALTER TABLE hostile OWNER TO app; ALTER TABLE cast_only OWNER TO app; ALTER TABLE coloured OWNER TO app; ALTER VIEW looked OWNER TO app; ALTER SCHEMA ardent OWNER TO app;
SQL
$servers->make('replica', '', 'source');
foreach my $database ('source', 'replica')
{
	$servers->sql('postgres', "ALTER DATABASE $database SET search_path = public, pg_catalog; ALTER DATABASE $database SET default_transaction_read_only = off;"
		. " ALTER DATABASE $database SET quote_all_identifiers = on; ALTER DATABASE $database SET standard_conforming_strings = off;"
		. " ALTER DATABASE $database SET statement_timeout = 200; ALTER DATABASE $database SET extra_float_digits = -5");
}
# the traps are set
like($run->('source', "SET statement_timeout = 0; $_"), qr/owner's code ran as verifier/, "the trap works: $_")
  foreach 'SELECT h::text FROM hostile AS h', 'SELECT c::text FROM cast_only AS c', 'SELECT boo()', 'TABLE looked', 'SELECT c::text FROM coloured', 'TABLE ardent.copy_again',
	'SELECT oid = oid FROM pg_class', 'SELECT 1.5 % 2::bigint';
like($run->('source', 'SET statement_timeout = 0; TABLE hostile', 'app'), qr/owner's code ran as app/, 'the trap works: the policy');
foreach my $role ('verifier', $servers->{node}->safe_psql('postgres', 'SELECT CURRENT_USER'))
{
	my ($exit, $said, $err) = $servers->compare('source', 'replica', 'as', $role);
	is($exit, 0, "as $role nothing of the owner's runs") or diag($said, $err);
	like($said, qr/^replica equals source: 3 tables, 3 rows$/m, 'and every row is read');
	if ($role eq 'verifier') { is($err, '', 'the role that is meant is not warned about'); }
	else
	{
		is(join('', $err =~ /warning: connected to the (source|replica) as a superuser/g), 'sourcereplica', 'a superuser is warned about, on both sides');
	}
}
$servers->sql('replica', "SET statement_timeout = 0; UPDATE coloured SET c = ROW(3); UPDATE hostile SET r = 'c'");
my ($exit, $said, $err) = $servers->compare('source', 'replica');
my %samples = $servers->samples($said);
is_deeply(\%samples, { 'public.hostile' => [ ['(1,a,b)'], ['(1,a,c)'] ], 'public.coloured' => [ ['("(1)","{(2)}")'], ['("(3)","{(2)}")'] ] },
	'nor when rows are shown') or diag($said, $err);

# a role that sees less
$servers->make('plain', 'CREATE TABLE secret (v integer); INSERT INTO secret VALUES (1), (2); ALTER TABLE secret ENABLE ROW LEVEL SECURITY;'
	. ' CREATE POLICY pol ON secret USING (v = 1); CREATE TABLE open (v integer); GRANT SELECT ON secret, open TO other; GRANT USAGE ON SCHEMA public TO other');
$servers->make('plain2', 'DELETE FROM secret WHERE v = 2', 'plain');
($exit, $said, $err) = $servers->compare('plain', 'plain2', 'as', 'other', '--rows-only');
is($exit, 1, 'rows that row security hides are not left out');
like($err, qr/row-level security.*^scripts\/compare: the source cannot be read$/ms, 'but said');
unlike($said, qr/equal/, 'and nothing is called equal');
$servers->sql($_, 'REVOKE SELECT ON secret FROM other; ALTER TABLE secret DISABLE ROW LEVEL SECURITY') foreach 'plain', 'plain2';
($exit, $said, $err) = $servers->compare('plain', 'plain2', 'as', 'other', '--rows-only');
is($exit, 1, 'a table that may not be read is not left out');
like($err, qr/permission denied for table secret/, 'but said');

# rows that may be read in a database that may not be dumped
$servers->sql($_, 'DROP TABLE secret; CREATE UNLOGGED TABLE hidden (v integer)') foreach 'plain', 'plain2';
($exit, $said, $err) = $servers->compare('plain', 'plain2', 'as', 'other');
is($exit, 1, 'a schema that cannot be dumped is not equal');
like($said, qr/^rows are equal: 1 tables, 0 rows; schema not compared: pg_dump of the (?:source|replica): .*permission denied for table hidden.* \(--rows-only leaves it out\)\n\z/m, 'it is said why');
($exit, $said, $err) = $servers->compare('plain', 'plain2', 'as', 'other', '--schema-only');
is($exit, 1, 'nor with --schema-only');
like($said, qr/^schema not compared: pg_dump/m, 'and said');
($exit, $said, $err) = $servers->compare('plain', 'plain2', 'as', 'other', '--rows-only');
is("$exit $said" =~ s/\A(\d).*\n(?=replica)/$1 /sr, "0 replica equals source: 1 tables, 0 rows\n", 'rows alone may be compared');

# a pg_dump of an older server
my $old = $servers->{node}->basedir . '/old';
mkdir $old or die;
chomp(my $bindir = `pg_config --bindir`);
symlink "$bindir/psql", "$old/psql" or die;
foreach my $script ([ 'pg_config', "echo '$old'" ], [ 'pg_dump', "echo 'pg_dump (PostgreSQL) 9.6.24'" ])
{
	open(my $out, '>', "$old/$script->[0]") or die;
	print $out "#!/bin/sh\n$script->[1]\n";
	close $out;
	chmod 0755, "$old/$script->[0]";
}
{
	local $ENV{PG_CONFIG} = "$old/pg_config";
	my $major = int($servers->version / 10000);
	($exit, $said, $err) = $servers->compare('plain', 'plain2');
	is($exit, 1, 'a pg_dump that is too old is not used');
	like($said, qr/schema not compared: pg_dump 9 is too old for a server of version $major: install postgresql-client-$major/, 'it is said what is missing');
}

# the command line, and servers that do not answer
($exit, $said, $err) = $servers->compare('plain', 'plain2', '--rows-only', '--schema-only');
is($exit, 2, 'a comparison of nothing is a mistake');
like($err, qr/^usage: /, 'that is explained');
($exit, $said, $err) = $servers->compare('plain', 'plain2', '--all');
is($exit, 2, 'so is an unknown option');
($exit, $said, $err) = $servers->compare('plain', 'nowhere');
is($exit, 1, 'a database that is not there is not equal');
like($err, qr/"nowhere" does not exist\n.*the replica cannot be read/, 'and named');
($exit, $said, $err) = $servers->compare('nowhere', 'plain');
like($err, qr/"nowhere" does not exist\n.*the source cannot be read/, 'so is a source');
done_testing();
