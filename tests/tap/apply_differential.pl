# SPDX-License-Identifier: PostgreSQL
# Random schemas and random transactions through apply alone, in segments that are cut anywhere: after every few transactions
# each table of the replica holds the rows of the source. tests/support/Ardent/Differ.pm says what is made and how to play it again.
#
#   ROUNDS=6 schemas   SEED=n   ROUND=n ONLY=tables   FEATURES=… WITHOUT=…   GO_ON=1 after a failure
# long
use strict;
use warnings;
use Ardent::Apply;
use Ardent::Differ;
use Ardent::Differ::Look;
use Ardent::Test;
use Test::More;

my ($sharedir) = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --sharedir) =~ /(\S+)/;
my $differ = Ardent::Differ->new(
	# the driver asks the plugin for no NaN
	lacking => ['not_a_number'],
	major => Ardent::Test::major(), sharedir => $sharedir, rounds => 6, enough => 5, transactions => 90, file => 'tests/tap/apply_differential.pl');
note('SEED=', $differ->{seed}, ' ROUNDS=', scalar($differ->rounds));
note("not made: @{ $differ->{lacking} }") if @{ $differ->{lacking} };

my @beside = map { { q => "public.$_", number => 0 } } qw(limits heard);

# The tables that a failure of apply names.
sub named
{
	my ($world, $output) = @_;
	my ($name) = $output =~ /^table: (.*?)\nlsn: /ms or return ();
	$name =~ s/"//g;
	return grep {
		my $t = $_;
		grep { s/"//gr eq $name } "$t->{schema}.$t->{name}", map { $_->{q} } @{ $t->{leaves} }
	} @{ $world->{tables} };
}

my $replica_number = 0;

# Plays a round; what went wrong, or nothing; the tables it was in.
sub play_round
{
	my ($round, @only) = @_;
	my $world = $differ->world($round, @only);
	my $t = Ardent::Apply->new(name => 'differ' . ++$replica_number, setup => $world->setup);
	$t->{node}->safe_psql('postgres', 'ALTER SYSTEM SET log_statement = none');
	$t->{node}->reload;
	$t->source($world->changed);
	my @tables = ($world->tables, @beside);
	my $look = Ardent::Differ::Look->new(sub { return $t->source($_[0]) }, sub { return $t->replica($_[0]) });
	my ($wrong, @where) = ('');
	@where = $look->differing(@tables) and $wrong = 'the databases differ before the first change: ' . join ' ', map { $_->{q} } @where;
	$differ->begin($world, $t->{node}->connstr('src'), "$t->{dir}");
	chmod 0777, "$t->{dir}";
	my $batches = 0;
	while (!$wrong && $differ->batch($world))
	{
		my $bytes = $world->{dice}->part('cut', $batches++)->pick(1, 40, 400, 4000, 40_000, 4_194_304);
		my ($exit, $output) = $t->apply($t->segments($bytes));
		if ($exit)
		{
			($wrong, @where) = ("apply ended with $exit: $output", named($world, $output));
			last;
		}
		@where = $look->differing(@tables) or next;
		$wrong = join '', 'after a stream in segments of ', $bytes, " bytes:\n", map { $look->rows_of($_) } @where;
	}
	$differ->end;
	my $report = $wrong ? $differ->report($world, $wrong, grep { $_->{number} } @where) : '';
	if (!$wrong)
	{
		my @misplaced = $look->misplaced;
		$report = "rows outside of their leaf's bounds: @misplaced" if @misplaced;
		$report ||= index_errors($t);
	}
	$t->{node}->stop('immediate');
	$t->{node}->clean_node;
	return ($report, $look->rows, grep { $_ } map { $_->{number} } @where);
}

# Every row is in every index; what calls a function without a schema cannot be looked at from here.
sub index_errors
{
	my ($t) = @_;
	my $said = eval { $t->replica(<<'SQL') } // $@;
CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public;
SELECT bt_index_check(x.indexrelid, true) FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid JOIN pg_am AS a ON a.oid = c.relam
 WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND x.indisvalid AND pg_get_indexdef(x.indexrelid) !~ 'folded'
   AND c.relnamespace IN ('public'::regnamespace, '"Other schema"'::regnamespace);
SQL
	return $said =~ /ERROR.*/ ? "an index of the replica: $&" : '';
}

my @rounds = $differ->rounds;
my $most = 4 * @rounds;
while (defined(my $round = shift @rounds))
{
	my ($wrong, $rows, @numbers) = play_round($round);
	# what chance has left out comes with more rounds
	push @rounds, $round + 1 if !@rounds && $round < $most && $differ->complete && $differ->features->missed;
	ok(!$wrong, "round $round: replica equals source" . ($wrong ? '' : ", $rows rows"));
	next unless $wrong;
	diag($wrong);
	# the same with fewer tables is shorter to read, when it is wrong then, too: with those that it names, or with all that were
	# written last, because one may leave behind what another meets
	my @touched = $differ->touched;
	foreach my $few ([@numbers], [@touched])
	{
		next if !@$few || @{ $differ->{only} };
		my ($shorter) = play_round($round, @$few);
		diag($shorter ? "WITH TABLES @$few ALONE: $shorter" : "with tables @$few alone it does not happen");
		last if $shorter;
	}
	last unless $ENV{GO_ON};
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
