# SPDX-License-Identifier: PostgreSQL
# Timeouts that a DBA gave to the role or the database end none of our sessions, at neither end: a copy that takes longer
# than all of them comes through, and a stream stands still for longer without losing a connection.
use strict;
use warnings;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $limit = 500;    # milliseconds
my $t = Ardent::Test->new(name => 'timeouts', sql => <<'SQL');
CREATE TABLE public.log (n bigint PRIMARY KEY, v text);
INSERT INTO public.log SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 100000) AS g;
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $limits = sub {
	my ($run, $who) = @_;
	my @settings = split /\n/, $run->(<<'SQL');
SELECT name FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                                            'idle_session_timeout', 'transaction_timeout')
SQL
	$run->("ALTER $who SET $_ = $limit") foreach @settings;
	return scalar @settings;
};
cmp_ok($limits->(sub { return $source->safe_psql($database, $_[0]) }, 'ROLE ardent_replication'), '>=', 3, 'the source has limits');
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('after the copy');
my $admin = $t->replica_admin;
my $replica = sub {
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-d', $admin, '-c', $sql ], '>', \$out, '2>', \$err) or die $err;
	chomp $out;
	return $out;
};
$limits->($replica, 'ROLE ardent_apply');

# Another session at both ends, which has the limits from its start.
is($t->agent->stop, 0, 'the agent stops');
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
my $sessions = sub {
	return join ' ', $source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication'),
	  $replica->(q(SELECT pid FROM pg_stat_activity WHERE application_name = 'ardent apply' AND usename = 'ardent_apply'));
};
my $before = $sessions->();
like($before, qr/^\d+ \d+$/, 'one session streams, one applies');
my $until = time + 4 * $limit / 1000;
while (time < $until && $sessions->() eq $before) { usleep(50_000); }
is($sessions->(), $before, 'both are still there after a time without a change that is longer than the limits');
$t->wait_caught_up;
is($sessions->(), $before, 'and do their work');
open(my $in, '<', $source->logfile) or die $source->logfile . ": $!";
my $log = do { local $/ = undef; <$in> };
unlike($log, qr/due to .*timeout/, 'the source ended none of our sessions or statements');
$t->stop_all;
done_testing();
