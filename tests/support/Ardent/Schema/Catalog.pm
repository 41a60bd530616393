# SPDX-License-Identifier: PostgreSQL
# What is in the carried schemas now, as the next random statement picks from it.
#
#   my $catalog = Ardent::Schema::Catalog->read($conninfo, 'public', 'app');
#   my $table = $catalog->any($dice, 'table');   # { name => 'app."Odd t1"', … } or undef
package Ardent::Schema::Catalog;
use strict;
use warnings;
use Carp;
use IPC::Run;
use JSON::PP;

# One row a kind of object: its name as SQL takes it, and what statements about it need.
my $query = <<'SQL';
WITH carried AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN (%s)),
     relation AS (
         SELECT c.oid, c.relkind, c.relpersistence, c.relispartition, format('%%I.%%I', s.nspname, c.relname) AS name,
                c.relname, s.nspname, pg_get_userbyid(c.relowner) AS owner,
                (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary) AS key, c.relreplident
           FROM pg_class AS c JOIN carried AS s ON s.oid = c.relnamespace
          WHERE c.relname <> 'beacon' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
     ),
     col AS (
         SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attgenerated, a.attidentity, a.attnotnull,
                a.atthasdef, a.attinhcount, a.attnum, a.attnum = ANY (COALESCE(k.indkey::int2[], '{}')) AS key
           FROM pg_attribute AS a LEFT JOIN pg_index AS k ON k.indrelid = a.attrelid AND k.indisprimary
          WHERE a.attnum > 0 AND NOT a.attisdropped
     ),
     columns_of AS (
         SELECT attrelid, json_agg(json_build_object('name', quote_ident(attname), 'type', type, 'generated', attgenerated, 'identity',
                attidentity, 'default', atthasdef, 'inherited', attinhcount > 0, 'key', key) ORDER BY attnum) AS columns
           FROM col GROUP BY attrelid
     )
SELECT json_build_object(
    'table', (SELECT json_agg(json_build_object('name', name, 'schema', quote_ident(nspname), 'bare', quote_ident(relname),
                  'partitioned', relkind = 'p', 'partition', relispartition, 'unlogged', relpersistence = 'u', 'columns', columns,
                  'owner', quote_ident(owner), 'keyed', key IS NOT NULL,
                  'bound', pg_get_partkeydef(oid)) ORDER BY name)
                FROM relation JOIN columns_of ON attrelid = oid WHERE relkind IN ('r', 'p')),
    'view', (SELECT json_agg(json_build_object('name', name, 'schema', quote_ident(nspname), 'bare', quote_ident(relname), 'columns', columns,
                  'materialized', relkind = 'm') ORDER BY name)
               FROM relation LEFT JOIN columns_of ON attrelid = oid WHERE relkind IN ('v', 'm')),
    'sequence', (SELECT json_agg(json_build_object('name', name, 'schema', quote_ident(nspname), 'bare', quote_ident(relname)) ORDER BY name)
                   FROM relation WHERE relkind = 'S'
                    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = relation.oid AND d.deptype IN ('i', 'a'))),
    'index', (SELECT json_agg(json_build_object('name', name, 'schema', quote_ident(nspname), 'bare', quote_ident(relname),
                  'table', indrelid::regclass, 'unique', indisunique, 'of_constraint', EXISTS (SELECT FROM pg_constraint WHERE conindid = relation.oid),
                  'partitioned', relkind = 'I', 'plain', indpred IS NULL AND indexprs IS NULL) ORDER BY name)
                FROM relation JOIN pg_index ON indexrelid = oid WHERE relkind IN ('i', 'I')),
    'constraint', (SELECT json_agg(json_build_object('name', quote_ident(conname), 'table', r.name, 'kind', contype, 'valid', convalidated,
                       'inherited', coninhcount > 0) ORDER BY r.name, conname)
                     FROM pg_constraint JOIN relation AS r ON r.oid = conrelid WHERE contype IN ('c', 'f', 'u', 'p', 'x')),
    'type', (SELECT json_agg(json_build_object('name', format('%%I.%%I', s.nspname, typname), 'schema', quote_ident(s.nspname),
                 'bare', quote_ident(typname), 'kind', CASE WHEN typtype = 'c' THEN 'c' ELSE typtype::text END,
                 'labels', (SELECT json_agg(quote_literal(enumlabel) ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
                 'columns', (SELECT columns FROM columns_of WHERE attrelid = t.typrelid)) ORDER BY s.nspname, typname)
               FROM pg_type AS t JOIN carried AS s ON s.oid = typnamespace LEFT JOIN pg_class AS c ON c.oid = typrelid
              WHERE typtype IN ('e', 'd', 'r') OR c.relkind = 'c'),
    'routine', (SELECT json_agg(json_build_object('name', p.oid::regprocedure, 'kind', prokind, 'trigger', prorettype = 'trigger'::regtype,
                    'schema', quote_ident(s.nspname), 'none', pronargs = 0) ORDER BY p.oid::regprocedure::text)
                  FROM pg_proc AS p JOIN carried AS s ON s.oid = pronamespace
                 WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype IN ('e', 'i'))),
    'trigger', (SELECT json_agg(json_build_object('name', quote_ident(tgname), 'table', r.name) ORDER BY r.name, tgname)
                  FROM pg_trigger JOIN relation AS r ON r.oid = tgrelid WHERE NOT tgisinternal),
    'policy', (SELECT json_agg(json_build_object('name', quote_ident(polname), 'table', r.name) ORDER BY r.name, polname)
                 FROM pg_policy JOIN relation AS r ON r.oid = polrelid),
    'rule', (SELECT json_agg(json_build_object('name', quote_ident(rulename), 'table', r.name) ORDER BY r.name, rulename)
               FROM pg_rewrite JOIN relation AS r ON r.oid = ev_class WHERE rulename <> '_RETURN'),
    'statistics', (SELECT json_agg(json_build_object('name', format('%%I.%%I', s.nspname, stxname)) ORDER BY stxname)
                     FROM pg_statistic_ext JOIN carried AS s ON s.oid = stxnamespace),
    'partition', (SELECT json_agg(json_build_object('name', c.name, 'of', p.name) ORDER BY c.name)
                    FROM pg_inherits JOIN relation AS c ON c.oid = inhrelid JOIN relation AS p ON p.oid = inhparent WHERE p.relkind = 'p' AND c.relkind IN ('r', 'p')),
    'child', (SELECT json_agg(json_build_object('name', c.name, 'of', p.name) ORDER BY c.name)
                FROM pg_inherits JOIN relation AS c ON c.oid = inhrelid JOIN relation AS p ON p.oid = inhparent WHERE p.relkind = 'r'))
SQL

sub read
{
	my ($class, $conninfo, @schemas) = @_;
	my $sql = sprintf $query, join ', ', map { "'$_'" } @schemas;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $conninfo, '-c', 'SET search_path = pg_catalog', '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err) or croak "psql: $err";
	return bless { of => decode_json($out), schemas => [@schemas] }, $class;
}

sub all { my ($self, $kind) = @_; return @{ $self->{of}{$kind} // [] }; }

# One of a kind, of those that the filter lets through; undef when there is none.
sub any
{
	my ($self, $dice, $kind, $filter) = @_;
	my @all = grep { !$filter || $filter->($_) } $self->all($kind);
	return @all ? $dice->pick(@all) : undef;
}

1;
