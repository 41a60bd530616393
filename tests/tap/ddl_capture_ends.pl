# SPDX-License-Identifier: PostgreSQL
# Capture that goes away is seen, at the statement with which it went: the connector stops there and says why, also after a restart
# of the agent, and each way on that it names is one.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'ends', sql => 'CREATE TABLE public.t (id integer PRIMARY KEY)');
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
my $number = 0;
my $write = sub { ++$number; return $source->("INSERT INTO public.t VALUES ($number)") };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
ok($t->connector->{ddl}{capture}, 'capture is on');

sub fails
{
	my ($name, $sql, $pattern) = @_;
	$write->();
	$source->($sql);
	$write->();
	$t->wait_with_agent("$name: the connector has failed", sub { return $t->status eq 'failed' });
	my $failure = $t->connector->{failure};
	like($failure->{message}, $pattern, "$name: the connector stops and says why");
	ok($failure->{lsn}, "$name: and where");
	is($t->replica_psql('SELECT count(*) FROM public.t'), $number - 1, "$name: what came before is there, what came after not");
	return $failure;
}

sub goes_on
{
	my ($name) = @_;
	$t->wait_streaming;
	$t->wait_replayed;
	return $t->compare_ok($name, '--rows-only');
}

# Each way to switch it off. It goes on with capture on again, when nothing was changed meanwhile.
foreach my $case (
	[ 'switched off', 'SELECT ardent_ddl_capture(false)' ],
	[ 'in a savepoint that was taken back, and again', 'BEGIN; SAVEPOINT s; SELECT ardent_ddl_capture(false); ROLLBACK TO s; SELECT ardent_ddl_capture(false); COMMIT' ])
{
	my ($name, $sql) = @$case;
	my $failure = fails($name, $sql, qr/DDL capture ended at the source with this ALTER EVENT TRIGGER: DDL capture was switched off/);
	$t->agent->stop;
	$t->start_agent;
	$t->wait_with_agent('the agent is back', sub { return $t->connector->{agent}{connected} });
	is($t->status, 'failed', "$name: it is the same after a restart of the agent");
	$source->('SELECT ardent_ddl_capture(true)');
	$t->cli('connector', 'retry-setup', $database, '--skip-ddl', $failure->{lsn});
	goes_on("$name: on again, and this message left out");
	ok($t->connector->{ddl}{capture}, "$name: capture is on");
}
$source->('CREATE TABLE public.followed (id integer PRIMARY KEY)');
goes_on('statements are followed again');

# A session that has never met the extension alters an event trigger: the agent sees it within seconds.
foreach my $how ('!ardent_sql_drop" DISABLE', '!ardent_ddl_command_end" ENABLE')
{
	$source->("ALTER EVENT TRIGGER \"$how");
	$t->wait_with_agent("$how: the connector has failed", sub { return $t->status eq 'failed' }, 20);
	like($t->connector->{failure}{message}, qr/not captured any more: not all of the event triggers of DDL capture fire always/, "$how: is seen");
	$source->('SELECT ardent_ddl_capture(true)');
	$t->cli('connector', 'retry-setup', $database);
	goes_on("$how: goes on once it is mended");
}

# A transaction that was taken back says nothing.
$source->('BEGIN; SELECT ardent_ddl_capture(false); ROLLBACK');
$write->();
goes_on('a transaction that was taken back');

# Without capture from here on, as the operator says.
my $failure = fails('for good', 'SELECT ardent_ddl_capture(false, forget_keys => true)', qr/DDL capture was switched off/);
$t->cli('connector', 'retry-setup', $database, '--skip-ddl', $failure->{lsn});
goes_on('without capture, when the operator says so');
ok(!$t->connector->{ddl}{capture}, 'which is shown');
$source->('SELECT ardent_ddl_capture(true)');
$t->wait_for('capture that is on again is seen', sub { return $t->connector->{ddl}{capture} });

# The extension goes with its schema, as resets of test databases do it.
fails('DROP SCHEMA public CASCADE', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;'
	  . ' CREATE TABLE public.t (id integer PRIMARY KEY); CREATE TABLE public.beacon (id integer PRIMARY KEY, n bigint NOT NULL); INSERT INTO public.beacon VALUES (1, 0);'
	  . ' GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication',
	qr/DDL capture ended at the source with this DROP SCHEMA: the extension, or what DDL capture needs of it, was dropped/);
$t->cli('connector', 'retry-setup', $database);
$t->wait_with_agent('a retry meets it again', sub { return ($t->connector->{failure}{message} // '') =~ /not captured any more/ });
is($t->status, 'failed', 'as long as there is no capture, the connector does not say that it streams');
like($t->connector->{failure}{message}, qr/the extension ardent is not in the database/, 'but why it does not');
$source->('CREATE EXTENSION ardent; SELECT ardent_ddl_capture(true)');
$t->cli('connector', 'retry-setup', $database, '--resync');
$t->wait_for('the replica is made anew', sub { return $t->status eq 'streaming' && ($t->replica_try('SELECT count(*) FROM public.t') // '') eq '1' });
goes_on('after a resync');
ok($t->connector->{ddl}{capture}, 'with capture');

# A role that cannot read the key.
$source->('DROP USER MAPPING FOR ardent_replication SERVER ardent_ddl');
$t->wait_with_agent('the last key is gone', sub { return $t->status eq 'failed' });
like($t->connector->{failure}{message}, qr/DDL capture ended at the source with this DROP USER MAPPING/, 'the last user mapping with keys');
$t->stop_all;
done_testing();
