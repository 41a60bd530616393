# SPDX-License-Identifier: PostgreSQL
# What a superuser of the source owns goes on working in a branch, where nobody is one: views, materialized views and SECURITY DEFINER
# functions over tables of other roles, also of several superusers and of roles that are members of each other.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'owners', sql => <<'SQL');
CREATE ROLE app; CREATE ROLE other; CREATE ROLE chief SUPERUSER; CREATE ROLE of_chief IN ROLE chief;
CREATE TABLE kept (id integer PRIMARY KEY, v text); INSERT INTO kept VALUES (1, 'one');
CREATE TABLE theirs (id integer PRIMARY KEY, v text); INSERT INTO theirs VALUES (1, 'two');
CREATE TABLE of_member (id integer PRIMARY KEY, v text); INSERT INTO of_member VALUES (1, 'three');
CREATE VIEW seen AS SELECT v FROM kept UNION ALL SELECT v FROM theirs;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM kept;
CREATE FUNCTION add(i integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'INSERT INTO theirs VALUES (i, ''more'')';
CREATE VIEW of_chief_seen AS SELECT v FROM kept;
ALTER TABLE kept OWNER TO app; ALTER TABLE theirs OWNER TO other; ALTER TABLE of_member OWNER TO of_chief; ALTER VIEW of_chief_seen OWNER TO chief;
SQL
my $b = Ardent::Branching->new($t);
my $branch = $b->create_ok('owned');
is($b->psql($branch, 'SELECT string_agg(v, $$,$$ ORDER BY v) FROM seen'), 'one,two', 'a view of the superuser over tables of others');
is($b->psql($branch, 'SELECT v FROM of_chief_seen'), 'one', 'of another superuser, too');
is($b->psql($branch, 'REFRESH MATERIALIZED VIEW counted', 'SELECT n FROM counted'), '1', 'a materialized view is refreshed');
is($b->psql($branch, 'SELECT add(7)', 'SELECT v FROM theirs WHERE id = 7'), "\nmore", 'a function with its definer\'s rights writes');
is($b->admin($branch, q(SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper AND rolname <> 'ardent_admin')), '', 'and nobody is a superuser');
$t->stop_all;
done_testing();
