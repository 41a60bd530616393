# SPDX-License-Identifier: PostgreSQL
# A program under test: started in the background with its output in a log file, watched, stopped, killed.
#
#   my $p = Ardent::Process->start(name => 'agent', command => [...], log => 'file', environment => {...});
#   $p->alive; $p->signal('TERM'); my $code = $p->wait(30); $p->kill9; $p->resident_kb;
#
# A process that is still there when its object goes is killed.
package Ardent::Process;
use strict;
use warnings;
use Carp;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(usleep time);

sub start
{
	my ($class, %args) = @_;
	my $pid = fork;
	croak "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null') or POSIX::_exit(127);
		open(STDOUT, '>>', $args{log}) or POSIX::_exit(127);
		open(STDERR, '>&', \*STDOUT) or POSIX::_exit(127);
		$ENV{$_} = $args{environment}{$_} foreach keys %{ $args{environment} // {} };
		POSIX::setpgid(0, 0);
		{ exec { $args{command}[0] } @{ $args{command} } }
		POSIX::_exit(127);
	}
	return bless { pid => $pid, %args }, $class;
}

sub pid { my ($self) = @_; return $self->{pid}; }

# The exit code once it has ended, undef before; 128 + the signal's number when a signal ended it.
sub code
{
	my ($self) = @_;
	return $self->{code} if defined $self->{code};
	my $got = waitpid($self->{pid}, WNOHANG);
	return if $got == 0;
	$self->{code} = $got < 0 ? 255 : WIFSIGNALED($?) ? 128 + WTERMSIG($?) : WEXITSTATUS($?);
	return $self->{code};
}

sub alive { my ($self) = @_; return !defined $self->code; }

sub signal { my ($self, $signal) = @_; return $self->alive && kill $signal => $self->{pid}; }

# Waits for its end; the exit code, or undef when it has not ended by then.
sub wait
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // 30);
	while (!defined $self->code)
	{
		return if time > $deadline;
		usleep(20_000);
	}
	return $self->code;
}

sub kill9 { my ($self) = @_; $self->signal('KILL'); return $self->wait(10); }

# SIGTERM, and SIGKILL when that does not end it in time. The exit code.
sub stop
{
	my ($self, $seconds) = @_;
	$self->signal('TERM');
	my $code = $self->wait($seconds // 30);
	return defined $code ? $code : $self->kill9;
}

sub resident_kb
{
	my ($self) = @_;
	open(my $in, '<', "/proc/$self->{pid}/status") or return 0;
	while (<$in>) { return $1 if /^VmRSS:\s+(\d+) kB/; }
	return 0;
}

# The highest resident memory so far.
sub peak_kb
{
	my ($self) = @_;
	open(my $in, '<', "/proc/$self->{pid}/status") or return 0;
	while (<$in>) { return $1 if /^VmHWM:\s+(\d+) kB/; }
	return 0;
}

sub log_text
{
	my ($self) = @_;
	open(my $in, '<', $self->{log}) or return '';
	local $/ = undef;
	return scalar <$in>;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	$self->kill9 if defined $self->{pid} && !defined $self->{code};
	return;
}

1;
