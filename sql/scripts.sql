-- The scripts for the DBA. That they do what they say is tested in tests/tap/preflight_closed_loop.pl.
SET client_min_messages = warning;
CREATE SCHEMA "Odd ""one";
CREATE ROLE "regress Owner";
GRANT USAGE, CREATE ON SCHEMA "Odd ""one" TO "regress Owner";
SET ROLE "regress Owner";
CREATE TABLE "Odd ""one".t (i int PRIMARY KEY);
RESET ROLE;
-- of a role that does not exist everything is missing; the plugin is allowed to every role of this server
SELECT replace(replace(script, current_database(), 'DB'), current_user, 'ME')
  FROM ardent_grant_script('"Odd ""one",missing,pg_toast', 'regress It''s') AS script;
-- older minor releases do not know output_plugin_libraries: that part is there where the server does
SELECT script ~ 'SET output_plugin_libraries = ' = EXISTS (SELECT FROM pg_settings WHERE name = 'output_plugin_libraries') AS plugin
  FROM ardent_grant_script('public', 'regress It''s', full => true) AS script;
-- no password is ever in it, and no SUPERUSER or CREATE is asked for
SELECT s ~* 'superuser;|with superuser|grant create' AS asks_too_much, s ~* 'password ''' AS has_password
  FROM ardent_grant_script('public') AS s;
SELECT ardent_settings_script();
-- pg_hba.conf
SELECT replace(ardent_hba_lines('regress "x', a), current_database(), 'DB')
  FROM unnest(ARRAY['10.1.2.3', '10.0.0.0/8', 'fd00::5', 'host.example.com', 'samenet', 'local']) AS a;
SELECT ardent_hba_lines('r', E'10.0.0.1\nhost all all all trust');
SELECT ardent_hba_lines('r', '10.0.0.1 trust #');
SELECT ardent_hba_lines('r', '');
SELECT ardent_hba_lines('r', NULL);
SELECT ardent_hba_lines(E'a\nb', 'local');
DROP SCHEMA "Odd ""one" CASCADE;
DROP ROLE "regress Owner";
