# SPDX-License-Identifier: PostgreSQL
# branch_sql: scripts that run once in each new branch, before anybody can connect to it. One that fails means no branch, and
# tells where and why, without a literal and without a row.
use strict;
use warnings;
use Ardent::Hooks;
use Ardent::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time usleep);

my $h = Ardent::Hooks->new(name => 'branch_hooks', settings => { 'branch.suspend_after' => '3s', 'branch.hook_timeout' => '20s' }, sql => <<'SQL');
CREATE ROLE app;
CREATE TABLE public.users (id serial PRIMARY KEY, email text, ssn text UNIQUE);
INSERT INTO public.users (email, ssn) SELECT 'real' || g || '@example.com', 'row-value-' || g FROM generate_series(1, 100) AS g;
ALTER TABLE public.users OWNER TO app;
GRANT CREATE ON SCHEMA public TO app;
CREATE TABLE public.did (n serial PRIMARY KEY, what text, who text, place text);
SQL
my $t = $h->t;
my $settings = "/v1/connectors/$t->{connector}/settings";
my $note = sub { return "INSERT INTO public.did (what, who, place) VALUES ('$_[0]', current_user, current_database());" };

# None: nothing changes.
my $plain = $h->create_ok('plain');
is_deeply([ @{ $h->row($plain) }{qw(hooks masked_ready_at)} ], [ [], undef ], 'without a hook nothing is said of one');
is_deeply([ grep { $_ eq 'hooks' } map { $_->{name} } @{ $h->row($plain)->{steps} } ], [], 'and it is no step');

# Order, roles, databases. The file is the command line's.
my $mask = $t->write_file('mask.sql', <<"SQL");
-- no addresses; of anybody
UPDATE users SET email = 'user' || id || '\@example.invalid;';
@{[ $note->('mask') ]}
SQL
$h->set_ok('branch_sql', "\@$mask", '--hook', 'mask', '--order', 5);
$h->set_ok('branch_sql', 'CREATE DATABASE side; ' . $note->('first'), '--hook', 'z-first', '--order', -1);
$h->set_ok('branch_sql', 'CREATE TABLE by_app (i integer); GRANT SELECT ON by_app TO PUBLIC;', '--hook', 'as-app', '--run-as', 'app');
$h->set_ok('branch_sql', 'CREATE TABLE here AS SELECT current_database() AS d, current_user AS u', '--hook', 'in-side', '--database', 'side');
$h->set_ok('branch_sql', $note->('also 5'), '--hook', 'a', '--order', 5);
my $one = $h->create_ok('one');
is($h->psql($one, q(SELECT string_agg(what, ', ' ORDER BY n) FROM did)), 'first, also 5, mask', 'in their order, and by name where that is the same');
is($h->psql($one, q(SELECT count(*) FROM users WHERE email LIKE '%@example.invalid;')), '100', 'nobody ever saw an address');
my $row = $h->row($one);
is_deeply([ map { $_->{name} } @{ $row->{hooks} } ], [ 'z-first', 'as-app', 'in-side', 'a', 'mask' ], 'the branch says which ran');
ok(!(grep { $_->{ms} !~ /^\d+$/ } @{ $row->{hooks} }), 'and how long');
is($row->{steps}[-1]{name}, 'hooks', 'all of them are a step');
like($row->{masked_ready_at}, qr/^\d{4}-\d\d-\d\dT/, 'and when they had ended');
is($h->psql($one, q(SELECT DISTINCT who = session_user FROM did)), 't', "they ran as the branch's own role");
is($h->psql($one, q(SELECT rolsuper FROM pg_roles WHERE rolname = (SELECT DISTINCT who FROM did))), 'f', 'which is no superuser');
is($h->psql($one, q(SELECT tableowner FROM pg_tables WHERE tablename = 'by_app')), 'app', '--run-as');
is(Ardent::Hooks::run_psql($h->url($one) =~ s{/\w+\?}{/side?}r, 'SELECT d FROM here'), 'side', '--database, which an earlier hook made');
my ($code, $said) = $t->cli('branch', 'info', 'one');
like($said, qr/^  Hooks:   z-first \d+ ms, as-app \d+ ms, /m, 'branch info tells them');
is($t->replica_psql(q(SELECT count(*) FROM users WHERE email LIKE 'real%')), '100', 'the replica knows nothing of it');

