# SPDX-License-Identifier: PostgreSQL
# Random statements. Each is { kind, tables, lines => [ { sql, main => it changes rows }, … ] }; what has `steps` uses variables of psql
# and cannot stand inside a DO block.
package Ardent::Differ::Statements;
use strict;
use warnings;
use Ardent::Differ::Values qw(literal name);

sub row_of
{
	my ($table, $dice, @columns) = @_;
	return '(' . join(', ', map { $table->value($_, $dice) } @columns) . ')';
}

# The columns that an INSERT names: identity is left to the table mostly, what may be empty or has a default sometimes.
sub insert_columns
{
	my ($table, $dice, $all) = @_;
	my $overriding = '';
	my @columns;
	foreach my $c ($table->writable)
	{
		if ($c->{identity})
		{
			next unless $all || $dice->chance(0.3);
			$overriding = ' OVERRIDING SYSTEM VALUE' if $c->{identity} eq 'ALWAYS';
		}
		next if !$all && !$c->{not_null} && !$c->{partition} && !$c->{never_null} && $dice->chance(0.1);
		push @columns, $c;
	}
	return (\@columns, $overriding);
}

sub names { my (@columns) = @_; return join ', ', map { $_->{q} } @columns; }

sub insert
{
	my ($table, $dice, $n, $into) = @_;
	my ($columns, $overriding) = insert_columns($table, $dice);
	$into //= $table->{q};
	return "INSERT INTO $into DEFAULT VALUES" unless @$columns;
	return "INSERT INTO $into (" . names(@$columns) . ")$overriding VALUES " . join(', ', map { row_of($table, $dice, @$columns) } 1 .. $n);
}

# Rows that are there before the copy, with values of before (`old_value`).
sub first_rows
{
	my ($table, $dice) = @_;
	my ($columns) = insert_columns($table, $dice, 1);
	my @columns = grep { !$_->{identity} } @$columns;
	my @lines = grep { !/^RESET|^DELETE/ } @{ $table->{before_write} };
	push @lines, map {
		'DO $do$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO ' . "$table->{q} (" . names(@columns) . ') VALUES ('
		  . join(', ', map { $_->{old_value} ? $_->{old_value}->($dice) : $table->value($_, $dice) } @columns)
		  . '); EXCEPTION WHEN OTHERS THEN NULL; END $do$';
	} 1 .. 4;
	return map { "$_;" } @lines, grep { /^RESET/ } @{ $table->{after_write} };
}

