# SPDX-License-Identifier: PostgreSQL
# Settings that somebody gave the source's database for good reasons (eulerto/wal2json issue 301, debezium pull request 5888,
# 2ndQuadrant/pglogical issue 63): copy and stream carry every value, and nothing is taken for a difference.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'settings', schemas => [ 'app', 'public' ], sql => <<'SQL');
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('ok', 'Not ok');
CREATE ROLE app_owner;
GRANT USAGE ON SCHEMA app TO app_owner;
CREATE TABLE app.things (
    id integer PRIMARY KEY, b bytea, f double precision, r real, d date, ts timestamptz, iv interval, m money, x xml, js json, ar text,
    rc regclass, rt regtype, rp regprocedure, rr regrole, rn regnamespace, mood app.mood, bt bit(3), ch char(4));
INSERT INTO app.things VALUES (1, '\x00ff5c27', 0.1::float8 + 0.2, 1.0000001, '1999-12-31', '2026-03-29 02:30:00+01', '-1 year -2 days 03:04:05', '-1234.56',
    '<a b="c">t</a>', '{"a": "\\"}', ARRAY[NULL, 'NULL', ''], 'app.things', 'app.mood', 'pg_catalog.lower(text)', 'app_owner', 'app', 'Not ok', B'101', 'ab');
CREATE FUNCTION app.f(app.mood) RETURNS integer LANGUAGE sql AS 'SELECT 1';
SQL
my $database = $Ardent::Test::database;
$t->source->safe_psql('postgres', "ALTER DATABASE $database SET $_") foreach
	'search_path = app, public', q(datestyle = 'SQL, DMY'), 'intervalstyle = sql_standard', 'bytea_output = escape', 'extra_float_digits = -10',
	'standard_conforming_strings = off', 'escape_string_warning = off', 'default_transaction_isolation = serializable', 'default_transaction_deferrable = on',
	q(timezone = 'America/Caracas'), 'xmlbinary = hex', 'xmloption = document', 'array_nulls = off', 'backslash_quote = off', 'client_encoding = LATIN1',
	'enable_indexscan = off', 'transform_null_equals = on', q(statement_timeout = '3s'), q(lock_timeout = '1s'), q(idle_in_transaction_session_timeout = '1s');
my $write = sub {
	my ($sql) = @_;
	return $t->source->safe_psql($database, "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET xmloption = content; SET array_nulls = on;"
		  . " SET datestyle = 'ISO'; SET client_min_messages = 'warning'; $sql");
};
my $rows = q(SET search_path = pg_catalog; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET timezone = 'UTC';
	SET client_encoding = 'UTF8'; SET lc_monetary = 'C'; SELECT string_agg(t::text, E'\n' ORDER BY id) FROM app.things AS t);
my $same = sub {
	my ($what) = @_;
	$t->wait_caught_up;
	is($t->replica_psql($rows), $t->source->safe_psql($database, $rows), "$what: every value");
	return $t->compare_ok($what);
};
$t->start_all;
$same->('the copy');
$write->(q(INSERT INTO app.things VALUES (2, '\xdeadbeef00', 1e300 / 3, 0.3, '0044-03-15 BC', 'infinity', '1.5 hours', '99.99', 'plain <b/>'::text::xml, 'null', '{}',
	'public.beacon', 'integer', 'app.f(app.mood)', 'ardent_replication', 'public', 'ok', B'000', '');
	UPDATE app.things SET f = f / 7, rc = 'app.things', ar = ARRAY['a"b', E'\\\\'] WHERE id = 1));
$same->('the stream');
$t->agent->stop;
$t->start_agent;
$write->(q(UPDATE app.things SET ch = 'zz', r = r / 3));
$same->('after a restart of the agent');
$t->stop_all;
done_testing();