# Once for each branch: not at a resume, not after a restart. (nhost/cli 298 and a note of TheExGenesis/community-archive 668: seeds
# that are run again over the same branch, or not run for a new one.)
is($h->act($one, 'suspend')->{status}, 'completed', 'suspended');
is($h->psql($one, 'SELECT count(*) FROM did'), '3', 'a hook does not run again when the branch wakes');
is($t->environment->stop, 0, 'the environment ends');
$t->start_environment;
$t->wait_streaming;
is($h->psql($one, 'SELECT count(*) FROM did'), '3', 'nor after a restart of the environment, which keeps them');
is(scalar(@{ $h->row($h->create_ok('two'))->{hooks} }), 5, 'the next branch has them too');

# A reset makes new data: they run there, and what was in the branch is gone.
$t->source->safe_psql($Ardent::Test::database, q(INSERT INTO users (email, ssn) VALUES ('real101@example.com', 'row-value-101')));
$t->wait_caught_up;
my $before = $h->row($one);
$h->psql($one, 'CREATE TABLE mine (i integer)');
is($h->act($one, 'reset')->{status}, 'completed', 'reset');
is($h->psql($one, q(SELECT count(*) FROM users WHERE email LIKE '%@example.invalid;')), '101', 'a reset runs them on the new data');
is($h->psql($one, q(SELECT to_regclass('mine') IS NULL)), 't', 'which are new');
isnt($h->row($one)->{masked_ready_at}, $before->{masked_ready_at}, 'and says when');

# One that fails at a reset: the branch is what it was.
$h->psql($one, 'CREATE TABLE mine (i integer); INSERT INTO mine VALUES (7)');
$before = $h->row($one);
$h->set_ok('branch_sql', "SELECT 1;\n\nSELECT 1/0", '--hook', 'z-late', '--order', 99);
my $reset = $h->act($one, 'reset');
is($reset->{status}, 'failed', 'a hook that fails at a reset');
like($reset->{error}, qr/^hook z-late, statement 2 \(line 3\): .*division by zero.*22012/, 'is told');
is($h->psql($one, 'SELECT i FROM mine'), '7', 'the branch serves what it had');
is_deeply([ @{ $h->row($one) }{qw(status branch_url data_as_of hooks masked_ready_at)} ],
	[ @$before{qw(status branch_url data_as_of hooks masked_ready_at)} ], 'and is what it was');
$h->delete_branch($_) foreach $one, $plain;

# Failures, without what was written or stored.
$h->clear;
my $fails = sub {
	my ($name, $sql, $pattern, @secrets) = @_;
	$h->set_ok('branch_sql', $sql);
	my $made = $h->create_fails($name, $pattern);
	unlike($made->{error}, qr/\Q$_\E/, "'$_' is not told") foreach @secrets;
	return;
};
$fails->('duplicate', q(INSERT INTO users (email, ssn) VALUES ('lit-eral', 'row-value-7')), qr/^hook default, statement 1 \(line 1\): .*users_ssn_key.*SQLSTATE 23505/, 'lit-eral', 'row-value-7');
$fails->('not-null', q(UPDATE users SET id = NULL WHERE ssn = 'row-value-8'), qr/23502/, 'row-value-8', 'real8@');
$fails->('syntax', qq(SELECT 1;\nCREATE ROLE x PASSWORD 'hunter2' LOGIN 'what'), qr/statement 2 \(line 2\): syntax error \(SQLSTATE 42601\)/, 'hunter2', 'what');
$fails->('unknown', q(SELECT 'hunter2'::regclass), qr/42P01/, 'hunter2');
$fails->('raised', q(DO $$ BEGIN RAISE EXCEPTION 'mail of %', (SELECT email FROM users WHERE id = 9); END $$), qr/raised an exception/, 'real9@', 'mail of');
$fails->('number', q(SELECT 'real12'::integer), qr/22P02/, 'real12');
unlike($t->environment->log_text, qr/hunter2|lit-eral|row-value|real\d+@|mail of/, "nor is any of it in the environment's log");
($code, $said) = $t->cli('branch', 'create', 'number');
is($code, 1, 'the command line ends with 1');
like($said, qr/^✗ branch 'number' was not created: hook default, statement 1 \(line 1\): .*22P02/m, 'and shows the same');
unlike($said, qr/postgresql:|real12/, 'no URL, no literal');

