# SPDX-License-Identifier: PostgreSQL
# A small disk for a test, which fills it: what tests/small_disk.sh has mounted (ARDENT_SMALL_DISK), or a tmpfs, which anybody may
# mount by way of bubblewrap, in a mount namespace of the test.
#
#   use Ardent::Disk (megabytes => 900);      # runs the test anew inside of it
#   my $disk = Ardent::Disk->new($t);         # the environment's data are on it
#   $disk->fill(leave => 100);                # megabytes
#   $disk->empty;
package Ardent::Disk;
use strict;
use warnings;
use Carp;
use File::Temp;
use Test::More;

my $place = $ENV{ARDENT_SMALL_DISK};

sub import
{
	my (undef, %args) = @_;
	return if defined $place || !%args;
	# Inside of the scratch folder, whose name the tests' runner knows processes by.
	my $folder = File::Temp::tempdir('disk-XXXXXX', DIR => $ENV{ARDENT_SCRATCH} ? "$ENV{ARDENT_SCRATCH}/tmp" : '/tmp');
	my @room = ('bwrap', '--dev-bind', '/', '/', '--size', $args{megabytes} * 1048576, '--tmpfs', $folder);
	plan(skip_all => 'no tmpfs may be mounted here') if system("@room true 2>/dev/null") != 0;
	$ENV{ARDENT_SMALL_DISK} = $folder;
	exec(@room, '--', $^X, (map { "-I$_" } @INC), $0) or croak "bwrap: $!";
}

sub new
{
	my ($class, $t) = @_;
	mkdir "$place/data" or croak "$place/data: $!";
	symlink "$place/data", $t->dir . '/data' or croak $!;
	return bless { filler => "$place/filler", place => $place, n => 0 }, $class;
}

sub place { my ($self) = @_; return $self->{place}; }

# What a user who is not root may still write, in megabytes.
sub free
{
	my ($self) = @_;
	my ($blocks, $size) = qx(stat -f -c '%a %S' '$self->{place}') =~ /^(\d+) (\d+)/ or croak 'stat -f';
	return $blocks * $size / 1048576;
}

# As full as can be, or so that so many megabytes are left.
sub fill
{
	my ($self, %args) = @_;
	my $left = sub { return int(($self->free - ($args{leave} // 0)) * 1048576) };
	my $piece = $left->();
	while ($piece >= 4096)
	{
		my $fits = system("fallocate -l $piece '$self->{filler}.@{[ ++$self->{n} ]}' 2>/dev/null") == 0;
		my $more = $left->();
		$piece = $fits && $piece > $more ? $more : $fits ? $piece : int($piece / 2);
	}
	return;
}

sub empty
{
	my ($self) = @_;
	unlink glob("$self->{filler}.*");
	return;
}

1;
