# SPDX-License-Identifier: PostgreSQL
# What is not replayed as its text says: roles and tablespaces that the replica does not have, subscriptions, foreign servers, user
# mappings, IMPORT FOREIGN SCHEMA, materialized views, ardent itself. With secrets in the statements, of which none arrives here.
use strict;
use warnings;
use Ardent::Test;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'ddl_kinds', schemas => [ 'public', 'far' ], sql => <<'SQL');
CREATE SCHEMA far;
CREATE TABLE fact (id integer PRIMARY KEY, v text);
INSERT INTO fact SELECT g, 'v' || g FROM generate_series(1, 20) AS g;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $log = sub { return $t->{environment}->log_text };

# roles
$source->(q(CREATE ROLE reporter LOGIN SUPERUSER PASSWORD 'role secret'; CREATE ROLE "Odd Role" LOGIN; CREATE ROLE owner_to_be LOGIN));
$source->(q(GRANT SELECT ON fact TO reporter, "Odd Role"; CREATE TABLE owned (id integer PRIMARY KEY); ALTER TABLE owned OWNER TO owner_to_be;
	CREATE POLICY theirs ON fact TO reporter USING (true)));
$source->(q(SET ROLE reporter; CREATE TABLE made_by_reporter (id integer PRIMARY KEY); INSERT INTO made_by_reporter VALUES (1)));
$t->wait_replayed;
is($t->replica_psql(q(SELECT string_agg(rolname || ' ' || rolcanlogin || ' ' || rolsuper, ', ' ORDER BY rolname COLLATE "C") FROM pg_roles WHERE rolname IN ('reporter', 'Odd Role', 'owner_to_be'))),
	'Odd Role false false, owner_to_be false false, reporter false false', 'roles that the replica does not have are made NOLOGIN, and no superusers');
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE relname = 'made_by_reporter')), 'reporter', 'what they make is theirs');

# tablespaces
mkdir $t->source->basedir . '/space';
$source->(q(CREATE TABLESPACE space LOCATION ') . $t->source->basedir . q(/space'));
$source->(q(CREATE TABLE spaced (id integer PRIMARY KEY USING INDEX TABLESPACE space, v text) WITH (fillfactor = 70) TABLESPACE space));
$source->(q(INSERT INTO spaced VALUES (1, 'x'); CREATE INDEX spaced_v ON spaced (v) TABLESPACE space; ALTER TABLE fact SET TABLESPACE space;
	ALTER TABLE fact ADD COLUMN w integer, SET TABLESPACE pg_default; ALTER TABLE ALL IN TABLESPACE space SET TABLESPACE pg_default));
$source->(q(SET default_tablespace = space; CREATE TABLE by_default (id integer PRIMARY KEY)));
$t->wait_replayed;
is($t->replica_psql(q(SELECT reloptions FROM pg_class WHERE relname = 'spaced')), '{fillfactor=70}', 'storage parameters that exist are kept');
is($t->replica_psql(q(SELECT count(*) FROM pg_class WHERE relname IN ('spaced', 'spaced_v', 'spaced_pkey', 'by_default') AND reltablespace = 0)), 4,
	'a tablespace that the replica does not have is taken out of the statement');