# No way out, and no way up.
$fails->('program', q(COPY (SELECT 1) TO PROGRAM 'touch /tmp/hooked'), qr/permission denied|must be superuser/);
$fails->('file', q(SELECT pg_read_file('/etc/passwd')), qr/permission denied.*42501/);
$fails->('super', q(SET ROLE ardent_admin), qr/permission denied|42501/);
$fails->('session', q(SET SESSION AUTHORIZATION ardent_admin), qr/permission denied|42501/);
my ($superuser) = split /\n/, $t->source->safe_psql('postgres', 'SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid');
$h->set_refused('a superuser of the source', qr/run_as: role \S+ is a superuser at the source/, 'branch_sql', 'SELECT 1', '--run-as', $superuser);
$h->set_refused("a role of the environment's", qr/run_as: role ardent_admin is the server's or the environment's own/, 'branch_sql', 'SELECT 1', '--run-as', 'ardent_admin');
$h->set_refused('a predefined role', qr/run_as: role pg_execute/, 'branch_sql', 'SELECT 1', '--run-as', 'pg_execute_server_program');
$h->set_ok('branch_sql', 'SELECT 1', '--run-as', 'nobody-there');
$h->create_fails('nobody', qr/^hook default: there is no role nobody-there in the branch/);
$h->set_ok('branch_sql', 'SELECT 1', '--no-run-as', '--database', 'nowhere');
$h->create_fails('nowhere', qr/^hook default: .*database "nowhere" does not exist/);

# What is no script.
$h->clear;
$h->set_refused('a command of psql', qr/line 2 has a command of psql \(\\copy\): a hook is SQL alone/, 'branch_sql', "SELECT 1;\n\\copy t from f");
$h->set_refused('a dump with its data', qr/use INSERT/, 'branch_sql', "COPY did FROM stdin;\n1\ta\n\\.\n");
$h->set_refused('a comment alone', qr/no statement/, 'branch_sql', '/* nothing */');
is($h->call('PUT', "$settings/branch_sql", { value => "SELECT 1\0" })->{status}, 422, 'a null character');
is($h->call('PUT', "$settings/branch_sql", { value => 'SELECT 1', order => 1.5 })->{status}, 422, 'an order that is no whole number');
is($h->call('PUT', "$settings/branch_sql", { value => 'SELECT 1', hook => 'a b' })->{status}, 422, 'a name that is none');
is($h->call('PUT', "$settings/branch_sql", { value => 'SELECT 1;' . (' ' x 1_048_576) })->{status}, 422, 'a script that is too long');
is($h->call('PUT', "$settings/other", { value => 'x' })->{status}, 404, 'a key that is none');
is($h->call('PUT', '/v1/connectors/none/settings/default_db', { value => 'x' })->{status}, 404, 'a connector that is none');
is_deeply($h->call('GET', $settings)->{json}{settings}[1]{hooks}, [], 'nothing of these is kept');
$fails->('stdin', 'COPY did FROM STDIN', qr/^hook default, statement 1 \(line 1\): a COPY from or to the client/);
$fails->('stdout', 'COPY users TO STDOUT', qr/a COPY from or to the client/);
$fails->('open', "BEGIN;\nUPDATE users SET email = NULL;", qr/^hook default: it ends inside of a transaction that it began: COMMIT is missing/);
$fails->('broken', 'SELECT pg_terminate_backend(pg_backend_pid())', qr/^hook default, statement 1/);

# Time: of the whole script, whatever it sets.
$t->environment->stop;
$t->start_environment('branch.hook_timeout' => '2s');
$t->wait_streaming;
my $began = time;
$fails->('slow', "SET statement_timeout = 0;\nSELECT pg_sleep(600)", qr/statement 2 \(line 2\): it did not end within 2 s, which is the time of a hook \(branch\.hook_timeout\)/);
$fails->('slow-many', join("\n", 'SET statement_timeout = 0;', ('SELECT pg_sleep(0.5);') x 100), qr/statement \d+ .*it did not end within 2 s/);
$fails->('endless', 'SELECT i FROM generate_series(1, 1e15::bigint) AS i', qr/it did not end within 2 s/);
cmp_ok(time - $began, '<', 60, 'and nobody waits for longer');
$t->environment->stop;
$t->start_environment('branch.hook_timeout' => '60s');
$t->wait_streaming;

