# SPDX-License-Identifier: PostgreSQL
# A branch is an independent database of one commit of the source: cut while the replica is written to, reached over TLS through
# the front door, and nothing of the replica's own is in it.
use strict;
use warnings;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'branches', sql => <<'SQL');
CREATE ROLE app;
CREATE TABLE public.item (id serial PRIMARY KEY, v text);
INSERT INTO public.item (v) SELECT 'v' || g FROM generate_series(1, 1000) AS g;
CREATE TABLE public.counted (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.counted VALUES (1, 0), (2, 0);
CREATE TABLE public.watched (id integer PRIMARY KEY, seen boolean);
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := true; RETURN NEW; END $$;
CREATE TRIGGER see BEFORE INSERT ON public.watched FOR EACH ROW EXECUTE FUNCTION public.see();
ALTER TABLE public.watched ENABLE ALWAYS TRIGGER see;
CREATE TRIGGER see_replica BEFORE UPDATE ON public.watched FOR EACH ROW EXECUTE FUNCTION public.see();
ALTER TABLE public.watched ENABLE REPLICA TRIGGER see_replica;
CREATE RULE note_always AS ON DELETE TO public.watched DO ALSO NOTIFY watched;
ALTER TABLE public.watched ENABLE ALWAYS RULE note_always;
CREATE RULE note_replica AS ON UPDATE TO public.watched DO ALSO NOTIFY watched;
ALTER TABLE public.watched ENABLE REPLICA RULE note_replica;
ALTER TABLE public.watched OWNER TO app;
CREATE TABLE public.audit (v text);
SQL
my $database = $Ardent::Test::database;
my $ports = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$ports-" . ($ports + 20), 'branch.suspend_after' => '3s');
$t->create_connector;
$t->start_agent('source.exclude' => ['public.audit']);
$t->wait_streaming;

my $wait_operation = sub {
	my ($id) = @_;
	my $operation;
	$t->wait_for("operation $id", sub {
		$operation = $t->http('GET', "/v1/operations/$id?wait=5")->{json};
		return $operation->{status} =~ /^(?:completed|failed)$/;
	});
	return $operation;
};
my $create = sub {
	my ($name, %more) = @_;
	my $answer = $t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => $name, %more });
	return $answer if $answer->{status} != 202;
	my $operation = $wait_operation->($answer->{json}{operation_id});
	return { status => $operation->{status}, error => $operation->{error}, id => $answer->{json}{resource_id} };
};
my $row = sub { return $t->http('GET', "/v1/branches/$t->{connector}/$_[0]")->{json} };
my $psql = sub {
	my ($url, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};

# Cut while both counters move together.
my $load = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($database), '-c',
	q(DO $$ BEGIN FOR i IN 1..3000 LOOP UPDATE counted SET n = n + 1; INSERT INTO item (v) VALUES ('more'); COMMIT; PERFORM pg_sleep(0.002); END LOOP; END $$) ],
	'>', '/dev/null', '2>&1');
