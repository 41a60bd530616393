# SPDX-License-Identifier: PostgreSQL
# Compares the rows of two databases as multisets of their text, through the roots of partitioned tables.
#
#   my $look = Ardent::Differ::Look->new(sub { SQL -> text of the source }, sub { … of the replica });
#   my @differing = $look->differing(@tables);       tables: { q, … } as Ardent::Differ::Table
#   $look->rows_of($table);                          what differs, for people
#
# A row's text is record_out's: a cast could be a column's name, or code of the table's owner. Columns go by their names: a
# table that inherits may have them in another order than its source.
package Ardent::Differ::Look;
use strict;
use warnings;
use Ardent::Differ::Values;
use Encode qw(encode_utf8);
use JSON::PP;

my $settings = <<'SQL';
SET client_encoding = 'UTF8'; SET search_path = pg_catalog; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmlbinary = 'base64';
SET row_security = off; SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
SQL
sub new { my ($class, $source, $replica) = @_; return bless { source => $source, replica => $replica }, $class; }

sub from { my ($table) = @_; return ($table->{partition} ? '' : 'ONLY ') . $table->{q} . ' AS "the row"'; }

# The text of a row, of each table.
sub texts
{
	my ($self, @tables) = @_;
	my $list = join ', ', map { Ardent::Differ::Values::literal($_->{q}) . '::pg_catalog.regclass' } @tables;
	my $columns = decode_json($self->{source}->(<<"SQL"));
SELECT pg_catalog.json_agg((SELECT pg_catalog.string_agg(pg_catalog.format('"the row".%I', a.attname), ', ' ORDER BY a.attname COLLATE "C")
                              FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = w.o AND a.attnum > 0 AND NOT a.attisdropped) ORDER BY w.i)
  FROM pg_catalog.unnest(ARRAY[$list]) WITH ORDINALITY AS w (o, i);
SQL
	return map { 'pg_catalog.textin(pg_catalog.record_out(ROW(' . encode_utf8($_) . ')))' } @$columns;
}

sub sums
{
	my ($self, $side, @tables) = @_;
	my @text = $self->texts(@tables);
	my $sql = join "\nUNION ALL\n", map {
		"SELECT $_, pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashtextextended($text[$_], 0)::pg_catalog.numeric), 0)"
		  . ' FROM ' . from($tables[$_])
	} 0 .. $#tables;
	my %sum = map { my ($n, $sum) = split /\|/, $_, 2; ($n => $sum) } split /\n/, $self->{$side}->("$settings $sql;");
	return map { $sum{$_} // 'nothing' } 0 .. $#tables;
}

sub differing
{
	my ($self, @tables) = @_;
	my @there = $self->sums('source', @tables);
	my @here = $self->sums('replica', @tables);
	$self->{rows} = 0;
	$self->{rows} += (split /\|/)[0] foreach @there;
	return map { $tables[$_] } grep { $there[$_] ne $here[$_] } 0 .. $#tables;
}

# How many rows the source had at the last look.
sub rows { my ($self) = @_; return $self->{rows}; }

sub rows_of
{
	my ($self, $table) = @_;
	my %count;
	my ($text) = $self->texts($table);
	my $sql = "$settings SELECT pg_catalog.left(pg_catalog.to_json($text)::pg_catalog.text, 300) || ' ' || pg_catalog.md5($text)"
	  . ' FROM ' . from($table) . ';';
	$count{$_}++ foreach split /\n/, $self->{source}->($sql);
	$count{$_}-- foreach split /\n/, $self->{replica}->($sql);
	my @only_source = grep { $count{$_} > 0 } sort keys %count;
	my @only_replica = grep { $count{$_} < 0 } sort keys %count;
	my $show = sub { my ($side, @rows) = @_; return map { "  $side alone: $_\n" } @rows[ 0 .. ($#rows < 4 ? $#rows : 4) ] };
	return sprintf("%s: %d rows are the source's alone, %d the replica's\n", $table->{q}, scalar @only_source, scalar @only_replica)
	  . join '', $show->('source', @only_source), $show->('replica', @only_replica);
}

# Rows of the replica that stand in a leaf whose bounds they are outside of: a scan of the parent counts them, a look-up by key
# does not find them.
sub misplaced
{
	my ($self) = @_;
	return grep { !/\|0$/ } split /\n/, $self->{replica}->("$settings " . <<'SQL');
SELECT pg_catalog.format('SELECT %L, pg_catalog.count(*) FROM ONLY %s WHERE NOT (%s)', c.oid::pg_catalog.regclass, c.oid::pg_catalog.regclass,
       pg_catalog.pg_get_partition_constraintdef(c.oid))
  FROM pg_catalog.pg_class AS c WHERE c.relispartition AND c.relkind = 'r' AND pg_catalog.pg_get_partition_constraintdef(c.oid) IS NOT NULL
\gexec
SQL
}

1;
