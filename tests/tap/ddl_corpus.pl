# SPDX-License-Identifier: PostgreSQL
# The corpus (tests/ddl/corpus): every line is one query of one session; SINCE 14 and UNTIL 13 before it: for these majors only.
# The lines of all files are shuffled into each other, each file's own in their order, with a row written before each. Afterwards
# both sides' pg_dump --schema-only are equal (Ardent::Dump says what that means), and so is the data. Statements of every kind,
# and the habits of migration tools: CORPUS=rails,django takes files by name, SEED=17 an order once more.
use strict;
use warnings;
use Ardent::Dump;
use Ardent::Test;
use List::Util qw(sum);
use Test::More;

my $only = $ENV{CORPUS} || '*';
my $seed = $ENV{SEED} || time;
srand($seed);
note("SEED=$seed");

my $t = Ardent::Test->new(name => 'ddl_corpus', schemas => [ 'public', 'app' ], sql => <<'SQL');
CREATE ROLE app_owner; CREATE ROLE reporting; CREATE ROLE member_of_owner IN ROLE app_owner;
CREATE SCHEMA app AUTHORIZATION app_owner;
GRANT CREATE, USAGE ON SCHEMA public TO app_owner;
CREATE TABLE ledger (n integer PRIMARY KEY, at timestamptz DEFAULT now());
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;

my @files = map {
	open(my $in, '<', $_) or die "$_: $!";
	chomp(my @lines = <$in>);
	# a statement may go on in the next line, which is indented or not a statement's beginning
	my @whole;
	foreach my $line (@lines)
	{
		if ($line =~ /^(?:[A-Z]{2,}\b)/ && $line !~ /^DEFAULT/) { push @whole, $line; }
		else { $whole[-1] .= "\n$line"; }
	}
	\@whole;
} glob("$Ardent::Test::top/tests/ddl/corpus/{$only}.sql");
my $left = sum(map { scalar @$_ } @files);
my ($count, @failed) = (0);
note("$left lines");
while ($left)
{
	my $pick = int(rand($left));
	my ($file) = grep { ($pick -= @$_) < 0 } @files;
	my $line = shift @$file;
	$left--;
	next if $line =~ s/^SINCE (\d+) // && $1 > $t->major || $line =~ s/^UNTIL (\d+) // && $1 < $t->major;
	$count++;
	my ($out, $err) = ('', '');
	local $ENV{PGOPTIONS} = $line =~ s/^OPTIONS (\S+) // ? "-c $1" : '';
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $t->source->connstr($database),
		'-c', "INSERT INTO ledger VALUES ($count)", '-c', $line ], '>', \$out, '2>', \$err)
	  or push @failed, "$line: $err";
}
is(join('', @failed), '', "the source takes all $count lines");

my $n = $source->('UPDATE beacon SET n = n + 1 RETURNING n');
my $failure = '';
$t->wait_for('the replica has come up', sub {
	my $connector = $t->connector;
	$failure = $connector->{failure}{message} // 'failed' if $connector->{status} eq 'failed';
	return $failure || ($t->replica_try('SELECT n FROM beacon') // '') eq $n;
}, 180);
is($failure, '', 'the connector did not fail');

my (undef, $said) = $t->compare('--schema-only');
my ($entries) = $said =~ /^ +schema: (\d+) definitions/m;
cmp_ok($entries, '>', 20, "the dump has $entries definitions");
is(join("\n", definitions_differ($t)), '', 'both schemas are dumped the same');
is(join("\n", columns_differ($t)), '', 'each column was added once, and dropped once');
$t->compare_ok('after the corpus');
my $ddl = $t->connector->{ddl};
note(join ", ", map { "$_ " . ($ddl->{$_} // "none") } sort keys %$ddl);
$t->stop_all;
done_testing();
