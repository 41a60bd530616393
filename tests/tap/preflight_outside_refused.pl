# SPDX-License-Identifier: PostgreSQL
# From outside, when the source does not let us in: each cause has its own words and the line that mends it, whatever
# language the server speaks; the line is run where it can be, and mends it.
use strict;
use warnings;
use Ardent::Outside;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 10\nmax_wal_senders = 10\nmax_connections = 8\n"
	  . "superuser_reserved_connections = 3\nlisten_addresses = '127.0.0.1, ::1'\nlc_messages = 'C.UTF-8'\n");
$node->start;
my $port = $node->port;
$node->safe_psql('postgres', q(
	SET password_encryption = 'scram-sha-256';
	CREATE DATABASE shop; CREATE DATABASE closed ALLOW_CONNECTIONS false; CREATE DATABASE private;
	REVOKE CONNECT ON DATABASE private FROM PUBLIC;
	CREATE ROLE ardent_replication LOGIN REPLICATION PASSWORD 'geheim';
	CREATE ROLE "né ""e" LOGIN PASSWORD 'geheim'; CREATE ROLE sleeper PASSWORD 'geheim';));
my $password = "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256";
hba($node, $password);

# refused(what, [fields of the URL], the failed check, its words, the hint, words of a German server)
my $german = 0;
sub refused
{
	my ($what, $url, $check, $words, $hint, $in_german) = @_;
	my ($code, $out, $err) = preflight($url);
	is($code, $check eq 'tcp reachable' ? 1 : 2, "$what: exit code") or diag($out . $err);
	like($out, qr/^  ✗ $check\n/m, "$what: $check fails");
	like($out, $german && $in_german ? $in_german : $words, "$what: in the server's words");
	like($out, qr/^      → .*$hint/m, "$what: what mends it");
	is(() = $out =~ /^  ✗ /mg, 1, "$what: nothing else is claimed to fail");
	unlike($out . $err, qr/geheim|wr0ng/, "$what: no password is repeated");
	return $out;
}

# libpq's own words
my $me = "ardent_replication:geheim\@127.0.0.1:$port";
my $free = Ardent::Test::free_port();
refused('refused', "postgresql://me:wr0ng\@127.0.0.1:$free/shop", 'tcp reachable', qr/Connection refused/,
	'Nothing listens there: .*listen_addresses');
refused('a name that is none', 'postgresql://me:wr0ng@nowhere.invalid/shop', 'tcp reachable',
	qr/could not translate host name "nowhere\.invalid"/, 'Check the host name');
refused('a socket that is none', 'postgresql:///shop?host=/nonexistent&user=me&password=wr0ng', 'tcp reachable',
	qr/No such file or directory/, 'There is no such socket');
refused('no password', "postgresql://ardent_replication\@127.0.0.1:$port/shop?passfile=/nonexistent", 'auth',
	qr/no password supplied/, 'PGPASSWORD');
{
	my $web = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or die "listen: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		while (my $client = $web->accept) { sysread($client, my $asked, 1000); print $client "HTTP/1.1 400 Bad\r\n\r\n"; close $client; }
		POSIX::_exit(0);
	}
	my $there = $web->sockport;
	refused('a web server', "postgresql://me:wr0ng\@127.0.0.1:$there/shop", 'tcp reachable', qr/received invalid response/,
		'does not speak PostgreSQL');
	kill 'KILL', $pid;
	waitpid($pid, 0);
}

