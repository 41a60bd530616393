# SPDX-License-Identifier: PostgreSQL
# What tables are made of besides columns: partitions, inheritance, types. A copy of all of it shows no difference; every
# change of it at the source stops the connector and is named, and after the same change in the replica it goes on.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $sql = <<'SQL';
CREATE SCHEMA "Odd schema"; CREATE SCHEMA "a.b"; CREATE SCHEMA a;
SET check_function_bodies = off;
CREATE EXTENSION citext;
CREATE EXTENSION lo;                                       -- a domain that belongs to an extension

-- types
CREATE TYPE mood AS ENUM ('sad', 'it''s \ ok');
ALTER TYPE mood ADD VALUE 'before' BEFORE 'sad';
CREATE TYPE lonely AS ENUM ('one', 'two');
CREATE TYPE no_labels AS ENUM ();
CREATE DOMAIN code AS varchar(9) CHECK (VALUE IN ('a', 'b'));   -- printed differently once it was dumped
CREATE DOMAIN strict_code AS code NOT NULL CONSTRAINT "Not c" CHECK (VALUE <> 'c') CONSTRAINT later CHECK (VALUE <> 'd');
ALTER DOMAIN code ADD CONSTRAINT unproven CHECK (VALUE <> 'e') NOT VALID;
CREATE TYPE "Odd schema"."In ""ner" AS (json text, "Mixed ""x" numeric(7, 2), m mood[]);
CREATE TYPE outer_type AS (i "Odd schema"."In ""ner", gone integer, c code, n integer);
ALTER TYPE outer_type DROP ATTRIBUTE gone;
CREATE DOMAIN pair AS outer_type;
CREATE TYPE mood_range AS RANGE (subtype = mood, multirange_type_name = mood_ranges);
CREATE TABLE typed (
    id integer PRIMARY KEY, m mood, ms mood[], o outer_type, os outer_type[], p pair, s code, r mood_range, rs mood_ranges,
    ci citext, l lo, e no_labels);
INSERT INTO typed (id, m, o, s, rs) VALUES (1, 'sad', '("(x,1.5,{sad})",a,3)', 'b', '{[before,sad]}');
CREATE TABLE lonelies (id integer PRIMARY KEY, a lonely[], d strict_code[]);
CREATE DOMAIN own_base AS integer;
CREATE TYPE own_subtype AS RANGE (subtype = integer);
CREATE TABLE made_of_base (id integer PRIMARY KEY, x own_base);
CREATE TABLE made_of_subtype (id integer PRIMARY KEY, x own_subtype);
CREATE TABLE whole (id integer PRIMARY KEY, t typed);      -- a row of another table

-- partitions
CREATE TABLE by_range (k integer, "json" timestamptz, v text, PRIMARY KEY (k, "json")) PARTITION BY RANGE ("json", k);
CREATE TABLE by_range_1 PARTITION OF by_range FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-02-03 04:05:06.789+02', -5);
CREATE TABLE by_range_2 (v text, gone integer, "json" timestamptz NOT NULL, k integer NOT NULL, PRIMARY KEY (k, "json"));
ALTER TABLE by_range_2 DROP COLUMN gone;
ALTER TABLE by_range ATTACH PARTITION by_range_2 FOR VALUES FROM ('2020-02-03 04:05:06.789+02', -5) TO ('infinity', MAXVALUE);
CREATE TABLE by_list (id integer, m mood, PRIMARY KEY (id, m)) PARTITION BY LIST (m);
CREATE TABLE by_list_1 PARTITION OF by_list FOR VALUES IN ('it''s \ ok', 'before', 'before');
CREATE TABLE by_list_rest PARTITION OF by_list DEFAULT PARTITION BY HASH (id);
CREATE TABLE "Odd schema"."Hash 0" PARTITION OF by_list_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "Odd schema"."Hash 1" PARTITION OF by_list_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE by_expression (v varchar, f float8) PARTITION BY RANGE ((CASE WHEN v IN ('a', 'b') THEN 1.5 ELSE 0 END), f);
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM (-0.1, '-0.1') TO (7, 'NaN');
ALTER TABLE by_expression REPLICA IDENTITY FULL;
ALTER TABLE by_expression_1 REPLICA IDENTITY FULL;
CREATE TABLE loose (k integer, "json" timestamptz, v text, PRIMARY KEY (k, "json"));

