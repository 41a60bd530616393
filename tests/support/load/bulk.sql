-- SPDX-License-Identifier: PostgreSQL
-- pgbench script: transactions of many rows, and a TRUNCATE.
\set n random(100, 2000)
BEGIN;
INSERT INTO public.items (code, amount) SELECT gen_random_uuid(), g FROM generate_series(1, :n) AS g;
UPDATE public.items SET note = 'bulk ' || :n WHERE id IN (SELECT id FROM public.items ORDER BY id DESC LIMIT :n);
DELETE FROM public.items WHERE id IN (SELECT id FROM public.items ORDER BY id DESC LIMIT 50);
COMMIT;
BEGIN;
TRUNCATE public.emptied;
INSERT INTO public.emptied SELECT g, 'after ' || :n FROM generate_series(1, 50) AS g;
COMMIT;