# Kinds of statements: weight; since; fits(table); also(table): the other tables; make(table, dice): lines; steps.
my %kinds = (
	insert_one  => { weight => 8, make => sub { my ($t, $d) = @_; return insert($t, $d, 1) } },
	insert_many => { weight => 6, make => sub { my ($t, $d) = @_; return insert($t, $d, $d->between(2, 12)) } },
	copy_rows   => { weight => 3, steps => 1, make => \&copy_rows },
	update_some => { weight => 12, fits => \&updatable, make => \&update_some },
	update_same => { weight => 2, fits => \&updatable, make => sub {
		my ($t, $d) = @_;
		my @c = $t->payload or return;
		my $c = $d->pick(@c);
		return if $c->{identity};
		return "UPDATE $t->{q} SET $c->{q} = $c->{q} WHERE " . $t->chosen($d->between(1, 5), $d->hex(4));
	} },
	update_default => { weight => 4, fits => sub { updatable(@_) && grep { $_->{identity} } @{ $_[0]{columns} } }, make => sub {
		my ($t, $d) = @_;
		my ($c) = grep { $_->{identity} } @{ $t->{columns} };
		return "UPDATE $t->{q} SET $c->{q} = DEFAULT WHERE " . $t->chosen($d->between(1, 3), $d->hex(4));
	} },
	key_move  => { weight => 4, fits => \&keyed, make => \&key_move },
	key_shift => { weight => 2, fits => \&shiftable, make => \&key_shift },
	key_equal => { weight => 4, fits => sub { updatable(@_) && variants($_[0]) }, make => \&key_equal },
	swap      => { weight => 3, fits => sub { updatable(@_) && swappable($_[0]) }, make => \&swap },
	swap_steps => { weight => 3, fits => \&keyed, steps => 1, make => \&swap_steps },
	repeated  => { weight => 3, fits => \&keyed, steps => 1, make => \&repeated },
	delete_some => { weight => 5, fits => \&updatable, make => sub {
		my ($t, $d) = @_;
		return "DELETE FROM $t->{q} WHERE " . $t->chosen($d->between(1, 6), $d->hex(4));
	} },
	delete_all => { weight => 0.4, fits => \&updatable, make => sub { my ($t) = @_; return "DELETE FROM $t->{q}" } },
	replace   => { weight => 4, fits => \&updatable, make => \&replace },
	upsert    => { weight => 4, fits => sub { keyed(@_) && $_[0]->arbiter }, make => \&upsert },
	duplicate => { weight => 5, fits => sub { $_[0]{identity} =~ /^(?:full|no_key)$/ }, make => sub {
		my ($t, $d) = @_;
		my $list = names(grep { !$_->{identity} } $t->writable);
		return "INSERT INTO $t->{q} ($list) SELECT $list FROM $t->{q} WHERE " . $t->chosen($d->between(1, 4), $d->hex(4));
	} },
	upsert_nothing => { weight => 1, make => sub { my ($t, $d) = @_; return insert($t, $d, 3) . ' ON CONFLICT DO NOTHING' } },
	merge     => { weight => 2, since => 15, fits => sub { keyed(@_) && !$_[0]{has}{rule} }, make => \&merge },
	partition_move => { weight => 8, fits => sub { updatable(@_) && $_[0]{partition} }, make => sub {
		my ($t, $d) = @_;
		return "UPDATE $t->{q} SET $t->{part}{q} = " . $t->{part}{value}->($d) . ' WHERE ' . $t->chosen($d->between(1, 4), $d->hex(4));
	} },
	leaf_write => { weight => 4, fits => sub { $_[0]{partition} }, make => \&leaf_write },
	truncate  => { weight => 0.6, make => sub {
		my ($t, $d) = @_;
		return "TRUNCATE $t->{q}" . $d->pick('', '', ' RESTART IDENTITY', ' CASCADE');
	} },
	truncate_many => { weight => 0.5, fits => sub { $_[0]{neighbour} }, also => sub { return $_[0]{neighbour} }, make => sub {
		my ($t, $d) = @_;
		return (insert($t->{neighbour}, $d, 2), "TRUNCATE $t->{q}, $t->{neighbour}{q} CASCADE", insert($t, $d, 2));
	} },
	truncate_refill => { weight => 0.8, make => \&truncate_refill },
	truncate_leaf => { weight => 1, fits => sub { $_[0]{partition} }, make => sub {
		my ($t, $d) = @_;
		return 'TRUNCATE ' . $d->pick(@{ $t->{leaves} })->{q};
	} },
	truncate_as_replica => { weight => 0.3, make => sub {
		my ($t) = @_;
		return ('SET session_replication_role = replica', "TRUNCATE $t->{q}", 'RESET session_replication_role');
	} },
	truncate_unlogged => { weight => 6, also => sub { return @{ $_[0]{referrers} } }, fits => sub { $_[0]{unlogged} }, make => sub {
		my ($t, $d) = @_;
		return ("INSERT INTO public.visits (visited) SELECT f.$t->{key}[0]{q} FROM $t->{q} AS f", insert($t->{referrers}[0], $d, 2),
			"TRUNCATE $t->{q} CASCADE", insert($t, $d, 3));
	} },
	unlogged  => { weight => 4, fits => sub { $_[0]{unlogged} }, make => sub {
		my ($t, $d) = @_;
		return ("INSERT INTO public.scratch VALUES (1, 'beside')", insert($t, $d, 1), 'DELETE FROM public.scratch');
	} },
	orphan    => { weight => 4, fits => sub { $_[0]{parent} }, make => sub {
		my ($t, $d) = @_;
		return ('SET session_replication_role = replica', referring($t, $d, 2_000_000_000 + $d->below(100_000_000)), 'RESET session_replication_role');
	} },
	child_first => { weight => 6, fits => sub { $_[0]{deferred} }, also => sub { return $_[0]{parent} }, make => sub {
		my ($t, $d) = @_;
		my $k = $d->below(1_000_000_000);
		return (referring($t, $d, $k), insert_with($t->{parent}, $d, $t->{parent}{key}[0], $k));
	} },
	grow      => { weight => 0.4, make => \&grow },
);

