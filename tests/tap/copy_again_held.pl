# SPDX-License-Identifier: PostgreSQL
# While a table's copy is held back: nothing waits for it, its changes are held, DDL goes on, also on the table itself. What
# stands in the way is shown.
use strict;
use warnings;
use Ardent::Again;
use Ardent::Test;
use Test::More;
use Time::HiRes qw(time usleep);

my $t = Ardent::Test->new(name => 'copy_again_held', source_conf => "max_connections = 40\n", sql => <<'SQL');
CREATE TABLE hot (id integer PRIMARY KEY, v text);
INSERT INTO hot SELECT g, 'v' || g FROM generate_series(1, 2000) AS g;
CREATE TABLE other (id integer PRIMARY KEY, v text);
CREATE TABLE third (id integer PRIMARY KEY, hot integer REFERENCES hot);
CREATE TABLE doomed (id integer PRIMARY KEY, v text);
INSERT INTO doomed SELECT g, 'v' FROM generate_series(1, 100) AS g;
CREATE TABLE large (id integer PRIMARY KEY, v text);
CREATE TYPE mood AS ENUM ('low', 'high');
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $random = 'ADD COLUMN token uuid DEFAULT gen_random_uuid()';

# somebody has the table locked
my $locker = altered_and_locked($t, 'hot', "ALTER TABLE hot $random");
my $row = wait_pending($t, 'public.hot', qr/somebody at the source has the table locked/);
is($row->{state}, 'wanted', 'a table that somebody has locked waits');
like($row->{why}, qr/the default of column token calls gen_random_uuid/, 'and says why it has to be copied');
my ($code, $said) = $t->cli('connector', 'status', $database);
like($said, qr/copying again: public\.hot \(wanted, 0 changes held\): the default of column token/, 'status shows it');
like($t->http('GET', '/metrics')->{content}, qr/^ardent_tables_copied_again\{[^}]*\} 1$/m, 'and the metrics');
$source->(q(INSERT INTO other VALUES (1, 'meanwhile')));
$t->wait_caught_up;
is($t->replica_psql('SELECT v FROM other'), 'meanwhile', 'another table is not delayed');
my ($seen, $longest, $deadline) = (0, 0, time + 60);
while ($seen < 5 && time < $deadline)
{
	my $waits = $source->(q(SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0) FROM pg_stat_activity
		WHERE application_name = 'ardent-agent copy again' AND wait_event_type = 'Lock'));
	++$seen if $waits > 0;
	$longest = $waits if $waits > $longest;
}
cmp_ok($seen, '>=', 5, 'its lock was seen waiting');
cmp_ok($longest, '<', 2, 'and never for long');
$locker->run('COMMIT');
$locker->end;
wait_no_pending($t, 'the lock is gone');
$t->wait_caught_up;
$t->compare_ok('after the lock');

# a right is gone: changes are held, DDL goes on
$source->('REVOKE SELECT ON hot, doomed FROM ardent_replication');
my $writer = start_writer($t, 'hot', 'other');
$source->("ALTER TABLE hot ADD COLUMN r float8 DEFAULT random(); ALTER TABLE doomed $random");
wait_pending($t, 'public.hot', qr/permission denied for table hot/);
$t->wait_with_agent('changes are held', sub { return pending($t)->{'public.hot'}{held_changes} > 50 });
my ($equal, $compared) = $t->compare;
ok(!$equal, 'the table differs meanwhile') or diag($compared);
like($compared, qr/public\.hot .* is being copied again/, 'and compare says that it is being copied');
$source->('ALTER TABLE other ADD COLUMN more integer DEFAULT 5');
$t->wait_caught_up;
$source->('ALTER TABLE hot ADD COLUMN w integer DEFAULT 5');
$source->('ALTER TABLE hot ADD COLUMN nn text; UPDATE hot SET nn = v');
$source->(q(ALTER TABLE hot ALTER COLUMN nn SET DEFAULT 'n'));
$source->(q(UPDATE hot SET nn = 'n' WHERE nn IS NULL; ALTER TABLE hot ALTER COLUMN nn SET NOT NULL));
$t->wait_caught_up(120);
is($t->status, 'streaming', 'a constraint that the rows of before do not meet stops nothing');
$source->('ALTER TABLE hot ADD COLUMN m mood');
$source->(q(UPDATE hot SET m = 'low' WHERE id < 100; ALTER TYPE mood RENAME VALUE 'low' TO 'lowest'));
$source->('ALTER TABLE hot ADD COLUMN again float8 DEFAULT random()');
$source->('TRUNCATE other; INSERT INTO third VALUES (1, NULL), (2, NULL)');
$source->(q(INSERT INTO doomed SELECT g, 'w' FROM generate_series(101, 200) AS g));
$t->wait_caught_up(120);
ok(pending($t)->{'public.doomed'}, 'both tables wait');
$source->('DROP TABLE doomed');
$t->wait_caught_up(120);
is(join(' ', sort keys %{ pending($t) }), 'public.hot', 'a table that is dropped waits no more');
is($t->replica_psql('SELECT count(DISTINCT relation) FROM ardent.held'), 1, 'nor do its changes');
stop_writer($writer);
$source->('ALTER TABLE hot RENAME TO warm; UPDATE warm SET v = v || v WHERE id % 7 = 0');
$t->wait_caught_up(120);
is(join(' ', sort keys %{ pending($t) }), 'public.warm', 'one that is renamed goes on under its new name');
$source->('BEGIN; TRUNCATE warm, third; COMMIT');
$source->(q(INSERT INTO warm (id, v, nn) VALUES (1, 'after', 'n'), (2, 'after', 'n')));
$t->wait_caught_up(120);
is($t->replica_psql('SELECT count(*) FROM third'), 0, 'a TRUNCATE that names a held table empties the others');
my $before = $t->replica_psql('SELECT count(*) FROM ardent.held');
cmp_ok($before, '>', 100, "$before changes are held");
$source->('GRANT SELECT ON warm TO ardent_replication');
wait_no_pending($t, 'the right is back');
$t->wait_caught_up;
$t->compare_ok('after the right is back');
is($t->replica_psql('SELECT count(*) FROM ardent.held'), 0, 'no change is held any more');

# what the snapshot does not show is applied from what was held: rows written while the copy is under way
$source->(q(INSERT INTO large
	SELECT g, (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 20) WHERE g > 0) FROM generate_series(1, 60000) AS g));
$t->wait_caught_up(120);
$writer = start_writer($t, 'large', 'warm');
copy_in_progress($t, 'large', sub {
	$t->environment->signal('STOP');    # so that it lasts
	return 1 if $source->(q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ardent-agent copy again' AND query LIKE 'COPY%'
		AND state = 'active')) eq '1';
	$t->environment->signal('CONT');
	return 0;
});
# nor does a copy under way keep anybody out
my $wants = session($t);
my $begun = time;
$wants->run('BEGIN; LOCK TABLE large IN ACCESS EXCLUSIVE MODE; COMMIT');
cmp_ok(time - $begun, '<', 15, 'invariant 15: who wants the table gets it while it is copied');
$t->wait_for('the agent says so', sub { return $t->agent->log_text =~ /somebody at the source waited for the table/ });
$t->environment->signal('CONT');
wait_no_pending($t, 'changes beside the copy');
stop_writer($writer);
$t->wait_caught_up(120);
$t->compare_ok('after changes beside the copy');
$t->stop_all;
done_testing();
