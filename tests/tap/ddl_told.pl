# SPDX-License-Identifier: PostgreSQL
# Statements whose text does not tell what they did: values that come from the clock, the session or a setting, bounds that are
# computed, names that the server made up, roles of the session. The source's message does, and the replica ends with the same rows
# and the same schema.
use strict;
use warnings;
use Ardent::Again;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'ddl_told', sql => <<'SQL');
CREATE ROLE boss SUPERUSER LOGIN;
CREATE ROLE clerk;
GRANT CREATE ON SCHEMA public TO clerk;
CREATE TYPE public.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN public.token AS text DEFAULT md5(random()::text);
CREATE DOMAIN public.nested AS public.token;
CREATE DOMAIN public.stamped AS timestamptz DEFAULT now();
CREATE DOMAIN public.fixed AS integer DEFAULT 7;
CREATE FUNCTION public.later(t timestamptz, by interval DEFAULT now() - now() + interval '1 day') RETURNS timestamptz IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE TABLE public.log (id integer, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE public.circles (id integer PRIMARY KEY, pi double precision DEFAULT '3.141592653589793');
CREATE TABLE public.users (id integer PRIMARY KEY, email text, twin text);
INSERT INTO public.users SELECT g, 'u' || g % 5, 't' || g FROM generate_series(1, 10) AS g;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$source->('SELECT ardent_ddl_capture(true)');

# ALTER COLUMN … TYPE: (name, type before, values, the words after ALTER COLUMN c, is it copied again?)
my @conversions = (
	[ 'the clock', 'text', q('2026-01-01 00:00Z', NULL), q(TYPE timestamptz USING coalesce(c::timestamptz, now())), 1 ],
	[ 'a time of day', 'time', q('10:00', '11:00'), q(TYPE timestamptz USING now() + c::interval), 1 ],
	[ 'a keyword', 'text', q('a', NULL), q(TYPE date USING coalesce(NULL::date, current_date)), 1 ],
	[ 'a literal', 'integer', q(1, 2), q(TYPE timestamptz USING 'now'::timestamptz), 1 ],
	[ 'texts that ask the clock', 'text', q('now', 'today'), q(TYPE timestamp USING c::timestamp), 1 ],
	[ 'chance', 'integer', q(1, 2), q(TYPE double precision USING c + random()), 1 ],
	[ 'who is connected', 'text', q('a', NULL), q(TYPE name USING session_user), 1 ],
	[ 'a setting', 'text', q('a', NULL), q(TYPE text USING coalesce(c, current_setting('application_name'))), 1 ],
	[ 'a configuration of text search', 'text', q('the cats', 'dogs'), q(TYPE tsvector USING to_tsvector(c)), 1 ],
	[ 'an oid', 'text', q('public.users', 'public.log'), q(TYPE oid USING c::regclass::oid), 1 ],
	[ 'an argument that is not given', 'timestamptz', q('2026-01-01', '2026-01-02'), q(TYPE timestamptz USING public.later(c)), 1 ],
	[ 'the word rename', 'integer', q(1, 2), q(TYPE double precision USING c + random() /* rename */, ADD COLUMN renamed text), 1 ],
	[ 'digits', 'double precision', q(0.1, 3.141592653589793), q(TYPE text), 0 ],
	[ 'bytes', 'bytea', q('\x00ff', '\xdeadbeef'), q(TYPE text USING c::text), 0 ],
	[ 'a time zone', 'timestamp', q('2026-01-01 10:00', '2026-07-01 10:00'), q(TYPE timestamptz), 0 ],
	[ 'an enum', 'text', q('sad', 'glad'), q(TYPE public.mood USING c::public.mood), 0 ],
	[ 'a number', 'integer', q(1, 2), q(TYPE bigint), 0 ],
	[ 'one of another by name', 'text', q('a', 'b'), q(TYPE varchar(10) USING upper(c)), 0 ],
);
# ADD COLUMN: (name, definition, is it copied again?)
my @additions = (
	[ 'a domain of chance', 'x public.token', 1 ],
	[ 'a domain of such a domain', 'x public.nested', 1 ],
	# 13 writes the table anew for any domain
	[ 'a domain of the clock', 'x public.stamped', $t->major < 14 ? 1 : 0 ],
	[ 'a domain of a constant', 'x public.fixed', 0 ],
	[ 'chance beside a constant', 'x float8 DEFAULT random(), ADD COLUMN y integer DEFAULT 5', 1 ],
	[ 'a literal beside chance', q(x timestamptz DEFAULT 'now', ADD COLUMN y float8 DEFAULT random()), 1 ],
	[ 'the clock, once for all rows', 'x timestamptz DEFAULT now()', 0 ],
	[ 'a renamed one beside chance', 'x uuid DEFAULT gen_random_uuid(), ALTER COLUMN c SET NOT NULL', 1 ],
);
my $n = 0;
foreach my $one (@conversions)
{
	$one->[5] = 'conversion_' . ++$n;
	my ($first, $second) = $one->[2] =~ /^(.*), ([^,]*)$/;
	$source->("CREATE TABLE $one->[5] (id integer PRIMARY KEY, c $one->[1]); INSERT INTO $one->[5] VALUES (1, $first), (2, $second)");
}
foreach my $one (@additions)
{
	$one->[3] = 'addition_' . ++$n;
	$source->("CREATE TABLE $one->[3] (id integer PRIMARY KEY, c text); INSERT INTO $one->[3] VALUES (1, 'a'), (2, 'b')");
}
$t->start_all;

# A definition is printed in one go: with 1,590 defaults it took 26 s.
$source->('CREATE TABLE wide (id integer PRIMARY KEY, ' . join(', ', map { "c$_ integer DEFAULT $_" } 1 .. 1590) . ')');
my $begun = time;
$source->('ALTER TABLE wide ADD COLUMN last integer DEFAULT 7');
cmp_ok(time - $begun, '<', 2, 'ALTER TABLE of a wide table') or diag(time - $begun);
note sprintf('%.3f s', time - $begun);

# Which tables are copied again is told before they have been.
my $session = q(SET timezone = 'Pacific/Auckland'; SET extra_float_digits = 0; SET bytea_output = 'escape'; SET application_name = 'here'; );
$source->($session . "ALTER TABLE $_->[5] ALTER COLUMN c $_->[3]") foreach @conversions;
$source->($session . "ALTER TABLE $_->[3] ADD COLUMN $_->[1]") foreach @additions;
$t->wait_replayed;
my %again = map { $_ => 1 } $t->environment->log_text =~ /"a table has to be copied again" table=public\.((?:conversion|addition)_\d+)/g;
is($again{ $_->[5] } // 0, $_->[4], "the rows of a new type, $_->[0]: " . ($_->[4] ? 'copied again' : 'the same here')) foreach @conversions;
is($again{ $_->[3] } // 0, $_->[2], "a column is added, $_->[0]: " . ($_->[2] ? 'copied again' : 'the same here')) foreach @additions;
$t->wait_for('all copies have come', sub { return !%{ pending($t) } }, 120);
$t->compare_ok('whatever values came from');

# Bounds, defaults, names, roles.
$source->(<<'SQL');
CREATE TABLE public.log_old PARTITION OF public.log FOR VALUES FROM (MINVALUE) TO (now() - interval '1 hour');
CREATE TABLE IF NOT EXISTS public.log_now PARTITION OF public.log FOR VALUES FROM (now() - interval '1 hour') TO (now() + interval '1 hour');
CREATE TABLE public.log_next (LIKE public.log);
ALTER TABLE public.log ATTACH PARTITION public.log_next FOR VALUES FROM (now() + interval '1 hour') TO (now() + interval '2 hours');
INSERT INTO public.log VALUES (1, now()), (2, '2000-01-01');
CREATE TABLE public.made (id integer PRIMARY KEY, at timestamptz DEFAULT 'now', on_day date DEFAULT 'today');
INSERT INTO public.made (id) VALUES (1);
SET extra_float_digits = 0;
SET quote_all_identifiers = on;
ALTER TABLE public.circles ADD COLUMN note text;
INSERT INTO public.circles (id) VALUES (1);
SQL
$source->(<<'SQL');
SET bytea_output = 'escape'; SET xmlbinary = 'hex'; SET extra_float_digits = 3; SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Kolkata'; SET quote_all_identifiers = on;
CREATE TABLE public.more (id integer PRIMARY KEY, b bytea DEFAULT '\x00ff41', r real DEFAULT '0.1', iv interval DEFAULT '-1 day 02:00', t time with time zone DEFAULT '12:00+02',
    d date DEFAULT '31.12.1999', ts timestamptz DEFAULT '01.02.2003 04:05:06', a bytea[] DEFAULT ARRAY['\x00'::bytea]);
INSERT INTO public.more (id) VALUES (1);
SQL
# From 18 on NOT NULL has a name, and LIKE takes it along: that of the server's own making stands here (ARCHITECTURE.md, Known limits).
my $not_null = $t->major < 18 ? 'NOT NULL' : '';
$source->(qq(CREATE TEMPORARY TABLE pattern (id integer $not_null, v text DEFAULT 'x'); CREATE TABLE of_pattern (LIKE pattern INCLUDING ALL, PRIMARY KEY (id)); INSERT INTO of_pattern (id) VALUES (1)));
$source->('CREATE TEMPORARY TABLE stage AS SELECT id, email, now() AS loaded FROM users; CREATE TABLE target (LIKE stage, PRIMARY KEY (id)); INSERT INTO target SELECT * FROM stage');
$source->(<<'SQL');
SET SESSION AUTHORIZATION boss;
SET ROLE clerk;
CREATE TABLE public.papers (id integer PRIMARY KEY);
GRANT SELECT ON public.papers TO SESSION_USER;
GRANT INSERT, SELECT ON public.papers TO CURRENT_USER, SESSION_USER;
INSERT INTO public.papers VALUES (1);
SQL
$source->(<<'SQL');
SET SESSION AUTHORIZATION boss;
CREATE TABLE public.desks (id integer PRIMARY KEY, owner name DEFAULT session_user);
ALTER TABLE public.papers OWNER TO SESSION_USER;
CREATE POLICY mine ON public.desks TO SESSION_USER USING (owner = session_user);
SQL
$source->(q(SET work_mem = '7MB'; SET search_path = public, pg_temp; CREATE FUNCTION sorted() RETURNS text LANGUAGE sql SET work_mem FROM CURRENT SET search_path FROM CURRENT AS $$ SELECT current_setting('work_mem') $$));
# The first attempt fails and leaves an index that is not valid, under the name that comes first.
$t->source->psql($database, 'CREATE UNIQUE INDEX CONCURRENTLY ON users (email)');
$source->(q(UPDATE users SET email = 'u' || id));
$source->('CREATE UNIQUE INDEX CONCURRENTLY ON users (email)');
$source->('DROP INDEX users_email_idx');
$source->('CREATE INDEX ON users (twin); INSERT INTO users VALUES (11, \'last\', NULL)');
$t->wait_replayed;
is($t->status, 'streaming', 'nothing stops') or diag(explain $t->connector);
$t->compare_ok('with what messages tell');
foreach my $what ([ 'bounds', q(SET timezone = 'UTC'; SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition ORDER BY 1) ],
	[ 'defaults', q(SET timezone = 'UTC'; SELECT adrelid::regclass::text, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid IN ('made'::regclass, 'desks'::regclass, 'circles'::regclass, 'more'::regclass) ORDER BY 1, 2) ],
	[ 'owners', q(SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('papers', 'desks') ORDER BY 1) ],
	[ 'grants', q(SELECT acl FROM pg_class, unnest(relacl) AS acl WHERE relname = 'papers' AND acl::text !~ '^ardent_' ORDER BY acl::text) ],
	[ 'policies', q(SELECT roles, qual FROM pg_policies ORDER BY 1) ],
	[ 'settings of functions', q(SELECT proname, proconfig FROM pg_proc WHERE proname = 'sorted') ],
	[ 'indexes', q(SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'users'::regclass ORDER BY 1) ])
{
	is($t->replica_psql($what->[1]), $source->($what->[1]), "the same $what->[0]");
}
$t->stop_all;
done_testing();
