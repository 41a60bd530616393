# SPDX-License-Identifier: PostgreSQL
# Two databases' definitions side by side.
#
#   is(join("\n", definitions_differ($t)), '', 'both schemas are dumped the same');
#   is(join("\n", columns_differ($t)), '', 'each column was added once');
package Ardent::Dump;
use strict;
use warnings;
use Carp;
use Exporter 'import';
use IPC::Run;

our @EXPORT = qw(definitions columns definitions_differ columns_differ);

# What pg_dump --schema-only says, a text an entry. Left out: comments, settings and blank lines; the order of the
# entries and of the grants in one (it follows the order of oids, and of the grants of a copy); the functions of extension
# ardent, which a replica does not have; grants to ardent_reader; and in the schema public those that initdb gave before
# 15, which pg_dump tells as changes of what another superuser's initdb gave; entries whose names match $without.
sub definitions
{
	my ($conninfo, $schemas, $without) = @_;
	my $text = '';
	IPC::Run::run([ 'pg_dump', '--schema-only', (map { ('-n', "\"$_\"") } @$schemas), '-d', $conninfo ], '>', \$text)
	  or croak 'pg_dump';
	my %kept;
	foreach my $entry (split /\n(?=-- Name: )/, $text)
	{
		my ($name) = $entry =~ /^-- Name: (.*)/ or next;
		$name =~ s/; Tablespace: .*//;    # a replica has none
		next if $name =~ /ardent_/ || (defined $without && $name =~ $without);
		my @lines = grep { !/^(?:--|SET |SELECT pg_catalog|\\|\s*$)/ } split /\n/, $entry;
		@lines = grep { !/ TO ardent_reader;$/ } @lines;
		@lines = grep { !/^GRANT ALL ON SCHEMA public TO (?:PUBLIC|postgres);|^REVOKE ALL ON SCHEMA public FROM (?:PUBLIC|ardent_admin);/ } @lines;
		@lines = sort @lines if $name =~ /ACL;/;
		next unless @lines;
		$kept{$name} = join "\n", @lines;
	}
	return \%kept;
}

# A line a column of a table with its number, dropped ones among them: a column that was added twice, or added and
# dropped nowhere but here, leaves its number behind.
sub columns
{
	my ($conninfo, $schemas) = @_;
	my $list = join ',', map { "'$_'" } @$schemas;
	my $sql = <<"SQL";
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attnum || ' ' || a.attname
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND n.nspname IN ($list) ORDER BY 1, a.attnum
SQL
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $conninfo, '-c', $sql ], '>', \$out, '2>', \$err)
	  or croak "psql: $err";
	my %columns;
	foreach my $line (split /\n/, $out)
	{
		my ($table, $column) = split /\|/, $line, 2;
		$columns{$table} .= "$column, ";
	}
	return \%columns;
}

sub differences
{
	my ($t, $read, $without) = @_;
	my ($there, $here) =
	  map { $read->($_, $t->{schemas}, $without) } $t->source->connstr($Ardent::Test::database), $t->replica_admin;
	croak 'the source has no definitions' unless %$there;
	my @differ;
	foreach my $name (sort keys %{ { %$there, %$here } })
	{
		my ($a, $b) = ($there->{$name} // '(none)', $here->{$name} // '(none)');
		push @differ, "$name\n  source:  $a\n  replica: $b" if $a ne $b;
	}
	return @differ;
}

sub definitions_differ { my ($t, $without) = @_; return differences($t, \&definitions, $without); }
sub columns_differ     { my ($t) = @_; return differences($t, \&columns); }

1;
