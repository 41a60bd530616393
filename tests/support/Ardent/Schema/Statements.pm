# SPDX-License-Identifier: PostgreSQL
# Random statements of DDL over whatever is there: about every kind of object that a carried schema can have. Many fail
# (the server says why), which is as it should be: what fails must leave nothing in the replica either.
#
#   my $sql = Ardent::Schema::Statements::statement($dice, $catalog, $major);
package Ardent::Schema::Statements;
use strict;
use warnings;

my @plain_types = ('integer', 'bigint', 'text', 'varchar(20)', 'numeric(10, 2)', 'boolean', 'date', 'timestamptz', 'timestamp', 'uuid', 'jsonb',
	'float8', 'real', 'bytea', 'integer[]', 'text[]', 'interval', 'char(3)', 'inet', 'int4range', '"char"', 'name', 'smallint', 'money', 'tsvector');
my @roles = ('ddl_owner', 'ddl_reader', '"Ddl Other"');
my @grantees = (@roles, 'PUBLIC');

# A name that may be taken: few, so that objects meet.
sub fresh
{
	my ($dice, $catalog, $letter) = @_;
	my $name = $dice->pick("$letter" . $dice->between(1, 4), "\"Odd $letter" . $dice->between(1, 2) . '"', "select_$letter" . $dice->between(1, 2));
	return $dice->pick(@{ $catalog->{schemas} }) . ".$name";
}

sub bare { my ($dice, $letter) = @_; return $dice->pick("$letter" . $dice->between(1, 5), "\"Odd $letter" . $dice->between(1, 2) . '"'); }

sub type
{
	my ($dice, $catalog) = @_;
	my $own = $dice->chance(0.25) ? $catalog->any($dice, 'type') : undef;
	return $own ? $own->{name} . ($dice->chance(0.15) ? '[]' : '') : $dice->pick(@plain_types);
}

# A default for a column of the type: constants, the clock, the session, chance, functions, sequences.
sub default_for
{
	my ($dice, $catalog, $type) = @_;
	my %by_type = (
		integer => [ '0', '-1', '(random() * 100)::integer', 'length(CURRENT_USER::text)', 'extract(year FROM now())::integer', 'pg_backend_pid()' ],
		bigint => [ '7', 'txid_current()', '(random() * 1e9)::bigint' ], smallint => ['3'],
		text => [ "'x'", "E'a\\\\b''c'", 'CURRENT_USER', 'now()::text', 'md5(random()::text)', "current_setting('TimeZone')", "('a' || 'b')", 'current_schema()', 'session_user' ],
		'varchar(20)' => [ "'v'", 'CURRENT_USER', "to_char(now(), 'YYYY')" ],
		'numeric(10, 2)' => [ '1.50', 'random()' ], boolean => [ 'true', 'random() < 0.5' ],
		date => [ "'2020-02-29'", 'CURRENT_DATE', "'today'", "('yesterday'::text)::date" ], timestamptz => [ 'now()', 'clock_timestamp()', "'now'", "'2020-01-01 12:00'" ],
		timestamp => [ 'LOCALTIMESTAMP', "'now'", 'now()', "'2021-03-04 05:06:07.89'" ], uuid => ["'00000000-0000-0000-0000-000000000001'", 'md5(random()::text)::uuid'],
		jsonb => [ "'{}'", "jsonb_build_object('at', now())", "'[1, 2.50]'" ], float8 => [ '0.1', 'random()', "'-0'", 'pi()' ], real => ['1.1', 'random()'],
		bytea => [ "'\\x00ff'", "'a'::bytea", "decode(md5(random()::text), 'hex')" ], 'integer[]' => [ "'{1,2}'", 'ARRAY[1, (random() * 9)::integer]' ], 'text[]' => [ "'{}'", 'ARRAY[CURRENT_USER::text]' ],
		interval => [ "'1 day'", 'now() - now()' ], 'char(3)' => ["'ab'"], inet => ["'10.0.0.1'"], int4range => ["'[1,5)'"], money => [ "'1.50'", '2.25' ],
		tsvector => [ "to_tsvector('the cats')", "to_tsvector('simple', 'The cats')", "'a b'" ], name => [ "'n'", 'CURRENT_USER' ], '"char"' => ["'c'"]);
	return $dice->pick(@{ $by_type{$type} }) if $by_type{$type};
	my ($own) = grep { $_->{name} eq $type } $catalog->all('type');
	return $dice->pick(@{ $own->{labels} }) if $own && $own->{labels} && $dice->chance(0.7);
	return 'NULL';
}

