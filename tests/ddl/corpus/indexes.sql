CREATE TABLE indexed (id integer PRIMARY KEY, a text, b integer, c jsonb, d tsvector, e int[])
INSERT INTO indexed SELECT g, 'a' || g, g % 7, jsonb_build_object('n', g) FROM generate_series(1, 200) AS g
CREATE INDEX ON indexed (a)
CREATE INDEX by_b ON indexed (b DESC NULLS LAST) INCLUDE (a) WHERE b > 2
CREATE UNIQUE INDEX index_expression ON indexed (lower(a), (b + id))
CREATE INDEX by_json ON indexed USING gin (c jsonb_path_ops) WITH (fastupdate = off)
CREATE INDEX by_brin ON indexed USING brin (id) WITH (pages_per_range = 4)
CREATE INDEX by_hash ON indexed USING hash (a)
CREATE INDEX IF NOT EXISTS by_hash ON indexed (a)
CREATE INDEX CONCURRENTLY concurrently_made ON indexed (b, a)
CREATE UNIQUE INDEX CONCURRENTLY "Concurrently Unique" ON indexed (id, b)
DROP INDEX CONCURRENTLY concurrently_made
REINDEX INDEX by_b
REINDEX TABLE CONCURRENTLY indexed
ALTER INDEX by_b RENAME TO by_bb
ALTER INDEX by_bb SET (fillfactor = 60)
ALTER INDEX by_bb RESET (fillfactor)
ALTER INDEX index_expression ALTER COLUMN 2 SET STATISTICS 300
COMMENT ON INDEX by_bb IS 'an index'
CREATE UNIQUE INDEX to_key ON indexed (b, id); ALTER TABLE indexed ADD CONSTRAINT from_index UNIQUE USING INDEX to_key
DROP INDEX by_brin, by_json
ALTER TABLE indexed CLUSTER ON indexed_pkey
DROP INDEX IF EXISTS never_there
CREATE INDEX depends ON indexed (e); ALTER INDEX depends DEPENDS ON EXTENSION plpgsql; DROP INDEX depends
UPDATE indexed SET a = 'z' WHERE id = 5
