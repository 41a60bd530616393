# SPDX-License-Identifier: PostgreSQL
# A real PgBouncer between: whatever its pool mode, and whether it refuses or ignores the settings that a client sends
# at its start, it is found from outside and refused, by preflight and by the agent.
use strict;
use warnings;
use Ardent::Outside;
use Ardent::Process;
use Ardent::Test;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
BAIL_OUT('there is no pgbouncer: scripts/deps test') unless defined $pgbouncer;
my $t = Ardent::Test->new(name => 'pooler', source_conf => "listen_addresses = '127.0.0.1'");
my $port = $t->source->port;
hba($t->source, 'local all all trust', 'host all all 127.0.0.1/32 trust');
my $direct = "postgresql://ardent_replication\@127.0.0.1:$port/shop";

my $bouncers = 0;
sub bouncer
{
	my (%settings) = @_;
	my $listen = Ardent::Test::free_port();
	my $name = 'bouncer' . ++$bouncers;
	my $users = $t->write_file("$name.users", qq("ardent_replication" "geheim"\n"boss" "geheim"\n), 0600);
	my $file = $t->write_file("$name.ini", join("\n", '[databases]', "shop = host=127.0.0.1 port=$port",
			'[pgbouncer]', 'listen_addr = 127.0.0.1', "listen_port = $listen", 'unix_socket_dir =', 'admin_users = boss',
			"auth_file = $users", map { "$_ = $settings{$_}" } sort keys %settings) . "\n");
	my $process = Ardent::Process->start(name => $name, log => $t->dir . "/$name.log", command => [ $pgbouncer, $file ]);
	wait_until('PgBouncer listens', sub { return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listen) });
	return ($process, $listen);
}

sub refuses
{
	my ($url, $what, $words) = @_;
	my ($code, $out, $err) = preflight($url);
	is($code, 2, "$what: exit 2") or diag($out . $err);
	like($out, qr/^  ✗ direct connection\n      .*$words/m, "$what: direct connection fails");
	like($out, qr/^      → Connect directly to the server's own port \(usually 5432\), never to the pooler's/m, "$what: and what to do");
	unlike($out, qr/wal level|Grant script/, "$what: the pooler is asked nothing else");
	unlike($out . $err, qr/geheim|wr0ng/, "$what: without a password");
	return $out;
}

like((preflight($direct))[1], qr/^  ✓ auth\n  i tls .*\n  ✓ direct connection\n  ✓ replication connection\n/m, 'the server itself');

my ($process, $listen) = bouncer(auth_type => 'trust');
refuses("postgresql://ardent_replication\@127.0.0.1:$listen/shop", 'as installed', 'A connection pooler answers.*unsupported startup parameter');
$process->stop;
foreach my $mode ('session', 'transaction', 'statement')
{
	($process, $listen) = bouncer(auth_type => 'trust', pool_mode => $mode, ignore_startup_parameters => 'options, extra_float_digits');
	my $pooled = "postgresql://ardent_replication\@127.0.0.1:$listen/shop";
	my $words = "A connection pooler answers: .*The server behind it listens on 127\\.0\\.0\\.1:$port\\.";
	like(refuses($pooled, "$mode pooling", $words), qr/^  ✓ tcp reachable\n  ✓ auth\n  i tls .*\n  ✗ direct connection\n/m,
		"$mode pooling: after what passed");
	refuses($pooled, "$mode pooling, with a session that is used again", $words);
	$process->stop;
}

# a proxy that passes whole sessions on is no pooler; one that stands for two servers is found
my ($proxy, $proxy_port) = proxy($port);
my ($exit, $report) = preflight("postgresql://ardent_replication\@127.0.0.1:$proxy_port/shop?sslmode=disable&gssencmode=disable");
is($exit, 0, 'a proxy of whole sessions does not block') or diag($report);
like($report, qr/^  ⚠ direct connection\n      A proxy answers: the client was told process 1234567, .* listens on 127\.0\.0\.1:$port\.\n/m,
	'it is a warning');
like($report, qr/^  ✓ replication connection$/m, 'replication passes it');
kill 'KILL', $proxy;
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init(allows_streaming => 'logical');
$second->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nmax_wal_senders = 10\n");
$second->start;
$second->safe_psql('postgres', 'CREATE ROLE ardent_replication LOGIN REPLICATION; CREATE DATABASE shop');
hba($second, 'host all all 127.0.0.1/32 trust');
($proxy, $proxy_port) = proxy($port, $second->port);
($exit, $report) = preflight("postgresql://ardent_replication\@127.0.0.1:$proxy_port/shop?sslmode=disable&gssencmode=disable");
is($exit, 2, 'two servers behind one address: exit 2');
like($report, qr/^  ✗ replication connection\n      Two servers answer: an ordinary session says system \d+, a replication connection says system \d+\.\n/m,
	'and how it shows');
kill 'KILL', $proxy;
$second->stop;

# what PgBouncer says for itself
($process, $listen) = bouncer(auth_type => 'scram-sha-256', ignore_startup_parameters => 'options');
refuses("postgresql://boss:geheim\@127.0.0.1:$listen/pgbouncer", 'its console', 'What answers is no session of a server');
my ($code, $out) = preflight("postgresql://ardent_replication:wr0ng\@127.0.0.1:$listen/shop");
is($code, 2, 'a wrong password for the pooler');
like($out, qr/^  ✗ (auth|direct connection)\n.*password authentication failed|SASL authentication failed/m, 'in its words');
unlike($out, qr/wr0ng/, 'without the password');

# the agent: the same refusal, at once
$t->start_environment;
$t->create_connector;
my $agent = sub {
	my ($what, %pooled) = @_;
	my $process = $t->start_agent('source.host' => '127.0.0.1', %pooled);
	my $exit = $process->wait(60);
	is($exit, 3, "the agent, $what: a matter of the source");
	like($process->log_text, qr/pooler.*Connect directly to the server/s, "the agent, $what: says what to do");
};
my ($strict, $strict_port) = bouncer(auth_type => 'trust');
$agent->('a pooler that refuses settings', 'source.port' => $strict_port);
my ($lax, $lax_port) = bouncer(auth_type => 'trust', ignore_startup_parameters => 'options, extra_float_digits');
unlink $t->dir . '/agent.log';
$agent->('a pooler that ignores settings', 'source.port' => $lax_port);
is($t->source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), '0', 'and made no slot');
$_->stop foreach $strict, $lax, $process;
$t->environment->stop;
$t->source->stop;
done_testing();
