# SPDX-License-Identifier: PostgreSQL
# `ardent connector create | list | status | delete` and `login` against a real environment: what they print, their exit
# codes, and that what create prints is enough to start an agent.
use strict;
use warnings;
use Ardent::Test;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{LC_ALL} = 'C.UTF-8';
my $t = Ardent::Test->new(name => 'cli', sql => 'CREATE TABLE public.n (id int PRIMARY KEY); CREATE UNLOGGED TABLE public.alone (id int PRIMARY KEY)');
{
	local @ENV{qw(ARDENT_API_URL ARDENT_TOKEN)} = ('http://127.0.0.1:1', 'sk-none');
	my $said = qx("$Ardent::Test::bin/ardent" connector list 2>&1);
	is($? >> 8, 1, 'an environment out of reach: exit 1');
	like($said, qr/^✗ .*127\.0\.0\.1/m, 'and it is named');
}
$t->start_environment;

my ($code, $said) = $t->cli('connector', 'list');
is($code, 0, 'an empty list is no error');
like($said, qr/No connectors found/, 'and says how to make one');
($code, $said) = $t->cli('connector', 'create', 'shop');
is($code, 2, 'create without --sidecar: usage');
($code, $said) = $t->cli('connector', 'create', 'shop', '--sidecar', '--schemas', 'a b');
is($code, 2, 'a list of schemas that cannot be read: usage');

($code, $said) = $t->cli('connector', 'create', 'shop', '--sidecar', '--schemas', 'public');
is($code, 0, 'create') or diag($said);
my ($id) = $said =~ /ID:\s+(\S+)/;
my ($token) = $said =~ /Token:\s+(\S+)/;
ok($id && $token, 'prints the id and the token');
like($said, qr/ardent-agent check --config/, 'and what to run beside the source');
my ($toml) = $said =~ /^(\[environment\].*?)^and run as root/ms;
like($toml, qr/^connector = "\Q$id\E"$/m, 'and the configuration');
($code, my $again) = $t->cli('connector', 'create', 'shop', '--sidecar');
is($code, 1, 'the same name again is refused');
unlike($again, qr/\Q$token\E/, 'without the token');

my ($listed, $shown);
($code, $listed) = $t->cli('connector', 'list');
like($listed, qr/◐ shop \[pending\]/, 'list: pending');
($code, $shown) = $t->cli('connector', 'status', 'shop');
like($shown, qr/^Status:\s+pending$/m, 'status: pending');
unlike($listed . $shown, qr/\Q$token\E/, 'the token is shown once only');

# the printed configuration, with this test's places in it, starts an agent
my $source = $t->source;
my $token_file = $t->write_file('agent.token', "$token\n", 0600);
$toml =~ s{/etc/ardent/agent\.token}{$token_file};
$toml =~ s{/etc/ardent/source\.password}{$t->{password_file}};
$toml =~ s{^host = .*}{host = "@{[ $source->host ]}"\nport = @{[ $source->port ]}}m;
$toml =~ s{^database = .*}{database = "$Ardent::Test::database"}m;
my $config = $t->write_file('printed.toml', $toml, 0600);
$t->{connector} = $id;
my $agent = Ardent::Process->start(name => 'agent', log => $t->dir . '/agent.log',
	command => [ "$Ardent::Test::bin/ardent-agent", 'run', '--config', $config ]);
$t->wait_for('the connector streams', sub { $t->status =~ /^(streaming|degraded)$/ });
($code, $listed) = $t->cli('connector', 'list');
like($listed, qr/● shop \[(streaming|degraded)\]/, 'list: streaming');
($code, $shown) = $t->cli('connector', 'status', $id);
is($code, 0, 'status by the id');
like($shown, qr/public\.alone/, 'status names what the stream does not carry');
like($shown, qr/durable\s+[0-9A-F]+\/[0-9A-F]+/, 'and the durable position');
($code, my $json) = $t->cli('connector', 'status', 'shop', '--json');
is(decode_json($json)->{id}, $id, 'status --json');
is(decode_json(($t->cli('connector', 'list', '--json'))[1])->[0]{name}, 'shop', 'list --json');
($code, $said) = $t->cli('connector', 'status', 'nobody');
is($code, 1, 'a connector that is not there');
like($said, qr/nobody/, 'is named');
is($agent->stop, 0, 'the agent ends cleanly');

($code, $said) = $t->cli('connector', 'delete', 'shop');
is($code, 0, 'delete') or diag($said);
like($said, qr/✓ Connector deleted/, 'says so');
like(($t->cli('connector', 'list'))[1], qr/No connectors found/, 'and it is gone');

# login
{
	local $ENV{HOME} = $t->dir;
	my $key = $t->write_file('admin.key', "$t->{admin_key}\n", 0600);
	my $url = $t->url;
	qx("$Ardent::Test::bin/ardent" login --api-url "$url" --token-file "$key" 2>&1);
	is($? >> 8, 0, 'login');
	like(qx("$Ardent::Test::bin/ardent" connector list 2>&1), qr/No connectors found/, 'is remembered');
	is((stat($t->dir . '/.ardent/config.json'))[2] & 07777, 0600, 'for its owner alone');
	my $wrong = $t->write_file('wrong.key', "sk-ard_live_wrong\n", 0600);
	$said = qx("$Ardent::Test::bin/ardent" connector list --token-file "$wrong" 2>&1);
	is($? >> 8, 1, 'a wrong key is refused');
	unlike($said, qr/sk-ard_live_wrong/, 'and not repeated');
}
done_testing();
