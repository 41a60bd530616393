# SPDX-License-Identifier: PostgreSQL
# Once all rows are sent the environment completes the copy by itself: an agent that ends meanwhile keeps its slot, and
# the next one streams from it. A table that was rewritten while the copy began makes it begin again.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'finishing', sql => <<'SQL');
CREATE TABLE public.n (id integer PRIMARY KEY, v text);
INSERT INTO public.n SELECT g, 'v' FROM generate_series(1, 1000) AS g;
CREATE MATERIALIZED VIEW public.slow AS SELECT count(*) AS n, pg_sleep(4)::text AS nap FROM public.n;   -- holds up the end of the copy
SQL
my $sql = sub { return $t->source->safe_psql($Ardent::Test::database, $_[0]); };
my $phase = sub { return $t->connector->{copy}{phase} // ''; };
$t->start_environment;
$t->create_connector;
for my $how ('SIGKILL', 'SIGTERM')
{
	$t->start_agent;
	$t->wait_for('the copy is being completed', sub { return $phase->() eq 'finishing' });
	if ($how eq 'SIGKILL') { $t->agent->kill9; } else { is($t->agent->stop, 0, 'a clean end in the middle'); }
	my $before = $t->slot->{confirmed};
	$sql->("INSERT INTO public.n VALUES (2000 + ascii('$how'), 'after the copy')");
	$t->start_agent;
	$t->wait_streaming(90);
	unlike($t->agent->log_text, qr/dropp(ed|ing) the slot/, "$how: the slot stays");
	is($t->connector->{failure}, undef, "$how: no failure");
	$t->wait_caught_up;
	$t->compare_ok("$how: what was written since the snapshot is there");
	is($t->agent->stop, 0, 'the agent stops');
	last if $how eq 'SIGTERM';
	$t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", { resync => JSON::PP::true });
	$sql->('DELETE FROM public.n WHERE id > 1000');
}
$t->stop_all;
done_testing();
