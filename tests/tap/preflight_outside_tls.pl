# SPDX-License-Identifier: PostgreSQL
# From outside, the check `tls`: with real certificates, and from an address of this machine that is no loopback.
use strict;
use warnings;
use Ardent::Outside;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $address = own_address();
my $node = PostgreSQL::Test::Cluster->new('source');
my $dir = $node->basedir;
mkdir $dir unless -d $dir;
authority($dir, $_) foreach 'root', 'stranger';
my $names = 'DNS:localhost,IP:127.0.0.1,IP:::1' . (defined $address ? ",IP:$address" : '');
certificate($dir, 'right', 'root', $names, 2);
certificate($dir, 'expired', 'root', $names, -1);
certificate($dir, 'elsewhere', 'root', 'DNS:elsewhere.example.com', 2);

$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 10\nmax_wal_senders = 10\n"
	  . "listen_addresses = '*'\nssl = on\nssl_cert_file = '$dir/right.crt'\nssl_key_file = '$dir/right.key'\n");
$node->start;
$node->safe_psql('postgres', "SET password_encryption = 'scram-sha-256'; CREATE ROLE ardent_replication LOGIN REPLICATION PASSWORD 'geheim'");
my $everybody = "host all all 0.0.0.0/0 scram-sha-256\nhost all all ::/0 scram-sha-256";
hba($node, $everybody);
my $me = 'postgresql://ardent_replication:geheim@';
my $port = $node->port;
my $home = "$me" . "localhost:$port/postgres?hostaddr=127.0.0.1";

# the server's settings, in force at return
sub server
{
	my (%settings) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $_ = '$settings{$_}'") foreach keys %settings;
	return hba($node, $everybody);
}
sub with_certificate { my ($name) = @_; return server(ssl_cert_file => "$dir/$name.crt", ssl_key_file => "$dir/$name.key"); }

sub tls
{
	my ($url, $what, $line, $code) = @_;
	my ($exit, $out, $err) = preflight($url);
	like($out, qr/^  $line/m, $what) or diag($err);
	is($exit, $code, "$what: exit $code") if defined $code;
	unlike($out . $err, qr/geheim/, "$what: without the password");
	return $out;
}
my $cipher = 'TLSv1\.3, [A-Z0-9_-]+';

# local addresses
tls("$me/postgres?host=" . $node->host . "&port=$port", 'a socket', 'i tls \(not needed: Unix socket\)$', undef)
  if hba($node, $everybody, 'local all all scram-sha-256');
tls("$home&sslmode=disable", 'loopback without TLS', 'i tls \(not needed: local address\)$', 0);
tls($home, 'loopback with TLS', "✓ tls \\($cipher, certificate not verified\\)\$", 0);

# what libpq verifies is said
tls("$home&sslmode=verify-full&sslrootcert=$dir/root.crt", 'verify-full', "✓ tls \\($cipher, certificate and host name verified\\)\$", 0);
tls("$home&sslmode=verify-ca&sslrootcert=$dir/root.crt", 'verify-ca', "✓ tls \\($cipher, certificate verified, host name not\\)\$", 0);
tls("$home&sslmode=require&sslrootcert=$dir/root.crt", 'require with an authority is verify-ca', "✓ tls \\($cipher, certificate verified, host name not\\)\$", 0);
{
	local $ENV{PGSSLMODE} = 'verify-full';
	local $ENV{PGSSLROOTCERT} = "$dir/root.crt";
	tls($home, 'what PGSSLMODE says is in force', "✓ tls \\($cipher, certificate and host name verified\\)\$", 0);
}

# each trouble has its own words
my $full = "$home&sslmode=verify-full&sslrootcert=$dir";
my $out = tls("$full/stranger.crt", 'an authority that did not sign', '✗ tls\n.*certificate verify failed\n'
	  . "      The certificate of CN = right was issued by CN = root, an authority that \\S+/stranger\\.crt does not hold\\.\n"
	  . '      → Name the file with the authority', 2);
unlike($out, qr/^  . auth/m, 'what comes after it is not claimed');
tls("$full/none.crt", 'no file of authorities', '✗ tls\n.*root certificate file "\S+/none\.crt" does not exist.*\n'
	  . '      → Put the certificate of the server\'s authority there', 2);
with_certificate('expired');
tls("$full/root.crt", 'an expired certificate', '✗ tls\n.*certificate verify failed\n'
	  . '      The certificate of CN = expired expired on \w+ +\d+ .*\d{4} GMT\.\n      → Renew the certificate', 2);
