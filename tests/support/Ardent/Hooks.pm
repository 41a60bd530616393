# SPDX-License-Identifier: PostgreSQL
# Branches of a real environment whose connector has settings: an environment that streams, its command line, its branches.
#
#   my $h = Ardent::Hooks->new(name => 'branch_hooks', sql => '…', settings => { 'branch.hook_timeout' => '3s' });
#   $h->set_ok('branch_sql', 'SELECT 1', '--hook', 'one');
#   my $made = $h->create('x');                 # {status}, {error}, {id}
#   is($h->psql($made->{id}, 'SELECT 1'), '1');
package Ardent::Hooks;
use strict;
use warnings;
use Ardent::Test;
use IO::Select;
use IO::Socket::INET;
use IPC::Run;
use Test::More;
use Time::HiRes qw(time);

sub new
{
	my ($class, %args) = @_;
	my $t = Ardent::Test->new(name => $args{name}, sql => $args{sql});
	my $port = Ardent::Test::free_ports(41);
	$t->start_environment('branch.ports' => "$port-" . ($port + 30), %{ $args{settings} // {} });
	$t->create_connector;
	$t->start_agent;
	$t->wait_streaming;
	return bless { t => $t }, $class;
}

sub t { my ($self) = @_; return $self->{t} }

sub set_ok
{
	my ($self, @words) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $said) = $self->t->cli('settings', 'set', @words);
	return is($code, 0, "settings set @{[ substr(join(' ', @words), 0, 60) =~ s/\n/ /gr ]}") || diag($said);
}

# Refused, with this text.
sub set_refused
{
	my ($self, $what, $pattern, @words) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $said) = $self->t->cli('settings', 'set', @words);
	isnt($code, 0, "$what is refused");
	return like($said, $pattern, 'and why is told');
}

# All of them are gone.
sub clear
{
	my ($self) = @_;
	my $path = "/v1/connectors/$self->{t}{connector}/settings";
	foreach my $row (@{ $self->t->http('GET', $path)->{json}{settings} })
	{
		$self->t->http('DELETE', "$path/branch_sql?hook=$_->{hook}") foreach @{ $row->{hooks} // [] };
		$self->t->http('DELETE', "$path/$row->{key}") if defined $row->{value};
	}
	return;
}

sub call { my ($self, $method, $path, $body) = @_; return $self->t->http($method, $path, $body) }

sub post_create
{
	my ($self, $name) = @_;
	return $self->call('POST', '/v1/branch/create', { connector_id => $self->t->{connector}, service_type => 'postgres', name => $name })->{json};
}

sub wait_operation
{
	my ($self, $id) = @_;
	my $operation;
	$self->t->wait_for("operation $id", sub {
		$operation = $self->call('GET', "/v1/operations/$id?wait=5")->{json};
		return ($operation->{status} // '') =~ /^(?:completed|failed)$/;
	}, 120);
	return $operation;
}

# A process that waits for it, as the command line does; to be killed.
sub begin_wait
{
	my ($self, $id) = @_;
	my $call = 'HTTP::Tiny->new(timeout => 30)->get($ARGV[0], { headers => { Authorization => "Bearer $ARGV[1]" } })';
	return IPC::Run::start([ $^X, '-MHTTP::Tiny', '-e', $call, $self->t->url . "/v1/operations/$id?wait=9", $self->t->{admin_key} ], '<', \undef, '>', '/dev/null');
}

sub create
{
	my ($self, $name) = @_;
	my $handle = $self->post_create($name);
	my $operation = $self->wait_operation($handle->{operation_id});
	return { %$operation, id => $handle->{resource_id} };
}

sub create_ok
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $made = $self->create($name);
	is($made->{status}, 'completed', "branch $name is made") or diag($made->{error});
	return $made->{id};
}

# No branch is made, the reason is this one, and nothing is left.
sub create_fails
{
	my ($self, $name, $pattern) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $made = $self->create($name);
	is($made->{status}, 'failed', "branch $name is not made");
	like($made->{error}, $pattern, 'because') or diag($made->{error} // '');
	my $row = $self->row($made->{id});
	is_deeply([ @$row{qw(status failure branch_url)} ], [ 'failed', $made->{error}, undef ], 'which its record says');
	ok(!-e $self->t->dir . "/data/branches/$made->{id}", 'and nothing is left of it');
	return $made;
}

# reset, suspend, resume
sub act
{
	my ($self, $id, $verb) = @_;
	my $answer = $self->call('POST', "/v1/branches/$self->{t}{connector}/$id/$verb");
	return $self->wait_operation($answer->{json}{operation_id});
}

sub delete_branch
{
	my ($self, $id) = @_;
	my $answer = $self->call('DELETE', "/v1/branches/$self->{t}{connector}/$id");
	return $self->wait_operation($answer->{json}{operation_id});
}

sub row { my ($self, $id) = @_; return $self->call('GET', "/v1/branches/$self->{t}{connector}/$id")->{json} }

sub url { my ($self, $id) = @_; return $self->row($id)->{branch_url} =~ s/sslmode=verify-full/sslmode=require/r }

# What psql prints at the branch's URL, or "ERROR …".
sub psql
{
	my ($self, $id, @sql) = @_;
	return run_psql($self->url($id), @sql);
}

sub run_psql
{
	my ($where, @sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $where, map { ('-c', $_) } @sql ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
}

# The server of a branch that nobody may connect to yet, as the environment itself comes.
sub inside
{
	my ($self, $id, $sql) = @_;
	my ($socket) = grep { my ($short) = m{([^/]+)$}; index($id, $short) == 0 } glob $self->t->dir . '/run/*';
	return defined $socket ? run_psql("host=$socket port=5432 user=ardent_admin dbname=template1", $sql) : 'ERROR no socket';
}

# What comes back within two seconds of a startup packet, and of a request for TLS: "closed", bytes, or "" where they are held.
sub answers_at
{
	my ($self, $port) = @_;
	my $startup = pack('N', 196608) . "user\0ardent_admin\0database\0template1\0\0";
	my @clients = map {
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10) or die "port $port: $!";
		syswrite $socket, $_;
		$socket;
	} pack('N', length($startup) + 4) . $startup, pack('NN', 8, 80877103);
	my $select = IO::Select->new(@clients);
	my $until = time + 2;
	my %said;
	while ($select->count && (my $left = $until - time) > 0)
	{
		foreach my $socket ($select->can_read($left))
		{
			my $n = sysread $socket, $said{$socket}, 1, length($said{$socket} // '');
			next if $n;
			$said{$socket} .= 'closed';
			$select->remove($socket);
		}
	}
	return map { $said{$_} // '' } @clients;
}

# A server that is being prepared: nobody is let in but over the socket, and who comes to its port is held.
sub closed_ok
{
	my ($self, $id, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($self->inside($id, q(SELECT count(*) FROM pg_hba_file_rules WHERE type <> 'local')), '0', "$what: its server takes nobody from a network");
	return is_deeply([ $self->answers_at($self->row($id)->{port}) ], [ '', '' ], "$what: who comes to its port is held, and told nothing");
}

sub wait_for_statement
{
	my ($self, $id, $piece) = @_;
	return $self->t->wait_for("$piece runs in $id", sub {
		return $self->inside($id, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%$piece%'") eq '1';
	});
}

1;
