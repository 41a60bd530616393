# SPDX-License-Identifier: PostgreSQL
# Invariant 22: code of the source that a replica still runs while rows are applied, the function of an index here, has the
# rights of its table's owner alone, learns nothing, and nothing of what it leaves behind reaches the rows that follow.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

# Each attempt is the column `what` of a row; hidden.loot says how it ended in the replica. At the source nothing is tried.
my $setup = <<'SQL';
CREATE SCHEMA hidden;
CREATE TABLE hidden.loot (what text, ended text);
CREATE TABLE payroll (id integer PRIMARY KEY, salary integer);
CREATE TABLE exact (id integer PRIMARY KEY, i interval, a text[], d date, m text, n name);
CREATE TABLE keeps (id integer PRIMARY KEY, n integer);
CREATE FUNCTION hidden.attempt(what text) RETURNS integer LANGUAGE plpgsql VOLATILE AS $f$
DECLARE
    ended text;
    other text;
BEGIN
    BEGIN
        EXECUTE what INTO ended;
        GET DIAGNOSTICS other = PG_CONTEXT;
        ended := COALESCE(ended, 'done');
    EXCEPTION WHEN OTHERS THEN
        ended := SQLSTATE || ' ' || SQLERRM;
        GET STACKED DIAGNOSTICS other = PG_EXCEPTION_CONTEXT;
    END;
    INSERT INTO hidden.loot VALUES (what, ended), ('context', other);
    RETURN 1;
