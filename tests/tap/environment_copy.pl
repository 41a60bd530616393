# SPDX-License-Identifier: PostgreSQL
# The initial copy of a database that has some of everything: what must be there is there, owned and granted as at the
# source; what cannot be is named; an interrupted copy begins again; what is missing here is told before any row.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'copy', schemas => [ 'public', 'Odd schema' ], sql => <<'SQL');
CREATE ROLE shop_owner;
CREATE ROLE "Weird ""role";
CREATE ROLE reader;
CREATE ROLE grantor;
CREATE SCHEMA "Odd schema" AUTHORIZATION "Weird ""role";
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext SCHEMA "Odd schema";
CREATE TYPE mood AS ENUM ('sad', 'ok');
ALTER TYPE mood OWNER TO shop_owner;
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, m mood DEFAULT 'ok', e "Odd schema".citext,
    up text GENERATED ALWAYS AS (upper(name)) STORED, b bytea, n numeric NOT NULL, d date, ts timestamptz, j json);
INSERT INTO customers (name, e, b, n, d, ts, j)
SELECT 'näme ' || i, 'E' || i, decode(lpad(to_hex(i), 8, '0'), 'hex'), i / 7.0, 'infinity', '-infinity',
       '{"a" :  1, "a": 2}'
  FROM generate_series(1, 5000) AS i;
CREATE TABLE orders (id serial PRIMARY KEY, customer bigint REFERENCES customers, qty posint, note text);
INSERT INTO orders (customer, qty, note) SELECT i, i % 7 + 1, E'a\tb\nc\\' FROM generate_series(1, 5000) AS i;
CREATE INDEX ON customers USING gin (name gin_trgm_ops);
CREATE TABLE "Odd schema"."T ""q" (a int PRIMARY KEY, "c ol" text);
INSERT INTO "Odd schema"."T ""q" VALUES (1, 'x'), (2, NULL);
CREATE TABLE parted (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 'p'), (11, 'q');
CREATE TABLE nothing (id int PRIMARY KEY);
CREATE TABLE rls (a int PRIMARY KEY);
INSERT INTO rls VALUES (1), (2);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
ALTER TABLE rls FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON rls USING (a > 1);
CREATE UNLOGGED TABLE unlogged_one (a int PRIMARY KEY);
INSERT INTO unlogged_one VALUES (1);
CREATE FUNCTION noisy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.nothing VALUES (99); RETURN NEW; END $$;
CREATE TRIGGER always AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noisy();
ALTER TABLE orders ENABLE ALWAYS TRIGGER always;
CREATE VIEW v AS SELECT count(*) FROM orders;
CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS c FROM orders;
CREATE MATERIALIZED VIEW above_mv AS SELECT c FROM mv;
CREATE VIEW totals AS SELECT c.id, c.name, count(o.id) AS n FROM customers AS c JOIN orders AS o ON o.customer = c.id GROUP BY c.id;
CREATE MATERIALIZED VIEW sums AS SELECT c.id, c.name, sum(o.qty) AS n FROM customers AS c JOIN orders AS o ON o.customer = c.id GROUP BY c.id;
CREATE UNIQUE INDEX ON sums (id);
CREATE MATERIALIZED VIEW above_both AS SELECT t.name, s.n FROM totals AS t JOIN sums AS s USING (id);
CREATE VIEW one AS SELECT 1 AS x; CREATE VIEW two AS SELECT x FROM one; CREATE OR REPLACE VIEW one AS SELECT x FROM (SELECT 1 AS x) AS q WHERE x IN (SELECT 1);
CREATE VIEW "Odd ""view"", v.1\" AS SELECT 1 AS "a""b"; CREATE MATERIALIZED VIEW "Odd ""mat"", v.1\*" AS SELECT 1 AS "a""b";
GRANT SELECT ON totals, above_both TO reader;
ALTER TABLE customers OWNER TO shop_owner;
ALTER TABLE orders OWNER TO shop_owner;
ALTER MATERIALIZED VIEW mv OWNER TO shop_owner;
ALTER FUNCTION noisy() OWNER TO shop_owner;
CREATE AGGREGATE mysum(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
ALTER AGGREGATE mysum(int) OWNER TO shop_owner;
GRANT SELECT ON customers TO reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "Odd schema" TO reader;
GRANT SELECT ON orders TO grantor WITH GRANT OPTION;
GRANT SELECT ON orders TO pg_execute_server_program;
SET ROLE grantor;
GRANT SELECT ON public.orders TO reader;
RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT SELECT ON TABLES TO reader;
COMMENT ON TABLE customers IS 'it''s; a "comment"';
CREATE EXTENSION postgres_fdw;
CREATE SERVER "far srv" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1');
CREATE FOREIGN TABLE far (a int) SERVER "far srv" OPTIONS (table_name 'x');
GRANT SELECT ON far TO reader;
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $both = sub { # the same query, at both ends
	my ($sql, $name) = @_;
	return is($t->replica_psql($sql), $source->safe_psql($database, $sql), $name);
};
my $quiet = "relname <> 'ardent_slots' AND relnamespace IN ('public'::regnamespace, '\"Odd schema\"'::regnamespace)";
# before 14, without pg_read_all_data, the replica's reader has grants of its own
my $others = "a.grantee::regrole::text <> 'ardent_reader'";

$source->safe_psql($database, 'ALTER ROLE ardent_replication BYPASSRLS');
$t->start_all;
$t->wait_caught_up;
$t->compare_ok('after the copy');
$both->(qq(SELECT relname, relkind, relowner::regrole, relrowsecurity, relforcerowsecurity FROM pg_class WHERE $quiet ORDER BY 1),
	'every relation is there, with its owner');
$both->(qq(SELECT relname, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type, a.is_grantable
	FROM pg_class,
		aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) AS a WHERE $quiet AND $others ORDER BY 1, 2, 3, 4),
	'with its grants, also those that somebody else gave');
