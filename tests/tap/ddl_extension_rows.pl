# SPDX-License-Identifier: PostgreSQL
# An extension whose script writes rows into a table of its own (postgis, unit) is made, updated and made again while the connector
# streams: the rows stand in the stream before the statement's message, are the extension's own business, and stop nothing.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Branching;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'extension_rows', sql => 'CREATE TABLE public.t (id integer PRIMARY KEY)');
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$source->('SELECT ardent_ddl_capture(true)');
my $servers = Ardent::Attack::own_servers($t);
my %files = (
	'with_rows.control' => "default_version = '2'\ntrusted = true\n",
	'with_rows--1.sql' => q(CREATE DOMAIN measure AS numeric; CREATE TABLE units (name text PRIMARY KEY, factor numeric); INSERT INTO units VALUES ('m', 1), ('km', 999);),
	'with_rows--1--2.sql' => q(UPDATE units SET factor = 1000 WHERE name = 'km'; INSERT INTO units VALUES ('cm', 0.01); DELETE FROM units WHERE name = 'm';));
Ardent::Attack::put_extension($t, $servers, %files);
$t->start_environment(%{ $servers->{settings} });
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

my $units = sub { return $t->replica_psql(q(SELECT string_agg(name || ' ' || factor, ', ' ORDER BY name) FROM public.units)) };
foreach my $case (
	[ 'CREATE EXTENSION', q(CREATE EXTENSION with_rows VERSION '1'; CREATE TABLE public.place (id integer PRIMARY KEY, m measure); INSERT INTO public.place VALUES (1, 5)), 'km 999, m 1' ],
	[ 'ALTER EXTENSION UPDATE', 'ALTER EXTENSION with_rows UPDATE; INSERT INTO public.t VALUES (1)', 'cm 0.01, km 1000' ],
	[ 'dropped and made again among rows', q(BEGIN; INSERT INTO public.t VALUES (2); DROP EXTENSION with_rows CASCADE; CREATE EXTENSION with_rows; INSERT INTO public.t VALUES (3); COMMIT), 'cm 0.01, km 1000' ])
{
	my ($what, $sql, $there) = @$case;
	$source->($sql);
	$t->wait_replayed;    # dies when the connector has failed: no retry is needed
	is($units->(), $there, "$what: the rows are those of the script, once");
	$t->compare_ok($what, '--rows-only');
	# what an extension's script makes belongs to the replica's superuser, whom no default privilege of the source concerns
	$t->schema_ok("$what: definitions", without => qr/^ACL public\.TABLE units/);
}
# A table that no statement of the transaction makes is missing, with capture on as without. After a statement the replica's tables are
# looked at anew.
$source->('CREATE TABLE public.one_more (id integer PRIMARY KEY)');
$t->wait_replayed;
Ardent::Branching::run_psql('-d', $t->replica_admin, '-c', 'DROP TABLE public.t');
$source->('BEGIN; INSERT INTO public.t VALUES (9); CREATE TABLE public.another (id integer PRIMARY KEY); COMMIT');
$t->wait_for('the connector has failed', sub { return $t->status eq 'failed' });
like($t->connector->{failure}{message}, qr/^LSN \S+: the replica has no table public\.t$/, 'invariant 8: a table that stays missing is an error');
$t->stop_all;
done_testing();
