# SPDX-License-Identifier: PostgreSQL
# The environment's PostgreSQL servers: they outlive it, are adopted, are started again, are cleaned up after, and
# nobody comes in but over the socket.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'servers', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 1000) AS g;
SQL
$t->start_all;
$t->wait_caught_up;

my $pid_of = sub {
	my ($directory) = @_;
	return Ardent::Test::server_pid($t->dir . "/data/$directory") // 0;
};
my $replica = "replicas/$t->{connector}";
my $change = sub {
	my ($v) = @_;
	$t->source->safe_psql($Ardent::Test::database, "UPDATE public.item SET v = '$v' WHERE id % 10 = 0");
	return $t->wait_caught_up(90);
};

# who may come in
is($t->replica_psql('SHOW listen_addresses'), '', 'no network port');
is($t->replica_psql("SELECT current_setting('fsync') || current_setting('synchronous_commit')"
	  . " || current_setting('full_page_writes') || current_setting('data_checksums')"), 'onononon',
	'what is told durable is durable: after the copy the durable settings are back');
is($t->replica_psql('SHOW wal_level'), 'replica', 'and WAL is complete');
ok(!defined $t->replica_try('DELETE FROM public.item'), 'the reader cannot write');
is($t->replica_psql(q(SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin)),
	'ardent_admin,ardent_apply,ardent_reader', 'nobody else has a login');
is($t->replica_psql(q(SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper)), 'ardent_admin',
	'apply is no superuser');
foreach my $path ('data', "data/$replica", "data/$replica/data", 'run')
{
	is(sprintf('%04o', (stat($t->dir . "/$path"))[2] & 07777), '0700', "$path is nobody else's");
}

# the environment is killed; its servers are not
my ($before, $state_before) = ($pid_of->($replica), $pid_of->('state'));
$t->environment->kill9;
is($t->replica_psql('SELECT count(*) FROM public.item'), 1000, 'the replica is readable while the environment is dead');
$t->start_environment;
is($pid_of->($replica), $before, 'the replica server was adopted');
is($pid_of->('state'), $state_before, 'and so was the state server');
$change->('adopted');
$t->compare_ok('after the environment was killed');

# killed in the moment between a server's start and its record
my $begun = $t->replica_psql('SELECT pg_postmaster_start_time()');
$t->environment->kill9;
unlink $t->dir . "/data/$replica/server" or die "no record: $!";
$t->start_environment;
$t->wait_for("the replica's server is known", sub { return $pid_of->($replica) });
is($pid_of->($replica), $before, 'a server without a record is the one that bwrap told of');
is($t->replica_psql('SELECT pg_postmaster_start_time()'), $begun, 'and was not started again');
$change->('without a record');

# the replica's server is killed
kill KILL => $before;
$t->wait_for('another server', sub { my $pid = $pid_of->($replica); return $pid && $pid != $before });
$change->('restarted');
$t->compare_ok('after the replica server was killed');

# a killed server leaves children behind: here one that is busy
my $busy = Ardent::Process->start(name => 'busy', log => $t->dir . '/busy.log',
	command => [ 'psql', '-X', '-d', $t->replica_conninfo, '-c', 'SELECT count(*) FROM generate_series(1, 1e12)' ]);
$t->wait_for('a busy child', sub {
	return $t->replica_psql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count%1e12%')) >= 1;
});
$before = $pid_of->($replica);
kill KILL => $before;
$t->wait_for('another server beside no old child', sub { my $pid = $pid_of->($replica); return $pid && $pid != $before });
$change->('busy');
$t->compare_ok('after a server was killed under a busy child');
$busy->kill9 if $busy->alive;

# the state's server is killed
$before = $pid_of->('state');
kill KILL => $before;
$t->wait_for('another state server', sub { my $pid = $pid_of->('state'); return $pid && $pid != $before });
$t->wait_for('the environment is ready', sub { return $t->http('GET', '/readyz')->{status} == 200 });
is($t->http('POST', "/v1/connectors/$t->{connector}/agent-token", {})->{status}, 200, 'and the state can be written');
my $answer = $t->http('POST', "/v1/connectors/$t->{connector}/agent-token", {});
$t->write_file('token', $answer->{json}{agent_token} . "\n", 0600);

