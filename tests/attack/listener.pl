# SPDX-License-Identifier: PostgreSQL
# Who has no key: silent, slow and endless connections take neither memory nor room from agents, the API and /healthz.
# long
use strict;
use warnings;
use Ardent::Listener;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'listener', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY)');
my $l = Ardent::Listener->new($t);
my $deadline = 10;    # seconds that TLS handshake and headers may take
$t->start_all;
my $environment = $t->environment;

# Headers
$l->memory_ok('one header line of 64 MB', sub {
	my $socket = $l->connection("GET /healthz HTTP/1.1\r\nX: ");
	cmp_ok($l->push_bytes($socket, 'a' x 65536, 64 << 20), '<', 16 << 20, 'and most of it is not even read');
}, 16);
$l->memory_ok('headers without an end', sub {
	my $socket = $l->connection("GET /healthz HTTP/1.1\r\n");
	$l->push_bytes($socket, 'X-1: ' . 'a' x 4000 . "\r\n", 64 << 20);
}, 16);
$l->memory_ok('a request line without an end', sub {
	my $socket = $l->connection('GET /');
	$l->push_bytes($socket, 'a' x 65536, 64 << 20);
}, 16);
is($l->ask("GET /healthz HTTP/1.1\r\nX: " . 'a' x 20000 . "\r\n\r\n")->{status}, 431, 'headers of 20 kB: 431');
is($l->ask("GET /healthz HTTP/1.1\r\n" . "X: a\r\n" x 200 . "\r\n")->{status}, 431, '200 headers: 431');
is($l->ask("GET /healthz HTTP/1.1\r\n" . "X: a\r\n" x 50 . "Connection: close\r\n\r\n")->{status}, 200, '50 headers: 200');
is($l->ask("no HTTP at all\r\n\r\n")->{status}, 400, 'what is no HTTP: 400');

# Ranges
my $plain = $l->ask("GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
$l->memory_ok('2000 overlapping ranges', sub {
	my $answer = $l->ask("GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes="
		  . join(',', ('0-') x 2000) . "\r\n\r\n", 20, 1 << 24);
	is($answer->{status}, 200, 'a Range is not looked at');
	ok($answer->{content} eq $plain->{content}, 'and the answer is the document, once');
}, 16);

# Slow ones: one deadline for the whole of the headers, however they come.
my @slow = $l->connections(20, "GET /healthz HTTP/1.1\r\n");
my $begin = time;
$t->wait_for('connections that send a byte now and then are closed', sub {
	local $SIG{PIPE} = 'IGNORE';
	@slow = grep { !$l->closed($_) } @slow;
	syswrite $_, 'X' foreach @slow;
	return !@slow;
}, 3 * $deadline);
cmp_ok(time - $begin, '<', 2 * $deadline, 'by a deadline that no byte moves');
# It asks for more than it reads, until its requests are not taken any more, and stays so.
my $reader = $l->connection('');
$l->push_bytes($reader, "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" x 100, 1 << 24, 3);
my $port = $reader->sockport;
$t->wait_for('one that reads none of its answers is cut off', sub {
	return `ss -Htn '( sport = :$t->{port} and dport = :$port )'` !~ /ESTAB/;
}, 3 * $deadline);

# Silent ones
sub all_is_well
{
	my ($while) = @_;
	my ($worst, $failed) = (0, 0);
	foreach (1 .. 20)
	{
		my $took = $l->health;
		$failed++ unless defined $took;
		$worst = $took if defined $took && $took > $worst;
	}
	is($failed, 0, "$while: /healthz answers each time");
	cmp_ok($worst, '<', 2, sprintf('%s: within %.3f s', $while, $worst));
	is($t->http('GET', '/v1/connectors')->{status}, 200, "$while: the API answers");
	$t->source->safe_psql($Ardent::Test::database, 'INSERT INTO public.n DEFAULT VALUES');
	my $from = time;
	$t->wait_caught_up(20);
	cmp_ok(time - $from, '<', 10, sprintf('%s: a row of the running agent arrived in %.1f s', $while, time - $from));
	$from = time;
	is($t->agent->stop, 0, "$while: the agent ends");
	$t->start_agent;
	$t->wait_streaming(30);
	$t->wait_caught_up(20);
	cmp_ok(time - $from, '<', 20, sprintf('%s: an agent that starts streams after %.1f s', $while, time - $from));
	return;
}

# A herd that comes back: whoever is thrown out connects again at once.
sub herd
{
	my ($what, $count, $first, @from) = @_;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		local $SIG{PIPE} = 'IGNORE';
		# a child that died would stop the test's servers on its way out
		my @herd = eval { map { $l->connections($count / @from, $first, $_) } @from };
		while (kill 0, getppid)
		{
			@herd = grep { !$l->closed($_) } @herd;
			eval { push @herd, $l->connections($count - @herd, $first, $from[0]) };
			select undef, undef, undef, 0.05;
		}
		require POSIX;
		POSIX::_exit(0);
	}
	eval { all_is_well($what); 1 } or fail("$what: $@");
	kill KILL => $pid;
	waitpid $pid, 0;
	return;
}
$l->memory_ok('idle connections', sub {
	my @idle = $l->connections(1000);
	cmp_ok(scalar @idle, '>=', 1000, '1000 connections that say nothing');
	all_is_well('1000 idle connections');
	my $open = grep { !$l->closed($_) } @idle;
	cmp_ok($open, '<=', 256, "one address holds $open of them");
}, 64);
herd('1000 that begin a header', 1000, "GET /healthz HTTP/1.1\r\n", undef);
herd('1000 from ten addresses', 1000, '', map { "127.0.0.$_" } 2 .. 11);
my @kept = $l->connections(300, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
all_is_well('300 kept alive after a good request');

is($environment->code, undef, 'it was one and the same environment');
my ($agent, $end) = $t->stop_all;
is($end, 0, 'a clean end');
done_testing();
