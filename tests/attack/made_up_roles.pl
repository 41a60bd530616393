# SPDX-License-Identifier: PostgreSQL
# A role that a statement names and the replica lacks is made there. Code of the source says the same words, as an error of its
# own or by a statement that must fail, and makes none; and there is a limit.
# long
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'made_up_roles', sql => 'CREATE ROLE app LOGIN; GRANT CREATE ON SCHEMA public TO app; CREATE TABLE public.t (id integer PRIMARY KEY); INSERT INTO public.t VALUES (1); ALTER TABLE public.t OWNER TO app');
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $attack = Ardent::Attack->new($t);
my $made = sub { return $t->replica_psql(qq(SELECT count(*) FROM pg_roles WHERE rolname ~ '$_[0]')) };

my $n = 0;
my $run = sub {
	my ($what, $body) = @_;
	$n++;
	$source->(<<"SQL");
SET SESSION AUTHORIZATION app;
CREATE FUNCTION public.says_$n() RETURNS integer LANGUAGE plpgsql VOLATILE AS \$f\$
BEGIN
  IF session_user = 'ardent_apply' THEN
    $body
  END IF;
  RETURN 1;
END \$f\$;
SQL
	$t->wait_replayed;
	$source->("SET SESSION AUTHORIZATION app; ALTER TABLE public.t ADD COLUMN c$n integer DEFAULT public.says_$n()");
	$attack->settle;
	return is($made->('^made_up'), 0, "$what makes no role");
};
$run->('an error that says it', q(RAISE EXCEPTION 'role "made_up_%" does not exist', (pg_catalog.random() * 1000000)::integer;));
$run->('one with the server\'s code', q(RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = 'role "made_up_' || (pg_catalog.random() * 1000000)::integer || '" does not exist';));
$run->('one with a detail', q(RAISE EXCEPTION 'no' USING ERRCODE = '42704', DETAIL = 'role "made_up_d" does not exist', HINT = 'role "made_up_h" does not exist';));
$run->('a statement inside of a function', q(EXECUTE 'GRANT SELECT ON public.t TO made_up_' || (pg_catalog.random() * 1000000)::integer;));

# what needs a role gets it
$source->('CREATE ROLE newcomer; CREATE ROLE "Second One"; GRANT SELECT ON public.t TO newcomer, "Second One"');
$t->wait_replayed;
is($t->replica_psql(q(SELECT has_table_privilege('newcomer', 'public.t', 'SELECT') AND has_table_privilege('Second One', 'public.t', 'SELECT'))), 't', 'roles that a GRANT names are made');
$source->('CREATE ROLE maker; GRANT CREATE ON SCHEMA public TO maker; SET ROLE maker; CREATE TABLE public.made (id integer PRIMARY KEY)');
$t->wait_replayed;
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE relname = 'made')), 'maker', 'and who runs a statement');
$source->('CREATE ROLE taker; ALTER TABLE public.made OWNER TO taker');
$t->wait_replayed;
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE relname = 'made')), 'taker', 'and a new owner');

# a limit
$source->(q(DO $$ BEGIN FOR i IN 1 .. 1050 LOOP EXECUTE 'CREATE ROLE many_' || i; EXECUTE 'GRANT SELECT ON public.t TO many_' || i; END LOOP; END $$));
$t->wait_status('failed', 300);
like($t->connector->{failure}{message}, qr/1000 roles/, 'more than 1,000 roles stop the connector');
like($t->connector->{failure}{hint}, qr/retry-setup/, 'and it is said what to do');
cmp_ok($made->('^many_'), '<=', 1000, 'no more than that were made');
$t->cli('connector', 'retry-setup', $database);
$t->wait_with_agent('it streams', sub { return $t->status =~ /^(?:streaming|degraded)$/ });
$t->wait_caught_up(300);
is($made->('^many_'), 1050, 'retry-setup goes on with the others');
$t->stop_all;
done_testing();
