# SPDX-License-Identifier: PostgreSQL
# Random schemas and random transactions from a source to its replica: rows that are there before the copy, rows that come while
# it runs, rows of the stream; the functions that columns and checks use are replaced on the way. After every few transactions each
# table of the replica holds the rows of the source. tests/support/Ardent/Differ.pm says what is made and how to play it again.
#
#   ROUNDS=2 schemas, a source and a replica each   SEED=n   ROUND=n ONLY=tables   FEATURES=… WITHOUT=…   GO_ON=1 after a failure
# long
use strict;
use warnings;
use Ardent::Differ;
use Ardent::Differ::Look;
use Ardent::Test;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my ($sharedir) = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --sharedir) =~ /(\S+)/;
# Preflight refuses tables whose rows have no identity, before anything is copied (docs/preflight.md); apply_differential.pl has them.
my ($pkglibdir) = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --pkglibdir) =~ /(\S+)/;
my $says_nan = slurp_file("$pkglibdir/wal2json.so") =~ /numeric-data-types-as-string/;
my $differ = Ardent::Differ->new(
	major => Ardent::Test::major(), sharedir => $sharedir, rounds => 3, enough => 10, transactions => 70, file => 'tests/e2e/differential.pl',
	lacking => [ qw(no_key key_for_nothing deferrable_key), $says_nan ? () : 'not_a_number' ]);
note('SEED=', $differ->{seed}, ' ROUNDS=', scalar($differ->rounds));
note("not made: @{ $differ->{lacking} }");
$Ardent::Differ::World::tables = 18;

my @beside = map { { q => "public.$_", number => 0 } } qw(limits heard);

# Dies with what the connector says as soon as it has failed.
sub look_at
{
	my ($t) = @_;
	my $connector = $t->connector;
	die "the connector has failed: $connector->{failure}{message}\nhint: $connector->{failure}{hint}\n" if ($connector->{status} // '') eq 'failed';
	return;
}

# The tables that a message is about.
sub named
{
	my ($world, $message) = @_;
	$message =~ s/"//g;
	return grep {
		my $t = $_;
		grep { my $name = s/"//gr; $message =~ /(?<![\w ])\Q$name\E(?![\w ])/ } "$t->{schema}.$t->{name}", map { $_->{q} } @{ $t->{leaves} }
	} @{ $world->{tables} };
}

sub play_round
{
	my ($round, $name) = @_;
	my $world = $differ->world($round);
	my $dice = $world->{dice}->part('agent');
	my $t = Ardent::Test->new(
		name => "differential_$name", schemas => [ 'public', 'Other schema' ], sql => $world->setup, source_conf => "log_statement = none\n");
	my $source = $t->source;
	$source->safe_psql('postgres', 'ALTER ROLE ardent_replication BYPASSRLS');
	my @tables = ($world->tables, @beside);
	my $look = Ardent::Differ::Look->new(
		sub { return $source->safe_psql($Ardent::Test::database, $_[0]) }, sub { return $t->replica_psql($_[0]) });
	chmod 0777, $t->dir;
	$differ->begin($world, $source->connstr($Ardent::Test::database), $t->dir);
	my ($wrong, @where, $stage) = ('');
	my $ok = eval {
		$stage = 'before the copy';
		$differ->batch($world) foreach 1 .. 4;
		$stage = 'the copy';
		$t->start_environment;
		$t->create_connector;
		$t->start_agent('limits.segment_bytes' => $dice->pick('64kB', '256kB', '4MB'));
		$differ->batch($world);
		$t->wait_with_agent('the connector is streaming', sub { look_at($t); return $t->status =~ /^(?:streaming|degraded)$/ }, 90);
		$source->safe_psql($Ardent::Test::database, $world->changed);
		do
		{
			$t->wait_caught_up(90, sub { look_at($t) });
			@where = $look->differing(@tables);
			$wrong = join '', "after $stage:\n", map { $look->rows_of($_) } @where if @where;
			$stage = 'some transactions';
		} while (!$wrong && $differ->batch($world));
		1;
	};
	unless ($ok)
	{
		$wrong = "$stage: $@";
		@where = named($world, $wrong);
	}
	$differ->end;
	my $report = $wrong ? $differ->report($world, $wrong, grep { $_->{number} } @where) : '';
	if (!$wrong)
	{
		my @misplaced = $look->misplaced;
		$report = "rows outside of their leaf's bounds: @misplaced" if @misplaced;
	}
	$source->safe_psql($Ardent::Test::database, $world->as_copied);
	return ($t, $report, $look->rows);
}

foreach my $round ($differ->rounds)
{
	my ($t, $wrong, $rows) = play_round($round, $round);
	ok(!$wrong, "round $round: replica equals source" . ($wrong ? '' : ", $rows rows"));
	if ($wrong)
	{
		diag($wrong);
		diag("GO_ON=1 plays the rounds after it, too") unless $ENV{GO_ON};
	}
	else
	{
		$t->compare_ok("round $round: compare");
	}
	my ($agent_code, $environment_code) = $t->stop_all;
	is($environment_code, 0, "round $round: the environment ends with 0") unless $wrong;
	is($agent_code, 0, "round $round: the agent ends with 0") unless $wrong;
	last if $wrong && !$ENV{GO_ON};
}

note($differ->said);
my $count = $differ->{count};
if (!@{ $differ->{only} })
{
	cmp_ok($count->{committed}, '>', 0.6 * $count->{transactions}, 'most transactions committed');
	cmp_ok($count->{succeeded}, '>', 0.6 * $count->{statements}, 'most statements succeeded');
	cmp_ok($count->{rows}, '>', 3 * $count->{transactions}, 'rows were changed');
}
if ($differ->complete) { is(join(' ', $differ->features->missed), '', 'every feature was met'); }
else                   { note('not met: ', join ' ', $differ->features->missed); }
done_testing();
