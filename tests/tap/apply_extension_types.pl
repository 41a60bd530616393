# SPDX-License-Identifier: PostgreSQL
# Keys whose equality is not in pg_catalog: the row is found by the operator of the identity's index, and in that index.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

my $t = Ardent::Apply->new(name => 'extension_types', setup => <<'SQL');
CREATE SCHEMA "Ext";
CREATE EXTENSION citext SCHEMA "Ext";
CREATE EXTENSION ltree SCHEMA "Ext";
DO $$ BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = public, "Ext"', current_database()); END $$;
SET search_path = public, "Ext";
GRANT USAGE ON SCHEMA "Ext" TO ardent_apply;
CREATE DOMAIN mail AS "Ext".citext;
CREATE TABLE person (name "Ext".citext PRIMARY KEY, v text);
INSERT INTO person SELECT 'Name' || g, 'v' FROM generate_series(1, 5000) AS g;
CREATE TABLE letter (box mail, n integer, v text, PRIMARY KEY (n, box));
INSERT INTO letter SELECT 'Box' || g % 7, g, 'v' FROM generate_series(1, 2000) AS g;
CREATE TABLE tree (path "Ext".ltree PRIMARY KEY, v text);
INSERT INTO tree SELECT ('Top.n' || g)::"Ext".ltree, 'v' FROM generate_series(1, 2000) AS g;
CREATE TABLE bare (name "Ext".citext, path "Ext".ltree, v text);
ALTER TABLE bare REPLICA IDENTITY FULL;
INSERT INTO bare VALUES ('a', 'a', '1'), ('A', 'a', '1'), ('A', 'A', '1'), ('a', NULL, '1'), (NULL, 'a', '1');
-- an identity whose collation is not the column's: the index says which texts are equal
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE word (w text COLLATE loose NOT NULL, v text);
CREATE UNIQUE INDEX word_w ON word (w COLLATE "C");
ALTER TABLE word REPLICA IDENTITY USING INDEX word_w;
INSERT INTO word VALUES ('ab', '1'), ('AB', '2'), ('Ab', '3');
-- an operator class whose equality is the images': 1.0 is not 1.00
CREATE TYPE pair AS (a numeric, b integer);
CREATE TABLE image (k pair NOT NULL, v text);
CREATE UNIQUE INDEX image_k ON image (k pg_catalog.record_image_ops);
ALTER TABLE image REPLICA IDENTITY USING INDEX image_k;
INSERT INTO image VALUES ('(1.0,1)', '1'), ('(1.00,1)', '2');
SQL

my $scans = sub {
	my ($table, $counter) = @_;
	return $t->replica("SELECT $counter FROM pg_stat_user_tables WHERE relname = '$table'");
};
my $followed = sub {
	my ($what, $sql, @tables) = @_;
	my %before = map { $_ => $scans->($_, 'seq_scan') } @tables;
	my %used = map { $_ => $scans->($_, 'idx_scan') } @tables;
	$t->source($sql);
	$t->applied_ok($t->segments, $what);
	# a session writes its statistics before it leaves this list
	$t->{node}->poll_query_until('rep', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'ardent apply'))
	  or die 'apply does not end';
	foreach my $table (@tables)
	{
		# before 15 a process of the server's own gathers them, some time later
		ok($t->{node}->poll_query_until('rep', "SELECT idx_scan > $used{$table} FROM pg_stat_user_tables WHERE relname = '$table'"),
			"$what: $table is looked up in its index");
		is($scans->($table, 'seq_scan'), $before{$table}, "$what: and never read as a whole");
	}
	# the comparison reads every table once; where that is told late it must not be taken for the next step's
	my $read = q(SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE schemaname = 'public');
	my $sum = $t->replica($read) + $t->replica(q(SELECT count(*) FROM pg_stat_user_tables WHERE schemaname = 'public'));
	$t->equal_ok($what);
	$t->{node}->poll_query_until('rep', "SELECT ($read) >= $sum") or die 'statistics do not come';
	return;
};
$followed->('citext, one row', q(UPDATE person SET v = 'w' WHERE name = 'NAME7'), 'person');
$followed->('citext, many rows', q(UPDATE person SET v = v || 'x' WHERE length(name::text) = 7), 'person');
$followed->('citext, only the case changes', q(UPDATE person SET name = upper(name::text) WHERE name = 'name9'), 'person');
$followed->('citext, the case changes twice',
	q(UPDATE person SET name = lower(name::text) WHERE name = 'name10'; UPDATE person SET name = upper(name::text) WHERE name = 'name10'),
	'person');
$followed->('citext, deletes', q(DELETE FROM person WHERE name < 'name2'), 'person');
$followed->('a domain over it, in a key of two',
	q(UPDATE letter SET v = 'w' WHERE n < 50; UPDATE letter SET box = upper(box::text) WHERE n = 60; DELETE FROM letter WHERE n BETWEEN 100 AND 150), 'letter');
$followed->('ltree', q(UPDATE tree SET v = 'w' WHERE path ~ 'Top.n1*'), 'tree');
$followed->('ltree, a new key', q(UPDATE tree SET path = 'New' || path WHERE path = 'Top.n77'), 'tree');
$followed->('ltree, deletes', q(DELETE FROM tree WHERE path = 'Top.n78'; DELETE FROM tree WHERE path ~ 'Top.n2*'), 'tree');
$followed->('REPLICA IDENTITY FULL finds the very text',
	q(UPDATE bare SET v = '2' WHERE name::text = 'A' AND path::text = 'A'; DELETE FROM bare WHERE name::text = 'a' AND path::text = 'a'; UPDATE bare SET v = '3' WHERE path IS NULL));
$followed->('the collation of the index', q(UPDATE word SET v = v || 'x' WHERE w = 'ab' COLLATE "C"; DELETE FROM word WHERE w = 'AB' COLLATE "C"), 'word');
$followed->('the operator class of the index', q(UPDATE image SET v = v || 'x' WHERE k *= '(1.00,1)'::pair; DELETE FROM image WHERE k *= '(1.0,1)'::pair), 'image');
done_testing();
