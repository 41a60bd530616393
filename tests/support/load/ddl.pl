#!/usr/bin/perl
# SPDX-License-Identifier: PostgreSQL
# One session of schema changes, as random as its seed: ddl.pl CONNINFO SESSION ROUND SEED. Before each statement it looks
# at the catalogs, so it finds its way again after a rollback, a lost connection or a crash of the server. Its own objects
# begin with "s<SESSION>_"; tables "shared" and "shared_list" (ddl_schema.sql) and those of the other load belong to all.
#
# Prints every statement and what the server said to it. SIGTERM ends it after the transaction; the last line is
# "committed N transactions, M statements".
use strict;
use warnings;
use IPC::Open2;
use JSON::PP;
use Time::HiRes qw(usleep);

my ($conninfo, $session, $round, $seed) = @ARGV;
srand($seed);
$| = 1;
my $own = "s${session}_";
my $made = $round * 1000;
my ($stop, $committed, $statements) = (0, 0, 0);
my ($in, $out, $pid);
$SIG{TERM} = sub { $stop = 1; };
$SIG{PIPE} = 'IGNORE';
# as whom, and with what, this session works: a superuser, an owner without rights, other settings
my $settings = "SET lock_timeout = '700ms'; SET client_min_messages = error;"
  . ('', ' SET ROLE load_owner;', q( SET search_path = app, public; SET DateStyle = 'German'; SET TimeZone = 'America/New_York';))[ $session % 3 ];

# ---------------------------------------------------------------------------------------------------------------
# The connection

sub connect_again
{
	until ($stop)
	{
		if ($pid) { close $in; close $out; waitpid $pid, 0; }
		$pid = open2($out, $in, 'sh', '-c', 'exec psql -X -q -At -v VERBOSITY=verbose -d "$0" 2>&1', $conninfo);
		return 1 if defined say_it($settings);
		usleep(100_000);
	}
	return 0;
}

# What the server said, undef when it is gone. Errors stand in the text.
sub say_it
{
	my ($sql) = @_;
	print {$in} "$sql\n;\n\\echo said\n" or return;
	$in->flush or return;
	my $text = '';
	while (defined(my $line = <$out>))
	{
		return $text if $line eq "said\n";
		$text .= $line;
	}
	return;
}

# ---------------------------------------------------------------------------------------------------------------
# What is there now

my $look = <<"SQL" =~ s/\n/ /gr;
SELECT pg_catalog.json_build_object(
  'tables', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
      'identity', c.relreplident,
      'parent', (SELECT p.relname FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid),
      'pending', (SELECT pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = 'true' FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid),
      'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                    'not_null', a.attnotnull, 'default', a.atthasdef AND a.attgenerated = '') ORDER BY a.attnum)
                    FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'indexes', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', ic.relname, 'valid', x.indisvalid, 'part', ic.relispartition))
                    FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_class AS ic ON ic.oid = x.indexrelid
                   WHERE x.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = x.indexrelid)),
      'checks', (SELECT pg_catalog.json_agg(k.conname) FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.coninhcount = 0),
      'triggers', (SELECT pg_catalog.json_agg(g.tgname) FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)) ORDER BY c.relname)
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN ('public', 'app') AND (c.relname LIKE '${own}%' OR c.relname IN ('shared', 'items', 'pairs'))),
  'functions', (SELECT pg_catalog.json_agg(p.oid::pg_catalog.regprocedure::text ORDER BY p.proname) FROM pg_catalog.pg_proc AS p WHERE p.proname LIKE '${own}%'),
  'enums', (SELECT pg_catalog.json_agg(t.oid::pg_catalog.regtype::text ORDER BY t.typname) FROM pg_catalog.pg_type AS t WHERE t.typname LIKE '${own}%' AND t.typtype = 'e'))
SQL

