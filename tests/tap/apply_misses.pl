# SPDX-License-Identifier: PostgreSQL
# Invariant 8, inside: whichever statement carries it, a change that does not fit the replica is told with LSN, table
# and key, nothing of its transaction stays, and after the row was mended the same segments go through.
use strict;
use warnings;
use Ardent::Apply;
use IPC::Run;
use Test::More;

my $t = Ardent::Apply->new(name => 'misses', setup => <<'SQL');
CREATE TABLE item (id integer, b bytea, v text, PRIMARY KEY (id, b));
INSERT INTO item SELECT g, '\x00', 'v' FROM generate_series(1, 1000) AS g;
CREATE TABLE bare (n integer, v text);
ALTER TABLE bare REPLICA IDENTITY FULL;
INSERT INTO bare VALUES (1, 'one'), (1, 'one');
CREATE TABLE loose (k numeric PRIMARY KEY, v text);
INSERT INTO loose VALUES (1.0, 'a'), (2, 'b');
CREATE TABLE always (id integer PRIMARY KEY, g integer GENERATED ALWAYS AS IDENTITY, v text);
INSERT INTO always SELECT g FROM generate_series(1, 20) AS g;
CREATE TABLE exact (id integer PRIMARY KEY, f double precision NOT NULL);
SQL

# The change runs at the source; the damage before it in the replica. The failure says $like and $table.
sub refused
{
	my ($what, $damage, $change, $mend, $table, $like) = @_;
	my $before = $t->position;
	$t->replica($damage);
	my $damaged = $t->sums('rep');
	$t->source($change);
	my $file = $t->segments;
	my ($exit, $output) = $t->apply($file);
	is($exit, 1, "$what is a failure");
	like($output, qr/^failure: .*$like/m, "$what: names it");
	like($output, qr/^table: public\.$table$/m, "$what: and the table");
	like($output, qr{^lsn: [0-9A-F]+/[0-9A-F]+$}m, "$what: and the LSN");
	like($output, qr/^hint: ./m, "$what: and what to do");
	is($t->position, $before, "$what: the position stays");
	is($t->sums('rep'), $damaged, "$what: nothing of the transaction stays");
	return unless defined $mend;
	$t->replica($mend);
	$t->applied_ok($file, "$what: mended, it goes on");
	$t->equal_ok($what);
	return;
}

my $row = q(INSERT INTO item VALUES (77, '\x00', 'v'));
refused('an UPDATE of one row', 'DELETE FROM item WHERE id = 77', q(UPDATE item SET v = 'w' WHERE id = 77), $row,
	'item', qr/UPDATE.*\(id, b\) = \(77, \\x00\)/);
refused('an UPDATE of many rows', 'DELETE FROM item WHERE id = 77', q(UPDATE item SET v = v || 'x'), $row =~ s/'v'/'w'/r,
	'item', qr/UPDATE.*\(id, b\) = \(77, \\x00\)/);
refused('a DELETE of one row', 'DELETE FROM item WHERE id = 78', q(DELETE FROM item WHERE id = 78),
	q(INSERT INTO item VALUES (78, '\x00', '')), 'item', qr/DELETE.*\(id, b\) = \(78, \\x00\)/);
refused('a DELETE of many rows', 'DELETE FROM item WHERE id = 79', q(DELETE FROM item WHERE id < 500),
	q(INSERT INTO item VALUES (79, '\x00', '')), 'item', qr/DELETE.*\(id, b\) = \(79, \\x00\)/);
refused('a changed key', 'DELETE FROM item WHERE id = 600', 'UPDATE item SET id = 6000 WHERE id = 600',
	q(INSERT INTO item VALUES (600, '\x00', 'vx')), 'item', qr/UPDATE.*\(id, b\) = \(600, \\x00\)/);
refused('an INSERT of a row that is there', q(INSERT INTO item VALUES (5000, '\x00', '')), q(INSERT INTO item VALUES (5000, '\x00', 'n')),
	'DELETE FROM item WHERE id = 5000', 'item', qr/duplicate key.*5000/);
