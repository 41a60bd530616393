# SPDX-License-Identifier: PostgreSQL
# Invariant 20: the creation of a branch is refused in time: before there is a record, a file or a port of it, with what is to be done;
# deletion always works, whatever is exhausted.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IO::Socket::INET;
use Test::More;

my $t = Ardent::Test->new(name => 'refused_in_time', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 100) AS g;
SQL
my $b = Ardent::Branching->new($t);
my $id = $b->create_ok('one');
my $restart = sub {
	my (%settings) = @_;
	$t->environment->stop;
	$t->start_environment(%settings);
	$t->wait_with_agent('it streams', sub { return $t->status eq 'streaming' });
	return;
};
my $refused = sub {
	my ($what, $code, $words) = @_;
	my $answer = $b->ask('refused');
	is_deeply([ $answer->{status}, $answer->{json}{code} ], [ 422, $code ], "invariant 20: $what: refused") or diag($answer->{content});
	like($answer->{json}{detail}, $words, "invariant 20: $what: and says what to do");
	is(join(' ', map { $_->{name} } $b->list), 'one', "invariant 20: $what: no record");
	is(join(' ', map { m{([^/]+)$} } glob($t->dir . '/data/branches/*')), $id, "invariant 20: $what: no file");
	is($t->replica_psql(q(SELECT count(*) FROM pg_replication_slots)), '0', "invariant 20: $what: nothing of a cut");
	my ($exit, $said) = $t->cli('branch', 'create', 'refused', '--print-url');
	is($exit, 1, "invariant 20: $what: the command line exits with 1");
	like($said, $words, "invariant 20: $what: and shows it");
	return;
};
# What is there goes on, and goes.
my $deletable = sub {
	my ($what) = @_;
	is($b->psql($id, 'SELECT count(*) FROM item'), '100', "invariant 20: $what: the branch serves");
	is($b->delete($id), 'completed', "invariant 20: $what: it can be deleted");
	ok(!-e $b->directory($id), 'with its files');
	return;
};
my $anew = sub { my (%settings) = @_; $restart->(%settings); $id = $b->create_ok('one'); return };

$restart->('branch.reserve' => '100000GB');
$refused->('less free than the reserve', 'disk', qr/\d+ MB left.*branch\.reserve.*delete a branch, or make room/);
$deletable->('less free than the reserve');
$anew->('branch.reserve' => '1MB');

$restart->('branch.limit' => 1);
$refused->('as many as there may be', 'limit', qr/There are 1 branches.*branch\.limit.*delete one/);
$deletable->('as many as there may be');
$id = $b->create_ok('one');
$restart->('branch.limit' => 200);

my $port = $b->row($id)->{port};
my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReuseAddr => 1, LocalPort => $port + 1);
$restart->('branch.ports' => "$port-" . ($port + 1));
my $both = $taken ? 'one has another program' : 'one is taken by another program';
$refused->("no port is left, $both", 'limit', qr/Every port of branch\.ports is in use: delete a branch/);
close $taken if $taken;
my $second = $b->create_ok('second');
is($b->row($second)->{port}, $port + 1, 'a port that is free again is used');
is($b->delete($second), 'completed', 'and its branch goes');
$deletable->('no port is left');
$t->stop_all;
done_testing();
