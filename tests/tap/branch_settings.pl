# SPDX-License-Identifier: PostgreSQL
# default_db and branch_role: which database a branch's URL names, and as whom its sessions begin; settings that are kept with
# their connector, and a kill in the middle of a hook.
use strict;
use warnings;
use Ardent::Hooks;
use Ardent::Test;
use IO::Socket::INET;
use Test::More;

my $h = Ardent::Hooks->new(name => 'branch_settings', sql => <<'SQL');
CREATE ROLE app;
CREATE ROLE passing;
CREATE TABLE public.of_passing (id integer PRIMARY KEY);
ALTER TABLE public.of_passing OWNER TO passing;
CREATE TABLE public.item (id serial PRIMARY KEY, v text);
INSERT INTO public.item (v) SELECT 'v' || g FROM generate_series(1, 1000) AS g;
ALTER TABLE public.item OWNER TO app;
CREATE TABLE public.hidden (id integer PRIMARY KEY);
GRANT CREATE ON SCHEMA public TO app;
SQL
my $t = $h->t;
my $database = $Ardent::Test::database;
my $settings = "/v1/connectors/$t->{connector}/settings";

# default_db
$h->set_ok('default_db', 'elsewhere');
$h->create_fails('no-such', qr/^the branch has no database elsewhere to connect to, .*There are: .*\b$database\b.*ardent settings set default_db NAME.*hook/);
$h->set_ok('branch_sql', 'CREATE DATABASE elsewhere');
my $other = $h->create_ok('other');
like($h->row($other)->{branch_url}, qr{/elsewhere\?}, 'the URL names the database that a hook made');
is($h->row($other)->{database}, 'elsewhere', 'and so does the row');
is($h->psql($other, 'SELECT current_database()'), 'elsewhere', 'where one is connected to');
my ($code, $said) = $t->cli('branch', 'info', 'other', '--print-url');
like($said, qr{/elsewhere\?}, 'branch info');
is($code, 0, 'which the command line believes');
$h->clear;
is($h->act($other, 'reset')->{status}, 'failed', 'a reset whose data have no such database');
like($h->row($other)->{branch_url}, qr{/elsewhere\?}, 'leaves the URL what it is');
is($h->psql($other, 'SELECT current_database()'), 'elsewhere', 'and the branch');
$h->set_ok('branch_sql', 'CREATE DATABASE elsewhere');
$h->set_ok('default_db', $database);
is($h->act($other, 'reset')->{status}, 'completed', 'a reset with another default_db');
like($h->row($other)->{branch_url}, qr{/elsewhere\?}, 'keeps the URL: it is of new branches');
$h->delete_branch($other);
$h->set_ok('branch_sql', qq(ALTER DATABASE "$database" RENAME TO gone), '--database', 'template1');
$h->create_fails('renamed', qr/^the branch has no database \Q$database\E/);
$h->clear;

