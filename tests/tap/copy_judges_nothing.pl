# SPDX-License-Identifier: PostgreSQL
# What was valid at the source is valid: the initial copy stores rows that break a foreign key, a check or a domain, and the
# values of generated columns as the source has them, builds indexes over functions that need the source's
# search_path, and leaves all constraints as they are at the source: enforced for what is written in a branch.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'judges', schemas => [ 'public', 'app' ], grants => 0, source_conf => "timezone = 'UTC'\n");
my $source = $t->source;
my $database = $Ardent::Test::database;
my $major = $t->major;
my $run = sub { return $source->safe_psql($database, $_[0]); };

$run->(<<'SQL');
CREATE SCHEMA app;
CREATE ROLE app_owner;
GRANT USAGE, CREATE ON SCHEMA app, public TO app_owner;
ALTER ROLE app_owner IN DATABASE shop SET search_path = app, public;
SQL

# Checks and domains that the rows break, or that need what is not there when the rows come.
$run->(<<'SQL');
CREATE TABLE public.z_codes (code text PRIMARY KEY);
INSERT INTO public.z_codes VALUES ('AT');
CREATE FUNCTION public.is_code(c text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.z_codes WHERE code = c)';
CREATE TABLE public.a_places (id integer PRIMARY KEY, code text CHECK (public.is_code(code)));
INSERT INTO public.a_places VALUES (1, 'AT');
SET search_path = app, public;
CREATE TABLE app.colours (name text PRIMARY KEY);
INSERT INTO app.colours VALUES ('red');
CREATE FUNCTION app.known_colour(c text) RETURNS boolean LANGUAGE plpgsql STABLE AS
  $$ BEGIN RETURN EXISTS (SELECT FROM colours WHERE name = c); END $$;
CREATE TABLE app.a_paints (id integer PRIMARY KEY, colour text NOT NULL CHECK (app.known_colour(colour)));
INSERT INTO app.a_paints VALUES (1, 'red');
CREATE FUNCTION app.sets_path(v text) RETURNS boolean LANGUAGE plpgsql STABLE AS
  $$ BEGIN PERFORM set_config('search_path', 'nowhere', false); RETURN true; END $$;
CREATE TABLE app.b_setting (id integer PRIMARY KEY, v text CHECK (app.sets_path(v)));
INSERT INTO app.b_setting VALUES (1, 'x'), (2, 'y');
SET search_path = public;
CREATE DOMAIN public.posint AS integer;
CREATE TABLE public.counts (id integer PRIMARY KEY, n public.posint, l public.posint[]);
INSERT INTO public.counts VALUES (1, -1, '{1,-2}');
ALTER DOMAIN public.posint ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;
CREATE TABLE public.olds (id integer PRIMARY KEY, n integer);
INSERT INTO public.olds VALUES (1, -1);
ALTER TABLE public.olds ADD CONSTRAINT olds_positive CHECK (n > 0) NOT VALID;
-- pg_dump puts a check behind the rows when table and function need one another
CREATE TABLE public.looped (id integer PRIMARY KEY, n integer);
CREATE FUNCTION public.fits(r public.looped) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN r.n > 0; END $$;
ALTER TABLE public.looped ADD CONSTRAINT fits CHECK (public.fits(looped.*));
INSERT INTO public.looped VALUES (1, 1);
CREATE OR REPLACE FUNCTION public.fits(r public.looped) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN r.n > 5; END $$;
COMMENT ON CONSTRAINT fits ON public.looped IS 'behind the rows';
SQL

