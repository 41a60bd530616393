# SPDX-License-Identifier: PostgreSQL
# DDL that gives rows values which are not in the stream: the table is copied again while it and another one are written,
# and ends equal. What the message tells needs no copy.
use strict;
use warnings;
use Ardent::Again;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'copy_again', sql => <<'SQL');
CREATE TABLE hot (id integer PRIMARY KEY, v text);
INSERT INTO hot SELECT g, 'v' || g FROM generate_series(1, 2000) AS g;
CREATE TABLE other (id integer PRIMARY KEY, v text);
INSERT INTO other SELECT g, 'v' || g FROM generate_series(1, 2000) AS g;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE parted (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200);
INSERT INTO parted SELECT g, 'p' FROM generate_series(0, 199) AS g;
CREATE UNLOGGED TABLE loose (id integer PRIMARY KEY, v text);
INSERT INTO loose SELECT g, 'loose' FROM generate_series(1, 500) AS g;
CREATE TABLE child (id integer PRIMARY KEY, parent integer);
CREATE FUNCTION steady_now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now()';
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $writer = start_writer($t, 'hot', 'other');
my $copied = sub { return scalar(() = $t->environment->log_text =~ /a table was copied again/g) };

my $becomes_equal = sub {
	my ($what, $sql, $copies, $compare) = @_;
	my $before = $copied->();
	$source->($sql);
	$t->wait_caught_up(120);
	wait_no_pending($t, $what);
	is($copied->() - $before, $copies, "$what: $copies copies");
	is($t->status, 'streaming', "$what: streaming");
};

# what the message tells
$becomes_equal->('DEFAULT now()', 'ALTER TABLE hot ADD COLUMN since timestamptz DEFAULT now()', 0);
$becomes_equal->('several at once', q(ALTER TABLE hot ADD COLUMN day date NOT NULL DEFAULT current_date - 1,
	ADD COLUMN at timestamp(0) DEFAULT localtimestamp, ADD COLUMN list timestamptz[] DEFAULT ARRAY[now(), NULL],
	ADD COLUMN f float8 DEFAULT extract(epoch FROM now())), 0);
$becomes_equal->('a stable function of its own', 'ALTER TABLE hot ADD COLUMN own timestamptz DEFAULT steady_now()', 0);
$becomes_equal->('a session with settings of its own', q(SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'sql_standard';
	SET extra_float_digits = -3; SET bytea_output = 'escape'; ALTER TABLE hot ADD COLUMN z1 timestamptz DEFAULT now(),
	ADD COLUMN z2 float8 DEFAULT extract(epoch FROM now()) / 3, ADD COLUMN z3 interval DEFAULT now() - '2020-01-01',
	ADD COLUMN z4 bytea DEFAULT convert_to(E'\\\\ ' || now()::text, 'UTF8')), 0);
$becomes_equal->('partitions', 'ALTER TABLE parted ADD COLUMN since timestamptz DEFAULT now()', 0);
is($t->replica_psql('SELECT count(DISTINCT since) FROM parted'), 1, 'with one value');

# what is copied
$becomes_equal->('a volatile default', 'ALTER TABLE hot ADD COLUMN token uuid DEFAULT gen_random_uuid()', 1);
$becomes_equal->('now() in a table that is written anew', q(ALTER TABLE hot ADD COLUMN s2 timestamptz DEFAULT now(),
	ADD COLUMN twice text GENERATED ALWAYS AS (v || v) STORED), 1);
$source->(q(CREATE FUNCTION local_day(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT $1::date'));
$becomes_equal->('a generated column by a function of its own', q(SET timezone = 'Pacific/Kiritimati';
	ALTER TABLE hot ADD COLUMN local date GENERATED ALWAYS AS (local_day(since)) STORED), 1);
$becomes_equal->('such a one in a table that is written anew', q(SET timezone = 'Pacific/Pago_Pago';
	ALTER TABLE hot ALTER COLUMN id TYPE bigint), 1);
$becomes_equal->('and without it', 'ALTER TABLE hot DROP COLUMN local', 0);
$becomes_equal->('an identity column', 'ALTER TABLE hot ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY', 1);
$becomes_equal->('a serial column', 'ALTER TABLE hot ADD COLUMN m bigserial', 1);
$becomes_equal->('ALTER TYPE USING random()', 'ALTER TABLE hot ADD COLUMN r text; ALTER TABLE hot ALTER COLUMN r TYPE double precision USING random()', 1);
$becomes_equal->('ALTER TYPE USING clock_timestamp()',
	q(ALTER TABLE hot ADD COLUMN c text; ALTER TABLE hot ALTER COLUMN c TYPE timestamptz USING clock_timestamp()), 1);
$becomes_equal->('SET LOGGED', 'ALTER TABLE loose SET LOGGED', 1);
is($t->replica_psql('SELECT count(*) FROM loose'), 500, 'with its rows');
$becomes_equal->('partitions with a volatile default', 'ALTER TABLE parted ADD COLUMN token uuid DEFAULT gen_random_uuid()', 2);
# a table that another one refers to, and one that refers
$source->('INSERT INTO child SELECT id, id FROM loose; ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES loose');
$becomes_equal->('a referenced table', 'ALTER TABLE loose ADD COLUMN x float8 DEFAULT random()', 1);
$becomes_equal->('a referring table', 'ALTER TABLE child ADD COLUMN x float8 DEFAULT random()', 1);
# two in one transaction, with rows before, between and behind
$becomes_equal->('several tables in one transaction', q(BEGIN; INSERT INTO hot (id, v) VALUES (5001, 'before');
	ALTER TABLE hot ADD COLUMN y1 float8 DEFAULT random(); UPDATE hot SET v = 'between' WHERE id = 5001;
	INSERT INTO other (id, v) VALUES (5001, 'o'); ALTER TABLE other ADD COLUMN y2 float8 DEFAULT random();
	INSERT INTO hot (id, v) VALUES (5002, 'behind'); DELETE FROM other WHERE id = 5001; COMMIT), 2);

stop_writer($writer);
$t->wait_caught_up(120);
wait_no_pending($t, 'at the end');
$t->compare_ok('after all of them, written to all the time');
is($t->replica_psql('SELECT count(*) FROM ardent.held'), 0, 'no change is held');
is($t->agent->log_text =~ /ERROR|"error"/ ? 'errors' : '', '', 'the agent has met no error');
my ($code, $metrics) = (0, $t->http('GET', '/metrics')->{content});
like($metrics, qr/^ardent_tables_copied_again\{[^}]*\} 0$/m, 'the metrics say that none is pending');
$t->stop_all;
done_testing();
