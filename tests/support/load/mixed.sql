-- SPDX-License-Identifier: PostgreSQL
-- pgbench script: inserts, updates with and without the large column, deletes, a savepoint that is rolled back.
\set id random(1, 4000)
\set a random(0, 99)
\set b random(0, 9)
\set n random(1, 400)
\set day random(0, 99)
BEGIN;
INSERT INTO public.items (code, amount, note, tags)
VALUES ('new ' || gen_random_uuid(), :n / 3.0, E'tab\there \\ and "quotes" é', ARRAY[NULL, '{}', 'x,y']);
UPDATE public.items SET amount = amount + 0.01, at = now() WHERE id = :id;
UPDATE public.pairs SET v = v || 'x' WHERE a = :a AND b = :b AND length(v) < 40;
SAVEPOINT s;
DELETE FROM public.items WHERE id = :id;
ROLLBACK TO SAVEPOINT s;
UPDATE public.keyless SET t = 'changed ' || :n WHERE n = :n;
INSERT INTO public.orders (day, item) VALUES (:day, :id);
COMMIT;