sub state_now
{
	my $text = say_it($look) // return;
	my $state = eval { decode_json($text) } or return;
	$state->{$_} //= [] foreach qw(tables functions enums);
	foreach my $table (@{ $state->{tables} })
	{
		$table->{$_} //= [] foreach qw(columns indexes checks triggers);
		$table->{sql} = "$table->{schema}.$table->{name}";
		$table->{mine} = $table->{name} =~ /^\Q$own\E/;
	}
	return $state;
}

sub chance { my ($part) = @_; return rand() < $part; }
sub pick   { return @_ ? $_[ rand @_ ] : undef; }
sub fresh  { my ($letter) = @_; return "$own$letter" . ++$made; }

# the partitions of the common list are left to of_all()
sub plain { my ($s) = @_; return grep { $_->{mine} && $_->{kind} eq 'r' && !defined $_->{parent} && $_->{name} ne "${own}list" } @{ $s->{tables} }; }
sub roots { my ($s) = @_; return grep { $_->{mine} && $_->{kind} eq 'p' } @{ $s->{tables} }; }
sub unfinished { my ($s) = @_; return grep { $_->{mine} && grep { !$_->{valid} } @{ $_->{indexes} } } @{ $s->{tables} }; }
sub named { my ($s, $name) = @_; return grep { $_->{name} eq $name } @{ $s->{tables} }; }
# tables that this session may alter: its own, and what belongs to all
sub altered { my ($s) = @_; return plain($s), roots($s), grep { !$_->{mine} && owns($_) } @{ $s->{tables} }; }
sub owns { my ($table) = @_; return $session % 3 != 1 || $table->{name} eq 'shared' || $table->{mine}; }

# Columns that nothing else hangs on: those that this load has added.
sub loose { my ($table) = @_; return grep { $_->{name} =~ /^(?:\Q$own\E)?c\d/ && ($table->{mine} || $_->{name} =~ /^\Q$own\E/) } @{ $table->{columns} }; }

my %constants = (
	'integer' => [ 7, -1, 'NULL' ], 'bigint' => [ '9000000000', 0 ], 'text' => [ q('a ''quoted'' é'), q(''), 'NULL' ],
	'numeric(12,3)' => [ 1.5, '-0.001' ], 'boolean' => [ 'true', 'NULL' ], 'date' => [ q(date '2024-02-29'), q(date 'infinity') ],
	'timestamp with time zone' => [ q(timestamptz '2024-03-10 12:00:00+02') ], 'jsonb' => [ q('{"a": [1, null]}'), q('{}') ],
	'integer[]' => [ q('{1,NULL,3}') ], 'character varying(40)' => [ q('forty') ], 'double precision' => [ '0.1', '-1e300' ]);

