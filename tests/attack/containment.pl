# SPDX-License-Identifier: PostgreSQL
# Whoever has become superuser inside a replica reaches nothing outside of it: no program, no file of the host, no network,
# no other process, and no way to make the environment read, signal or overwrite something else.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use PostgreSQL::Test::Utils qw(slurp_file append_to_file);
use Test::More;

my $t = Ardent::Test->new(name => 'contained', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 100) AS g;
SQL
$t->start_all;
$t->wait_caught_up;
is($t->connector->{replica}{containment}, 'bubblewrap', 'the status says how the replica is contained');

my $admin = $t->replica_admin;
my $inside = sub {
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $admin, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return ($out, $err);
};
my $refused = sub {
	my ($sql, $why, $what) = @_;
	my ($out, $err) = $inside->($sql);
	like($err, $why, $what) or diag("it said: $out");
};
my $says = sub {
	my ($sql, $expected, $what) = @_;
	my ($out, $err) = $inside->($sql);
	is($out, $expected, $what) or diag($err);
};

# Programs.
$says->('SELECT rolsuper FROM pg_roles WHERE rolname = current_user', 't', 'the attacker is a superuser of the replica');
$refused->($_, qr/could not execute command|Cannot allocate memory|No such file|child process exited|command not executable|command not found/, "no program: $_")
  foreach q(COPY (SELECT 1) TO PROGRAM 'cat > /tmp/x'), q(COPY public.item FROM PROGRAM 'id');
$says->("SELECT count(*) FROM unnest('{/bin/sh,/usr/bin/env,/bin/bash,/usr/bin/perl,/usr/bin/python3}'::text[]) AS p WHERE (pg_stat_file(p, true)).size IS NOT NULL",
	'0', 'there is no shell and no interpreter');

# Files.
my $environment_file = $t->dir . '/data/environment.lock';
ok(-e $environment_file, 'a file of the environment');
$refused->("SELECT pg_read_file('$_')", qr/No such file/, "not there: $_") foreach $environment_file, '/proc/1/environ', '/proc/self/status', '/etc/shadow', '/etc/hostname', '/etc/gshadow';
my ($users) = $inside->(q(SELECT pg_read_file('/etc/passwd')));
is(scalar(split /\n/, $users), 1, 'it knows one user');
$inside->("SELECT lo_from_bytea(4711, 'x')");
$refused->("SELECT lo_export(4711, '$_')", qr/Read-only file system|No such file|Permission denied/, "cannot write $_")
  foreach '/etc/x', '/usr/lib/x', '/configuration/postgresql.conf', $t->dir . '/x';
my $outside = "/tmp/ardent-attack-$$";
$says->("SELECT lo_export(4711, '$outside')", '1', 'it writes to /tmp');
ok(!-e $outside, 'which is its own');

# What a loaded library can call.
my $source = $t->dir . '/planted.c';
append_to_file($source, <<'C');
#define _GNU_SOURCE
#include "postgres.h"
#include "fmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(planted);
Datum planted(PG_FUNCTION_ARGS)
{
	long result = -1;
	errno = 0;
	switch (PG_GETARG_INT32(0))
	{
		case 1: result = unshare(CLONE_NEWUSER); break;
		case 2: result = unshare(CLONE_NEWNS); break;
		case 3: result = mount("none", "/tmp", "tmpfs", 0, ""); break;
		case 4: result = ptrace(PTRACE_TRACEME, 0, 0, 0); break;
		case 5: result = socket(40 /* AF_VSOCK */, SOCK_STREAM, 0); break;
		case 6: result = socket(16 /* AF_NETLINK */, SOCK_RAW, 0); break;
		case 7: result = syscall(SYS_bpf, 0, 0, 0); break;
		case 8: result = syscall(SYS_keyctl, 0, 0, 0, 0, 0); break;
		case 9: result = syscall(425 /* io_uring_setup */, 1, 0); break;
		case 10: result = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); break;
		case 11: result = kill(PG_GETARG_INT32(1), 0); break;
		case 12: result = setns(0, 0); break;
		case 13: result = execl("/bin/sh", "sh", "-c", "true", (char *) NULL); break;
		case 15: result = unlink("/socket/.s.PGSQL.5432") < 0 ? -1 : symlink("../state/.s.PGSQL.5432", "/socket/.s.PGSQL.5432"); break;
		case 16: result = ioctl(open("/data", O_RDONLY), _IOC(_IOC_WRITE, 0x94, 14, 4096) /* BTRFS_IOC_SUBVOL_CREATE */, 0); break;
		case 17: result = ioctl(open("/data", O_RDONLY), _IOW(0x94, 9, int) /* FICLONE */, -1); break;
		case 14: result = getpid() == 1 ? 0 : getppid(); errno = 0; PG_RETURN_INT32((int32) result);
	}
	PG_RETURN_INT32(result < 0 ? errno : 0);
}
C
my $include = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --includedir-server);
chomp $include;
my $library = $t->replica_dir . '/data/planted.so';
my ($said) = ('');
my $built = IPC::Run::run([ 'g++', '-x', 'c', '-shared', '-fPIC', "-I$include", '-o', $library, $source ], '<', \undef, '>&', \$said);
ok($built, 'a library in the data directory') or diag($said);
$inside->(q(CREATE FUNCTION planted(integer, integer DEFAULT 0) RETURNS integer LANGUAGE c AS '/data/planted.so'));
my ($EPERM, $ENOENT, $ESRCH, $ENOSYS, $EAFNOSUPPORT) = (1, 2, 3, 38, 97);
$says->("SELECT planted($_->[0])", $_->[1], "a loaded library: $_->[2]")
  foreach [ 1, $EPERM, 'no user namespace' ], [ 2, $EPERM, 'no mount namespace' ], [ 3, $EPERM, 'no mount' ], [ 4, $EPERM, 'no ptrace' ],
  [ 5, $EAFNOSUPPORT, 'no vsock' ], [ 6, $EAFNOSUPPORT, 'no netlink' ], [ 7, $EPERM, 'no bpf' ], [ 8, $EPERM, 'no keyctl' ], [ 9, $EPERM, 'no io_uring' ],
  [ 10, $EPERM, 'no clone into a namespace' ], [ 12, $EPERM, 'no setns' ], [ 13, $ENOENT, 'no shell' ], [ 14, '1', 'its parent is process 1' ],
  [ 16, $EPERM, 'no subvolume of Btrfs' ];
