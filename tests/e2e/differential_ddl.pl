# SPDX-License-Identifier: PostgreSQL
# Random DDL of every kind (Ardent::Schema::Statements), alone, in transactions, with savepoints, in DO blocks, undone, by several roles
# and under several settings, with rows between; after every few transactions definitions, columns' numbers and rows are equal.
# What fails at the source must leave nothing in the replica either.
#
#   ROUNDS=1 sources   BATCHES=5 of each   SEED=n   ROUND=n   GO_ON=1 after a failure; make soak T=tests/e2e/differential_ddl.pl
# long
use strict;
use warnings;
use Ardent::Again qw(pending);
use Ardent::Differ::Dice;
use Ardent::Dump;
use Ardent::Schema::Catalog;
use Ardent::Schema::Statements;
use Ardent::Test;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $seed = $ENV{SEED} || ($ENV{ROUNDS} ? int(rand(2**31)) : 11);    # by chance in the soak alone, until an hour of it is clean
my $rounds = $ENV{ROUNDS} || 1;
my $batches = $ENV{BATCHES} || 5;
note("SEED=$seed ROUNDS=$rounds BATCHES=$batches");
my @schemas = ('public', 'app');
my %count = map { $_ => 0 } qw(statements succeeded rows);

# What psql said, and how many statements of it failed.
sub play
{
	my ($conninfo, $script) = @_;
	my $said = '';
	IPC::Run::run([ 'psql', '-X', '-At', '-d', $conninfo ], '<', \$script, '>&', \$said, IPC::Run::timeout(120));
	my $failed = () = $said =~ /ERROR: /g;
	return ($said, $failed);
}

# A transaction's script: settings, then its statements in one of the ways in which programs send them.
sub script
{
	my ($dice, @statements) = @_;
	my $settings = $dice->pick_weighted('' => 8, 'SET ROLE ddl_owner;' => 2, 'SET search_path = app, public;' => 2, "SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German';" => 1,
		'SET quote_all_identifiers = on; SET extra_float_digits = -5;' => 1, "SET search_path = ''; SET bytea_output = 'escape';" => 1, 'SET check_function_bodies = off;' => 1);
	my $list = join '', map { "$_;\n" } @statements;
	my $way = $dice->pick_weighted(alone => 5, forgiving => 4, strict => 2, one => 2, undone => 2, partly => 2, block => 2);
	my $body =
		$way eq 'alone'     ? $list
	  : $way eq 'forgiving' ? "\\set ON_ERROR_ROLLBACK on\nBEGIN;\n${list}COMMIT;\n"
	  : $way eq 'strict'    ? "BEGIN;\n${list}COMMIT;\n"
	  : $way eq 'one'       ? join('\\;', @statements) . ";\n"
	  : $way eq 'undone'    ? "\\set ON_ERROR_ROLLBACK on\nBEGIN;\n${list}ROLLBACK;\n"
	  : $way eq 'partly'    ? "\\set ON_ERROR_ROLLBACK on\nBEGIN;\n$statements[0];\nSAVEPOINT here;\n${list}ROLLBACK TO here;\n$statements[-1];\nCOMMIT;\n"
	  :                       join '', map { "DO \$block\$ BEGIN EXECUTE \$text\$$_\$text\$; END \$block\$;\n" } @statements;
	return "$settings\n$body";
}

# What is wrong with the replica, once it has come up to the source; empty: nothing.
sub difference
{
	my ($t) = @_;
	return "$@" unless eval { $t->wait_replayed; 1 };
	return "$@" unless eval { $t->wait_with_agent('no table waits for a copy', sub { return !%{ pending($t) } }, 60) };
	$t->wait_replayed;
	my @differ = (definitions_differ($t), columns_differ($t));
	my ($equal, $said) = $t->compare('--rows-only');
	push @differ, $said unless $equal;
	return join "\n", @differ;
}

sub play_round
{
	my ($round) = @_;
	my $t = Ardent::Test->new(name => "differential_ddl_$round", schemas => [@schemas], source_conf => "log_statement = none\n",
		sql => slurp_file("$Ardent::Test::top/tests/support/Ardent/Schema/setup.sql"));
	my $conninfo = $t->source->connstr($Ardent::Test::database);
	$t->source->safe_psql($Ardent::Test::database, 'ALTER ROLE ardent_replication BYPASSRLS; SELECT ardent_ddl_capture(true)');
	$t->start_all;
	my $wrong = '';
	BATCH: foreach my $batch (1 .. $batches)
	{
		my @since;
		foreach my $n (1 .. 12)
		{
			my $dice = Ardent::Differ::Dice->new($seed, $round, $batch, $n);
			my $catalog = Ardent::Schema::Catalog->read($conninfo, @schemas);
			my @statements = map { Ardent::Schema::Statements::statement($dice, $catalog) } 1 .. $dice->between(1, 4);
			my $script = script($dice, @statements);
			my ($said, $failed) = play($conninfo, $script);
			$count{statements} += @statements;
			$count{succeeded} += @statements > $failed ? @statements - $failed : 0;
			push @since, "$script-- " . ($said =~ s/\n(?=.)/\n-- /gr);
			$count{rows} += $t->source->safe_psql($Ardent::Test::database, 'SELECT tools.write_rows(' . $dice->between(1, 6) . ')') if $dice->chance(0.8);
		}
		$wrong = difference($t);
		next unless $wrong;
		ok(0, "round $round, batch $batch: the replica is equal");
		diag("$wrong\n-- since it was equal last:\n" . join('', @since) . "-- again: SEED=$seed ROUND=$round make e2e V=1 T=tests/e2e/differential_ddl.pl");
		last;
	}
	if ($wrong)
	{
		eval { $t->stop_all };
		$t->source->stop('immediate');
		return;
	}
	ok(1, "round $round: the replica was equal after each batch");
	my @left_out = @{ $t->connector->{not_carried}{objects} // [] };
	is(join("\n", map { "$_->{type} $_->{identity}: $_->{because}" } @left_out), '', "round $round: nothing was left out");
	my ($agent_code, $environment_code) = $t->stop_all;
	is("$agent_code $environment_code", '0 0', "round $round: agent and environment end with 0");
	return;
}

foreach my $round (defined $ENV{ROUND} ? $ENV{ROUND} : 1 .. $rounds)
{
	play_round($round);
	last if !Test::More->builder->is_passing && !$ENV{GO_ON};
}
note(join ', ', map { "$_: $count{$_}" } sort keys %count);
cmp_ok($count{succeeded}, '>', 0.4 * $count{statements}, 'many statements succeeded');
cmp_ok($count{rows}, '>', $count{statements} / 10, 'rows were written between');
done_testing();
