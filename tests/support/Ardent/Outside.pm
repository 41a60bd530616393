# SPDX-License-Identifier: PostgreSQL
# What the tests of `ardent connector preflight` share: running it, a certificate authority, a pg_hba.conf.
package Ardent::Outside;
use strict;
use warnings;
use Carp;
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(preflight hba own_address certificate authority proxy wait_until);

$ENV{LC_ALL} = 'C.UTF-8';
delete @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PGSSLMODE PGSSLROOTCERT PGPASSWORD)};

# (exit code, what it printed, errors)
sub preflight
{
	my ($url, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'ardent', 'connector', 'preflight', 'postgresql', $url, @arguments ], '<', \undef, '>', \$out,
		'2>', \$err);
	return ($? >> 8, $out, $err);
}

# These lines alone are the server's pg_hba.conf, in force at return; its owner gets in over the socket.
sub hba
{
	my ($node, @lines) = @_;
	my $owner = $node->safe_psql('postgres', 'SELECT current_user');
	unlink $node->data_dir . '/pg_hba.conf';
	append_to_file($node->data_dir . '/pg_hba.conf', join("\n", "local all,replication $owner trust", @lines) . "\n");
	my $loaded = sub { return $node->safe_psql('postgres', 'SELECT pg_conf_load_time()') };
	my $before = $loaded->();
	$node->reload;
	return wait_until('the server has read pg_hba.conf', sub { return $loaded->() ne $before });
}

# An IPv4 address of this machine that is no loopback; undef when it has none. Nothing is sent.
sub own_address
{
	my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.200', PeerPort => 9) or return;
	my $address = $socket->sockhost;
	return $address =~ /^127\./ ? undef : $address;
}

# A certificate authority: authority(folder, name) makes name.crt and name.key.
sub authority
{
	my ($dir, $name) = @_;
	run_openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', "/CN=$name", '-keyout',
		"$dir/$name.key", '-out', "$dir/$name.crt");
	return "$dir/$name.crt";
}

# certificate(folder, name, authority's name, 'DNS:…,IP:…', days): name.crt and name.key.
sub certificate
{
	my ($dir, $name, $authority, $for, $days) = @_;
	append_to_file("$dir/$name.ext", "subjectAltName=$for\n");
	run_openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', "/CN=$name", '-keyout', "$dir/$name.key", '-out',
		"$dir/$name.csr");
	# an end before the beginning, as with -1 days, is refused from 3.4 on, which knows both as options
	my ($newer) = qx(openssl version) =~ /^OpenSSL (?:[4-9]|3\.[4-9]|3\.\d\d)/;
	my @validity = $days < 0 && $newer ? ('-not_before', '20200101000000Z', '-not_after', '20200102000000Z') : ('-days', $days);
	run_openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$authority.crt", '-CAkey', "$dir/$authority.key",
		'-CAcreateserial', @validity, '-extfile', "$dir/$name.ext", '-out', "$dir/$name.crt");
	chmod 0600, "$dir/$name.key";
	return;
}

sub run_openssl
{
	my (@arguments) = @_;
	my $said = '';
	IPC::Run::run([ 'openssl', @arguments ], '<', \undef, '>&', \$said) or croak "openssl @arguments: $said";
	return;
}

# A proxy that passes whole sessions on and tells the client another process number, as some providers' do; what
# asks for replication goes to another server when there is one. Its process id and its port.
sub proxy
{
	my ($server, $server_of_replication) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or croak "listen: $!";
	my $pid = fork // croak "fork: $!";
	return ($pid, $listener->sockport) if $pid;
	$SIG{CHLD} = 'IGNORE';
	while (my $client = $listener->accept)
	{
		next if fork;
		close $listener;
		eval { pass_session($client, $server, $server_of_replication // $server) };
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}

sub pass_session
{
	my ($client, @ports) = @_;
	sysread($client, my $startup, 65536) or return;
	my $port = $ports[ $startup =~ /\0replication\0/ ? 1 : 0 ];
	my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
	syswrite $server, $startup;
	my $told = 0;
	my $pending = '';
	my $both = IO::Select->new($client, $server);
	while (my @ready = $both->can_read)
	{
		foreach my $from (@ready)
		{
			sysread($from, my $bytes, 65536) or return;
			if ($from == $client) { syswrite $server, $bytes; next; }
			if (!$told)
			{
				# messages up to BackendKeyData: type, length, …
				$pending .= $bytes;
				$bytes = '';
				while (!$told && length($pending) >= 5 && length($pending) > unpack('N', substr($pending, 1, 4)))
				{
					my $message = substr($pending, 0, 1 + unpack('N', substr($pending, 1, 4)), '');
					$told = substr($message, 0, 1) eq 'K';
					substr($message, 5, 4) = pack('N', 1234567) if $told;
					$bytes .= $message;
				}
				if ($told) { $bytes .= $pending; $pending = ''; }
			}
			syswrite $client, $bytes;
		}
	}
	return;
}

sub wait_until
{
	my ($what, $so, $seconds) = @_;
	my $deadline = time + ($seconds // 60);
	until ($so->())
	{
		croak "not within time: $what" if time > $deadline;
		usleep(50_000);
	}
	return 1;
}

1;
