# SPDX-License-Identifier: PostgreSQL
# Rounds of kills: a load of pgbench, and what is struck down and put up again beside it.
#
#   my $kill = Ardent::Kill->new($t, rounds => 25, rate => 400);     # pgbench's tables and those of load/schema.sql are there
#   $kill->run_load(2);  $kill->strike($kill->victims(1));  $kill->stop_load;
package Ardent::Kill;
use strict;
use warnings;
use Ardent::Process;
use Ardent::Test;
use Carp;
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

our $load_dir = "$Ardent::Test::top/tests/support/load";

sub slurp { my ($file) = @_; local $/ = undef; open(my $in, '<', $file) or croak "$file: $!"; return scalar <$in>; }

# A source with the tables of the load. new_test(name => …, sql => run after load/schema.sql, …)
sub new_test
{
	my (%args) = @_;
	my $t = Ardent::Test->new(%args, sql => slurp("$load_dir/schema.sql") . ($args{sql} // ''));
	my $source = $t->source;
	$source->safe_psql($Ardent::Test::database, 'ALTER SYSTEM SET fsync = on');
	$source->reload;
	PostgreSQL::Test::Utils::system_or_bail('pgbench', '-h', $source->host, '-p', $source->port, '-i', '-q', '-s', '1', $Ardent::Test::database);
	$source->safe_psql($Ardent::Test::database, 'ALTER TABLE pgbench_history REPLICA IDENTITY FULL');
	$source->safe_psql($Ardent::Test::database, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication');
	return $t;
}

sub new
{
	my ($class, $t, %args) = @_;
	my $source = $t->source;
	my $self = bless { t => $t, rate => $args{rate}, log => $args{log} // $t->dir . '/load.log' }, $class;
	# what each victim needs afterwards; those that have to come back by themselves need nothing
	$self->{strikes} = {
		agent => sub { $t->agent->kill9; return sub { $t->start_agent } },
		environment => sub { $t->environment->kill9; return sub { $t->start_environment } },
		walsender => sub {
			$source->psql('postgres', q(SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active));
			return sub { };
		},
		source => sub { $source->kill9; return sub { $t->restart_source } },
		replica => sub {
			my $pid = $t->replica_postmaster_pid;
			kill KILL => $pid if defined $pid;
			return sub { };
		} };
	my @all = sort keys %{ $self->{strikes} };
	$self->{order} = [ map { shuffle(@all) } 1 .. 1 + $args{rounds} / @all ];
	return $self;
}

# Whom a round strikes: sometimes two.
sub victims
{
	my ($self, $round) = @_;
	my @now = $self->{order}[ $round - 1 ];
	push @now, (grep { $_ ne $now[0] } shuffle(sort keys %{ $self->{strikes} }))[0] if rand() < 0.25;
	return @now;
}

sub strike
{
	my ($self, @victims) = @_;
	my @repair = map { my $after = $self->{strikes}{$_}->(); usleep(rand(300_000)); $after } @victims;
	usleep(rand(700_000));
	$_->() foreach reverse @repair;
	return;
}

sub start_load
{
	my ($self) = @_;
	my $source = $self->{t}->source;
	return Ardent::Process->start(
		name => 'load', log => $self->{log},
		command => [
			'pgbench', '-n', '-h', $source->host, '-p', $source->port,
			'-c', '4', '-j', '2', '-T', '600', '-R', $self->{rate}, '--max-tries=20',
			'-b', 'tpcb-like@6', '-f', "$load_dir/mixed.sql\@8", '-f', "$load_dir/keys.sql\@4", '-f',
			"$load_dir/bulk.sql\@1", $Ardent::Test::database ]);
}

# Under load for some seconds; a load that a crash of the source ended begins again.
sub run_load
{
	my ($self, $seconds) = @_;
	my $deadline = time + $seconds;
	while (time < $deadline)
	{
		$self->{load} = $self->start_load unless $self->{load} && $self->{load}->alive;
		usleep(20_000);
	}
	return;
}

sub stop_load { my ($self) = @_; $self->{load}->stop(5) if $self->{load}->alive; return; }

# What the load complained of. A load that stopped by itself would prove little: only a source that goes away may end a client.
sub complaints { my ($self) = @_; return join "\n", grep { /ERROR:/ } split /\n/, slurp($self->{log}); }

1;
