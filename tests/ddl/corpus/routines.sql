CREATE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT a + b'
CREATE OR REPLACE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT a + b + 0; $$
CREATE FUNCTION noisy(t text DEFAULT 'x;y') RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN t || '$$;'; END $body$
CREATE FUNCTION set_of() RETURNS SETOF integer LANGUAGE sql AS $$ VALUES (1), (2) $$
ALTER FUNCTION add(integer, integer) COST 50
ALTER FUNCTION noisy(text) SET search_path = pg_catalog
ALTER FUNCTION noisy RENAME TO quiet
ALTER FUNCTION set_of() SECURITY DEFINER ROWS 10
COMMENT ON FUNCTION add(integer, integer) IS 'adds'
CREATE PROCEDURE proc(INOUT x integer) LANGUAGE plpgsql AS $$ BEGIN x := x + 1; END $$
ALTER PROCEDURE proc(integer) SECURITY DEFINER
CREATE AGGREGATE product(integer) (SFUNC = int4mul, STYPE = integer, INITCOND = '1')
COMMENT ON AGGREGATE product(integer) IS 'product'
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq, COMMUTATOR = ===)
COMMENT ON OPERATOR === (integer, integer) IS 'equal'
DROP OPERATOR === (integer, integer)
CREATE TYPE weight AS (kg numeric)
CREATE FUNCTION to_weight(integer) RETURNS weight LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1)::weight'
CREATE CAST (integer AS weight) WITH FUNCTION to_weight(integer) AS ASSIGNMENT
DROP CAST (integer AS weight)
CREATE TABLE triggered (id integer PRIMARY KEY, v text, n integer DEFAULT 0)
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := COALESCE(NEW.n, 0) + 1; RETURN NEW; END $$
CREATE TRIGGER bump BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION bump()
INSERT INTO triggered VALUES (1, 'a'), (2, 'b')
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON triggered DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit()
CREATE TRIGGER by_statement AFTER UPDATE ON triggered REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit()
ALTER TRIGGER bump ON triggered RENAME TO bumped
ALTER TABLE triggered DISABLE TRIGGER by_statement
ALTER TABLE triggered ENABLE TRIGGER by_statement
COMMENT ON TRIGGER bumped ON triggered IS 'bumps'
UPDATE triggered SET v = 'c'
DROP TRIGGER late ON triggered
CREATE RULE quiet_delete AS ON DELETE TO triggered WHERE OLD.id = 99 DO INSTEAD NOTHING
COMMENT ON RULE quiet_delete ON triggered IS 'a rule'
ALTER RULE quiet_delete ON triggered RENAME TO renamed_rule
DROP RULE renamed_rule ON triggered
DROP FUNCTION quiet, set_of
DROP PROCEDURE IF EXISTS proc(integer)
DROP AGGREGATE product(integer)
SINCE 14 CREATE FUNCTION body_later() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; END
SET check_function_bodies = off; CREATE FUNCTION unknown_body() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM not_there_yet'
CREATE FUNCTION app.in_app() RETURNS integer LANGUAGE sql AS 'SELECT 1'
DROP ROUTINE app.in_app
