# SPDX-License-Identifier: PostgreSQL
# Invariant 11: SIGTERM under load: what was read is drained, the last position confirmed, exit 0; and both programs
# can be stopped while the other is away.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'end', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY, v text)');
my $source = $t->source;
$t->start_environment('environment.queue_bytes' => '1MB', 'environment.segment_bytes' => '64kB');
$t->create_connector;
$t->start_agent('limits.drain' => '60s');
$t->wait_streaming;
my $load = Ardent::Process->start(
	name => 'load', log => $t->dir . '/load.log',
	command => [ 'pgbench', '-n', '-h', $source->host, '-p', $source->port, '-c', '2', '-T', '60', '-f',
		$t->write_file('load.sql', "INSERT INTO public.n (v) SELECT 'x' FROM generate_series(1, 10);\n"),
		$Ardent::Test::database ]);
$t->wait_for('rows arrive', sub { return $t->replica_psql('SELECT count(*) FROM public.n') > 1000 });
is($t->agent->stop(20), 0, 'invariant 11: the agent ends with 0 under load');
is($t->slot->{active}, 'f', 'the slot is free');
is($t->replica_psql('SELECT durable_lsn FROM ardent.progress'), $t->slot->{confirmed},
	'invariant 11: what is durable was confirmed before it left');
unlike($source->log_contains('unexpected EOF on (client|standby) connection') ? 'EOF' : '', qr/EOF/,
	'invariant 11: and it said goodbye to the source');
$load->stop;
$t->start_agent;
$t->wait_caught_up;
$t->compare_ok('after the restart');

# What was read is waited for. The environment takes nothing, until the agent has read all that it may.
kill STOP => $t->environment->pid;
$source->safe_psql($Ardent::Test::database, <<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 60000 LOOP
        INSERT INTO public.n (v) VALUES (repeat(md5(i::text), 30));
        COMMIT;
    END LOOP;
END
$$
SQL
my $waits = '';
eval {
	$t->wait_for('the walsender waits for the agent', sub {
		$waits = $source->safe_psql('postgres', q(SELECT a.pid, a.wait_event, r.state, r.sent_lsn, r.flush_lsn, pg_current_wal_lsn()
			FROM pg_stat_activity AS a LEFT JOIN pg_stat_replication AS r USING (pid) WHERE a.backend_type = 'walsender'));
		return $waits =~ /\|WalSenderWriteData\|/;
	});
} or die "$@\npid, wait event, state, sent, flushed, written: $waits\n";
$t->agent->signal('TERM');
ok(!defined $t->agent->wait(3), 'invariant 11: the agent stays until what it read is durable');
kill CONT => $t->environment->pid;
is($t->agent->wait(60), 0, 'invariant 11: and then ends with 0');
is($t->replica_psql('SELECT durable_lsn FROM ardent.progress'), $t->slot->{confirmed},
	'invariant 11: what it read was confirmed');
$t->start_agent('limits.drain' => undef);
$t->wait_caught_up;
$t->compare_ok('after the second restart');

is($t->environment->stop(60), 0, 'the environment ends with 0 while the agent runs');
ok(!defined $t->replica_postmaster_pid || !kill(0, $t->replica_postmaster_pid), 'and its servers with it');
is($t->agent->stop(20), 0, 'invariant 11: the agent ends with 0 while the environment is away');
$t->source->stop('fast');
done_testing();
