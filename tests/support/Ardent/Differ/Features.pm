# SPDX-License-Identifier: PostgreSQL
# The names of what the generator can make: which are on, and which a run has really met.
#
#   FEATURES=all | a,b,c    those, in ordinary tables by ordinary statements      WITHOUT=a,b    all but these
package Ardent::Differ::Features;
use strict;
use warnings;
use Ardent::Differ::Extras;
use Ardent::Differ::Table;
use Ardent::Differ::Transactions;
use Ardent::Differ::Values;
use Carp;

our @ordinary = qw(key_one key_many column_order type_integer type_text type_timestamptz insert_one insert_many update_some delete_some autocommit);

# name => the first major version that has it
sub known
{
	my %known = (%Ardent::Differ::Table::features, %Ardent::Differ::Transactions::features);
	$known{ $_->{name} } = $_->{since} // 0 foreach Ardent::Differ::Extras::extras();
	foreach my $type (Ardent::Differ::Values::types())
	{
		$known{$_} //= $type->{since} // 0 foreach feature_of($type), grep { defined } $type->{key_feature};
	}
	return %known;
}

sub feature_of { my ($type) = @_; return $type->{feature} // "type_$type->{name}"; }

# new(major => 15, features => 'all', without => 'a,b', lacking => [ 'citext' ]): lacking are those that the server has not.
sub new
{
	my ($class, %args) = @_;
	my %known = known();
	my @named = grep { length } split /,/, ($args{features} || 'all');
	my @without = grep { length } split /,/, ($args{without} // '');
	foreach my $name (@without, grep { $_ ne 'all' } @named)
	{
		croak "no feature \"$name\"; there are: " . join ' ', sort keys %known unless exists $known{$name};
	}
	my %on;
	if (grep { $_ eq 'all' } @named) { %on = map { $_ => 1 } keys %known; }
	else                             { %on = map { $_ => 1 } @named, @ordinary; }
	delete @on{@without};
	my @old = grep { $known{$_} > $args{major} } keys %on;
	delete @on{ @old, @{ $args{lacking} // [] } };
	return bless { on => \%on, met => {}, all => !@without && "@named" eq 'all', major => $args{major} }, $class;
}

sub on    { my ($self, $name) = @_; return $self->{on}{$name}; }
sub all   { my ($self) = @_; return $self->{all}; }
sub major { my ($self) = @_; return $self->{major}; }
sub allows { my ($self, $type) = @_; return $self->on(feature_of($type)); }

# A row was changed, in a transaction that committed, by or in a table with these.
sub meet   { my ($self, @names) = @_; $self->{met}{$_}++ foreach @names; return; }
sub met    { my ($self) = @_; return grep { $self->{met}{$_} } sort keys %{ $self->{on} }; }
sub missed { my ($self) = @_; return grep { !$self->{met}{$_} } sort keys %{ $self->{on} }; }

1;
