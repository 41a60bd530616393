# SPDX-License-Identifier: PostgreSQL
# Invariant 14: nothing of ours writes to a permanent table of the source. Another consumer's slot of the same database
# sees only what the application wrote, through copy, streaming and idle time.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'rows', source_conf => "wal_sender_timeout = 3s\n",
	sql => 'CREATE TABLE public.n (id integer PRIMARY KEY)');
my $source = $t->source;
my $database = $Ardent::Test::database;
my $tables = q(SELECT string_agg(format('%s.%s %s', nspname, relname, relkind), ', ' ORDER BY 1) FROM pg_class c)
  . q( JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'ardent' AND relkind NOT IN ('v', 'c'));
is($source->safe_psql($database, $tables), '', 'invariant 14: the extension has no table');
$source->safe_psql($database, q(SELECT pg_create_logical_replication_slot('another', 'test_decoding')));
$t->start_all;
$source->safe_psql($database, 'INSERT INTO public.n VALUES (1)');
$t->wait_caught_up;
# long enough for status, schema and idle positions
my $target = $source->safe_psql('postgres', 'CREATE TABLE other (i int); SELECT pg_current_wal_lsn()');
$t->wait_for('an idle position is confirmed',
	sub { return $source->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$target' FROM pg_replication_slots WHERE slot_name <> 'another'") eq 't' }, 40);
$t->agent->stop;
my $written = $source->safe_psql($database, q(SELECT data FROM pg_logical_slot_get_changes('another', NULL, NULL))
	  . q( WHERE data LIKE 'table %' ORDER BY 1));
is($written, "table public.beacon: UPDATE: id[integer]:1 n[bigint]:1\ntable public.n: INSERT: id[integer]:1",
	'invariant 14: the other consumer sees the rows of the application, and no other');
$t->stop_all;
done_testing();
