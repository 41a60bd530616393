# SPDX-License-Identifier: PostgreSQL
# Materialized views and tables of extensions lie in a schema that is carried, but are not followed: refreshing or
# writing them neither stops the connector nor changes the replica, and the status names them.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'unfollowed', sql => <<'SQL');
CREATE TABLE public.n (id integer PRIMARY KEY, v integer);
INSERT INTO public.n SELECT g, g FROM generate_series(1, 100) AS g;
CREATE MATERIALIZED VIEW public.sums AS SELECT v % 10 AS digit, sum(v) AS total FROM public.n GROUP BY 1;
CREATE UNIQUE INDEX ON public.sums (digit);
CREATE TABLE public.of_extension (id integer, v text);
SQL
my $sql = sub { return $t->source->safe_psql($Ardent::Test::database, $_[0]); };
$sql->('ALTER EXTENSION ardent ADD TABLE public.of_extension');
$t->start_all;
my $left = $t->connector->{not_carried};
is_deeply($left->{materialized_views}, ['public.sums'], 'the view is named');
is_deeply($left->{extension_tables}, ['public.of_extension'], "the extension's table is named");

$sql->('UPDATE public.n SET v = v + 1; REFRESH MATERIALIZED VIEW CONCURRENTLY public.sums');
$sql->(q(INSERT INTO public.of_extension VALUES (1, 'x'); UPDATE public.of_extension SET v = 'y'));
$t->wait_caught_up;
$t->compare_ok('after a refresh');
is($t->status, 'streaming', 'REFRESH … CONCURRENTLY and an extension\'s table do not stop the connector');

# made while the stream runs: it is not in the plugin's filter yet
$sql->('CREATE MATERIALIZED VIEW public.later AS SELECT id, v FROM public.n WITH NO DATA; CREATE UNIQUE INDEX ON public.later (id)');
$sql->('REFRESH MATERIALIZED VIEW public.later');
$sql->('UPDATE public.n SET v = v + 1; REFRESH MATERIALIZED VIEW CONCURRENTLY public.later; DELETE FROM public.n WHERE id > 90');
$t->wait_caught_up;
$t->compare_ok('after the refresh of a later view', '--rows-only');
ok($t->agent->alive, 'the agent goes on');
is($t->status, 'streaming', 'and so does the connector');
$t->stop_all;
done_testing();
