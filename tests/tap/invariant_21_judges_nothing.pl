# SPDX-License-Identifier: PostgreSQL
# Invariant 21: what was valid at the source is valid: the replica stores the values that it is told, and neither computes nor
# judges them.
# Each table of the replica has a rule that the source's rows break, or a function that says something else there.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

my $setup = <<'SQL';
CREATE FUNCTION limit_of() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1000';
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
CREATE DOMAIN filled AS text NOT NULL CHECK (VALUE <> '');
CREATE DOMAIN few AS small[] CHECK (pg_catalog.array_length(VALUE, 1) < 10);
CREATE TYPE pair AS (a small, b filled, c small[]);
CREATE DOMAIN both_parts AS pair CHECK ((VALUE).a IS NOT NULL);
CREATE TABLE checked (id integer PRIMARY KEY, n integer CONSTRAINT below CHECK (n < 1000), v text);
CREATE TABLE computed (id integer PRIMARY KEY, n integer, g integer GENERATED ALWAYS AS (twice(n)) STORED, v text);
CREATE TABLE keyed_by_computed (n integer, g integer GENERATED ALWAYS AS (twice(n)) STORED PRIMARY KEY, v text);
CREATE TABLE full_computed (n integer, g integer GENERATED ALWAYS AS (twice(n)) STORED, v text);
ALTER TABLE full_computed REPLICA IDENTITY FULL;
CREATE TABLE typed (id small PRIMARY KEY, d small, t filled, a small[], f few, p pair, b both_parts, q pair[]);
CREATE TABLE numbered (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY, v text);
CREATE TABLE full_numbered (n integer GENERATED ALWAYS AS IDENTITY, v text);
ALTER TABLE full_numbered REPLICA IDENTITY FULL;
CREATE TABLE full_numbers (o oid, x xid, c regclass, t text);
ALTER TABLE full_numbers REPLICA IDENTITY FULL;
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent);
CREATE UNLOGGED TABLE session (id integer PRIMARY KEY, parent integer REFERENCES parent);
SQL
my $t = Ardent::Apply->new(name => 'judges', setup => $setup);

# The source's rules are gone, its functions others; the replica's stand as they were.
$t->source(<<'SQL');
CREATE OR REPLACE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 3 * $1';
ALTER TABLE checked DROP CONSTRAINT below;
ALTER DOMAIN small DROP CONSTRAINT small_check;
ALTER DOMAIN filled DROP CONSTRAINT filled_check;
ALTER DOMAIN filled DROP NOT NULL;
ALTER DOMAIN few DROP CONSTRAINT few_check;
ALTER DOMAIN both_parts DROP CONSTRAINT both_parts_check;
SQL

sub carried
{
	my ($what, $sql) = @_;
	$what = "invariant 21: $what";
	$t->source($sql);
	$t->applied_ok($t->segments, $what);
	$t->equal_ok($what);
	return;
}

carried('rows that a CHECK refuses', q(INSERT INTO checked SELECT g, 2000 + g, 'v' FROM generate_series(1, 2000) AS g));
carried('and their changes', q(UPDATE checked SET n = n + 1 WHERE id < 700; UPDATE checked SET id = -id WHERE id < 10; DELETE FROM checked WHERE id > 1500));
carried('values of generated columns', q(INSERT INTO computed (id, n) SELECT g, g FROM generate_series(1, 100) AS g));
carried('changed ones', q(UPDATE computed SET n = 7 WHERE id < 50; UPDATE computed SET v = 'only v'));
carried('a generated column as the key', <<'SQL');
INSERT INTO keyed_by_computed (n) SELECT generate_series(1, 100);
UPDATE keyed_by_computed SET v = 'x' WHERE n < 20;
UPDATE keyed_by_computed SET n = n + 1000 WHERE n < 30;
DELETE FROM keyed_by_computed WHERE n BETWEEN 40 AND 50;
SQL
carried('a generated column under FULL', <<'SQL');
INSERT INTO full_computed (n) SELECT generate_series(1, 50);
INSERT INTO full_computed (n) VALUES (NULL), (7), (7);
UPDATE full_computed SET v = 'x' WHERE n < 20 OR n IS NULL;
DELETE FROM full_computed WHERE n = 7;
SQL
carried('domains, wherever in a type', <<'SQL');
INSERT INTO typed VALUES (5000, 5000, '', '{5000,NULL}', '{1,2,3,4,5,6,7,8,9,10,5000}', '(5000,"","{6000,1}")', '(,,)',
    ARRAY[ROW(5000, E'a "quoted", (odd) \\\\ text', '{5000}')::pair, NULL, ROW(NULL, NULL, NULL)::pair]);