-- inheritance
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE "Odd schema".second (x integer PRIMARY KEY);
CREATE TABLE child (own text, id integer PRIMARY KEY) INHERITS (base);
CREATE TABLE grandchild (PRIMARY KEY (id)) INHERITS ("Odd schema".second, child);
ALTER TABLE base ADD COLUMN late integer NOT NULL DEFAULT 7;   -- comes last in child, and first once it was dumped
INSERT INTO child (own, id) VALUES ('c', 1);
CREATE TABLE orphan (id integer PRIMARY KEY, a text, late integer NOT NULL);

-- one of them is left out, the other is not
CREATE TABLE "a.b".c (v text);
CREATE TABLE a."b.c" (id integer PRIMARY KEY, v text);
INSERT INTO a."b.c" VALUES (1, 'carried');
SQL
# multiranges are there from 14 on
if (Ardent::Test::major() < 14)
{
	$sql =~ s/, multirange_type_name = mood_ranges//;
	$sql =~ s/rs mood_ranges/rs mood_range[]/;
	$sql =~ s/'\{\[before,sad\]\}'/'{"[before,sad]"}'/;
}
my $t = Ardent::Test->new(name => 'definitions', schemas => [ 'public', 'Odd schema', 'a.b', 'a' ], sql => $sql);
my $source = sub { return $t->source->safe_psql($Ardent::Test::database, $_[0]); };
$t->start_environment;
$t->create_connector;
$t->start_agent('source.exclude' => ['"a.b".c']);
$t->wait_streaming;
$source->(q(INSERT INTO "a.b".c VALUES ('x'); UPDATE "a.b".c SET v = 'y'; UPDATE a."b.c" SET v = 'still'));
$t->wait_caught_up;
is($t->replica_psql('SELECT v FROM a."b.c"'), 'still', 'the table whose name only looks the same is carried');
is($t->replica_try('SELECT count(*) FROM "a.b".c'), undef, 'what is left out is not in the replica');
is($t->agent->stop, 0, 'the agent stops');
$t->start_agent;
$t->wait_streaming;
is($t->status, 'streaming', 'a copy of all of it shows no difference');
is($t->agent->stop, 0, 'the agent stops');

$t->start_agent('source.exclude' => ['a."b.c"']);
$t->wait_for('the other table of the same letters is refused', sub {
	return $t->agent->log_text =~ /leaves out \\*"a\.b\\*"\.c, the agent leaves out a\.\\*"b\.c/;
});
is($t->agent->stop, 0, 'the agent stops');
$t->start_agent('source.exclude' => ['"a.b".c']);
$t->wait_streaming;

# Whoever alters a table is not waited for.
is($t->agent->stop, 0, 'the agent stops');
my $altering = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($Ardent::Test::database), '-c',
	'BEGIN; LOCK TABLE by_range_2, lonelies, child IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)' ],
	'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
my $holder = q(SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'child'::regclass);
$t->wait_for('tables are locked', sub { return $source->($holder) ne '' });
$t->start_agent;
$t->wait_streaming(30);
is($t->status, 'streaming', 'locked tables are compared too');
isnt($source->($holder), '', 'while they are locked');
$source->("SELECT pg_terminate_backend(($holder))");
$altering->finish;

# Tables are reported at every connect. What is changed at the source is changed in the replica after it was reported.
my $admin = $t->replica_admin;
my $reported = sub {
	my ($what, $change, $expected) = @_;
	$t->agent->stop;
	$source->($change);
	$t->start_agent;
	$t->wait_status('failed');
	is($t->connector->{failure}{message}, $expected, "$what is reported");
	like($t->connector->{failure}{hint}, qr/Make the same change at the other end/, 'with what to do');
	$t->agent->stop;
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $admin ], '<', \$change) or die "replica: $change";
	is($t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", {})->{status}, 200, 'the same in the replica');
	$t->start_agent;
	$t->wait_streaming;
	return is($t->status, 'streaming', "after $what it goes on");
};
my $is = sub { return "$_[0] is $_[1] at the source and $_[2] in the replica"; };

