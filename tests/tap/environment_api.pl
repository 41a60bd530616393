# SPDX-License-Identifier: PostgreSQL
# The environment's HTTP side: keys and tokens, what is refused and how, removal, pages of the service, TLS.
use strict;
use warnings;
use Ardent::Test;
use IO::Socket::INET;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'api', grants => 0);
my $bin = $Ardent::Test::bin;
my $patience = 30;

sub run_environment
{
	my (@arguments) = @_;
	my $said = '';
	IPC::Run::run([ "$bin/ardent-environment", @arguments ], '<', \undef, '>&', \$said);
	return ($? >> 8, $said);
}

# Raw bytes over a socket: what HTTP::Tiny would not send.
sub raw
{
	my ($bytes) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->{port}, Timeout => $patience)
	  or die "connect: $!";
	print $socket $bytes;
	my $line = <$socket> // '';
	return $line =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

sub with_token
{
	my ($token, $method, $path, $body) = @_;
	local $t->{admin_key} = $token;
	return $t->http($method, $path, $body);
}

# The program
$t->start_environment;
my @config = ('--config', $t->dir . '/environment.toml');
my ($code, $said) = run_environment('init', @config);
is($code, 2, 'a second init is refused');
like($said, qr/another ardent-environment|initialised before/, 'and says why');
unlike($said, qr/sk-ard_live_/, 'and prints no key');
($code, $said) = run_environment('serve', @config);
is($code, 2, 'a second environment on one data directory is refused');
like($said, qr/another ardent-environment works in/, 'and says so');
($code, $said) = run_environment('serve', @config, '--environment-listen', '0.0.0.0:1');
is($code, 2, 'plain HTTP on a public address is refused');
like($said, qr/TLS certificate/, 'and says what is missing');
($code, $said) = run_environment('serve', @config, '--benchmark-delivered-only');
is($code, 2, 'the mode that throws changes away is refused outside the benchmark');
($code, $said) = run_environment('config', '--example');
open(my $example, '<', "$Ardent::Test::top/packaging/environment.toml.example") or die "the example: $!";
is($said, do { local $/ = undef; <$example> }, 'the packaged example is what the program prints');
unlike(`tr '\\0' ' ' < /proc/${\ $t->environment->pid }/cmdline`, qr/sk-ard_live/, 'no key on the command line');

# Keys
is(with_token('', 'GET', '/v1/connectors')->{status}, 401, 'no key: 401');
is(with_token('sk-ard_live_' . 'a' x 64, 'GET', '/v1/connectors')->{status}, 401, 'an unknown key: 401');
is($t->http('GET', '/v1/connectors')->{status}, 200, 'the admin key: 200');
is($t->http('GET', '/v1/connectors?org_id=other')->{json}{connectors}[0], undef, 'another organization has none');

# What cannot be created
my $create = sub { return $t->http('POST', '/v1/connectors', $_[0])->{status} };
my %good = (name => 'shop', service_name => 'postgresql', project_id => 'project_default',
	connection_details => { sidecar => JSON::PP::true });
is($create->({ %good, name => '' }), 422, 'no name: 422');
is($create->({ %good, name => 'x' x 101 }), 422, 'a name that is too long: 422');
is($create->({ %good, service_name => 'mysql' }), 400, 'another service: 400');
is($create->({ %good, project_id => 'other' }), 400, 'another project: 400');
is($create->({ %good, connection_details => { url => 'postgresql://x' } }), 400, 'without an agent: 400');
is($create->({ %good, connection_details => { sidecar => JSON::PP::true, schemas => [] } }), 422, 'no schema: 422');
is($create->([]), 422, 'a list: 422');
my $id = $t->create_connector;
is($create->({ %good }), 400, 'a name twice: 400');
my $row = $t->connector;
is($row->{status}, 'pending', 'a connector begins as pending');
is_deeply($row->{schemas}, ['public'], 'with its schemas');
ok(!exists $row->{agent_token}, 'the token is shown once');

# Tokens
my $token = do { open(my $in, '<', $t->{token_file}) or die; my $line = <$in>; chomp $line; $line };
my $position = "/v1/connectors/$id/agent/position?session=" . '0' x 32 . '&after=0/0';
is(with_token($token, 'GET', $position)->{status}, 409, 'the token is known; the session is not');
is(with_token($token, 'GET', '/v1/connectors')->{status}, 401, 'an agent token opens nothing else');
is($t->http('GET', $position)->{status}, 401, 'and the admin key is no agent token');
my $second = $t->http('POST', "/v1/connectors/$id/agent-token", {})->{json}{agent_token};
is(with_token($token, 'GET', $position)->{status}, 401, 'a new token ends the old one');
is(with_token($second, 'GET', $position)->{status}, 409, 'and works itself');
is(with_token($second, 'GET', '/v1/connectors/' . 'f' x 32 . '/agent/position')->{status}, 404,
	'an unknown connector: 404');