# Foreign keys.
$run->(<<'SQL');
CREATE TABLE public.people (id integer PRIMARY KEY, boss integer, partner integer);
INSERT INTO public.people SELECT i, i / 2, NULL FROM generate_series(1, 10) AS i;
CREATE TABLE public.letters (id integer PRIMARY KEY, to_id integer CONSTRAINT "to whom" REFERENCES public.people (id) ON DELETE CASCADE, code varchar(9));
COMMENT ON CONSTRAINT "to whom" ON public.letters IS 'ends with orphans';
CREATE TABLE public.halves (id integer PRIMARY KEY, a integer, b integer);
CREATE TABLE public.pairs (a integer, b integer, PRIMARY KEY (a, b));
ALTER TABLE public.halves ADD FOREIGN KEY (a, b) REFERENCES public.pairs MATCH FULL DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE public.ring_a (id integer PRIMARY KEY, b integer);
CREATE TABLE public.ring_b (id integer PRIMARY KEY, a integer REFERENCES public.ring_a);
ALTER TABLE public.ring_a ADD FOREIGN KEY (b) REFERENCES public.ring_b;
CREATE TABLE public.old_keys (id integer PRIMARY KEY, p integer);
CREATE TABLE public.posts (id integer, day integer, p integer, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE public.posts_1 PARTITION OF public.posts FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id);
CREATE TABLE public.posts_1a PARTITION OF public.posts_1 FOR VALUES IN (1, 2);
CREATE TABLE public.posts_1b (p integer, day integer NOT NULL, id integer NOT NULL);
ALTER TABLE public.posts_1 ATTACH PARTITION public.posts_1b FOR VALUES IN (3);
CREATE TABLE public.posts_2 PARTITION OF public.posts FOR VALUES FROM (10) TO (20);
CREATE TABLE public.notes (id integer PRIMARY KEY, post integer, day integer) ;
CREATE TABLE public.likes (id integer, post integer, day integer, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE public.likes_0 PARTITION OF public.likes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.likes_1 PARTITION OF public.likes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SET session_replication_role = replica;
ALTER TABLE public.people ADD FOREIGN KEY (partner) REFERENCES public.people;
INSERT INTO public.letters VALUES (1, 1), (2, 999), (3, 998), (4, NULL);
INSERT INTO public.halves VALUES (1, NULL, NULL);
INSERT INTO public.ring_a VALUES (1, 1); INSERT INTO public.ring_b VALUES (1, 1);
INSERT INTO public.old_keys VALUES (1, 77);
ALTER TABLE public.old_keys ADD CONSTRAINT old_keys_p FOREIGN KEY (p) REFERENCES public.people NOT VALID;
INSERT INTO public.posts VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 14, 4);
ALTER TABLE public.posts ADD FOREIGN KEY (p) REFERENCES public.people ON UPDATE CASCADE;
ALTER TABLE public.notes ADD FOREIGN KEY (post, day) REFERENCES public.posts (id, day);
ALTER TABLE public.likes ADD CONSTRAINT likes_fk FOREIGN KEY (post, day) REFERENCES public.posts (id, day);
UPDATE public.people SET partner = 55 WHERE id = 1;
UPDATE public.posts SET p = 66 WHERE id = 3;
INSERT INTO public.notes VALUES (1, 1, 1), (2, 1, 7);
INSERT INTO public.likes SELECT i, 1, CASE WHEN i = 5 THEN 8 ELSE 1 END FROM generate_series(1, 9) AS i;
INSERT INTO public.halves VALUES (2, 1, NULL);
SQL
$run->('ALTER TABLE public.letters ADD CONSTRAINT not_enforced FOREIGN KEY (id) REFERENCES public.people NOT ENFORCED;') if $major >= 18;

