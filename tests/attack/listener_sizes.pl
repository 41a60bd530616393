# SPDX-License-Identifier: PostgreSQL
# Who has one agent's token: what it promises, nests and keeps waiting costs the environment bounded memory and others nothing.
use strict;
use warnings;
use Ardent::Listener;
use Ardent::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $mb = 1 << 20;
my $budget = 700;    # MB
my $t = Ardent::Test->new(name => 'sizes', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY)');
my $l = Ardent::Listener->new($t);
$t->start_environment('environment.message_bytes' => '256MB', 'environment.call_memory' => "${budget}MB",
	'environment.http_threads' => 32);
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
my $made = $t->http('POST', '/v1/connectors', { name => 'thief', service_name => 'postgresql',
		connection_details => { sidecar => JSON::PP::true } })->{json};
my $token = $made->{agent_token};
my $agent = "/v1/connectors/$made->{id}/agent";

# The statuses of many calls at once, in the order of their coming.
sub at_once
{
	my ($seconds, @requests) = @_;
	my @sockets = map { $l->connection } @requests;
	local $SIG{PIPE} = 'IGNORE';
	foreach my $i (0 .. $#requests)
	{
		# a refused call's body is not read to its end
		$l->push_bytes($sockets[$i], $requests[$i], length $requests[$i], 30, 1);
	}
	return map { $l->rest($_, $seconds) =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0 } @sockets;
}

sub counted { my %count; $count{$_}++ foreach @_; return join ', ', map { "$count{$_} x $_" } sort keys %count; }

sub alive_ok
{
	my ($after) = @_;
	return if ok($t->environment->alive, "$after: the environment lives");
	$t->start_environment;
	return;
}

# Depth
my $deep = '[' x 100_000 . ']' x 100_000;
my %source = (system_identifier => '1', timeline => 1, server_version_num => 150020, database => 'shop', server_encoding => 'UTF8',
	locale_provider => 'c', lc_collate => 'C', lc_ctype => 'C', icu_locale => undef, icu_rules => undef, extension_version => undef);
my %hello = (protocol => 1, agent_version => '0.1.0', source => \%source,
	slot => { name => 'ardent_x', plugin => 'wal2json', plugin_options => {}, exists => JSON::PP::false, confirmed_flush_lsn => undef, wal_status => undef },
	schemas => ['public'], excluded => [], preflight => { preflight_pass => JSON::PP::true, checks => {} });
my $with = sub {
	my ($value, $preflight) = @_;
	return encode_json({ %$value, preflight => 'HERE' }) =~ s/"HERE"/$preflight/r;
};
my %status = (session => '0' x 32, source_lsn => undef, retained_wal_bytes => undef, wal_status => undef, safe_wal_size => undef,
	resident_bytes => undef, wal_bytes_per_second => undef, warnings => []);
foreach my $case ([ 'hello', "$agent/hello", $token, $with->(\%hello, $deep) ],
	[ 'status', "$agent/status", $token, $with->(\%status, $deep) ],
	[ 'schema', "$agent/schema", $token, '[' x 2_000_000 ],
	[ 'objects', '/v1/connectors', $t->{admin_key}, '{"a":' x 100_000 . '1' . '}' x 100_000 ])
{
	my ($what, $path, $key, $body) = @$case;
	my ($got) = at_once(20, $l->request('POST', $path, $key, $body));
	is($got, 422, "$what, 100,000 deep: 422");
	alive_ok($what);
}
my ($row) = $l->ask($l->request('GET', "/v1/connectors/$made->{id}", $t->{admin_key}, ''))->{content};
ok(eval { decode_json($row); 1 }, 'and the API shows the connector');

# Promises. A zstd frame by hand: $random bytes as they are, then one byte repeated, 4 bytes for each 128 kB.
sub frame
{
	my ($size, $random) = @_;
	my $block = 131072;
	my $frame = pack('N C C Q<', 0x28B52FFD, 0xC4, 0x50, $size);
	for (my $left = $size; $left > 0; $left -= $block)
	{
		my $now = $left < $block ? $left : $block;
		my $plain = $random > 0;
		$random -= $now;
		my $head = ($left <= $block ? 1 : 0) | ($plain ? 0 : 2) | ($now << 3);
		$frame .= substr(pack('V', $head), 0, 3) . ($plain ? pack('L*', map { int rand 4294967296 } 1 .. $now / 4) : 'x');
	}
	return $frame . "\0\0\0\0";
}

sub segment
{
	my ($promised, $frame) = @_;
	return pack('a4 v v a16 Q< Q< Q< Q< V V Q< Q<', 'ARDS', 1, 1, "\0" x 16, 0, 0, 0, 0, 1, 0, $promised, length $frame) . $frame;
}

my $small = frame(256 * $mb, 0);
cmp_ok(length $small, '<', 10_000, 'a frame of some kilobytes that holds 256 MB');
my @statuses;
$l->memory_ok('twelve of them at once', sub {
	@statuses = at_once(30, ($l->request('POST', "$agent/segments", $token, segment(256 * $mb, $small))) x 12);
}, 64);
is(counted(@statuses), '12 x 422', 'each is refused');
$l->memory_ok('frames that hold less than their segments promise', sub {
	@statuses = at_once(30, ($l->request('POST', "$agent/segments", $token, segment(256 * $mb, frame($mb, 0)))) x 12);
}, 64);
is(counted(@statuses), '12 x 422', 'are refused');
my $fitting = frame(256 * $mb, 1.1 * $mb);
$l->memory_ok('twelve whose bytes may hold 256 MB', sub {
	@statuses = at_once(60, ($l->request('POST', "$agent/segments", $token, segment(256 * $mb, $fitting))) x 12);
}, $budget + 64);
is((scalar grep { $_ == 422 || $_ == 503 } @statuses), 12, 'are read one after another or told to come again: ' . counted(@statuses));

# JSON takes many times its bytes.
my $wide = $with->(\%hello, '[' . join(',', ('[]') x (3 * $mb)) . ']');
$l->memory_ok('eight hellos of 9 MB of empty lists', sub {
	@statuses = at_once(60, ($l->request('POST', "$agent/hello", $token, $wide)) x 8);
}, $budget + 64);
is((scalar grep { $_ =~ /^(200|422|503)$/ } @statuses), 8, 'each is answered: ' . counted(@statuses));

# Calls that wait
my $session = decode_json($l->ask($l->request('POST', "$agent/hello", $token, encode_json(\%hello)))->{content})->{session};
ok($session, 'a session') or BAIL_OUT('no session');
my @waiting = map { $l->connection("GET $agent/position?session=$session&after=0/0&wait=20 HTTP/1.1\r\nHost: x\r\n"
		  . "Authorization: Bearer $token\r\n\r\n") } 1 .. 100;
my $refused = 0;
$t->wait_for('calls beyond the bound are refused at once', sub {
	$refused = grep { IO::Select->new($_)->can_read(0) } @waiting;
	return $refused >= 70;
}, 10);
cmp_ok($refused, '<', 100, "of 100 calls that wait $refused are refused");
my $first = $l->rest((grep { IO::Select->new($_)->can_read(0) } @waiting)[0], 2);
like($first, qr{^HTTP/1\.1 429 .*"code":"too_many_calls"}s, 'with 429');
my $begin = time;
ok(defined $l->health(2), '/healthz answers meanwhile');
is($t->http('GET', '/v1/connectors')->{status}, 200, 'and the API');
$t->wait_caught_up(10);
cmp_ok(time - $begin, '<', 10, 'and the other connector streams');
close $_ foreach @waiting;

my (undef, $end) = $t->stop_all;
is($end, 0, 'a clean end');
done_testing();
