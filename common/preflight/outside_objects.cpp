// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/outside_objects.hpp"

namespace ardent::preflight {

// `root`: what is outside, and of what is inside, what takes a superuser (`itself`). `reach`: all
// that depends on these, by pg_depend. A view depends by its rule, a table by its columns, defaults
// and checks; who uses a relation as a type depends on its row type.
//
// Types of arrays, rows and multiranges are not looked at by themselves: they belong to what they
// are made of, also to an extension's, and pg_depend does not say so of them.
//
// Left out of it: a sequence that a column elsewhere owns (it is carried without the owner), and
// what depends internally, which goes with its owner.
const char* const k_outside_objects = R"sql(
WITH RECURSIVE carried (oid) AS (
    SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = ANY ($1::pg_catalog.text[])
), foreign_schema (oid) AS (
    SELECT n.oid
      FROM pg_catalog.pg_namespace AS n
     WHERE n.oid NOT IN (SELECT c.oid FROM carried AS c)
       AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'ardent')
), excluded (oid) AS (
    SELECT c.oid
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.oid IN (SELECT k.oid FROM carried AS k)
       AND n.nspname || '.' || c.relname = ANY ($2::pg_catalog.text[])
), member (classid, objid) AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'
), object (classid, objid, namespace, superuser) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, c.relnamespace, false
      FROM pg_catalog.pg_class AS c
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typnamespace, t.typtype = 'b'
      FROM pg_catalog.pg_type AS t
      LEFT JOIN pg_catalog.pg_class AS r ON r.oid = t.typrelid
      LEFT JOIN pg_catalog.pg_type AS e ON e.typarray = t.oid
     WHERE e.oid IS NULL AND t.typtype <> 'm' AND (t.typrelid = 0 OR r.relkind = 'c')
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.pronamespace,
           p.proleakproof OR p.prosupport <> 0
           -- an aggregate has a language, too, and takes no superuser
           OR p.prokind <> 'a' AND p.prolang IN (SELECT l.oid FROM pg_catalog.pg_language AS l
                                                  WHERE l.lanname IN ('c', 'internal'))
           OR EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) AS s (setting)
                       WHERE s.setting ~ '^[^=]*[.]')
      FROM pg_catalog.pg_proc AS p
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, o.oprnamespace, false
      FROM pg_catalog.pg_operator AS o
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, o.opcnamespace, true
      FROM pg_catalog.pg_opclass AS o
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, o.opfnamespace, true
      FROM pg_catalog.pg_opfamily AS o
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, o.oid, o.collnamespace, false
      FROM pg_catalog.pg_collation AS o
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, o.oid, o.cfgnamespace, false
      FROM pg_catalog.pg_ts_config AS o
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, o.oid, o.dictnamespace, false
      FROM pg_catalog.pg_ts_dict AS o
    UNION ALL
    SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, o.oid, o.prsnamespace, true
      FROM pg_catalog.pg_ts_parser AS o
    UNION ALL
    SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, o.oid, o.tmplnamespace, true
      FROM pg_catalog.pg_ts_template AS o
), root (classid, objid, itself) AS (
    SELECT o.classid, o.objid, o.superuser AND o.namespace IN (SELECT k.oid FROM carried AS k)
      FROM object AS o
     WHERE (o.namespace IN (SELECT f.oid FROM foreign_schema AS f)
            OR (o.superuser AND o.namespace IN (SELECT k.oid FROM carried AS k))
            OR (o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                AND o.objid IN (SELECT x.oid FROM excluded AS x)))
       AND (o.classid, o.objid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, k.oid, true
      FROM pg_catalog.pg_cast AS k
     WHERE k.oid >= 16384
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t
                        WHERE t.oid IN (k.castsource, k.casttarget)
                          AND t.typnamespace IN (SELECT c.oid FROM carried AS c)
                          AND (1247, t.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m))
       AND (2605, k.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
), reach (classid, objid, itself, by_class, by_object) AS (
    SELECT r.classid, r.objid, r.itself, 0::pg_catalog.oid, 0::pg_catalog.oid FROM root AS r
    UNION
    SELECT k.classid, k.objid, true, r.classid, r.objid
      FROM reach AS r
     CROSS JOIN LATERAL (
           SELECT r.classid, r.objid
            UNION ALL
           SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype
             FROM pg_catalog.pg_class AS c
            WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = r.objid
              AND c.reltype <> 0
            UNION ALL
           SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.typarray
             FROM pg_catalog.pg_type AS t
            WHERE t.typarray <> 0
              AND ((r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = r.objid)
                   OR (r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                       AND t.oid = (SELECT c.reltype FROM pg_catalog.pg_class AS c
                                     WHERE c.oid = r.objid)))
           ) AS needed (classid, objid)
      JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = needed.classid AND d.refobjid = needed.objid
       AND d.deptype IN ('n', 'a', 'P', 'S')
      LEFT JOIN pg_catalog.pg_rewrite AS w
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
      LEFT JOIN pg_catalog.pg_constraint AS n
        ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND n.oid = d.objid
     CROSS JOIN LATERAL (
           SELECT CASE WHEN w.rulename = '_RETURN'
                       THEN 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                       ELSE d.classid END,
                  CASE WHEN w.rulename = '_RETURN' THEN w.ev_class ELSE d.objid END
           ) AS k (classid, objid)
     CROSS JOIN LATERAL (
           SELECT CASE k.classid
                  WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN k.objid
                  WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN w.ev_class
                  WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN n.conrelid
                  WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass
                  THEN (SELECT t.tgrelid FROM pg_catalog.pg_trigger AS t WHERE t.oid = k.objid)
                  WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass
                  THEN (SELECT p.polrelid FROM pg_catalog.pg_policy AS p WHERE p.oid = k.objid)
                  WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                  THEN (SELECT a.adrelid FROM pg_catalog.pg_attrdef AS a WHERE a.oid = k.objid)
                  END
           ) AS l (relation)
     CROSS JOIN LATERAL (
           SELECT CASE
                  WHEN l.relation <> 0
                  THEN (SELECT c.relnamespace FROM pg_catalog.pg_class AS c
                         WHERE c.oid = l.relation AND c.relkind <> 'S'
                           AND c.oid NOT IN (SELECT x.oid FROM excluded AS x))
                  WHEN n.contypid <> 0
                  THEN (SELECT t.typnamespace FROM pg_catalog.pg_type AS t WHERE t.oid = n.contypid)
                  WHEN k.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
                  THEN (SELECT s.stxnamespace FROM pg_catalog.pg_statistic_ext AS s
                         WHERE s.oid = k.objid)
                  WHEN k.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass
                  THEN (SELECT t.typnamespace
                          FROM pg_catalog.pg_cast AS x
                          JOIN pg_catalog.pg_type AS t ON t.oid IN (x.castsource, x.casttarget)
                         WHERE x.oid = k.objid
                           AND t.typnamespace IN (SELECT c.oid FROM carried AS c)
                         LIMIT 1)
                  ELSE (SELECT o.namespace FROM object AS o
                         WHERE o.classid = k.classid AND o.objid = k.objid)
                  END
           ) AS s (namespace)
     WHERE s.namespace IN (SELECT c.oid FROM carried AS c)
       AND (k.classid, k.objid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
       AND NOT (needed.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND NOT r.itself
                AND (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                     OR (n.contype = 'c' AND n.conrelid <> 0) IS TRUE
                     OR (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                         AND d.objsubid > 0)))
), gone AS (
    SELECT DISTINCT ON (r.classid, r.objid) r.classid, r.objid, r.by_class, r.by_object
      FROM reach AS r
     WHERE r.itself
     ORDER BY r.classid, r.objid, r.by_class, r.by_object
)
SELECT g.classid, g.objid, a.type,
       pg_catalog.to_json(a.object_names), pg_catalog.to_json(a.object_args),
       i.identity,
       CASE WHEN (1259, p.relation) IN (SELECT o.classid, o.objid FROM gone AS o) THEN ''
            WHEN g.by_object = 0 THEN 'it takes a superuser to make'
            ELSE 'it needs ' || pg_catalog.pg_describe_object(g.by_class, g.by_object, 0) END,
       CASE
       WHEN (1259, p.relation) IN (SELECT o.classid, o.objid FROM gone AS o) THEN false
       WHEN g.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
       THEN (SELECT c.relkind IN ('r', 'p') OR x.indisunique IS TRUE AND t.relkind IN ('r', 'p')
               FROM pg_catalog.pg_class AS c
               LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid = c.oid
               LEFT JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
              WHERE c.oid = g.objid)
       WHEN g.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
       THEN (SELECT c.relkind IN ('r', 'p')
               FROM pg_catalog.pg_attrdef AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.adrelid
              WHERE d.oid = g.objid)
       WHEN g.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
       THEN (SELECT n.contype <> 'f' FROM pg_catalog.pg_constraint AS n WHERE n.oid = g.objid)
       ELSE false END
  FROM gone AS g
 CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(g.classid, g.objid, 0) AS a
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(g.classid, g.objid, 0) AS i
 CROSS JOIN LATERAL (
       SELECT CASE g.classid
              WHEN 'pg_catalog.pg_class'::pg_catalog.regclass
              THEN (SELECT x.indrelid FROM pg_catalog.pg_index AS x WHERE x.indexrelid = g.objid)
              WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass
              THEN (SELECT w.ev_class FROM pg_catalog.pg_rewrite AS w WHERE w.oid = g.objid)
              WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass
              THEN (SELECT n.conrelid FROM pg_catalog.pg_constraint AS n WHERE n.oid = g.objid)
              WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass
              THEN (SELECT t.tgrelid FROM pg_catalog.pg_trigger AS t WHERE t.oid = g.objid)
              WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass
              THEN (SELECT q.polrelid FROM pg_catalog.pg_policy AS q WHERE q.oid = g.objid)
              WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass
              THEN (SELECT d.adrelid FROM pg_catalog.pg_attrdef AS d WHERE d.oid = g.objid)
              END
       ) AS p (relation)
 WHERE i.identity IS NOT NULL
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, h.inhrelid, 'table',
       pg_catalog.json_build_array(cn.nspname, c.relname), '[]'::pg_catalog.json,
       pg_catalog.format('%I.%I', cn.nspname, c.relname),
       'it is not carried, and its rows are read through ' ||
       pg_catalog.format('%I.%I', pn.nspname, p.relname),
       true
  FROM pg_catalog.pg_inherits AS h
  JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
  JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
  JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
 WHERE p.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND p.relnamespace IN (SELECT k.oid FROM carried AS k)
   AND p.oid NOT IN (SELECT x.oid FROM excluded AS x)
   AND (c.relnamespace NOT IN (SELECT k.oid FROM carried AS k)
        OR c.oid IN (SELECT x.oid FROM excluded AS x))
 ORDER BY 6, 3
)sql";

}  // namespace ardent::preflight