# the server's, in English and in German
foreach my $language ('en', 'de')
{
	if ($language eq 'de')
	{
		local $ENV{LANGUAGE} = 'de';
		$node->restart;
		my ($code, $out) = preflight("postgresql://stranger:wr0ng\@127.0.0.1:$port/shop");
		$german = $out =~ /»stranger«/;
		note($german ? 'the server speaks German' : 'this server has no German');
	}
	refused('a wrong password', "postgresql://ardent_replication:wr0ng\@127.0.0.1:$port/shop", 'auth',
		qr/password authentication failed/, 'Check the user and the password.*\\\\password "ardent_replication"',
		qr/Passwort-Authentifizierung/);
	refused('no such database', "postgresql://$me/nowhere", 'auth', qr/database "nowhere" does not exist/,
		'Check the database in the URL', qr/Datenbank »nowhere«/);
	my $out = refused('no CONNECT', "postgresql://$me/private", 'auth', qr/permission denied for database "private"/,
		'Run the fix', qr/Datenbank »private«/);
	refused('a database that is closed', "postgresql://$me/closed", 'auth', qr/not currently accepting connections/,
		'takes no connections', qr/Datenbank »closed«/);
	refused('a role without LOGIN', "postgresql://sleeper:geheim\@127.0.0.1:$port/shop", 'auth',
		qr/not permitted to log in/, 'Check the user in the URL', qr/»sleeper«/);

	hba($node);
	refused('no line', "postgresql://$me/shop", 'auth', qr/no pg_hba\.conf entry/,
		'Put this line into pg_hba\.conf .*: host "shop" "ardent_replication" 127\.0\.0\.1/32 scram-sha-256$',
		qr/pg_hba\.conf/);
	refused('no line for IPv6', "postgresql://ardent_replication:geheim\@[::1]:$port/shop", 'auth', qr/no pg_hba\.conf entry/,
		'Put this line into pg_hba\.conf .*: host "shop" "ardent_replication" ::1/128 scram-sha-256$', qr/pg_hba\.conf/);
	refused('no line for the socket', 'postgresql:///shop?host=' . $node->host . "&port=$port&user=ardent_replication",
		'auth', qr/no pg_hba\.conf entry/, ': local "shop" "ardent_replication" scram-sha-256$', qr/pg_hba\.conf/);
	hba($node, 'host all all 127.0.0.1/32 reject');
	refused('a line that rejects', "postgresql://$me/shop", 'auth', qr/pg_hba\.conf rejects connection/,
		'Put this line into pg_hba\.conf above wider ones', qr/pg_hba\.conf/);
	hba($node, 'local all all peer');
	refused('peer', 'postgresql:///shop?host=' . $node->host . "&port=$port&user=ardent_replication", 'auth',
		qr/Peer authentication failed/, 'asks for no password\. Put this line .*: local "shop" "ardent_replication"',
		qr/Peer-Authentifizierung/);
	hba($node, $password);
}
$node->restart;

# the printed lines mend it
sub fix_of
{
	my ($url) = @_;
	my ($code, $out) = preflight($url, '--json');
	my $check = JSON::PP->new->decode($out)->{checks}{auth};
	is($check->{status}, 'fail', 'auth fails');
	return $check->{fix};
}
sub comes_in
{
	my ($url, $what) = @_;
	my ($code, $out) = preflight($url);
	like($out, qr/^  ✓ auth$/m, "$what: comes in");
	return $out;
}
$node->safe_psql('postgres', fix_of("postgresql://$me/private"));
comes_in("postgresql://$me/private", 'after the printed GRANT');
$node->safe_psql('postgres', fix_of("postgresql://$me/closed"));
comes_in("postgresql://$me/closed", 'after the printed ALTER DATABASE');
$node->safe_psql('postgres', fix_of("postgresql://sleeper:geheim\@127.0.0.1:$port/shop"));
comes_in("postgresql://sleeper:geheim\@127.0.0.1:$port/shop", 'after the printed ALTER ROLE');
hba($node);
foreach my $url ("postgresql://n%C3%A9%20%22e:geheim\@127.0.0.1:$port/shop", "postgresql://$me/shop",
	"postgresql://ardent_replication:geheim\@[::1]:$port/shop")
{
	hba($node, split /\n/, fix_of($url));
	comes_in($url, 'after the printed line of pg_hba.conf');
	unlike((preflight("postgresql://sleeper:geheim\@127.0.0.1:$port/shop"))[1], qr/✓ auth/, 'which lets nobody else in');
}

# IPv6
my $out = comes_in("postgresql://ardent_replication:geheim\@[::1]:$port/shop", 'over IPv6');
like($out, qr/^Running preflight against \[::1\]:$port…/, 'named in brackets');
like($out, qr/^  i tls \(not needed: local address\)$/m, 'a loopback address');
like($out, qr/^  ✓ replication connection$/m, 'replication too');

