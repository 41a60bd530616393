# SPDX-License-Identifier: PostgreSQL
# One random table: its columns, how its rows are known again, how it is stored; and its DDL.
#
#   my $table = Ardent::Differ::Table->new(dice => …, number => 3, features => …, storage => 'plain', identity => 'key_many',
#       key_types => [ … ], types => [ … ]);
#   $table->ddl; $table->{q}; $table->{columns}; $table->chosen(2, 'salt');
package Ardent::Differ::Table;
use strict;
use warnings;
use Ardent::Differ::Partitions;
use Ardent::Differ::Values qw(name);

# what has a name of its own to be switched off, and since when the server has it
our %features = (
	%Ardent::Differ::Partitions::features,
	map { $_ => 0 } qw(key_one key_many full full_with_key using_index using_index_beside_key no_key key_for_nothing deferrable_key
	  deferrable_key_full generated_key odd_names other_schema column_order),
);
# a key whose index is no B-tree
$features{temporal_key} = 18;
our @identities = qw(key_one key_many full full_with_key using_index using_index_beside_key no_key key_for_nothing deferrable_key
  deferrable_key_full generated_key temporal_key);

my @odd_columns = ('t', 'v', 'o', 'c1', 'place', 'rows', 'r', 'x', 'Name', 'name', 'NAME', 'select', 'order', 'it"s', "it's", "line\nbreak", 'a.b',
	'back\\slash', '%s', '$1', ' ', ':colon', "\xc3\xbcml\xc3\xa4ut", "\xe2\x98\x83", 'value',
	'sixty-three bytes is the longest that the name of a column can ',
	'columns', 'identity', 'ctid ', 'oid', 'NULL', 'null', 'old', 'new', 'excluded', 'ardent', 'user', '-- no', '/* no', 'a,b', '(c)', '{d}', "tab\t");
my @odd_tables = ('t', 'T', 'order', 'Mixed Case', "line\nbreak", 'quo"te', "apo's", "\xe2\x98\x83 snow",
	'a.b', 'a|b', 'back\\slash', 'x' x 50, 'rows', '%I', ' ', 'public', '*,-');

sub new
{
	my ($class, %args) = @_;
	my $dice = $args{dice};
	my $self = bless { %args, columns => [], constraints => [], checks => [], after => [], before_write => [], after_write => [],
		has => {}, leaves => [], used_names => {} }, $class;
	my $odd = $args{features}->on('odd_names') && $dice->chance(0.5);
	$self->{odd} = $odd;
	$self->meets('odd_names') if $odd;
	my $schema = $args{features}->on('other_schema') && $dice->chance(0.2) ? 'Other schema' : 'public';
	$self->meets('other_schema') if $schema ne 'public';
	$self->{schema} = $schema;
	$self->{name} = $odd ? $dice->pick(@odd_tables) . $args{number} : "t$args{number}";
	$self->{q} = name($schema) . '.' . name($self->{name});
	$self->{column_names} = [ $dice->shuffled(@odd_columns) ];
	$self->make_columns($dice);
	return $self;
}

sub meets { my ($self, @names) = @_; $self->{has}{$_} = 1 foreach @names; return; }

sub new_name
{
	my ($self, $plain) = @_;
	my $name = $self->{odd} && $self->{dice}->chance(0.6) ? shift @{ $self->{column_names} } : undef;
	$name //= $plain;
	$name .= 'x' while $self->{used_names}{$name};
	$self->{used_names}{$name} = 1;
	return $name;
}

