# SPDX-License-Identifier: PostgreSQL
# A full disk: while a branch is cut, while one is written to, while one is deleted, and when the environment starts. Nothing half
# made is left, deletions need no room, and neither the replica nor the state is stopped by a branch.
#
# On a tmpfs (branches are copied), and in `make test-volume` as root on XFS (they are cloned).
use strict;
use warnings;
use Ardent::Test;
use Ardent::Disk (megabytes => 1300);
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

my $reserve = 400;    # megabytes; more than the WAL that a branch gives back when it is stopped
my $t = Ardent::Test->new(name => 'branch_full_disk', sql => <<'SQL');
CREATE TABLE public.item (id serial PRIMARY KEY, v text);
INSERT INTO public.item (v) SELECT 'v' || g FROM generate_series(1, 1000) AS g;
SQL
my $database = $Ardent::Test::database;
my $disk = Ardent::Disk->new($t);
my $ports = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$ports-" . ($ports + 20), 'branch.reserve' => "${reserve}MB", 'replica.max_wal_size' => '64MB');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

my $data = $disk->place . '/data';
my $get = sub { return $t->http('GET', "/v1/branches/$t->{connector}" . ($_[0] ? "/$_[0]" : '')) };
my $ended = sub {
	my ($id) = @_;
	my $operation;
	$t->wait_for("operation $id", sub {
		my $answer = $t->http('GET', "/v1/operations/$id?wait=5");
		$operation = $answer->{json} if $answer->{status} == 200;
		return $operation && $operation->{status} =~ /^(?:completed|failed)$/;
	}, 120);
	return $operation;
};
my $ask = sub { return $t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => $_[0] }) };
my $create = sub {
	my ($name) = @_;
	my $answer = $ask->($name);
	return { status => "HTTP $answer->{status}", error => $answer->{content} } if $answer->{status} != 202;
	return { %{ $ended->($answer->{json}{operation_id}) }, branch => $answer->{json}{resource_id} };
};
my $delete = sub {
	my $answer = $t->http('DELETE', "/v1/branches/$t->{connector}/$_[0]");
	return { status => "HTTP $answer->{status}", error => $answer->{content} } if $answer->{status} != 202;
	return $ended->($answer->{json}{operation_id});
};
my $act = sub {
	my $answer = $t->http('POST', "/v1/branches/$t->{connector}/$_[0]/$_[1]");
	return { status => "HTTP $answer->{status}", error => $answer->{content} } if $answer->{status} != 202;
	return $ended->($answer->{json}{operation_id});
};
my $psql = sub {
	my ($id, $sql) = @_;
	my $url = $get->($id)->{json}{branch_url} =~ s/sslmode=verify-full/sslmode=require/r;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};
my $goes_on = sub {
	my ($when) = @_;
	$t->wait_streaming(120);
	$t->source->safe_psql($database, "INSERT INTO item (v) VALUES ('$when')");
	$t->wait_caught_up(120);
	is($t->replica_psql("SELECT count(*) FROM item WHERE v = '$when'"), '1', "the replica goes on $when");
};
# SQLSTATE and message that a client without TLS gets.
my $greeting = sub {
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 30) or return "no connection: $!";
	my $body = pack('N', 196608) . "user\0x\0database\0x\0\0";
	print $socket pack('N', length($body) + 4) . $body;
	$socket->flush;
	local $SIG{ALRM} = sub { die "no answer\n" };
	alarm 60;
	my $answer = do { local $/ = undef; <$socket> } // '';
	alarm 0;
	my ($state) = $answer =~ /\0C([0-9A-Z]{5})\0/;
	my ($text) = $answer =~ /\0M([^\0]*)\0/;
	return ($state // '') . ' ' . ($text // '');
};

my $first = $create->('first');
is($first->{status}, 'completed', 'a branch, while there is room') or diag($first->{error});
chomp(my $file_system = qx(stat -f -c %T '${\ $disk->place }'));
my $method = { tmpfs => 'copy', xfs => 'reflink' }->{$file_system} // BAIL_OUT("a disk of $file_system");
is($get->($first->{branch})->{json}{method}, $method, "cut by what $file_system can do");
like(($t->cli('status'))[1], qr/branches by $method$/m, 'which ardent status tells');
# With a copy, why it has to be one, and what mends it.
my @warnings = $t->environment->log_text =~ /level=warn\S* .*(branches are made by copying the whole replica.*)/g;
is(scalar @warnings, $method eq 'copy' ? 1 : 0, 'a start warns once of branches that are copies') or diag(@warnings);
like($_, qr/reason="snapshot: BTRFS_IOC_SUBVOL_CREATE_V2: .+; reflink: FICLONE: .+" faster=.*XFS.*Btrfs/, '… with the reasons and a faster way') foreach @warnings;
ok(-s "$data/ballast", 'there is ballast') or $t->wait_for('ballast', sub { return -s "$data/ballast" });

