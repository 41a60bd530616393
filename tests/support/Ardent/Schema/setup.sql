CREATE ROLE ddl_owner; CREATE ROLE ddl_reader; CREATE ROLE "Ddl Other";
CREATE SCHEMA app AUTHORIZATION ddl_owner;
CREATE SCHEMA elsewhere; CREATE SCHEMA tools;
GRANT CREATE, USAGE ON SCHEMA public, app TO ddl_owner, ddl_reader, "Ddl Other";
GRANT USAGE ON SCHEMA tools TO PUBLIC;
CREATE TABLE public.first (id integer PRIMARY KEY, v text, k1 integer DEFAULT 5);
INSERT INTO public.first SELECT g, 'v' || g FROM generate_series(1, 20) AS g;
CREATE TABLE app.second (id serial PRIMARY KEY, k1 numeric(10, 2), k2 timestamptz DEFAULT now());
INSERT INTO app.second (k1) SELECT g FROM generate_series(1, 20) AS g;

-- A value of the type, as an expression.
CREATE FUNCTION tools.value(kind oid) RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $f$
SELECT CASE
           WHEN typtype = 'd' THEN tools.value(typbasetype)
           WHEN typtype = 'e' THEN COALESCE((SELECT quote_literal(enumlabel) FROM pg_enum WHERE enumtypid = kind ORDER BY random() LIMIT 1), 'NULL')
           WHEN typname IN ('int2', 'int4', 'int8', 'numeric', 'float4', 'float8') THEN (random() * 700)::integer::text
           WHEN typname = 'money' THEN '''1.50'''
           WHEN typname IN ('text', 'varchar', 'bpchar', 'name', 'char') THEN quote_literal(left(md5(random()::text), 3))
           WHEN typname = 'bool' THEN (random() < 0.5)::text
           WHEN typname IN ('date', 'timestamp', 'timestamptz') THEN quote_literal(now() - random() * interval '900 days')
           WHEN typname = 'interval' THEN '''3 days'''
           WHEN typname = 'uuid' THEN quote_literal(md5(random()::text))
           WHEN typname = 'jsonb' THEN quote_literal('{"a": [1, 2.50, null]}')
           WHEN typname = 'bytea' THEN quote_literal('\x' || md5(random()::text))
           WHEN typname = 'inet' THEN '''10.1.2.3/8'''
           WHEN typname = 'tsvector' THEN '''a:1 b:2'''
           WHEN typtype = 'r' THEN '''empty'''
           WHEN typcategory = 'A' THEN '''{}'''
           ELSE 'NULL'
       END || CASE WHEN typcategory IN ('C', 'A', 'R') OR typtype IN ('d', 'e') THEN '::' || format_type(kind, NULL) ELSE '' END
  FROM pg_type WHERE oid = kind
$f$;

CREATE FUNCTION tools.attempt(statement text) RETURNS integer LANGUAGE plpgsql AS $f$
DECLARE n integer;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
EXCEPTION WHEN OTHERS THEN RETURN 0;
END $f$;

-- Inserts, updates and deletes rows of some tables; how many. What a table refuses is not there.
CREATE FUNCTION tools.write_rows(tables integer) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog AS $f$
DECLARE
    t record;
    names text;
    vals text;
    done integer := 0;
    few CONSTANT text := ' WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s ORDER BY random() LIMIT 2))';
BEGIN
    FOR t IN SELECT c.oid, format('%I.%I', c.relnamespace::regnamespace, c.relname) AS name, c.relkind,
                    c.relreplident = 'f' OR EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND c.relreplident = 'd' AND i.indisprimary) AS keyed
               FROM pg_class AS c WHERE c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace) AND c.relkind IN ('r', 'p') AND c.relname <> 'beacon'
              ORDER BY random() LIMIT tables
    LOOP
        SELECT string_agg(quote_ident(attname), ', '), string_agg(tools.value(atttypid), ', ') INTO names, vals
          FROM pg_attribute
         WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' AND (NOT atthasdef OR random() < 0.5);
        IF names IS NULL THEN
            done := done + tools.attempt(format('INSERT INTO %s DEFAULT VALUES', t.name));
        ELSE
            done := done + tools.attempt(format('INSERT INTO %s (%s) SELECT %s FROM generate_series(1, 1 + (random() * 2)::integer)', t.name, names, vals));
        END IF;
        CONTINUE WHEN NOT t.keyed OR t.relkind = 'p';
        SELECT format('%I = %s', attname, tools.value(atttypid)) INTO vals
          FROM pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' ORDER BY random() LIMIT 1;
        IF vals IS NOT NULL THEN
            done := done + tools.attempt(format('UPDATE ONLY %s SET %s' || few, t.name, vals, t.name));
        END IF;
        IF random() < 0.3 THEN
            done := done + tools.attempt(format('DELETE FROM ONLY %s' || few, t.name, t.name));
        END IF;
    END LOOP;
    RETURN done;
END $f$;
