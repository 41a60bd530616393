# SPDX-License-Identifier: PostgreSQL
# Invariant 9 with a standby that is promoted. The replica that is ahead of it is refused with the command that makes it
# anew. Below 17 the promoted server has no slot: refused likewise. From 17 on the agent gives its slot failover, and
# goes on at the new primary with nothing lost; what synchronized_standby_slots holds back is said.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'failover', sql => 'CREATE TABLE public.n (id serial PRIMARY KEY, word text)');
my $primary = $t->source;
my $database = $Ardent::Test::database;
my $has_failover = Ardent::Test::major() >= 17;
my $ahead = qr/timeline 2.*changes that the source lost/;
my $again = qr/ardent connector retry-setup --resync/;

# Both on one port, so that one source.port does for the two hosts.
my $standby = PostgreSQL::Test::Cluster->new('standby', port => $primary->port);
$standby->{_host} = $t->dir . '/standby';
mkdir $standby->host or die 'mkdir';

sub make_standby
{
	$primary->safe_psql('postgres', q(SELECT pg_create_physical_replication_slot('standby_1')));
	$primary->backup('base');
	$standby->init_from_backup($primary, 'base');
	$standby->append_conf('postgresql.conf', sprintf(<<'END', $primary->host, $primary->port));
hot_standby_feedback = on
primary_slot_name = 'standby_1'
primary_conninfo = 'host=%s port=%s dbname=postgres application_name=standby'
END
	$standby->append_conf('postgresql.conf', "sync_replication_slots = on\n") if $has_failover;
	$standby->set_standby_mode;
	return $standby->start;
}

sub slot_is
{
	my ($node, $condition) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'ardent\\_%' AND $condition") eq '1';
}

sub copy_folder
{
	my ($from, $to) = @_;
	system('rm', '-rf', $to) == 0 or die 'rm';
	return system('cp', '-a', $from, $to) == 0 || die 'cp';
}

sub promote
{
	$standby->promote;
	$t->{source} = $standby;
	return $standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') || die 'no promotion';
}

