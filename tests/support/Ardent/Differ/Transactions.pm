# SPDX-License-Identifier: PostgreSQL
# Random transactions: statements on several tables with savepoints, sub-transactions and an end of one kind or another.
#
#   Ardent::Differ::Transactions::transaction($world, 'path of the die'): { lines => [ { sql, table, kind, main }, … ], forgiving => … }
package Ardent::Differ::Transactions;
use strict;
use warnings;
use Ardent::Differ::Statements;
use Ardent::Differ::Values;

our %features = (
	%Ardent::Differ::Statements::features,
	map { $_ => 0 } qw(autocommit rolled_back savepoint_released savepoint_rolled_back plpgsql_exception plpgsql_nested settings
	  large_transaction interleaved foreign_key inheritance inheritance_order unlogged toast_megabytes),
);

# Settings of writers that change the text of values, or what an expression gives.
my @settings = (
	[ 'TimeZone', 'UTC', 'America/St_Johns', 'Asia/Kolkata', 'Pacific/Apia', 'Europe/Berlin' ],
	[ 'DateStyle', 'ISO, MDY', 'German', 'SQL, DMY', 'Postgres, MDY' ],
	[ 'IntervalStyle', 'postgres', 'iso_8601', 'postgres_verbose' ],
	[ 'extra_float_digits', '0', '-5', '3' ],
	[ 'bytea_output', 'hex', 'escape' ],
	[ 'app.mode', 'off', 'other' ],
	[ 'xmlbinary', 'hex', 'base64' ],
);

sub transaction
{
	my ($world, @path) = @_;
	my $dice = $world->{dice}->part('transaction', @path);
	my $features = $world->{features};
	my $self = { world => $world, lines => [], forgiving => $dice->chance(0.6), met => [] };
	my $autocommit = $features->on('autocommit') && $dice->chance(0.15);
	my $large = !$autocommit && $features->on('large_transaction') && $dice->chance(0.03);
	if ($features->on('settings') && $dice->chance(0.5))
	{
		my $setting = $dice->pick(@settings);
		my ($name, @values) = @$setting;
		plain($self, "SET $name = " . Ardent::Differ::Values::literal($dice->pick(@values)));
		$self->{sets} = $name;
		push @{ $self->{met} }, 'settings';
	}
	plain($self, 'BEGIN' . $dice->pick('', '', ' ISOLATION LEVEL REPEATABLE READ')) unless $autocommit;
	my $n = $autocommit ? 1 : $large ? $dice->between(15, 40) : $dice->between(1, 7);
	push @{ $self->{met} }, 'autocommit' if $autocommit;
	push @{ $self->{met} }, 'large_transaction' if $large;
	# a transaction stays with a few tables, so that its statements meet
	my @tables = $dice->some($dice->between(1, 4), @{ $world->{tables} });
	item($self, $dice->part('item', $_), 0, $autocommit, @tables) foreach 1 .. $n;
	my $back = !$autocommit && $features->on('rolled_back') && $dice->chance(0.07);
	push @{ $self->{met} }, 'rolled_back' if $back;
	plain($self, $back ? 'ROLLBACK' : 'COMMIT') unless $autocommit;
	plain($self, "RESET $self->{sets}") if $self->{sets};
	plain($self, 'RESET session_replication_role; RESET search_path; RESET app.mode');
	return $self;
}

sub plain { my ($self, $sql) = @_; push @{ $self->{lines} }, { sql => $sql }; return; }

sub item
{
	my ($self, $dice, $depth, $alone, @tables) = @_;
	my $features = $self->{world}{features};
	my $kind = $alone || $depth > 2 ? 'statement'
	  : $dice->pick_weighted(statement => 70, savepoint_released => 6, savepoint_rolled_back => 8, plpgsql_exception => 7, plpgsql_nested => 3);
	if ($kind eq 'statement' || !$features->on($kind))
	{
		add($self, Ardent::Differ::Statements::statement($dice->pick(@tables), $dice->part('statement')));
	}
	elsif ($kind =~ /^savepoint/)
	{
		my $name = Ardent::Differ::Values::name($dice->pick('s', 'S p', 'x"'));
		plain($self, "SAVEPOINT $name");
		item($self, $dice->part('inner', $_), $depth + 1, 0, @tables) foreach 1 .. $dice->between(1, 3);
		plain($self, ($kind eq 'savepoint_released' ? 'RELEASE SAVEPOINT ' : 'ROLLBACK TO SAVEPOINT ') . $name);
		push @{ $self->{met} }, $kind;
		# what came back is written again
		item($self, $dice->part('again'), $depth + 1, 0, @tables) if $dice->chance(0.5);
	}
	else
	{
		block($self, $dice, $kind, @tables);
	}
	return;
}

# A DO block: statements outside of a sub-transaction, in one that is undone, in one that stays.
sub block
{
	my ($self, $dice, $kind, @tables) = @_;
	my $i = 0;
	my @statements = grep { defined && wanted($self, $_) }
	  map { Ardent::Differ::Statements::statement($dice->pick(@tables), $dice->part('in block', ++$i), 1) } 1 .. 4;
	return unless @statements;
	my @texts = map { join '; ', map { $_->{sql} } @{ $_->{lines} } } @statements;
	my $undone = shift @texts;
	my $body = "BEGIN $undone; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN NULL; END; ";
	$body = "BEGIN $texts[0]; $body EXCEPTION WHEN OTHERS THEN NULL; END; " . $body if $kind eq 'plpgsql_nested' && @texts;
	$body .= "BEGIN $_; EXCEPTION WHEN OTHERS THEN NULL; END; " foreach @texts;
	push @{ $self->{lines} },
	  { sql => "DO \$do\$ BEGIN $body END \$do\$", block => 1, kind => $kind, tables => [ map { @{ $_->{tables} } } @statements ] };
	return;
}

sub wanted
{
	my ($self, $statement) = @_;
	$self->{world}{wanted} //= { map { $_->{number} => 1 } $self->{world}->tables };
	return !grep { !$self->{world}{wanted}{ $_->{number} } } @{ $statement->{tables} };
}

sub add
{
	my ($self, $statement) = @_;
	return unless $statement && wanted($self, $statement);
	push @{ $self->{lines} }, map { { %$_, kind => $statement->{kind}, tables => $statement->{tables} } } @{ $statement->{lines} };
	return;
}

1;