like($log->(), qr/DDL replayed.*tag="CREATE TABLE" note="there is no tablespace space here/, 'with a note');
like($log->(), qr/DDL replayed.*tag="ALTER TABLE" note="there is no tablespace space here"/, 'also when that is all there is to it');

# subscriptions: recorded, and nothing else
$source->(q(CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere dbname=nowhere password=subscription_secret' PUBLICATION pub WITH (connect = false, slot_name = NONE, enabled = false)));
$source->(q(ALTER SUBSCRIPTION sub CONNECTION 'host=nowhere dbname=elsewhere password=subscription_secret'; ALTER SUBSCRIPTION sub RENAME TO sub2; DROP SUBSCRIPTION sub2));
$source->('CREATE PUBLICATION pub FOR TABLE fact; DROP PUBLICATION pub');
$t->wait_replayed;
is($t->replica_psql('SELECT (SELECT count(*) FROM pg_stat_subscription) + (SELECT count(*) FROM pg_publication)'), 0, 'no subscription and no publication is made');
like($log->(), qr/DDL left out.*tag="$_ SUBSCRIPTION" note="a replica has none of these"/, "$_ SUBSCRIPTION is recorded only") foreach qw(CREATE ALTER DROP);

# foreign servers, user mappings, IMPORT FOREIGN SCHEMA
my $here = 'host ' . "'" . $t->source->host . "', port '" . $t->source->port . "', dbname '$database'";
$source->("CREATE EXTENSION postgres_fdw; CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($here)");
$source->(q(CREATE USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (user 'postgres', password 'mapping secret')));
$source->(q(CREATE FOREIGN TABLE one_by_one (id integer NOT NULL, v text COLLATE "C") SERVER self OPTIONS (table_name 'fact')));
$source->(q(IMPORT FOREIGN SCHEMA public LIMIT TO (fact, spaced) FROM SERVER self INTO far));
$source->(q(ALTER SERVER self OPTIONS (SET host 'elsewhere'); ALTER USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (SET password 'mapping secret'); ALTER SERVER self RENAME TO renamed));
$t->wait_replayed;
is($t->replica_psql(q(SELECT string_agg(srvname || ' ' || coalesce(srvoptions::text, 'none') || ' ' || fdwname || ' ' || fdwhandler::oid, ', ') FROM pg_foreign_server JOIN pg_foreign_data_wrapper AS w ON w.oid = srvfdw)),
	'renamed none ardent_inert 0', 'a foreign server is made without options, on a wrapper that calls nobody');
is($t->replica_psql('SELECT count(*) FROM pg_user_mappings'), 0, 'a user mapping is not made');
is($t->replica_psql(q(SELECT string_agg(c.oid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY c.oid::regclass::text, attnum)
	FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 WHERE relkind = 'f')),
	'far.fact id integer, far.fact v text, far.fact w integer, far.spaced id integer, far.spaced v text, one_by_one id integer, one_by_one v text',
	'IMPORT FOREIGN SCHEMA makes the tables of the message');
is($t->replica_try('SELECT count(*) FROM far.fact'), undef, 'a foreign table calls nobody');
like($t->{replica_error}, qr/has no handler/, 'for its wrapper has no handler');

# materialized views are computed here, at their place in the stream
$source->(q(BEGIN; INSERT INTO fact VALUES (100, 'before'); CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM fact; INSERT INTO fact VALUES (101, 'after'); COMMIT));
$t->wait_replayed;
is($t->replica_psql('SELECT n FROM counted'), 21, 'CREATE MATERIALIZED VIEW is computed from the rows at that point');
$source->(q(BEGIN; REFRESH MATERIALIZED VIEW counted; DELETE FROM fact WHERE id > 99; COMMIT));
$t->wait_replayed;
is($t->replica_psql('SELECT n FROM counted'), 22, 'REFRESH MATERIALIZED VIEW too');
my ($equal, $said) = $t->compare('--rows-only');
ok($equal, 'the data is equal') or diag($said);
like($said, qr/^ *public\.counted +materialized view: computed in the replica, not compared$/m, 'and compare says what of a materialized view');

# ardent itself
$source->('ALTER EXTENSION ardent UPDATE; COMMENT ON EXTENSION ardent IS $$ours$$; GRANT SELECT ON ardent_slots TO reporter');
$t->wait_replayed;
is($t->replica_psql(q(SELECT count(*) FROM pg_extension WHERE extname = 'ardent')), 0, 'ardent itself is not in the replica');

# nothing secret came along
my $dump = '';
IPC::Run::run([ 'pg_dumpall', '-d', $t->replica_admin =~ s/ dbname=\S+//r ], '>', \$dump) or die 'pg_dumpall';
unlike($dump . $log->() . encode_text($t->connector), qr/(?:role|subscription|mapping)[ _]secret/, 'no secret is in the replica, the log or the status');
like($dump, qr/CREATE TABLE public\.spaced/, 'which were looked at');
$t->schema_ok('the same schema otherwise', without => qr/(?:SERVER|USER MAPPING|FOREIGN TABLE|FOREIGN DATA WRAPPER|EXTENSION)/);
$t->stop_all;
done_testing();

sub encode_text { return JSON::PP->new->encode($_[0]); }