END $f$;
CREATE FUNCTION hidden.entry(what text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $f$
BEGIN
    IF session_user = 'ardent_apply' THEN
        PERFORM hidden.attempt(what);
    END IF;
    RETURN 1;
END $f$;
CREATE TABLE poisoned (id integer PRIMARY KEY, what text, a text[]);
CREATE INDEX poisoned_entry ON poisoned (hidden.entry(what));
INSERT INTO payroll VALUES (1, 1000);
SQL
my $t = Ardent::Apply->new(name => 'foreign', setup => $setup);
$t->{node}->safe_psql('rep', <<'SQL');
CREATE ROLE other NOLOGIN;
GRANT other TO ardent_apply;
ALTER TABLE payroll OWNER TO other;
GRANT USAGE ON SCHEMA hidden TO owner;
GRANT INSERT, SELECT ON hidden.loot TO owner;
SQL

my $id = 0;
# The statement is tried while its row is written; rows of another table follow in the same transaction.
sub attempt
{
	my ($what) = @_;
	++$id;
	$t->source("BEGIN; INSERT INTO poisoned VALUES ($id, \$what\$$what\$what\$);"
		  . " INSERT INTO exact VALUES ($id, '-1 day 2 hours', '{a,NULL}', '2026-02-01', 'Zoë', 'x'); COMMIT");
	$t->applied_ok($t->segments, "invariant 22: applied: $what");
	return join("\n", $t->replica("SELECT DISTINCT ended FROM hidden.loot WHERE what = \$what\$$what\$what\$"));
}

is(attempt('SELECT current_user'), 'owner', 'invariant 22: the code has the table owner\'s rights');
like(attempt($_), qr/^42501 /, "invariant 22: refused: $_") foreach
  'UPDATE payroll SET salary = 999999',
  'SELECT salary FROM payroll',
  q(UPDATE ardent.progress SET system_identifier = '666'),
  'SELECT hash FROM ardent.writer',
  q(SELECT set_config('role', 'other', false)),
  q(SELECT set_config('session_authorization', 'other', false)),
  q(SELECT set_config('session_replication_role', 'origin', false)),
  'SET ROLE other',
  'CREATE TEMPORARY TABLE mine (id integer)',
  q(DECLARE held CURSOR WITH HOLD FOR SELECT 1),
  'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = \'ardent_apply\'',
  q(SELECT ardent.write_rows('\x00', 'payroll'::regclass, '', '{}', '{}', '\x')),
  q(SELECT ardent.advance_progress('\x00', '0/0', now(), '0/0', 1));
is($t->replica('SELECT salary FROM payroll'), '1000', 'invariant 22: the other owner\'s row is what it was');

# Another session's statement is tried in the open transaction's own words.
my $other = attempt(q(SELECT string_agg(query, '; ') FROM pg_stat_activity WHERE usename = 'ardent_apply'));
unlike($other, qr/\\x[0-9a-f]{64}/, 'invariant 22: pg_stat_activity tells it no secret');
my @secret = split /\n/, $t->replica(q(SELECT DISTINCT ended FROM hidden.loot WHERE what = 'context'));
cmp_ok(scalar(@secret), '>', 0, 'it could ask for its context');
unlike(join("\n", @secret), qr/write_rows|unnamed portal|\\x[0-9a-f]{40}/i, 'invariant 22: which tells nothing of who called');

# What is set in a session is put back before another row, and in the next transaction too.
attempt($_) foreach map { "SELECT set_config('$_->[0]', '$_->[1]', false)" }
  [ client_encoding => 'LATIN1' ], [ IntervalStyle => 'sql_standard' ], [ array_nulls => 'off' ], [ DateStyle => 'SQL, DMY' ],
  [ search_path => 'nowhere' ], [ statement_timeout => '1' ], [ default_transaction_read_only => 'on' ], [ synchronous_commit => 'off' ],
  [ standard_conforming_strings => 'off' ], [ bytea_output => 'escape' ], [ lock_timeout => '1' ];
is(attempt(q(SELECT concat_ws(' ', current_setting('client_encoding'), current_setting('IntervalStyle'), current_setting('array_nulls'),
	current_setting('DateStyle'), current_setting('statement_timeout'), current_setting('synchronous_commit')))),
	'UTF8 postgres on ISO, YMD 0 on', 'invariant 22: settings are what they are for every row');
# Changes of rows are read one behind the other: what the first one's function sets is there when the next one's value is read.
$id += 2;
my ($one, $two) = ($id - 1, $id);
$t->source("INSERT INTO poisoned VALUES ($one, 'SELECT 1'), ($two, 'SELECT 1')");
$t->applied_ok($t->segments, 'invariant 22: two rows');
$t->source("UPDATE poisoned SET what = \$x\$SELECT set_config('array_nulls', 'off', false)\$x\$, a = '{a,NULL}' WHERE id IN ($one, $two)");
$t->applied_ok($t->segments, 'invariant 22: what the first row sets');
is($t->replica("SELECT count(*) FROM poisoned WHERE id IN ($one, $two) AND a[2] IS NULL"), '2', 'invariant 22: is gone before the second one is read');
attempt('DEALLOCATE ALL');
attempt('DISCARD PLANS');

# The lock by which one session alone writes. Code of the source gives it back and waits; a second session becomes the one that
# writes; the first commits nothing more.
my $gate = $t->{node}->background_psql('rep');
$gate->query_safe('SELECT pg_advisory_lock(7)');
++$id;
$t->source("INSERT INTO poisoned VALUES ($id, 'SELECT pg_advisory_unlock_all(), pg_advisory_lock_shared(7)')");
my $file = $t->segments;
my $waiting = sub {
	my ($type, $count) = @_;
	return $t->{node}->poll_query_until('rep', "SELECT count(*) = $count FROM pg_stat_activity WHERE usename = 'ardent_apply' AND wait_event = '$type'");
};
my ($first, $second) = map { { output => '' } } 1 .. 2;
my $begin = sub { $_[0]{run} = IPC::Run::start([ "$ENV{ARDENT_BIN}/apply_driver", $t->apply_command($file) ], '<', \undef, '>&', \$_[0]{output}) };
$begin->($first);
$waiting->('advisory', 1) or die 'the first session does not wait';
$begin->($second);
$waiting->('transactionid', 1) or die 'the second session does not wait for the first one\'s row';
$gate->query_safe('SELECT pg_advisory_unlock(7)');
$_->{succeeded} = IPC::Run::finish($_->{run}) foreach $first, $second;
ok(!$first->{succeeded}, 'invariant 22: a session whose lock was given back does not commit beside another');
like($first->{output}, qr/another session has become the one that writes/, 'invariant 22: and says why');
ok($second->{succeeded}, 'invariant 22: the other one does') or diag($second->{output});
$gate->quit;
attempt('SELECT 1');
is($t->replica("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'invariant 22: no lock is left when the session has ended');

# Rows that its code adds to a table of its owner stay the replica's own business; constraint triggers do not fire as ardent_apply.
$t->{node}->safe_psql('rep', <<'SQL');
CREATE TABLE hidden.traps (who text);
CREATE TABLE hidden.bait (id integer);
CREATE FUNCTION hidden.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hidden.traps VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON hidden.bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hidden.trap();
ALTER TABLE hidden.bait ENABLE ALWAYS TRIGGER late;
ALTER TABLE hidden.bait OWNER TO owner;
ALTER TABLE hidden.traps OWNER TO owner;
GRANT INSERT ON hidden.traps TO PUBLIC; GRANT USAGE ON SCHEMA hidden TO PUBLIC;
SQL
like(attempt('INSERT INTO hidden.bait VALUES (1)'), qr/deferred trigger within security-restricted/, 'invariant 22: a deferred trigger cannot wait for our commit');
is($t->replica('SELECT count(*) FROM hidden.traps'), '0', 'invariant 22: and has not run');

$t->replica('DROP TABLE hidden.loot, hidden.bait, hidden.traps');
$t->source('UPDATE exact SET m = m || 1 WHERE id % 2 = 0; DELETE FROM exact WHERE id % 7 = 0');
$t->applied_ok($t->segments, 'changes after all this');
$t->equal_ok('invariant 22: after every attempt');
done_testing();
