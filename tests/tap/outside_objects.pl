# SPDX-License-Identifier: PostgreSQL
# A connector that carries schema public of an application whose public refers to a schema of its platform (auth), as Supabase's
# users have it. The copy and the stream take what they can, and name the rest before the copy and in the connector.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'outside', sql => <<'SQL');
CREATE SCHEMA auth;
CREATE TABLE auth.users (id integer PRIMARY KEY, email text);
INSERT INTO auth.users VALUES (1, 'a@example.com'), (2, 'b@example.com');
CREATE FUNCTION auth.uid() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'x' $$;
CREATE FUNCTION auth.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE public.secret (id integer PRIMARY KEY);
CREATE TABLE public.todos (id integer PRIMARY KEY, owner integer DEFAULT auth.uid() REFERENCES auth.users (id), what text, s integer REFERENCES public.secret);
ALTER TABLE public.todos ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.todos USING (auth.uid() = owner);
CREATE POLICY plain ON public.todos USING (what <> '');
CREATE TRIGGER touch BEFORE UPDATE ON public.todos FOR EACH ROW EXECUTE FUNCTION auth.touch();
CREATE VIEW public.with_email AS SELECT t.id, u.email FROM public.todos AS t JOIN auth.users AS u ON u.id = t.owner;
COMMENT ON VIEW public.with_email IS 'theirs';
COMMENT ON TRIGGER touch ON public.todos IS 'theirs';
CREATE ROLE reader;
GRANT SELECT ON public.with_email TO reader;
CREATE VIEW public.of_view AS SELECT id FROM public.with_email;
CREATE MATERIALIZED VIEW public.kept AS SELECT id FROM auth.users;
CREATE UNIQUE INDEX kept_id ON public.kept (id);
CREATE FUNCTION public.takes(public.of_view) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE VIEW public.fine AS SELECT id FROM public.todos;
CREATE VIEW public.of_secret AS SELECT id FROM public.secret;
INSERT INTO public.todos VALUES (1, 1, 'x'), (2, 2, 'y');
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$source->('ALTER ROLE ardent_replication BYPASSRLS');
$source->('SELECT ardent_ddl_capture(true)');
my $left_out = sub { return { map { $_->{identity} => $_->{because} } @{ $t->connector->{not_carried}{objects} } } };

# Preflight names it before anything is made.
my $said = $source->(q(SELECT status || ' ' || array_to_string(objects, ' | ') FROM ardent_preflight_checks('public') WHERE id = 'objects_left_out'));
like($said, qr/^warn /, 'preflight warns');
like($said, qr/\Q$_\E/, "and names $_")
  foreach 'policy own on public.todos: it needs function auth.uid()', 'table constraint todos_owner_fkey on public.todos: it needs table auth.users',
  'trigger touch on public.todos', 'view public.with_email: it needs table auth.users', 'view public.of_view: it needs view public.with_email',
  'materialized view public.kept', 'function public.takes(public.of_view)';
unlike($said, qr/default|public\.fine|plain/, 'but neither what a stand-in is made for nor what needs nothing');
is($source->(q(SELECT status FROM ardent_preflight_checks('public') WHERE id = 'needed_elsewhere')), 'pass', 'no table needs it');

# The copy, with a table that is excluded and referred to.
$t->start_environment;
$t->create_connector;
$t->start_agent('source.exclude' => ['public.secret']);
$t->wait_streaming;
my $here = $left_out->();
is($here->{$_->[0]}, $_->[1], "the connector names $_->[0]")
  foreach [ 'own on public.todos', 'it needs function auth.uid()' ], [ 'public.with_email', 'it needs table auth.users' ],
  [ 'public.kept', 'it needs table auth.users' ], [ 'public.of_secret', 'it needs table public.secret' ],
  [ 'todos_s_fkey on public.todos', 'it needs table public.secret' ];
