# SPDX-License-Identifier: PostgreSQL
# A psql that stays, told one statement after the other, that says of each what became of it.
#
#   my $session = Ardent::Differ::Session->new($conninfo);
#   $session->play(@lines);      of each line of a transaction: { tag => 'UPDATE 3', error => '' }
package Ardent::Differ::Session;
use strict;
use warnings;
use Carp;
use IPC::Open3;
use Symbol qw(gensym);

my $count = 0;

sub new
{
	my ($class, $conninfo) = @_;
	my ($in, $out) = (gensym, gensym);
	my $pid = open3($in, $out, undef, 'psql', '-X', '-At', '-d', $conninfo);
	binmode $_ foreach $in, $out;
	my $self = bless { in => $in, out => $out, pid => $pid }, $class;
	$self->{in}->autoflush(1);
	$self->run("SET client_encoding = 'UTF8'", "SET lock_timeout = '300ms'", '\set VERBOSITY terse', '\set SHOW_CONTEXT never');
	return $self;
}

# The output of each.
sub run
{
	my ($self, @texts) = @_;
	my @said;
	foreach my $text (@texts)
	{
		my $end = 'end ' . ++$count;
		my $stop = $text =~ /^\\/ ? '' : $text =~ /\\gset$/ ? '' : ';';
		my $in = $self->{in};
		print $in "$text$stop\n\\echo $end\n" or croak "psql has ended: $!";
		my $said = '';
		my $out = $self->{out};
		while (1)
		{
			my $line = <$out>;
			croak "psql has ended: $said\nafter: $text" unless defined $line;
			last if $line eq "$end\n";
			$said .= $line;
		}
		chomp $said;
		push @said, $said;
	}
	return @said;
}

# A failed statement is undone alone when the transaction is forgiving, and takes the transaction with it otherwise.
sub forgiving { my ($self, $yes) = @_; $self->run('\set ON_ERROR_ROLLBACK ' . ($yes ? 'on' : 'off')); return; }

sub play
{
	my ($self, @lines) = @_;
	return map {
		my ($said) = $self->run($_->{sql} . ($_->{gset} ? ' \gset' : ''));
		{ said => $said, error => $said =~ /(?:^|\n)(?:ERROR|FATAL|psql:.*ERROR):? *(.*)/ ? $1 : $said =~ /no rows returned/ ? $said : '' }
	} @lines;
}

sub quit
{
	my ($self) = @_;
	close $self->{in};
	waitpid $self->{pid}, 0;
	return;
}

1;
