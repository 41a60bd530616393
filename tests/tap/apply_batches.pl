# SPDX-License-Identifier: PostgreSQL
# How source transactions share target transactions: the segments' borders, which cut transactions anywhere, do not
# decide it when the rest is there already; TRUNCATE is alone wherever the border is.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

my $t = Ardent::Apply->new(name => 'batches', setup => <<'SQL');
CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO account SELECT g, 0 FROM generate_series(1, 100) AS g;
CREATE TABLE scratch (id integer PRIMARY KEY);
SQL

sub target_transactions { my ($output) = @_; return $output =~ /target_transactions=(\d+)/ ? $1 : die $output; }

$t->source(<<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 3000 LOOP
        UPDATE account SET balance = balance + i WHERE id BETWEEN i % 90 AND i % 90 + 7;
        COMMIT;
    END LOOP;
END $$
SQL
my $file = $t->segments(30_000);
my $segments = int((-s $file) / 30_000);
cmp_ok($segments, '>', 100, 'many segments');
my ($exit, $output) = $t->apply($file);
is($exit, 0, 'transactions cut by the segments') or diag($output);
cmp_ok(target_transactions($output), '<', $segments / 4, 'far fewer target transactions than segments');
$t->equal_ok('cut transactions');

$t->source(<<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 200 LOOP
        INSERT INTO scratch SELECT generate_series(1, 20);
        UPDATE account SET balance = balance - i WHERE id <= 20;
        TRUNCATE scratch;
        INSERT INTO scratch VALUES (i);
        COMMIT;
        DELETE FROM scratch;
        COMMIT;
    END LOOP;
END $$
SQL
($exit, $output) = $t->apply($t->segments(3000));
is($exit, 0, 'TRUNCATE in transactions cut by the segments') or diag($output);
cmp_ok(target_transactions($output), '>=', 200, 'each TRUNCATE has its own target transaction');
$t->equal_ok('TRUNCATE in cut transactions');

done_testing();
