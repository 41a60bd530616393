-- What CREATE EXTENSION lays down: user functions in its schema, the rest in the schema ardent, no table.
CREATE EXTENSION ardent;
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS object
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
 WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'ardent' AND d.deptype = 'e'
   AND d.classid <> 'pg_type'::regclass  -- from 18 on a view's row type is told apart
 ORDER BY pg_catalog.pg_describe_object(d.classid, d.objid, 0) COLLATE "C";
-- every function pins its search_path, and PUBLIC may run what only reads
SELECT p.proname, p.provolatile, p.prosecdef, p.proconfig,
       has_function_privilege('public', p.oid, 'EXECUTE') AS public
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'ardent'
 ORDER BY p.proname;
-- it may live in any schema, and goes without a trace
DROP EXTENSION ardent;
SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'ardent';
CREATE SCHEMA tools;
CREATE EXTENSION ardent SCHEMA tools;
SELECT count(*) > 0 AS works FROM tools.ardent_preflight();
DROP EXTENSION ardent;
DROP SCHEMA tools;
-- nobody's schema is adopted
\set SHOW_CONTEXT never
CREATE SCHEMA ardent;
CREATE EXTENSION ardent;
DROP SCHEMA ardent;
CREATE EXTENSION ardent;
