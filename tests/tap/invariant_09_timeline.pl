# SPDX-License-Identifier: PostgreSQL
# Invariant 9: a new timeline is accepted when the replica is at or before the switch, and refused when the replica
# holds what the source lost; another server is never followed.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'timeline', sql => 'CREATE TABLE public.n (id integer PRIMARY KEY)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_all;
$t->wait_caught_up;

# Recovery to the end of its own WAL and a promotion: what a restore of the newest backup looks like.
sub begin_timeline
{
	$source->append_conf('postgresql.conf', "restore_command = 'false'\n");
	$source->append_conf('recovery.signal', '');
	$source->start;
	$t->wait_for('the source is promoted',
		sub { return ($source->psql('postgres', 'SELECT pg_is_in_recovery()'))[1] eq 'f' });
	return $source->safe_psql('postgres',
		q(SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int));
}

$source->stop('fast');
is(begin_timeline(), 2, 'the source is on timeline 2');
$t->wait_streaming;
$source->safe_psql($database, 'INSERT INTO public.n VALUES (1)');
$t->wait_caught_up;
$t->compare_ok('invariant 9: a timeline that began after the replica is followed');
$t->agent->stop;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
is($t->replica_psql('SELECT count(*) FROM public.n'), 1, 'also by an agent that starts there');

# A backup from before, restored: the replica has what is lost.
$t->agent->stop;
$source->stop('fast');
my $saved = $t->dir . '/saved';
system('cp', '-a', $source->data_dir, $saved) == 0 or die 'cp';
$source->start;
$t->start_agent;
$t->wait_streaming;
$source->safe_psql($database, 'INSERT INTO public.n VALUES (2)');
$t->wait_caught_up;
$t->agent->stop;
$source->stop('fast');
system('rm', '-rf', $source->data_dir) == 0 or die 'rm';
system('cp', '-a', $saved, $source->data_dir) == 0 or die 'cp';
is(begin_timeline(), 3, 'the source is on timeline 3');
is($source->safe_psql($database, 'SELECT count(*) FROM public.n'), 1, 'and has lost a row');
$t->start_agent;
is($t->agent->wait(30), 3, 'invariant 9: it is refused');
like($t->agent->log_text, qr/timeline 3.*changes that the source lost/, 'invariant 9: by its cause');
is($t->replica_psql('SELECT count(*) FROM public.n'), 2, 'the replica is as it was');
like(JSON::PP::encode_json($t->connector), qr/the agent ended: .*timeline 3/, 'the connector says why its agent ended');
$t->stop_all;
done_testing();
