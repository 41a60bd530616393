# SPDX-License-Identifier: PostgreSQL
# Who may write DDL at the source, without a superuser's rights there, wants his code to run as the replica's superuser: by
# operators that a search_path finds which his code left behind, by settings of
# the database, by whatever stays in the session that applies.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'privileged_statements', sql => <<'SQL');
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO app;
GRANT CREATE ON DATABASE shop TO app;
SQL
my $database = $Ardent::Test::database;
my $app = sub { return $t->source->safe_psql($database, "SET SESSION AUTHORIZATION app; $_[0]"); };
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $attack = Ardent::Attack->new($t);
my $installed = sub { return $t->replica_psql("SELECT count(*) FROM pg_extension WHERE extname = '$_[0]'") };
my $held = sub {
	my ($what) = @_;
	is($attack->superusers, 'ardent_admin', "$what: nobody became a superuser");
	return like($t->status, qr/^(?:streaming|degraded)$/, "$what: it streams");
};

# 1. An operator that is found before the server's own, once the search_path is his.
$app->($Ardent::Attack::grab . <<'SQL');
CREATE FUNCTION public.named(name, name) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN PERFORM public.grab(); RETURN pg_catalog.nameeq($1, $2); END $f$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.named);
CREATE FUNCTION public.poison() RETURNS integer LANGUAGE plpgsql VOLATILE AS $f$
BEGIN PERFORM pg_catalog.set_config('search_path', 'public, pg_catalog', false); RETURN 1; END $f$;
CREATE TABLE public.t (id integer PRIMARY KEY);
INSERT INTO public.t VALUES (1);
SQL
$t->wait_replayed;
$app->('ALTER TABLE public.t ADD COLUMN c integer DEFAULT public.poison()');
$t->wait_replayed;
$app->('CREATE EXTENSION hstore SCHEMA public');
$attack->settle;
$held->('a search_path of another transaction');
is($installed->('hstore'), 1, 'the extension is there');
$app->('BEGIN; ALTER TABLE public.t ADD COLUMN d integer DEFAULT public.poison(); CREATE EXTENSION citext SCHEMA public; COMMIT');
$attack->settle;
$held->('a search_path of the same transaction');
is($installed->('citext'), 1, 'the extension is there');
$app->('ALTER TABLE public.t ADD COLUMN e integer DEFAULT public.poison(); ALTER EXTENSION citext UPDATE; DROP EXTENSION citext');
$attack->settle;
$held->('ALTER and DROP EXTENSION after it');
is($installed->('citext'), 0, 'it is dropped');

# 2. What stays in the session: the next statement finds nothing of it.
$app->(<<'SQL');
CREATE TABLE public.seen (who name, what text);
CREATE FUNCTION public.leave_behind() RETURNS integer LANGUAGE plpgsql VOLATILE AS $f$
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'public', false);
  EXECUTE 'PREPARE left_behind AS SELECT 1';
  EXECUTE 'LISTEN left_behind';
  EXECUTE 'CREATE TEMPORARY TABLE left_behind ()';
  IF session_user = 'ardent_apply' THEN
    -- not at the source, which would say in its message that the next statement has them
    PERFORM pg_catalog.set_config(s.name, s.value, false)
       FROM (VALUES ('transform_null_equals', 'on'), ('app.left', 'behind'), ('client_min_messages', 'error')) AS s (name, value);
    EXECUTE 'SET ROLE ardent_nobody';
  END IF;
  RETURN 1;
END $f$;
CREATE FUNCTION public.look() RETURNS integer LANGUAGE plpgsql VOLATILE AS $f$
BEGIN
  INSERT INTO public.seen VALUES (session_user, pg_catalog.concat_ws(',', current_user,
    pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('app.left', true),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE name = 'left_behind'),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels()),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relname = 'left_behind' AND relpersistence = 't')));
  RETURN 1;
END $f$;
SQL
$t->wait_replayed;
$app->('BEGIN; ALTER TABLE public.t ADD COLUMN f integer DEFAULT public.leave_behind(); ALTER TABLE public.t ADD COLUMN g integer DEFAULT public.look(); COMMIT');
$attack->settle;
$app->('ALTER TABLE public.t ADD COLUMN h integer DEFAULT public.look()');
$attack->settle;
my $seen = $t->replica_psql(q(SELECT string_agg(what, ' ') FROM public.seen WHERE who = 'ardent_apply'));
is($seen, 'app,off,,0,0,0 app,off,,0,0,0', 'the next statement, and the next transaction, finds nothing left behind');

# 3. A database's settings, made by code that goes back to the session's role: sessions of the superuser begin with their own.
$app->(<<'SQL');
CREATE FUNCTION public.set_database() RETURNS integer LANGUAGE plpgsql VOLATILE AS $f$
BEGIN
  IF session_user = 'ardent_apply' THEN
    EXECUTE 'SET ROLE NONE';
    EXECUTE 'ALTER DATABASE shop SET search_path = public, pg_catalog';
    EXECUTE 'ALTER DATABASE shop SET transform_null_equals = on';
    EXECUTE 'ALTER DATABASE shop SET role = app';
  END IF;
  RETURN 1;
END $f$;
SQL
$t->wait_replayed;
$app->('ALTER TABLE public.t ADD COLUMN i integer DEFAULT public.set_database()');
$attack->settle;
$t->agent->stop;
$t->start_agent;
$t->wait_streaming;
$app->('CREATE EXTENSION pg_trgm SCHEMA public');
$attack->settle;
$held->('settings of the database');
is($installed->('pg_trgm'), 1, 'the extension is there');

is($t->replica_psql(q(SELECT (SELECT count(*) FROM pg_proc WHERE proname ~ 'aside'), (SELECT count(*) FROM pg_operator WHERE oprname ~ 'aside'),
	(SELECT count(*) FROM pg_proc WHERE proname IN ('grab', 'named')), (SELECT count(*) FROM pg_operator WHERE oid >= 16384 AND oprname = '=' AND oprleft = 'name'::regtype))),
	'0|0|2|1', "the source's functions and operators have their names after the extensions' scripts");

$t->stop_all;
done_testing();
