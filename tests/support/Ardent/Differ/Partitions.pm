# SPDX-License-Identifier: PostgreSQL
# How a random table is cut into partitions: the column that decides, its values, the leaves and their DDL.
package Ardent::Differ::Partitions;
use strict;
use warnings;
use Ardent::Differ::Values qw(name literal type_named);

our @storages = qw(partition_list partition_range partition_hash partition_hash_enum partition_expression);
our %features = map { $_ => 0 } @storages, qw(subpartitions leaf_order mixed_identities);

sub values_of { my (@texts) = @_; return sub { my ($dice) = @_; return literal($dice->pick(@texts)) }; }

my %ways = (
	partition_list => [
		{ type => 'text', values => values_of('a', 'b', 'c', 'd', '', "it's"), leaves => [ "IN ('a', 'b')", "IN ('c', '')", 'DEFAULT' ] },
		{ type => 'smallint', values => values_of(1 .. 6), leaves => [ 'IN (1)', 'IN (2, 3)', 'DEFAULT' ] },
		{ type => 'mood', values => values_of('sad', 'o"k', "hap'py", ''), leaves => [ "IN ('sad')", "IN ('o\"k', '')", 'DEFAULT' ] },
		{ type => 'boolean', values => values_of('t', 'f'), leaves => [ 'IN (true)', 'IN (false)' ] },
	],
	partition_range => [
		{ type => 'integer', values => sub { $_[0]->between(-50, 200) },
			leaves => [ 'FROM (MINVALUE) TO (0)', 'FROM (0) TO (100)', 'FROM (100) TO (MAXVALUE)' ] },
		{ type => 'numeric', values => values_of('-1', '0', '1.0', '1.00', '9.99', '10', '10.000'), leaves => [ 'FROM (0) TO (10)', 'DEFAULT' ] },
		{ type => 'date', values => sub { literal(sprintf '2026-%02d-%02d', 1 + $_[0]->below(12), 1 + $_[0]->below(28)) },
			leaves => [ "FROM ('2026-01-01') TO ('2026-05-01')", "FROM ('2026-05-01') TO ('2026-09-01')", 'DEFAULT' ] },
		{ type => 'timestamptz', values => sub { literal(sprintf '2026-%02d-01 %02d:30:00+00', 1 + $_[0]->below(12), $_[0]->below(24)) },
			leaves => [ "FROM (MINVALUE) TO ('2026-06-01 12:00:00+00')", "FROM ('2026-06-01 12:00:00+00') TO (MAXVALUE)" ] },
		{ type => 'text', values => sub { literal($_[0]->letters(2)) }, leaves => [ "FROM ('a') TO ('k')", "FROM ('k') TO ('t')", 'DEFAULT' ] },
	],
	partition_hash => [
		map { { type => $_, values => type_named($_)->{distinct}, modulus => 3 } } qw(integer text uuid numeric timestamptz)
	],
	partition_hash_enum => [ { type => 'mood', values => values_of('sad', 'o"k', "hap'py", ''), modulus => 3 } ],
	# no unique key can be made of an expression
	partition_expression => [
		{ type => 'text', by => 'LIST ((public.fold(%s)))', values => values_of('a', 'A', 'b', 'B', 'c'), leaves => [ "IN ('a')", 'DEFAULT' ] },
		{ type => 'integer', by => 'RANGE (pg_catalog.abs(%s))', values => sub { $_[0]->between(-50, 50) },
			leaves => [ 'FROM (0) TO (20)', 'FROM (20) TO (MAXVALUE)' ] },
	],
);

# Gives the table the column that decides and its leaves; false when no type for it is on.
sub choose
{
	my ($table, $dice, $without_key) = @_;
	my $kind = $table->{storage};
	$kind = 'partition_list' if $kind eq 'partition_expression' && !$without_key;
	my $features = $table->{features};
	my @ways = grep {
		my $t = type_named($_->{type});
		$features->allows($t) && (!$t->{key_feature} || $features->on($t->{key_feature}))
	} @{ $ways{$kind} } or return 0;
	my $way = $dice->pick(@ways);
	$table->{part} = $table->add_column(type => type_named($way->{type}), value => $way->{values}, partition => 1);
	$table->{part}{not_null} = 1 if $kind =~ /hash|expression/ || !grep { $_ eq 'DEFAULT' } @{ $way->{leaves} // [] };
	my $method = $kind =~ /list/ ? 'LIST (%s)' : $kind =~ /range/ ? 'RANGE (%s)' : 'HASH (%s)';
	$table->{partition} = { by => sprintf($way->{by} // $method, $table->{part}{q}), %$way{qw(leaves modulus type)} };
	$table->meets($kind);
	return 1;
}

sub leaf_ddl
{
	my ($table) = @_;
	my $partition = $table->{partition} or return ();
	my $dice = $table->{dice}->part('leaves');
	my @bounds = $partition->{modulus}
	  ? map { "WITH (MODULUS $partition->{modulus}, REMAINDER $_)" } 0 .. $partition->{modulus} - 1
	  : @{ $partition->{leaves} };
	my @ddl;
	foreach my $i (0 .. $#bounds)
	{
		my $bound = $bounds[$i] eq 'DEFAULT' ? 'DEFAULT' : "FOR VALUES $bounds[$i]";
		my $sub = $table->{features}->on('subpartitions') && $dice->chance(0.2) && $partition->{type} ne 'mood';
		push @ddl, one_leaf($table, $dice, $table->{q}, "leaf $i of $table->{number}", $bound, $sub);
		next unless $sub;
		$table->meets('subpartitions');
		foreach my $j (0 .. 1)
		{
			push @ddl, one_leaf($table, $dice, name('public') . '.' . name("leaf $i of $table->{number}"), "leaf $i.$j of $table->{number}",
				"FOR VALUES WITH (MODULUS 2, REMAINDER $j)", 0);
		}
	}
	return (@ddl, mixed($table, $dice));
}

sub one_leaf
{
	my ($table, $dice, $parent, $name, $bound, $sub) = @_;
	my $q = name('public') . '.' . name($name);
	my $cut = $sub ? " PARTITION BY HASH ($table->{part}{q})" : '';
	push @{ $table->{leaves} }, { q => $q, parted => $sub };
	return "CREATE TABLE $q PARTITION OF $parent $bound$cut;" unless $table->{features}->on('leaf_order') && $dice->chance(0.5);
	# made apart: other column order, numbers that dropped columns leave behind
	$table->meets('leaf_order');
	my @gone = map { name("gone $_") } 1 .. $dice->between(1, 2);
	my @lines = $dice->shuffled((map { "$_ integer DEFAULT 5" } @gone), map { $table->column_sql($_, 1) } @{ $table->{columns} });
	push @lines, @{ $table->{checks} };
	return ("CREATE TABLE $q (" . join(', ', @lines) . ")$cut;", (map { "ALTER TABLE $q DROP COLUMN $_;" } @gone),
		"ALTER TABLE $parent ATTACH PARTITION $q $bound;");
}

# A leaf with FULL among leaves that have their key.
sub mixed
{
	my ($table, $dice) = @_;
	return () unless $table->{identity} =~ /^key_(?:one|many)$/ && $table->{features}->on('mixed_identities') && $dice->chance(0.5);
	$table->meets('mixed_identities');
	my $leaf = $dice->pick(grep { !$_->{parted} } @{ $table->{leaves} });
	return "ALTER TABLE $leaf->{q} REPLICA IDENTITY FULL;";
}

1;
