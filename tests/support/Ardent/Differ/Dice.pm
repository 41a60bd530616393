# SPDX-License-Identifier: PostgreSQL
# Chance that can be played again. A die is known by its path, so what one table or one transaction throws does not
# depend on what others threw: leaving a table out changes nothing for the rest.
#
#   my $dice = Ardent::Differ::Dice->new(17);  my $other = $dice->part('table', 3);
#   $dice->below(6);  $dice->chance(0.2);  $dice->pick(@list);  $dice->shuffled(@list);
package Ardent::Differ::Dice;
use strict;
use warnings;
use Digest::MD5 qw(md5);

sub new
{
	my ($class, @path) = @_;
	my $path = join '/', @path;
	my ($state) = unpack 'Q', md5($path);
	return bless { path => $path, state => $state & 281_474_976_710_655 }, $class;
}

sub part { my ($self, @path) = @_; return __PACKAGE__->new($self->{path}, @path); }

# A whole number from 0 to $n - 1: the generator of drand48.
sub below
{
	my ($self, $n) = @_;
	my $next;
	{
		use integer;
		$next = $self->{state} * 25_214_903_917 + 0xB;
	}
	$self->{state} = $next & 281_474_976_710_655;
	return ($self->{state} >> 16) % $n;
}

sub between { my ($self, $low, $high) = @_; return $low + $self->below($high - $low + 1); }
sub chance  { my ($self, $p) = @_; return $self->below(1_000_000) < $p * 1_000_000; }
sub pick    { my ($self, @list) = @_; return $list[ $self->below(scalar @list) ]; }

sub shuffled
{
	my ($self, @list) = @_;
	foreach my $i (reverse 1 .. $#list)
	{
		my $j = $self->below($i + 1);
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

# $n of the list, in random order.
sub some { my ($self, $n, @list) = @_; my @all = $self->shuffled(@list); return @all[ 0 .. ($n < @all ? $n : @all) - 1 ]; }

# pick_weighted(a => 3, b => 1)
sub pick_weighted
{
	my ($self, @pairs) = @_;
	my $sum = 0;
	$sum += $pairs[$_] foreach grep { $_ % 2 } 0 .. $#pairs;
	my $at = $self->below($sum);
	while (my ($what, $weight) = splice @pairs, 0, 2)
	{
		return $what if $at < $weight;
		$at -= $weight;
	}
	die 'no weights';
}

sub letters { my ($self, $n) = @_; return join '', map { chr(97 + $self->below(26)) } 1 .. $n; }
sub hex     { my ($self, $n) = @_; return join '', map { sprintf '%x', $self->below(16) } 1 .. $n; }
sub digits  { my ($self, $n) = @_; return join '', 1 + $self->below(9), map { $self->below(10) } 2 .. $n; }

1;
