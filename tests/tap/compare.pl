# SPDX-License-Identifier: PostgreSQL
# scripts/compare sees each kind of difference in rows, names the rows, takes nothing for a difference that is none, and runs
# nothing that a table's owner wrote. The schema: compare_schema.pl.
use strict;
use warnings;
use Ardent::Compare;
use Test::More;

# a table as it is printed
sub printed
{
	my ($name) = @_;
	my $quoted = $name =~ /^[a-z_][a-z0-9_]*$/ ? $name : quoted($name);
	return 'public.' . ($quoted =~ s/\\/\\\\/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr);
}

# What differs in one table each: its name, columns, rows, what is done to it in the replica, and which rows are named as the
# source's and as the replica's (rows that are there more often with their counts).
my @kinds = (
	[ 'plain', 'id integer, v text', q((1, 'a'), (2, 'b')), q(UPDATE %s SET v = 'x' WHERE id = 2), ['(2,b)'], ['(2,x)'] ],
	[ 'with_t', 'id integer, t text', q((1, 'a'), (2, 'a')), 'UPDATE %s SET id = 100 WHERE id = 1', ['(1,a)'], ['(100,a)'] ],
	[ 'row missing', 'id integer', '(1), (2)', 'DELETE FROM %s WHERE id = 2', ['(2)'], [] ],
	[ 'row more', 'id integer', '(1)', 'INSERT INTO %s VALUES (2)', [], ['(2)'] ],
	[ 'duplicates', 'id integer', '(1), (1), (2)', 'DELETE FROM %s WHERE id = 2; INSERT INTO %1$s VALUES (1)', ['(2)'], ['2 3 (1)'] ],
	[ 'another duplicate', 'id integer', '(1), (1), (2)', 'DELETE FROM %s; INSERT INTO %1$s VALUES (1), (2), (2)', ['2 1 (1)'], ['1 2 (2)'] ],
	[ 'nothing and empty', 'id integer, v text', q((1, NULL)), q(UPDATE %s SET v = ''), ['(1,)'], ['(1,"")'] ],
	[ 'bytea', 'v bytea', q(('\x00ff')), q(UPDATE %s SET v = '\x00fe'), ['("\\\\\\\\x00ff")'], ['("\\\\\\\\x00fe")'] ],
	[ 'zero', 'v double precision', q(('0')), q(UPDATE %s SET v = '-0'), ['(0)'], ['(-0)'] ],
	[ 'last digit', 'v double precision', q(('0.1')), q(UPDATE %s SET v = '0.10000000000000002'), ['(0.1)'], ['(0.10000000000000002)'] ],
	[ 'json text', 'v json', q(('{"a":1}')), q(UPDATE %s SET v = '{"a": 1}'), ['("{""a"":1}")'], ['("{""a"": 1}")'] ],
	[ 'jsonb', 'v jsonb', q(('{"a":1}')), q(UPDATE %s SET v = '{"a":1.0}'), ['("{""a"": 1}")'], ['("{""a"": 1.0}")'] ],
	[ 'scale', 'v numeric', '(1.0)', 'UPDATE %s SET v = 1.00', ['(1.0)'], ['(1.00)'] ],
	[ 'not a number', 'v numeric', q(('NaN')), 'UPDATE %s SET v = NULL', ['(NaN)'], ['()'] ],
	[ 'padding', 'v bpchar', q(('a ')), q(UPDATE %s SET v = 'a'), ['("a ")'], ['(a)'] ],
	[ 'a timestamp', 'v timestamp', q(('2026-01-01 00:00:00.000001')), q(UPDATE %s SET v = '2026-01-01'),
		['("2026-01-01 00:00:00.000001")'], ['("2026-01-01 00:00:00")'] ],
	[ 'timestamptz', 'v timestamptz', q(('2026-01-01 00:00+00')), q(UPDATE %s SET v = 'infinity'), ['("2026-01-01 00:00:00+00")'], ['(infinity)'] ],
	[ 'an interval', 'v interval', q(('1 day')), q(UPDATE %s SET v = '24 hours'), ['("1 day")'], ['(24:00:00)'] ],
	[ 'array bounds', 'v integer[]', q(('[2:2]={1}')), q(UPDATE %s SET v = '{1}'), ['([2:2]={1})'], ['({1})'] ],
	[ 'composite', 'v pair', q((ROW(1, NULL))), q(UPDATE %s SET v = NULL), ['("(1,)")'], ['()'] ],
	[ 'enum', 'v mood', q(('low')), q(UPDATE %s SET v = 'high'), ['(low)'], ['(high)'] ],
	[ 'range', 'v int4range', q((int4range(1, 5))), q(UPDATE %s SET v = int4range(1, 6)), ['("[1,5)")'], ['("[1,6)")'] ],
	[ 'stored', 'v integer, g integer GENERATED ALWAYS AS (shifted(v)) STORED', '(1)', 'CREATE OR REPLACE FUNCTION shifted(integer) RETURNS integer'
		. " LANGUAGE sql IMMUTABLE AS 'SELECT \$1 + 2'; UPDATE %s SET v = v; CREATE OR REPLACE FUNCTION shifted(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT \$1 + 1'",
		['(1,2)'], ['(1,3)'], 'v' ],
	[ 'line breaks', 'v text', q((E'a\nb\tc\\\\')), q(UPDATE %s SET v = E'a\nb\tc'), ['("a\nb\tc\\\\\\\\")'], ['("a\nb\tc")'] ],
	[ "two\n\nlines", 'id integer', '(1)', 'UPDATE %s SET id = 2', ['(1)'], ['(2)'] ],
	[ "tab\t, pipe |, 'quote', \"double\", \\, %s, \$1, :x", 'id integer', '(1)', 'UPDATE %s SET id = 2', ['(1)'], ['(2)'] ],
	[ 'columns', join(', ', map { quoted($_) . ' integer' } qw(r q p h t n a c list number wanted columns tables record_out textin count row),
		'a"b', "new\nline", '*', '%s', '$1', ':x', 'public.columns'), '(' . join(', ', 1 .. 24) . ')', 'UPDATE %s SET p = 0',
		[ '(' . join(',', 1 .. 24) . ')' ], [ '(1,2,0,' . join(',', 4 .. 24) . ')' ] ],
	[ 'no columns', '', undef, 'INSERT INTO %s DEFAULT VALUES', [], ['()'] ],
	[ 'wide', join(', ', map { "c$_ integer" } 1 .. 1600), '(1)', 'UPDATE %s SET c1600 = 5', [qr/^\(1,,+\.\.\. \(1602 characters, hash [0-9a-f]+\)$/],
		[qr/^\(1,,+\.\.\. \(1603 characters, hash [0-9a-f]+\)$/] ],
	[ 'long', 'v text', q((repeat('long', 100000))), q(UPDATE %s SET v = v || '!'), [qr/^\((?:long)+lon\.\.\. \(400002 characters, hash [0-9a-f]+\)$/],
		[qr/^\((?:long)+lon\.\.\. \(400003 characters, hash [0-9a-f]+\)$/] ],
	[ 'many', 'id integer, v text', undef, q(UPDATE %s SET v = v || 'x' WHERE id = 23456; DELETE FROM %1$s WHERE id = 7; INSERT INTO %1$s VALUES (0, 'new')),
		[ '(7,v7)', '(23456,v23456)' ], [ '(0,new)', '(23456,v23456x)' ] ],
	[ 'all rows', 'id integer, v text', undef, 'UPDATE %s SET id = -id', [ (qr/^\(\d+,v\d+\)$/) x 3 ], [ (qr/^\(-\d+,v\d+\)$/) x 3 ] ],
);
my $setup = <<'SQL';
CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE pair AS (x integer, y text);
CREATE FUNCTION shifted(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE SCHEMA parts; CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.own (id integer); INSERT INTO elsewhere.own VALUES (1);
CREATE TABLE leafy (id integer, v text) PARTITION BY LIST (id);
CREATE TABLE leafy_1 PARTITION OF leafy FOR VALUES IN (1);
CREATE TABLE leafy_2 (v text, gone integer, id integer); ALTER TABLE leafy_2 DROP COLUMN gone; ALTER TABLE leafy ATTACH PARTITION leafy_2 FOR VALUES IN (2, 3);
INSERT INTO leafy VALUES (1, 'one'), (2, 'two');
CREATE TABLE moved (id integer, v text) PARTITION BY LIST (id);
CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (1); CREATE TABLE moved_2 PARTITION OF moved FOR VALUES IN (2);
INSERT INTO moved VALUES (1, 'one'), (2, 'two');
CREATE TABLE deep (id integer, v text) PARTITION BY LIST (id);
CREATE TABLE deep_1 PARTITION OF deep FOR VALUES IN (1, 2) PARTITION BY LIST (id); CREATE TABLE parts.deep_11 PARTITION OF deep_1 FOR VALUES IN (1);
INSERT INTO deep VALUES (1, 'elsewhere');
CREATE TABLE detached (id integer) PARTITION BY LIST (id); CREATE TABLE detached_1 PARTITION OF detached FOR VALUES IN (1); INSERT INTO detached VALUES (1);
CREATE TABLE empty_root (id integer) PARTITION BY LIST (id); CREATE TABLE dropped_root (id integer) PARTITION BY LIST (id);
CREATE TABLE parent (id integer); CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 'a');
CREATE TABLE absent (id integer); CREATE UNLOGGED TABLE unlogged (id integer); CREATE SEQUENCE counter; CREATE MATERIALIZED VIEW summed AS SELECT 1 AS n;
INSERT INTO unlogged VALUES (1);
SQL
my $change = <<'SQL';
UPDATE leafy SET v = 'other' WHERE id = 2;
DROP TABLE moved_1, moved_2; CREATE TABLE moved_2 PARTITION OF moved FOR VALUES IN (1); CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (2);
INSERT INTO moved VALUES (1, 'one'), (2, 'two');
DELETE FROM parts.deep_11;
ALTER TABLE detached DETACH PARTITION detached_1; DROP TABLE dropped_root;
UPDATE child SET more = 'b';
DROP TABLE absent; CREATE TABLE surplus (id integer); DELETE FROM unlogged; SELECT setval('counter', 100);
DELETE FROM elsewhere.own;
SQL
foreach my $kind (@kinds)
{
	my ($name, $columns, $rows, $sql, undef, undef, $into) = @$kind;
	my $table = quoted($name);
	$setup .= "CREATE TABLE $table ($columns);\n";
	$setup .= "INSERT INTO $table " . ($into ? "($into) " : '') . "VALUES $rows;\n" if defined $rows;
	$setup .= "INSERT INTO $table SELECT g, 'v' || g FROM generate_series(1, 30000) AS g;\n" if $columns eq 'id integer, v text' && !defined $rows;
	$change .= sprintf("$sql;\n", $table);
}

my $servers = Ardent::Compare->new;
$servers->make('source', $setup);
$servers->make('replica', '', 'source');

# equal
my ($exit, $said, $err) = $servers->compare('source', 'replica');
is($exit, 0, 'a copy is equal') or diag($said, $err);
my $tables = @kinds + 9;
like($said, qr/^replica equals source: $tables tables, 60\d\d\d rows\n\z/m, 'which is the last line');
like($said, qr/^  schema: \d\d+ definitions, equal$/m, 'the schemas are equal');
unlike($said, qr/DIFFERENT|MISSING|differ|missing in/, 'no difference is named');
is($err, '', 'nobody is warned');
like($said, qr/^  public\.summed +materialized view: computed in the replica, not compared$/m, 'a materialized view is named');
unlike($said, qr/unlogged|elsewhere/, 'unlogged tables and other schemas are not looked at');

# each table's row order, and what only a heap knows, is nothing
$servers->sql('replica', 'UPDATE plain SET v = v; UPDATE leafy SET v = v; VACUUM FULL');
($exit, $said) = $servers->compare('source', 'replica');
is($exit, 0, 'the order of rows is no difference') or diag($said);

# different
$servers->sql('replica', $change);
($exit, $said, $err) = $servers->compare('source', 'replica', '--rows-only');
is($exit, 1, 'differences are an exit status');
is($err, '', 'and no error');
my %found = $servers->tables($said);
my %expected = (
	(map { printed($_->[0]) => 'DIFFERENT' } @kinds), 'public.leafy' => 'DIFFERENT', 'public.leafy_2' => 'different',
	'public.moved' => 'equal, rows lie in other partitions', 'public.deep' => 'DIFFERENT', 'parts.deep_11' => 'different',
	'public.detached' => 'DIFFERENT', 'public.detached_1' => 'missing in the replica; MISSING in the source', 'public.empty_root' => 'equal',
	'public.dropped_root' => 'MISSING in the replica', 'public.parent' => 'equal', 'public.child' => 'DIFFERENT',
	'public.absent' => 'MISSING in the replica', 'public.surplus' => 'MISSING in the source');
is_deeply(\%found, \%expected, 'each kind of difference is found, and no other') or diag($said);
like($said, qr/^replica differs from source: \d+ of \d+ tables\n\z/m, 'which is the last line');

# the rows of each: ten tables at a time are shown, so the rest is made equal
my %samples;
for (my @left = @kinds; @left; splice @left, 0, 8)
{
	$servers->make('few', '', 'source');
	$servers->sql('few', join '', map { sprintf("$_->[3];\n", quoted($_->[0])) } @left[0 .. ($#left < 7 ? $#left : 7)]);
	(undef, $said) = $servers->compare('source', 'few', '--rows-only');
	%samples = (%samples, $servers->samples($said));
}
foreach my $kind (@kinds)
{
	my ($name, undef, undef, undef, @rows) = @$kind;
	my $table = printed($name);
	foreach my $side (0, 1)
	{
		my @got = sort @{ $samples{$table}[$side] // [] };
		my @wanted = ref $rows[$side][0] ? @{ $rows[$side] } : sort map { s/\n/\\n/gr =~ s/\t/\\t/gr } @{ $rows[$side] };
		my $same = @got == @wanted && !grep { ref $wanted[$_] ? $got[$_] !~ $wanted[$_] : $got[$_] ne $wanted[$_] } 0 .. $#wanted;
		ok($same, "$table: the rows of the " . ($side ? 'replica' : 'source')) or diag(explain({ got => \@got, wanted => \@wanted }));
	}
}

# schemas with odd names
my $odd = "o\"dd, 'schema'\n\\";
my $table = quoted($odd) . '.x';
$servers->make('odd', 'CREATE SCHEMA ' . quoted($odd) . "; CREATE TABLE $table (id integer); INSERT INTO $table VALUES (1)");
$servers->make('odd2', '', 'odd');
($exit, $said) = $servers->compare('odd', 'odd2', '--', 'public', $odd);
like($said, qr/^replica equals source: 1 tables, 1 rows$/m, 'a schema with an odd name is compared') or diag($said);
$servers->sql('odd2', "UPDATE $table SET id = 2; CREATE INDEX i ON $table (id)");
($exit, $said) = $servers->compare('odd', 'odd2', '--', 'public', $odd);
like($said, qr/^replica differs from source: 1 of 1 tables, 1 of \d+ definitions$/m, 'and its differences are seen') or diag($said);
($exit, $said) = $servers->compare('odd', 'odd2', '--', 'public');
is($exit, 1, 'a comparison of no tables does not pass');
like($said, qr/^no tables to compare$/m, 'and says so');

# bytes that are no text
$servers->make('bytes', "SET client_encoding = SQL_ASCII; CREATE TABLE b (v text); INSERT INTO b VALUES (E'\\xff\\xe9'), (E'\\xc3')", undef,
	"TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
$servers->make('bytes2', '', 'bytes');
($exit, $said) = $servers->compare('bytes', 'bytes2');
is($exit, 0, 'bytes that are no text are compared') or diag($said);
$servers->sql('bytes2', q(UPDATE b SET v = E'\xfe' WHERE v = E'\xc3'));
($exit, $said) = $servers->compare('bytes', 'bytes2');
like($said, qr/only in the source: \(\xc3\)\n.*only in the replica: \(\xfe\)\n/, 'and shown') or diag($said);

# virtual generated columns store nothing
SKIP:
{
	skip 'no virtual generated columns before 18', 2 if $servers->version < 180000;
	$servers->make('virtual', 'CREATE TABLE v (a integer, b integer GENERATED ALWAYS AS (1 / a) VIRTUAL); INSERT INTO v VALUES (0), (1)');
	$servers->make('virtual2', 'UPDATE v SET a = 2 WHERE a = 1', 'virtual');
	($exit, $said) = $servers->compare('virtual', 'virtual2');
	like($said, qr/^  public\.v +not compared, computed when read: b$/m, 'a virtual generated column is named');
	like($said, qr/only in the source: \(1\)\n.*only in the replica: \(2\)\n/, 'and not computed') or diag($said);
}
done_testing();