with_certificate('elsewhere');
tls("$full/root.crt", 'a certificate for another host', '✗ tls\n.*does not match host name "localhost"\n'
	  . '      → Use a host name that the certificate holds', 2);
with_certificate('right');
tls("$full/root.crt", 'the right one again', '✓ tls', 0);
server(ssl => 'off');
tls("$home&sslmode=require", 'a server without TLS', '✗ tls\n.*server does not support SSL.*\n      → Set ssl = on at the server', 2);
server(ssl => 'on');

# old protocols
server(ssl_min_protocol_version => 'TLSv1.1', ssl_max_protocol_version => 'TLSv1.1', ssl_ciphers => 'ALL:@SECLEVEL=0');
tls("$home&sslmode=require", 'no version in common', '✗ tls\n.*\n      → Server and client share no version of TLS', 2);
{
	append_to_file("$dir/openssl.cnf", "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\n"
		  . "MinProtocol = TLSv1\nCipherString = ALL:\@SECLEVEL=0\n");
	local $ENV{OPENSSL_CONF} = "$dir/openssl.cnf";
	tls("$home&sslmode=require&ssl_min_protocol_version=TLSv1", 'TLS 1.1', '⚠ tls \(TLSv1\.1, \S+, certificate not verified\)\n'
		  . '      TLSv1\.1 is broken and retired', 0);
	my $fix = JSON::PP->new->decode((preflight("$home&sslmode=require&ssl_min_protocol_version=TLSv1", '--json'))[1])->{checks}{tls}{fix};
	my @words = split ' ', (preflight("$home&sslmode=require&ssl_min_protocol_version=TLSv1"))[1];
	like("@words", qr/\Q@{[ join ' ', split ' ', $fix ]}\E/, 'TLS 1.1: the text prints the fix');
	server(ssl_max_protocol_version => '');
	$node->safe_psql('postgres', $fix);
	is($node->safe_psql('postgres', 'SHOW ssl_min_protocol_version'), 'TLSv1.2', 'TLS 1.1: the fix works');
	server(ssl_min_protocol_version => 'TLSv1.3');
	$node->safe_psql('postgres', $fix);
	is($node->safe_psql('postgres', 'SHOW ssl_min_protocol_version'), 'TLSv1.3', 'TLS 1.1: an old printout lowers nothing');
}
server(ssl_min_protocol_version => 'TLSv1.2', ssl_max_protocol_version => '', ssl_ciphers => 'HIGH');

# an address that is not local
SKIP:
{
	skip 'this machine has no IPv4 address but loopback', 1 unless defined $address;
	my $away = "$me$address:$port/postgres?sslmode=";
	tls("${away}disable", 'clear text over the network', '✗ tls\n      sslmode=disable to \S+, which is no local address: this connection is not encrypted\.\n'
		  . '      → Put sslmode=verify-full', 2);
	tls("${away}prefer", 'encrypted by luck', "✗ tls\n      sslmode=prefer to .*: this connection is encrypted, but anyone", 2);
	tls("$me$address:$port/postgres", 'prefer is libpq\'s default', "✗ tls\n      sslmode=prefer to ", 2);
	tls("${away}require", 'require passes, and says what it is', "✓ tls \\($cipher, certificate not verified\\)\n"
		  . '      sslmode=require encrypts, but takes any certificate\.\n      → sslmode=verify-full', 0);
	tls("${away}verify-full&sslrootcert=$dir/root.crt", 'verify-full by address', "✓ tls \\($cipher, certificate and host name verified\\)\$", 0);

	# no line of pg_hba.conf: the one that mends it asks for TLS, and lets nothing else in
	hba($node);
	foreach my $mode ('require', 'prefer', 'disable')
	{
		like((preflight("$away$mode"))[1], qr/^  ✗ auth\n.*\n      → Put this line into pg_hba\.conf .*: hostssl "postgres" "ardent_replication" \Q$address\E\/32 scram-sha-256/m,
			"$mode: the line");
	}
	my $fix = JSON::PP->new->decode((preflight("${away}require", '--json'))[1])->{checks}{auth}{fix};
	hba($node, split /\n/, $fix);
	tls("${away}require", 'the printed line lets us in', '✓ tls', 0);
	like((preflight("${away}disable"))[1], qr/^  ✗ auth\n.*→ Put this line.*sslmode=require in the URL\)$/ms, 'and with TLS only');
}
$node->stop;
done_testing();
