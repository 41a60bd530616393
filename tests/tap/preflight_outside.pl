# SPDX-License-Identifier: PostgreSQL
# What preflight says of tables that cannot be carried, or not with all their rows, without what lies elsewhere: before anything is
# made. (What is merely left out: tap/outside_objects.pl.)
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('outside');
$node->init;
$node->start;
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->('CREATE EXTENSION ardent; CREATE SCHEMA parts; CREATE SCHEMA other');
my $check = sub {
	my ($id) = @_;
	return $sql->("SELECT status || coalesce(' ' || nullif(array_to_string(objects, ' | '), ''), '') FROM ardent_preflight_checks('public') WHERE id = '$id'");
};
is($check->($_), 'pass', "$_ passes without anything elsewhere") foreach qw(needed_elsewhere objects_left_out);

# (name, what is made, what is named, how to take it away)
foreach my $case (
	[ 'partitions', 'CREATE TABLE public.events (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);'
		  . " CREATE TABLE parts.events_2026 PARTITION OF public.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
		'table parts.events_2026: it is not carried, and its rows are read through public.events', 'DROP TABLE public.events' ],
	[ 'children by INHERITS', 'CREATE TABLE public.parent (id integer); CREATE TABLE parts.child () INHERITS (public.parent)',
		'table parts.child: it is not carried, and its rows are read through public.parent', 'DROP TABLE public.parent CASCADE' ],
	[ 'a parent', 'CREATE TABLE parts.parent (id integer); CREATE TABLE public.child () INHERITS (parts.parent)',
		'table public.child: it needs table parts.parent', 'DROP TABLE parts.parent CASCADE' ],
	[ 'types of columns', q(CREATE TYPE other.level AS ENUM ('a'); CREATE TABLE public.levels (id integer PRIMARY KEY, l other.level)),
		'table public.levels: it needs type other.level', 'DROP TABLE public.levels; DROP TYPE other.level' ],
	[ 'arrays of such types, by way of a domain', q(CREATE TYPE other.level AS ENUM ('a'); CREATE DOMAIN public.levels AS other.level[]; CREATE TABLE public.d (l public.levels)),
		'table public.d: it needs type public.levels', 'DROP TABLE public.d; DROP DOMAIN public.levels; DROP TYPE other.level' ],
	[ 'sequences', q(CREATE SEQUENCE other.numbers; CREATE TABLE public.numbered (id integer DEFAULT nextval('other.numbers'))),
		'default value for public.numbered.id: it needs sequence other.numbers', 'DROP TABLE public.numbered; DROP SEQUENCE other.numbers' ],
	[ 'unique indexes over functions', 'CREATE FUNCTION other.low(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT lower($1) $$;'
		  . ' CREATE TABLE public.mails (m text); CREATE UNIQUE INDEX low ON public.mails (other.low(m))',
		'index public.low: it needs function other.low(text)', 'DROP TABLE public.mails; DROP FUNCTION other.low' ])
{
	my ($name, $made, $named, $away) = @$case;
	$sql->($made);
	like($check->('needed_elsewhere'), qr/^fail .*\Q$named\E/, "$name elsewhere fail, and are named");
	$sql->($away);
	is($check->('needed_elsewhere'), 'pass', "$name: passes without");
}

# What takes a superuser to make.
$sql->($_) foreach 'CREATE FUNCTION public.to_date(integer) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT date \'2000-01-01\' + $1 $$; CREATE CAST (integer AS date) WITH FUNCTION public.to_date(integer) AS ASSIGNMENT',
  'CREATE FUNCTION public.cmp(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT $1 - $2 $$;'
  . ' CREATE OPERATOR CLASS public.backwards FOR TYPE integer USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 public.cmp(integer, integer)',
  'CREATE FUNCTION public.quiet(integer) RETURNS integer LEAKPROOF IMMUTABLE LANGUAGE sql AS $$ SELECT $1 $$',
  'CREATE FUNCTION public.internal_sum(integer, integer) RETURNS integer LANGUAGE internal AS $$int4pl$$',
  'CREATE FUNCTION public.set_of_application() RETURNS integer LANGUAGE sql SET app.tenant = \'x\' AS $$ SELECT 1 $$';
my $left = $check->('objects_left_out');
like($left, qr/\Q$_\E: it takes a superuser to make/, "named: $_")
  foreach 'cast (integer AS pg_catalog.date)', 'operator class public.backwards USING btree', 'function public.quiet(integer)',
  'function public.internal_sum(integer,integer)', 'function public.set_of_application()';
# of an extension it is the extension's
$sql->('CREATE EXTENSION citext; CREATE TABLE public.c (id citext PRIMARY KEY)');
is($check->('objects_left_out'), $left, 'what an extension brought is none of these');
$sql->('CREATE EXTENSION ltree; CREATE TABLE public.paths (id integer PRIMARY KEY, path ltree[])');
is($check->('needed_elsewhere'), 'pass', 'nor needed, nor is an array of its');
done_testing();
