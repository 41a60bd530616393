# SPDX-License-Identifier: PostgreSQL
# DDL of the source ends in the same schema and the same rows: statements of many kinds with rows between them, then
# pg_dump --schema-only of both sides and the data.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ddl_replay', schemas => [ 'public', 'app' ], sql => <<'SQL');
CREATE ROLE app_owner;
CREATE SCHEMA app AUTHORIZATION app_owner;
CREATE TABLE before (id integer PRIMARY KEY, v text);
INSERT INTO before SELECT g, 'row ' || g FROM generate_series(1, 100) AS g;
SET ROLE app_owner;
CREATE TABLE app.owned (id integer PRIMARY KEY, v text);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;

$source->('ALTER TABLE before ADD COLUMN note text');
$source->(q(UPDATE before SET note = 'n' WHERE id < 10; INSERT INTO before VALUES (101, 'v', 'n')));
$t->wait_replayed;
is($t->status, 'streaming', 'a column was added');
$t->compare_ok('with a new column');
$source->(q(BEGIN; INSERT INTO before VALUES (102, 'v', 'n'); ALTER TABLE before RENAME COLUMN note TO noted;
	INSERT INTO before VALUES (103, 'v', 'n'); ALTER TABLE before ADD w integer NOT NULL DEFAULT 7;
	UPDATE before SET w = 8 WHERE id = 102; CREATE TABLE fresh (id integer PRIMARY KEY);
	INSERT INTO fresh SELECT generate_series(1, 1000); COMMIT));
$t->wait_replayed;
$t->compare_ok('with DDL between the rows of one transaction');
$source->('CREATE TABLE made AS SELECT id, v FROM before WHERE id < 50; ALTER TABLE made ADD PRIMARY KEY (id)');
$source->('DELETE FROM made WHERE id < 5');
$t->wait_replayed;
$t->compare_ok('with CREATE TABLE AS');
$source->(qq(CREATE TABLE "two\n\nlines" (id integer PRIMARY KEY); INSERT INTO "two\n\nlines" VALUES (1); ALTER TABLE "two\n\nlines" ADD COLUMN "a\nb" text; UPDATE "two\n\nlines" SET "a\nb" = 'x'));
$t->wait_replayed;
$t->compare_ok('with a name of several lines');
$source->('SET ROLE app_owner; SET search_path = app; CREATE TABLE mine (id serial PRIMARY KEY, o integer REFERENCES owned);
	INSERT INTO owned VALUES (1, 2); INSERT INTO mine (o) VALUES (1)');
$t->wait_replayed;
$t->compare_ok('under another role and search_path');
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE oid = 'app.mine'::regclass)), 'app_owner', 'which owns it');

# three transactions that wait together are joined, unless there is DDL in one
my $admin = $t->replica_admin;
my ($in, $out) = ("BEGIN; SELECT 'held' FROM ardent.progress FOR UPDATE;\n", '');
my $session = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $admin ], '<', \$in, '>', \$out);
$t->wait_for('the progress row is held', sub { $session->pump_nb; return $out =~ /held/ });
$source->($_) foreach 'INSERT INTO before VALUES (201)', 'BEGIN; INSERT INTO before VALUES (202); ALTER TABLE before ADD COLUMN alone integer; INSERT INTO before VALUES (203); COMMIT',
  'INSERT INTO before VALUES (204)';
$in .= "ROLLBACK;\n\\q\n";
$session->finish;
$t->wait_replayed;
is($t->replica_psql(q(SELECT string_agg(CASE WHEN xmin::text = (SELECT xmin::text FROM before WHERE id = 202) THEN 'with' ELSE 'apart' END, ' ' ORDER BY id) FROM before WHERE id > 200)),
	'apart with with apart', 'a transaction with DDL is a target transaction of its own');
$t->stop_all;
done_testing();
