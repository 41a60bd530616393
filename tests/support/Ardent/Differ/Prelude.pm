# SPDX-License-Identifier: PostgreSQL
# What every random schema stands on: types, domains, functions, and the changes to functions that the source makes
# after the copy, so that replica and source would compute, or judge, differently.
package Ardent::Differ::Prelude;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(prelude hardened changed as_copied);

my $scaled = q{CREATE OR REPLACE FUNCTION public.scaled(n integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n::bigint * 10; END';};
my @parts = (
	[ undef, q{CREATE SCHEMA "Other schema";} ],
	[ citext => 'CREATE EXTENSION citext SCHEMA public;' ],
	[ hstore => 'CREATE EXTENSION hstore SCHEMA public;' ],
	[ undef, q{CREATE TABLE public.limits (code text PRIMARY KEY); INSERT INTO public.limits VALUES ('one'), ('two'), ('gone');} ],
	[ undef, q{CREATE TYPE public."Mood" AS ENUM ('sad', 'o"k', 'hap''py', '');} ],
	[ undef, q{CREATE TYPE public.pair AS (a text, b numeric); CREATE TYPE public.nested AS (p public.pair, l integer[]);} ],
	[ undef, q{CREATE DOMAIN public.positive AS integer CHECK (VALUE > 0);} ],
	[ undef, q{CREATE DOMAIN public.present AS text NOT NULL CHECK (VALUE <> 'absent');} ],
	[ undef, q{CREATE DOMAIN public.even AS public.positive CHECK (VALUE % 2 = 0);} ],
	[ undef, q{CREATE DOMAIN public.short_list AS integer[] CHECK (pg_catalog.cardinality(VALUE) < 4);} ],
	[ undef, q{CREATE TYPE public.weighed AS (w public.positive, t text);} ],
	[ range_over_domain => q{CREATE TYPE public.positive_range AS RANGE (subtype = public.positive);} ],
	[ undef, q{CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);} ],
	# what is judged otherwise at the source from some moment on: lax here, strict when the copy is made, lax again
	[ undef, q{CREATE FUNCTION public.fair(n numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';} ],
	[ undef, q{CREATE DOMAIN public.price AS numeric CHECK (public.fair(VALUE));} ],
	[ undef, q{CREATE FUNCTION public.is_listed(c text) RETURNS boolean LANGUAGE plpgsql STABLE AS
		$$ BEGIN RETURN c IS NULL OR EXISTS (SELECT FROM public.limits AS l WHERE l.code = c); END $$;} ],
	[ undef, q{CREATE DOMAIN public.listed AS text CHECK (public.is_listed(VALUE));} ],
	[ undef, q{CREATE FUNCTION public.wanders() RETURNS boolean LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_catalog.set_config('search_path', 'pg_catalog', false), pg_catalog.set_config('array_nulls', 'off', false),
		pg_catalog.set_config('xmloption', 'document', false), pg_catalog.set_config('IntervalStyle', 'sql_standard', false); RETURN true; END $$;} ],
	[ undef, q{CREATE DOMAIN public.tidy AS text CHECK (public.wanders());} ],
	[ undef, q{CREATE FUNCTION public.may_write() RETURNS boolean LANGUAGE sql STABLE AS
		$$ SELECT coalesce(pg_catalog.current_setting('app.mode', true), 'off') = 'on' AND current_user <> 'ardent_apply' $$;} ],
	[ undef, q{CREATE FUNCTION public.fold(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.lower(pg_catalog.left(t, 100))';} ],
	# the usual carelessness: what it calls is found by the search_path of whoever writes
	[ undef, q{CREATE FUNCTION public.folded(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN fold(t); END';} ],
	[ undef, q{CREATE FUNCTION public.local_day(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$ SELECT pg_catalog.to_char(at, 'YYYY-MM-DD HH24:MI TZ') $$;} ],
	[ undef, $scaled =~ s/OR REPLACE //r ],
	[ undef, q{CREATE TABLE public.heard (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
		CREATE FUNCTION public.hear() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.heard (what) VALUES (TG_OP); RETURN NULL; END $$;} ],
);

sub prelude
{
	my ($features) = @_;
	return map { $_->[1] } grep { !defined $_->[0] || $features->on($_->[0]) } @parts;
}

# Before the copy, after the first rows.
sub hardened
{
	return q{CREATE OR REPLACE FUNCTION public.fair(n numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n < 1';};
}

# The functions as the replica has them, for a look at the definitions.
sub as_copied { return (hardened(), $scaled); }

# At the source, after the copy; without DDL capture the replica does not hear of it.
sub changed
{
	return (
		q{CREATE OR REPLACE FUNCTION public.fair(n numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';},
		q{CREATE OR REPLACE FUNCTION public.scaled(n integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n::bigint * 1000 + 7; END';});
}

1;
