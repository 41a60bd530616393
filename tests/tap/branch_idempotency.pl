# SPDX-License-Identifier: PostgreSQL
# X-Idempotency-Key at POST /v1/branch/create: an answer that was lost may be asked for again, also after the environment was
# killed, and a key stands for one request.
use strict;
use warnings;
use Ardent::Test;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use POSIX ();
use Test::More;

my $t = Ardent::Test->new(name => 'branch_idempotency', sql => 'CREATE TABLE public.item (id serial PRIMARY KEY); INSERT INTO item DEFAULT VALUES');
my $database = $Ardent::Test::database;
my $ports = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$ports-" . ($ports + 20), 'environment.agent_timeout' => '15s');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

# create(KEY or undef, name => …): HTTP::Tiny's answer with {json}
my $create = sub {
	my ($key, %body) = @_;
	my $json = delete $body{json} // JSON::PP->new->canonical;
	my $answer = HTTP::Tiny->new(timeout => 60)->post($t->url . '/v1/branch/create', {
		headers => { Authorization => "Bearer $t->{admin_key}", 'Content-Type' => 'application/json', defined $key ? ('X-Idempotency-Key' => $key) : () },
		content => $json->encode({ connector_id => $t->{connector}, service_type => 'postgres', %body }) });
	$answer->{json} = eval { decode_json($answer->{content}) };
	return $answer;
};
my $replayed = sub { return $_[0]->{headers}{'x-idempotency-replay'} };
my $ended = sub {
	my ($id) = @_;
	my $operation;
	$t->wait_for("operation $id", sub {
		$operation = $t->http('GET', "/v1/operations/$id?wait=5")->{json};
		return $operation->{status} =~ /^(?:completed|failed)$/;
	});
	return $operation->{status};
};
my $state = sub {
	my ($sql) = @_;
	my $conninfo = $t->replica_admin =~ s/host=\S+/host=@{[ $t->dir ]}\/run\/state/r =~ s/dbname=\S+/dbname=environment/r;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $conninfo, '-c', $sql ], '>', \$out, '2>', \$err) or die $err;
	chomp $out;
	return $out;
};

foreach my $bad ('', 'x' x 256, "a\tb")
{
	my $answer = $create->($bad, name => 'never');
	is($answer->{status}, 400, 'no key: ' . (length $bad > 20 ? 'one of 256 characters' : "'$bad'")) or diag($answer->{content});
}
is(scalar @{ $t->http('GET', "/v1/branches/$t->{connector}")->{json} }, 0, 'nothing was made');
# What HTTP::Tiny does not send.
foreach my $case ([ "X-Idempotency-Key: caf\xc3\xa9", 'nor one beyond ASCII' ], [ "X-Idempotency-Key: a\r\nx-idempotency-key: b", 'nor two' ])
{
	my ($lines, $name) = @$case;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->{port}) or die $!;
	print $socket "POST /v1/branch/create HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $t->{admin_key}\r\n$lines\r\nContent-Length: 0\r\n\r\n";
	$socket->flush;
	like(scalar <$socket>, qr{^HTTP/1\.1 400 }, $name);
}

my $key = 'key of the first, ' . 'x' x 230;
my $first = $create->($key, name => 'first', protect => JSON::PP::false);
is($first->{status}, 202, 'a branch is begun under a key of ' . length $key);
is($replayed->($first), undef, 'which is no replay');
my $again = $create->($key, name => 'first', protect => JSON::PP::false);
is($again->{status}, 202, 'the same once more');
is($replayed->($again), 'true', 'is a replay');
is_deeply($again->{json}, $first->{json}, 'of the first answer');
is($ended->($first->{json}{operation_id}), 'completed', 'whose operation ends');
$again = $create->($key, name => 'first', protect => JSON::PP::false, json => JSON::PP->new->pretty);
is_deeply([ $again->{status}, $replayed->($again), $again->{json} ], [ 202, 'true', $first->{json} ], 'it is the same afterwards, and however the body is written');
my $other = $create->($key, name => 'second');
is_deeply([ $other->{status}, $other->{json}{code} ], [ 422, 'key_reused' ], 'another body under the key is refused');
$other = $create->($key, name => 'first', protect => JSON::PP::true);
is_deeply([ $other->{status}, $other->{json}{code} ], [ 422, 'key_reused' ], 'also with another option');

# Without a key, and under another one, a create on an existing name joins.
my $joined = $create->(undef, name => 'first');
is_deeply([ $joined->{status}, $joined->{json}{created}, $joined->{json}{resource_id} ], [ 200, JSON::PP::false, $first->{json}{resource_id} ], 'without a key the branch is found');
$joined = $create->('another key', name => 'first');
is_deeply([ $joined->{status}, $joined->{json}{created}, $replayed->($joined) ], [ 200, JSON::PP::false, undef ], 'and under another key');
$again = $create->('another key', name => 'first');
is_deeply([ $again->{status}, $replayed->($again), $again->{json} ], [ 200, 'true', $joined->{json} ], 'which is replayed as it was answered');