sub new_column
{
	my ($s, $prefix) = @_;
	my $type = pick(sort keys %constants);
	$type = pick(@{ $s->{enums} }) if @{ $s->{enums} } && chance(0.15);
	my $sql = ($prefix // '') . 'c' . ++$made . " $type";
	return $sql unless $constants{$type} && chance(0.7);
	my $constant = pick(@{ $constants{$type} });
	$sql .= " DEFAULT $constant";
	$sql .= ' NOT NULL' if $constant ne 'NULL' && chance(0.4);
	return $sql;
}

# ---------------------------------------------------------------------------------------------------------------
# Rows

sub rows
{
	my ($s) = @_;
	my $table = pick(plain($s), roots($s), named($s, 'shared'), grep { defined $_->{parent} && !$_->{pending} } @{ $s->{tables} })
	  or return;
	my $at = int(rand 400);
	my $many = chance(0.1) ? 400 : 1 + int(rand 8);
	my $last = $at + $many;
	my %has = map { $_->{name} => $_ } @{ $table->{columns} };
	return if !$has{id} || $has{who};
	if ($table->{kind} eq 'p' || $has{k})
	{
		my @parts = map { $_->{name} =~ /_part(\d+)$/ ? $1 : () }
		  $table->{kind} eq 'p' ? grep { ($_->{parent} // '') eq $table->{name} && !$_->{pending} } @{ $s->{tables} } : $table;
		my $part = pick(@parts) // return;
		return "DELETE FROM $table->{sql} WHERE id BETWEEN $at AND $last" if chance(0.3);
		return "INSERT INTO $table->{sql} (id, k) SELECT g, $part * 10 + g % 10 FROM generate_series($at, $last) AS g ON CONFLICT DO NOTHING";
	}
	my $kind = rand();
	return "DELETE FROM $table->{sql} WHERE id BETWEEN $at AND $last" if $kind < 0.2;
	my $column = pick(grep { $_->{default} } loose($table));
	return "UPDATE $table->{sql} SET $column->{name} = DEFAULT WHERE id % 7 = " . $at % 7 if $column && $kind < 0.35;
	my ($text) = pick(grep { $_->{type} eq 'text' && $_->{name} ne 'id' && ($table->{mine} || $_->{name} eq 'v') } @{ $table->{columns} });
	return "UPDATE $table->{sql} SET $text->{name} = 'changed ' || id WHERE id BETWEEN $at AND $last" if $text && $kind < 0.5;
	return "UPDATE $table->{sql} SET id = id + 1000 WHERE id = $at" if $table->{identity} eq 'f' && $kind < 0.6;
	return "TRUNCATE $table->{sql}" if $table->{mine} && !unfinished($s) && $kind < 0.62;
	my $conflict = $table->{identity} eq 'f' ? '' : ' ON CONFLICT DO NOTHING';
	return "INSERT INTO $table->{sql} (id) SELECT g FROM generate_series($at, $last) AS g$conflict";
}

# ---------------------------------------------------------------------------------------------------------------
# Statements: what may stand in a transaction, with its weight

sub create_table
{
	my ($s) = @_;
	return if @{ $s->{tables} } > 25;
	my $schema = pick('public', 'public', 'app');
	my $name = fresh('t');
	my $kind = rand();
	my $like = pick(plain($s));
	return "CREATE TABLE $schema.$name AS SELECT * FROM $like->{sql} WHERE id < 50; ALTER TABLE $schema.$name REPLICA IDENTITY FULL" if $like && $kind < 0.12;
	return "CREATE TABLE $schema.$name (LIKE $like->{sql} INCLUDING ALL)" if $like && $like->{identity} ne 'f' && !grep({ !$_->{valid} } @{ $like->{indexes} }) && $kind < 0.22;
	return "CREATE TABLE $schema.$name (id integer, v text); ALTER TABLE $schema.$name REPLICA IDENTITY FULL" if $kind < 0.32;
	return "CREATE TABLE $schema.$name (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY, double integer GENERATED ALWAYS AS (id * 2) STORED, "
	  . new_column($s) . ')' if $kind < 0.45;
	return "CREATE TABLE elsewhere.$name (id integer PRIMARY KEY); DROP TABLE elsewhere.$name" if $kind < 0.5;
	return "CREATE TEMPORARY TABLE $name (id integer) ON COMMIT DROP; ALTER TABLE $name ADD v text" if $kind < 0.55;
	return "CREATE TABLE $schema.$name (id integer, k integer, v text DEFAULT 'p', PRIMARY KEY (id, k)) PARTITION BY RANGE (k)"
	  if !roots($s) || $kind < 0.6;
	return "CREATE TABLE $schema.$name (id integer PRIMARY KEY, v text" . join('', map { ', ' . new_column($s) } 1 .. int(rand 4)) . ')';
}

sub alter_columns
{
	my ($s) = @_;
	my $table = pick(altered($s)) or return;
	my $prefix = $table->{mine} ? '' : $own;
	my @loose = loose($table);
	my $kind = rand();
	if (!@loose || ($kind < 0.35 && @loose < 8))
	{
		return "ALTER TABLE $table->{sql} " . join(', ', map { 'ADD COLUMN ' . new_column($s, $prefix) } 1 .. 1 + int(rand 2.3));
	}
	my $column = pick(@loose);
	my $name = $column->{name};
	return "ALTER TABLE $table->{sql} DROP COLUMN $name" . (chance(0.3) ? ', ADD COLUMN ' . new_column($s, $prefix) : '') if $kind < 0.55;
	return "ALTER TABLE $table->{sql} RENAME COLUMN $name TO ${prefix}c" . ++$made if $kind < 0.68;
	return "ALTER TABLE $table->{sql} ALTER COLUMN $name DROP NOT NULL" if $column->{not_null} && $kind < 0.73;
	return "ALTER TABLE $table->{sql} ALTER COLUMN $name SET STATISTICS " . int(rand 100) if $kind < 0.77;
	if ($constants{ $column->{type} } && $kind < 0.85)
	{
		my $constant = pick(grep { !$column->{not_null} || $_ ne 'NULL' } @{ $constants{ $column->{type} } });
		return "ALTER TABLE $table->{sql} ALTER COLUMN $name SET DEFAULT $constant";
	}
	my %becomes = (
		'integer' => [ 'bigint', '' ], 'bigint' => [ 'text', "USING $name\::text || '!'" ], 'text' => [ 'character varying(200)', '' ],
		'character varying(40)' => [ 'text', '' ], 'numeric(12,3)' => [ 'numeric(20,5)', '' ], 'boolean' => [ 'text', '' ],
		'date' => [ 'timestamp without time zone', '' ], 'jsonb' => [ 'text', "USING upper($name\::text)" ]);
	my $to = $becomes{ $column->{type} } or return;
	# whoever writes a table anew also ends an index that CONCURRENTLY left unfinished, without a message
	return if !$table->{mine} || unfinished($s);
	return "ALTER TABLE $table->{sql} ALTER COLUMN $name DROP DEFAULT, ALTER COLUMN $name DROP NOT NULL, ALTER COLUMN $name TYPE $to->[0] $to->[1]";
}

sub table_as_such
{
	my ($s) = @_;
	my $table = pick(plain($s)) or return;
	my $kind = rand();
	return "ALTER TABLE $table->{sql} RENAME TO " . fresh('t') if $kind < 0.2;
	return "ALTER TABLE $table->{sql} SET SCHEMA " . ($table->{schema} eq 'app' ? 'public' : 'app') if $kind < 0.3;
	return "ALTER TABLE $table->{sql} OWNER TO load_owner" if $kind < 0.4;
	return "ALTER TABLE $table->{sql} SET (fillfactor = " . (50 + int(rand 50)) . ')' if $kind < 0.5;
	my $check = pick(@{ $table->{checks} });
	return "ALTER TABLE $table->{sql} DROP CONSTRAINT $check" if $check && $kind < 0.7;
	return "ALTER TABLE $table->{sql} ADD CONSTRAINT " . fresh('k') . ' CHECK (id > -1)' . (chance(0.4) ? ' NOT VALID' : '') if $kind < 0.7;
	return "DROP TABLE $table->{sql} CASCADE" if (plain($s)) > 6 || $kind < 0.8;
	return "DROP TABLE $table->{sql} CASCADE; CREATE TABLE $table->{sql} (id integer PRIMARY KEY, v text, other date)";
}

sub index_of
{
	my ($s) = @_;
	my $table = pick(altered($s)) or return;
	my $index = pick(grep { $_->{name} =~ /^\Q$own\E/ && !$_->{part} } @{ $table->{indexes} });
	my $kind = rand();
	return "DROP INDEX $table->{schema}.$index->{name}" if $index && (!$index->{valid} || $kind < 0.25);
	return "ALTER INDEX $table->{schema}.$index->{name} RENAME TO " . fresh('i') if $index && $kind < 0.4;
	return "REINDEX INDEX $table->{schema}.$index->{name}" if $index && $index->{valid} && $kind < 0.5 && $table->{kind} eq 'r';
	return if @{ $table->{indexes} } > 4;
	my ($first) = map { $_->{name} } grep { $_->{name} =~ /^(?:id|a)$/ } @{ $table->{columns} };
	my $unique = $kind < 0.7 && $table->{kind} eq 'r' && $table->{identity} eq 'd' ? 'UNIQUE' : '';
	my $column = pick(grep { $_->{type} !~ /json/ } loose($table));
	my $second = $column ? ", $column->{name}" : '';
	return "CREATE $unique INDEX " . fresh('i') . " ON $table->{sql} ($first$second)" . (chance(0.3) ? " WHERE $first > 10" : '');
}

sub partition
{
	my ($s) = @_;
	my $root = pick(roots($s)) or return;
	my $schema = $root->{schema};
	my @parts = grep { $_->{name} =~ /^\Q$root->{name}\E_part/ } @{ $s->{tables} };
	my $part = pick(@parts);
	my $kind = rand();
	if (@parts < 3 || !$part)
	{
		my $n = int(rand 10);
		return if grep { $_->{name} =~ /_part$n$/ } @parts;
		my ($from, $to) = ($n * 10, $n * 10 + 10);
		return "CREATE TABLE $schema.$root->{name}_part$n PARTITION OF $root->{sql} FOR VALUES FROM ($from) TO ($to)";
	}
	return if $part->{pending};
	my ($n) = $part->{name} =~ /(\d+)$/;
	my ($from, $to) = ($n * 10, $n * 10 + 10);
	return "DROP TABLE $part->{sql} CASCADE" if $kind < 0.15;
	return "ALTER TABLE $root->{sql} DETACH PARTITION $part->{sql}" if defined $part->{parent};
	return "DROP TABLE $part->{sql} CASCADE" unless shape($part) eq shape($root);
	return "ALTER TABLE $root->{sql} ATTACH PARTITION $part->{sql} FOR VALUES FROM ($from) TO ($to)";
}

sub shape { my ($table) = @_; return join ',', sort map { "$_->{name} $_->{type} $_->{not_null}" } @{ $table->{columns} }; }

sub of_all
{
	my ($s) = @_;
	my $list = "public.${own}list";
	my ($mine) = named($s, "${own}list");
	my $kind = rand();
	return ($kind < 0.07 ? 'GRANT' : 'REVOKE') . ' SELECT ON public.shared ' . ($kind < 0.07 ? 'TO' : 'FROM') . ' load_reader' if $kind < 0.14;
	return "COMMENT ON TABLE public.shared IS 'by $session at " . ++$made . q(') if $kind < 0.22;
	return "CREATE OR REPLACE FUNCTION public.shared_function() RETURNS integer LANGUAGE sql AS 'SELECT $made'" if $kind < 0.3;
	return "INSERT INTO public.shared (id, v) VALUES ($session * 1000 + $made % 900, 'by $session') ON CONFLICT (id) DO UPDATE SET v = excluded.v" if $kind < 0.5;
	return "CREATE TABLE $list PARTITION OF public.shared_list FOR VALUES IN ($session)" unless $mine;
	return "INSERT INTO $list (id, who) SELECT g, $session FROM generate_series(1, 20) AS g ON CONFLICT DO NOTHING" if $kind < 0.6;
	return "ALTER TABLE public.shared_list DETACH PARTITION $list" if defined $mine->{parent} && !$mine->{pending};
	return $kind < 0.7 ? "DROP TABLE $list" : "ALTER TABLE public.shared_list ATTACH PARTITION $list FOR VALUES IN ($session)" unless $mine->{pending};
	return;
}

sub others
{
	my ($s) = @_;
	my $table = pick(plain($s)) or return;
	my $kind = rand();
	my $function = pick(@{ $s->{functions} });
	return ($kind < 0.06 ? "GRANT SELECT, UPDATE ON $table->{sql} TO" : "REVOKE UPDATE ON $table->{sql} FROM") . ' load_reader' if $kind < 0.12;
	return "GRANT SELECT (id) ON $table->{sql} TO load_reader, PUBLIC" if $kind < 0.16;
	return "COMMENT ON COLUMN $table->{sql}.id IS 'number " . ++$made . q(') if $kind < 0.2;
	return 'CREATE OR REPLACE FUNCTION public.' . fresh('f') . q[() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END; $f$]
	  if !$function || ($kind < 0.28 && @{ $s->{functions} } < 4);
	my $trigger = pick(@{ $table->{triggers} });
	return "DROP TRIGGER $trigger ON $table->{sql}" if $trigger && $kind < 0.34;
	return 'CREATE TRIGGER ' . fresh('g') . " BEFORE UPDATE ON $table->{sql} FOR EACH ROW EXECUTE FUNCTION $function" if $kind < 0.4;
	return "DROP FUNCTION $function CASCADE" if $kind < 0.44;
	my $enum = pick(@{ $s->{enums} });
	return 'CREATE TYPE public.' . fresh('e') . q[ AS ENUM ('low', 'high')] if !$enum || ($kind < 0.5 && @{ $s->{enums} } < 3);
	return "ALTER TYPE $enum ADD VALUE 'v" . ++$made . q(' BEFORE 'high') if $kind < 0.58;
	return "DROP TYPE $enum CASCADE" if $kind < 0.61;
	my $view = pick(grep { $_->{mine} && $_->{kind} =~ /[vm]/ } @{ $s->{tables} });
	if ($view && $kind < 0.75)
	{
		my $what = $view->{kind} eq 'm' ? 'MATERIALIZED VIEW' : 'VIEW';
		return "REFRESH $what $view->{sql}" if $view->{kind} eq 'm' && chance(0.4);
		return "DROP $what $view->{sql}" if chance(0.5);
		return "ALTER $what $view->{sql} RENAME TO " . fresh('v');
	}
	return 'CREATE VIEW public.' . fresh('v') . " AS SELECT id, count(*) AS n FROM $table->{sql} GROUP BY id" if $kind < 0.8;
	return 'CREATE MATERIALIZED VIEW app.' . fresh('v') . " AS SELECT id % 10 AS tens, count(*) AS n FROM $table->{sql} GROUP BY 1" if $kind < 0.84;
	my ($a, $b) = (fresh('t'), ++$made);
	return q[DO $d$ BEGIN FOR n IN 1..2 LOOP EXECUTE format('CREATE TABLE public.%I (id integer PRIMARY KEY)', '] . $a . q[_' || n); ]
	  . "INSERT INTO public.shared (id) VALUES (-$b - n) ON CONFLICT DO NOTHING; END LOOP; "
	  . "ALTER TABLE $table->{sql} ADD COLUMN c$b integer DEFAULT 5; DROP TABLE public.${a}_1; " . ($kind < 0.92 ? 'RAISE EXCEPTION' : 'RAISE DEBUG')
	  . q[ 'so far'; EXCEPTION WHEN raise_exception THEN EXECUTE 'CREATE TABLE public.] . "${a}_3 (id integer PRIMARY KEY, v text)" . q['; END $d$];
}

my @in_transaction = ([ 6, \&rows ], [ 2, \&create_table ], [ 5, \&alter_columns ], [ 2, \&table_as_such ], [ 2, \&index_of ],
	[ 3, \&partition ], [ 2, \&of_all ], [ 3, \&others ]);

# What cannot stand in a transaction.
sub alone
{
	my ($s) = @_;
	my ($pending) = grep { $_->{pending} } @{ $s->{tables} };
	if ($pending)
	{
		my $root = $pending->{parent} eq 'shared_list' ? 'public.shared_list' : "$pending->{schema}.$pending->{parent}";
		return "ALTER TABLE $root DETACH PARTITION $pending->{sql} FINALIZE";
	}
	my $kind = rand();
	my $part = pick(grep { $_->{mine} && defined $_->{parent} } @{ $s->{tables} });
	if ($part && $kind < 0.3)
	{
		my $root = $part->{parent} eq 'shared_list' ? 'public.shared_list' : "$part->{schema}.$part->{parent}";
		return "ALTER TABLE $root DETACH PARTITION $part->{sql} CONCURRENTLY";
	}
	my $table = pick(grep { $_->{kind} eq 'r' } altered($s)) or return;
	my $index = pick(grep { $_->{name} =~ /^\Q$own\E/ && !$_->{part} } @{ $table->{indexes} });
	return "DROP INDEX CONCURRENTLY $table->{schema}.$index->{name}" if $index && (!$index->{valid} || $kind < 0.5);
	return "REINDEX INDEX CONCURRENTLY $table->{schema}.$index->{name}" if $index && $kind < 0.6;
	return if @{ $table->{indexes} } > 4;
	my ($first) = map { $_->{name} } grep { $_->{name} =~ /^(?:id|a)$/ } @{ $table->{columns} };
	my $unique = chance(0.4) && $table->{identity} eq 'd' ? 'UNIQUE' : '';
	my $column = pick(grep { $_->{type} !~ /json/ } loose($table));
	return "CREATE $unique INDEX CONCURRENTLY " . fresh('i') . " ON $table->{sql} ($first" . ($column ? ", $column->{name})" : ')');
}

sub statement
{
	my ($s) = @_;
	my $total = 0;
	$total += $_->[0] foreach @in_transaction;
	foreach (1 .. 20)
	{
		my $at = rand($total);
		my ($op) = grep { ($at -= $_->[0]) < 0 } @in_transaction;
		my $sql = $op->[1]->($s);
		return $sql if defined $sql;
	}
	return 'SELECT 1';
}

# ---------------------------------------------------------------------------------------------------------------

# One statement to the server: 1 done, 0 an error, undef lost.
sub execute
{
	my ($sql) = @_;
	# several statements are one query of the protocol, so that the server tells their texts apart
	$sql =~ s/;(?= [A-Z])/\\;/g unless $sql =~ /\$[df]\$/;
	print "  $sql\n";
	my $said = say_it($sql);
	if (!defined $said) { print "  -- lost\n"; return; }
	if ($said =~ /ERROR:\s+(\w{5}): (.*)/) { print "  -- error $1 $2\n"; return 0; }
	print "  -- said $said\n" if $said =~ /FATAL|PANIC|ardent/i;
	return 1;
}

# A transaction of some statements and rows, savepoints rolled back among them. True when it was committed.
sub transaction
{
	my $count = 0;
	execute('BEGIN') or return;
	foreach (1 .. 1 + int(rand 5))
	{
		my $state = state_now() // return;
		my $undo = chance(0.2);
		execute('SAVEPOINT s') or return;
		my $done = execute(statement($state));
		return unless defined $done;
		$count += $done && !$undo;
		if (!$done || $undo) { defined execute('ROLLBACK TO SAVEPOINT s') or return; }
	}
	if (chance(0.1)) { execute('ROLLBACK'); return; }
	execute("INSERT INTO public.ledger VALUES ('$own', " . ++$made . ", $count)") or return;
	execute('COMMIT') or return;
	$statements += $count;
	return 1;
}

connect_again();
until ($stop)
{
	my $state = state_now();
	my $done;
	if (defined $state)
	{
		my $sql = chance(0.25) ? alone($state) : undef;
		if (defined $sql) { $done = execute($sql); $statements += $done // 0; }
		elsif (chance(0.3)) { $done = execute(statement($state)); $statements += $done // 0; }
		else { print "transaction\n"; $done = transaction(); }
	}
	$committed += $done // 0;
	next if $stop;
	unless (defined $state && defined say_it('ROLLBACK')) { connect_again(); }
	usleep(rand 40_000);
}
print "committed $committed transactions, $statements statements\n";
