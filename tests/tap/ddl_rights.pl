# SPDX-License-Identifier: PostgreSQL
# Statements about rights and about what belongs to roles: on an extension's objects, on a language, for other roles; the usual way
# to drop a role; and what takes a superuser to make. In the stream, and by the copy for what was there before.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'rights', sql => <<'SQL');
CREATE ROLE app; CREATE ROLE reader; CREATE ROLE old_owner; CREATE ROLE successor;
GRANT CREATE ON SCHEMA public TO app, old_owner;
CREATE EXTENSION pgcrypto;
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE DELETE ON TABLES FROM app;
CREATE TYPE public.state AS ENUM ('new', 'old');
CREATE CAST (character varying AS public.state) WITH INOUT AS IMPLICIT;
CREATE TYPE public.pair AS (a integer, b integer);
CREATE FUNCTION public.pair_of(integer) RETURNS public.pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, $1)::public.pair';
CREATE CAST (integer AS public.pair) WITH FUNCTION public.pair_of(integer) AS ASSIGNMENT;
CREATE VIEW public.by_cast AS SELECT CAST(1 AS public.pair) AS p;
CREATE TABLE public.t (id integer PRIMARY KEY, s public.state, v character varying);
INSERT INTO public.t VALUES (1, 'new', 'old');
CREATE FUNCTION public.quiet(integer) RETURNS integer LEAKPROOF IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.cmp(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE OPERATOR CLASS public.backwards FOR TYPE integer USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 public.cmp(integer, integer);
CREATE INDEX backwards ON public.t (id public.backwards);
COMMENT ON FUNCTION public.quiet(integer) IS 'theirs'; COMMENT ON INDEX public.backwards IS 'theirs';
REVOKE EXECUTE ON FUNCTION public.quiet(integer) FROM PUBLIC;
CREATE TABLE public.legacy (id integer PRIMARY KEY); ALTER TABLE public.legacy OWNER TO old_owner;
GRANT SELECT ON public.t TO old_owner;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s1 FOREIGN DATA WRAPPER w;
SQL
my $database = $Ardent::Test::database;
my $major = $t->major;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
my $both = sub {
	my ($name, $sql) = @_;
	return is($t->replica_psql($sql), $source->($sql), $name);
};
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $left_out = sub { return join "\n", sort map { "$_->{type} $_->{identity}: $_->{because}" } @{ $t->connector->{not_carried}{objects} } };

# The copy
like($left_out->(), qr/^\Q$_\E: it (?:takes a superuser|needs)/m, "the copy names $_")
  foreach 'function public.quiet(integer)', 'operator class public.backwards USING btree', 'index public.backwards';
my $casts = q(SELECT string_agg(format('%s %s %s %s', castsource::regtype, casttarget::regtype, castmethod, castcontext), ', ' ORDER BY castsource) FROM pg_cast WHERE oid >= 16384);
$both->('casts of types of the application are copied', $casts);
my $defaults = q(SELECT string_agg(format('%s %s %s', defaclrole::regrole, defaclobjtype, (SELECT string_agg(format('%s=%s', grantee, privilege_type), ',' ORDER BY grantee, privilege_type)
	FROM (SELECT CASE WHEN a.grantee = 0 THEN '' ELSE a.grantee::regrole::text END AS grantee, a.privilege_type FROM aclexplode(defaclacl) AS a) AS x)), '; ' ORDER BY defaclobjtype, defaclrole::regrole::text, defaclnamespace) FROM pg_default_acl);
$both->('and default privileges that hold in all schemas', $defaults);
is(scalar(grep { /cast|default privileges/ } @{ $t->connector->{warnings} }), 0, 'without a warning');

# The stream
my $acls = q(SELECT string_agg(format('%s %s', n, acl), E'\n' ORDER BY n) FROM (
	SELECT relname AS n, relacl::text AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'ardent_slots' AND relkind IN ('r', 'v', 'S')
	UNION ALL SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname !~ 'ardent|quiet'
	UNION ALL SELECT lanname, lanacl::text FROM pg_language WHERE lanname = 'plpgsql') AS x);
my $plain = sub { my ($text) = @_; my $super = $source->('SELECT current_user'); return $text =~ s/\b(?:$super|ardent_admin)\b/superuser/gr =~ s/,?ardent_re(?:ader|plication)=r\/\w+//gr
	  =~ s/ \{superuser=\w+\/superuser\}$/ /gmr };    # as none: before 14 the reader is granted SELECT
my $same_acls = sub { my ($name) = @_; return is($plain->($t->replica_psql($acls)), $plain->($source->($acls)), $name) };
foreach my $sql (
	'CREATE TYPE public.span AS RANGE (subtype = date)',    # its constructors belong to the server's superuser
	'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reader',
	'REVOKE EXECUTE ON FUNCTION public.gen_random_bytes(integer) FROM PUBLIC',
	'GRANT EXECUTE ON FUNCTION public.gen_random_bytes(integer), public.cmp(integer, integer) TO app WITH GRANT OPTION',
	'REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION public.gen_random_bytes(integer) FROM app',
	'REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC',
	'GRANT USAGE ON LANGUAGE plpgsql TO app, reader',
	'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader',
	'GRANT UPDATE (v), SELECT (id) ON public.t TO app')
{
	$source->($sql);
	$t->wait_replayed;
	$same_acls->($sql);
}
foreach my $sql ('CREATE EXTENSION pg_stat_statements', 'GRANT SELECT ON public.pg_stat_statements TO app', 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader')
{
	$source->($sql);
	$t->wait_replayed;
	$both->("an extension's view: $sql", q(SELECT string_agg(format('%s %s %s', relname, a.grantee::regrole, a.privilege_type), ', ' ORDER BY relname, a.grantee::regrole::text, a.privilege_type)
		FROM pg_class, aclexplode(relacl) AS a WHERE relname LIKE 'pg_stat_statements%' AND a.grantee IN ('app'::regrole, 'reader'::regrole)));
}
is($t->replica_psql(q(SELECT count(*) FROM pg_class, aclexplode(relacl) AS a WHERE relname = 'pg_stat_statements' AND a.grantee = 'app'::regrole)), 1, 'and there is one to compare');

# A session that quotes all names: the server prints those of a message quoted, too.
$source->('CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.x (id integer); CREATE TABLE public.quoted (id integer PRIMARY KEY); CREATE VIEW public.over_quoted AS SELECT id FROM public.quoted');
$source->('SET quote_all_identifiers = on; GRANT CREATE ON SCHEMA public TO app; DROP TABLE public.quoted, elsewhere.x CASCADE');
$t->wait_replayed;
is($source->(q(SET search_path = elsewhere, public; SET quote_all_identifiers = on; COMMENT ON TABLE public.t IS 'quoted'; SHOW quote_all_identifiers; SHOW search_path)),
	"on\nelsewhere, public", 'whose settings are what they were');
$both->('quote_all_identifiers: a right on a schema', q(SELECT has_schema_privilege('app', 'public', 'CREATE')));
$both->('quote_all_identifiers: what a CASCADE takes', q(SELECT to_regclass('public.quoted') IS NULL AND to_regclass('public.over_quoted') IS NULL));
my $rejected = $t->connector->{ddl}{statements_left_out};
is($rejected, 2, 'none was left out but what lies elsewhere');

foreach my $sql (
	'ALTER DEFAULT PRIVILEGES FOR ROLE app, successor GRANT USAGE ON SEQUENCES TO reader',
	'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT UPDATE ON TABLES TO reader',
	'ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE TRUNCATE ON TABLES FROM app',
	'ALTER DEFAULT PRIVILEGES FOR ROLE app, ' . $source->('SELECT quote_ident(current_user)') . ' IN SCHEMA public GRANT SELECT ON SEQUENCES TO reader',
	'SET ROLE app; CREATE TABLE public.of_app (id serial PRIMARY KEY); CREATE FUNCTION public.of_app() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$')
{
	$source->($sql);
	$t->wait_replayed;
	$both->($sql, $defaults);
}
$same_acls->('what a role makes has its default privileges');

# The usual way to drop a role
$source->('COMMENT ON TABLE public.legacy IS NULL; REASSIGN OWNED BY old_owner TO successor; DROP OWNED BY old_owner; DROP ROLE old_owner');
$t->wait_replayed;
$both->('REASSIGN OWNED', q(SELECT relowner::regrole FROM pg_class WHERE relname = 'legacy'));
is($t->replica_psql(q(SELECT count(*) FROM pg_class AS c, aclexplode(relacl) AS a WHERE a.grantee = 'old_owner'::regrole)), 0, 'and DROP OWNED takes the rights');

# REASSIGN OWNED fires no event trigger: as a session's first statement it has no message.
$source->('GRANT ALL ON SCHEMA public TO successor; GRANT SELECT ON public.legacy TO successor');
$source->('REASSIGN OWNED BY successor TO app; DROP OWNED BY successor; DROP ROLE successor');
$t->wait_replayed;
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE relname = 'legacy')), $source->('SELECT current_user'), 'without a message: what was not dropped belongs to whoever dropped the role');
like(join("\n", @{ $t->connector->{warnings} }), qr/a REASSIGN OWNED of the source had no message; in the replica table public\.legacy belongs to/, 'and the connector says so');
$source->('ALTER TABLE public.legacy OWNER TO app');
$t->wait_replayed;
$both->('until its owner is said', q(SELECT relowner::regrole FROM pg_class WHERE relname = 'legacy'));