sub agent_warnings { return join '; ', @{ $t->connector->{agent}{warnings} // [] }; }

sub count_of { return $t->replica_psql('SELECT count(*) FROM public.n'); }

$t->start_all;
make_standby();
ok(slot_is($primary, 'NOT failover'), 'a slot that was made without a standby has no failover') if $has_failover;
is($t->agent->stop, 0, 'the agent stops');
$t->start_agent('source.host' => $primary->host . ',' . $standby->host);
$t->wait_streaming;
$t->wait_caught_up;
if ($has_failover)
{
	ok(slot_is($primary, 'failover'), 'the agent gives its slot failover when it starts beside a standby');
	like($t->agent->log_text, qr/replication slot has failover now/, 'and says so');
	$t->wait_for('the standby has the slot', sub {
		$t->wait_caught_up;
		return slot_is($standby, 'synced AND NOT temporary');
	}, 120);
}

# A standby that is behind is promoted.
$standby->stop('fast');
my $saved = $t->dir . '/saved';
copy_folder($standby->data_dir, $saved);
$primary->safe_psql($database, q(INSERT INTO public.n (word) VALUES ('the standby never had it')));
$t->wait_caught_up;
$primary->stop('immediate');
$standby->start;
$t->wait_for('the agent waits for a primary', sub { return $t->agent->log_text =~ /cannot connect to the source/ });
ok($t->agent->alive, 'no source is a primary: the agent waits');
promote();
is($t->agent->wait(60), 3, 'invariant 9: a promoted standby that is behind the replica is refused');
like($t->agent->log_text, $ahead, 'invariant 9: by its cause');
like($t->agent->log_text, $again, 'invariant 9: with the command that makes the replica anew');
is(count_of(), 1, 'the replica is as it was');
$standby->stop('immediate');
copy_folder($saved, $standby->data_dir);
$t->{source} = $primary;
$primary->start;
$standby->start;
$t->start_agent;
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('the primary is followed on');

if (!$has_failover)
{
	$t->agent->stop;
	$primary->wait_for_catchup('standby', 'replay', $primary->lsn('flush'));
	$primary->stop('immediate');
	promote();
	$t->start_agent;
	is($t->agent->wait(60), 3, 'invariant 9: a promoted standby without the slot is refused');
	like($t->agent->log_text, qr/does not exist: changes since then are gone/, 'invariant 9: by its cause');
	like($t->agent->log_text, $again, 'invariant 9: with the command that makes the replica anew');
	$t->stop_all;
	done_testing();
	exit;
}

# What standbys have not confirmed is not sent.
$primary->safe_psql('postgres', $_) foreach ('ALTER SYSTEM SET synchronized_standby_slots = standby_1', 'SELECT pg_reload_conf()');
$t->wait_caught_up;
$standby->stop('fast');
$primary->safe_psql($database, q(INSERT INTO public.n (word) VALUES ('held back')));
$t->wait_with_agent('the agent says what holds the source back',
	sub { return agent_warnings() =~ /standbys in synchronized_standby_slots have it: standby_1 has no standby/ });
is(count_of(), 1, 'the replica is not ahead of the standby');
is(() = $t->agent->log_text =~ /standby_1 has no standby/g, 1, 'it is said once');
is(() = $t->agent->log_text =~ /synchronized_standby_slots\\?" does not have active_pid/g, 1, 'and what the server says, once a minute');
$primary->stop('fast');
$t->wait_for('the agent lost its source', sub {
	return !$t->agent->alive || $t->agent->log_text =~ /has no standby.*cannot connect to the source/s });
ok($t->agent->alive, 'a primary that stops without its standby does not end the agent');
$primary->start;
$standby->start;
$t->wait_streaming;
$t->wait_caught_up;
is(count_of(), 2, 'with the standby it goes on');

# A failover in the middle of writing, to a standby with the settings of its primary.
$t->wait_for('the standby has the slot', sub {
	$t->wait_caught_up;
	return slot_is($standby, 'synced AND NOT temporary');
}, 120);
$standby->append_conf('postgresql.conf', "synchronized_standby_slots = 'standby_1'\n");
$standby->reload;
my $script = $t->write_file('writes.sql', "INSERT INTO public.n (word) VALUES ('x');\n" x 50_000);
my $writer = IPC::Run::start([ 'psql', '-X', '-q', '-d', $primary->connstr($database), '-f', $script ],
	'>', \my $out, '2>', \my $err);
$t->wait_for('the stream moves', sub { return count_of() > 500 });
$primary->stop('immediate');
$writer->finish;
promote();
$t->wait_with_agent('the agent says what holds the new primary back',
	sub { return agent_warnings() =~ /standby_1 does not exist/ });
$standby->safe_psql('postgres', $_) foreach (q(ALTER SYSTEM SET synchronized_standby_slots = ''), 'SELECT pg_reload_conf()');
$t->wait_streaming;
$t->wait_caught_up;
ok(slot_is($standby, 'synced AND failover'), 'from the slot that the standby had fetched');
cmp_ok(count_of(), '>', 500, 'with what was written before');
$t->compare_ok('invariant 9: a promoted standby with the slot is followed, and nothing is lost');
$standby->safe_psql($database, q(UPDATE public.n SET word = 'after'));
$t->wait_caught_up;
$t->compare_ok('and goes on');

# A slot that is made where a standby is has failover from the start.
$standby->safe_psql('postgres', q(SELECT pg_create_physical_replication_slot('standby_2')));
is(($t->cli('connector', 'retry-setup', $t->{connector}, '--resync'))[0], 0, 'the replica is made anew');
$t->wait_with_agent('a new slot', sub { return slot_is($standby, 'NOT synced') });
ok(slot_is($standby, 'failover'), 'a slot that the copy makes beside a standby has failover');
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('the new replica');
is($t->agent->stop, 0, 'all of it with one agent');
$t->stop_all;
done_testing();