# A column: sql; value => sub of an expression; not_null, key, generated => expression, identity => ALWAYS, default => expression
sub add_column
{
	my ($self, %column) = @_;
	my $type = $column{type};
	%column = (sql => $type->{sql}, value => $type->{value}, %column) if $type;
	$column{not_null} = 1 if $type && $type->{never_null};
	$column{name} = $self->new_name($column{plain} // 'c' . (1 + @{ $self->{columns} }));
	$column{q} = name($column{name});
	push @{ $self->{columns} }, \%column;
	$self->meets(Ardent::Differ::Features::feature_of($type)) if $type;
	return $self->{columns}[-1];
}

sub add_key_column
{
	my ($self, $type) = @_;
	$self->meets($type->{key_feature}) if $type->{key_feature};
	return $self->add_column(type => $type, value => $type->{distinct}, not_null => 1, key => 1);
}

sub make_columns
{
	my ($self, $dice) = @_;
	my $identity = $self->{identity};
	my @key_types = @{ $self->{key_types} };
	my @key;
	my $has_key = $identity !~ /^(?:full|no_key)$/;
	if ($identity eq 'generated_key')
	{
		my $base = $self->add_column(type => Ardent::Differ::Values::type_named('integer'), not_null => 1,
			value => sub { return $_[0]->below(2_000_000) });
		push @key, $self->add_column(sql => 'bigint', generated => "($base->{q}::bigint * 7)", not_null => 1, key => 1);
	}
	elsif ($identity eq 'temporal_key')
	{
		push @key, map { $self->add_key_column(Ardent::Differ::Values::type_named('range')) } 1 .. 2;
	}
	elsif ($has_key)
	{
		my $n = $identity eq 'key_one' ? 1 : $identity eq 'key_many' ? $dice->between(2, 3) : $dice->between(1, 2);
		@key_types = @key_types[ 0 .. $n - 1 ] if @key_types > $n;
		# a type of few values is a key together with others only
		push @key_types, Ardent::Differ::Values::type_named('integer') unless grep { !$_->{few} } @key_types;
		push @key, map { $self->add_key_column($_) } @key_types;
	}
	if ($self->{storage} ne 'plain' && Ardent::Differ::Partitions::choose($self, $dice, !@key))
	{
		push @key, $self->{part} if @key;
		$self->{part}{not_null} = $self->{part}{key} = 1 if @key;
	}
	$self->{key} = [ $dice->shuffled(@key) ];
	$self->meets('key_many') if @key > 1;
	$self->add_column(type => $_) foreach @{ $self->{types} };
	$self->meets($identity);
	$self->{updatable} = $identity !~ /^(?:no_key|key_for_nothing|deferrable_key)$/;
	return;
}

sub writable { my ($self) = @_; return grep { !defined $_->{generated} } @{ $self->{columns} }; }
sub payload  { my ($self) = @_; return grep { !defined $_->{generated} && !$_->{key} && !$_->{identity} } @{ $self->{columns} }; }

# An expression for a column of a new row.
sub value
{
	my ($self, $column, $dice) = @_;
	return 'NULL' if !$column->{not_null} && $dice->chance(0.15);
	return $column->{value}->($dice);
}

# An order that has nothing to do with how rows came or where they lie.
sub lot { my ($salt) = @_; return qq{pg_catalog.md5(pg_catalog.textin(pg_catalog.record_out("the row")) || '$salt')}; }

# Rows, at most $n: which, depends on nothing but what is in the table and the salt.
sub chosen
{
	my ($self, $n, $salt, $from) = @_;
	$from //= $self->{q};
	return qq{(tableoid, ctid) IN (SELECT "the row".tableoid, "the row".ctid FROM $from AS "the row"}
	  . ' ORDER BY ' . lot($salt) . qq{, "the row".ctid LIMIT $n)};
}

sub column_sql
{
	my ($self, $column, $in_leaf) = @_;
	my $text = "$column->{q} $column->{sql}";
	$text .= ' NOT NULL' if $column->{not_null};
	$text .= " GENERATED ALWAYS AS $column->{generated} " . ($column->{virtual} ? 'VIRTUAL' : 'STORED') if defined $column->{generated};
	$text .= " GENERATED $column->{identity} AS IDENTITY" if $column->{identity} && !$in_leaf;
	$text .= " DEFAULT $column->{default}" if defined $column->{default};
	return $text;
}

sub key_list { my ($self) = @_; return join ', ', map { $_->{q} } @{ $self->{key} }; }

sub key_constraints
{
	my ($self) = @_;
	my ($identity, $list) = ($self->{identity}, $self->key_list);
	return () unless @{ $self->{key} };
	return () if $identity =~ /^using_index/;
	return "PRIMARY KEY ($list WITHOUT OVERLAPS)" if $identity eq 'temporal_key';
	my $when = $self->{dice}->part('when')->pick('DEFERRED', 'IMMEDIATE');
	return "PRIMARY KEY ($list)" . ($identity =~ /^deferrable/ ? " DEFERRABLE INITIALLY $when" : '');
}

sub ddl
{
	my ($self) = @_;
	my @columns = @{ $self->{columns} };
	if (!$self->{in_order} && $self->{features}->on('column_order'))
	{
		@columns = $self->{dice}->part('order')->shuffled(@columns);
		$self->meets('column_order');
	}
	my @lines = ((map { $self->column_sql($_) } @columns), @{ $self->{checks} }, $self->key_constraints, @{ $self->{constraints} });
	my $sql = "CREATE TABLE $self->{q} (\n  " . join(",\n  ", @lines) . "\n)";
	$sql .= " PARTITION BY $self->{partition}{by}" if $self->{partition};
	my @ddl = "$sql;";
	if ($self->{partition} && $self->{features}->on('leaf_order') && $self->{dice}->part('gap')->chance(0.5))
	{
		# what is made as a partition from here on has numbers of columns that are not its parent's
		$ddl[0] =~ s/^(CREATE TABLE \S[^(]*?\()\n/$1\n  "dropped first" integer,\n/s;
		push @ddl, "ALTER TABLE $self->{q} DROP COLUMN \"dropped first\";";
	}
	push @ddl, Ardent::Differ::Partitions::leaf_ddl($self);
	push @ddl, $self->identity_ddl, @{ $self->{after} };
	return @ddl;
}

# The replica identity of the table and all that stands below it: a row is identified as its leaf says.
sub identity_ddl
{
	my ($self) = @_;
	my $identity = $self->{identity};
	my @relations = ($self->{q}, map { $_->{q} } @{ $self->{leaves} });
	return map { "ALTER TABLE $_ REPLICA IDENTITY FULL;" } @relations if $identity =~ /full/;
	return map { "ALTER TABLE $_ REPLICA IDENTITY NOTHING;" } @relations if $identity eq 'key_for_nothing';
	return () unless $identity =~ /^using_index/;
	my $index = name("the key of $self->{number}");
	my @ddl = ("CREATE UNIQUE INDEX $index ON $self->{q} (" . $self->key_list . ');');
	push @ddl, 'ALTER TABLE ' . $self->{q} . ' ADD ' . name("serial $self->{number}") . ' bigserial PRIMARY KEY;'
	  if $identity eq 'using_index_beside_key' && !$self->{partition};
	return (@ddl, "ALTER TABLE $self->{q} REPLICA IDENTITY USING INDEX $index;") unless $self->{partition};
	my $qualified = name($self->{schema}) . ".$index";
	return (@ddl, <<"SQL");
DO \$do\$ DECLARE i record; BEGIN
  FOR i IN SELECT x.indrelid::pg_catalog.regclass AS relation, c.relname AS name FROM pg_catalog.pg_partition_tree('$qualified') AS p
             JOIN pg_catalog.pg_index AS x ON x.indexrelid = p.relid JOIN pg_catalog.pg_class AS c ON c.oid = p.relid LOOP
    EXECUTE pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', i.relation, i.name);
  END LOOP;
END \$do\$;
SQL
}

# The columns that INSERT … ON CONFLICT may name.
sub arbiter { my ($self) = @_; return $self->{identity} =~ /^(?:deferrable|temporal)/ ? '' : $self->key_list; }

1;
