BEGIN; CREATE TABLE IF NOT EXISTS "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY); CREATE TABLE "users" ("id" bigserial primary key, "email" character varying DEFAULT '' NOT NULL, "created_at" timestamp(6) without time zone NOT NULL); CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email"); INSERT INTO "schema_migrations" VALUES ('20240101'); COMMIT
INSERT INTO users (email, created_at) SELECT 'u' || g, now() FROM generate_series(1, 20) AS g
BEGIN; ALTER TABLE "users" ADD COLUMN IF NOT EXISTS "age" integer; UPDATE users SET age = id; ALTER TABLE users ALTER age SET NOT NULL; ALTER TABLE users ADD CONSTRAINT age_check CHECK (age > 0); COMMIT
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'status') THEN CREATE TYPE status AS ENUM ('active', 'gone'); END IF; END $$
DO $$ BEGIN CREATE TYPE status AS ENUM ('active', 'gone'); EXCEPTION WHEN duplicate_object THEN NULL; END $$
ALTER TABLE users ADD COLUMN status status NOT NULL DEFAULT 'active'
DO $$ DECLARE r record; BEGIN FOR r IN SELECT c.relname FROM pg_class AS c WHERE c.relname = 'users' LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN updated_at timestamptz', r.relname); EXECUTE format('CREATE INDEX %I ON %I (updated_at)', r.relname || '_updated', r.relname); END LOOP; END $$
BEGIN; CREATE TABLE orders (id uuid PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id), total numeric(12, 2) NOT NULL DEFAULT 0, meta jsonb DEFAULT '{}'); CREATE INDEX ON orders USING gin (meta); COMMENT ON TABLE orders IS 'Orders: "all"; of them'; INSERT INTO orders SELECT md5(g::text)::uuid, g, g * 1.5 FROM generate_series(1, 20) AS g; ALTER TABLE orders RENAME TO purchases; INSERT INTO purchases SELECT md5((g + 100)::text)::uuid, 1, 2 FROM generate_series(1, 5) AS g; COMMIT
ALTER TABLE purchases ADD COLUMN n integer; UPDATE purchases SET n = 1; ALTER TABLE purchases ALTER COLUMN n SET NOT NULL; CREATE VIEW big AS SELECT * FROM purchases WHERE total > 10
CREATE PROCEDURE migrate() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE step_one (id integer PRIMARY KEY); INSERT INTO step_one VALUES (1); COMMIT; CREATE TABLE step_two (id integer PRIMARY KEY); INSERT INTO step_two VALUES (2); END $$
CALL migrate()
CREATE FUNCTION make_table(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, public AS $$ BEGIN EXECUTE format('CREATE TABLE %I (id integer PRIMARY KEY, v text)', name); END $$
SELECT make_table('from function'); INSERT INTO app."from function" VALUES (1, 'x')
SET search_path = app, public; CREATE TABLE in_path (id integer PRIMARY KEY); INSERT INTO in_path VALUES (1); RESET search_path
SET datestyle = 'German'; CREATE TABLE dated (id integer PRIMARY KEY, d date DEFAULT '03.02.2024', CHECK (d > '01.02.2020')); INSERT INTO dated (id) VALUES (1); RESET datestyle
SET datestyle = 'ISO, MDY'; SET timezone = 'GMT'; CREATE TABLE dated_ordinary (id integer PRIMARY KEY, d date DEFAULT '02/03/2024', at timestamptz DEFAULT '2024-02-03 00:00', CHECK (d > '01/02/2020')); INSERT INTO dated_ordinary (id) VALUES (1); RESET datestyle; RESET timezone
SET timezone = 'America/New_York'; CREATE TABLE zoned (id integer PRIMARY KEY, t timestamptz DEFAULT '2024-01-01 00:00'); INSERT INTO zoned (id) VALUES (1); RESET timezone
OPTIONS standard_conforming_strings=off CREATE TABLE backslashed (id integer PRIMARY KEY, v text DEFAULT 'a\'b')
BEGIN; CREATE TABLE swap_new (LIKE users INCLUDING ALL); INSERT INTO swap_new SELECT * FROM users; ALTER TABLE purchases DROP CONSTRAINT orders_user_id_fkey; DROP TABLE users CASCADE; ALTER TABLE swap_new RENAME TO users; COMMIT
UPDATE purchases SET total = total + 1 WHERE user_id < 5
BEGIN; DROP TABLE dated; CREATE TABLE dated (id text PRIMARY KEY); INSERT INTO dated VALUES ('new'); DROP TABLE dated; CREATE TABLE dated (id date PRIMARY KEY); INSERT INTO dated VALUES ('2020-01-01'); COMMIT
CREATE TEMPORARY TABLE scratch (id integer); ALTER TABLE scratch ADD v text; INSERT INTO scratch VALUES (1, 'x'); DROP TABLE scratch
CREATE TABLE empty_first (v text); ALTER TABLE empty_first ADD COLUMN id bigserial PRIMARY KEY; ALTER TABLE empty_first ADD COLUMN at timestamptz DEFAULT clock_timestamp(); INSERT INTO empty_first (v) VALUES ('a')
CREATE SCHEMA IF NOT EXISTS app
CREATE SCHEMA not_carried; CREATE TABLE not_carried.t (id integer PRIMARY KEY); INSERT INTO not_carried.t VALUES (1); DROP SCHEMA not_carried CASCADE
CREATE EXTENSION IF NOT EXISTS citext
CREATE TABLE with_citext (id integer PRIMARY KEY, c citext UNIQUE); INSERT INTO with_citext VALUES (1, 'Abc')
CREATE EXTENSION pg_trgm SCHEMA app
CREATE INDEX ON users USING gin (email app.gin_trgm_ops)
DROP EXTENSION pg_trgm CASCADE
CREATE PUBLICATION pub FOR TABLE users
ALTER PUBLICATION pub ADD TABLE purchases
COMMENT ON PUBLICATION pub IS 'not carried'
DROP PUBLICATION pub
CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere password=secret' PUBLICATION pub WITH (connect = false)
ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub
CREATE EXTENSION postgres_fdw
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere', dbname 'x')
CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user 'u', password 'secret')
CREATE FOREIGN TABLE far_table (id integer, v text) SERVER far OPTIONS (table_name 't')
ALTER FOREIGN TABLE far_table ADD COLUMN w integer
ALTER SERVER far OPTIONS (SET host 'elsewhere')
ALTER USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (SET password 'other')
GRANT USAGE ON FOREIGN SERVER far TO app_owner
DROP USER MAPPING FOR CURRENT_USER SERVER far
DROP SERVER far CASCADE
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$
CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION on_ddl()
DROP EVENT TRIGGER mine
