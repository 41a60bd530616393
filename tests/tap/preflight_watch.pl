# SPDX-License-Identifier: PostgreSQL
# The agent runs the preflight list again while it streams: what somebody takes away at the source is in the connector's
# status, in the metrics and in its log, before the data stops; and what is given back as well.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'watch', source_conf => "log_statement = 'all'\nlog_line_prefix = '%a|'\n",
	sql => 'CREATE TABLE public.n (id integer PRIMARY KEY); CREATE TABLE public.other (id integer PRIMARY KEY)');
my $source = $t->source;
my $database = $Ardent::Test::database;
$t->start_environment;
$t->create_connector;
$t->start_agent('source.preflight_interval' => '1s');
$t->wait_streaming;
$t->wait_caught_up;

sub finding
{
	my ($id) = @_;
	my ($found) = grep { $_->{id} eq $id } @{ $t->connector->{checks}{findings} };
	return $found;
}

sub metric
{
	my ($name) = @_;
	my ($value) = $t->http('GET', '/metrics')->{content} =~ /^\Q$name\E\{[^}]*\} (\d+)$/m;
	return $value;
}

my $checks = $t->connector->{checks};
is($checks->{failing}, 0, 'hello: nothing fails') or diag explain $checks;
like($checks->{checked_at}, qr/^\d{4}-\d\d-\d\d /, 'hello: with its time');
is(metric('ardent_preflight_failing_checks'), 0, 'metrics: nothing fails');

$source->safe_psql($database, 'REVOKE SELECT ON public.other FROM ardent_replication');
my $walsender = $t->slot->{pid};
$t->wait_with_agent('the revoked grant is known', sub { return finding('can_read_tables') }, 30);
my $found = finding('can_read_tables');
is($found->{status}, 'fail', 'a revoked grant: the check fails');
is($found->{label}, 'can read tables', 'with its label');
like($found->{detail}, qr/other/, 'and its first detail');
is($t->status, 'degraded', 'the connector is degraded');
is(metric('ardent_preflight_failing_checks'), 1, 'metrics: one fails');
cmp_ok(abs(metric('ardent_preflight_timestamp_seconds') - time), '<', 60, 'metrics: and when that was seen');
my ($code, $shown) = $t->cli('connector', 'status', $t->{connector});
is($code, 0, 'ardent connector status');
like($shown, qr/^  checks +1 failing, \d+ warning, at \d{4}-/m, 'shows how many fail');
like($shown, qr/^    \S+ can read tables \(can_read_tables\): .*other/m, 'and which');
like($t->connector->{warnings}[0], qr/preflight report of the source has failures/, 'and warns');

# No lock of somebody's is waited for long, and the stream does not wait at all.
my $locker = $source->background_psql($database);
$locker->query_safe('BEGIN; LOCK TABLE public.other IN ACCESS EXCLUSIVE MODE');
$source->safe_psql($database, 'INSERT INTO public.n VALUES (1)');
$t->wait_caught_up;
is($t->replica_psql('SELECT count(*) FROM public.n'), 1, 'the stream moves');
my $before = $t->connector->{checks}{checked_at};
$t->wait_with_agent('the list runs beside a lock', sub { return $t->connector->{checks}{checked_at} ne $before }, 30);
$locker->query_safe('ROLLBACK');
$locker->quit;

$source->safe_psql($database, 'GRANT SELECT ON public.other TO ardent_replication');
$t->wait_with_agent('the grant is back', sub { return !finding('can_read_tables') }, 30);
is($t->connector->{checks}{failing}, 0, 'nothing fails any more');
is($t->status, 'streaming', 'the connector streams');
is_deeply($t->connector->{warnings}, [], 'without a warning');
is($t->slot->{pid}, $walsender, 'all the time on one walsender');
my $log = $t->agent->log_text;
is(() = $log =~ /a check of the source fails: can read tables/g, 1, 'the log says once that it fails');
is(() = $log =~ /a check of the source does not fail any more: can read tables/g, 1, 'and once that it does not any more');

my $said = PostgreSQL::Test::Utils::slurp_file($source->logfile);
like($said, qr/ardent-agent watch\|.*SET statement_timeout = '30s'; SET lock_timeout = '1s'; SET default_transaction_read_only = on/,
	'the list has limits on the source');
is($t->agent->stop(10), 0, 'a stop does not wait for it');
$t->stop_all;
done_testing();