# all of them at once
my @pids = ($t->environment->pid, $pid_of->($replica), $pid_of->('state'));
kill KILL => @pids;
$t->wait_for('everything is dead', sub { return !$t->environment->alive });
$t->start_environment;
$t->agent->stop(30);
$t->start_agent;
$t->wait_streaming;
$change->('all');
$t->compare_ok('after everything was killed');

# SIGTERM takes the servers along; they are there again at the next start, without an agent
$t->agent->stop(30);
@pids = ($pid_of->($replica), $pid_of->('state'));
is($t->environment->stop(60), 0, 'SIGTERM: exit 0');
# pg_ctl waits for the pid file, which a server removes just before it is gone
ok($t->wait_for('no server is left', sub {
	return !grep { -d "/proc/$_" && (readlink("/proc/$_/cwd") // '') ne '' } @pids;
}, 10), 'and no server is left');
$t->start_environment;
is($t->replica_psql('SELECT count(*) FROM public.item'), 1000, 'a replica is readable without an agent');
is($t->status, 'streaming', 'and its connector knows its state');

# removal takes everything along
my $remove = sub { return $t->http('DELETE', "/v1/connectors/$t->{connector}")->{json}{operation_id} };
my $nothing_left = sub {
	my ($what) = @_;
	ok(!-e $t->dir . "/data/replicas/$t->{connector}", "$what: the data directory is gone");
	is(scalar(grep { index($t->{connector}, (split m{/}, $_)[-1]) == 0 } glob($t->dir . '/run/*')), 0, '… and the socket');
	return is($t->http('GET', "/v1/connectors/$t->{connector}")->{status}, 404, '… and the connector');
};
my $operation = $remove->();
$t->wait_for('the removal is done', sub {
	return $t->http('GET', "/v1/operations/$operation?wait=5")->{json}{status} eq 'completed';
}, 30);
$nothing_left->('removed');

# a removal goes on by itself when the environment is killed in it
foreach my $moment ('it is answered', 'its server is stopped', 'its files go')
{
	$t->source->safe_psql('postgres', q(SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'ardent%'));
	$t->create_connector(name => "killed when $moment" =~ s/ /-/gr);
	$t->start_agent;
	$t->wait_streaming;
	my $answered = $moment eq 'it is answered';    # a session that cannot end keeps the rest back
	$t->agent->stop(30) unless $answered;
	my $data = $t->dir . "/data/replicas/$t->{connector}/data";
	my $server = $pid_of->("replicas/$t->{connector}") or die 'the replica has no server';
	my $waits = $moment eq 'its server is stopped';
	kill STOP => $server if $waits || $answered;
	$operation = $remove->();
	my $deadline = time + 30;
	until ($answered || ($waits ? $t->status eq 'deleting' : !(-e "$data/base/1" && -e "$data/global/pg_control")))
	{
		die "not seen: $moment" if time > $deadline;
		usleep(300);
	}
	$t->environment->kill9;
	kill CONT => $server if $waits || $answered;
	$t->agent->kill9 if $answered;
	ok(-e "$data/base/1", 'killed before a file is gone') if $waits;
	$t->start_environment;
	$t->wait_for('the removal goes on', sub { return $t->http('GET', "/v1/connectors/$t->{connector}")->{status} == 404 });
	$nothing_left->("killed when $moment");
	$t->wait_for('no server is left', sub { return !-d "/proc/$server" || (readlink("/proc/$server/cwd") // '') eq '' }, 10);
	like($t->http('GET', "/v1/operations/$operation")->{json}{error}, qr/goes on under another operation/, '… and the first operation says where it went on');
}
$t->stop_all;
done_testing();