$says->("SELECT planted(17) <> $EPERM", 't', 'blocks of files may be shared');
$says->("SELECT planted(11, $$)", $ESRCH, 'a loaded library: no process of the host');

# The network.
my $port = $t->source->port;
my ($listens) = $t->url =~ /:(\d+)/;
$inside->('CREATE EXTENSION dblink');
$refused->("SELECT dblink_connect('a', 'host=127.0.0.1 port=$_ dbname=postgres user=postgres connect_timeout=3')", qr/could not|refused|unreachable/i, "nobody answers on port $_")
  foreach $port, $listens;
$refused->("SELECT dblink_connect('b', 'host=@{[ $t->source->host ]} port=$port dbname=postgres')", qr/No such file|could not/, 'nor on the host\'s sockets');

# A socket that leads to another instance: the environment's own state, as its superuser.
my ($socket) = $admin =~ /host=(\S+)/;
my $state = $admin =~ s/host=\S+/host=@{[ $t->dir ]}\/run\/state/r;
IPC::Run::run([ 'psql', '-X', '-q', '-d', $state =~ s/dbname=\S+/dbname=template1/r, '-c', "CREATE DATABASE $Ardent::Test::database" ]) or die 'no database of that name';
$says->(q(SELECT planted(15), count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE usename = 'ardent_apply'), '0|t',
	'its socket becomes a link to the state\'s, and who was connected has to come again');
ok(-S "$socket/.s.PGSQL.5432" && -l "$socket/.s.PGSQL.5432", 'which leads there');
ok(!defined $t->replica_try('SELECT 1') || $t->replica_try('SELECT 1') ne '1', 'a program that does not look ends there');
$t->source->safe_psql($Ardent::Test::database, q(INSERT INTO public.item VALUES (999, 'to whom')));
$t->wait_for('the environment notices', sub { return $t->agent->log_text =~ /another process listens at the socket of its server/ });
my $linked = $t->replica_postmaster_pid;
$t->environment->kill9;
$t->start_environment;
$t->wait_for('the server is started again', sub { my $pid = $t->replica_postmaster_pid; return $pid && $pid != $linked });
like($t->environment->log_text, qr/a server whose socket was replaced is started again/, 'and the log says why');
$t->wait_streaming;

# What it plants for the environment to find.
my $data = $t->replica_dir . '/data';
my $victim = IPC::Run::start([ 'perl', '-e', 'sleep 600' ]);
my ($victim_pid) = map { $_->{PID} } @{ $victim->{KIDS} };
my $secret = $t->dir . '/secret';
append_to_file($secret, "FATAL: secret\n");
unlink "$data/postmaster.pid";
append_to_file("$data/postmaster.pid", "$victim_pid\n$data\n1\n5432\n");
append_to_file("$data/postgresql.auto.conf", "this is = no 'configuration\n");
rename "$data/log", "$data/log.before";
symlink $secret, "$data/log";
symlink $secret, "$data/postgresql.conf.link";
my $before = $t->replica_postmaster_pid;
$t->environment->kill9;
$t->start_environment;
is($t->replica_postmaster_pid, $before, 'a server is adopted whatever its data directory says');
kill KILL => $before;
$t->wait_for('another server', sub { my $pid = $t->replica_postmaster_pid; return $pid && $pid != $before });
ok(kill(0, $victim_pid), 'the process in a planted postmaster.pid was not signalled');
$t->source->safe_psql($Ardent::Test::database, q(INSERT INTO public.item VALUES (1000, 'after')));
$t->wait_caught_up(90);
$inside->($_) foreach 'DROP FUNCTION planted', 'DROP EXTENSION dblink';
$t->compare_ok('after the server was killed with all that');
is(slurp_file($secret), "FATAL: secret\n", 'the file behind a planted link is what it was');

# One server a directory: neither PostgreSQL's lock file nor its shared memory can tell from inside another namespace.
# Both that tell which process it is are away: our record, and what bwrap wrote.
my @records = map { $t->replica_dir . "/$_" } 'server', 'server.info';
$before = $t->replica_postmaster_pid;
$t->environment->kill9;
rename $_, "$_.away" or die $! foreach @records;
$t->start_environment;
$t->wait_for(q(the environment says so), sub { return $t->environment->log_text =~ qr/a server that nobody knows works in/ });
ok(kill(0, $before), 'the server that runs was left alone');
rename "$_.away", $_ or die $! foreach @records;
$t->source->safe_psql($Ardent::Test::database, q(INSERT INTO public.item VALUES (1001, 'after')));
$t->wait_caught_up(90);
is($t->replica_postmaster_pid, $before, 'and adopted when it is known again');
$victim->kill_kill;
done_testing();