# branch_role
$h->set_refused('a role that the replica has not', qr/branch_role: the replica has no role nobody-there/, 'branch_role', 'nobody-there');
$h->set_refused('a predefined one', qr/branch_role: role pg_monitor is the server's/, 'branch_role', 'pg_monitor');
$h->set_refused("one of the environment's", qr/branch_role: role ardent_apply/, 'branch_role', 'ardent_apply');
my ($superuser) = split /\n/, $t->source->safe_psql('postgres', 'SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid');
$h->set_refused('a superuser of the source', qr/branch_role: role \S+ is a superuser at the source/, 'branch_role', $superuser);
is_deeply($h->call('GET', $settings)->{json}{settings}[2]{value}, undef, 'none of these is kept');
$h->set_ok('branch_role', 'app');
$h->set_ok('branch_sql', 'CREATE TABLE of_hook AS SELECT current_user AS u, session_user AS s; SELECT count(*) FROM hidden;');
my $branch = $h->create_ok('roles');
my $own = $h->row($branch)->{user};
is($h->psql($branch, 'SELECT current_user, session_user'), "app|$own", 'a session begins as branch_role');
is($h->psql($branch, q(CREATE TABLE made (i serial)), q(SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname LIKE 'made%')), 'app',
	'what it makes belongs to whom it would in production');
is($h->psql($branch, q(INSERT INTO item (v) VALUES ('mine') RETURNING id)), '1001', 'the sequences stand behind the rows');
is($h->psql($branch, 'SET ROLE NONE', 'SELECT current_user'), $own, "SET ROLE NONE gives back the branch's role");
is($h->psql($branch, 'SET ROLE NONE', 'CREATE ROLE another', 'SELECT count(*) FROM hidden'), '0', 'with its rights');
is($h->psql($branch, 'SET ROLE NONE', 'RESET ROLE', 'SELECT current_user'), 'app', 'RESET ROLE is what the session began with');
is($h->psql($branch, 'SET ROLE NONE', 'SELECT u = s, u FROM of_hook'), "t|$own", "a hook runs as the branch's own role all the same");
$t->wait_for('it is durable', sub { return $h->row($branch)->{durable} });
is($h->act($branch, 'suspend')->{status}, 'completed', 'it is suspended');
is($h->psql($branch, 'SELECT current_user'), 'app', 'wakes as the same');
$t->source->safe_psql($database, q(INSERT INTO item (v) VALUES ('new')));
$t->wait_caught_up;
is($h->act($branch, 'reset')->{status}, 'completed', 'and is reset');
is($h->psql($branch, q(SELECT count(*) FROM item), q(SELECT current_user)), "1001\napp", 'with the newest data, as the same');
is($h->psql($branch, q(INSERT INTO item (v) VALUES ('mine') RETURNING id)), '1002', 'whose sequences stand behind the rows too');
$h->clear;
is($h->act($branch, 'reset')->{status}, 'completed', 'a reset after branch_role was removed');
is($h->psql($branch, 'SELECT current_user'), $own, "begins as the branch's own role");

# A role that goes away between `set` and `create`.
$h->set_ok('branch_role', 'passing');
is(Ardent::Hooks::run_psql($t->replica_admin, 'REASSIGN OWNED BY passing TO app', 'DROP OWNED BY passing', 'DROP ROLE passing'), '', 'a role goes');
$h->create_fails('passed', qr/^branch_role is passing, and the replica has no such role.*ardent settings remove branch_role/);
$h->clear;

# A kill in the middle of a hook: nobody ever gets the branch.
$h->set_ok('branch_sql', 'UPDATE item SET v = NULL; SELECT pg_sleep(120); UPDATE item SET v = 0;');
my $killed = $h->post_create('killed')->{resource_id};
$h->wait_for_statement($killed, 'pg_sleep');
my $port = $h->row($killed)->{port};
$t->environment->kill9;
$t->start_environment;
is_deeply([ @{ $h->row($killed) }{qw(status branch_url)} ], [ 'failed', undef ], 'the branch has failed');
like($h->row($killed)->{failure}, qr/the environment ended while the branch was made/, 'and says why');
ok(!-e $t->dir . "/data/branches/$killed", 'nothing is left of it');
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), 'nor of its port');
$t->wait_streaming;
$h->psql($branch, 'CREATE TABLE mine (i integer)');
is($h->call('POST', "/v1/branches/$t->{connector}/$branch/reset")->{status}, 202, 'a kill in the middle of the hook of a reset');
$h->wait_for_statement($branch, 'pg_sleep');
$h->closed_ok($branch, 'while the hook of its reset runs');
$t->environment->kill9;
$t->start_environment;
is($h->row($branch)->{status}, 'active', 'the branch is there');
is($h->psql($branch, q(SELECT count(v) > 0, to_regclass('mine') FROM item)), 't|mine', 'and serves what it had');
$t->wait_streaming;
$h->clear;
$h->create_ok('killed');

# They go with their connector.
$h->set_ok('default_db', $database);
$h->set_ok('branch_sql', 'SELECT 1');
my $state = sub { return Ardent::Hooks::run_psql('host=' . $t->dir . '/run/state port=5432 user=ardent_admin dbname=environment', 'SELECT count(*) FROM environment.connector_setting') };
is($state->(), '2', 'settings are in the state');
$h->delete_branch($_->{id}) foreach grep { $_->{status} eq 'active' } @{ $h->call('GET', "/v1/branches/$t->{connector}")->{json} };
$t->agent->stop;
my $removal = $h->call('DELETE', "/v1/connectors/$t->{connector}");
is($h->wait_operation($removal->{json}{operation_id})->{status}, 'completed', 'the connector is removed');
is($state->(), '0', 'and its settings with it');
is($h->call('GET', $settings)->{status}, 404, 'nobody is told any more');
$t->stop_all;
done_testing();
