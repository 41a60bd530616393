# SPDX-License-Identifier: PostgreSQL
# The front door with a real client, a real opener and a real server that runs contained: TLS goes end to end, cancel
# requests arrive, a sleeping branch holds its clients, and what dies is noticed.
use strict;
use warnings;
use Ardent::Door;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(time usleep);

my $d = Ardent::Door->new;
my $port = $d->{port};
my ($out, $err);

# Asleep: the client is held, the host asked once, a cancel request wakes nobody.
my $cancel = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die $!;
syswrite $cancel, pack('N4', 16, 80877102, 1, 2);
is(sysread($cancel, my $nothing, 1), 0, 'a cancel request to a sleeping branch is closed');
my $begin = time;
my $first = $d->psql_begin('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', $d->tls('channel_binding=require'));
is($d->event, 'request_start b sleeping', 'who connects wakes the branch');
like($d->activity, qr/^starting silent 0 held 1 connected 0/, 'and is held');
$d->launch;
$d->started;
($out, $err) = $d->psql_end($first);
is($out, 't', 'it is served over verified TLS with channel binding') or diag($err);

# The server is process 1 of its room, and the opener a child of it that outlives every signal but one.
my $opener = $d->opener_pid;
ok($opener, 'the opener is a child of the server');
kill $_ => $opener foreach qw(TERM INT HUP QUIT USR1 USR2 CHLD PIPE ALRM);
is(($d->psql('SELECT 1'))[0], '1', 'which no signal of the room ends');
ok(!$d->lock_is_free, 'the lock is held');
is($d->descriptors_of($opener), 'lock socket', 'of what it inherited the opener has the lock alone');
is($d->shared_sockets($opener, $d->{pid}), 0, 'and the server has no socket of the opener');

# TLS end to end
my $trusting = $d->tls('channel_binding=require', "sslrootcert=$d->{other_ca}");
($out, $err) = $d->psql('SELECT 1', $trusting);
like($err, qr/certificate verify failed/, 'another authority is not trusted: nobody stands between');
SKIP:
{
	skip "sslnegotiation=direct takes libpq and server 17, these are $d->{client} and $d->{major}", 1
	  if $d->{client} < 17 || $d->{major} < 17;
	($out, $err) = $d->psql('SELECT 1', $d->tls('sslnegotiation=direct channel_binding=require'));
	is($out, '1', 'TLS without a request before it') or diag($err);
}
is(($d->psql('SELECT 1', $d->plain))[0], '1', 'without TLS, where the server allows it');

# Cancel requests need no routing
my $sleeper = $d->sleeper;
$d->interrupt($sleeper);
($out, $err) = $d->psql_end($sleeper);
like($err, qr/canceling statement due to user request/, 'a cancel request arrives');

# The words of a server that ends a session arrive
$sleeper = $d->sleeper;
$d->admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'");
($out, $err) = $d->psql_end($sleeper);
like($err, qr/terminating connection due to administrator command/, 'and so do the words of a server that ends a session');

# Suspend: refused while somebody is connected; whoever comes meanwhile waits.
$sleeper = $d->sleeper;
is($d->say('suspend b'), 'suspend false', 'no suspend while a client is connected');
$d->interrupt($sleeper);
$d->psql_end($sleeper);
$d->wait_for('nobody is connected', sub { return $d->activity =~ /connected 0 idle \d/ });
is($d->say('suspend b'), 'suspend true', 'and one when nobody is');
$d->stop_server;
ok($d->lock_is_free, 'with the server the opener ended, and the lock is free');
# As clients with connect_timeout=5, which begins when they come.
$begin = time;
my @many = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die $! } 1 .. 200;
syswrite $_, pack('N2', 8, 80877103) foreach @many;
is($d->event, 'request_start b sleeping', 'the host is asked once for two hundred clients');
$d->wait_for('two hundred are held', sub { return $d->activity =~ /held 200 / });
my $held = time;
$d->launch;
$d->started;
my $yes = 0;
my $clients = IO::Select->new(@many);
while ($clients->count && (my $left = $begin + 5 - time) > 0)
{
	foreach my $socket ($clients->can_read($left))
	{
		my $answer = '';
		$yes++ if sysread($socket, $answer, 1) && $answer eq 'S';
		$clients->remove($socket);
	}
}
is($yes, 200, 'all of them are answered by the server within five seconds');
note sprintf('%.2f s until they were held, %.2f s from the start of the server to the last answer', $held - $begin, time - $held);
undef @many;

# A hundred sessions at once, each over TLS with SCRAM
my ($said) = $d->run([ 'pgbench', '-n', '-c', '100', '-j', '2', '-t', '3', '-f', $d->script('SELECT 1;'), $d->tls ]);
like($said, qr{number of transactions actually processed: 300/300}, 'a hundred sessions at once') or diag($said);

# The opener is killed: PostgreSQL takes a child that died by a signal for a crashed backend, and begins anew; the door
# asks the host, and says what the host says.
my $server = $d->{pid};
kill KILL => $d->opener_pid;
my $after = $d->psql_begin('SELECT 1', $d->plain);
is($d->event, 'request_start b opener_lost', 'a killed opener is noticed by the next client');
$d->say('failed b the branch lost its opener; try again');
($out, $err) = $d->psql_end($after);
like($err, qr/FATAL:  the branch lost its opener; try again/, 'who began without TLS is told');
$after = $d->psql_begin('SELECT 1', $d->tls);
is($d->event, 'request_start b sleeping', 'the next one asks for a start again');
$d->say('failed b not this time');
($out, $err) = $d->psql_end($after);
unlike($err, qr/not this time/, 'who begins with TLS is not told in clear');
like($err, qr/server closed the connection unexpectedly/, 'but closed to');
ok(kill(0, $server), 'the server lived on');
$d->stop_server;
like(slurp_file($d->log), qr/was terminated by signal 9/, 'it saw a child die');
$after = $d->psql_begin('SELECT 2', $d->tls);
is($d->event, 'request_start b sleeping', 'a client comes');
$d->launch;
$d->started;
is(($d->psql_end($after))[0], '2', 'and all is well again');

# The server dies under a session
$sleeper = $d->sleeper;
$d->stop_server('KILL');
($out, $err) = $d->psql_end($sleeper);
like($err, qr/closed the connection unexpectedly|has been closed unexpectedly|SSL SYSCALL error|SSL error/, 'a session ends with its server');
$after = $d->psql_begin('SELECT 3', $d->tls);
is($d->event, 'request_start b opener_lost', 'the door learns of it from the next client');
$d->launch;
$d->started;
is(($d->psql_end($after))[0], '3', 'who is served');

# A second door on the same port says so.
like($d->say("open c 127.0.0.1 $port"), qr/^error port $port of 127\.0\.0\.1 is taken/, 'a port that is taken');
$d->say('close b');
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), 'a closed branch does not listen');
$d->stop_server;
done_testing();
