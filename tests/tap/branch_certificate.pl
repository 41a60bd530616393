# SPDX-License-Identifier: PostgreSQL
# A certificate of the customer's own for branches: what clients can verify of it, and what is refused at start.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'branch_certificate', sql => 'CREATE TABLE public.n (id integer PRIMARY KEY)');
my $dir = $t->dir;
my $openssl = sub { return system("openssl $_[0] >/dev/null 2>&1") };
is($openssl->("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=root -keyout $dir/root.key -out $dir/root.pem"), 0, 'an authority');
my $certificate = sub {
	my ($name, $for) = @_;
	$t->write_file("$name.ext", "subjectAltName=$for\n");
	my $failed = $openssl->("req -newkey rsa:2048 -nodes -subj /CN=branches -keyout $dir/$name.key -out $dir/$name.csr")
	  || $openssl->("x509 -req -in $dir/$name.csr -CA $dir/root.pem -CAkey $dir/root.key -CAcreateserial -days 2 -extfile $dir/$name.ext -out $dir/$name.pem");
	is($failed, 0, "it signs a certificate for $for");
	chmod 0600, "$dir/$name.key";
};
# libpq before 15 compares an address with names alone
$certificate->('right', 'IP:127.0.0.1,DNS:localhost,DNS:127.0.0.1');
$certificate->('elsewhere', 'DNS:elsewhere.example.com');
my $psql = sub {
	my ($url, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};

my $ports = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$ports-" . ($ports + 20),
	'branch.tls_certificate' => "$dir/right.pem", 'branch.tls_key' => "$dir/right.key");
ok(!-e "$dir/data/branch_authority.pem", 'no authority is made where none is used');
like($t->environment->log_text, qr/the key of branch.tls_certificate lies in every branch/, 'the log says where the key is');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;
my $made = $t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => 'own' })->{json};
$t->wait_for('it is made', sub { $t->http('GET', "/v1/operations/$made->{operation_id}?wait=5")->{json}{status} eq 'completed' });
my $url = sub { return $t->http('GET', "/v1/branches/$t->{connector}/$made->{resource_id}")->{json}{branch_url} };

like($url->(), qr/\?sslmode=require\z/, 'nobody knows its authority: the URL only encrypts');
is($t->http('GET', '/v1/branch-authority')->{status}, 404, 'and nothing is to be pinned');
is($psql->($url->(), 'SELECT 1'), '1', 'it is reached');
my $strict = $url->() =~ s/sslmode=require/sslmode=verify-full&sslrootcert=$dir\/root.pem&channel_binding=require/r;
is($psql->($strict, 'SELECT 1'), '1', 'whoever has the authority verifies it, with channel binding');

my $again = sub {
	is($t->environment->stop, 0, 'the environment ends');
	$t->start_environment(@_);
};
$again->('branch.tls_authority' => "$dir/root.pem");
like($url->(), qr/\?sslmode=verify-full\z/, 'with its authority the URL asks for a verified server');
is($t->http('GET', '/v1/branch-authority')->{json}{certificate}, do { local (@ARGV, $/) = "$dir/root.pem"; <> }, 'which clients pin');
$again->('branch.tls_authority' => 'system');
like($url->(), qr/\?sslmode=verify-full&sslrootcert=system\z/, 'an authority that systems know');
is($t->http('GET', '/v1/branch-authority')->{status}, 404, 'is not pinned');
is($t->environment->stop, 0, 'the environment ends');

my $refused = sub {
	my ($what, $pattern, @words) = @_;
	my ($out, $err) = ('', '');
	my $ran = IPC::Run::start([ "$Ardent::Test::bin/ardent-environment", 'serve', '--config', "$dir/environment.toml", @words ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	$ran->finish;
	is($ran->result(0), 2, "$what: not started");
	like($out . $err, $pattern, 'with the reason');
};
$refused->('a certificate for another host', qr/branch.tls_certificate is not for branch.public_host, which is 127.0.0.1/,
	'--branch-tls-certificate', "$dir/elsewhere.pem", '--branch-tls-key', "$dir/elsewhere.key");
$refused->("another certificate's key", qr/branch.tls_certificate and branch.tls_key are no certificate with its key/,
	'--branch-tls-certificate', "$dir/elsewhere.pem");
$refused->('a file that is not there', qr/branch.tls_key: cannot read .*missing/, '--branch-tls-key', "$dir/missing");
$refused->('half of it', qr/branch.tls_certificate and branch.tls_key go together/, '--branch-tls-key', '');
$t->stop_all;
done_testing();