# Below the reserve none is begun.
$disk->fill(leave => $reserve - 20);
my $refused = $ask->('refused');
is($refused->{status}, 422, 'below branch.reserve no branch is begun');
is($refused->{json}{code}, 'disk', 'for want of disk');
like($refused->{json}{detail}, qr/branch\.reserve/, 'which names the setting');
$disk->empty;

# The disk is filled while a branch is cut, by somebody else: what is left is the replica's. The cut begins with a checkpoint,
# which waits here until the disk is full.
my $postmaster = Ardent::Test::server_pid($t->replica_dir);
my ($checkpointer) = qx(pgrep -P $postmaster -f checkpointer) =~ /(\d+)/;
ok($checkpointer, "the replica's checkpointer") or BAIL_OUT('no checkpointer');
kill STOP => $checkpointer;
my $filler = fork // die "fork: $!";
if ($filler == 0)
{
	my $deadline = time + 60;
	my %known = map { $_ => 1 } glob("$data/branches/*");
	usleep(500) until grep({ !$known{$_} } glob("$data/branches/*")) || time > $deadline;
	$disk->fill(leave => int($reserve / 2) - 30);
	kill CONT => $checkpointer;
	POSIX::_exit(0);
}
my $cut = $create->('cut');
waitpid($filler, 0);
is($cut->{status}, 'failed', 'the disk is full while a branch is cut: it fails');
like($cut->{error}, qr/disk/, 'and says that it is the disk') or diag($cut->{error});
note $cut->{error};
ok(!-e "$data/branches/$cut->{branch}", 'nothing of it is left');
is($get->($cut->{branch})->{json}{status}, 'failed', 'it is shown as failed');
like($get->($cut->{branch})->{json}{failure}, qr/disk/, 'with the reason');
$disk->empty;
$goes_on->('after a cut that found no room');
my $again = $create->('cut');
is($again->{status}, 'completed', 'once there is room the same create works') or diag($again->{error});
is($psql->($again->{branch}, 'SELECT count(*) > 1000 FROM item'), 't', 'and the branch is whole');

