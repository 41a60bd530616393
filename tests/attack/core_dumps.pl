# SPDX-License-Identifier: PostgreSQL
# What a program has in memory is its own: no core is made of it, also not by a kernel that pipes cores to a program, and no
# process of the same user reads its memory, its environment or its descriptors. LimitCORE=0 holds none of that.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

plan skip_all => 'root may read everything' if $> == 0;

my $t = Ardent::Test->new(name => 'dumps', sql => 'CREATE TABLE public.own (id integer PRIMARY KEY)');
$t->start_all;

# what PR_GET_DUMPABLE would say: files of a process that is not dumpable are root's, and nobody else opens them
sub closed
{
	my ($what, $pid) = @_;
	foreach my $file (qw(mem environ maps auxv))
	{
		my $opened = open(my $in, '<', "/proc/$pid/$file");
		ok(!$opened, "$what: /proc/PID/$file is not read by its own user");
		close $in if $opened;
	}
	my $listed = opendir(my $fds, "/proc/$pid/fd");
	ok(!$listed, "$what: nor its descriptors");
	is((stat "/proc/$pid/environ")[4], 0, "$what: its files in /proc are root's");
	return;
}

# the test itself sees such files of an ordinary process
my $ordinary = Ardent::Process->start(name => 'sleep', log => $t->dir . '/sleep.log', command => [ 'sleep', '600' ]);
$t->wait_for('sleep runs', sub { return (readlink("/proc/${\ $ordinary->pid }/exe") // '') =~ /sleep/ });
ok(open(my $in, '<', "/proc/${\ $ordinary->pid }/environ"), 'of an ordinary process they are read');
closed('agent', $t->agent->pid);
closed('environment', $t->environment->pid);

# the command line, while it waits for an answer that does not come
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or die "no port: $!";
my $cli = Ardent::Process->start(name => 'cli', log => $t->dir . '/cli.log', environment => { ARDENT_TOKEN => 'secret' },
	command => [ "$Ardent::Test::bin/ardent", '--api-url', 'http://127.0.0.1:' . $silent->sockport, 'connector', 'list' ]);
my $peer = $silent->accept;
closed('command line', $cli->pid);
$cli->kill9;

# no core, whatever the limit says
SKIP:
{
	my $pattern = do { open(my $file, '<', '/proc/sys/kernel/core_pattern') or die $!; <$file> };
	skip 'cores are piped to a program here', 1 if $pattern =~ /^\|/;
	my $dir = $t->dir . '/core';
	mkdir $dir or die $!;
	my $dumps = Ardent::Process->start(name => 'cli', log => $t->dir . '/cli.log', environment => { ARDENT_TOKEN => 'secret' },
		command => [ 'sh', '-c', "cd $dir && ulimit -c unlimited && exec \"\$0\" \"\$@\"", "$Ardent::Test::bin/ardent", '--api-url',
			'http://127.0.0.1:' . $silent->sockport, 'connector', 'list' ]);
	$peer = $silent->accept;
	$dumps->signal('SEGV');
	is($dumps->wait(30), 128 + 11, 'a program that is killed by SIGSEGV');
	is(join(' ', glob "$dir/*"), '', 'leaves no core');
}

# it works on: what reads /proc of itself and of the servers that it started
$t->wait_for('the agent reports its memory', sub { return ($t->connector->{agent}{resident_bytes} // 0) > 0 });
my $server = $t->replica_postmaster_pid;
ok((readlink("/proc/$server/cwd") // '') ne '', 'a server of the environment is as any other');
$t->environment->kill9;
$t->start_environment;
$t->wait_streaming;
is($t->replica_postmaster_pid, $server, 'and is found again by an environment that was killed');
$t->wait_caught_up;
$t->stop_all;
done_testing();
