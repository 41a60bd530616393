# SPDX-License-Identifier: PostgreSQL
# Tables without columns of their own, with as many as PostgreSQL takes, and children that have their parent's keys: by copy and stream.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'odd_tables', sql => <<'SQL');
CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE only_generated (one integer GENERATED ALWAYS AS (1) STORED); INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE dropped (a integer); INSERT INTO dropped VALUES (1), (2); ALTER TABLE dropped DROP COLUMN a;
ALTER TABLE nothing REPLICA IDENTITY FULL; ALTER TABLE only_generated REPLICA IDENTITY FULL; ALTER TABLE dropped REPLICA IDENTITY FULL;
CREATE TABLE animals (id integer PRIMARY KEY, name text);
CREATE TABLE cats (lives integer, PRIMARY KEY (id)) INHERITS (animals);
CREATE TABLE lions (PRIMARY KEY (id)) INHERITS (cats);
INSERT INTO animals SELECT g, 'a' || g FROM generate_series(1, 40) AS g;
INSERT INTO cats SELECT g, 'c' || g, 9 FROM generate_series(1, 40) AS g;
INSERT INTO lions SELECT g, 'l' || g, 1 FROM generate_series(1, 40) AS g;
DO $$ BEGIN EXECUTE 'CREATE TABLE wide (id integer PRIMARY KEY, ' || (SELECT string_agg('c' || g || ' boolean', ', ') FROM generate_series(2, 1600) AS g) || ')'; END $$;
DO $$ BEGIN EXECUTE 'CREATE TABLE wide_full (' || (SELECT string_agg('c' || g || ' boolean', ', ') FROM generate_series(1, 1600) AS g) || ')'; END $$;
ALTER TABLE wide_full REPLICA IDENTITY FULL;
INSERT INTO wide (id, c2, c1600) SELECT g, true, false FROM generate_series(1, 50) AS g;
INSERT INTO wide_full (c2, c1600) VALUES (true, NULL), (false, false);
SQL
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('the copy');
foreach my $case (
	[ 'no columns', 'INSERT INTO nothing DEFAULT VALUES; INSERT INTO only_generated DEFAULT VALUES; INSERT INTO dropped DEFAULT VALUES;'
		. ' DELETE FROM nothing WHERE ctid = (SELECT min(ctid) FROM nothing); DELETE FROM only_generated WHERE ctid = (SELECT min(ctid) FROM only_generated)' ],
	[ 'ONLY a parent', q(UPDATE ONLY animals SET name = 'only ' || id; UPDATE animals SET name = name || '!' WHERE id = 3; UPDATE cats SET id = id + 100 WHERE id > 35; DELETE FROM ONLY cats WHERE id = 1) ],
	[ 'TRUNCATE ONLY', q(TRUNCATE ONLY cats; INSERT INTO cats VALUES (1, 'back', 8)) ],
	[ 'TRUNCATE of a parent', q(BEGIN; TRUNCATE animals; INSERT INTO lions VALUES (7, 'last', 1); COMMIT) ],
	[ '1,600 columns', 'INSERT INTO wide (id, c3) SELECT g, g % 2 = 0 FROM generate_series(100, 260) AS g; UPDATE wide SET c1599 = true WHERE id = 1; UPDATE wide SET c1600 = true WHERE id < 45;'
		. ' UPDATE wide SET id = id + 1000 WHERE id > 210; DELETE FROM wide WHERE id BETWEEN 20 AND 40; UPDATE wide_full SET c5 = true WHERE c2; DELETE FROM wide_full WHERE NOT c2' ])
{
	$t->source->safe_psql($Ardent::Test::database, $case->[1]);
	$t->wait_caught_up;
	$t->compare_ok($case->[0]);
}
$t->stop_all;
done_testing();