# A hook of the connector's fills the disk while a branch is made: no branch, and nothing of it.
my $hook = "/v1/connectors/$t->{connector}/settings/branch_sql";
is($t->http('PUT', $hook, { value => q(CREATE TABLE much (v text); DO $$ BEGIN LOOP INSERT INTO much SELECT repeat(md5(g::text), 30) FROM generate_series(1, 2000) AS g; PERFORM pg_sleep(0.02); END LOOP; END $$) })->{status}, 200, 'a hook that fills the disk');
$disk->fill(leave => $reserve + 60);
my $hooked = $create->('hooked');
is($hooked->{status}, 'failed', 'the disk is full while a hook runs: no branch');
like($hooked->{error}, qr/disk/, 'for want of disk') or diag($hooked->{error});
note "$hooked->{error}; ", $disk->free, ' MB left';
ok(!-e "$data/branches/$hooked->{branch}", 'nothing of it is left');
like($get->($hooked->{branch})->{json}{failure}, qr/disk/, 'the branch is shown with the reason');
cmp_ok($disk->free, '>', $reserve / 2 - 100, 'what is the replica\'s was left to it');
$goes_on->('after a hook that filled the disk');
$disk->empty;
is($t->http('DELETE', "$hook?hook=$_->{hook}")->{status}, 200, 'without that hook')
	foreach map { @{ $_->{hooks} // [] } } @{ $t->http('GET', $hook =~ s{/branch_sql$}{}r)->{json}{settings} };
$hooked = $create->('hooked');
is($hooked->{status}, 'completed', 'and with room it is made') or diag($hooked->{error});
is($delete->($hooked->{branch})->{status}, 'completed', 'and deleted');

# At 0 bytes free, and the state's server gone, which cannot come back without room: a deletion is what makes some. Others report
# that nothing can be removed then, because their state is written first.
is($psql->($first->{branch}, 'CREATE TABLE mine AS SELECT g FROM generate_series(1, 100000) AS g; SELECT count(*) FROM mine'), '100000', 'a branch with something of its own');
unlink "$data/ballast" or die "$data/ballast: $!";
$disk->fill;
cmp_ok($disk->free, '<', 1, 'the disk is full') or diag($disk->free);
kill KILL => Ardent::Test::server_pid("$data/state");
# what the state's server leaves free is taken, too
$disk->fill;
my $removed = $delete->($first->{branch});
is($removed->{status}, 'completed', 'a branch is deleted at 0 bytes free') or diag($removed->{error});
ok(!-e "$data/branches/$first->{branch}", 'with its files');
is($get->($first->{branch})->{status}, 404, 'and is gone');
cmp_ok($disk->free, '>', 5, 'there is room');
$disk->empty;
$goes_on->('after a full disk');
is($t->http('GET', "/v1/operations/$removed->{id}")->{json}{status}, 'completed', 'the state knows of the deletion');
$t->wait_for('the ballast is back', sub { return -s "$data/ballast" });

# Everything is down, and the disk is full: the environment comes up on its ballast, and deletes.
is($psql->($again->{branch}, 'SELECT 1'), '1', 'the other branch serves');
$t->agent->stop(30);
$disk->fill;
my @servers = grep { defined } map { Ardent::Test::server_pid($_) } "$data/state", glob("$data/replicas/*"), glob("$data/branches/*");
$t->environment->kill9;
kill KILL => @servers;
$disk->fill;
$t->start_environment;
pass('an environment starts at 0 bytes free');
ok(!-e "$data/ballast", 'by letting go of its ballast');
$removed = $delete->($again->{branch});
is($removed->{status}, 'completed', 'and deletes a branch') or diag($removed->{error});
ok(!-e "$data/branches/$again->{branch}", 'with its files');
# The deletion is not forgotten, whatever the state could be told before the environment was killed.
$disk->empty;
$t->start_agent;
$goes_on->('after a start on a full disk');

# A branch that is written to until the disk is full: it is suspended before, and the replica has what it needs.
my ($greedy, $modest) = map { $create->($_)->{branch} } qw(greedy modest);
is($psql->($modest, 'SELECT count(*) > 0 FROM item'), 't', 'another branch is read') or diag(explain $get->()->{json});
my $reader = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $get->($modest)->{json}{branch_url} =~ s/sslmode=verify-full/sslmode=require/r, '-c', 'SELECT pg_sleep(600)' ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
$disk->fill(leave => $reserve + 60);
my $begun = time;
my $said = $psql->($greedy, q(DO $$ BEGIN CREATE TABLE much (v text); LOOP INSERT INTO much SELECT repeat(md5(g::text), 30) FROM generate_series(1, 2000) AS g; COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$));
like($said, qr/^ERROR/, 'a client that fills the disk is ended');
note sprintf 'after %.1f s, %d MB left: %s', time - $begun, $disk->free, $said;
# The reason stands there before the server has stopped.
$t->wait_for('it is suspended', sub { return $get->($greedy)->{json}{state} eq 'suspended' });
my $row = $get->($greedy)->{json};
like($row->{failure}, qr/^suspended: it grows most .* disk of the environment has \d+ MB left/, 'with the reason');
is($row->{state}, 'suspended', 'its server is stopped');
cmp_ok($disk->free, '>', 20, 'before the disk is full');
$goes_on->('while a branch has filled the disk');
is($get->($modest)->{json}{state}, 'active', 'a branch that only reads goes on');
like($greeting->($row->{port}), qr/^53100 the branch is suspended/, 'a client without TLS gets 53100 and the reason');
like($psql->($greedy, 'SELECT 1'), qr/^ERROR/, 'one with TLS is closed to');
# What its server's end gave back (WAL, temporary files) is taken, too.
$disk->fill(leave => int($reserve / 2) - 20);
my $resumed = $act->($greedy, 'resume');
is($resumed->{status}, 'failed', 'it is not resumed while there is no room') or diag($disk->free);
like($resumed->{error}, qr/room/, 'which is said') or diag(explain $resumed);
$disk->empty;
$t->wait_for('it may run again once there is room', sub { return !defined $get->($greedy)->{json}{failure} });
is($psql->($greedy, 'DROP TABLE much; SELECT count(*) > 0 FROM item'), 't', 'and serves');
$reader->kill_kill;

is($delete->($_)->{status}, 'completed', 'all are deleted') foreach $greedy, $modest;
is(join(' ', glob("$data/branches/*")), '', 'and no file of theirs is left');
$t->compare_ok('the replica equals the source');
$t->stop_all;
done_testing();