sub column_definition
{
	my ($dice, $catalog) = @_;
	my $type = type($dice, $catalog);
	my $text = bare($dice, 'k') . " $type";
	$text .= ' COLLATE "C"' if $type =~ /^(?:text|varchar)/ && $dice->chance(0.2);
	return $text . $dice->pick_weighted(
		'' => 5, ' NOT NULL DEFAULT ' . default_for($dice, $catalog, $type) => 2, ' DEFAULT ' . default_for($dice, $catalog, $type) => 5,
		' UNIQUE' => 1, ' CHECK (' . 'true IS NOT NULL)' => 1);
}

sub column
{
	my ($dice, $table, $filter) = @_;
	my @columns = grep { !$filter || $filter->($_) } @{ $table->{columns} // [] };
	return @columns ? $dice->pick(@columns) : { name => 'id', type => 'integer' };
}

sub partition_bound
{
	my ($dice, $bound) = @_;
	return 'DEFAULT' if $dice->chance(0.2) && $bound !~ /^HASH/;
	my $at = $dice->between(0, 6);
	return "FOR VALUES IN ($at" . ($dice->chance(0.3) ? ', NULL' : '') . ')' if $bound =~ /^LIST/;
	return 'FOR VALUES WITH (MODULUS 4, REMAINDER ' . $dice->below(4) . ')' if $bound =~ /^HASH/;
	return 'FOR VALUES FROM (' . ($dice->chance(0.2) ? 'MINVALUE' : $at * 100) . ') TO (' . ($at + 1) * 100 . ')';
}

# ---------------------------------------------------------------------------------------------------------------
# Kinds: weight => sub (dice, catalog) that gives a statement, or undef when there is nothing that it could be about.

my @kinds;
sub kind { my ($weight, $make) = @_; push @kinds, [ $weight, $make ]; return; }

# A statement about one that is there.
sub about
{
	my ($weight, $what, $make, $filter) = @_;
	kind($weight, sub {
		my ($dice, $catalog) = @_;
		my $one = $catalog->any($dice, $what, $filter);
		return $one && $make->($dice, $catalog, $one);
	});
	return;
}

sub cascade { return $_[0]->pick('', '', ' CASCADE', ' CASCADE', ' RESTRICT'); }

# Tables
kind(10, sub {
	my ($d, $c) = @_;
	my $name = fresh($d, $c, 't');
	my @columns = map { column_definition($d, $c) } 1 .. $d->between(0, 4);
	my $key = $d->pick_weighted('id integer PRIMARY KEY' => 4, 'id serial PRIMARY KEY' => 3, 'id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY' => 3,
		'id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT 3) PRIMARY KEY' => 1, 'id integer' => 1, "id integer, at date DEFAULT now(), PRIMARY KEY (id, at)" => 1);
	my $kind = $d->pick_weighted('' => 12, ' UNLOGGED' => 1);
	my $options = $d->pick_weighted('' => 8, ' WITH (fillfactor = 70)' => 1, ' WITH (autovacuum_enabled = off)' => 1);
	return "CREATE$kind TABLE " . ($d->chance(0.2) ? 'IF NOT EXISTS ' : '') . "$name (" . join(', ', $key, @columns) . ")$options";
});
kind(3, sub {
	my ($d, $c) = @_;
	my $by = $d->pick('RANGE (id)', 'LIST (id)', 'HASH (id)');
	return 'CREATE TABLE ' . fresh($d, $c, 'p') . ' (id integer PRIMARY KEY, ' . column_definition($d, $c) . ") PARTITION BY $by";
});
about(8, 'table', sub {
	my ($d, $c, $t) = @_;
	my $sub = $d->chance(0.2) ? ' PARTITION BY ' . $d->pick('RANGE (id)', 'HASH (id)') : '';
	return 'CREATE TABLE ' . fresh($d, $c, 'q') . " PARTITION OF $t->{name} " . partition_bound($d, $t->{bound}) . $sub;
}, sub { $_[0]{partitioned} });
about(2, 'partition', sub { my ($d, $c, $p) = @_; return "ALTER TABLE $p->{of} DETACH PARTITION $p->{name}"; });
about(3, 'table', sub {
	my ($d, $c, $t) = @_;
	my $one = $c->any($d, 'table', sub { !$_[0]{partition} && $_[0]{name} ne $t->{name} }) or return;
	return "ALTER TABLE $t->{name} ATTACH PARTITION $one->{name} " . partition_bound($d, $t->{bound});
}, sub { $_[0]{partitioned} });
about(3, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE TABLE ' . fresh($d, $c, 't') . " (LIKE $t->{name}" . $d->pick('', ' INCLUDING ALL', ' INCLUDING DEFAULTS INCLUDING INDEXES') . ')'; });
about(2, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE TABLE ' . fresh($d, $c, 't') . " AS SELECT *, now() AS made FROM $t->{name}"; });
about(2, 'view', sub { my ($d, $c, $v) = @_; return 'CREATE TABLE ' . fresh($d, $c, 't') . " AS TABLE $v->{name}" . $d->pick('', ' WITH NO DATA'); });
about(2, 'table', sub { my ($d, $c, $t) = @_; return 'SELECT * INTO ' . fresh($d, $c, 't') . " FROM $t->{name}"; });
about(3, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE TABLE ' . fresh($d, $c, 't') . ' (' . column_definition($d, $c) . ") INHERITS ($t->{name})"; }, sub { !$_[0]{partitioned} && !$_[0]{partition} });
about(1, 'child', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} NO INHERIT $t->{of}"; });
about(5, 'table', sub { my ($d, $c, $t) = @_; return "DROP TABLE $t->{name}" . cascade($d); });
about(1, 'table', sub { my ($d, $c, $t) = @_; my $o = $c->any($d, 'table'); return "DROP TABLE IF EXISTS $t->{name}, public.nothing, $o->{name}" . cascade($d); });
about(16, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} ADD COLUMN " . ($d->chance(0.1) ? 'IF NOT EXISTS ' : '') . column_definition($d, $c); });
about(3, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} ADD COLUMN " . column_definition($d, $c) . ', ADD COLUMN ' . column_definition($d, $c) . ', DROP COLUMN IF EXISTS ' . column($d, $t)->{name}; });
about(3, 'table', sub {
	my ($d, $c, $t) = @_;
	my $from = column($d, $t, sub { $_[0]{generated} eq '' })->{name};
	return "ALTER TABLE $t->{name} ADD COLUMN " . bare($d, 'g') . ' ' . $d->pick("text GENERATED ALWAYS AS (lower(($from)::text)) STORED", "integer GENERATED ALWAYS AS (COALESCE(id, 0) * 2) STORED",
		"boolean GENERATED ALWAYS AS ($from IS NULL) STORED");
});
about(6, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} DROP COLUMN " . column($d, $t, sub { $_[0]{name} ne 'id' })->{name} . cascade($d); });
about(14, 'table', sub {
	my ($d, $c, $t) = @_;
	my $k = column($d, $t, sub { !$_[0]{key} });
	my $type = type($d, $c);
	my $using = $d->pick_weighted('' => 4, " USING ($k->{name})::text::$type" => 5, ' USING NULL' => 2, " USING (" . default_for($d, $c, $type) . ")::$type" => 4);
	$type = 'text', $using = " USING $k->{name}::text || " . $d->pick("'!'", 'now()', 'random()', 'CURRENT_USER', "to_char(now(), 'TZ')") if $d->chance(0.25);
	return "ALTER TABLE $t->{name} ALTER COLUMN $k->{name} TYPE $type$using";
});
about(8, 'table', sub {
	my ($d, $c, $t) = @_;
	my $k = column($d, $t);
	return "ALTER TABLE $t->{name} ALTER COLUMN $k->{name} " . $d->pick('SET DEFAULT ' . default_for($d, $c, $k->{type}), 'DROP DEFAULT', 'SET NOT NULL', 'DROP NOT NULL',
		'SET STATISTICS 50', 'SET STORAGE PLAIN', 'DROP IDENTITY IF EXISTS', 'ADD GENERATED BY DEFAULT AS IDENTITY', 'SET GENERATED ALWAYS', 'DROP EXPRESSION IF EXISTS', 'SET (n_distinct = 5)', 'RESTART WITH 500');
});
about(5, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} RENAME COLUMN " . column($d, $t, sub { $_[0]{name} ne 'id' })->{name} . ' TO ' . bare($d, 'k'); });
about(4, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} RENAME TO " . (fresh($d, $c, 't') =~ s/^\w+\.//r); });
about(3, 'table', sub { my ($d, $c, $t) = @_; return "ALTER TABLE $t->{name} SET SCHEMA " . $d->pick(@{ $c->{schemas} }); });
about(7, 'table', sub {
	my ($d, $c, $t) = @_;
	my $k = column($d, $t);
	my $other = $c->any($d, 'table', sub { $_[0]{keyed} });
	return "ALTER TABLE $t->{name} ADD " . ($d->chance(0.5) ? 'CONSTRAINT ' . bare($d, 'c') . ' ' : '') . $d->pick(
		"CHECK ($k->{name} IS NOT NULL) NOT VALID", "CHECK (id > -5)", "UNIQUE ($k->{name})", "UNIQUE (id, $k->{name}) DEFERRABLE INITIALLY DEFERRED", 'PRIMARY KEY (id)',
		$other ? ("FOREIGN KEY (id) REFERENCES $other->{name} (id) NOT VALID", "FOREIGN KEY (id) REFERENCES $other->{name} ON DELETE CASCADE") : 'CHECK (true)', "EXCLUDE (id WITH =)");
});
about(4, 'constraint', sub { my ($d, $c, $k) = @_; return "ALTER TABLE $k->{table} DROP CONSTRAINT $k->{name}" . cascade($d); }, sub { !$_[0]{inherited} });
about(2, 'constraint', sub { my ($d, $c, $k) = @_; return "ALTER TABLE $k->{table} RENAME CONSTRAINT $k->{name} TO " . bare($d, 'c'); });
about(2, 'constraint', sub { my ($d, $c, $k) = @_; return "ALTER TABLE $k->{table} VALIDATE CONSTRAINT $k->{name}"; }, sub { $_[0]{kind} =~ /[cf]/ });
about(1, 'constraint', sub { my ($d, $c, $k) = @_; return "ALTER TABLE $k->{table} ALTER CONSTRAINT $k->{name} " . $d->pick('DEFERRABLE', 'NOT DEFERRABLE', 'DEFERRABLE INITIALLY DEFERRED'); }, sub { $_[0]{kind} eq 'f' });
about(6, 'table', sub {
	my ($d, $c, $t) = @_;
	my $role = $d->pick(@roles);
	return "ALTER TABLE $t->{name} " . $d->pick("OWNER TO $role", "OWNER TO $role", 'ENABLE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY', 'DISABLE ROW LEVEL SECURITY', 'SET (fillfactor = 60)', 'RESET (fillfactor)',
		'REPLICA IDENTITY FULL', 'REPLICA IDENTITY DEFAULT', 'SET UNLOGGED', 'SET LOGGED', 'SET LOGGED', 'DISABLE TRIGGER USER', 'ENABLE TRIGGER USER', 'CLUSTER ON "nothing"', 'SET WITHOUT CLUSTER');
});
about(2, 'table', sub { my ($d, $c, $t) = @_; return "TRUNCATE $t->{name}" . $d->pick('', ' CASCADE', ' RESTART IDENTITY'); });
about(3, 'table', sub { my ($d, $c, $t) = @_; return 'COMMENT ON ' . $d->pick("TABLE $t->{name}", 'COLUMN ' . $t->{name} . '.' . column($d, $t)->{name}) . ' IS ' . $d->pick("'it''s a comment'", 'NULL', "E'two\\nlines'"); });

# Indexes and statistics
about(8, 'table', sub {
	my ($d, $c, $t) = @_;
	my $k = column($d, $t);
	my $name = $d->chance(0.6) ? ' ' . bare($d, 'i') : '';
	return 'CREATE ' . $d->pick('', '', 'UNIQUE ') . 'INDEX' . ($name && $d->chance(0.2) ? ' IF NOT EXISTS' : '') . "$name ON " . $d->pick('', '', 'ONLY ') . "$t->{name} " . $d->pick("($k->{name})", "(lower(($k->{name})::text))", "(id, $k->{name} DESC NULLS LAST)",
		"($k->{name}) WHERE id > 3", "USING hash ($k->{name})", "(id) INCLUDE ($k->{name})");
});
about(3, 'index', sub { my ($d, $c, $i) = @_; return "DROP INDEX $i->{name}" . cascade($d); }, sub { !$_[0]{of_constraint} });
about(2, 'index', sub { my ($d, $c, $i) = @_; return "ALTER INDEX $i->{name} " . $d->pick('RENAME TO ' . bare($d, 'i'), 'SET (fillfactor = 80)', 'RESET (fillfactor)'); });
about(1, 'index', sub { my ($d, $c, $i) = @_; return "ALTER TABLE $i->{table} ADD CONSTRAINT " . bare($d, 'c') . ' ' . $d->pick('UNIQUE', 'PRIMARY KEY') . " USING INDEX $i->{bare}"; }, sub { $_[0]{unique} && !$_[0]{of_constraint} && $_[0]{plain} });
about(1, 'index', sub { my ($d, $c, $i) = @_; return "ALTER TABLE $i->{table} " . $d->pick("CLUSTER ON $i->{bare}", "REPLICA IDENTITY USING INDEX $i->{bare}"); });
about(1, 'index', sub { my ($d, $c, $i) = @_; return "COMMENT ON INDEX $i->{name} IS 'an index'"; });
about(1, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE STATISTICS ' . fresh($d, $c, 'x') . ' ON ' . join(', ', 'id', column($d, $t, sub { $_[0]{name} ne 'id' })->{name}) . " FROM $t->{name}"; });
about(1, 'statistics', sub { my ($d, $c, $s) = @_; return $d->pick("DROP STATISTICS $s->{name}", "ALTER STATISTICS $s->{name} OWNER TO ddl_owner", "ALTER STATISTICS $s->{name} SET STATISTICS 7"); });

# Views and rules
about(6, 'table', sub {
	my ($d, $c, $t) = @_;
	my $k = column($d, $t);
	my $what = $d->pick("SELECT * FROM $t->{name}", "SELECT id, $k->{name} AS v FROM $t->{name} WHERE id > 2", "SELECT count(*) AS n, now() AS at FROM $t->{name}", "SELECT t.id, t AS whole, CURRENT_USER AS me FROM $t->{name} AS t");
	return 'CREATE ' . $d->pick('VIEW ', 'VIEW ', 'OR REPLACE VIEW ', 'RECURSIVE VIEW ') =~ s/RECURSIVE VIEW $/VIEW /r . fresh($d, $c, 'v') . $d->pick('', '', ' WITH (security_barrier)') . " AS $what";
});
about(2, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE MATERIALIZED VIEW ' . fresh($d, $c, 'v') . " AS SELECT id, count(*) AS n FROM $t->{name} GROUP BY id" . $d->pick('', ' WITH NO DATA'); });
about(2, 'view', sub { my ($d, $c, $v) = @_; return 'CREATE VIEW ' . fresh($d, $c, 'v') . " AS SELECT * FROM $v->{name}"; });
about(1, 'view', sub { my ($d, $c, $v) = @_; return "REFRESH MATERIALIZED VIEW $v->{name}"; }, sub { $_[0]{materialized} });
about(2, 'view', sub { my ($d, $c, $v) = @_; return 'DROP ' . ($v->{materialized} ? 'MATERIALIZED ' : '') . "VIEW $v->{name}" . cascade($d); });
about(3, 'view', sub {
	my ($d, $c, $v) = @_;
	return 'ALTER ' . ($v->{materialized} ? 'MATERIALIZED ' : '') . "VIEW $v->{name} " . $d->pick('OWNER TO ' . $d->pick(@roles), 'RENAME TO ' . bare($d, 'v'), 'SET SCHEMA ' . $d->pick(@{ $c->{schemas} }),
		'RENAME COLUMN ' . column($d, $v)->{name} . ' TO ' . bare($d, 'k'), 'ALTER COLUMN ' . column($d, $v)->{name} . " SET DEFAULT NULL");
});
about(1, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE OR REPLACE RULE ' . bare($d, 'r') . " AS ON " . $d->pick('INSERT', 'DELETE') . " TO $t->{name} WHERE false DO " . $d->pick('INSTEAD NOTHING', 'ALSO NOTIFY x'); });
about(1, 'rule', sub { my ($d, $c, $r) = @_; return $d->pick("DROP RULE $r->{name} ON $r->{table}", "ALTER RULE $r->{name} ON $r->{table} RENAME TO " . bare($d, 'r'), "ALTER TABLE $r->{table} DISABLE RULE $r->{name}"); });

# Types
kind(3, sub { my ($d, $c) = @_; return 'CREATE TYPE ' . fresh($d, $c, 'e') . " AS ENUM ('a', 'b', 'it''s')"; });
kind(2, sub { my ($d, $c) = @_; return 'CREATE TYPE ' . fresh($d, $c, 'o') . ' AS (x integer, y ' . type($d, $c) . ')'; });
kind(3, sub {
	my ($d, $c) = @_;
	my $type = type($d, $c);
	return 'CREATE DOMAIN ' . fresh($d, $c, 'd') . " AS $type" . $d->pick('', ' NOT NULL', ' DEFAULT ' . default_for($d, $c, $type), ' CHECK (VALUE IS NOT NULL)', ' CONSTRAINT ' . bare($d, 'c') . ' CHECK (VALUE IS DISTINCT FROM NULL)');
});
kind(1, sub { my ($d, $c) = @_; return 'CREATE TYPE ' . fresh($d, $c, 'n') . ' AS RANGE (subtype = ' . $d->pick('float8', 'date', 'text') . ')'; });
about(4, 'type', sub { my ($d, $c, $y) = @_; return "ALTER TYPE $y->{name} ADD VALUE " . $d->pick('', 'IF NOT EXISTS ') . "'n" . $d->between(1, 5) . "'" . $d->pick('', " BEFORE 'a'", " AFTER 'a'"); }, sub { $_[0]{kind} eq 'e' });
about(1, 'type', sub { my ($d, $c, $y) = @_; return "ALTER TYPE $y->{name} RENAME VALUE " . $d->pick(@{ $y->{labels} }) . " TO 'l" . $d->between(1, 5) . "'"; }, sub { $_[0]{kind} eq 'e' && $_[0]{labels} });
about(3, 'type', sub { my ($d, $c, $y) = @_; return "ALTER TYPE $y->{name} " . $d->pick('ADD ATTRIBUTE ' . bare($d, 'a') . ' ' . type($d, $c) . cascade($d), 'DROP ATTRIBUTE IF EXISTS y' . cascade($d), 'ALTER ATTRIBUTE x TYPE bigint' . cascade($d), 'RENAME ATTRIBUTE x TO ' . bare($d, 'a') . cascade($d)); }, sub { $_[0]{kind} eq 'c' });
about(4, 'type', sub {
	my ($d, $c, $y) = @_;
	return "ALTER DOMAIN $y->{name} " . $d->pick('SET NOT NULL', 'DROP NOT NULL', 'DROP DEFAULT', 'SET DEFAULT NULL', 'ADD CONSTRAINT ' . bare($d, 'c') . ' CHECK (VALUE IS NOT NULL)' . $d->pick('', ' NOT VALID'), 'DROP CONSTRAINT IF EXISTS c1',
		'VALIDATE CONSTRAINT c' . $d->between(1, 5), 'RENAME CONSTRAINT c1 TO c2');
}, sub { $_[0]{kind} eq 'd' });
about(3, 'type', sub { my ($d, $c, $y) = @_; return "ALTER TYPE $y->{name} " . $d->pick('RENAME TO ' . bare($d, 'y'), 'SET SCHEMA ' . $d->pick(@{ $c->{schemas} }), 'OWNER TO ' . $d->pick(@roles)); });
about(2, 'type', sub { my ($d, $c, $y) = @_; return "DROP TYPE $y->{name}" . cascade($d); });
about(1, 'type', sub { my ($d, $c, $y) = @_; return "COMMENT ON TYPE $y->{name} IS 'a type'"; });

# Routines and triggers
kind(6, sub {
	my ($d, $c) = @_;
	my $name = fresh($d, $c, 'f');
	return 'CREATE ' . $d->pick('', 'OR REPLACE ') . "FUNCTION $name" . $d->pick(
		"() RETURNS trigger LANGUAGE plpgsql AS \$f\$ BEGIN RETURN NEW; END \$f\$", "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS 'BEGIN RETURN NEW; END'",
		"(x integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x + 1'", "() RETURNS text LANGUAGE sql VOLATILE SET TimeZone = 'UTC' AS 'SELECT now()::text'",
		"(VARIADIC a text[]) RETURNS SETOF text LANGUAGE sql STABLE ROWS 5 COST 7 AS 'SELECT unnest(a)'", '(OUT a integer, OUT b text) LANGUAGE plpgsql AS \'BEGIN a := 1; END\'');
});
about(2, 'table', sub { my ($d, $c, $t) = @_; return 'CREATE OR REPLACE FUNCTION ' . fresh($d, $c, 'f') . "(r $t->{name}) RETURNS SETOF $t->{name} LANGUAGE sql AS 'SELECT r'"; });
kind(1, sub { my ($d, $c) = @_; return 'CREATE OR REPLACE PROCEDURE ' . fresh($d, $c, 'f') . "(x integer) LANGUAGE plpgsql AS 'BEGIN NULL; END'"; });
kind(1, sub { my ($d, $c) = @_; return 'CREATE AGGREGATE ' . fresh($d, $c, 'f') . ' (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = \'0\')'; });
about(3, 'routine', sub {
	my ($d, $c, $f) = @_;
	return ($f->{kind} eq 'p' ? 'ALTER PROCEDURE ' : $f->{kind} eq 'a' ? 'ALTER AGGREGATE ' : 'ALTER FUNCTION ') . "$f->{name} " . $d->pick('OWNER TO ' . $d->pick(@roles), 'RENAME TO ' . bare($d, 'f'), 'SET SCHEMA ' . $d->pick(@{ $c->{schemas} }),
		'SECURITY DEFINER', "SET work_mem = '1MB'", 'RESET ALL', 'SET search_path = app, public', 'SET search_path FROM CURRENT', 'IMMUTABLE', 'COST 5', 'PARALLEL SAFE');
});
about(2, 'routine', sub { my ($d, $c, $f) = @_; return "DROP ROUTINE $f->{name}" . cascade($d); });
about(1, 'routine', sub { my ($d, $c, $f) = @_; return "COMMENT ON ROUTINE $f->{name} IS 'a routine'"; });
about(4, 'routine', sub {
	my ($d, $c, $f) = @_;
	my $t = $c->any($d, 'table') or return;
	my $k = column($d, $t);
	return 'CREATE ' . $d->pick("TRIGGER %s BEFORE INSERT ON $t->{name} FOR EACH ROW", "TRIGGER %s AFTER UPDATE OF $k->{name} ON $t->{name} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)",
		"TRIGGER %s AFTER INSERT OR DELETE ON $t->{name} FOR EACH STATEMENT", "CONSTRAINT TRIGGER %s AFTER INSERT ON $t->{name} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW", "TRIGGER %s AFTER DELETE ON $t->{name} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT") =~ s/%s/bare($d, 'g')/er . " EXECUTE FUNCTION $f->{name}";
}, sub { $_[0]{trigger} });
about(2, 'trigger', sub { my ($d, $c, $g) = @_; return $d->pick("DROP TRIGGER $g->{name} ON $g->{table}", "ALTER TRIGGER $g->{name} ON $g->{table} RENAME TO " . bare($d, 'g'), "ALTER TABLE $g->{table} " . $d->pick('DISABLE', 'ENABLE', 'ENABLE REPLICA', 'ENABLE ALWAYS') . " TRIGGER $g->{name}"); });

# Rights, owners, policies
about(8, 'table', sub {
	my ($d, $c, $t) = @_;
	return $d->pick('GRANT ', 'GRANT ', 'REVOKE ') . $d->pick('SELECT', 'ALL', 'INSERT, UPDATE', 'SELECT (' . column($d, $t)->{name} . ')', 'TRIGGER, REFERENCES') . " ON $t->{name} TO " . $d->pick(@grantees) =~ s/x//r;
});
kind(3, sub {
	my ($d, $c) = @_;
	my ($what, $right) = @{ $d->pick([ TABLES => 'SELECT' ], [ TABLES => 'ALL' ], [ SEQUENCES => 'USAGE' ], [ FUNCTIONS => 'EXECUTE' ]) };
	my $schema = $d->pick(@{ $c->{schemas} }, join ', ', @{ $c->{schemas} });
	my $who = $d->pick(@grantees);
	return $d->pick("GRANT $right ON ALL $what IN SCHEMA $schema TO $who", "REVOKE $right ON ALL $what IN SCHEMA $schema FROM $who",
		'ALTER DEFAULT PRIVILEGES ' . $d->pick('', 'FOR ROLE ddl_owner ') . "IN SCHEMA $schema " . $d->pick("GRANT $right ON $what TO $who", "REVOKE $right ON $what FROM $who"),
		"ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC", 'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC');
});
about(1, 'sequence', sub { my ($d, $c, $s) = @_; return "GRANT USAGE ON SEQUENCE $s->{name} TO " . $d->pick(@grantees); });
about(1, 'routine', sub { my ($d, $c, $f) = @_; return $d->pick("GRANT EXECUTE ON ROUTINE $f->{name} TO", "REVOKE EXECUTE ON ROUTINE $f->{name} FROM") . ' ' . $d->pick(@grantees); });
about(1, 'type', sub { my ($d, $c, $y) = @_; return $d->pick("GRANT USAGE ON TYPE $y->{name} TO", "REVOKE USAGE ON TYPE $y->{name} FROM") . ' ' . $d->pick(@grantees); });
kind(1, sub { my ($d, $c) = @_; my $s = $d->pick(@{ $c->{schemas} }); return $d->pick("GRANT USAGE, CREATE ON SCHEMA $s TO " . $d->pick(@roles), "COMMENT ON SCHEMA $s IS 'a schema'", "ALTER SCHEMA app OWNER TO " . $d->pick(@roles)); });
# REASSIGN OWNED fires no event trigger: the session has to have loaded the library (docs/ddl.md)
kind(1, sub { my ($d) = @_; return $d->pick(map({ "COMMENT ON SCHEMA public IS NULL; REASSIGN OWNED BY $_ TO ddl_owner" } 'ddl_reader', '"Ddl Other"'), 'DROP OWNED BY ddl_reader', 'DROP OWNED BY "Ddl Other" CASCADE'); });
about(3, 'table', sub {
	my ($d, $c, $t) = @_;
	return 'CREATE POLICY ' . bare($d, 'l') . " ON $t->{name}" . $d->pick('', ' AS RESTRICTIVE') . $d->pick('', ' FOR SELECT') . ' TO ' . $d->pick(@grantees, 'CURRENT_USER') . ' USING (' . $d->pick('id > 0', 'CURRENT_USER = SESSION_USER', "current_setting('app.x', true) IS NULL") . ')';
});
about(1, 'policy', sub { my ($d, $c, $l) = @_; return $d->pick("DROP POLICY $l->{name} ON $l->{table}", "ALTER POLICY $l->{name} ON $l->{table} TO " . $d->pick(@grantees), "ALTER POLICY $l->{name} ON $l->{table} RENAME TO " . bare($d, 'l')); });

# Sequences
kind(3, sub { my ($d, $c) = @_; return 'CREATE SEQUENCE ' . $d->pick('', 'IF NOT EXISTS ') . fresh($d, $c, 's') . $d->pick('', ' START 100', ' AS smallint CYCLE', ' INCREMENT -1', ' CACHE 5'); });
about(2, 'sequence', sub {
	my ($d, $c, $s) = @_;
	my $t = $c->any($d, 'table');
	return "ALTER SEQUENCE $s->{name} " . $d->pick('INCREMENT 7', 'RESTART', 'RESTART WITH 50', 'OWNER TO ' . $d->pick(@roles), 'RENAME TO ' . bare($d, 's'), 'OWNED BY NONE', $t ? "OWNED BY $t->{name}.id" : 'NO CYCLE', 'SET SCHEMA ' . $d->pick(@{ $c->{schemas} }));
});
about(1, 'sequence', sub { my ($d, $c, $s) = @_; return "DROP SEQUENCE $s->{name}" . cascade($d); });
about(2, 'sequence', sub { my ($d, $c, $s) = @_; my $t = $c->any($d, 'table') or return; return "ALTER TABLE $t->{name} ADD COLUMN " . bare($d, 'k') . " bigint DEFAULT nextval('$s->{name}')"; });

# Other kinds
kind(1, sub { my ($d, $c) = @_; return $d->pick('CREATE COLLATION ' . fresh($d, $c, 'z') . " (locale = 'C')", 'DROP COLLATION IF EXISTS public.z1, app.z2 CASCADE'); });
kind(1, sub { my ($d, $c) = @_; my $s = $d->pick(@{ $c->{schemas} }); return $d->pick("CREATE OPERATOR $s.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq, COMMUTATOR = OPERATOR($s.===))", "DROP OPERATOR IF EXISTS $s.=== (integer, integer) CASCADE"); });
kind(1, sub { my ($d, $c) = @_; return $d->pick('CREATE TEXT SEARCH CONFIGURATION ' . fresh($d, $c, 'w') . ' (COPY = pg_catalog.simple)', 'CREATE TEXT SEARCH DICTIONARY ' . fresh($d, $c, 'w') . ' (TEMPLATE = pg_catalog.simple)', 'DROP TEXT SEARCH CONFIGURATION IF EXISTS public.w1, app.w1'); });
kind(2, sub { my ($d) = @_; return $d->pick('CREATE TEMPORARY TABLE tmp_t (id integer, v text)', 'CREATE TEMPORARY TABLE tmp_t AS SELECT 1 AS id', 'DROP TABLE IF EXISTS pg_temp.tmp_t', 'CREATE TEMPORARY VIEW tmp_v AS SELECT 1 AS one'); });
kind(2, sub { my ($d, $c) = @_; return $d->pick('CREATE TABLE ' . fresh($d, $c, 't') . ' (LIKE pg_temp.tmp_t)', 'CREATE TABLE elsewhere.' . bare($d, 't') . ' (id integer PRIMARY KEY)', 'DROP TABLE IF EXISTS elsewhere.t1 CASCADE', 'ALTER TABLE IF EXISTS elsewhere.t2 ADD COLUMN IF NOT EXISTS x integer'); });
about(1, 'table', sub { my ($d, $c, $t) = @_; return "CREATE VIEW elsewhere." . bare($d, 'v') . " AS SELECT id FROM $t->{name}"; });

my $sum = 0;
$sum += $_->[0] foreach @kinds;

sub statement
{
	my ($dice, $catalog) = @_;
	for (;;)
	{
		my $at = $dice->below($sum);
		my ($kind) = grep { ($at -= $_->[0]) < 0 } @kinds;
		my $sql = $kind->[1]->($dice, $catalog);
		return $sql =~ s/^(REVOKE .*) TO (\S+|"Ddl Other")$/$1 FROM $2/r if defined $sql && $sql ne '';
	}
}

1;