INSERT INTO typed (id) VALUES (2000);
UPDATE typed SET d = 9999, a = '[2:3]={7000,8000}', p = NULL WHERE id = 5000;
UPDATE typed SET id = 6000 WHERE id = 2000;
SQL
is($t->replica(q(SELECT pg_typeof(a), pg_typeof((p).a), pg_typeof(q[1]), (q[1]).b FROM typed WHERE id = 5000)),
	$t->source(q(SELECT pg_typeof(a), pg_typeof((p).a), pg_typeof(q[1]), (q[1]).b FROM typed WHERE id = 5000)), 'invariant 21: and they are of the same types');
carried('new values of identity columns', <<'SQL');
INSERT INTO numbered (id) SELECT generate_series(1, 50);
UPDATE numbered SET n = DEFAULT WHERE id < 20;
UPDATE numbered SET n = DEFAULT, id = id + 1000 WHERE id > 40;
INSERT INTO full_numbered (v) VALUES ('a'), (NULL), (NULL);
UPDATE full_numbered SET n = DEFAULT;
SQL
carried('numbers above 2^31 and rows of NULLs under FULL', <<'EOS');
INSERT INTO full_numbers VALUES (4294967295, '4294967295', 4294967294, NULL), (1, '1', 'pg_class', 't'), (NULL, NULL, NULL, NULL);
UPDATE full_numbers SET t = 'new' WHERE o > 5;
UPDATE full_numbers SET t = 'of NULLs' WHERE o IS NULL;
DELETE FROM full_numbers WHERE o > 5;
EOS
carried('rows that refer to none', <<'SQL');
SET session_replication_role = replica;
INSERT INTO child VALUES (1, 4711);
SET session_replication_role = DEFAULT;
INSERT INTO parent SELECT generate_series(1, 10);
INSERT INTO child VALUES (2, 2);
SQL
carried('TRUNCATE … CASCADE over an unlogged table that refers', 'INSERT INTO session VALUES (1, 1); TRUNCATE parent CASCADE; INSERT INTO parent VALUES (3)');

# The rules stand in the replica as before, for whoever writes there.
my $refused = sub { my ($code, $out, $err) = $t->{node}->psql('rep', $_[0]); return $code != 0 && $err; };
like($refused->(q(INSERT INTO checked VALUES (1, 5000))), qr/below/, 'the CHECK is there');
like($refused->(q(INSERT INTO typed (id) VALUES (5001))), qr/small_check/, 'the domain judges others');
like($refused->(q(INSERT INTO child VALUES (9, 9))), qr/child_parent_fkey/, 'the foreign key is there');
like($refused->(q(INSERT INTO computed (id, g) VALUES (-1, 1))), qr/generated/, 'the generated column is one');
is($t->replica(q(CREATE EXTENSION amcheck; SELECT count(*) FROM (SELECT bt_index_check(indexrelid, true) FROM pg_index AS i
	JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relpersistence = 'p') AS x)), '7',
	'every index has what its table has');
is($t->replica(q(SELECT count(*) FROM pg_class AS c, verify_heapam(c.oid) WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relpersistence = 'p')),
	'0', 'and no page is out of order') if $t->replica('SHOW server_version_num') >= 140000;
done_testing();
