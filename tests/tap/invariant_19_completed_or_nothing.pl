# SPDX-License-Identifier: PostgreSQL
# Invariant 19: what is done with a branch is completed or nothing of it is left, at whatever step the environment is killed: each step of
# a creation, a reset and a deletion is waited for by what it leaves on disk, and met. Run again the same request is completed. What is
# not of this environment is reported and stays.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'completed_or_nothing', sql => <<'SQL');
CREATE TABLE public.pair (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.pair VALUES (1, 0), (2, 0);
CREATE TABLE public.bulk (id integer PRIMARY KEY, v text);
INSERT INTO public.bulk SELECT g, repeat('x', 500) FROM generate_series(1, 20000) AS g;
SQL
my $database = $Ardent::Test::database;
my $b = Ardent::Branching->new($t);
my $folder = $t->dir . '/data/branches';

# Kills the environment when `reached`, which looks at a branch's folder, says so; true when it was in time.
my $kill_when = sub {
	my ($reached) = @_;
	my $deadline = time + 30;
	until ($reached->())
	{
		if (time > $deadline)
		{
			$t->environment->kill9;
			return 0;
		}
		usleep(300);
	}
	$t->environment->kill9;
	return 1;
};
my $come_back = sub {
	my ($what) = @_;
	$t->start_environment;
	$t->wait_for("invariant 19: $what: nothing is under way", sub { return !grep { $_->{status} =~ /^(?:creating|deleting)$/ || ($_->{state} // '') eq 'resetting' } $b->list }, 60);
	# the agent has lost its environment, too
	$t->wait_with_agent('it streams', sub { return $t->status eq 'streaming' && $t->connector->{agent}{connected} });
	return;
};
my $listens = sub { return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_[0], Timeout => 2) ? 1 : 0 };
# Folders, servers and ports of branches that the list does not have as active.
my $nothing_else = sub {
	my ($what) = @_;
	my %known = map { $_->{id} => 1 } grep { $_->{status} eq 'active' } $b->list;
	is(join(' ', grep { !$known{$_} } map { m{/([0-9a-f]{32})$} ? $1 : () } glob("$folder/*")), '', "invariant 19: $what: no files of a branch that is not there");
	is(join(' ', glob("$folder/*/data.*")), '', "invariant 19: $what: no data beside the data");
	is(join(' ', map { $_->{port} } grep { $_->{status} ne 'active' && $listens->($_->{port}) } $b->list), '', "invariant 19: $what: no port of one");
	my $sockets = join ' ', map { m{/([0-9a-f]{12})$} && !grep({ index($_, $1) == 0 } keys %known, $t->{connector}) && -S "$_/.s.PGSQL.5432" ? $1 : () } glob($t->dir . '/run/*');
	is($sockets, '', "invariant 19: $what: no server of one");
	return;
};
my $whole = sub { return $b->psql($_[0], 'SELECT count(DISTINCT n) || \' \' || min(n), (SELECT count(*) FROM bulk) FROM pair') };
my $version = 0;
my $next = sub { $version++; $t->source->safe_psql($database, 'UPDATE pair SET n = n + 1'); $t->wait_caught_up; return };

# Creations
my @steps = ([ 'its folder is there', '' ], [ 'files are cloned', '/data' ], [ 'half of them', '/data/base/1' ], [ 'the clone is whole', '/data/standby.signal' ], [ 'its server runs', '/server' ], [ 'its server has a socket', 'socket' ],
	[ 'it is prepared', '/initialised' ]);
my $known = 0;
foreach my $step (@steps)
{
	my ($what, $inside) = @$step;
	$next->();
	my $name = 'made-' . ++$known;
	my $answer = $b->ask($name);
	is($answer->{status}, 202, "create, killed when $what") or diag($answer->{content});
	my $id = $answer->{json}{resource_id};
	my $socket = $t->dir . '/run/' . substr($id, 0, 12) . '/.s.PGSQL.5432';
	my $in_time = $kill_when->($inside eq 'socket' ? sub { -S $socket } : sub { -e "$folder/$id$inside" });
	# a snapshot has no label
	ok($in_time || $inside eq '/data/standby.signal', 'in time');
	$come_back->("create, $what");
	my ($row) = grep { $_->{id} eq $id } $b->list;
	like($row->{status}, qr/^(?:failed|active)$/, "invariant 19: create, $what: it has failed, or is there");
	note "create, $what: $row->{status}";
	if ($row->{status} eq 'failed')
	{
		like($row->{failure}, qr/environment ended/, 'and why is told');
		is($row->{branch_url}, undef, 'without a URL');
		is($b->row($id)->{branch_url}, undef, 'whoever asks');
	}
	$nothing_else->("create, $what");
	# run again
	my $again = $b->create($name);
	like($again->{status}, qr/^(?:completed|200)$/, "invariant 19: create, $what: run again it is completed") or diag($again->{error} // $again->{content});
	$id = $again->{id} // $again->{json}{resource_id};
	is($whole->($id), "1 $version|20000", "invariant 19: create, $what: and whole");
	is(scalar(grep { $_->{name} eq $name } $b->list), 1, 'there is one of that name');
	is($b->delete($id), 'completed', 'it is deleted');
}

# Resets: the old data or the new ones
my $id = $b->create_ok('reset');
my $url = $b->url($id);
my $data = "$folder/$id/data";
my $last = $version;
foreach my $step ([ 'new data are cut', sub { -e "$data.next" } ], [ 'they are cut', sub { -e "$data.next/standby.signal" } ], [ 'the old ones are put aside', sub { -e "$data.old" } ], [ 'the new ones stand there', sub { -e "$data.old" && -e "$data/PG_VERSION" } ],
	[ 'the new ones are in place, and the server runs', sub { -e "$data.old" && -S $t->dir . '/run/' . substr($id, 0, 12) . '/.s.PGSQL.5432' } ],
	[ 'the old ones go', sub { -e "$data.next/old" } ])
{
	my ($what, $reached) = @$step;
	is($whole->($id), "1 $last|20000", 'before');
	$b->psql($id, 'DROP TABLE IF EXISTS mine', 'CREATE TABLE mine (i integer)');
	open(my $mark, '>', "$data/old") or die $!;    # what tells the old data from the new ones
	close $mark;
	$next->();
	is($t->http('POST', $b->base($id) . '/reset')->{status}, 202, "reset, killed when $what");
	note $kill_when->($reached) ? 'in time' : 'it was over before';
	$come_back->("reset, $what");
	my $now = $whole->($id);
	like($now, qr/^1 (?:$last|$version)\|20000$/, "invariant 19: reset, $what: the old data or the new ones, whole");
	my $mine = $b->psql($id, q(SELECT to_regclass('mine') IS NOT NULL));
	is($mine, $now eq "1 $last|20000" ? 't' : 'f', "invariant 19: reset, $what: and not some of both");
	note "reset, $what: " . ($mine eq 't' ? 'the old ones' : 'the new ones');
	is($b->row($id)->{branch_url} =~ s/verify-full/require/r, $url, 'at the same URL');
	$nothing_else->("reset, $what");
	is($b->act($id, 'reset'), 'completed', "invariant 19: reset, $what: run again it is completed") or diag($b->{error});
	is($whole->($id), "1 $version|20000", 'with the newest data');
	$last = $version;
}

# Suspend and resume
foreach my $word (qw(suspend resume))
{
	is($t->http('POST', $b->base($id) . "/$word")->{status}, 202, "$word, and killed");
	$t->environment->kill9;
	$come_back->($word);
	is($whole->($id), "1 $version|20000", "invariant 19: $word: it serves what it has");
	$nothing_else->($word);
}

# Deletions go on by themselves.
foreach my $step ([ 'it is asked for', sub { 1 } ], [ 'files go', sub { return !(-e "$_[0]/data/base/1" && -e "$_[0]/data/global/pg_control") } ], [ 'its data are gone', sub { !-e "$_[0]/data" } ])
{
	my ($what, $reached) = @$step;
	my $gone = $b->create_ok('deleted');
	my $port = $b->row($gone)->{port};
	is($t->http('DELETE', $b->base($gone))->{status}, 202, "delete, killed when $what");
	ok($kill_when->(sub { $reached->("$folder/$gone") }), 'in time');
	$t->start_environment;
	$t->wait_for("invariant 19: delete, $what: it goes on", sub { return $t->http('GET', $b->base($gone))->{status} == 404 });
	ok(!-e "$folder/$gone", "invariant 19: delete, $what: no file is left");
	ok(!$listens->($port), "invariant 19: delete, $what: and no port");
	$t->wait_with_agent('it streams', sub { return $t->status eq 'streaming' && $t->connector->{agent}{connected} });
	$nothing_else->("delete, $what");
}

# Two at once are one; another name or another wish is not.
my @both = ($b->ask('twice'), $b->ask('twice'));
is("$both[0]{status} $both[1]{status}", "202 202", 'two that ask for one branch');
is($both[0]{json}{operation_id}, $both[1]{json}{operation_id}, 'join one operation');
is($b->finished($both[0]{json}{operation_id})->{status}, 'completed', 'which is completed');
my $differs = $b->ask('twice', protect => JSON::PP::true);
is_deeply([ $differs->{status}, $differs->{json}{code} ], [ 409, 'branch_differs' ], 'another wish for the same name is told');
$differs = $b->ask('twice', requested_name => 'twi/ce');
is_deeply([ $differs->{status}, $differs->{json}{code} ], [ 409, 'name_taken' ], 'and so is another name that became it');

# Not of this environment: it stays, and is told.
my $stranger = "$folder/0123456789abcdef0123456789abcdef";
mkdir $stranger or die $!;
open(my $file, '>', "$stranger/kept") or die $!;
close $file;
$t->environment->stop;
$t->start_environment;
ok(-e "$stranger/kept", 'invariant 19: a folder that nobody knows is left alone');
like($t->environment->log_text, qr/\Q$stranger\E/, 'invariant 19: and reported');
$t->stop_all;
done_testing();