my $made = $create->('my-feature');
is($made->{status}, 'completed', 'a branch is created') or diag($made->{error} // explain $made);
my $branch = $row->($made->{id});
note explain { map { $_ => $branch->{$_} } qw(method steps data_as_of own_bytes durable missing state) };
is($branch->{connector_name}, $database, 'its row says of which connector it is');
is_deeply($branch->{protected}, JSON::PP::false, 'that it is not protected');
is_deeply([ @{ $branch->{missing} }[ 0 .. 3 ] ], [ 'large objects', 'rows of unlogged tables',
	'materialized views are as they were when the replica was copied or last refreshed', 'table public.audit (excluded)' ],
	'and what it does not have of the source');
is($branch->{status}, 'active', 'it is active');
my $strict = $branch->{branch_url};
my $authority = $t->write_file('authority.pem', $t->http('GET', '/v1/branch-authority')->{json}{certificate});
my $url = $strict =~ s/sslmode=verify-full/sslmode=require/r;
$strict .= "&sslrootcert=$authority&channel_binding=require";
is($psql->($strict, 'SELECT count(DISTINCT n) FROM counted'), '1', 'it is one commit, reached with a verified certificate and channel binding');
is($psql->($url, 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), 't', 'over TLS');
my $at = $psql->($url, 'SELECT n FROM counted WHERE id = 1');
is($psql->($url, 'SELECT count(*) - 1000 FROM item'), $at, 'all tables are of that commit');
is($psql->($url, "INSERT INTO item (v) VALUES ('mine') RETURNING v"), 'mine', 'the sequence gives a value that is free');
is($psql->($url, 'INSERT INTO watched VALUES (1) RETURNING seen'), 't', 'a trigger that the replica switched off is on');
my $enabled = q(SELECT string_agg(name || ' ' || enabled, ', ' ORDER BY name) FROM (SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
	UNION ALL SELECT rulename, ev_enabled::text FROM pg_rewrite) AS f (name, enabled) WHERE name ~ '^(see|note)');
is($t->replica_psql($enabled), 'note_always D, note_replica D, see D, see_replica D', 'the replica has triggers and rules switched off that would fire in it');
is($psql->($url, $enabled), 'note_always A, note_replica R, see A, see_replica R', 'the branch has each of them as the source does');
is($psql->($url, 'CREATE TABLE mine (i integer); ALTER TABLE watched ADD COLUMN c integer; SET ROLE app; SELECT current_user'), 'app', 'it can be changed, and as the owners');
is($psql->($url, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user'), 'f', 'by a role that is no superuser');
is($psql->($url, q(SELECT count(*) FROM pg_roles WHERE rolname IN ('ardent_apply', 'ardent_reader', 'ardent_nobody'))), '0', "none of the replica's roles is left");
is($psql->($url, q(SELECT count(*) FROM pg_namespace WHERE nspname = 'ardent')), '0', 'nor its schema');
like($psql->($url, q(COPY (SELECT 1) TO PROGRAM 'cat')), qr/ERROR.*permission denied|must be superuser/, 'no program');
like($psql->($url =~ s/:[0-9a-f]+@/:wrong@/r, 'SELECT 1'), qr/password authentication failed/, 'not with another password');
like($psql->($url =~ s/sslmode=require/sslmode=disable/r, 'SELECT 1'), qr/no pg_hba.conf entry/, 'nor without TLS');
# the loop would not notice that its client is gone
$t->source->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN FOR%'));
$load->finish;
$t->wait_caught_up;
isnt($t->replica_psql('SELECT n FROM counted WHERE id = 1'), undef, 'the replica goes on');

my $list = $t->http('GET', "/v1/branches/$t->{connector}")->{json};
is(scalar(@$list), 1, 'the list has it');
is($list->[0]{branch_url}, undef, 'without its URL');
my $again = $create->('my-feature');
is_deeply([ $again->{status}, $again->{json}{created}, $again->{json}{resource_id} ], [ 200, JSON::PP::false, $made->{id} ], 'the same name gives the same branch');

# It sleeps without a client, and wakes for one.
$t->wait_for('it is suspended', sub { return $row->($made->{id})->{state} eq 'suspended' });
is($psql->($url, 'SELECT count(*) FROM mine'), '0', 'it wakes for a client, with what was written');
is($row->($made->{id})->{state}, 'active', 'which is shown');
ok($row->($made->{id})->{durable}, 'and it is durable');

# The environment dies, and comes back.
$t->environment->kill9;
my $foreign = $t->dir . '/data/branches/somebody';
mkdir $foreign or die $!;
$t->start_environment;
ok(-d $foreign, 'what is no branch is left alone');
like($t->environment->log_text, qr{not a branch of this environment, and left alone.*/branches/somebody}, 'and reported');
is($psql->($url, 'SELECT count(*) FROM mine'), '0', 'after a kill of the environment the branch is reached by the same URL');

# Two more side by side; one is deleted.
$t->wait_streaming;
my $second = $create->('second');
is($second->{status}, 'completed', 'a second branch');
my $second_url = $row->($second->{id})->{branch_url} =~ s/sslmode=verify-full/sslmode=require/r;
is($psql->($second_url, q(SELECT to_regclass('mine') IS NULL)), 't', 'which has nothing of the first');
my $patch = sub { return $t->http('PATCH', "/v1/branches/$t->{connector}/$second->{id}", { suspend_after => $_[0] }) };
is($patch->(0)->{json}{suspend_after}, undef, 'it is never suspended');
is($psql->($url, 'SELECT 1'), '1', 'the first is used after it');
$t->wait_for('the first is suspended', sub { return $row->($made->{id})->{state} eq 'suspended' });
is($row->($second->{id})->{state}, 'active', 'the second, which was idle for longer, is not');
is($patch->(1)->{json}{suspend_after}, 1, 'a time of its own');
$t->wait_for('the second is suspended', sub { return $row->($second->{id})->{state} eq 'suspended' });
is($patch->(undef)->{json}{suspend_after}, 3, 'and the setting of the environment again');
is($patch->($_)->{status}, 422, 'no time: ' . ($_ // 'null')) foreach -1, 'soon', 1e9;
my $delete = $t->http('DELETE', "/v1/branches/$t->{connector}/$made->{id}");
is($delete->{status}, 202, 'the first is deleted');
is($wait_operation->($delete->{json}{operation_id})->{status}, 'completed', 'completely');
is($t->http('GET', "/v1/branches/$t->{connector}/$made->{id}")->{status}, 404, 'it is gone');
ok(!-e $t->dir . "/data/branches/$made->{id}", 'with its files');
like($psql->($url, 'SELECT 1'), qr/Connection refused/, 'and its port');
is($psql->($second_url, 'SELECT 1'), '1', 'the second serves');
is($create->('my-feature')->{status}, 'completed', 'the name is free again');

# What concerns one branch alone. The environment is killed, its servers live on.
my $port_of = $row->($second->{id})->{port};
my $data = $t->dir . "/data/branches/$second->{id}/data";
is($psql->($second_url, 'CREATE TABLE kept (i integer); INSERT INTO kept VALUES (7); SELECT i FROM kept'), '7', 'something to keep');
$t->environment->kill9;
# as a reset leaves it that had put unprepared data in place: back to the old ones
rename $data, "$data.old" or die "$data: $!";
mkdir $data, 0700;
$t->start_environment;
is($psql->($second_url, 'SELECT i FROM kept'), '7', 'an interrupted reset goes back to the old data, also under a server that lived on');
ok(!-e "$data.old" && !-e "$data.next", 'and leaves nothing');
$t->environment->kill9;
my $pid = Ardent::Test::server_pid($t->dir . "/data/branches/$second->{id}");
kill 'QUIT', $pid if $pid;
my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port_of, Listen => 1, ReuseAddr => 1) or die "port $port_of: $!";
$t->start_environment;
like($row->($second->{id})->{failure}, qr/$port_of/, 'a port that another program took keeps the environment from nothing, and is told');
close $other;
$t->environment->stop;
my $control = "$data/global/pg_control";
rename $control, "$control.away" or die $!;
$t->start_environment;
like($psql->($second_url, 'SELECT 1'), qr/ERROR/, 'a branch whose server cannot start serves nobody');
like($row->($second->{id})->{failure}, qr/does not start/, 'and says why');
rename "$control.away", $control or die $!;
is($psql->($second_url, 'SELECT i FROM kept'), '7', 'it serves once the cause is gone');
is($row->($second->{id})->{failure}, undef, 'and has nothing to tell');

# A clean end in the middle of a creation.
$t->wait_streaming;
$t->wait_caught_up;
$t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => 'in-the-middle' });
is($t->environment->stop, 0, 'the environment ends with 0 while a branch is made');
$t->start_environment;
my ($middle) = grep { $_->{name} eq 'in-the-middle' } @{ $t->http('GET', "/v1/branches/$t->{connector}")->{json} };
like($middle->{status}, qr/^(?:failed|active)$/, 'which is made, or has failed');
ok($middle->{status} eq 'active' || !-e $t->dir . "/data/branches/$middle->{id}", 'and nothing of it is left then');

is($create->($_)->{status}, 400, "no name: '$_'") foreach '', 'a/b', 'A', 'x' x 64, 'ä';
$t->stop_all;
done_testing();