# What psql takes a hook takes: supabase/cli 2898 (concurrent indexes), 610, 4746, 5020, 6562 (function bodies), 277 (a long seed
# that failed silently).
my $atomic = Ardent::Test::major() >= 14 ? <<'SQL' : '';
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) AS pending FROM users; SELECT CASE WHEN true THEN 101 END::bigint AS end; END;
SQL
$h->set_ok('branch_sql', '@' . $t->write_file('many.sql', <<"SQL"));
CREATE INDEX CONCURRENTLY by_email ON users (email); VACUUM users;
CREATE TABLE atomic_test (id integer); ${atomic}CREATE FUNCTION fn_atomic() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RETURN 'a;b'; END; \$\$;
BEGIN; INSERT INTO atomic_test VALUES (0); COMMIT;
SET standard_conforming_strings = off; SET escape_string_warning = off;
SELECT 'it\\'s; not two'; SET standard_conforming_strings = on;
CREATE TABLE many (i integer);
@{[ join "\n", map { "INSERT INTO many VALUES ($_);" } 1 .. 10_000 ]}
SQL
my $many = $h->create_ok('many');
is($h->psql($many, 'SELECT count(*), sum(i) FROM many'), '10000|50005000', 'every one of ten thousand statements');
is($h->psql($many, q(SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_email'::regclass)), 't', 'an index that is built concurrently');
is($h->psql($many, 'SELECT fn_atomic()'), 'a;b', 'bodies of functions');
is($h->psql($many, 'SELECT total()'), '101', 'also of BEGIN ATOMIC') if $atomic;

# Rows that come back are thrown away: the environment keeps none of them.
my $peak = sub { return $t->environment->peak_kb / 1024 };
my $was = $peak->();
$h->set_ok('branch_sql', q(SELECT repeat('x', 1000) FROM generate_series(1, 400000)));
$h->delete_branch($h->create_ok('talkative'));
cmp_ok($peak->() - $was, '<', 100, '400 MB of rows cost the environment nothing');

# Long hooks hold up nobody: a branch that sleeps wakes, the replica goes on, and the environment ends.
$t->wait_for('the branch sleeps', sub { return $h->row($many)->{state} eq 'suspended' });
$h->set_ok('branch_sql', 'SELECT pg_sleep(50)');
my @long = map { $h->post_create("long-$_") } 1 .. 9;
$h->wait_for_statement($long[0]{resource_id}, 'pg_sleep');
like($h->row($long[0]{resource_id})->{status}, qr/^creating$/, 'a branch whose hook runs is not there yet');
is($h->row($long[0]{resource_id})->{branch_url}, undef, 'and has no URL');
$h->closed_ok($long[0]{resource_id}, 'while its hook runs');
is($h->inside($long[0]{resource_id}, 'SHOW fsync'), 'off', 'it is made without flushing');
is_deeply($h->row($long[0]{resource_id})->{durable}, JSON::PP::false, 'and not called durable');
my @waiting = map { $h->begin_wait($long[$_ % 9]{operation_id}) } 1 .. 30;
my $longest = 0;
foreach (1 .. 8)
{
	$began = time;
	is($h->call('GET', '/v1/connectors')->{status}, 200, 'thirty who wait for them hold up no other call');
	$longest = time - $began if time - $began > $longest;
	usleep(250_000);
}
cmp_ok($longest, '<', 2, 'nor make it wait');
$_->kill_kill foreach @waiting;
is($h->psql($many, 'SELECT count(*) FROM many'), '10000', 'one that sleeps wakes while nine hooks run');
is(($h->answers_at($h->row($many)->{port}))[1], 'S', 'and answers at its port');
$t->source->safe_psql($Ardent::Test::database, q(INSERT INTO users (email) VALUES ('late')));
$t->wait_caught_up;
is($t->replica_psql(q(SELECT count(*) FROM users WHERE email = 'late')), '1', 'the replica goes on');
$began = time;
is($t->environment->stop, 0, 'the environment ends in the middle of them');
cmp_ok(time - $began, '<', 40, 'without waiting for them');
$t->start_environment;
is_deeply([ map { $h->row($_->{resource_id})->{status} } @long ], [ ('failed') x 9 ], 'and no branch is made of them');
$t->stop_all;
done_testing();
