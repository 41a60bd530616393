# SPDX-License-Identifier: PostgreSQL
# Suspend and resume of a real branch: who comes in the moment of a suspend is served and never ended, whoever suspends; what only
# looks at a branch keeps it awake no more than nobody does; when the server does not start a plain client is told, others are
# closed to, and the reason stands in the row.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'branch_suspend', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 100) AS g;
SQL
my $b = Ardent::Branching->new($t, 'branch.suspend_after' => '2s');
my $id = $b->create_ok('one');
my $url = $b->url($id);

# Who is connected keeps it awake, idle or not; and is told.
my $sleeper = $b->begin_psql($id, 'SELECT pg_sleep(600)');
$t->wait_for('a session', sub { return ($b->row($id)->{awake_because} // '') =~ /^1 connected/ });
like(($t->cli('branch', 'info', 'one'))[1], qr/^  Awake:   1 connected, 0 waiting$/m, 'ardent branch info says who keeps it awake');
is($b->act($id, 'suspend'), 'failed', 'a branch with a client is not suspended');
like($b->{error}, qr/clients are connected/, 'and the reason is told');
my $until = time + 4;
my $awake = 1;
while (time < $until) { $awake &&= $b->state($id) eq 'active'; usleep(200_000) }
ok($awake, 'nor by time');
is($b->admin($id, q(SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)')), '1', 'the client is where it was');
$b->admin($id, q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'));
$sleeper->{run}->finish;

# Nobody: it falls asleep while everything that looks does look. A connection that says nothing is nobody, too.
my ($looks, $begun) = (0, time);
my $silent = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $b->row($id)->{port}) or die $!;
$t->wait_for('it is suspended while it is looked at', sub {
	$looks++;
	$t->http('GET', $_) foreach $b->base, $b->base($id), '/metrics', '/v1/connectors';
	$t->cli('branch', 'info', 'one');
	# over the socket of the host, as the environment does
	$b->admin($id, 'SELECT 1');
	return $b->state($id) eq 'suspended';
}, 30);
note sprintf('%d looks in %.1f s', $looks, time - $begun);
cmp_ok($looks, '>=', 2, 'our own looks are no activity');
ok(!$b->server_pid($id), 'no server runs');
close $silent;
is($b->row($id)->{awake_because}, undef, 'nothing keeps it awake');
unlike(($t->cli('branch', 'info', 'one'))[1], qr/Awake/, 'and ardent branch info says nothing of it');

# Resume by a word, and by a client.
is($b->act($id, 'resume'), 'completed', 'resumed by a word');
ok($b->server_pid($id), 'its server runs');
is($b->act($id, 'resume'), 'completed', 'and once more');
is($b->act($id, 'suspend'), 'completed', 'suspended by a word');
is($b->act($id, 'suspend'), 'completed', 'and once more');
is($b->state($id), 'suspended', 'it sleeps');
$begun = time;
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'a client is held and served');
note sprintf('%.2f s', time - $begun);

# Whoever comes in the moment of a suspend. Clients come without a pause while the branch is suspended as often as it can be: each
# is served, and none of their sessions is ended before its answer.
my $clients = 4;
my $script = $t->write_file('hammer.sh', <<'SH', 0755);
#!/bin/sh
# hammer.sh URL STOP: sessions one after the other, with pauses in which the branch has nobody
n=0
while [ ! -e "$2" ]; do
    n=$((n + 1))
    said=$(PGCONNECT_TIMEOUT=60 psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -c 'SELECT count(*) FROM item' -c 'SELECT pg_sleep(0.01)' -c 'SELECT 42' 2>&1) || echo "client $n: $said"
    [ "$(echo "$said" | tr '\n' ' ')" = '100  42 ' ] || echo "client $n got: $said"
    sleep 0.0$((n * 7 % 10))
done
echo "done $n"
SH
my $stop = $t->dir . '/stop';
my @hammers = map { my $out = ''; { run => IPC::Run::start([ $script, $url, $stop ], '<', \undef, '>', \$out, '2>&1'), out => \$out } } 1 .. $clients;
my ($suspended, $refused) = (0, 0);
$until = time + 25;
while (time < $until)
{
	my $how = $b->act($id, 'suspend');
	$how eq 'completed' ? $suspended++ : $refused++;
	$_->{run}->pump_nb foreach @hammers;
}
open(my $file, '>', $stop) or die $!;
close $file;
my ($served, $trouble) = (0, '');
foreach my $hammer (@hammers)
{
	$hammer->{run}->finish;
	$served += $1 if ${ $hammer->{out} } =~ /^done (\d+)$/m;
	$trouble .= ${ $hammer->{out} } =~ s/^done \d+\n//mr;
}
note "$suspended suspends, $refused refused, $served sessions";
cmp_ok($suspended, '>=', 5, 'the branch was suspended between clients');
cmp_ok($served, '>=', 20, 'who came');
is($trouble, '', 'everybody was served, and nobody was ended');

# The server does not start.
is($b->act($id, 'suspend'), 'completed', 'it sleeps again') or diag($b->{error});
my $control = $b->directory($id) . '/data/global/pg_control';
rename $control, "$control.away" or die $!;
my $said = Ardent::Branching::run_psql('-d', $url =~ s/sslmode=require/sslmode=disable&gssencmode=disable/r, '-c', 'SELECT 1');
like($said, qr/FATAL:  the branch does not start; ardent branch info tells why/, 'a client that begins without TLS is told');
is(sqlstate($b->row($id)->{port}), '57P03', 'with the code of a server that cannot be connected to now');
$said = $b->psql($id, 'SELECT 1');
like($said, qr/server closed the connection unexpectedly/, 'one that begins with TLS is closed to');
unlike($said, qr/does not start/, 'and told nothing in clear');
like($b->row($id)->{failure}, qr/does not start: .*(?:global|pg_control)/s, 'the row has the reason');
my ($code, $info) = $t->cli('branch', 'info', 'one');
like($info, qr/does not start: /, 'and so has ardent branch info');
is($b->row($id)->{status}, 'active', 'it is not given up');
rename "$control.away", $control or die $!;
is($b->psql($id, 'SELECT count(*) FROM item'), '100', 'once it starts the next client is served');
is($b->row($id)->{failure}, undef, 'and nothing is the matter');
$t->stop_all;
done_testing();

# The code in the answer to a StartupMessage of protocol 3.0.
sub sqlstate
{
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 30) or die $!;
	my $body = pack('N', 196608) . "user\0x\0\0";
	syswrite $socket, pack('N', length($body) + 4) . $body;
	local $/ = undef;
	my $answer = <$socket> // '';
	return $answer =~ /^E.{4}.*\0C(\w{5})\0/s ? $1 : "no error: $answer";
}
