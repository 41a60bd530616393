# SPDX-License-Identifier: PostgreSQL
# A random schema: tables that together have what the features name, and what stands between them.
#
#   my $world = Ardent::Differ::World->new(seed => 17, round => 3, features => $features, only => [ 4, 7 ]);
#   $world->setup;  $world->changed;  $world->tables;
package Ardent::Differ::World;
use strict;
use warnings;
use Ardent::Differ::Dice;
use Ardent::Differ::Extras;
use Ardent::Differ::Features;
use Ardent::Differ::Prelude;
use Ardent::Differ::Statements;
use Ardent::Differ::Table;
use Ardent::Differ::Values qw(name literal type_named);

our $tables = 13;    # of no family

sub new
{
	my ($class, %args) = @_;
	my $self = bless { %args, dice => Ardent::Differ::Dice->new($args{seed}, 'round', $args{round}), tables => [], unlogged => [] }, $class;
	$self->make_decks;
	push @{ $self->{tables} }, $self->general($_) foreach 1 .. $tables;
	$self->family if $self->{features}->on('foreign_key');
	$self->heirs if $self->{features}->on('inheritance');
	my @general = @{ $self->{tables} }[ 0 .. $tables - 1 ];
	$general[$_]{neighbour} = $general[ $_ - 1 ] foreach 0 .. $#general;
	Ardent::Differ::Extras::around_types($_) foreach @{ $self->{tables} };
	$_->{ddl} = [ $_->ddl ] foreach @{ $self->{tables} };
	return $self;
}