# the limits of connections
hba($node, $password);
my @sessions;
my $occupy = sub {
	my ($how_many, $role, $database) = @_;
	foreach (1 .. $how_many)
	{
		my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', "host=127.0.0.1 port=$port user=$role password=geheim dbname=$database" ],
			'<', \my $in, '>', \my $said, '2>', \my $err);
		push @sessions, [ $session, \$in, \$said ];
		$in .= "SELECT 'here';\n";
		IPC::Run::pump($session) until $said =~ /here/ || $err;
		die "occupy: $err" if $err;
	}
};
my $leave = sub {
	foreach my $session (@sessions) { ${ $session->[1] } .= "\\q\n"; IPC::Run::finish($session->[0]); }
	@sessions = ();
	wait_until('the sessions are gone', sub {
		return $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'") eq '1' });
};
$node->safe_psql('postgres', 'ALTER ROLE ardent_replication CONNECTION LIMIT 1');
$occupy->(1, 'ardent_replication', 'shop');
like(refused('the limit of the role', "postgresql://$me/shop", 'auth', qr/too many connections for role/, "The role's own limit"),
	qr/^ +SELECT .*ALTER ROLE %I CONNECTION LIMIT .*\\gexec$/ms, 'the limit of the role: the text prints the fix');
my $fix = fix_of("postgresql://$me/shop");
$node->safe_psql('postgres', $fix);
comes_in("postgresql://$me/shop", 'after the printed ALTER ROLE');
my $limit = q(SELECT rolconnlimit FROM pg_roles WHERE rolname = 'ardent_replication');
is($node->safe_psql('postgres', $limit), '6', 'which allows what an agent needs, and no more');
$leave->();
$node->safe_psql('postgres', 'ALTER ROLE ardent_replication CONNECTION LIMIT -1');
$node->safe_psql('postgres', $fix);
is($node->safe_psql('postgres', $limit), '-1', 'and lowers nothing when it runs later');
$node->safe_psql('postgres', 'ALTER DATABASE shop CONNECTION LIMIT 1');
$occupy->(1, 'ardent_replication', 'shop');
refused('the limit of the database', "postgresql://$me/shop", 'auth', qr/too many connections for database/,
	"The database's own limit");
$node->safe_psql('postgres', fix_of("postgresql://$me/shop"));
comes_in("postgresql://$me/shop", 'after the printed ALTER DATABASE');
is($node->safe_psql('postgres', q(SELECT datconnlimit FROM pg_database WHERE datname = 'shop')), '6', 'no more than an agent needs');
$leave->();
$occupy->(5, 'sleeper', 'shop');
refused('what is left is reserved', "postgresql://$me/shop", 'auth', qr/remaining connection slots are reserved/,
	'Every connection of the server is taken');
$leave->();

# replication refused
$node->safe_psql('postgres', 'ALTER ROLE ardent_replication NOREPLICATION');
my ($code, $report) = preflight("postgresql://$me/shop", '--json');
is($code, 2, 'a role without REPLICATION');
my $check = JSON::PP->new->decode($report)->{checks}{replication_connection};
is($check->{status}, 'fail', 'the replication connection is refused');
like($check->{detail}, qr/must be superuser or replication role|permission denied to start WAL sender/, "in the server's words");
$node->safe_psql('postgres', $check->{fix});
like((preflight("postgresql://$me/shop"))[1], qr/^  ✓ replication connection$/m, 'the printed fix mends it');
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_wal_senders = 0');
$node->safe_psql('postgres', 'ALTER SYSTEM SET wal_level = logical');
$node->restart;
like((preflight("postgresql://$me/shop"))[1], qr/^  ✗ replication connection\n.*max_wal_senders.*\n      → Every walsender is taken/m,
	'no walsender');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET max_wal_senders');
$node->restart;
like((preflight("postgresql://sleeper:geheim\@127.0.0.1:$port/shop"))[1],
	qr/^  \? replication connection\n      The URL's user is "sleeper", not the replication role "ardent_replication"\./m,
	'another user: unverified, not tried');

# a server that starts: it waits for a file of the archive, as long as we like
$node->backup('copy');
my $starting = PostgreSQL::Test::Cluster->new('starting');
$starting->init_from_backup($node, 'copy');
my $go = $starting->basedir . '/go';
$starting->append_conf('postgresql.conf', "restore_command = 'until test -e $go; do sleep 0.1; done; false'\n"
	  . "listen_addresses = '127.0.0.1'\nlc_messages = 'C'\n");
append_to_file($starting->data_dir . '/standby.signal', '');
system_or_bail('pg_ctl', '-W', '-D', $starting->data_dir, '-l', $starting->logfile, 'start');
wait_until('the starting server answers', sub {
	return (preflight("postgresql://ardent_replication:geheim\@127.0.0.1:" . $starting->port . '/shop'))[0] == 2 });
refused('a server that starts', "postgresql://ardent_replication:geheim\@127.0.0.1:" . $starting->port . '/shop', 'auth',
	qr/starting up/, 'The server starts, stops or recovers');
append_to_file($go, '');
system_or_bail('pg_ctl', '-m', 'immediate', '-D', $starting->data_dir, 'stop');
$node->stop;
done_testing();
