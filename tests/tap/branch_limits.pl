# SPDX-License-Identifier: PostgreSQL
# What a branch may have: of the disk (branch.disk_limit), of time (ttl), and what is told of its use. What goes with its connector.
use strict;
use warnings;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $t = Ardent::Test->new(name => 'branch_limits', sql => 'CREATE TABLE public.item (id serial PRIMARY KEY); INSERT INTO item DEFAULT VALUES');
my $database = $Ardent::Test::database;
my $ports = Ardent::Test::free_ports(41);
# Where branches are copied, all of one is its own: some 90 MB.
my $limit = 300;
$t->start_environment('branch.ports' => "$ports-" . ($ports + 20), 'branch.disk_limit' => "${limit}MB", 'branch.suspend_after' => '4s', 'branch.reserve' => '100MB');
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

my $all = sub { return $t->http('GET', "/v1/branches/$t->{connector}")->{json} };
my $get = sub { return $t->http('GET', "/v1/branches/$t->{connector}/$_[0]") };
my $row = sub { return $get->($_[0])->{json} };
my $patch = sub { return $t->http('PATCH', "/v1/branches/$t->{connector}/$_[0]", $_[1]) };
my $ended = sub {
	my ($id) = @_;
	my $operation;
	$t->wait_for("operation $id", sub {
		$operation = $t->http('GET', "/v1/operations/$id?wait=5")->{json};
		return $operation->{status} =~ /^(?:completed|failed)$/;
	});
	return $operation;
};
my $ask = sub {
	my ($name, %more) = @_;
	return $t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => $name, %more });
};
my $create = sub {
	my ($name, %more) = @_;
	my $answer = $ask->($name, %more);
	die "$answer->{status} $answer->{content}" if $answer->{status} != 202;
	my $operation = $ended->($answer->{json}{operation_id});
	die $operation->{error} if $operation->{status} ne 'completed';
	return $answer->{json}{resource_id};
};
my $act = sub { return $ended->($t->http('POST', "/v1/branches/$t->{connector}/$_[0]/$_[1]")->{json}{operation_id}) };
my $psql = sub {
	my ($id, $sql) = @_;
	my $url = $row->($id)->{branch_url} =~ s/sslmode=verify-full/sslmode=require/r;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
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
# Seconds since 1970 of a time in the API.
my $seconds = sub {
	my ($text) = @_;
	my ($y, $m, $d, $h, $i, $s) = $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ or die "no time: $text";
	return timegm($s, $i, $h, $d, $m - 1, $y);
};
# So many megabytes, each of them committed: what is rolled back may be given back.
my $write = sub { return sprintf q(DO $$ BEGIN CREATE TABLE IF NOT EXISTS much (v text); ALTER TABLE much ALTER v SET STORAGE EXTERNAL; FOR i IN 1..%d LOOP INSERT INTO much SELECT repeat(md5(g::text), 250) FROM generate_series(1, 125) AS g; COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$), $_[0] };

# ---- the disk
my $id = $create->('one');
my $fresh = $row->($id)->{own_bytes};
note 'a fresh branch, cut by ', $row->($id)->{method}, ', owns ', $fresh >> 20, ' MB';
is($row->($id)->{last_branch_activity}, undef, 'nobody has used it');
cmp_ok(abs(time - $seconds->($row->($id)->{state_since})), '<', 30, 'since when it is in its state is told');
is($psql->($id, $write->(20)), '', 'within its limit it is written to');
my $used = $row->($id)->{last_branch_activity};
cmp_ok(abs(time - $seconds->($used)), '<', 30, 'which is told as its last activity');
is($psql->($id, 'SELECT count(*) FROM much'), '2500', 'and it serves');
my $said = $psql->($id, $write->(600));
like($said, qr/^ERROR/, 'one that comes to own more is suspended: its sessions are ended');
$t->wait_for('the reason is shown', sub { return defined $row->($id)->{failure} });
like($row->($id)->{failure}, qr/^suspended: over its disk limit \([0-9.]+ [MG]B of 300(?:\.0)? MB\)$/, 'with the reason') or diag($row->($id)->{failure});
$t->wait_for('its server is stopped', sub { return $row->($id)->{state} eq 'suspended' });
like($greeting->($row->($id)->{port}), qr/^53100 the branch is suspended/, 'a client without TLS gets 53100');
like($psql->($id, 'SELECT 1'), qr/^ERROR/, 'one with TLS is closed to');
like(($t->cli('branch', 'info', 'one', '--connector', $database))[1], qr/Failure: suspended: over its disk limit/, 'ardent branch info says so');
$t->environment->kill9;
$t->start_environment;
like($row->($id)->{failure}, qr/over its disk limit/, 'it stays so after a kill of the environment');
like($greeting->($row->($id)->{port}), qr/^53100 /, 'for clients, too');
is($act->($id, 'resume')->{status}, 'completed', 'the operator lets it run');
is($row->($id)->{failure}, undef, 'and there is nothing to tell');
is($psql->($id, 'DROP TABLE much'), '', 'so that something can be dropped');
is($psql->($id, $write->(20)), '', 'and it is used as before');
my $other = $create->('two');
like($psql->($id, $write->(600)), qr/^ERROR/, 'it is suspended once more');
$t->wait_for('the reason is shown', sub { return defined $row->($id)->{failure} });
is($psql->($other, 'SELECT 1'), '1', 'another branch serves');
$t->wait_streaming;
is($act->($id, 'reset')->{status}, 'completed', 'a reset makes it a branch of its first size');
is($row->($id)->{failure}, undef, 'that may run');
is($psql->($id, q(SELECT to_regclass('much') IS NULL)), 't', 'and does');
cmp_ok($row->($id)->{own_bytes}, '<', $fresh + 50 * 1048576, 'with what is its own') or diag($row->($id)->{own_bytes});
$psql->($id, $write->(600));
$t->wait_for('it is suspended a third time', sub { return defined $row->($id)->{failure} });
$t->environment->stop;
$t->start_environment('branch.disk_limit' => '8GB');
$t->wait_for('with a higher limit it may run again', sub { return !defined $row->($id)->{failure} });
like($psql->($id, 'SELECT count(*) >= 0 FROM much'), qr/^t$|does not exist/, 'and serves');

# ---- what is told of its use
$t->wait_for('it sleeps', sub { return $row->($id)->{state} eq 'suspended' });
my $asleep = $row->($id);
cmp_ok(abs(time - $seconds->($asleep->{state_since})), '<', 10, 'since when it sleeps is told');
$used = $asleep->{last_branch_activity};
ok(defined $used, 'and when it was used last');
$t->environment->stop;
$t->start_environment;
is($row->($id)->{last_branch_activity}, $used, 'also after a restart of the environment');
is($act->($id, 'resume')->{status}, 'completed', 'it is started by the operator');
is($row->($id)->{last_branch_activity}, $used, 'which is no activity');
is($row->($id)->{state}, 'active', 'though it is awake');

# ---- ttl
$t->wait_streaming;
$t->environment->stop;
$t->start_environment('branch.default_ttl' => '1h', 'branch.largest_ttl' => '1d', 'branch.limit' => 50);
$t->wait_streaming;
my $timed = $create->('timed');
cmp_ok(abs($seconds->($row->($timed)->{expires_at}) - time - 3600), '<', 30, 'who says nothing gets branch.default_ttl');
my $long = $ask->('long', ttl => 86401);
is_deeply([ $long->{status}, $long->{json}{code} ], [ 422, 'ttl' ], 'longer than branch.largest_ttl is refused');
like($long->{json}{detail}, qr/86400 seconds \(branch\.largest_ttl\)/, 'with the limit');
is($ask->('long', ttl => undef)->{status}, 422, 'and so is never');
is($patch->($timed, { ttl => undef })->{status}, 422, 'also for a branch that is there');
is($patch->($timed, { ttl => 86401 })->{status}, 422, 'and longer');
is($patch->($timed, { ttl => 86400 })->{status}, 200, 'the limit itself is allowed');
like(($t->cli('branch', 'update', 'timed', '--ttl', 'never', '--connector', $database))[1], qr/never expire/, 'the command line shows the refusal');

# The ttl of a create counts against the one that the branch has now.
my $joins = sub {
	my ($what, $name, @ttl) = @_;
	my $answer = $ask->($name, @ttl);
	return is_deeply([ $answer->{status}, $answer->{json}{created} ], [ 200, JSON::PP::false ], $what) || diag($answer->{content});
};
my $differs = sub {
	my ($what, $name, $ttl, $said) = @_;
	my $answer = $ask->($name, ttl => $ttl);
	is_deeply([ $answer->{status}, $answer->{json}{code} ], [ 409, 'branch_differs' ], $what);
	return like($answer->{json}{detail}, qr/differs: its ttl is $said$/, '… and says what differs');
};
$joins->('a create without a ttl joins the branch that is there', 'timed');
$joins->('a create with the ttl that the branch was changed to does, too', 'timed', ttl => 86400);
$differs->('a create with the ttl that the branch had is refused', 'timed', 3600, '86400 seconds, not 3600 seconds');
my ($exit, $told) = $t->cli('branch', 'create', 'timed', '--ttl', '2h', '--connector', $database);
is($exit, 1, 'the command line exits with 1');
like($told, qr/^✗ .*its ttl is 86400 seconds, not 7200 seconds$/m, '… and says what differs');
is($act->($timed, 'reset')->{status}, 'completed', 'it is reset');
$joins->('a reset leaves the ttl as it was', 'timed', ttl => 86400);
my ($short, $kept) = map { $create->($_) } qw(short kept);
is($patch->($kept, { protect => JSON::PP::true })->{status}, 200, 'one is protected');
is_deeply($row->($kept)->{protected}, JSON::PP::true, 'which its row says');
my $begun = time;
$patch->($_, { ttl => 3 }) foreach $short, $kept;
my $due = $seconds->($row->($short)->{expires_at});
$t->wait_for('one is gone', sub { return $get->($short)->{status} == 404 || $row->($short)->{status} eq 'deleting' });
cmp_ok(time, '>=', $due, 'a branch lives for its time');
cmp_ok(time - $due, '<', 3, 'and not longer');
is($row->($kept)->{status}, 'active', 'a protected one lives on');
$patch->($kept, { protect => JSON::PP::false });
$t->wait_for('it goes when it is not protected any more', sub { return $get->($kept)->{status} == 404 });

# Several whose time comes at once go at once.
my @many = map { $ask->("many-$_")->{json} } 1 .. 5;
is(join(' ', map { $ended->($_->{operation_id})->{status} } @many), join(' ', ('completed') x @many), 'several branches');
my %due = map { $_->{resource_id} => $seconds->($patch->($_->{resource_id}, { ttl => 3 })->{json}{expires_at}) } @many;
$t->wait_for('all of them are gone', sub { return !grep { exists $due{ $_->{id} } } @{ $all->() } });
foreach my $id (map { $_->{resource_id} } @many)
{
	my ($at, $sign, $hours, $minutes) = $t->environment->log_text =~ /^ts=(\S+)([+-])(\d\d):?(\d\d) .*msg="branch expired" branch=$id /m;
	my ($fraction) = ($at // '') =~ /(\.\d+)/;
	my $late = defined $fraction ? $seconds->($at) + $fraction - "${sign}1" * ($hours * 3600 + $minutes * 60) - $due{$id} : 'never';
	ok($late ne 'never' && $late >= 0 && $late < 3, 'each of several goes when its time has come') or diag("$late s");
}
my $busy = $create->('busy');
$patch->($busy, { ttl => 2 });
my $reset = $t->http('POST', "/v1/branches/$t->{connector}/$busy/reset");
is($ended->($reset->{json}{operation_id})->{status}, 'completed', 'an operation that is under way when the time comes is completed');
$t->wait_for('and the branch goes right after', sub { return $get->($busy)->{status} == 404 });
$t->environment->stop;
my $config = $t->dir . '/environment.toml';
my $text = do { local (@ARGV, $/) = $config; <> };
$t->write_file('environment.toml', $text =~ s/largest_ttl = "1d"/largest_ttl = "1min"/r, 0600);
my $refusal = qx("$Ardent::Test::bin/ardent-environment" serve --config "$config" 2>&1);
is($? >> 8, 2, 'a default that is longer than the longest is refused');
like($refusal, qr/branch\.default_ttl is longer than branch\.largest_ttl/, 'by name');
$t->start_environment('branch.default_ttl' => undef);
$t->wait_streaming;
$joins->('a new environment knows the ttl', 'timed', ttl => 86400);
$differs->('… and refuses another one', 'timed', 3600, '86400 seconds, not 3600 seconds');
$timed = $create->('bounded');
cmp_ok(abs($seconds->($row->($timed)->{expires_at}) - time - 86400), '<', 30, 'without a default the longest is it');

# ---- a failed branch goes with its connector
$t->environment->stop;
$t->start_environment('branch.largest_ttl' => undef);
$t->wait_streaming;
is($patch->($timed, { ttl => undef })->{status}, 200, 'where nothing bounds it a branch may live for ever');
$joins->('which is a ttl, too', 'bounded', ttl => undef);
$differs->('… that differs from any other', 'bounded', 86400, 'never, not 86400 seconds');
my $folder = $t->dir . '/data/branches';
chmod 0500, $folder or die $!;
my $answer = $ask->('unlucky');
is($ended->($answer->{json}{operation_id})->{status}, 'failed', 'a branch that cannot be made');
chmod 0700, $folder or die $!;
foreach my $branch (grep { $_->{status} ne 'failed' } @{ $all->() })
{
	$ended->($t->http('DELETE', "/v1/branches/$t->{connector}/$branch->{id}")->{json}{operation_id});
}
is(join(' ', map { $_->{status} } @{ $all->() }), 'failed', 'a failed branch is all that is left');
my $gone = $t->http('DELETE', "/v1/connectors/$t->{connector}");
is($ended->($gone->{json}{operation_id})->{status}, 'completed', 'its connector is removed');
my $conninfo = $t->replica_admin =~ s/host=\S+/host=@{[ $t->dir ]}\/run\/state/r =~ s/dbname=\S+/dbname=environment/r;
my $count = qx(psql -X -q -At -d "$conninfo" -c 'SELECT count(*) FROM environment.branch');
is($count, "0\n", 'and nothing of the branch is in the state');
$t->stop_all;
done_testing();