# Generated columns.
$run->(<<'SQL');
CREATE FUNCTION public.price(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 2 * n; END $$;
CREATE TABLE public.goods (id integer PRIMARY KEY, n integer, p integer GENERATED ALWAYS AS (public.price(n)) STORED, last text);
INSERT INTO public.goods (id, n) SELECT i, i FROM generate_series(1, 9) AS i;
CREATE OR REPLACE FUNCTION public.price(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 3 * n; END $$;
INSERT INTO public.goods (id, n) VALUES (10, 10);
SET timezone = 'Asia/Tokyo';
CREATE FUNCTION public.day_of(t timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT to_char(t, 'YYYY-MM-DD') $$;
CREATE TABLE public.sales (id integer PRIMARY KEY, at timestamptz, day text GENERATED ALWAYS AS (public.day_of(at)) STORED);
INSERT INTO public.sales VALUES (1, '2026-01-01 20:00Z');
SQL
$run->('CREATE TABLE public.seen (id integer PRIMARY KEY, n integer NOT NULL, v integer NOT NULL GENERATED ALWAYS AS (n * 2) VIRTUAL);'
	  . ' INSERT INTO public.seen (id, n) VALUES (1, 4); CREATE TABLE public.only_virtual (v integer GENERATED ALWAYS AS (1) VIRTUAL); ALTER TABLE public.only_virtual REPLICA IDENTITY FULL;'
	  . ' INSERT INTO public.only_virtual DEFAULT VALUES; INSERT INTO public.only_virtual DEFAULT VALUES') if $major >= 18;

# What is computed by a schema that is not carried.
$run->(<<'SQL');
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.one_more(n integer, VARIADIC more integer[]) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + 1';
CREATE FUNCTION elsewhere.any_will_do(anyelement) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE TABLE public.outside (id integer PRIMARY KEY, n integer CHECK (elsewhere.any_will_do(n)), m integer GENERATED ALWAYS AS (elsewhere.one_more(n, 5)) STORED);
INSERT INTO public.outside (id, n) VALUES (1, 41);
CREATE TABLE public.outside_index (id integer PRIMARY KEY, n integer) PARTITION BY LIST (id);
CREATE TABLE public.outside_index_1 PARTITION OF public.outside_index FOR VALUES IN (1);
CREATE INDEX outside_index_n ON public.outside_index (elsewhere.one_more(n, 5));
INSERT INTO public.outside_index VALUES (1, 41);
COMMENT ON INDEX public.outside_index_n IS 'cannot be there';
SQL

# Indexes over functions that find what they call by the search_path of the table's owner. From 17 on only an empty table takes them.
$run->(<<'SQL');
CREATE FUNCTION app.inner_twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
CREATE FUNCTION app.twice(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN inner_twice(n); END $$;
CREATE TABLE app.indexed (id integer PRIMARY KEY, n integer, r regclass, g integer GENERATED ALWAYS AS (n + 1) STORED);
CREATE UNIQUE INDEX indexed_twice ON app.indexed (app.twice(n)) WHERE app.twice(n) > 0;
COMMENT ON INDEX app.indexed_twice IS 'needs a search_path';
ALTER TABLE app.indexed OWNER TO app_owner;
ALTER TABLE app.indexed CLUSTER ON indexed_pkey;
SET search_path = app, public;
INSERT INTO app.indexed SELECT i, i, 'app.indexed' FROM generate_series(1, 1000) AS i;
CREATE TABLE app.plain_indexed (id integer PRIMARY KEY, n integer);
CREATE INDEX plain_twice ON app.plain_indexed (app.twice(n));
ALTER TABLE app.plain_indexed OWNER TO app_owner;
INSERT INTO app.plain_indexed SELECT i, i FROM generate_series(1, 1000) AS i;
SQL
# the usual wrapper: the planner, which inlines it, needs the search_path as well
$run->(<<'SQL') if $major < 17;
CREATE EXTENSION unaccent SCHEMA public;
SET search_path = public;
CREATE FUNCTION public.f_unaccent(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT unaccent('unaccent', $1) $$;
CREATE TABLE public.named (id integer PRIMARY KEY, name text);
CREATE TABLE public.named_generated (id integer PRIMARY KEY, name text, low text GENERATED ALWAYS AS (lower(name)) STORED, r regclass);
INSERT INTO public.named VALUES (1, 'Grüße');
INSERT INTO public.named_generated (id, name, r) VALUES (1, 'Äpfel', 'public.named');
CREATE INDEX named_name ON public.named (f_unaccent(name));
CREATE INDEX named_generated_name ON public.named_generated (f_unaccent(name)) WHERE f_unaccent(name) <> '';
SQL

$t->grant;
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('after the copy', '--rows-only');
$t->schema_ok('every constraint is as at the source', without => qr/outside_index/);

my $row = $t->connector;
is($row->{failure}, undef, 'nothing failed');
my $warned = join("\n", @{ $row->{warnings} });
foreach my $said (
	'2 rows break foreign key to whom of public.letters',
	'1 row breaks foreign key halves_a_b_fkey of public.halves',
	'1 row breaks foreign key likes_fk of public.likes',
	'1 row breaks foreign key notes_post_day_fkey of public.notes',
	'1 row breaks foreign key people_partner_fkey of public.people',
	'1 row breaks foreign key posts_p_fkey of public.posts')
{
	like($warned, qr/^\Q$said\E at the source, and in the replica as well$/m, $said);
}
unlike($warned, qr/old_keys_p|not_enforced|ring_/, 'a key that is not valid at the source, and one that rows keep, are not named');

like($warned, qr/^function elsewhere\.one_more\(n integer, VARIADIC more integer\[\]\), which public\.outside needs, is in a schema that is not carried: in the replica a function/m,
	'a function of a schema that is not carried is named');
is(join(', ', sort map { $_->{identity} } @{ $row->{not_carried}{objects} }), 'public.outside_index_1_one_more_idx, public.outside_index_n',
	'and an index that needs one is left out');
my $both = sub {
	my ($sql, $name) = @_;
	return is($t->replica_psql($sql), $run->($sql), $name);
};
$both->('SELECT p FROM public.goods ORDER BY id', 'generated values are those of the function that made them');
$both->('SELECT m FROM public.outside', 'and those of a function that is not here');
$both->('SELECT day FROM public.sales', 'and those of the time zone that they were made in');
# those of a partition, and of what it refers to, are named by whoever makes them; 13.16 leaves those behind that a partition
# had for itself when it gets its parent's key
my $but = $major < 14 ? q{AND r.relname NOT LIKE 'likes\\__'} : '';
$both->(qq{SELECT c.conrelid::regclass, c.contype, c.convalidated, c.conparentid <> 0, c.coninhcount, c.conislocal,
	count(*), sum((SELECT count(*) FROM pg_trigger WHERE tgconstraint = c.oid))
	FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
	WHERE c.contype IN ('f', 'c') AND r.relnamespace IN ('public'::regnamespace, 'app'::regnamespace) $but GROUP BY c.conrelid, 2, 3, 4, 5, 6 ORDER BY c.conrelid::regclass::text COLLATE "C", 2, 3, 4, 5, 6},
	'foreign keys, in partitions as well, are marked and have triggers as at the source');
my $index = q{SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready) AND indexrelid::regclass::text !~ 'outside_index'};
is($t->replica_psql($index), '0', 'every index is valid');
is($t->replica_psql(q{SELECT count(*) FROM pg_proc WHERE proname = 'twice' AND proconfig IS NOT NULL}), '0', 'no function keeps the search_path that it was lent');
is($t->replica_psql(q{SET search_path = app, public; SET enable_seqscan = off; SELECT id FROM app.plain_indexed WHERE app.twice(n) = 84}), '42', 'an index finds a row');
is($t->replica_psql(q{SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'app' AND tablename = 'plain_indexed' AND attname = 'n'}), $major < 17 ? 't' : 'f', 'statistics are there, but where the source cannot collect them either');

# A branch enforces what the source enforces: tried in transactions that are rolled back.
my $refused = sub {
	my ($sql, $with, $name) = @_;
	my $err = '';
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $t->replica_admin ],
		'<', \"BEGIN; SET session_replication_role = origin; SET search_path = app, public; $sql; ROLLBACK;", '2>', \$err);
	return like($err, $with, $name);
};
$refused->('INSERT INTO public.letters VALUES (9, 555)', qr/violates foreign key/, 'a new orphan is refused');
$refused->('INSERT INTO public.posts VALUES (1, 5, 555)', qr/violates foreign key/, 'in a partition, too');
$refused->('DELETE FROM public.posts WHERE id = 1', qr/violates foreign key/, 'and by what it refers to');
$refused->('INSERT INTO public.old_keys VALUES (9, 555)', qr/violates foreign key/, 'by a key that is not valid');
$refused->('INSERT INTO public.outside VALUES (9, 1)', qr/in a schema of the source that is not carried/, 'what is not here says so');
$refused->('INSERT INTO public.looped VALUES (9, 0)', qr/violates check constraint/, 'a check is enforced');
$refused->(q{INSERT INTO public.a_places VALUES (9, 'XX')}, qr/violates check constraint/, 'one that reads a table as well');
$refused->('INSERT INTO public.counts VALUES (9, -5)', qr/violates check constraint/, 'and that of a domain');

done_testing();
