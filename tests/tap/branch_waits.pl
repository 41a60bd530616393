# SPDX-License-Identifier: PostgreSQL
# A branch is cut from a replica that is whole and current, or not at all: a creation and a reset wait some seconds for a connector
# that is about to stream or to have copied a table again, and are refused then, with the tables' names. With allow_stale the
# replica is taken as it is, and the branch says so. What is refused leaves nothing.
use strict;
use warnings;
use Ardent::Again;
use Ardent::Branching;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Ardent::Test->new(name => 'branch_waits', sql => <<'SQL');
CREATE TABLE public.item (id integer PRIMARY KEY, v text);
INSERT INTO public.item SELECT g, 'v' || g FROM generate_series(1, 1000) AS g;
CREATE TABLE public.other (id integer PRIMARY KEY, v text);
INSERT INTO public.other VALUES (1, 'before');
SQL
my $database = $Ardent::Test::database;
my $source = $t->source;
$source->safe_psql($database, 'SELECT ardent_ddl_capture(true)');
my $b = Ardent::Branching->new($t, 'environment.agent_timeout' => '15s');
my $kept = $b->create_ok('kept');
my $leaves_nothing = sub {
	my ($what) = @_;
	is(join(' ', map { $_->{name} } $b->list), 'kept', "$what: it leaves no row");
	is(join(' ', map { m{/([0-9a-f]+)$} } glob($t->dir . '/data/branches/*')), $kept, "$what: and no files");
};
my $refused = sub {
	my ($what, $code, $text, $answer, $seconds) = @_;
	is($answer->{status}, 422, "$what: refused") or diag($answer->{content});
	is($answer->{json}{code}, $code, "$what: $code") or diag($answer->{content});
	like($answer->{content}, $text, "$what: and says why");
	cmp_ok($seconds, '>=', 8, "$what: after it has waited");
	cmp_ok($seconds, '<', 25, "$what: but not for ever");
	return;
};
my $timed = sub { my $begun = time; my $answer = $_[0]->(); return ($answer, time - $begun) };
my $reset = sub { return $t->http('POST', $b->base($kept) . '/reset') };

# A table is being copied again, and somebody at the source keeps it locked.
my $locks = altered_and_locked($t, 'item', q(ALTER TABLE item ADD COLUMN x float8 DEFAULT random()));
$t->wait_for('the table waits for its copy', sub { return pending($t)->{'public.item'} });
$source->safe_psql($database, q(UPDATE other SET v = 'after'));
$refused->('a table is copied again', 'tables_copying', qr/public\.item/, $timed->(sub { return $b->ask('new') }));
$leaves_nothing->('a table is copied again');
$refused->('reset, a table is copied again', 'tables_copying', qr/public\.item/, $timed->($reset));
is($b->psql($kept, 'SELECT count(*) FROM item'), '1000', 'the branch is what it was');
my ($code, $said) = $t->cli('branch', 'create', 'new', '--print-url');
is($code, 1, 'the command line: exit 1');
like($said, qr/public\.item/, 'with the name of the table');
unlike($said, qr/postgresql:/, 'and no URL');
$t->wait_for('what was written beside it is in the replica', sub { return $t->replica_psql('SELECT v FROM other') eq 'after' });
my $stale = $b->create_ok('stale', allow_stale => JSON::PP::true);
my $row = $b->row($stale);
is($row->{warning}{type}, 'stale', 'allow_stale: a branch with a warning');
like($row->{warning}{message}, qr/not up to date: .*public\.item/, 'which names the table');
is($b->psql($stale, 'SELECT v FROM other'), 'after', 'allow_stale: it has what the replica has');
is($b->psql($stale, q(SELECT count(*) FROM pg_namespace WHERE nspname = 'ardent')), '0', 'allow_stale: and nothing of what was held');
($code, $said) = $t->cli('branch', 'info', 'stale');
like($said, qr/not up to date: .*public\.item/, 'ardent branch info says so');
is($b->delete($stale), 'completed', 'it is deleted');
# One that waits is served when the cause goes in time.
my $waiting = IPC::Run::start([ "$Ardent::Test::bin/ardent", 'branch', 'create', 'waited', '--print-url' ], '<', \undef, '>', \my $out, '2>', \my $err,
	init => sub { @ENV{qw(ARDENT_API_URL ARDENT_TOKEN HOME)} = ($t->url, $t->{admin_key}, $t->dir) });
$locks->run('ROLLBACK');
$waiting->finish;
like($out, qr/\Apostgresql:\S+\n\z/, 'a creation that waits is served once the table is copied') or diag($err);
my ($waited) = map { $_->{id} } grep { $_->{name} eq 'waited' } $b->list;
is($b->row($waited)->{warning}, undef, 'without a warning');
is($b->psql($waited, 'SELECT count(x) FROM item'), '1000', 'and has the table as it is at the source');
is($b->delete($waited), 'completed', 'it is deleted');
$locks->end;

# A statement makes the copy necessary between the look at the connector and the cut: here, one that nobody has told.
my $admin_sql = sub { return Ardent::Branching::run_psql('-d', $t->replica_admin, '-c', $_[0]) };
$admin_sql->(q(INSERT INTO ardent.copy_again (relation, why, since, ddl_xids) VALUES ('public.item'::regclass, 'a test', '0/1', '{1}')));
my $between = $b->create('between');
is($between->{status}, 'failed', 'invariant 17: a table comes to wait while the branch is cut: no branch');
like($between->{error}, qr/public\.item.*Wait until/s, 'with the table and the way on');
is($b->act($kept, 'reset'), 'failed', 'nor a reset');
like($b->{error}, qr/public\.item/, 'which says why');
is($b->psql($kept, 'SELECT count(*) FROM item'), '1000', 'and the branch is what it was');
$stale = $b->create_ok('stale', allow_stale => JSON::PP::true);
like($b->row($stale)->{warning}{message}, qr/public\.item/, 'allow_stale: with a warning');
is($b->delete($stale), 'completed', 'and deleted');
$admin_sql->('DELETE FROM ardent.copy_again');
$b->delete($_->{id}) foreach grep { $_->{name} eq 'between' } $b->list;
$leaves_nothing->('a table comes to wait while the branch is cut');

# No agent: the source may have changed.
$t->agent->stop;
$t->wait_for('the environment knows', sub { return !$t->connector->{agent}{connected} }, 120);
$source->safe_psql($database, q(UPDATE other SET v = 'nobody told'));
$refused->('no agent', 'connector_not_ready', qr/no agent is connected|connector is /, $timed->(sub { return $b->ask('new') }));
$leaves_nothing->('no agent');
$refused->('reset, no agent', 'connector_not_ready', qr/no agent is connected|connector is /, $timed->($reset));
$stale = $b->create_ok('stale', allow_stale => JSON::PP::true);
is($b->psql($stale, 'SELECT v FROM other'), 'after', 'allow_stale: the replica as it is');
like($b->row($stale)->{warning}{message}, qr/not up to date/, 'allow_stale: and says so');
# asked again it is the same branch, whatever the connector does
is_deeply([ @{ $b->ask('stale', allow_stale => JSON::PP::true) }{qw(status)} ], [200], 'what is there is given without an agent, too');
is($b->delete($stale), 'completed', 'and deleted');

# It comes back while somebody waits.
my $begun = time;
$t->start_agent;
my $made = $b->create('back');
is($made->{status}, 'completed', 'a creation waits for an agent that is about to come') or diag($made->{content} // $made->{error});
is($b->row($made->{id})->{warning}, undef, 'without a warning');
$t->stop_all;
done_testing();