is($t->replica_psql(q(SELECT string_agg(polname, ',') FROM pg_policy)), 'plain', 'what needs nothing is there: a policy');
is($t->replica_psql(q(SELECT string_agg(viewname, ',') FROM pg_views WHERE schemaname = 'public' AND viewname <> 'ardent_slots')), 'fine', 'a view');
is($t->replica_psql('SELECT count(*) FROM public.todos'), 2, 'and the rows');
is($t->replica_psql(q(SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.todos'::regclass)), 'auth.uid()', 'a default over a stand-in');
like($t->cli('connector', 'status', $database), qr/not carried: view public\.with_email: it needs table auth\.users/, 'ardent connector status says so');

# The same by statements of the stream: (statement, what is left out, a query of what must be there, its answer)
my @statements = (
	[ q(CREATE FUNCTION public.users() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM auth.users'), undef,
		q(SELECT count(*) FROM pg_proc WHERE proname = 'users'), 1 ],
	[ 'CREATE TRIGGER touched BEFORE INSERT ON public.todos FOR EACH ROW EXECUTE FUNCTION auth.touch()', 'touched on public.todos' ],
	[ 'CREATE TABLE public.notes (id integer PRIMARY KEY, owner integer NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE DEFERRABLE, CHECK (id > 0)); INSERT INTO public.notes VALUES (1, 1)',
		'public.notes to auth.users', q(SELECT count(*) FROM pg_constraint WHERE conrelid = 'public.notes'::regclass AND contype = 'c'), 1 ],
	[ 'CREATE TABLE public.marks (id integer, owner integer, CONSTRAINT o FOREIGN KEY (owner) REFERENCES auth.users, PRIMARY KEY (id)); INSERT INTO public.marks VALUES (1, 1)',
		'public.marks to auth.users', 'SELECT count(*) FROM public.marks', 1 ],
	[ 'ALTER TABLE public.marks ADD COLUMN by integer REFERENCES auth.users, ADD CONSTRAINT b FOREIGN KEY (by) REFERENCES auth.users (id) NOT VALID',
		'public.marks to auth.users', q(SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.marks'::regclass AND attname = 'by'), 1 ],
	[ 'ALTER TABLE public.marks ADD FOREIGN KEY (owner) REFERENCES auth.users', 'public.marks to auth.users' ],
	[ q(CREATE TABLE public.roles (id integer PRIMARY KEY, r text DEFAULT auth.role()); INSERT INTO public.roles VALUES (1, 'x')), 'auth.role()',
		q(SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.roles'::regclass), 'auth.role()' ],
	[ 'CREATE VIEW public.mails AS SELECT email FROM auth.users', 'public.mails' ],
	[ q(COMMENT ON VIEW public.mails IS 'of users'), 'public.mails' ],
	[ 'GRANT SELECT ON public.mails, public.fine TO reader', undef, q(SELECT has_table_privilege('reader', 'public.fine', 'SELECT')), 't' ],
	[ 'GRANT SELECT ON ALL TABLES IN SCHEMA public, auth TO reader', undef, q(SELECT has_table_privilege('reader', 'public.notes', 'SELECT')), 't' ],
	[ 'ALTER DEFAULT PRIVILEGES IN SCHEMA auth, public GRANT INSERT ON TABLES TO reader', undef,
		q(SELECT count(*) FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS a WHERE a.grantee = 'reader'::regrole), 1 ],
	[ 'ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT INSERT ON SEQUENCES TO reader' =~ s/INSERT/SELECT/r, undef, q(SELECT count(*) FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS a WHERE a.grantee = 'reader'::regrole), 1 ],
	[ 'GRANT UPDATE ON public.notes, auth.users TO reader', undef, q(SELECT has_table_privilege('reader', 'public.notes', 'UPDATE')), 't' ],
	[ 'REVOKE UPDATE ON auth.users, public.notes FROM reader', undef, q(SELECT has_table_privilege('reader', 'public.notes', 'UPDATE')), 'f' ],
	[ 'CREATE POLICY mine ON public.notes USING (owner = auth.uid() AND EXISTS (SELECT FROM auth.users))', 'mine on public.notes' ],
	[ 'CREATE INDEX by_email ON public.notes (id) WHERE owner = 1', undef, q(SELECT count(*) FROM pg_class WHERE relname = 'by_email'), 1 ],
	[ 'CREATE TEMP TABLE scratch (a integer); CREATE FUNCTION public.put(integer) RETURNS void LANGUAGE sql AS $$ INSERT INTO scratch VALUES ($1) $$', undef,
		q(SELECT count(*) FROM pg_proc WHERE proname = 'put'), 1 ],
	[ 'CREATE TEMP TABLE tmp (a integer); CREATE DOMAIN public.of_temporary AS tmp[]; CREATE TABLE public.after_it (id integer PRIMARY KEY)', 'public.of_temporary',
		q(SELECT count(*) FROM pg_class WHERE relname = 'after_it'), 1 ],
	# what a CASCADE takes along lies elsewhere
	[ 'CREATE TABLE public.a (id integer PRIMARY KEY); CREATE TABLE auth.b (a integer REFERENCES public.a); DROP TABLE public.a CASCADE', undef,
		q(SELECT count(*) FROM pg_class WHERE relname = 'a'), 0 ],
	[ 'CREATE FUNCTION public.one() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$; ALTER TABLE auth.users ADD COLUMN n integer DEFAULT public.one(); DROP FUNCTION public.one() CASCADE', undef,
		q(SELECT count(*) FROM pg_proc WHERE proname = 'one'), 0 ],
	[ 'CREATE TYPE public.level AS ENUM (\'a\'); ALTER TABLE auth.users ADD COLUMN l public.level; DROP TYPE public.level CASCADE', undef,
		q(SELECT count(*) FROM pg_type WHERE typname = 'level'), 0 ],
);
foreach my $case (@statements)
{
	my ($sql, $out, $query, $answer) = @$case;
	my $name = substr($sql, 0, 70);
	$source->($sql);
	$t->wait_replayed;
	ok(exists $left_out->()->{$out}, "$name: $out is named") or diag(explain($left_out->())) if defined $out;
	is($t->replica_psql($query), $answer, "$name: the rest is there") if defined $query;
}
like($left_out->()->{'public.mails'}, qr/relation "auth\.users" does not exist/, 'with what is missing');
$source->('DROP VIEW public.mails; DROP VIEW public.of_view CASCADE; CREATE OR REPLACE VIEW public.with_email AS SELECT 1 AS id, NULL::text AS email');
$t->wait_replayed;
ok(!exists $left_out->()->{$_}, "what is dropped or made is not named any more: $_") foreach 'public.mails', 'public.of_view', 'public.with_email';
is($t->replica_psql('SELECT count(*) FROM public.with_email'), 1, 'and is here once it needs nothing');

# A table that cannot be made without it stops the connector, and says what to do.
$source->('CREATE TYPE auth.level AS ENUM (\'low\'); CREATE TABLE public.levels (id integer PRIMARY KEY, l auth.level)');
$t->wait_with_agent('the connector has failed', sub { return $t->status eq 'failed' });
my $failure = $t->connector->{failure};
like($failure->{message}, qr/type "auth\.level" does not exist/, 'a column of a type elsewhere stops the connector');
like($failure->{hint}, qr/--skip-ddl/, 'with a way on');
$source->('DROP TABLE public.levels');
$t->cli('connector', 'retry-setup', $database, '--skip-ddl', $failure->{lsn});
$t->wait_streaming;
$t->wait_replayed;
is($source->(q(SELECT status FROM ardent_preflight_checks('public') WHERE id = 'needed_elsewhere')), 'pass', 'nothing is needed elsewhere');
my (undef, $compared) = $t->compare('--rows-only');
is_deeply([ $compared =~ /^  (?:public\.)?(\S+) .*(?:DIFFER|MISSING)/mg ], ['secret'], 'rows are equal, but for the excluded table') or diag($compared);

# Schemas that get another name. The replica follows, and what it missed meanwhile is copied again.
$t->stop_all;
done_testing();
