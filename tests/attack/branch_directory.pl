# SPDX-License-Identifier: PostgreSQL
# Whoever is superuser inside puts links, pipes and files of his own into a replica's data directory, or into a branch's: a branch that is
# cut, started, measured, reset and deleted around them leads to nothing that they point to. What lies outside is neither changed nor
# removed, and no byte of it comes into a branch, an answer or the log.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use File::Find qw(find);
use File::Path qw(remove_tree);
use IPC::Run;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils qw(slurp_file append_to_file);
use Test::More;

my $t = Ardent::Test->new(name => 'branch_directory', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 100) AS g;
SQL
my $b = Ardent::Branching->new($t);

# What nobody inside may reach: a folder that looks like a server's logs, WAL and tables, a large file, a pipe at which a reader waits.
my $secret = 'what-nobody-inside-may-know';
my $outside = $t->dir . '/outside';
mkdir $outside or die $!;
append_to_file("$outside/$_", "FATAL:  $secret\n") foreach 'server.log', 'PG_VERSION', 'tablespace_map', '000000010000000000000001';
open(my $large, '>', "$outside/large") or die $!;
print $large 'x' x 65536 foreach 1 .. 1600;
close $large;
mkfifo("$outside/pipe", 0600) or die $!;
my $as_it_is = sub {
	my @found;
	find({ no_chdir => 1, wanted => sub { my @about = lstat; push @found, join ' ', $_, @about[ 2, 7, 9 ], -f _ && $about[7] < 1000 ? slurp_file($_) : () } }, $outside);
	return join "\n", sort @found;
};
my $before = $as_it_is->();

# Plants into a data directory; whatever has one of the names goes aside.
my $plant = sub {
	my ($data, %links) = @_;
	foreach my $name (sort keys %links)
	{
		unlink "$data/$name" if -l "$data/$name";
		if (-e "$data/$name")
		{
			remove_tree("$data/$name.aside");
			rename "$data/$name", "$data/$name.aside" or die "$name: $!";
		}
		symlink $links{$name}, "$data/$name" or die "$name: $!";
	}
	return;
};
my %everywhere = ('planted.file' => "$outside/server.log", 'planted.folder' => $outside, 'planted.pipe' => "$outside/pipe", 'base/planted' => $outside, 'base/1/4711' => "$outside/large",
	'global/4711' => "$outside/large", 'pg_tblspc/4711' => $outside, 'log' => $outside, 'postgresql.auto.conf' => "$outside/server.log", 'backup_label.old' => "$outside/server.log");
my $safe = sub {
	my ($what, $id) = @_;
	is($as_it_is->(), $before, "$what: what lies outside is as it was");
	unlike($t->environment->log_text, qr/$secret/, '… and not in the log');
	return unless defined $id;
	unlike($t->http('GET', $b->base($id))->{content}, qr/$secret/, '… nor in an answer');
	my @with;
	find({ no_chdir => 1, wanted => sub { push @with, $File::Find::name if -f && !-l && slurp_file($_) =~ /$secret/ } }, $b->directory($id));
	return is_deeply(\@with, [], '… nor in a file of the branch');
};

# ---- a replica's directory, from which branches are cut
my $replica = $t->replica_dir . '/data';
$plant->($replica, %everywhere);
mkfifo("$replica/base/pipe", 0600) or die $!;
append_to_file("$replica/tablespace_map", "4711 $outside\n");
append_to_file("$replica/postmaster.opts", "$secret is = no 'option\n");
append_to_file("$replica/base/planted.plain", "seen\n");
my $id = $b->create_ok('of-a-hostile-replica');
my $data = $b->directory($id) . '/data';
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'it serves');
ok(-f "$data/base/planted.plain", 'what was planted stood there when it was cut');
my @odd;
find({ no_chdir => 1, wanted => sub { push @odd, $_ if -l || -p _ } }, $data);
is_deeply(\@odd, [], 'no link and no pipe came along');
$safe->('cut from a hostile replica', $id);
# A link in the place of a folder that is cloned by itself. The server lives on: in its room the link leads to its own WAL.
$plant->($replica, 'pg_wal' => '/data/pg_wal.aside');
my $linked = $b->create('of-linked-wal');
is($linked->{status}, 'failed', 'WAL behind a link is not cut');
note $linked->{error};
ok(!-e $b->directory($linked->{id}), 'and nothing is left of the branch');
unlink "$replica/pg_wal" or die $!;
rename "$replica/pg_wal.aside", "$replica/pg_wal" or die $!;
$safe->('a cut that was refused');

# ---- a branch's own, whose server is stopped meanwhile: what it leaves is what the next start meets
my $bytes = $b->row($id)->{own_bytes};
my $victim = IPC::Run::start([ 'perl', '-e', 'sleep 600' ]);
my ($victim_pid) = map { $_->{PID} } @{ $victim->{KIDS} };
my $hostile = sub {
	is($b->act($id, 'suspend'), 'completed', 'it sleeps') or diag($b->{error});
	unlink "$data/postmaster.pid";
	append_to_file("$data/postmaster.pid", "$victim_pid\n$data\n1\n5432\n");
	mkfifo("$data/base/pipe", 0600) or die $! unless -p "$data/base/pipe";
	# The link in the place of its WAL leads there inside of its room, and nowhere outside.
	$plant->($data, %everywhere, 'backup_label' => "$outside/server.log", 'tablespace_map' => "$outside/tablespace_map", 'pg_wal' => '/data/pg_wal.aside');
	return;
};
$hostile->();
my $now = $b->row($id)->{own_bytes} // 'unknown';
ok($now ne 'unknown' && $now < $bytes + 50 * 1048576, 'it is measured, without what links lead to') or diag("$now of $bytes");
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'it wakes');
ok(kill(0, $victim_pid), 'the process in a planted postmaster.pid was not signalled');
ok(-d "$data/log" && !-l "$data/log", 'its log is a folder of its own again');
$safe->('a start', $id);
$t->environment->kill9;
$t->start_environment;
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'a server is adopted whatever its directory says');
$t->wait_streaming;
$safe->('a start of the environment', $id);

# A start that fails is explained by the log, which is a link now.
$hostile->();
rename "$data/global/pg_control", "$data/global/pg_control.away" or die $!;
like($b->psql($id, 'SELECT 1'), qr/ERROR/, 'a server that does not start');
like($b->row($id)->{failure}, qr/does not start/, 'is explained');
$safe->('a start that failed', $id);
$plant->($data, 'log' => $outside);
rename "$data/global/pg_control.away", "$data/global/pg_control" or die $!;

# ---- reset and deletion remove what is there
is($b->act($id, 'reset'), 'completed', 'it is reset') or diag($b->{error});
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'and serves');
ok(!-e "$data.old" && !-e "$data.next", 'nothing is left of the old data');
$safe->('a reset', $id);
$hostile->();
$plant->($data, 'pg_wal' => $outside, 'base' => $outside);
chmod 0, "$data/global" or die $!;
is($b->delete($id), 'completed', 'it is deleted');
ok(!-e $b->directory($id), 'with all of its files');
$safe->('a deletion');
is($b->delete($b->create_ok('another')), 'completed', 'the next branch is made and deleted');
$safe->('another branch');
ok(kill(0, $victim_pid), 'the process lives on');
$victim->kill_kill;
$t->stop_all;
done_testing();
