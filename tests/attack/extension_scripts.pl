# SPDX-License-Identifier: PostgreSQL
# Who may write DDL at the source has functions and operators that fit better than what an extension's script means: the
# script, which runs with a superuser's rights, finds none of them in the replica.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'extension_scripts', sql => <<'SQL');
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO app;
GRANT CREATE ON DATABASE shop TO app;
SQL
my $database = $Ardent::Test::database;
my $app = sub { return $t->source->safe_psql($database, "SET SESSION AUTHORIZATION app; $_[0]"); };
$t->source->safe_psql($database, 'SELECT ardent_ddl_capture(true)');

# An extension whose script looks names up, at the source (where tests have their extensions) and in a replica's server.
my $servers = Ardent::Attack::own_servers($t);
my %files = (
	'naive.control' => "default_version = '2'\ntrusted = true\n",
	map { my ($file, $x, $y) = @$_; $file =>
		qq(DO \$d\$ BEGIN EXECUTE format('COMMENT ON EXTENSION naive IS %L', concat(length('$x'::varchar), ' ', '$x'::varchar || '$y'::varchar)); END \$d\$;) }
		([ 'naive--1.sql', 'a', 'b' ], [ 'naive--1--2.sql', 'cd', 'e' ]));
Ardent::Attack::put_extension($t, $servers, %files);

$t->start_environment(%{ $servers->{settings} });
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
my $attack = Ardent::Attack->new($t);
my $held = sub {
	my ($what) = @_;
	is($attack->superusers, 'ardent_admin', "$what: nobody became a superuser");
	return like($t->status, qr/^(?:streaming|degraded)$/, "$what: it streams");
};
is($t->replica_psql(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'naive')), 1, "the replica's server has the extension");

$app->($Ardent::Attack::grab . <<'SQL');
CREATE FUNCTION public.length(varchar) RETURNS integer LANGUAGE plpgsql AS $f$
BEGIN PERFORM public.grab(); RETURN -1; END $f$;
CREATE FUNCTION public.joined(varchar, varchar) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN PERFORM public.grab(); RETURN 'his'; END $f$;
CREATE OPERATOR public.|| (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.joined);
SQL
$t->wait_replayed;
my $said = sub { return $t->replica_psql(q(SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'naive')) };
# An event trigger of the source would fire within the script, with the superuser's rights.
$t->source->safe_psql($database, <<'SQL');
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.grab(); END $f$;
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
ALTER EVENT TRIGGER watch ENABLE ALWAYS;
SQL
$t->wait_replayed;
$app->(q(CREATE EXTENSION naive SCHEMA public VERSION '1'));
$attack->settle;
$held->(q(an extension's script));
is($t->source->safe_psql($database, q(SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'naive')),
	'-1 his', 'at the source the script found what was planted');
is($said->(), '1 ab', 'in the replica it found what it meant');
$app->('ALTER EXTENSION naive UPDATE');
$attack->settle;
$held->(q(an extension's update));
is($said->(), '2 cde', 'and so did its update');
is($t->replica_psql(q(SELECT public.length('abc'::varchar), 'a'::varchar OPERATOR(public.||) 'b'::varchar)), '-1|his', 'the names are back afterwards');
$t->stop_all;
done_testing();