# A key repeats its answer whatever the branch has become; another request is held against what the branch has now.
my $timed = $create->('key of a ttl', name => 'timed', ttl => 3600);
is($ended->($timed->{json}{operation_id}), 'completed', 'a branch with a ttl');
is($t->http('PATCH', "/v1/branches/$t->{connector}/$timed->{json}{resource_id}", { ttl => 7200 })->{status}, 200, 'which is changed');
$again = $create->('key of a ttl', name => 'timed', ttl => 3600);
is_deeply([ $again->{status}, $replayed->($again), $again->{json} ], [ 202, 'true', $timed->{json} ], 'its key still gives its answer');
$other = $create->('later key', name => 'timed', ttl => 3600);
is_deeply([ $other->{status}, $other->{json}{code} ], [ 409, 'branch_differs' ], 'another key with the ttl of before is refused');
$other = $create->('later key', name => 'timed', ttl => 7200);
is_deeply([ $other->{status}, $other->{json}{created} ], [ 200, JSON::PP::false ], 'and with the ttl of now finds the branch');

# A refusal is no answer that is kept.
$other = $create->('key of a refusal', name => 'NO');
is($other->{status}, 400, 'a refused request');
$other = $create->('key of a refusal', name => 'allowed');
is($other->{status}, 202, 'leaves its key free');
is($ended->($other->{json}{operation_id}), 'completed', 'and the branch is made');

# In flight: a create waits for a connector that does not stream, for ten seconds, and its key waits with it.
$t->agent->stop(30);
$t->wait_for('the agent is gone', sub { return !$t->connector->{agent}{connected} }, 120);
# Two of them at once: it is not said which one comes first.
my $what = sub {
	my $answer = $create->('key in flight', name => 'waits');
	return $answer->{status} . ' ' . ($answer->{json}{code} // '');
};
my $first_or_second = fork // die $!;
if ($first_or_second == 0)
{
	POSIX::_exit($what->() =~ /^422/ ? 22 : 9);
}
my $mine = $what->();
waitpid($first_or_second, 0);
my $theirs = $? >> 8;
like($mine, $theirs == 22 ? qr/^409 in_flight$/ : qr/^422 /, 'of the same request twice, one is told that the other is in flight')
  or diag("$mine and $theirs");
is($theirs, $mine =~ /^409/ ? 22 : 9, 'the other is refused in the end');
$t->start_agent;
$t->wait_streaming;
$other = $create->('key in flight', name => 'waits');
is($other->{status}, 202, 'and its key is free again');
is($replayed->($other), undef, 'for a first answer');
is($ended->($other->{json}{operation_id}), 'completed', 'of a branch');

# The answer is lost, and the environment with it.
$t->environment->kill9;
$t->start_environment;
$again = $create->($key, name => 'first', protect => JSON::PP::false);
is_deeply([ $again->{status}, $replayed->($again), $again->{json} ], [ 202, 'true', $first->{json} ], 'the answer is the same after a kill of the environment');

# For 24 hours, and not beyond the branch.
$state->(q(UPDATE environment.idempotency SET created_at = now() - interval '25 hours' WHERE key = 'another key'));
$again = $create->('another key', name => 'first');
is_deeply([ $again->{status}, $replayed->($again) ], [ 200, undef ], 'after a day the key is new');
$again = $create->('another key', name => 'first', allow_stale => JSON::PP::true);
is($again->{status}, 422, 'and stands for its new request');
$state->(q(UPDATE environment.idempotency SET created_at = now() - interval '25 hours'));
$create->('one more', name => 'first');
is($state->('SELECT string_agg(key, $$,$$) FROM environment.idempotency'), 'one more', 'what has expired is removed');
$create->($key, name => 'first');
is($ended->($t->http('DELETE', "/v1/branches/$t->{connector}/$first->{json}{resource_id}")->{json}{operation_id}), 'completed', 'the branch is deleted');
is($state->('SELECT count(*) FROM environment.idempotency'), '0', 'and the keys with it');
$t->wait_streaming;
$again = $create->($key, name => 'first');
is_deeply([ $again->{status}, $replayed->($again) ], [ 202, undef ], 'so that the next one makes a new branch');
isnt($again->{json}{resource_id}, $first->{json}{resource_id}, 'of its own');
is($ended->($again->{json}{operation_id}), 'completed', 'completely');

# The command line sends one of its own.
my ($code, $said) = $t->cli('branch', 'create', 'by-hand', '--connector', $database, '--print-url');
is($code, 0, 'ardent branch create') or diag($said);
like($state->('SELECT string_agg(key, $$,$$) FROM environment.idempotency'), qr/(?:^|,)[0-9a-f]{32}(?:,|$)/, 'has a key');
$t->stop_all;
done_testing();
