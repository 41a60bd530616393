# SPDX-License-Identifier: PostgreSQL
# The environment's apply alone: a source and a replica database in one server, and apply_driver between them.
#
#   my $t = Ardent::Apply->new(name => 'miss', encoding => 'UTF8', setup => 'SQL that makes both databases');
#   $t->source('INSERT …');  my $file = $t->segments(4194304);  my ($exit, $output) = $t->apply($file);
#   $t->equal_ok('what was tried');
package Ardent::Apply;
use strict;
use warnings;
use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use Test::More;

sub new
{
	my ($class, %args) = @_;
	my $encoding = $args{encoding} // 'UTF8';
	my $node = PostgreSQL::Test::Cluster->new("apply_$args{name}");
	$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "max_replication_slots = 5\nfsync = off\nlog_parameter_max_length = 0\n");
	$node->start;
	my $self = bless { node => $node, encoding => $encoding, dir => File::Temp->newdir, files => 0 }, $class;
	$node->safe_psql('postgres', 'CREATE ROLE ardent_apply LOGIN BYPASSRLS; ALTER ROLE ardent_apply SET session_replication_role = replica');
	$node->safe_psql('postgres', "CREATE DATABASE src TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql('src', $args{setup});
	# labels of enums have the source's oids, as after a copy
	$node->safe_psql('postgres', 'CREATE DATABASE rep TEMPLATE src');
	# as in a replica: no table is the superuser's, and the role that applies may become each owner
	$node->safe_psql('postgres', 'CREATE ROLE owner NOLOGIN; GRANT owner TO ardent_apply');
	$node->safe_psql('rep', <<'SQL');
GRANT ALL ON SCHEMA public TO ardent_apply, owner;
GRANT ALL ON ALL TABLES IN SCHEMA public TO ardent_apply;
SELECT format('ALTER TABLE %I.%I OWNER TO owner', n.nspname, c.relname)
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \gexec
SQL
	my $lsn = $node->safe_psql('src', "SELECT lsn FROM pg_create_logical_replication_slot('feed', 'wal2json')");
	$self->{system} = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
	$self->driver('init', $node->connstr('rep'), 'ardent_apply', $self->{system}, $lsn) == 0 or die $self->{output};
	return $self;
}

sub source  { my ($self, $sql) = @_; return $self->{node}->safe_psql('src', $sql); }
sub replica { my ($self, $sql) = @_; return $self->{node}->safe_psql('rep', $sql); }
sub position { my ($self) = @_; return $self->replica('SELECT durable_lsn FROM ardent.progress'); }

# The exit status, 128 + the signal's number when one ended it; what it printed is in {output}.
sub driver
{
	my ($self, @arguments) = @_;
	$self->{output} = '';
	IPC::Run::run([ "$ENV{ARDENT_BIN}/apply_driver", @arguments ], '<', \undef, '>&', \$self->{output});
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# What the slot holds now, in a file of segments of about this many bytes.
sub segments
{
	my ($self, $bytes) = @_;
	my $file = "$self->{dir}/" . ++$self->{files};
	$self->driver('dump', $self->{node}->connstr('src'), 'feed', $file, $bytes // 4194304) == 0 or die $self->{output};
	return $file;
}

sub apply_command
{
	my ($self, $file) = @_;
	return ('apply', $self->{node}->connstr('rep') . ' user=ardent_apply', $self->{system}, $self->{encoding}, $file);
}

sub apply
{
	my ($self, $file) = @_;
	my $exit = $self->driver($self->apply_command($file));
	return ($exit, $self->{output});
}

sub applied_ok
{
	my ($self, $file, $what) = @_;
	my ($exit, $output) = $self->apply($file);
	is($exit, 0, $what) or diag($output);
	return;
}

# One line a table: name, rows, and a sum over the bytes of every row's text that has no order; the text as scripts/compare
# makes it, for an alias alone is the column of that name where there is one.
sub sums
{
	my ($self, $database) = @_;
	my $tables = $self->{node}->safe_psql($database, <<'SQL');
SELECT format('SELECT %L, count(*), md5(string_agg(h, '''' ORDER BY h)) FROM (SELECT md5(textsend(textin(record_out(ROW(%s))))) AS h FROM ONLY %s AS r) AS q',
              c.relname, (SELECT string_agg(format('r.%I', a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), c.oid::regclass)
  FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname COLLATE "C"
SQL
	return join("\n", map { $self->{node}->safe_psql($database, "SET client_encoding = '$self->{encoding}'; $_") } split /\n(?=SELECT )/, $tables);
}

sub equal_ok
{
	my ($self, $what) = @_;
	is($self->sums('rep'), $self->sums('src'), "$what: replica equals source");
	return;
}

1;
