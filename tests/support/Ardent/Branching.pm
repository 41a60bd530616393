# SPDX-License-Identifier: PostgreSQL
# Branches of a real replica, by the API: an environment, a connector and an agent around an Ardent::Test, up to streaming.
#
#   my $b = Ardent::Branching->new($t, 'branch.suspend_after' => '2s');
#   my $id = $b->create_ok('one');
#   is($b->psql($id, 'SELECT 1'), '1', …);          # over TLS, through the front door; "ERROR …" when it fails
#   is($b->admin($id, 'SELECT 1'), '1', …);         # as the superuser inside, over the socket of the host
package Ardent::Branching;
use strict;
use warnings;
use Carp;
use Ardent::Test;
use IPC::Run;
use Test::More;

sub new
{
	my ($class, $t, %settings) = @_;
	my $self = bless { t => $t }, $class;
	my $ports = Ardent::Test::free_ports(41);
	# A port that another program has is passed over.
	$t->start_environment('branch.ports' => "$ports-" . ($ports + 40), 'branch.suspend_after' => '0s', %settings);
	$t->create_connector;
	$t->start_agent;
	$t->wait_streaming;
	return $self;
}

sub base { my ($self, $id) = @_; return "/v1/branches/$self->{t}{connector}" . (defined $id ? "/$id" : ''); }

# The answer to POST /v1/branch/create.
sub ask
{
	my ($self, $name, %more) = @_;
	return $self->{t}->http('POST', '/v1/branch/create', { connector_id => $self->{t}{connector}, service_type => 'postgres', name => $name, %more });
}

# The operation once it has ended. The environment may be away meanwhile.
sub finished
{
	my ($self, $id, $seconds) = @_;
	my $operation;
	$self->{t}->wait_for("operation $id", sub {
		my $answer = $self->{t}->http('GET', "/v1/operations/$id?wait=5");
		$operation = $answer->{json} // {};
		return $answer->{status} == 200 && $operation->{status} =~ /^(?:completed|failed)$/;
	}, $seconds);
	return $operation;
}

# {status, error, id} of a creation, or the HTTP answer of one that was refused.
sub create
{
	my ($self, $name, %more) = @_;
	my $answer = $self->ask($name, %more);
	return $answer if $answer->{status} != 202;
	my $operation = $self->finished($answer->{json}{operation_id});
	return { status => $operation->{status}, error => $operation->{error}, id => $answer->{json}{resource_id} };
}

# The id of a new branch.
sub create_ok
{
	my ($self, $name, %more) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $made = $self->create($name, %more);
	is($made->{status}, 'completed', "the branch $name is created") or croak("no branch: $made->{status} " . ($made->{error} // $made->{content} // ''));
	return $made->{id};
}

# reset, suspend, resume; how it ended, or the HTTP status of a refusal.
sub act
{
	my ($self, $id, $word) = @_;
	my $answer = $self->{t}->http('POST', $self->base($id) . "/$word");
	return $answer->{status} if $answer->{status} != 202;
	my $operation = $self->finished($answer->{json}{operation_id});
	$self->{error} = $operation->{error};
	return $operation->{status};
}

sub delete
{
	my ($self, $id) = @_;
	my $answer = $self->{t}->http('DELETE', $self->base($id));
	return $answer->{status} if $answer->{status} != 202;
	return $self->finished($answer->{json}{operation_id})->{status};
}

sub row  { my ($self, $id) = @_; return $self->{t}->http('GET', $self->base($id))->{json} // {}; }
sub list { my ($self) = @_; my $answer = $self->{t}->http('GET', $self->base); return $answer->{status} == 200 ? @{ $answer->{json} } : (); }
sub state { my ($self, $id) = @_; return $self->row($id)->{state} // ''; }

# Its folder on the host.
sub directory { my ($self, $id) = @_; return $self->data_dir . "/branches/$id"; }
sub data_dir { my ($self) = @_; return $self->{t}{environment_settings}{'environment.data_dir'} // $self->{t}->dir . '/data'; }

# Its URL, as libpq takes it without the authority's file. Kept, so that it can be used when the environment is away.
sub url
{
	my ($self, $id) = @_;
	$self->{urls}{$id} //= $self->row($id)->{branch_url};
	croak "branch $id has no URL" unless defined $self->{urls}{$id};
	return $self->{urls}{$id} =~ s/sslmode=verify-full/sslmode=require/r;
}

# Its URL as it is, with the authority that it asks for.
sub strict_url
{
	my ($self, $id, @more) = @_;
	$self->{authority} //= $self->{t}->write_file('authority.pem', $self->{t}->http('GET', '/v1/branch-authority')->{json}{certificate});
	return join '&', $self->row($id)->{branch_url}, "sslrootcert=$self->{authority}", @more;
}

# What psql printed, or "ERROR " and what it said.
sub run_psql
{
	my (@words) = @_;
	my ($out, $err) = ('', '');
	my $ok = eval { IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', @words ], '<', \undef, '>', \$out, '2>', \$err) };
	chomp($out, $err);
	return $ok ? $out : "ERROR $err$@";
}

# Statements each of their own, as a migration's file has them.
sub psql
{
	my ($self, $id, @statements) = @_;
	return run_psql('-d', $self->url($id), map { ('-c', $_) } @statements);
}

# A psql in the background; ->{run}->finish ends it, ->{out} and ->{err} are what it printed.
sub begin_psql
{
	my ($self, $id, $sql, $url) = @_;
	my $p = { out => '', err => '' };
	$p->{run} = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url // $self->url($id), '-c', $sql ],
		'<', \undef, '>', \$p->{out}, '2>', \$p->{err}, IPC::Run::timeout(120));
	return $p;
}

sub admin_conninfo
{
	my ($self, $id) = @_;
	return 'host=' . $self->{t}->dir . '/run/' . substr($id, 0, 12) . " port=5432 user=ardent_admin dbname=$Ardent::Test::database";
}

sub admin { my ($self, $id, @statements) = @_; return run_psql('-d', $self->admin_conninfo($id), map { ('-c', $_) } @statements); }

# The server's process, as this host counts.
sub server_pid { my ($self, $id) = @_; return Ardent::Test::server_pid($self->directory($id)); }

# Statements at the source in a loop of transactions, until ->end; what was not committed when it ends is not there.
sub load
{
	my ($self, $body, $pause) = @_;
	my $t = $self->{t};
	$pause //= 0.002;
	my $name = 'load_' . ++$self->{loads};
	my $run = IPC::Run::start([ 'psql', '-X', '-q', '-d', $t->source->connstr($Ardent::Test::database) . " application_name=$name", '-c',
			"DO \$load\$ BEGIN LOOP $body; COMMIT; PERFORM pg_sleep($pause); END LOOP; END \$load\$" ], '<', \undef, '>', '/dev/null', '2>&1');
	return bless { t => $t, run => $run, name => $name }, 'Ardent::Branching::Load';
}

package Ardent::Branching::Load;
use strict;
use warnings;

# The loop would not notice that its client is gone.
sub end
{
	my ($self) = @_;
	my $ended = $self->{t}->source->safe_psql('postgres', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '$self->{name}'");
	$self->{run}->finish;
	die "the load had ended by itself\n" unless $ended eq '1';
	return;
}

1;
