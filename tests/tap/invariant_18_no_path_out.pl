# SPDX-License-Identifier: PostgreSQL
# Invariant 18: no path leads out of a branch to the source, the host, the environment or another branch: neither for the role that
# uses it nor for a superuser inside, nor for code that a superuser loads. Each way is seen to work where it may: a test of an
# address that nothing could reach would prove nothing.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils qw(append_to_file slurp_file);
use Test::More;

my $t = Ardent::Test->new(name => 'no_path_out', source_conf => "listen_addresses = '127.0.0.1'\n", sql => <<'SQL');
CREATE ROLE app;
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 100) AS g;
SQL
my $b = Ardent::Branching->new($t);
my $id = $b->create_ok('one');
is($b->row($id)->{egress}, 'none', 'invariant 18: the row says so');
my $secret = $t->write_file('secret', "of the host\n");
chmod 0644, $secret;

my $role = sub { return $b->psql($id, @_) };
my $super = sub { return $b->admin($id, @_) };
my $refused = sub {
	my ($who, $as, $sql, $why, $what) = @_;
	like($as->($sql), qr/^ERROR .*(?:$why)/s, 'invariant 18: ' . ($what // "$who: $sql"));
	return;
};

# The role: what needs a superuser is refused.
is($role->('SELECT rolsuper OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user'), 'f', 'invariant 18: the role is no superuser, and replicates nothing');
is($role->(q(SELECT coalesce(string_agg(r.rolname, ' '), '') FROM pg_roles AS r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
	AND (r.rolsuper OR r.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_create_subscription')))), '',
	'invariant 18: and a member of none who reaches files, programs or servers');
my $denied = 'permission denied|must be superuser|must have privileges|superuser privileges|Must be superuser|only superuser|is not allowed';
$refused->('the role', $role, $_, $denied)
  foreach q(COPY (SELECT 1) TO PROGRAM 'cat'), q(COPY item FROM PROGRAM 'id'), qq(COPY item TO '/tmp/x'), qq(COPY item (v) FROM '$secret'), qq(SELECT pg_read_file('$secret')),
  q(SELECT pg_read_binary_file('PG_VERSION')), q(SELECT pg_ls_dir('.')), q(SELECT pg_stat_file('PG_VERSION')), q(SELECT lo_import('/etc/passwd')), q(SELECT lo_export(1, '/tmp/x')),
  'CREATE EXTENSION dblink', 'CREATE EXTENSION postgres_fdw', 'CREATE EXTENSION file_fdw', q(CREATE FUNCTION f() RETURNS void LANGUAGE c AS 'x'), q(LOAD '/tmp/x.so'),
  q(CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 dbname=postgres' PUBLICATION p), q(ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1'), q(SELECT pg_reload_conf()), q(SELECT pg_rotate_logfile()),
  'ALTER ROLE ardent_admin PASSWORD NULL', 'GRANT ardent_admin TO CURRENT_USER', 'ALTER ROLE CURRENT_USER SUPERUSER', 'SET ROLE ardent_admin';
# a role that it makes is no more than itself
$refused->('the role', $role, $_, $denied) foreach 'CREATE ROLE r SUPERUSER', 'CREATE ROLE r REPLICATION', 'CREATE ROLE r BYPASSRLS';
# Up to 15 whoever makes roles may give himself what reads files and starts programs: those of the room, where there are none.
my @files = ('GRANT pg_execute_server_program, pg_read_server_files, pg_write_server_files TO CURRENT_USER');
if ($t->major < 16)
{
	like($role->(@files, q(COPY (SELECT 1) TO PROGRAM 'cat > /tmp/x')), qr/^ERROR.*(?:could not execute command|No such file|command not found|child process exited)/s, 'invariant 18: the role: no program is there, whatever it gives itself');
	like($role->('CREATE TEMP TABLE seen (v text)', "COPY seen FROM '$_'"), qr/^ERROR.*No such file/s, "invariant 18: the role: nor a file of the host: $_") foreach $secret, '/etc/hostname', '/proc/1/environ', $t->dir . '/data/branch_authority.pem';
	like($role->(q(COPY item TO '/etc/x')), qr/^ERROR.*Read-only file system/s, 'invariant 18: the role: nor is there one to be written');
}
else { $refused->('the role', $role, $files[0], $denied) }
# nobody of the outside is the superuser: he has no password, and comes over no network
foreach my $user ('ardent_admin', 'app', 'ardent_replication')
{
	like(Ardent::Branching::run_psql('-d', $b->url($id) =~ s{//[^@]+@}{//$user:x@}r, '-c', 'SELECT 1'), qr/password authentication failed/, "invariant 18: $user does not get in");
}
like(Ardent::Branching::run_psql('-d', $b->url($id) =~ s{/shop\?}{/shop?replication=database&}r, '-c', 'IDENTIFY_SYSTEM'), qr/ERROR/, 'invariant 18: and nobody replicates');

# A superuser inside.
is($super->('SELECT rolsuper FROM pg_roles WHERE rolname = current_user'), 't', 'the attacker is a superuser of the branch');
$refused->('a superuser', $super, $_, 'could not execute command|Cannot allocate memory|No such file|child process exited|command not executable|command not found')
  foreach q(COPY (SELECT 1) TO PROGRAM 'cat > /tmp/x'), q(COPY item FROM PROGRAM 'id');
my $made = $b->create('other');
is($made->{status}, 'completed', 'invariant 18: another branch has a network of its own') or diag($made->{error} // $made->{content});
my $other = $made->{id};
is($super->("SELECT trim(E'\n' FROM pg_read_file('/data/PG_VERSION'))"), $t->major, 'he reads files of his own');
$refused->('a superuser', $super, "SELECT pg_read_file('$_')", 'No such file')
  foreach $secret, $t->dir . '/data/branch_authority.pem', $b->directory($other) . '/data/PG_VERSION', $b->directory($id) . '/data/PG_VERSION', $t->replica_dir . '/data/PG_VERSION',
  "/data/../branches/$other/data/PG_VERSION", '/proc/1/environ', '/proc/self/environ', '/etc/shadow', '/etc/hostname';
$refused->('a superuser', $super, "COPY item TO '$_'", 'Read-only file system|No such file|Permission denied') foreach '/etc/x', '/configuration/postgresql.conf', $t->dir . '/x';
is($super->('CREATE TABLE own (v text)', "COPY own FROM '/configuration/pg_hba.conf'", q(SELECT count(*) > 0 FROM own WHERE v ~ 'hostssl')), 't', 'he sees who may come');

# The network: dblink and postgres_fdw work towards his own server, and towards nobody else's.
is($super->('CREATE EXTENSION dblink'), '', 'he has dblink');
my $dblink = sub { my ($where) = @_; return $super->("SELECT * FROM dblink('$where connect_timeout=3', 'SELECT 41 + 1') AS x (n integer)") };
is($dblink->("host=/socket port=5432 dbname=$Ardent::Test::database user=ardent_admin"), '42', 'it reaches his own server');
my $source = $t->source;
my ($api) = $t->url =~ /:(\d+)/;
my @doors = map { $b->row($_)->{port} } $id, $other;
my ($address) = map { $_->sockhost } grep { defined } IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.1', PeerPort => 9);
my @hosts = grep { defined } '127.0.0.1', $address;
ok(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_, Timeout => 3), "port $_ is open for others") foreach $source->port, $api, @doors;
foreach my $host (@hosts)
{
	like($dblink->("host=$host port=$_ dbname=postgres user=postgres"), qr/^ERROR.*(?:refused|unreachable|timeout expired|could not)/s, "invariant 18: nobody answers at $host port $_")
	  foreach $source->port, $api, @doors;
}
foreach my $socket ($source->host, $t->dir . '/run/' . substr($other, 0, 12), $t->dir . '/run/state', ($t->replica_conninfo =~ /host=(\S+)/))
{
	ok(-d $socket, "a folder of sockets: $socket");
	like($dblink->("host=$socket dbname=postgres user=ardent_admin port=" . ($socket eq $source->host ? $source->port : 5432)), qr/^ERROR.*(?:No such file|could not)/s, "invariant 18: nor at $socket");
}
is($super->('CREATE EXTENSION postgres_fdw', "CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '@{[ $source->port ]}', dbname '$Ardent::Test::database')",
	q(CREATE USER MAPPING FOR ardent_admin SERVER away OPTIONS (user 'ardent_replication', password 'only for tests')), q(CREATE FOREIGN TABLE away (id integer) SERVER away OPTIONS (table_name 'item'))), '', 'postgres_fdw');
$refused->('a superuser', $super, 'SELECT count(*) FROM away', 'could not connect|refused');
# The role, where a superuser lends it both: towards the branch's own server they work for it, too.
my ($user, $password) = $b->url($id) =~ m{//([^:]+):([^@]+)@};
my $role_dblink = sub { my ($where) = @_; return $role->("SELECT * FROM dblink('$where dbname=$Ardent::Test::database connect_timeout=3', 'SELECT 41 + 1') AS x (n integer)") };
is($role_dblink->("host=127.0.0.1 port=5432 user=$user password=$password sslmode=require"), '42', 'the role: dblink reaches its own server');
is($super->("GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO $user"), '', 'and it may make servers');
my $role_fdw = sub {
	my ($server, $host, $port, $as, $its_password) = @_;
	return $role->("CREATE SERVER $server FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname '$Ardent::Test::database', connect_timeout '3')",
		"CREATE USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (user '$as', password '$its_password')",
		"CREATE FOREIGN TABLE item_$server (id integer) SERVER $server OPTIONS (table_name 'item')", "SELECT count(*) FROM item_$server");
};
is($role_fdw->('own', '127.0.0.1', 5432, $user, $password), '100', 'the role: postgres_fdw reads its own server');
my $servers = 0;
foreach my $host (@hosts)
{
	foreach my $port ($source->port, $api, @doors)
	{
		like($role_dblink->("host=$host port=$port user=ardent_replication password=x"), qr/^ERROR.*(?:refused|unreachable|timeout expired)/s, "invariant 18: the role: dblink: nobody answers at $host port $port");
		like($role_fdw->('away_' . ++$servers, $host, $port, 'ardent_replication', 'only for tests'), qr/^ERROR.*(?:refused|unreachable|timeout expired)/s, "invariant 18: the role: postgres_fdw: nobody answers at $host port $port");
	}
}
like($super->("CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=@{[ $source->port ]} dbname=$Ardent::Test::database user=ardent_replication' PUBLICATION p"), qr/^ERROR.*could not connect/s, 'invariant 18: a superuser: a subscription');

# Signals, and code that he loads.
my $victim = IPC::Run::start([ 'perl', '-e', 'sleep 600' ]);
my ($victim_pid) = map { $_->{PID} } @{ $victim->{KIDS} };
my $file = $t->write_file('planted.c', <<'C');
#include "postgres.h"
#include "fmgr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(planted_kill);
PG_FUNCTION_INFO_V1(planted_connect);
PG_FUNCTION_INFO_V1(planted_abstract);
Datum planted_kill(PG_FUNCTION_ARGS) { PG_RETURN_INT32(kill(PG_GETARG_INT32(0), PG_GETARG_INT32(1)) < 0 ? errno : 0); }
Datum planted_connect(PG_FUNCTION_ARGS)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PG_GETARG_INT32(1))};
	int s = socket(AF_INET, SOCK_STREAM, 0);
	int error = 0;
	inet_aton(PG_GETARG_CSTRING(0), &to.sin_addr);
	if (s < 0 || connect(s, (struct sockaddr *) &to, sizeof to) < 0)
		error = errno;
	close(s);
	PG_RETURN_INT32(error);
}
/* a name that is no file: sockets of the host's network namespace */
Datum planted_abstract(PG_FUNCTION_ARGS)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *name = PG_GETARG_CSTRING(0);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	int error = 0;
	strcpy(to.sun_path + 1, name);
	if (connect(s, (struct sockaddr *) &to, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)) < 0)
		error = errno;
	close(s);
	PG_RETURN_INT32(error);
}
C
chomp(my $include = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --includedir-server));
my $said = '';
ok(IPC::Run::run([ 'g++', '-x', 'c', '-shared', '-fPIC', "-I$include", '-o', $b->directory($id) . '/data/planted.so', $file ], '<', \undef, '>&', \$said), 'a library in the data directory') or diag($said);
is($super->(q(CREATE FUNCTION planted_kill(integer, integer) RETURNS integer LANGUAGE c AS '/data/planted.so'), q(CREATE FUNCTION planted_connect(cstring, integer) RETURNS integer LANGUAGE c AS '/data/planted.so'),
	q(CREATE FUNCTION planted_abstract(cstring) RETURNS integer LANGUAGE c AS '/data/planted.so')), '', 'which he loads');
is($super->('SELECT planted_kill(1, 0)'), '0', 'it signals the server');
my ($EPERM, $ESRCH, $ENETUNREACH, $ECONNREFUSED) = (1, 3, 101, 111);
my %pids = ('a process of the host' => $victim_pid, 'the environment' => $t->environment->pid, 'the server of another branch' => $b->server_pid($other), "the replica's server" => $t->replica_postmaster_pid);
is($super->("SELECT planted_kill($pids{$_}, 9)"), $ESRCH, "invariant 18: no signal to $_") foreach sort keys %pids;
foreach my $whose (sort keys %pids)
{
	is($role->("SELECT $_($pids{$whose})"), 'f', "invariant 18: the role: no $_ of $whose") foreach qw(pg_cancel_backend pg_terminate_backend);
}
ok(kill(0, $pids{$_}), "invariant 18: $_ is alive") foreach sort keys %pids;
is($super->("SELECT pg_terminate_backend($victim_pid)"), 'f', 'invariant 18: nor by the name of a session');
is($super->("SELECT planted_connect('127.0.0.1', 5432)"), '0', 'it connects to its own server');
foreach my $host (@hosts)
{
	like($super->("SELECT planted_connect('$host', $_)"), qr/^(?:$ECONNREFUSED|$ENETUNREACH)$/, "invariant 18: it connects to nobody at $host port $_") foreach $source->port, $api, @doors;
}
my $abstract = IO::Socket->new;
socket($abstract, 1, 1, 0) or die $!;
my $name = "ardent-test-$$";
bind($abstract, pack('S a*', 1, "\0$name")) or die $!;
listen($abstract, 1) or die $!;
is($super->("SELECT planted_abstract('$name')"), $ECONNREFUSED, 'invariant 18: nor to a socket of the host without a file');
# What listens inside is met by nobody outside.
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 5432, Timeout => 2), 'nothing listens on port 5432 of the host')
  or diag('another server does: this says nothing');
is($b->psql($other, 'SELECT count(*) FROM item'), '100', 'the other branch serves');
is($t->replica_psql('SELECT count(*) FROM item'), '100', 'and the replica');
$victim->kill_kill;
$t->stop_all;
done_testing();