my $dump = `grep -raoE '(sk-ard_live_|ard_agent_)[0-9a-f]{64}' ${\ $t->dir }/data 2>/dev/null`;
is($dump, '', 'no key or token stands in the data directory');
unlike($t->environment->log_text, qr/sk-ard_live_|ard_agent_/, 'nor in the log');

# Bodies
my $agent = "/v1/connectors/$id/agent";
is(with_token($second, 'POST', "$agent/hello", {})->{status}, 422, 'a hello without its fields: 422');
is(with_token($second, 'POST', "$agent/hello", { protocol => 99, agent_version => 'x' })->{json}{code},
	'protocol_version', 'another protocol version is told as such');
is($t->http('PATCH', '/v1/connectors')->{status}, 405, 'a known path, another method: 405');
is($t->http('GET', '/v2')->{status}, 404, 'an unknown path: 404');
my $head = "Host: x\r\nAuthorization: Bearer $second\r\n";
is(raw("POST $agent/hello HTTP/1.1\r\n${head}Content-Length: 99999999999\r\n\r\n"), 413,
	'a body that is too long is refused before it is read');
is(raw("POST $agent/hello HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n"), 411,
	'and one whose length is not told');
is(raw("POST $agent/hello HTTP/1.1\r\n${head}Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"), 415,
	'and one that would be inflated');
is(raw("POST $agent/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n"), 401,
	'a caller without a token cannot send a body at all');
is(raw("POST $agent/segments HTTP/1.1\r\n${head}Content-Length: 4\r\n\r\nARDS"), 422, 'a cut segment: 422');

# The service's own pages
is(with_token('', 'GET', '/healthz')->{json}{status}, 'ok', '/healthz needs no key');
is(with_token('', 'GET', '/readyz')->{json}{status}, 'ready', '/readyz neither');
like(with_token('', 'GET', '/metrics')->{content}, qr/^ardent_connector_failed\{connector="$id",name="shop"\} 0$/m,
	'/metrics has the connector');
is(with_token('', 'GET', '/openapi.json')->{json}{openapi}, '3.1.0', '/openapi.json');

# Every path of the document is answered by its route, and no other.
my $document = $t->http('GET', '/openapi.json')->{json};
foreach my $path (sort keys %{ $document->{paths} })
{
	my $there = $path =~ s/\{connector_id\}/$id/r =~ s/\{\w+\}/0/gr;
	foreach my $method (grep { /^(get|put|post|delete|patch)$/ } sort keys %{ $document->{paths}{$path} })
	{
		next if $method eq 'delete';
		my $status = with_token('', uc $method, $there)->{status};
		ok($status == 401 || $status == 200, "\U$method\E $path is served") or diag($status);
	}
}

# Restart, removal
$t->http('PUT', "/v1/connectors/$id", { name => 'renamed' });
is($t->environment->stop($patience), 0, 'SIGTERM ends it with 0');
$t->start_environment;
is($t->connector->{name}, 'renamed', 'the state survives a restart');
is(with_token($second, 'GET', $position)->{status}, 409, 'so does the token');
my $handle = $t->http('DELETE', "/v1/connectors/$id");
is($handle->{status}, 202, 'removal is accepted');
$t->wait_for('the removal is done', sub {
	return $t->http('GET', "/v1/operations/$handle->{json}{operation_id}?wait=5")->{json}{status} eq 'completed';
}, $patience);
is($t->http('GET', "/v1/connectors/$id")->{status}, 404, 'the connector is gone');
is($t->http('DELETE', "/v1/connectors/$id")->{status}, 404, 'once more: 404');
is($t->environment->stop($patience), 0, 'a clean end');

# TLS
my $dir = $t->dir;
is(system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout $dir/key.pem "
	  . "-out $dir/cert.pem -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1"), 0, 'a certificate');
my @tls = ('--environment-tls-certificate', "$dir/cert.pem", '--environment-tls-key', "$dir/key.pem");
chmod 0644, "$dir/key.pem";
($code, $said) = run_environment('serve', @config, @tls);
is($code, 2, 'a key that others may read is refused');
chmod 0600, "$dir/key.pem";
my $with_tls = Ardent::Process->start(name => 'tls', log => "$dir/tls.log",
	command => [ "$bin/ardent-environment", 'serve', @config, @tls ]);
my $curl = "curl -sS --cacert $dir/cert.pem -o /dev/null -w '%{http_code}'";
$t->wait_for('the environment answers over TLS',
	sub { return `$curl https://127.0.0.1:$t->{port}/readyz 2>/dev/null` eq '200' }, $patience);
isnt(`curl -sS --tls-max 1.1 --ciphers 'DEFAULT\@SECLEVEL=0' -k -o /dev/null -w '%{http_code}' https://127.0.0.1:$t->{port}/readyz 2>/dev/null`,
	'200', 'TLS 1.1 is refused');
isnt(`$curl http://127.0.0.1:$t->{port}/readyz 2>/dev/null`, '200', 'and so is plain HTTP');
is($with_tls->stop($patience), 0, 'a clean end');
$t->source->stop('fast');
done_testing();