$reported->('a detached partition', 'ALTER TABLE by_range DETACH PARTITION by_range_1',
	$is->('table public.by_range_1: it', 'without a parent',
		q(a partition of public.by_range FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-02-03 02:05:06.789+00', '-5'))));
$reported->('an attached one', q(ALTER TABLE by_range ATTACH PARTITION loose FOR VALUES FROM ('2000-01-01', 1) TO ('2001-01-01', 2)),
	$is->('table public.loose: it',
		q(a partition of public.by_range FOR VALUES FROM ('2000-01-01 00:00:00+00', 1) TO ('2001-01-01 00:00:00+00', 2)),
		'without a parent'));
$reported->('another bound', q(ALTER TABLE by_range DETACH PARTITION loose;
	ALTER TABLE by_range ATTACH PARTITION loose FOR VALUES FROM ('2000-01-01', 1) TO ('2002-01-01', 2)),
	$is->('table public.loose: it',
		q(a partition of public.by_range FOR VALUES FROM ('2000-01-01 00:00:00+00', 1) TO ('2002-01-01 00:00:00+00', 2)),
		q(a partition of public.by_range FOR VALUES FROM ('2000-01-01 00:00:00+00', 1) TO ('2001-01-01 00:00:00+00', 2))));
$reported->('another partition key', q(DROP TABLE by_expression;
	CREATE TABLE by_expression (v varchar, f float8) PARTITION BY LIST (f);
	CREATE TABLE by_expression_1 PARTITION OF by_expression DEFAULT;
	ALTER TABLE by_expression REPLICA IDENTITY FULL; ALTER TABLE by_expression_1 REPLICA IDENTITY FULL;
	GRANT SELECT ON by_expression, by_expression_1 TO PUBLIC),
	'table public.by_expression: it is partitioned by LIST ("f") at the source and by RANGE (an expression, "f") in the replica');
$reported->('INHERIT', 'ALTER TABLE orphan INHERIT base',
	$is->('table public.orphan: it', 'a child of public.base', 'without a parent'));
$reported->('NO INHERIT', 'ALTER TABLE grandchild NO INHERIT "Odd schema".second',
	$is->('table public.grandchild: it', 'a child of public.child', 'a child of "Odd schema".second, public.child'));
$reported->('a new label', q(ALTER TYPE lonely ADD VALUE 'half' BEFORE 'one'),
	$is->('type public.lonely', q(ENUM ('half', 'one', 'two')), q(ENUM ('one', 'two'))));
$reported->('a renamed label', q(ALTER TYPE lonely RENAME VALUE 'two' TO 'TWO'),
	$is->('type public.lonely', q(ENUM ('half', 'one', 'TWO')), q(ENUM ('half', 'one', 'two'))));
$reported->('an attribute of a composite type inside another', 'ALTER TYPE "Odd schema"."In ""ner" ADD ATTRIBUTE z date CASCADE',
	$is->('type "Odd schema"."In ""ner"', q(("json" text, "Mixed ""x" numeric(7,2), "m" public.mood[], "z" date)),
		q(("json" text, "Mixed ""x" numeric(7,2), "m" public.mood[]))));
$reported->('NOT NULL of a domain', 'ALTER DOMAIN strict_code DROP NOT NULL',
	$is->('type public.strict_code', 'DOMAIN OVER public.code WITH CHECK "Not c", "later"',
		'DOMAIN OVER public.code NOT NULL WITH CHECK "Not c", "later"'));
$reported->('a check of a domain', 'ALTER DOMAIN strict_code DROP CONSTRAINT later',
	$is->('type public.strict_code', 'DOMAIN OVER public.code WITH CHECK "Not c"',
		'DOMAIN OVER public.code WITH CHECK "Not c", "later"'));
foreach my $made ([ 'base', 'a domain', 'DOMAIN', 'AS bigint', 'DOMAIN OVER integer', 'DOMAIN OVER bigint' ],
	[ 'subtype', 'a range', 'TYPE', 'AS RANGE (subtype = bigint)', 'RANGE OF integer',
		'RANGE OF bigint' ])
{
	my ($word, $what, $kind, $new, $before, $after) = @$made;
	$reported->("the $word of $what", "ALTER TABLE made_of_$word DROP COLUMN x; DROP $kind own_$word; CREATE $kind own_$word $new;"
		  . " ALTER TABLE made_of_$word ADD COLUMN x own_$word", $is->("type public.own_$word", $after, $before));
}
$t->stop_all;
done_testing();