refused('an INSERT of many rows, one of them there', q(INSERT INTO item VALUES (7050, '\x00', '')),
	q(INSERT INTO item SELECT g, '\x00', 'n' FROM generate_series(7000, 7100) AS g),
	'DELETE FROM item WHERE id = 7050', 'item', qr/duplicate key.*7050/);
refused('an UPDATE without a key', q(UPDATE bare SET v = 'other'), q(UPDATE bare SET v = 'new' WHERE ctid = '(0,1)'),
	q(UPDATE bare SET v = 'one'), 'bare', qr/UPDATE.*\(n, v\) = \(1, one\)/);
refused('a DELETE without a key', q(UPDATE bare SET v = 'other'), q(DELETE FROM bare WHERE v = 'one'),
	q(UPDATE bare SET v = CASE WHEN ctid = (SELECT min(ctid) FROM bare) THEN 'one' ELSE 'new' END), 'bare', qr/DELETE.*\(n, v\) = \(1, one\)/);
refused('an UPDATE by a key with more than one text', 'DELETE FROM loose WHERE k = 1', q(UPDATE loose SET v = 'z' WHERE k = 1),
	q(INSERT INTO loose VALUES (1.0, 'a')), 'loose', qr/UPDATE.*\(k\) = \(1\.0\)/);
$t->source('UPDATE always SET g = DEFAULT');
$t->applied_ok($t->segments, 'new values of an identity column are no failure');
$t->equal_ok('new values of an identity column');

my $u = Ardent::Apply->new(name => 'unfit', setup => <<'SQL');
CREATE TABLE exact (id integer PRIMARY KEY, f double precision NOT NULL, n numeric);
CREATE TABLE wider (id integer PRIMARY KEY, v text);
SQL
$t = $u;
refused('NaN in a column that cannot be null', 'SELECT', q(INSERT INTO exact VALUES (1, 'NaN')), undef, 'exact', qr/column f.*NaN/);
$t = Ardent::Apply->new(name => 'columns', setup => 'CREATE TABLE wider (id integer PRIMARY KEY, v text)');
refused('a column that the replica lacks', 'SELECT', q(ALTER TABLE wider ADD COLUMN n integer; INSERT INTO wider VALUES (1, 'a', 2)),
	'ALTER TABLE wider ADD COLUMN n integer', 'wider', qr/no column n/);
refused('a column that the source lacks', 'ALTER TABLE wider ADD COLUMN m integer', q(INSERT INTO wider VALUES (2, 'a', 2)),
	'ALTER TABLE wider DROP COLUMN m', 'wider', qr/column m/);
refused('a table that the replica lacks', 'SELECT', 'CREATE TABLE late (n integer); INSERT INTO late VALUES (1)',
	'CREATE TABLE late (n integer); ALTER TABLE late OWNER TO owner', 'late', qr/no table/);

# The worker lives on after a failure; its session and the transaction's locks do not.
$t->replica('DELETE FROM wider WHERE id = 1');
$t->source(q(BEGIN; INSERT INTO late SELECT generate_series(1, 100000); UPDATE wider SET v = 'b' WHERE id = 1; COMMIT));
my ($input, $output) = ('', '');
my $held = IPC::Run::start([ "$ENV{ARDENT_BIN}/apply_driver", $t->apply_command($t->segments), 'held' ],
	'<', \$input, '>&', \$output, IPC::Run::timeout(60));
$held->pump until $output =~ /^lsn: /m;
like($output, qr/^failure: .*UPDATE of public\.wider/m, 'a failure behind many rows');
ok($t->{node}->poll_query_until('rep', q(SELECT NOT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE a.application_name = 'ardent apply'))), 'and the locks of what came before it are gone');
ok($held->pumpable, 'while the worker is still there');
$held->finish;
done_testing();
