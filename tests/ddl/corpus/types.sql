CREATE TYPE mood AS ENUM ('sad', 'ok')
ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok'
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'happy'
ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'
CREATE TABLE moods (id integer PRIMARY KEY, m mood DEFAULT 'sad', ms mood[])
INSERT INTO moods VALUES (1, 'happy', '{sad,fine}')
CREATE TYPE pair AS (a integer, b text)
ALTER TYPE pair ADD ATTRIBUTE c date
ALTER TYPE pair RENAME ATTRIBUTE b TO bb
ALTER TYPE pair DROP ATTRIBUTE c
ALTER TYPE pair ALTER ATTRIBUTE a TYPE bigint
ALTER TYPE pair RENAME TO couple
CREATE TABLE pairs (id integer PRIMARY KEY, p couple); INSERT INTO pairs VALUES (1, '(1,x)')
CREATE DOMAIN code AS varchar(9) NOT NULL DEFAULT 'c' CHECK (VALUE ~ '^[a-z]+$')
ALTER DOMAIN code DROP NOT NULL
ALTER DOMAIN code SET DEFAULT 'd'
ALTER DOMAIN code ADD CONSTRAINT short CHECK (length(VALUE) < 8) NOT VALID
ALTER DOMAIN code VALIDATE CONSTRAINT short
ALTER DOMAIN code RENAME CONSTRAINT short TO shorter
ALTER DOMAIN code DROP CONSTRAINT shorter
COMMENT ON DOMAIN code IS 'a domain'
CREATE TYPE floats AS RANGE (subtype = float8, subtype_diff = float8mi)
CREATE TABLE typed (id integer PRIMARY KEY, c code, f floats); INSERT INTO typed VALUES (1, 'abc', '[1,2)')
CREATE TYPE app.elsewhere AS ENUM ('x'); ALTER TYPE app.elsewhere SET SCHEMA public
COMMENT ON TYPE mood IS 'moods'
CREATE TYPE unneeded AS ENUM ('u'); DROP TYPE unneeded
CREATE COLLATION german (provider = icu, locale = 'de-DE')
CREATE COLLATION copied FROM "C"
ALTER COLLATION copied RENAME TO copied_c
CREATE TABLE collated (id integer PRIMARY KEY, v text COLLATE german)
DROP COLLATION copied_c
CREATE TEXT SEARCH CONFIGURATION simple_copy (COPY = simple)
ALTER TEXT SEARCH CONFIGURATION simple_copy ALTER MAPPING FOR word WITH simple
CREATE TEXT SEARCH DICTIONARY my_simple (TEMPLATE = simple, stopwords = english)
ALTER TEXT SEARCH DICTIONARY my_simple (accept = false)
ALTER TEXT SEARCH CONFIGURATION simple_copy RENAME TO my_search
COMMENT ON TEXT SEARCH CONFIGURATION my_search IS 'search'
CREATE CONVERSION my_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8
DROP CONVERSION my_conversion
