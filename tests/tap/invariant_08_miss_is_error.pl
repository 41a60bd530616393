# SPDX-License-Identifier: PostgreSQL
# Invariant 8: a change that does not touch exactly one row of the replica stops the connector with the LSN, the table
# and the key; a change that the plugin leaves out because its table has no identity stops it before the transaction
# is confirmed.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'miss', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' FROM generate_series(1, 10) AS g;
CREATE TABLE public.bare (n integer, v text);
ALTER TABLE public.bare REPLICA IDENTITY FULL;
INSERT INTO public.bare VALUES (1, 'one');
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_all;
$t->wait_caught_up;

my $admin = $t->replica_admin;
my $behind_our_back = sub {
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-d', $admin, '-c', $sql ], '>', \$out, '2>', \$err) or die $err;
};
$behind_our_back->('DELETE FROM public.item WHERE id = 4');
# everything that a reader can see, and where the replica says it stands
my $contents = q(SELECT string_agg(i::text, ',' ORDER BY i.id) FROM public.item AS i);
my $durable = 'SELECT durable_lsn FROM ardent.progress';
my ($rows, $position) = map { $t->replica_psql($_) } $contents, $durable;
my $from = $source->safe_psql($database, 'SELECT pg_current_wal_lsn()');
$source->safe_psql($database, q(UPDATE public.item SET v = 'changed' WHERE id IN (3, 4, 5)));
my $to = $source->safe_psql($database, 'SELECT pg_current_wal_insert_lsn()');
$t->wait_status('failed');
my $failure = $t->connector->{failure};
like($failure->{table} // '', qr/^public\.item$/, 'invariant 8: the failure names the table');
my $lsn_of = $failure->{lsn} // '0/0';
is($source->safe_psql($database, "SELECT '$lsn_of'::pg_lsn BETWEEN '$from' AND '$to'"), 't',
	"invariant 8: and the LSN, which is the change's");
is($t->replica_psql($contents), $rows, 'invariant 8: the replica is unchanged, also where the change fits');
is($source->safe_psql($database, "SELECT '" . $t->replica_psql($durable) . "'::pg_lsn BETWEEN '$position' AND '$from'"), 't',
	'invariant 8: the durable position stays before the change');
is($source->safe_psql('postgres', "SELECT confirmed_flush_lsn <= '$from' FROM pg_replication_slots"), 't',
	'invariant 8: and nothing beyond it is confirmed to the source');
is($failure->{row}, '(id) = (4)', 'invariant 8: and the key');
ok(length($failure->{hint} // ''), 'invariant 8: and what to do');
ok($t->agent->alive, 'the agent stays up, because this is mended at the environment');

# mended by hand, it goes on where it stopped
$behind_our_back->(q(INSERT INTO public.item VALUES (4, 'v')));
my $answer = $t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", {});
is($answer->{status}, 200, 'retry-setup');
$t->wait_for('it streams again', sub { return $t->status =~ /^(streaming|degraded)$/ });
$t->wait_caught_up(90);
$t->compare_ok('after it was mended');

# a table that loses its identity
$source->safe_psql($database, 'ALTER TABLE public.bare REPLICA IDENTITY NOTHING');
my $lsn = $source->safe_psql($database, 'SELECT pg_current_wal_lsn()');
$source->safe_psql($database, q(UPDATE public.bare SET v = 'lost' WHERE n = 1));
$t->wait_for('the agent or the connector stops', sub { return !$t->agent->alive || $t->status eq 'failed' });
like($t->agent->log_text, qr/bare/, 'invariant 8: the table is named');
is($source->safe_psql('postgres', "SELECT confirmed_flush_lsn <= '$lsn' FROM pg_replication_slots"), 't',
	'invariant 8: the transaction is not confirmed');
is($t->agent->wait(10), 3, 'and the agent ends with 3, because it is mended at the source');
$t->stop_all;
done_testing();