our %features = map { $_ => $kinds{$_}{since} // 0 } keys %kinds;

sub updatable { my ($t) = @_; return $t->{updatable}; }
sub keyed     { my ($t) = @_; return $t->{updatable} && @{ $t->{key} } && !grep { defined $_->{generated} } @{ $t->{key} }; }
sub shiftable { my ($t) = @_; return keyed($t) && grep { $_->{type} && $_->{type}{name} eq 'integer' && !$_->{partition} } @{ $t->{key} }; }
sub variants  { my ($t) = @_; return grep { $_->{type} && $_->{type}{variant} && !defined $_->{generated} } @{ $t->{columns} }; }
sub cast_of   { my ($c) = @_; return ($c->{type} && $c->{type}{cast}) // $c->{sql}; }

# Columns of which two rows may have each other's value in one statement.
sub swappable
{
	my ($t) = @_;
	my $late = $t->{identity} eq 'deferrable_key_full';
	return grep { $_->{deferrable} || ($late && $_->{key} && !$_->{partition}) } @{ $t->{columns} };
}

# A value whose type is known without the column.
sub typed { my ($t, $d, $c) = @_; my $v = $t->value($c, $d); return ($v eq 'NULL' ? $v : "($v)") . '::' . cast_of($c); }

sub copy_rows
{
	my ($t, $d) = @_;
	my ($columns) = insert_columns($t, $d);
	return unless @$columns;
	my $file = literal("$t->{folder}/rows");
	my $format = $d->pick('text', 'csv', 'binary');
	# a server that has no rights on the file's folder would fail here, and the run would say so
	my @rows = map { '(' . join(', ', map { typed($t, $d, $_) } @$columns) . ')' } 1 .. $d->between(1, 9);
	return ('COPY (VALUES ' . join(', ', @rows) . ") TO $file (FORMAT $format)", "COPY $t->{q} (" . names(@$columns) . ") FROM $file (FORMAT $format)");
}

sub assignments
{
	my ($t, $d, @columns) = @_;
	return join ', ', map { "$_->{q} = " . ($_->{identity} ? 'DEFAULT' : $t->value($_, $d)) } @columns;
}

sub update_some
{
	my ($t, $d) = @_;
	my @columns = $d->some($d->between(1, 3), $t->payload) or return;
	my $n = (grep { $_->{unique} || $_->{range} } @columns) ? 1 : $d->between(1, 6);
	return "UPDATE $t->{q} SET " . assignments($t, $d, @columns) . ' WHERE ' . $t->chosen($n, $d->hex(4));
}

sub key_move
{
	my ($t, $d) = @_;
	my @columns = $d->some($d->between(1, scalar @{ $t->{key} }), @{ $t->{key} });
	push @columns, $d->some(1, $t->payload) if $d->chance(0.4);
	return "UPDATE $t->{q} SET " . assignments($t, $d, @columns) . ' WHERE ' . $t->chosen(1, $d->hex(4));
}

sub key_shift
{
	my ($t, $d) = @_;
	my ($c) = grep { $_->{type} && $_->{type}{name} eq 'integer' && !$_->{partition} } @{ $t->{key} };
	my $new = $d->pick("-$c->{q} - 1", "$c->{q} + 1", "$c->{q} # 1");
	return "UPDATE $t->{q} SET $c->{q} = $new WHERE " . $t->chosen($d->between(2, 20), $d->hex(4));
}

sub key_equal
{
	my ($t, $d) = @_;
	my $c = $d->pick(variants($t));
	return "UPDATE $t->{q} SET $c->{q} = " . $c->{type}{variant}->($c->{q}) . ' WHERE ' . $t->chosen($d->between(1, 4), $d->hex(4));
}

# Two rows or three give each other a value of a key that is looked at later.
sub swap
{
	my ($t, $d) = @_;
	my $c = $d->pick(swappable($t));
	my ($n, $lot) = ($d->between(2, 3), Ardent::Differ::Table::lot($d->hex(4)));
	return <<"SQL" =~ s/\n\s*/ /gr =~ s/ $//r;
UPDATE $t->{q} SET $c->{q} = s.v FROM (SELECT p.o, p.i, coalesce(pg_catalog.lead(p.v) OVER w, pg_catalog.first_value(p.v) OVER w) AS v
 FROM (SELECT "the row".tableoid AS o, "the row".ctid AS i, "the row".$c->{q} AS v FROM $t->{q} AS "the row" ORDER BY $lot LIMIT $n) AS p WINDOW w AS (ORDER BY p.o, p.i
 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS s WHERE $t->{q}.tableoid = s.o AND $t->{q}.ctid = s.i
SQL
}

# A line that keeps a row's key in variables of psql.
sub keep_key
{
	my ($t, $d, $prefix) = @_;
	my $i = 0;
	my @values = map { sprintf 'pg_catalog.quote_literal("the row".%s::text) AS %s%d', $_->{q}, $prefix, ++$i } @{ $t->{key} };
	return { gset => 1, sql => 'SELECT ' . join(', ', @values) . " FROM $t->{q} AS \"the row\" ORDER BY " . Ardent::Differ::Table::lot($d->hex(4)) . ' LIMIT 1' };
}
sub kept  { my ($t, $prefix) = @_; my $i = 0; return map { ':' . $prefix . ++$i . '::' . cast_of($_) } @{ $t->{key} }; }
sub where { my ($t, $prefix) = @_; my @v = kept($t, $prefix); return join ' AND ', map { "$t->{key}[$_]{q} = $v[$_]" } 0 .. $#v; }
sub set   { my ($t, @values) = @_; return join ', ', map { "$t->{key}[$_]{q} = $values[$_]" } 0 .. $#values; }

sub swap_steps
{
	my ($t, $d) = @_;
	my @between = map { $t->value($_, $d) } @{ $t->{key} };
	return (keep_key($t, $d, 'a'), keep_key($t, $d, 'b'),
		"UPDATE $t->{q} SET " . set($t, @between) . ' WHERE ' . where($t, 'a'),
		"UPDATE $t->{q} SET " . set($t, kept($t, 'a')) . ' WHERE ' . where($t, 'b'),
		"UPDATE $t->{q} SET " . set($t, kept($t, 'b')) . ' WHERE ' . join(' AND ', map { "$t->{key}[$_]{q} = $between[$_]" } 0 .. $#between));
}

# One row again and again: changed, removed, put back, moved away and home.
sub repeated
{
	my ($t, $d) = @_;
	my @lines = keep_key($t, $d, 'a');
	my @payload = $t->payload;
	my ($columns, $overriding) = insert_columns($t, $d, 1);
	foreach (1 .. $d->between(2, 5))
	{
		my $what = $d->below(4);
		my @away = map { $t->value($_, $d) } @{ $t->{key} };
		push @lines, "UPDATE $t->{q} SET " . assignments($t, $d, $d->pick(@payload)) . ' WHERE ' . where($t, 'a') if $what < 2 && @payload;
		push @lines, "DELETE FROM $t->{q} WHERE " . where($t, 'a'), put_back($t, $d, $columns, $overriding) if $what == 2;
		push @lines, "UPDATE $t->{q} SET " . set($t, @away) . ' WHERE ' . where($t, 'a'),
		  "UPDATE $t->{q} SET " . set($t, kept($t, 'a')) . ' WHERE ' . join(' AND ', map { "$t->{key}[$_]{q} = $away[$_]" } 0 .. $#away)
		  if $what == 3;
	}
	push @lines, "DELETE FROM $t->{q} WHERE " . where($t, 'a') if $d->chance(0.2);
	return @lines;
}

sub put_back
{
	my ($t, $d, $columns, $overriding) = @_;
	my @kept = kept($t, 'a');
	my %key = map { $t->{key}[$_]{q} => $kept[$_] } 0 .. $#kept;
	my @values = map { $key{ $_->{q} } // $t->value($_, $d) } @$columns;
	return "INSERT INTO $t->{q} (" . names(@$columns) . ")$overriding VALUES (" . join(', ', @values) . ')';
}

# The same keys with other rows, in one statement.
sub replace
{
	my ($t, $d) = @_;
	my ($columns) = insert_columns($t, $d, 1);
	my $overriding = (grep { $_->{identity} } @$columns) ? ' OVERRIDING SYSTEM VALUE' : '';
	my ($changed) = $d->some(1, grep { !$_->{identity} && !$_->{unique} && !$_->{range} } $t->payload);
	my @values = map { $changed && $_ == $changed ? $t->value($_, $d) : "gone.$_->{q}" } @$columns;
	return "WITH gone AS (DELETE FROM $t->{q} WHERE " . $t->chosen($d->between(1, 4), $d->hex(4)) . ' RETURNING *) '
	  . "INSERT INTO $t->{q} (" . names(@$columns) . ")$overriding SELECT " . join(', ', @values) . ' FROM gone';
}

# A new row and one that is there.
sub upsert
{
	my ($t, $d) = @_;
	my ($columns, $overriding) = insert_columns($t, $d, 1);
	my @set = $d->some(2, $t->payload);
	my $key = $t->key_list;
	my $there = 'SELECT ' . join(', ', map { $_->{key} ? "f.$_->{q}" : typed($t, $d, $_) } @$columns) . " FROM $t->{q} AS f LIMIT " . $d->between(1, 4);
	my $rows = $d->chance(0.5) ? $there : 'VALUES ' . row_of($t, $d, @$columns);
	return "INSERT INTO $t->{q} (" . names(@$columns) . ")$overriding $rows ON CONFLICT ($key) DO "
	  . (@set ? 'UPDATE SET ' . join(', ', map { $_->{identity} ? "$_->{q} = DEFAULT" : "$_->{q} = excluded.$_->{q}" } @set) : 'NOTHING');
}

sub merge
{
	my ($t, $d) = @_;
	my ($columns, $overriding) = insert_columns($t, $d, 1);
	my @set = grep { !$_->{identity} && !$_->{unique} } $d->some(2, $t->payload) or return;
	return "MERGE INTO $t->{q} AS \"to\" USING (SELECT * FROM $t->{q} AS f WHERE " . $t->chosen($d->between(1, 4), $d->hex(4)) . ') AS "from" ON '
	  . join(' AND ', map { "\"to\".$_->{q} = \"from\".$_->{q}" } @{ $t->{key} })
	  . ' WHEN MATCHED THEN ' . ($d->chance(0.3) ? 'DELETE' : 'UPDATE SET ' . assignments($t, $d, @set))
	  . ' WHEN NOT MATCHED THEN INSERT (' . names(@$columns) . ")$overriding VALUES " . row_of($t, $d, @$columns);
}

# A leaf by its own name: the rows that fit it.
sub leaf_write
{
	my ($t, $d) = @_;
	my $leaf = $d->pick(@{ $t->{leaves} })->{q};
	return insert($t, $d, 1, $leaf) if !$t->{updatable} || $d->chance(0.4);
	return "DELETE FROM $leaf WHERE " . $t->chosen(1, $d->hex(4), $leaf) if $d->chance(0.3);
	my @columns = $d->some(1, grep { !$_->{unique} } $t->payload) or return;
	return "UPDATE $leaf SET " . assignments($t, $d, @columns) . ' WHERE ' . $t->chosen(2, $d->hex(4), $leaf);
}

# The rows are put aside, the table is emptied, some come back.
sub truncate_refill
{
	my ($t, $d) = @_;
	my $list = names($t->writable);
	my $overriding = (grep { $_->{identity} } $t->writable) ? ' OVERRIDING SYSTEM VALUE' : '';
	return ('DROP TABLE IF EXISTS pg_temp.aside', "CREATE TEMP TABLE aside AS SELECT $list FROM $t->{q}", "TRUNCATE $t->{q}",
		"INSERT INTO $t->{q} ($list)$overriding SELECT $list FROM pg_temp.aside AS \"the row\" ORDER BY " . Ardent::Differ::Table::lot('') . ' LIMIT ' . $d->between(0, 40));
}

sub insert_with
{
	my ($t, $d, $column, $value) = @_;
	my @columns = grep { !$_->{identity} } $t->writable;
	return "INSERT INTO $t->{q} (" . names(@columns) . ') VALUES (' . join(', ', map { $_ == $column ? $value : $t->value($_, $d) } @columns) . ')';
}
sub referring { my ($t, $d, $key) = @_; return insert_with($t, $d, $t->{refers}, $key); }

# Many rows at once, now and then more than a segment holds.
sub grow
{
	my ($t, $d) = @_;
	my @lines = map { insert($t, $d, 40) } 1 .. $d->between(3, 8);
	my @columns = grep { !$_->{unique} && !$_->{range} && !$_->{identity} } $t->payload;
	if ($t->{updatable} && @columns)
	{
		push @lines, map { "UPDATE $t->{q} SET " . assignments($t, $d, $d->pick(@columns)) . ' WHERE ' . $t->chosen(100, $d->hex(4)) } 1 .. 2;
		push @lines, "DELETE FROM $t->{q} WHERE " . $t->chosen(200, $d->hex(4));
	}
	return @lines;
}

# A statement that fits the table, or nothing.
sub statement
{
	my ($table, $dice, $without_steps) = @_;
	my $features = $table->{features};
	my @fitting = grep {
		my $kind = $kinds{$_};
		$features->on($_) && (!$kind->{fits} || $kind->{fits}->($table)) && !($without_steps && $kind->{steps})
	} sort keys %kinds;
	return unless @fitting;
	my $name = $dice->pick_weighted(map { $_ => 10 * $kinds{$_}{weight} } @fitting);
	my @lines = map { ref $_ ? $_ : { sql => $_, main => 1 } } grep { defined } $kinds{$name}{make}->($table, $dice);
	return unless @lines;
	return { kind => $name, tables => [ $table, $kinds{$name}{also} ? $kinds{$name}{also}->($table) : () ],
		lines => [ (map { { sql => $_ } } @{ $table->{before_write} }), @lines, map { { sql => $_ } } @{ $table->{after_write} } ] };
}

1;
