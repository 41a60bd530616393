# SPDX-License-Identifier: PostgreSQL
# A carried schema gets another name and its old one back, or another one takes its place: rows are sent by the schema's name, so
# what was written under the other one is copied again, or the connector says that the replica has to be made anew.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'names', schemas => [ 'public', 'app' ], sql => <<'SQL');
CREATE SCHEMA app;
CREATE TABLE app.t (id integer PRIMARY KEY);
INSERT INTO app.t VALUES (1);
CREATE SCHEMA next;
CREATE TABLE next.t (id integer PRIMARY KEY);
INSERT INTO next.t VALUES (100);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;

$source->('ALTER SCHEMA app RENAME TO app_old; INSERT INTO app_old.t VALUES (2); ALTER SCHEMA app_old RENAME TO app; INSERT INTO app.t VALUES (3)');
$t->wait_replayed;
$t->wait_for('what was written under the other name is here', sub { return $t->replica_try('SELECT count(*) FROM app.t') eq '3' });
$t->compare_ok('there and back');

$source->('ALTER SCHEMA app RENAME TO app_old');
$t->wait_replayed;
like(join("\n", @{ $t->connector->{warnings} }), qr/schema app of the source is called app_old there now/, 'a name that is gone is said');
$source->('ALTER SCHEMA next RENAME TO app');
$t->wait_with_agent('the connector has failed', sub { return $t->status eq 'failed' });
my $failure = $t->connector->{failure};
like($failure->{message}, qr/schema next of the source is called app there now.*has none of its tables/, 'another schema in its place stops the connector');
like($failure->{hint}, qr/retry-setup --resync/, 'with the way on');
$source->('GRANT USAGE ON SCHEMA app TO ardent_replication; GRANT SELECT ON ALL TABLES IN SCHEMA app TO ardent_replication');
$t->cli('connector', 'retry-setup', $database, '--resync');
$t->wait_for('the replica is made anew', sub { return ($t->replica_try('SELECT id FROM app.t') // '') eq '100' });
$t->wait_streaming;
$t->wait_replayed;
$t->compare_ok('after the resync');
$t->stop_all;
done_testing();
