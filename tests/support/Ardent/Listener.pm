# SPDX-License-Identifier: PostgreSQL
# Raw connections to an environment's listener, for tests of what it bears before anybody is authorized.
#
#   my $l = Ardent::Listener->new($t);
#   $l->ask("GET /healthz HTTP/1.1\r\n…\r\n\r\n")->{status};     # one request, the whole answer
#   my @silent = $l->connections(1000, 'first bytes');
#   $l->memory_ok('what was done', sub { … }, 64);               # the environment's peak grows by at most so many MB
package Ardent::Listener;
use strict;
use warnings;
use POSIX ();
use Carp;
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

sub new { my ($class, $t) = @_; return bless { t => $t }, $class; }

sub connection
{
	my ($self, $first, $from) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{t}{port}, Timeout => 10,
		defined $from ? (LocalAddr => $from) : ()) or return;
	$socket->autoflush(1);
	$socket->syswrite($first) if length($first // '');
	return $socket;
}

sub connections
{
	my ($self, $count, $first, $from) = @_;
	return grep { defined } map { $self->connection($first, $from) } 1 .. $count;
}

# Everything that comes until the other side closes, or until $seconds have passed.
sub rest
{
	my ($self, $socket, $seconds, $most) = @_;
	my ($deadline, $all) = (time + ($seconds // 10), '');
	my $select = IO::Select->new($socket);
	while ($select->can_read(($deadline - time) > 0 ? $deadline - time : 0))
	{
		my $got = sysread $socket, my $some, 65536;
		last unless $got;
		$all .= $some;
		last if defined $most && length($all) > $most;
	}
	return $all;
}

# { status, content, all }; status 0: none came.
sub ask
{
	my ($self, $bytes, $seconds, $most) = @_;
	my $socket = $self->connection($bytes) or return { status => 0, all => '', content => '' };
	my $all = $self->rest($socket, $seconds, $most);
	my ($status) = $all =~ m{^HTTP/1\.1 (\d+)};
	return { status => $status // 0, all => $all, content => $all =~ /\r\n\r\n(.*)/s ? $1 : '' };
}

# Writes the piece again and again until the other side has enough, $total bytes are written or $seconds have passed; with
# $once a part that was not taken is written on. The bytes that were taken.
sub push_bytes
{
	my ($self, $socket, $piece, $total, $seconds, $once) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my ($sent, $deadline, $select) = (0, time + ($seconds // 20), IO::Select->new($socket));
	$socket->blocking(0);
	while ($sent < $total && time < $deadline)
	{
		next unless $select->can_write(0.1);
		my $wrote = syswrite $socket, $piece, length($piece) - ($once ? $sent : 0), $once ? $sent : 0;
		last if !defined $wrote && !$!{EAGAIN};
		$sent += $wrote // 0;
	}
	$socket->blocking(1);
	return $sent;
}

# Is the socket closed by the other side?
sub closed
{
	my ($self, $socket) = @_;
	return 0 unless IO::Select->new($socket)->can_read(0);
	my $got = sysread $socket, my $some, 65536;
	return !defined $got || $got == 0;
}

# Seconds that /healthz took; undef when it did not answer 200 in time.
sub health
{
	my ($self, $seconds) = @_;
	my $begin = time;
	my $answer = $self->ask("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", $seconds // 4);
	return $answer->{status} == 200 ? time - $begin : undef;
}

# The peak of the environment's memory during what is done, in MB above what it was. The kernel's own peak tells it where it is
# a new one (it cannot be reset: the program's /proc is closed to its own user); below that a child looks every millisecond.
sub peak_mb
{
	my ($self, $do) = @_;
	my $environment = $self->{t}->environment;
	my ($before, $peak_before) = ($environment->resident_kb, $environment->peak_kb);
	pipe(my $read, my $write) or croak "pipe: $!";
	my $looks = fork // croak "fork: $!";
	if (!$looks)
	{
		my ($stop, $peak) = (0, 0);
		local $SIG{TERM} = sub { $stop = 1 };
		# a child that died would stop the test's servers on its way out
		until ($stop)
		{
			my $now = eval { $environment->resident_kb } // 0;
			$peak = $now if $now > $peak;
			select undef, undef, undef, 0.001;
		}
		syswrite $write, "$peak\n";
		POSIX::_exit(0);    # no destructors of the test
	}
	close $write;
	my $done = eval { $do->(); 1 };
	my $problem = $@;
	kill TERM => $looks;
	my $peak = <$read> // 0;
	waitpid $looks, 0;
	die $problem unless $done;
	return 0 unless $environment->alive;
	my $peak_after = $environment->peak_kb;
	$peak = $peak_after if $peak_after > $peak_before;
	return ($peak - $before) / 1024;
}

sub memory_ok
{
	my ($self, $what, $do, $mb) = @_;
	my $grew = $self->peak_mb($do);
	ok($self->{t}->environment->alive, "$what: the environment lives");
	return cmp_ok($grew, '<', $mb, sprintf('%s: %.0f MB', $what, $grew));
}

# One request of an agent with its body.
sub request
{
	my ($self, $method, $path, $token, $body) = @_;
	return "$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nConnection: close\r\nContent-Length: "
	  . length($body) . "\r\n\r\n$body";
}

1;
