# SPDX-License-Identifier: PostgreSQL
# An application's own event triggers write rows and run statements of their own. In the stream these come behind the statement that
# they were fired for, whatever the triggers are called.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'event_triggers', sql => <<'SQL');
CREATE TABLE public.log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag text);
CREATE FUNCTION public.secure() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
  FOR c IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag IN ('CREATE TABLE', 'CREATE TABLE AS') AND object_type = 'table' LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.object_identity);
    EXECUTE format('CREATE POLICY deny ON %s USING (false)', c.object_identity);
    IF c.object_identity = 'public.seeded' THEN
      INSERT INTO public.seeded VALUES (1, 'by the trigger');
    END IF;
  END LOOP;
END $$;
CREATE EVENT TRIGGER a_secure ON ddl_command_end EXECUTE FUNCTION public.secure();
CREATE FUNCTION public.clean() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.log (tag) VALUES (tg_tag);
  IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_identity = 'public.replaced') THEN
    CREATE TABLE public.replaced (id integer PRIMARY KEY, after_all text);
  END IF;
END $$;
CREATE EVENT TRIGGER "A clean" ON sql_drop EXECUTE FUNCTION public.clean();
CREATE TABLE public.replaced (id integer PRIMARY KEY);
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]) };
$source->('ALTER ROLE ardent_replication BYPASSRLS; SELECT ardent_ddl_capture(true)');
is($source->(q(SELECT status FROM ardent_preflight_checks('public') WHERE id = 'ddl_capture')), 'pass', 'triggers of an application are behind those of capture');
$t->start_all;
$source->(q(CREATE TABLE public.fresh (id integer PRIMARY KEY, v text); INSERT INTO public.fresh VALUES (1, 'x')));
$source->(q(CREATE TABLE public.seeded (id integer PRIMARY KEY, v text); INSERT INTO public.seeded VALUES (2, 'by hand')));
$source->(q(CREATE TABLE public.made AS SELECT 1 AS id, 'y' AS v; ALTER TABLE public.made ADD PRIMARY KEY (id); INSERT INTO public.made VALUES (2, 'z')));
$source->(q(DROP TABLE public.replaced; INSERT INTO public.replaced VALUES (1, 'x')));
$t->wait_replayed;
is($t->replica_psql(q(SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relrowsecurity)), 'beacon,fresh,made,replaced,seeded',
	'row security is on for each new table');
$t->compare_ok('rows and schema');

# A name that comes first all the same is told.
$source->('ALTER EVENT TRIGGER a_secure RENAME TO " first"');
like($source->(q(SELECT status || ' ' || detail FROM ardent_preflight_checks('public') WHERE id = 'ddl_capture')), qr/^warn .*" first"/, 'preflight warns of a trigger that fires first');
$t->stop_all;
done_testing();