is($t->replica_psql(q(SELECT string_agg(r.rolname, ' ' ORDER BY 1) FROM pg_roles AS r
	WHERE r.rolname ~ '^pg_' AND pg_has_role('ardent_apply', r.oid, 'MEMBER') AND r.rolname <> 'pg_database_owner')), '',
	'who applies is no member of a predefined role that the source granted something to');
$both->(q(SELECT proname, proowner::regrole FROM pg_proc WHERE pronamespace = 'public'::regnamespace
	AND proname IN ('noisy', 'mysum') ORDER BY 1), 'functions and aggregates');
$both->(qq(SELECT nspname, nspowner::regrole::text, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type
	FROM pg_namespace, aclexplode(nspacl) AS a WHERE nspname IN ('Odd schema', 'public') AND $others ORDER BY 1, 2, 3, 4, 5),
	'schemas');
$both->(q(SELECT typname, typowner::regrole FROM pg_type WHERE typname IN ('mood', 'posint') ORDER BY 1), 'types');
$both->(q(SELECT conname, convalidated FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1),
	'constraints');
$both->(q(SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'Odd schema') ORDER BY 1), 'indexes');
$both->(q(SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy), 'policies');
$both->(q(SELECT defaclrole::regrole::text, defaclnamespace::regnamespace::text, defaclobjtype, a.grantee::regrole::text, a.privilege_type
	FROM pg_default_acl, aclexplode(defaclacl) AS a ORDER BY 1, 2, 3, 4, 5), 'default privileges');
$both->(q(SELECT obj_description('public.customers'::regclass)), 'comments');
$both->(q(SELECT extname FROM pg_extension WHERE extname NOT IN ('ardent') ORDER BY 1), 'extensions, without our own');
$both->(q(SELECT c, (SELECT c FROM above_mv) FROM mv), 'materialized views are filled, one after the other');
$both->(q(SELECT pg_get_viewdef('totals'::regclass), (SELECT sum(n) FROM sums), (SELECT count(*) FROM above_both), (SELECT count(*) FROM two)),
	'views that need a key, and what stands on them');
$both->(q(SELECT relname, relacl::text ~ '[{,]reader=r' FROM pg_class WHERE relkind IN ('v', 'm') AND relname ~ 'Odd|totals|sums|above_both' ORDER BY 1), 'with odd names and grants');
$both->(q(SELECT datcollate, datctype, pg_encoding_to_char(encoding), to_jsonb(d) ->> 'datlocprovider' FROM pg_database AS d
	WHERE datname = current_database()), 'encoding and locale');
is($t->replica_psql('SELECT count(*) FROM unlogged_one'), 0, 'an unlogged table is there and empty');
is($t->replica_psql('SELECT count(*) FROM rls'), 2, 'row security hid nothing from the copy');
ok(!defined $t->replica_try('SELECT * FROM far'), 'a foreign table is there');
like($t->{replica_error}, qr/no handler/, 'and calls nobody');
is($t->replica_psql(q(SELECT count(*) FROM pg_user_mappings)), 0, 'no user mapping came along');
my $row = $t->connector;
like(join(' ', @{ $row->{not_carried}{unlogged} }), qr/unlogged_one/, 'the status names unlogged tables');
like(join(' ', @{ $row->{not_carried}{foreign_tables} }), qr/far/, 'foreign tables');
is_deeply($row->{not_carried}{sequences}, [], 'and no sequence that can be read');
like(join(' ', @{ $row->{disabled_triggers} }), qr/orders: always/, 'and triggers that are off');
is_deeply($row->{warnings}, [], 'nothing else had to be left out');

# the trigger that fires always does not fire in the replica
$source->safe_psql($database, q(INSERT INTO orders (customer, qty) VALUES (1, 1)));
$t->wait_caught_up;
$t->compare_ok('after a change under an ENABLE ALWAYS trigger');

# a resync that is interrupted, by either side, in the middle
my $again = sub {
	return $t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", { resync => JSON::PP::true });
};
$source->safe_psql($database, q(CREATE TABLE wide (id int PRIMARY KEY, v text);
	INSERT INTO wide SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 60000) AS g));
foreach my $victim (qw(agent environment))
{
	is($again->()->{json}{status}, 'pending', 'resync');
	is($t->replica_psql('SELECT count(*) > 0 FROM orders'), 't', 'the old replica is readable until the copy begins');
	$t->wait_for('rows arrive', sub { return ($t->connector->{copy}{phase} // '') eq 'data' });
	$t->{$victim}->kill9;
	isnt($t->status, 'streaming', "killed in the middle: $victim") if $victim eq 'agent';
	$victim eq 'agent' ? $t->start_agent : $t->start_environment;
	$t->wait_streaming(90);
	$t->wait_caught_up;
	$t->compare_ok("a copy whose $victim was killed was made anew");
}

# what a role without special rights cannot make is left out, and named
$source->safe_psql($database, 'CREATE FUNCTION c_function() RETURNS int LANGUAGE c AS \'$libdir/plpgsql\', \'plpgsql_call_handler\'');
is($again->()->{status}, 200, 'resync');
$t->wait_streaming(90);
$t->wait_caught_up;
is_deeply([ map { "$_->{identity}: $_->{because}" } @{ $t->connector->{not_carried}{objects} } ],
	['public.c_function(): it takes a superuser to make'], 'a C function is left out of the copy and named');
$source->safe_psql($database, 'DROP FUNCTION c_function()');
$t->compare_ok('but for it all is there');
$t->stop_all;
done_testing();
