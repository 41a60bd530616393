# SPDX-License-Identifier: PostgreSQL
# Every command tag for which this server fires event triggers, by the server's own list: a statement of that tag leaves
# one message, with its text and its object. A tag without a case fails.
use strict;
use warnings;
use Ardent::Ddl;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_replication_slots = 4\nmax_wal_senders = 4\nfsync = off\n");
$node->start;
my ($major) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;

# A label provider for SECURITY LABEL, which no package brings.
my $module = $node->basedir . '/label.so';
append_to_file("$module.c", <<'C');
#include "postgres.h"
#include "commands/seclabel.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
static void accept_label(const ObjectAddress *object, const char *label) {}
void _PG_init(void);
void _PG_init(void) { register_label_provider("test", accept_label); }
C
chomp(my $headers = qx(pg_config --includedir-server));
is(system('cc', '-shared', '-fPIC', '-w', "-I$headers", '-o', $module, "$module.c"), 0, 'the label provider is built');

$node->safe_psql('postgres', q(CREATE ROLE r;
	CREATE TABLE t (id integer PRIMARY KEY, n integer, v text);
	CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE PUBLICATION everything FOR ALL TABLES));
my $ddl = Ardent::Ddl->new($node, 'postgres', schema => 'tools');

# Statements that are drained out of the slot before the one that is looked at; that one; what its object is called.
my $fdw = 'CREATE FOREIGN DATA WRAPPER w';
my $server = "$fdw; CREATE SERVER s FOREIGN DATA WRAPPER w";
my $class = 'CREATE OPERATOR CLASS oc FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(integer, integer)';
my $parser = 'CREATE TEXT SEARCH PARSER tp (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)';
my $template = 'CREATE TEXT SEARCH TEMPLATE tt (INIT = dsimple_init, LEXIZE = dsimple_lexize)';
my $transform = 'CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal))';
my $subscription = q(CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE));
my $aggregate = 'CREATE AGGREGATE a(integer) (SFUNC = int4pl, STYPE = integer)';
my $language = 'CREATE LANGUAGE l HANDLER plpgsql_call_handler';
my $operator = 'CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)';
my $procedure = q(CREATE PROCEDURE pr() LANGUAGE sql AS '');
my $function = q(CREATE FUNCTION fn() RETURNS integer LANGUAGE sql AS 'SELECT 1');
my %cases = (
	'ALTER AGGREGATE' => [ $aggregate, 'ALTER AGGREGATE a(integer) RENAME TO a2', 'public.a2(integer)' ],
	'ALTER COLLATION' => [ 'CREATE COLLATION c FROM "C"', 'ALTER COLLATION c RENAME TO c2', 'public.c2' ],
	'ALTER CONVERSION' => [ q(CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8), 'ALTER CONVERSION c RENAME TO c2', 'public.c2' ],
	'ALTER DEFAULT PRIVILEGES' => [ '', 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r', undef ],
	'ALTER DOMAIN' => [ 'CREATE DOMAIN d AS integer', 'ALTER DOMAIN d SET DEFAULT 1', 'public.d' ],
	'ALTER EXTENSION' => [ 'CREATE EXTENSION hstore', 'ALTER EXTENSION hstore SET SCHEMA pg_catalog', 'hstore' ],
	'ALTER FOREIGN DATA WRAPPER' => [ $fdw, 'ALTER FOREIGN DATA WRAPPER w OPTIONS (a \'b\')', 'w' ],
	'ALTER FOREIGN TABLE' => [ "$server; CREATE FOREIGN TABLE ft (id integer) SERVER s", 'ALTER FOREIGN TABLE ft ADD COLUMN n integer', 'public.ft' ],
	'ALTER FUNCTION' => [ $function, 'ALTER FUNCTION fn() STABLE', 'public.fn()' ],
	'ALTER INDEX' => [ '', 'ALTER INDEX t_pkey RENAME TO t_key', 'public.t_key' ],
	'ALTER LANGUAGE' => [ $language, 'ALTER LANGUAGE l RENAME TO l2', 'l2' ],
	'ALTER LARGE OBJECT' => [ 'SELECT lo_create(4711)', 'ALTER LARGE OBJECT 4711 OWNER TO r', '4711' ],
	'ALTER MATERIALIZED VIEW' => [ 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS x', 'ALTER MATERIALIZED VIEW m RENAME COLUMN x TO y', 'public.m.y' ],
	'ALTER OPERATOR' => [ $operator, 'ALTER OPERATOR === (integer, integer) OWNER TO r', 'public.===(integer,integer)' ],
	'ALTER OPERATOR CLASS' => [ $class, 'ALTER OPERATOR CLASS oc USING btree RENAME TO oc2', 'public.oc2 USING btree' ],
	'ALTER OPERATOR FAMILY' => [ 'CREATE OPERATOR FAMILY of USING btree', 'ALTER OPERATOR FAMILY of USING btree ADD OPERATOR 1 < (integer, integer)', 'public.of USING btree' ],
	'ALTER POLICY' => [ 'CREATE POLICY po ON t', 'ALTER POLICY po ON t USING (true)', 'po on public.t' ],
	'ALTER PROCEDURE' => [ $procedure, 'ALTER PROCEDURE pr() SECURITY DEFINER', 'public.pr()' ],
	'ALTER PUBLICATION' => [ 'CREATE PUBLICATION p', 'ALTER PUBLICATION p ADD TABLE t', 'public.t in publication p' ],
	'ALTER ROUTINE' => [ $function, 'ALTER ROUTINE fn() STABLE', 'public.fn()' ],
	'ALTER RULE' => [ 'CREATE RULE ru AS ON INSERT TO t DO NOTHING', 'ALTER RULE ru ON t RENAME TO ru2', 'ru2 on public.t' ],
	'ALTER SCHEMA' => [ 'CREATE SCHEMA sc', 'ALTER SCHEMA sc RENAME TO sc2', 'sc2' ],
	'ALTER SEQUENCE' => [ 'CREATE SEQUENCE sq', 'ALTER SEQUENCE sq INCREMENT 2', 'public.sq' ],
	'ALTER SERVER' => [ $server, q(ALTER SERVER s VERSION '2'), 's' ],
	'ALTER STATISTICS' => [ 'CREATE STATISTICS st ON id, n FROM t', 'ALTER STATISTICS st SET STATISTICS 5', 'public.st' ],
	'ALTER SUBSCRIPTION' => [ $subscription, 'ALTER SUBSCRIPTION sub SET (synchronous_commit = local)', 'sub' ],
	'ALTER TABLE' => [ '', 'ALTER TABLE t ADD COLUMN x integer', 'public.t' ],
	'ALTER TEXT SEARCH CONFIGURATION' => [ 'CREATE TEXT SEARCH CONFIGURATION tc (COPY = simple)', 'ALTER TEXT SEARCH CONFIGURATION tc DROP MAPPING FOR email', 'public.tc' ],
	'ALTER TEXT SEARCH DICTIONARY' => [ 'CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple)', 'ALTER TEXT SEARCH DICTIONARY td (accept = false)', 'public.td' ],
	'ALTER TEXT SEARCH PARSER' => [ $parser, 'ALTER TEXT SEARCH PARSER tp RENAME TO tp2', 'public.tp2' ],
	'ALTER TEXT SEARCH TEMPLATE' => [ $template, 'ALTER TEXT SEARCH TEMPLATE tt RENAME TO tt2', 'public.tt2' ],
	'ALTER TRIGGER' => [ 'CREATE TRIGGER tr AFTER INSERT ON t EXECUTE FUNCTION f()', 'ALTER TRIGGER tr ON t RENAME TO tr2', 'tr2 on public.t' ],
	'ALTER TYPE' => [ q(CREATE TYPE en AS ENUM ('a')), q(ALTER TYPE en ADD VALUE 'b'), 'public.en' ],
	'ALTER USER MAPPING' => [ "$server; CREATE USER MAPPING FOR r SERVER s", q(ALTER USER MAPPING FOR r SERVER s OPTIONS ("user" 'u')), 'r on server s' ],
	'ALTER VIEW' => [ 'CREATE VIEW vw AS SELECT 1 AS x', 'ALTER VIEW vw RENAME TO vw2', 'public.vw2' ],
	'COMMENT' => [ '', q(COMMENT ON TABLE t IS 'c'), 'public.t' ],
	'CREATE ACCESS METHOD' => [ '', 'CREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler', 'am' ],
	'CREATE AGGREGATE' => [ '', $aggregate, 'public.a(integer)' ],
	'CREATE CAST' => [ '', 'CREATE CAST (t AS text) WITH INOUT', '(public.t AS pg_catalog.text)' ],
	'CREATE COLLATION' => [ '', 'CREATE COLLATION c FROM "C"', 'public.c' ],
	'CREATE CONVERSION' => [ '', q(CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8), 'public.c' ],
	'CREATE DOMAIN' => [ '', 'CREATE DOMAIN d AS integer', 'public.d' ],
	'CREATE EXTENSION' => [ '', 'CREATE EXTENSION citext', 'citext' ],
	'CREATE FOREIGN DATA WRAPPER' => [ '', $fdw, 'w' ],
	'CREATE FOREIGN TABLE' => [ $server, 'CREATE FOREIGN TABLE ft (id integer) SERVER s', 'public.ft' ],
	'CREATE FUNCTION' => [ '', $function, 'public.fn()' ],
	'CREATE INDEX' => [ '', 'CREATE INDEX ix ON t (n)', 'public.ix' ],
	'CREATE LANGUAGE' => [ '', $language, 'l' ],
	'CREATE MATERIALIZED VIEW' => [ '', 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS x', 'public.m' ],
	'CREATE OPERATOR' => [ '', $operator, 'public.===(integer,integer)' ],
	'CREATE OPERATOR CLASS' => [ '', $class, 'public.oc USING btree' ],
	'CREATE OPERATOR FAMILY' => [ '', 'CREATE OPERATOR FAMILY of USING btree', 'public.of USING btree' ],
	'CREATE POLICY' => [ '', 'CREATE POLICY po ON t', 'po on public.t' ],
	'CREATE PROCEDURE' => [ '', $procedure, 'public.pr()' ],
	'CREATE PUBLICATION' => [ '', 'CREATE PUBLICATION p', 'p' ],
	'CREATE RULE' => [ '', 'CREATE RULE ru AS ON INSERT TO t DO NOTHING', 'ru on public.t' ],
	'CREATE SCHEMA' => [ '', 'CREATE SCHEMA sc', 'sc' ],
	'CREATE SEQUENCE' => [ '', 'CREATE SEQUENCE sq', 'public.sq' ],
	'CREATE SERVER' => [ $fdw, 'CREATE SERVER s FOREIGN DATA WRAPPER w', 's' ],
	'CREATE STATISTICS' => [ '', 'CREATE STATISTICS st ON id, n FROM t', 'public.st' ],
	'CREATE SUBSCRIPTION' => [ '', $subscription, 'sub', $subscription =~ s/'dbname=none'/'***'/r ],
	'CREATE TABLE' => [ '', 'CREATE TABLE n (id integer)', 'public.n' ],
	'CREATE TABLE AS' => [ '', 'CREATE TABLE n AS SELECT 1 AS x', 'public.n' ],
	'CREATE TEXT SEARCH CONFIGURATION' => [ '', 'CREATE TEXT SEARCH CONFIGURATION tc (COPY = simple)', 'public.tc' ],
	'CREATE TEXT SEARCH DICTIONARY' => [ '', 'CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple)', 'public.td' ],
	'CREATE TEXT SEARCH PARSER' => [ '', $parser, 'public.tp' ],
	'CREATE TEXT SEARCH TEMPLATE' => [ '', $template, 'public.tt' ],
	'CREATE TRANSFORM' => [ '', $transform, qr/^for integer (on )?language sql$/ ],
	'CREATE TRIGGER' => [ '', 'CREATE TRIGGER tr AFTER INSERT ON t EXECUTE FUNCTION f()', 'tr on public.t' ],
	'CREATE TYPE' => [ '', 'CREATE TYPE ct AS (a integer)', 'public.ct' ],
	'CREATE USER MAPPING' => [ $server, 'CREATE USER MAPPING FOR r SERVER s', 'r on server s' ],
	'CREATE VIEW' => [ '', 'CREATE VIEW vw AS SELECT 1 AS x', 'public.vw' ],
	'DROP ACCESS METHOD' => [ 'CREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler', 'DROP ACCESS METHOD am', 'am' ],
	'DROP AGGREGATE' => [ $aggregate, 'DROP AGGREGATE a(integer)', 'public.a(integer)' ],
	'DROP CAST' => [ 'CREATE CAST (t AS text) WITH INOUT', 'DROP CAST (t AS text)', '(public.t AS pg_catalog.text)' ],
	'DROP COLLATION' => [ 'CREATE COLLATION c FROM "C"', 'DROP COLLATION c', 'public.c' ],
	'DROP CONVERSION' => [ q(CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8), 'DROP CONVERSION c', 'public.c' ],
	'DROP DOMAIN' => [ 'CREATE DOMAIN d AS integer', 'DROP DOMAIN d', 'public.d' ],
	'DROP EXTENSION' => [ 'CREATE EXTENSION citext', 'DROP EXTENSION citext', 'citext' ],
	'DROP FOREIGN DATA WRAPPER' => [ $fdw, 'DROP FOREIGN DATA WRAPPER w', 'w' ],
	'DROP FOREIGN TABLE' => [ "$server; CREATE FOREIGN TABLE ft (id integer) SERVER s", 'DROP FOREIGN TABLE ft', 'public.ft' ],
	'DROP FUNCTION' => [ $function, 'DROP FUNCTION fn()', 'public.fn()' ],
	'DROP INDEX' => [ 'CREATE INDEX ix ON t (n)', 'DROP INDEX ix', 'public.ix' ],
	'DROP LANGUAGE' => [ $language, 'DROP LANGUAGE l', 'l' ],
	'DROP MATERIALIZED VIEW' => [ 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS x', 'DROP MATERIALIZED VIEW m', 'public.m' ],
	'DROP OPERATOR' => [ $operator, 'DROP OPERATOR === (integer, integer)', 'public.===(integer,integer)' ],
	'DROP OPERATOR CLASS' => [ $class, 'DROP OPERATOR CLASS oc USING btree', 'public.oc USING btree' ],
	'DROP OPERATOR FAMILY' => [ 'CREATE OPERATOR FAMILY of USING btree', 'DROP OPERATOR FAMILY of USING btree', 'public.of USING btree' ],
	'DROP OWNED' => [ 'CREATE TABLE n (id integer); ALTER TABLE n OWNER TO r', 'DROP OWNED BY r', 'public.n' ],
	'DROP POLICY' => [ 'CREATE POLICY po ON t', 'DROP POLICY po ON t', 'po on public.t' ],
	'DROP PROCEDURE' => [ $procedure, 'DROP PROCEDURE pr()', 'public.pr()' ],
	'DROP PUBLICATION' => [ 'CREATE PUBLICATION p', 'DROP PUBLICATION p', 'p' ],
	'DROP ROUTINE' => [ $function, 'DROP ROUTINE fn()', 'public.fn()' ],
	'DROP RULE' => [ 'CREATE RULE ru AS ON INSERT TO t DO NOTHING', 'DROP RULE ru ON t', 'ru on public.t' ],
	'DROP SCHEMA' => [ 'CREATE SCHEMA sc', 'DROP SCHEMA sc', 'sc' ],
	'DROP SEQUENCE' => [ 'CREATE SEQUENCE sq', 'DROP SEQUENCE sq', 'public.sq' ],
	'DROP SERVER' => [ $server, 'DROP SERVER s', 's' ],
	'DROP STATISTICS' => [ 'CREATE STATISTICS st ON id, n FROM t', 'DROP STATISTICS st', 'public.st' ],
	'DROP SUBSCRIPTION' => [ $subscription, 'DROP SUBSCRIPTION sub', 'sub' ],
	'DROP TABLE' => [ 'CREATE TABLE n (id integer)', 'DROP TABLE n', 'public.n' ],
	'DROP TEXT SEARCH CONFIGURATION' => [ 'CREATE TEXT SEARCH CONFIGURATION tc (COPY = simple)', 'DROP TEXT SEARCH CONFIGURATION tc', 'public.tc' ],
	'DROP TEXT SEARCH DICTIONARY' => [ 'CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple)', 'DROP TEXT SEARCH DICTIONARY td', 'public.td' ],
	'DROP TEXT SEARCH PARSER' => [ $parser, 'DROP TEXT SEARCH PARSER tp', 'public.tp' ],
	'DROP TEXT SEARCH TEMPLATE' => [ $template, 'DROP TEXT SEARCH TEMPLATE tt', 'public.tt' ],
	'DROP TRANSFORM' => [ $transform, 'DROP TRANSFORM FOR integer LANGUAGE sql', qr/^for integer (on )?language sql$/ ],
	'DROP TRIGGER' => [ 'CREATE TRIGGER tr AFTER INSERT ON t EXECUTE FUNCTION f()', 'DROP TRIGGER tr ON t', 'tr on public.t' ],
	'DROP TYPE' => [ 'CREATE TYPE ct AS (a integer)', 'DROP TYPE ct', 'public.ct' ],
	'DROP USER MAPPING' => [ "$server; CREATE USER MAPPING FOR r SERVER s", 'DROP USER MAPPING FOR r SERVER s', 'r on server s' ],
	'DROP VIEW' => [ 'CREATE VIEW vw AS SELECT 1 AS x', 'DROP VIEW vw', 'public.vw' ],
	'GRANT' => [ '', 'GRANT SELECT ON t TO r', 'public.t' ],
	'IMPORT FOREIGN SCHEMA' => [ 'CREATE EXTENSION postgres_fdw; CREATE SCHEMA far; CREATE TABLE far.imported (id integer); CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host \''
		  . $node->host . "', port '" . $node->port . "', dbname 'postgres'); CREATE USER MAPPING FOR CURRENT_USER SERVER loop",
		'IMPORT FOREIGN SCHEMA far FROM SERVER loop INTO public', 'public.imported' ],
	'REFRESH MATERIALIZED VIEW' => [ 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS x', 'REFRESH MATERIALIZED VIEW m', 'public.m' ],
	'REINDEX' => [ '', 'REINDEX TABLE t', 'public.t_pkey' ],
	'REVOKE' => [ 'GRANT SELECT ON t TO r', 'REVOKE SELECT ON t FROM r', 'public.t' ],
	'SECURITY LABEL' => [ '', q(SECURITY LABEL FOR test ON TABLE t IS 'secret'), 'public.t' ],
	'SELECT INTO' => [ '', 'SELECT 1 AS x INTO n', 'public.n' ],
);
# Tags in the server's list that no statement has.
my %no_statement = map { $_ => 1 } 'ALTER ACCESS METHOD', 'ALTER CAST', 'ALTER CONSTRAINT', 'ALTER TRANSFORM', 'CREATE CONSTRAINT',
  'CREATE ROUTINE', 'DROP CONSTRAINT';
# Not a statement: the event trigger of a connection.
$no_statement{LOGIN} = 1;

# The databases' states between cases: the tests' objects are dropped, the others stay.
my @undo = map { "DROP $_" } 'ACCESS METHOD IF EXISTS am', 'SUBSCRIPTION IF EXISTS sub', 'PUBLICATION IF EXISTS p', 'EXTENSION IF EXISTS citext',
  'EXTENSION IF EXISTS hstore', 'EXTENSION IF EXISTS postgres_fdw CASCADE', 'FOREIGN DATA WRAPPER IF EXISTS w CASCADE', 'LANGUAGE IF EXISTS l',
  'LANGUAGE IF EXISTS l2', 'TRANSFORM IF EXISTS FOR integer LANGUAGE sql', 'SCHEMA IF EXISTS sc, sc2, far CASCADE';

sub check_tag
{
	my ($tag) = @_;
	my ($setup, $statement, $identity, $text) = @{ $cases{$tag} };
	$node->safe_psql('postgres', 'SET client_min_messages = error; ' . ($setup ? "$setup;" : ''));
	$ddl->changes;
	my $load = $tag eq 'SECURITY LABEL' ? "LOAD '$module';" : '';
	$node->safe_psql('postgres', "$load $statement");
	my @all = $ddl->bodies;
	is(scalar @all, 1, "$tag: one message") or diag(map { "$_->{tag}: " . ($_->{text} // '') . "\n" } @all);
	my $body = $all[0] // {};
	is($body->{tag}, $tag, "$tag: its tag");
	is($body->{text}, $text // $statement, "$tag: its text");
	is($body->{kind}, 'ddl', "$tag: captured") or diag($body->{message} // '');
	my @named = map { $_->{identity} // '' } @{ $body->{objects} // [] }, @{ $body->{dropped} // [] };
	ok(defined $identity ? scalar(grep { ref $identity ? $_ =~ $identity : $_ eq $identity } @named) : @{ $body->{objects} // [] } > 0, "$tag: its object")
	  or diag('named: ' . join(', ', @named));
	return;
}

my @tags = split /\n/, $node->safe_psql('postgres', 'SELECT ardent.ddl_tags()');
cmp_ok(scalar @tags, '>', 100, "the server fires event triggers for @{[scalar @tags]} tags");
my %listed = map { $_ => 1 } @tags;
foreach my $tag (@tags)
{
	# the server knows the tag by that name
	is($node->psql('postgres', "BEGIN; CREATE EVENT TRIGGER probe ON ddl_command_start WHEN TAG IN ('$tag') EXECUTE FUNCTION ardent.ddl_command_start(); ROLLBACK"),
		0, "$tag is a tag of event triggers") if $tag ne 'LOGIN';
	next if $no_statement{$tag};
	ok($cases{$tag}, "$tag has a case") or next;
	check_tag($tag);
	$node->safe_psql('postgres', join('; ', 'SET client_min_messages = error', 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata',
			'REVOKE ALL ON t FROM r', 'ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM r', @undo,
			'DROP SCHEMA public CASCADE', 'CREATE SCHEMA public',
			'CREATE TABLE t (id integer PRIMARY KEY, n integer, v text)', q(CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END')));
}
is_deeply([ grep { !$listed{$_} && !($_ eq 'REINDEX' && $major < 17) } sort keys %cases ], [], 'no case for a tag that the server does not have');
$node->stop;
done_testing();
