-- SPDX-License-Identifier: PostgreSQL
-- What the sessions of ddl.pl find: two owners, a schema that is not carried, and tables that all of them change.
CREATE ROLE load_owner;
CREATE ROLE load_reader;
CREATE SCHEMA app;
CREATE SCHEMA elsewhere;
GRANT CREATE, USAGE ON SCHEMA public, app, elsewhere TO load_owner;
SET ROLE load_owner;
CREATE TABLE public.shared (id integer PRIMARY KEY, v text);
CREATE TABLE public.shared_list (id integer, who integer, PRIMARY KEY (id, who)) PARTITION BY LIST (who);
CREATE TABLE public.ledger (session text, n integer, statements integer, PRIMARY KEY (session, n));
CREATE FUNCTION public.shared_function() RETURNS integer LANGUAGE sql AS 'SELECT 0';
RESET ROLE;
