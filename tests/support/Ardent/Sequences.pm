# SPDX-License-Identifier: PostgreSQL
# Do sequences of the replica follow those of the source in time?
#
#   my $s = Ardent::Sequences->new($t);
#   $s->sql('SELECT nextval(…)');          # at the source; from here on the time counts
#   $s->follows_ok('what', 'public.a', …)  # each stands in the replica where it stands at the source, by then
package Ardent::Sequences;
use strict;
use warnings;
use IPC::Run;
use Test::More;
use Time::HiRes qw(usleep time);

our $deadline = 10;    # seconds, as the documentation promises

sub new
{
	my ($class, $t) = @_;
	return bless { t => $t, since => time }, $class;
}

sub sql
{
	my ($self, $sql) = @_;
	my $said = $self->{t}->source->safe_psql($Ardent::Test::database, $sql);
	$self->since_now;
	return $said;
}

# For what was not done by sql.
sub since_now { my ($self) = @_; $self->{since} = time; return; }

# As a role of the replica: what psql printed, or undef.
sub replica_as
{
	my ($self, $role, $sql) = @_;
	my $conninfo = $self->{t}->replica_conninfo =~ s/ardent_reader/$role/r;
	my ($out, $err) = ('', '');
	my $ok = eval { IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $conninfo ], '<', \$sql, '>', \$out, '2>', \$err) };
	chomp $out;
	return $ok && $err eq '' ? $out : undef;
}

sub follows_ok
{
	my ($self, $what, @sequences) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $query = join ' UNION ALL ', map {
		"SELECT $_, last_value, is_called FROM " . $sequences[ $_ ] } 0 .. $#sequences;
	my $wanted = $self->{t}->source->safe_psql($Ardent::Test::database, "$query ORDER BY 1");
	my $got = '';
	my $took;
	do
	{
		usleep(50_000) if defined $took;
		$got = $self->replica_as('ardent_admin', "$query ORDER BY 1") // 'nothing';
		$took = time - $self->{since};
	} until $got eq $wanted || $took > $deadline;
	is($got, $wanted, sprintf('%s: after %.1f s of at most %d', $what, $took, $deadline))
	  or diag($self->{t}->tail('agent'), $self->{t}->tail('environment'));
	return $got eq $wanted;
}

1;
