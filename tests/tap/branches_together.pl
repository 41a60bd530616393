# SPDX-License-Identifier: PostgreSQL
# Branches that are asked for at once share a cut of the replica; each has what was committed before its request, and
# they share nothing afterwards.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'branches_together', sql => <<'SQL');
CREATE TABLE public.asked (i integer PRIMARY KEY);
CREATE TABLE public.counted (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.counted VALUES (1, 0), (2, 0);
SQL
my $database = $Ardent::Test::database;
my $ports = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$ports-" . ($ports + 30));
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

my $psql = sub {
	my ($url, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};

my $load = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($database), '-c',
	q(DO $$ BEGIN FOR i IN 1..6000 LOOP UPDATE counted SET n = n + 1; COMMIT; PERFORM pg_sleep(0.002); END LOOP; END $$) ],
	'>', '/dev/null', '2>&1');
my @made;
for my $i (1 .. 12) {
	$t->source->safe_psql($database, "INSERT INTO asked VALUES ($i)");
	$t->wait_for("row $i is at the replica", sub { ($t->replica_psql("SELECT i FROM asked WHERE i = $i") // '') eq $i });
	my $answer = $t->http('POST', '/v1/branch/create', { connector_id => $t->{connector}, service_type => 'postgres', name => "b$i" });
	is($answer->{status}, 202, "b$i is asked for") or diag(explain $answer);
	push @made, { i => $i, operation => $answer->{json}{operation_id}, id => $answer->{json}{resource_id} };
}
my ($cuts, $shared) = (0, 0);
for my $branch (@made) {
	my $operation;
	$t->wait_for("operation $branch->{operation}", sub {
		$operation = $t->http('GET', "/v1/operations/$branch->{operation}?wait=5")->{json};
		return $operation->{status} =~ /^(?:completed|failed)$/;
	});
	is($operation->{status}, 'completed', "b$branch->{i} is made") or diag($operation->{error});
	my $row = $t->http('GET', "/v1/branches/$t->{connector}/$branch->{id}")->{json};
	my %steps = map { $_->{name} => $_->{ms} } @{ $row->{steps} };
	note join ' ', "b$branch->{i}", map { "$_->{name}=$_->{ms}" } @{ $row->{steps} };
	++$cuts if exists $steps{checkpoint};
	++$shared if exists $steps{shared};
	$branch->{url} = $row->{branch_url} =~ s/sslmode=verify-full/sslmode=require/r;
	is($psql->($branch->{url}, "SELECT max(i) >= $branch->{i} FROM asked"), 't', 'it has what was committed before it was asked for');
	is($psql->($branch->{url}, 'SELECT count(DISTINCT n) FROM counted'), '1', 'and is one commit');
}
is($cuts + $shared, 12, 'each was cut, or shared a cut');
cmp_ok($shared, '>', 0, 'some shared one') or diag("$cuts cuts");
$psql->($_->{url}, "CREATE TABLE mine AS SELECT $_->{i} AS i") for @made;
is($psql->($_->{url}, 'SELECT i FROM mine'), $_->{i}, "b$_->{i} has its own rows") for @made;
$t->source->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN FOR%'));
$load->finish;
$t->wait_caught_up;
is($t->source->safe_psql('postgres', q(SELECT count(*) FROM pg_replication_slots)), 1, 'the source has its slot alone');
is($t->replica_psql(q(SELECT count(*) FROM pg_replication_slots)), '0', 'and the replica none');
$t->stop_all;
done_testing();
