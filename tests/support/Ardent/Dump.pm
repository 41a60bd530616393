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

our @EXPORT = qw(columns definitions_differ columns_differ);

# What scripts/compare says of the two schemas, a text a definition that differs; $without: an expression over the names
# of definitions that are not looked at, such as qr/^FOREIGN TABLE /.
sub definitions_differ
{
	my ($t, $without) = @_;
	# Perl's way to write a group, in an extended regular expression
	my @without = defined $without ? ('--without', "$without" =~ s/\(\?\^?\w*:/(/gr) : ();
	my ($equal, $said) = $t->compare_sides($t->source->connstr($Ardent::Test::database), $t->replica_admin, '--schema-only', @without);
	return if $equal;
	my @differ = grep { /\A  [A-Z].*: (?:DIFFERENT|MISSING)/ } split /\n(?=  \S)/, $said;
	return @differ ? @differ : $said;    # it could not compare
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

sub columns_differ
{
	my ($t) = @_;
	my ($there, $here) = map { columns($_, $t->{schemas}) } $t->source->connstr($Ardent::Test::database), $t->replica_admin;
	croak 'the source has no columns' unless %$there;
	my @differ;
	foreach my $name (sort keys %{ { %$there, %$here } })
	{
		my ($a, $b) = ($there->{$name} // '(none)', $here->{$name} // '(none)');
		push @differ, "$name\n  source:  $a\n  replica: $b" if $a ne $b;
	}
	return @differ;
}

1;
