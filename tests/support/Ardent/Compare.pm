# SPDX-License-Identifier: PostgreSQL
# Databases in one server, two at a time before scripts/compare.
#
#   my $c = Ardent::Compare->new;
#   $c->make('source', 'SQL');  $c->make('replica', 'SQL on top', 'source');
#   my ($exit, $said, $err) = $c->compare('source', 'replica', '--rows-only');
package Ardent::Compare;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(quoted);
my $compare = abs_path(dirname(__FILE__) . '/../../../scripts/compare');

sub quoted { my ($name) = @_; return '"' . ($name =~ s/"/""/gr) . '"'; }

# With role verifier, as the head of scripts/compare wants it.
sub new
{
	my ($class) = @_;
	my $node = PostgreSQL::Test::Cluster->new('compare');
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE ROLE verifier LOGIN BYPASSRLS; CREATE ROLE app LOGIN; CREATE ROLE other LOGIN');
	my $self = bless { node => $node, version => $node->safe_psql('postgres', 'SHOW server_version_num') }, $class;
	$node->safe_psql('postgres', 'GRANT pg_read_all_data TO verifier') if $self->{version} >= 140000;
	return $self;
}

sub version { my ($self) = @_; return $self->{version}; }
sub sql     { my ($self, $database, $sql, @more) = @_; return $self->{node}->safe_psql($database, $sql, @more); }

# A database, or a copy of one, made anew.
sub make
{
	my ($self, $database, $sql, $of, $how) = @_;
	$how //= defined $of ? "TEMPLATE $of" : '';
	$self->sql('postgres', "DROP DATABASE IF EXISTS $database");
	$self->sql('postgres', "CREATE DATABASE $database $how");
	# before 14 no role reads everything
	$self->sql($database, "ALTER DEFAULT PRIVILEGES GRANT $_ TO verifier") foreach grep { !defined $of && $self->{version} < 140000 } 'USAGE ON SCHEMAS', 'SELECT ON TABLES';
	$self->sql($database, $sql) if $sql ne '';
	return;
}

# The exit status, what was printed, what was complained of. Options come first, schemas after '--'; as => a role.
sub compare
{
	my ($self, $source, $replica, @options) = @_;
	my ($said, $err) = ('', '');
	my $role = @options && $options[0] eq 'as' ? (splice @options, 0, 2)[1] : 'verifier';
	my @schemas;
	push @schemas, splice @options, -1 while grep { $_ eq '--' } @options;
	pop @schemas;
	IPC::Run::run([ $compare, @options, (map { $self->{node}->connstr($_) . " user=$role" } $source, $replica), reverse @schemas ],
		'>', \$said, '2>', \$err);
	return ($? >> 8, $said, $err);
}

# What is said of each table: name => verdict.
sub tables
{
	my ($self, $said) = @_;
	my %tables;
	while ($said =~ /^  +(?!table )(\S.*?) *(?<= )[ \d]{12} [ \d]{12}  ([A-Za-z].*)$/mg)
	{
		$tables{$1} = defined $tables{$1} ? "$tables{$1}; $2" : $2;
	}
	return %tables;
}

# Which rows are shown of each: name => [ [ more at the source ], [ more in the replica ] ].
sub samples
{
	my ($self, $said) = @_;
	my (%samples, $table);
	foreach my $line (split /\n/, $said)
	{
		if ($line =~ /^  (\S.*?) *(?<= )[ \d]{12} [ \d]{12}  [A-Z]/) { $table = $1; }
		elsif ($line =~ /^ {8}only in the (source|replica): (.*)$/) { push @{ $samples{$table}[ $1 eq 'replica' ] }, $2; }
		elsif ($line =~ /^ {8}(\d+) in the source, (\d+) in the replica: (.*)$/) { push @{ $samples{$table}[ $1 < $2 ] }, "$1 $2 $3"; }
	}
	return %samples;
}

1;
