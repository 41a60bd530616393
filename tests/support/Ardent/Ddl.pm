# SPDX-License-Identifier: PostgreSQL
# DDL messages out of a slot with test_decoding, for tests of the capture.
#
#   my $ddl = Ardent::Ddl->new($node, 'postgres');     # extension, slot, capture on
#   $node->safe_psql('postgres', 'CREATE TABLE t ()');
#   is_deeply([ $ddl->lines ], [ 'CREATE TABLE: CREATE TABLE t ()' ], '…');
package Ardent::Ddl;
use strict;
use warnings;
use Carp;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# new(node, database, schema => of the extension)
sub new
{
	my ($class, $node, $database, %args) = @_;
	my $schema = $args{schema} // 'public';
	my $self = bless { node => $node, database => $database }, $class;
	$self->sql("SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS $schema; CREATE EXTENSION ardent SCHEMA $schema;"
		  . ' DO $$ BEGIN CREATE ROLE ardent_replication LOGIN REPLICATION; EXCEPTION WHEN duplicate_object THEN NULL; END $$;'
		  . " SELECT pg_create_logical_replication_slot('ddl', 'test_decoding'); SELECT $schema.ardent_ddl_capture(true)");
	$self->changes;
	return $self;
}

# A server with a copy of its own of what was staged, so that its library can be moved away while others run; not started.
# The server, and where its library is.
sub server_with_own_library
{
	my ($settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new('source');
	$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "$settings\nfsync = off\n");
	my $copy = $node->basedir . '/dest';
	my $dest = point_at($node, $copy);
	system('cp', '-r', $dest, $copy) == 0 or croak "cannot copy $dest";
	chomp(my $library = qx(find "$copy" -name ardent.so));
	croak "no library in $copy" unless -f $library;
	return ($node, $library);
}

# The server looks for what is staged in another folder; the one it was.
sub point_at
{
	my ($node, $folder) = @_;
	my $conf = slurp_file($node->data_dir . '/postgresql.conf');
	my ($dest) = $conf =~ /^dynamic_library_path = '([^']*?\/dest)\//m or croak 'no staged extension in postgresql.conf';
	foreach my $line (grep { /^\w+ = '.*\Q$dest\E/ } split /\n/, $conf)
	{
		$node->append_conf('postgresql.conf', $line =~ s/\Q$dest\E/$folder/gr);
	}
	return $dest;
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql($self->{database}, $sql); }

# What the slot has had since the last time, in order: { text => a line of test_decoding } or { text => …, message => …, body => … }.
# Transactions' beginnings and ends are left out unless ends => 1.
sub changes
{
	my ($self, %args) = @_;
	my $encoded = $self->sql(q(SELECT translate(encode(convert_to(data, getdatabaseencoding()), 'base64'), E'\n', '')
		FROM pg_logical_slot_get_changes('ddl', NULL, NULL)));
	my @changes;
	foreach my $line (map { decode_base64($_) } split /\n/, $encoded)
	{
		next if !$args{ends} && $line =~ /^(BEGIN|COMMIT|PREPARE|ROLLBACK)/;
		my $change = { text => $line };
		if ($line =~ /^message: transactional: 1 prefix: ardent\.ddl\.[0-9a-f]{32}, sz: \d+ content:(.*)\z/s)
		{
			$change->{message} = $1;
			$change->{body} = JSON::PP->new->decode($1)->{body};
		}
		push @changes, $change;
	}
	return @changes;
}

sub bodies { my ($self) = @_; return map { $_->{body} // () } $self->changes; }

# The changes as text: rows as test_decoding writes them, messages as "tag: text".
sub lines
{
	my ($self, %args) = @_;
	return map {
		my $body = $_->{body};
		$body ? "$body->{tag}: " . ($body->{kind} eq 'ddl' ? $body->{text} // '(unknown)' : "$body->{kind} $body->{sqlstate}") : $_->{text}
	} $self->changes(%args);
}

1;
