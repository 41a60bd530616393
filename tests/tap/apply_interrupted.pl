# SPDX-License-Identifier: PostgreSQL
# Invariants 5 and 6, inside: apply is ended at random moments, by its own death, by its backend's and by the server's; the same
# segments are sent again from the beginning every time. What a reader sees is whole and at the recorded position.
use strict;
use warnings;
use Ardent::Apply;
use IPC::Run;
use Test::More;
use Time::HiRes qw(usleep);

my $seed = $ENV{SEED} // time;
srand($seed);
note("SEED=$seed");
my $t = Ardent::Apply->new(name => 'interrupted', setup => <<'SQL');
CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO account SELECT g, 0 FROM generate_series(1, 1000) AS g;
CREATE TABLE history (n integer, delta integer);
CREATE TABLE bulk (id integer PRIMARY KEY, v text);
SQL
# every transaction leaves the balances and the history alike
$t->source(<<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 3000 LOOP
        UPDATE account SET balance = balance + i WHERE id = 1 + i % 1000;
        INSERT INTO history VALUES (i, i);
        IF i % 100 = 0 THEN
            INSERT INTO bulk SELECT g, repeat('x', 50) FROM generate_series(i * 200, i * 200 + 1999) AS g;
            DELETE FROM bulk WHERE id % 3 = i / 100 % 3;
            UPDATE bulk SET v = v || i WHERE id % 5 = 0;
        END IF;
        COMMIT;
    END LOOP;
END $$
SQL
my $file = $t->segments(100_000);
my $admin = $t->{node};
my $whole = 'SELECT (SELECT sum(balance) FROM account) IS NOT DISTINCT FROM (SELECT coalesce(sum(delta), 0) FROM history)';
my $torn = 0;
foreach my $round (1 .. 12)
{
	my $output = '';
	my $run = IPC::Run::start([ "$ENV{ARDENT_BIN}/apply_driver", $t->apply_command($file) ], '<', \undef, '>&', \$output);
	usleep(rand(400_000));    # the moment is what is random
	if ($round % 3 == 0)
	{
		$admin->stop('immediate');
		$admin->start;
	}
	elsif ($round % 3 == 1)
	{
		$run->signal('KILL');
	}
	else
	{
		$t->replica(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ardent apply'));
	}
	$run->finish;
	unlike($output, qr/^failure/m, "round $round: no failure is made of it") or diag($output);
	$torn++ if $t->replica($whole) ne 't';
}
is($torn, 0, 'a reader never saw half a transaction');
$t->applied_ok($file, 'the rest');
$t->equal_ok('after all rounds');
my $position = $t->position;
$t->applied_ok($file, 'everything once more');
like($t->{output}, qr/transactions=0 .*skipped=[0-9]+/, 'was known already');
is($t->position, $position, 'and moves nothing');
$t->equal_ok('after the repetition');
done_testing();
