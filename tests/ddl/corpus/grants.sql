CREATE TABLE guarded (id integer PRIMARY KEY, v text)
GRANT SELECT ON guarded TO app_owner
GRANT INSERT, UPDATE (v) ON guarded TO app_owner WITH GRANT OPTION
REVOKE INSERT ON guarded FROM app_owner CASCADE
GRANT SELECT ON ALL TABLES IN SCHEMA app TO reporting
CREATE ROLE made_later; GRANT SELECT ON guarded TO made_later
GRANT USAGE ON SCHEMA app TO reporting
REVOKE ALL ON SCHEMA app FROM PUBLIC
GRANT USAGE, CREATE ON SCHEMA public TO app_owner
CREATE FUNCTION granted() RETURNS integer LANGUAGE sql AS 'SELECT 1'
REVOKE EXECUTE ON FUNCTION granted() FROM PUBLIC
GRANT EXECUTE ON FUNCTION granted() TO reporting
CREATE SEQUENCE counted_seq; GRANT USAGE ON SEQUENCE counted_seq TO reporting
CREATE TYPE granted_type AS ENUM ('a'); REVOKE USAGE ON TYPE granted_type FROM PUBLIC
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reporting
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA app GRANT INSERT ON TABLES TO reporting
CREATE TABLE app.by_default (id integer PRIMARY KEY)
SET ROLE app_owner; CREATE TABLE app.by_owner (id integer PRIMARY KEY); RESET ROLE
ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM reporting
ALTER TABLE guarded OWNER TO app_owner
ALTER TABLE app.by_default OWNER TO reporting
ALTER FUNCTION granted() OWNER TO app_owner
ALTER TYPE granted_type OWNER TO reporting
ALTER SEQUENCE counted_seq OWNER TO app_owner
SET ROLE app_owner; GRANT DELETE ON guarded TO reporting; ALTER TABLE guarded ADD w integer; RESET ROLE
ALTER TABLE guarded ADD x integer
CREATE INDEX ON guarded (w)
CREATE TABLE refers (id integer PRIMARY KEY REFERENCES guarded)
CREATE VIEW on_guarded AS SELECT * FROM guarded
GRANT SELECT ON on_guarded TO PUBLIC
SET ROLE member_of_owner; ALTER TABLE app.by_owner ADD c integer; RESET ROLE
COMMENT ON SCHEMA app IS 'the application'
SET ROLE app_owner; CREATE TABLE app.drop_owned (id integer); RESET ROLE
CREATE ROLE leaving; CREATE ROLE staying; GRANT USAGE, CREATE ON SCHEMA app TO leaving
SET ROLE leaving; CREATE TABLE app.left_behind (id integer PRIMARY KEY); CREATE TABLE app.to_go (id integer); CREATE FUNCTION app.left_too() RETURNS integer LANGUAGE sql AS 'SELECT 1'; RESET ROLE
CREATE TABLE app.first_of_session (id integer); REASSIGN OWNED BY leaving TO staying
SET ROLE leaving; CREATE TABLE app.dropped_with_owner (id integer); RESET ROLE
DROP OWNED BY leaving