# Casts, servers, foreign keys and operator classes
$source->('CREATE VIEW public.compared AS SELECT CAST(id AS public.pair) AS p FROM public.t; ALTER TABLE public.t ALTER COLUMN v TYPE public.state');
$source->('CREATE FOREIGN TABLE public.far (a integer) SERVER s1');
$source->('CREATE TABLE public.a (id integer PRIMARY KEY); CREATE TABLE public.b (id integer PRIMARY KEY, a integer REFERENCES public.a);'
	  . ' INSERT INTO public.a VALUES (1); INSERT INTO public.b VALUES (1, 1); ALTER TABLE public.b SET UNLOGGED; ALTER TABLE public.a SET UNLOGGED');
$t->wait_replayed;
is($t->replica_psql(q(SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relname IN ('compared', 'far', 'a', 'b'))), 'a,b,compared,far',
	'a cast and a server from before the copy; both ends of a foreign key unlogged');
$both->('both are unlogged', q(SELECT string_agg(relname || ' ' || relpersistence::text, ', ' ORDER BY relname) FROM pg_class WHERE relname IN ('a', 'b') AND relnamespace = 'public'::regnamespace));
is($t->replica_psql('SELECT (SELECT count(*) FROM public.a) + (SELECT count(*) FROM public.b)'), 0, 'and empty here');
foreach my $case (
	[ 'CREATE CAST (integer AS date) WITHOUT FUNCTION', qr/^cast \(integer AS pg_catalog\.date\): CREATE CAST: must be owner/m ],
	[ 'CREATE OPERATOR CLASS public.forwards FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 public.cmp(integer, integer)',
		qr/^operator class public\.forwards USING btree: .*must be superuser/m ],
	[ q(CREATE FUNCTION public.sum_of(integer, integer) RETURNS integer LANGUAGE internal AS 'int4pl'), qr/^function public\.sum_of\(integer,integer\): .*permission denied for language internal/m ],
	[ q(SET app.tenant = 'seven'; CREATE FUNCTION public.tenant() RETURNS text LANGUAGE sql SET app.tenant FROM CURRENT AS $$ SELECT current_setting('app.tenant') $$),
		qr/^function public\.tenant\(\)/m ])
{
	my ($sql, $named) = @$case;
	$source->($sql =~ s/ WITHOUT FUNCTION/ WITH INOUT/r);
	$t->wait_replayed;
	like($left_out->(), $named, substr($sql, 0, 60) . ': left out and named');
}
$source->('INSERT INTO public.t VALUES (2, $$new$$, $$new$$)');
$t->wait_replayed;
is($t->status, 'streaming', 'and the connector goes on');
# but a DROP that is refused here would leave what the source does not have
$t->source->safe_psql($database, 'CREATE VIEW public.stays AS SELECT 1 AS one');
$t->wait_replayed;
# the owner of its schema may drop it, too, who is no superuser of the server's before 15
my $of_public = $t->replica_psql(q(SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'));
my $give = sub {
	my ($view, $schema) = @_;
	my $sql = "ALTER VIEW public.stays OWNER TO $view; ALTER SCHEMA public OWNER TO $schema;";
	return IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $t->replica_admin ], '<', \$sql) || die 'the owner';
};
$give->('ardent_admin', 'ardent_admin');
$source->('DROP VIEW public.stays');
$t->wait_with_agent('a DROP that the replica refuses stops', sub { return $t->status eq 'failed' });
like($t->connector->{failure}{message}, qr/the replica refuses a DROP VIEW .*must be owner of view stays/, 'a DROP that is refused stops the connector');
$give->('app', $of_public);
$t->cli('connector', 'retry-setup', $database);
$t->wait_streaming;
$t->wait_replayed;
is($t->replica_psql(q(SELECT count(*) FROM pg_class WHERE relname = 'stays')), 0, 'and goes on when it is mended');
$t->compare_ok('rows', '--rows-only');
$t->stop_all;
done_testing();
