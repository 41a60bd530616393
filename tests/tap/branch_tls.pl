# SPDX-License-Identifier: PostgreSQL
# TLS of a real branch ends in its server: whoever verifies meets a certificate of the branch authority, for the host of the URL, that is
# no other branch's and not the environment's own; channel binding holds; direct TLS and cancel requests pass. Nobody is let in without
# TLS, nor by anything but the password.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use File::Find qw(find);
use IPC::Run;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $t = Ardent::Test->new(name => 'branch_tls', sql => 'CREATE TABLE public.item (id integer PRIMARY KEY)');
my $b = Ardent::Branching->new($t, 'branch.public_host' => 'localhost');
my ($id, $other) = map { $b->create_ok($_) } qw(one other);
my $row = $b->row($id);
like($row->{branch_url}, qr{\Apostgresql://[^@]+\@localhost:$row->{port}/$Ardent::Test::database\?sslmode=verify-full\z}, 'the URL verifies the server by the host that it names');
my $url = $b->strict_url($id);
my $psql = sub { return Ardent::Branching::run_psql('-d', join('&', @_[ 1 .. $#_ ]), '-c', $_[0]) };
my $client = qx(psql --version) =~ /(\d+)/ ? $1 : 0;

is($psql->('SELECT 1', $url), '1', 'sslmode=verify-full');
is($psql->('SELECT 1', $url, 'channel_binding=require'), '1', 'channel_binding=require');
is($psql->('SELECT version ~ \'^TLSv1.[23]$\' FROM pg_stat_ssl WHERE pid = pg_backend_pid()', $url), 't', 'the server itself sees TLS');
like($psql->('SELECT 1', $url =~ s/\@localhost:/\@127.0.0.1:/r), qr/does not match host name|server certificate for .* not/, 'another name of the host is not the one of the certificate');
my $strange = $t->dir . '/strange.pem';
my $said = '';
IPC::Run::run([ qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=strange -days 2 -out), $strange ], '>&', \$said) or die $said;
like($psql->('SELECT 1', $row->{branch_url}, "sslrootcert=$strange"), qr/certificate verify failed/, 'nor is another authority trusted');
like($psql->('SELECT 1', $b->url($id) =~ s/sslmode=require/sslmode=disable/r), qr/no pg_hba.conf entry/, 'nobody comes without TLS');
my ($user, $password) = $b->url($other) =~ m{//([^:]+):([^@]+)@};
like($psql->('SELECT 1', $b->url($id) =~ s{//[^@]+@}{//$user:$password@}r), qr/password authentication failed/, "another branch's role and password are unknown here");
like($psql->('SELECT 1', $b->url($id) =~ s{:[^:@]+@}{:$password@}r), qr/password authentication failed/, 'nor does its password do');
# The name of a role that is not there is answered as a wrong password is.
my @answers = map { my $u = $_; $psql->('SELECT 1', $b->url($id) =~ s{//[^@]+@}{//$u:x@}r) =~ s/"[^"]*"/""/gr } 'nobody_at_all', $row->{user};
is($answers[0], $answers[1], 'who is there and who is not is not told');

# What the server shows
my $seen = sub {
	my ($port, @more) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'openssl', 's_client', '-connect', "127.0.0.1:$port", '-CAfile', $b->{authority}, '-verify_hostname', 'localhost', @more ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(30));
	return "$out$err";
};
my $shown = sub { my ($port) = @_; return $seen->($port, '-starttls', 'postgres') };
my ($mine, $others) = map { $shown->($_) } $row->{port}, $b->row($other)->{port};
like($mine, qr/Verify return code: 0 \(ok\)/, 'the certificate is for that name, by the authority');
my ($certificate) = $mine =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----)/s;
my ($second) = $others =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----)/s;
isnt($certificate, $second, "it is not another branch's");
isnt($certificate . "\n", slurp_file($b->{authority}), 'nor the authority itself');
my $key_of = sub { my ($file, @what) = @_; my $out = ''; IPC::Run::run([ 'openssl', @what, '-in', $file, '-noout', '-pubkey' ], '>', \$out, '2>', '/dev/null'); return $out };
my $leaf_file = $t->write_file('leaf.pem', "$certificate\n");
isnt($key_of->($leaf_file, 'x509'), $key_of->($b->{authority}, 'x509'), "its key is not the authority's");
IPC::Run::run([ 'openssl', 'x509', '-in', $leaf_file, '-noout', '-text' ], '>', \my $text);
like($text, qr/CA:FALSE/, 'it signs nothing');
like($text, qr/TLS Web Server Authentication/, 'and is good for a server alone');
is(sprintf('%o', (stat($t->dir . '/data/branch_authority.pem'))[2] & 07777), '600', "the authority's key is its owner's");
my $listed = $t->http('GET', '/v1/branch-authority');
unlike($listed->{content}, qr/PRIVATE/, 'the API gives the certificate alone');

# Direct TLS: with libpq from 17 on, and with any client that says "postgresql" by ALPN; the server understands it from 17 on.
SKIP:
{
	skip "the server understands sslnegotiation=direct from 17 on, this one is @{[ $t->major ]}", 2 if $t->major < 17;
	my $direct = $seen->($row->{port}, '-alpn', 'postgresql');
	like($direct, qr/Verify return code: 0 \(ok\)/, 'direct TLS is verified');
	like($direct, qr/ALPN protocol: postgresql/, 'end to end with the server');
}
SKIP:
{
	skip "sslnegotiation=direct takes libpq and server 17, these are $client and @{[ $t->major ]}", 1 if $client < 17 || $t->major < 17;
	is($psql->('SELECT 1', $url, 'sslnegotiation=direct', 'channel_binding=require'), '1', 'sslnegotiation=direct');
}
# Also where the server does not: the door leaves it to the server, whose word is in its log.
SKIP:
{
	skip 'the server understands it', 2 if $t->major >= 17;
	unlike($seen->($row->{port}, '-alpn', 'postgresql'), qr/Verify return code: 0 \(ok\).*Protocol *: TLS/s, 'direct TLS to an older server ends');
	$t->wait_for('the server was asked', sub { return grep { slurp_file($_) =~ /invalid length of startup packet/ } glob($b->directory($id) . '/data/log/*') });
	pass('and reached the server');
}

# A cancel request
my $sleeper = $b->begin_psql($id, 'SELECT pg_sleep(600)', $url);
$t->wait_for('the query runs', sub { return $b->admin($id, q(SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND wait_event = 'PgSleep')) eq '1' });
my $bystander = $b->begin_psql($other, 'SELECT pg_sleep(3), 42');
$sleeper->{run}->signal('INT');
$sleeper->{run}->finish;
like($sleeper->{err}, qr/canceling statement due to user request/, 'a cancel request reaches the session that it is for');
$bystander->{run}->finish;
like($bystander->{out}, qr/42/, 'and no other');

# The authority outlives the environment: a client that has pinned it gets in again, also by the new certificate of a new start.
$t->environment->stop;
$t->start_environment;
is($psql->('SELECT 1', $url, 'channel_binding=require'), '1', 'the same authority after a start of the environment');

# An environment whose API has a key: it is in no branch, neither in one that was there nor in one that is made now.
$t->environment->stop;
my $dir = $t->dir;
my ($api_certificate, $api_key) = ("$dir/api.pem", "$dir/api.key");
IPC::Run::run([ qw(openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 -keyout), $api_key, '-out', $api_certificate ], '>&', \$said) or die $said;
chmod 0600, $api_key;
$t->{environment} = Ardent::Process->start(name => 'environment', log => "$dir/environment.log", command => [ "$Ardent::Test::bin/ardent-environment", 'serve',
	'--config', "$dir/environment.toml", '--environment-tls-certificate', $api_certificate, '--environment-tls-key', $api_key ]);
my $ardent = sub {
	my ($out, $err) = ('', '');
	IPC::Run::run([ "$Ardent::Test::bin/ardent", '--api-url', "https://127.0.0.1:$t->{port}", '--ca-file', $api_certificate, '--token-file', $t->write_file('admin.key', "$t->{admin_key}\n", 0600), @_ ], '<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return $out || "ERROR $err";
};
$t->wait_for('the API over TLS', sub { return $ardent->('connector', 'list') =~ /streaming/ });
my ($late) = $ardent->('branch', 'create', 'late', '--allow-stale', '--print-url') =~ m{^postgresql://.*:(\d+)/} or BAIL_OUT('no branch');
my $key_at = sub { my ($shown) = @_; return $key_of->($t->write_file('shown.pem', $shown =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)/s ? $1 : die $shown), 'x509') };
my $api = $key_at->($seen->($t->{port}));
is($api, $key_of->($api_certificate, 'x509'), 'the API shows its own key');
isnt($key_at->($shown->($_->[0])), $api, "$_->[1] does not") foreach [ $row->{port}, 'a branch that was there' ], [ $late, 'a branch that is made now' ];
my $line = sub { my ($file) = @_; return (split /\n/, slurp_file($file))[2] };
my %secrets = ('the key of the API' => $line->($api_key), 'its own key' => $line->($b->directory($id) . '/configuration/server.key'));
my %where;
find({ no_chdir => 1, wanted => sub {
	return unless -f && !-l;
	my $bytes = slurp_file($_);
	foreach my $what (sort keys %secrets) { push @{ $where{$what} }, $File::Find::name if index($bytes, $secrets{$what}) >= 0 }
} }, "$dir/data/branches", "$dir/run");
is_deeply($where{'the key of the API'}, undef, 'and it is in no file of a branch');
is_deeply($where{'its own key'}, [ $b->directory($id) . '/configuration/server.key' ], 'where the key of a branch is seen');
$t->stop_all;
done_testing();