# The order is the seed's, the place to begin the round's: a few rounds meet everything, and never the same things together.
sub make_decks
{
	my ($self) = @_;
	my $features = $self->{features};
	my $dice = Ardent::Differ::Dice->new($self->{seed}, 'decks');
	my @types = grep { $features->allows($_) } Ardent::Differ::Values::types();
	my @key_types = grep { $_->{distinct} && (!$_->{key_feature} || $features->on($_->{key_feature})) } @types;
	my %decks = (
		types => [ [@types], 5 * $tables ],
		key_types => [ [ @key_types ? @key_types : type_named('integer') ], 2 * $tables ],
		extras => [ [ grep { $features->on($_->{name}) } Ardent::Differ::Extras::extras() ], 3 * $tables ],
		identities => [ [ (grep { $features->on($_) } @Ardent::Differ::Table::identities), 'key_one', 'key_many' ], 5 ],
		storages => [ [ (grep { $features->on($_) } @Ardent::Differ::Partitions::storages), ('plain') x 7 ], 7 ],
	);
	foreach my $name (sort keys %decks)
	{
		my ($cards, $step) = @{ $decks{$name} };
		my @deck = $dice->part($name)->shuffled(@$cards);
		my $at = @deck ? ($step * ($self->{round} - 1)) % @deck : 0;
		$self->{decks}{$name} = [ @deck[ $at .. $#deck ], @deck[ 0 .. $at - 1 ] ];
	}
	return;
}

# The first card that fits; it goes to the end.
sub draw
{
	my ($self, $name, $fits) = @_;
	my $deck = $self->{decks}{$name};
	foreach my $i (0 .. $#$deck)
	{
		next unless !$fits || $fits->($deck->[$i]);
		my ($card) = splice @$deck, $i, 1;
		push @$deck, $card;
		return $card;
	}
	return;
}

sub general
{
	my ($self, $number) = @_;
	my $dice = $self->{dice}->part('table', $number);
	my $storage = $self->draw('storages');
	my $identity = $self->draw('identities', sub {
		return $_[0] =~ /^(?:full|no_key)$/ if $storage eq 'partition_expression';
		return $_[0] ne 'temporal_key' || $storage eq 'plain';
	});
	($identity, $storage) = ('key_one', 'plain') unless defined $identity;
	my $table = Ardent::Differ::Table->new(
		dice => $dice, number => $number, features => $self->{features}, storage => $storage, identity => $identity,
		key_types => [ map { $self->draw('key_types') } 1 .. 3 ],
		types => [ grep { defined } map { $self->draw('types') } 1 .. $dice->between(3, 7) ]);
	my %added;
	foreach (1 .. $dice->between(2, 4))
	{
		my $extra = $self->draw('extras', sub { return !$added{ $_[0]{name} } && $_[0]{fits}->($table) }) or last;
		$added{ $extra->{name} } = 1;
		$extra->{add}->($table, $dice);
		$table->meets($extra->{name});
	}
	return $table;
}

sub simple_table
{
	my ($self, $number, %args) = @_;
	return Ardent::Differ::Table->new(
		dice => $self->{dice}->part('table', $number), number => $number, features => $self->{features}, storage => 'plain', identity => 'key_one',
		key_types => [ type_named('integer') ], types => [ grep { defined } map { $self->draw('types') } 1 .. 3 ], %args);
}

# A table, two that refer to it, and an unlogged one that does.
sub family
{
	my ($self) = @_;
	my $dice = $self->{dice}->part('family');
	my $parent = $self->simple_table(61);
	my $key = $parent->{key}[0];
	push @{ $self->{tables} }, $parent;
	foreach my $number (62, 63)
	{
		my $child = $self->simple_table($number);
		my $deferred = $number == 63;
		my $c = $child->add_column(type => type_named('integer'), refers => 1, value => sub {
			return sprintf q{(SELECT f.%s FROM %s AS f ORDER BY pg_catalog.md5(f.%s::text || '%s') LIMIT 1)},
			  $key->{q}, $parent->{q}, $key->{q}, $_[0]->hex(4) });
		my $action = $deferred ? 'DEFERRABLE INITIALLY DEFERRED' : $dice->pick('ON DELETE CASCADE ON UPDATE CASCADE', 'ON DELETE SET NULL');
		push @{ $child->{constraints} }, "FOREIGN KEY ($c->{q}) REFERENCES $parent->{q} $action";
		@$child{qw(parent refers deferred needs)} = ($parent, $c, $deferred, [61]);
		$child->meets('foreign_key');
		$parent->meets('foreign_key');
		push @{ $parent->{referrers} }, $child;
		push @{ $self->{tables} }, $child;
	}
	return unless $self->{features}->on('unlogged');
	$parent->{unlogged} = 'public.visits';
	push @{ $parent->{after} }, 'CREATE UNLOGGED TABLE public.visits (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
	  . " visited integer REFERENCES $parent->{q} ON DELETE CASCADE ON UPDATE CASCADE);"
	  if $self->{features}->on('truncate_unlogged');
	push @{ $parent->{after} }, 'CREATE UNLOGGED TABLE public.scratch (id integer, note text);';
	return;
}

# A table and one that inherits from it, with a column of its own, a gap, and sometimes another order.
sub heirs
{
	my ($self) = @_;
	my $dice = $self->{dice}->part('heirs');
	my $parent = $self->simple_table(71, identity => $dice->pick(grep({ $self->{features}->on($_) } qw(key_one full)), 'key_one'), in_order => 1);
	my $own = type_named('text');
	my $child = bless { %$parent, number => 72, name => 't72', q => 'public.t72', schema => 'public', odd => 0, dice => $self->{dice}->part('table', 72),
		columns => [ @{ $parent->{columns} } ], in_order => 1, after => [], constraints => [], has => { %{ $parent->{has} } }, needs => [71] }, ref $parent;
	push @{ $child->{columns} }, { type => $own, sql => 'text', value => $own->{value}, name => 'its own', q => '"its own"' };
	if ($self->{features}->on('inheritance_order'))
	{
		$child->{columns} = [ $dice->shuffled(@{ $child->{columns} }) ];
		$child->meets('inheritance_order');
	}
	push @{ $child->{after} }, map { "ALTER TABLE public.t72 $_;" } 'ADD COLUMN gone integer', 'DROP COLUMN gone', "INHERIT $parent->{q}";
	$_->meets('inheritance') foreach $parent, $child;
	push @{ $self->{tables} }, $parent, $child;
	return;
}

# Those that ONLY leaves, with those they need.
sub tables
{
	my ($self) = @_;
	my @only = @{ $self->{only} // [] };
	return @{ $self->{tables} } unless @only;
	my %wanted = map { $_ => 1 } @only;
	$wanted{$_} = 1 foreach map { @{ $_->{needs} // [] } } grep { $wanted{ $_->{number} } } @{ $self->{tables} };
	return grep { $wanted{ $_->{number} } } @{ $self->{tables} };
}

# Everything that both sides have before the first change of the stream.
sub setup
{
	my ($self) = @_;
	my @sql = ("SET client_encoding = 'UTF8';", "SET TimeZone = 'Asia/Kolkata';", "SET app.mode = 'on';",
		Ardent::Differ::Prelude::prelude($self->{features}));
	push @sql, @{ $_->{ddl} } foreach $self->tables;
	foreach my $table ($self->tables)
	{
		push @sql, Ardent::Differ::Statements::first_rows($table, $table->{dice}->part('first rows')), @{ $table->{late} // [] };
	}
	push @sql, Ardent::Differ::Prelude::hardened(), 'GRANT USAGE ON SCHEMA "Other schema" TO PUBLIC;';
	return join "\n", @sql, '';
}

sub as_copied { return join "\n", Ardent::Differ::Prelude::as_copied(), ''; }
sub changed { return join "\n", Ardent::Differ::Prelude::changed(), ''; }

# For people: what a table is.
sub show
{
	my ($self, $table) = @_;
	return join "\n", "-- table $table->{number}: " . join(' ', sort keys %{ $table->{has} }), @{ $table->{ddl} }, @{ $table->{late} // [] }, '';
}

1;
