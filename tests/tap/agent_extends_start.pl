# SPDX-License-Identifier: PostgreSQL
# Before READY=1 the agent asks the service manager for more time as long as it waits by design: for a source that is
# away, and for an environment that is away in the middle of a copy. Each message must
# reach the manager before the time of the one before it is over.
# long
use strict;
use warnings;
use Ardent::Test;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM MSG_DONTWAIT);
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'extends', sql => <<'SQL');
CREATE TABLE public.big (n bigint PRIMARY KEY, v text);
INSERT INTO public.big SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) AS g;
SQL
my $path = $t->dir . '/notify';
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
my %environment = (NOTIFY_SOCKET => $path);
my @messages;
my $read = sub {
	while (defined recv($socket, my $text, 8192, MSG_DONTWAIT)) { push @messages, $text; }
	return;
};
# how often it asked for at least three minutes in so many seconds; READY=1 must not come
my $asked_within = sub {
	my ($seconds) = @_;
	$read->();
	@messages = ();
	my $until = time + $seconds;
	while (time < $until) { $read->(); usleep(100_000); }
	return -1 if grep { /^READY=1/ } @messages;
	return scalar grep { /^EXTEND_TIMEOUT_USEC=(\d+)/ && $1 >= 180_000_000 } @messages;
};

$t->start_fake_environment;
$t->source->stop('fast');
$t->start_agent(environment => \%environment);
$t->wait_for('it waits for the source', sub { return $t->agent->log_text =~ /cannot connect to the source/ });
cmp_ok($asked_within->(25), '>=', 2, 'while the source is away it asks for more time');
ok($t->agent->alive, 'and lives');
$t->source->start;

# long as an HTTP call may hang, it is shorter than what was asked for
$t->control(answers => { 'copy/c1/tables' => [ 503, 'unavailable' ] });
$t->wait_with_agent('the copy is under way', sub { return ($t->control->{refused} // 0) > 1 }, 60);
cmp_ok($asked_within->(25), '>=', 2, 'while the environment is away in a copy too');
$t->control(answers => {});
$t->wait_with_agent('READY=1', sub { $read->(); return grep { /^READY=1/ } @messages }, 60);
is($t->agent->stop, 0, 'it stops');
$t->stop_all;
done_testing();
