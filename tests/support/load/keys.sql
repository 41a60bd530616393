-- SPDX-License-Identifier: PostgreSQL
-- pgbench script: changed keys, a row that moves between partitions, rows that go and come back, an aborted one.
\set id random(1, 4000)
\set a random(0, 99)
\set b random(0, 9)
\set day random(0, 99)
BEGIN;
DELETE FROM public.pairs WHERE a = :a AND b = :b;
INSERT INTO public.pairs VALUES (:a, :b, 'again') ON CONFLICT DO NOTHING;
UPDATE public.pairs SET a = a + 1000 WHERE a = :a AND b = :b;
UPDATE public.pairs SET a = a - 1000 WHERE a = :a + 1000 AND b = :b;
UPDATE public.items SET code = code || '.' WHERE id = :id AND length(code) < 80;
UPDATE public.items SET payload = repeat(md5(random()::text), 120) WHERE id = :id;
UPDATE public.orders SET day = :day WHERE id = (SELECT max(id) - :b FROM public.orders);
DELETE FROM public.items WHERE id = :id AND id % 17 = 0;
COMMIT;
BEGIN;
INSERT INTO public.emptied VALUES (:id + 100000, 'never seen');
ROLLBACK;
