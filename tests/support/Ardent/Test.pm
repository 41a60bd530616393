# SPDX-License-Identifier: PostgreSQL
# A whole Ardent for one test: a source server, an environment, a connector, an agent. Everything lives in a folder
# of the test and is gone when the object goes.
#
#   my $t = Ardent::Test->new(name => 'copy');          # source server with the extension, role and grants
#   $t->source->safe_psql('shop', '…');                 # the database is called shop
#   $t->start_environment;  $t->create_connector;  $t->start_agent;
#   $t->wait_streaming;     $t->wait_caught_up;         # every wait has a deadline and says what it waited for
#   $t->compare_ok('after the copy');
#
# Nothing here sleeps for luck: waits poll.
package Ardent::Test;
use strict;
use warnings;
use Carp;
use Ardent::Dump;
use Ardent::Process;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(usleep time);

our $top = abs_path(dirname(__FILE__) . '/../../..');
our $bin = $ENV{ARDENT_BIN} // "$top/build/bin";
our $database = 'shop';
our $patience = 60;    # seconds that a wait may take, unless it says otherwise

# new(name => …, source_conf => 'lines', schemas => ['public'], sql => 'run in the database before anything else',
#     grants => 0 to leave the role and the grants to the test, database => 'options of CREATE DATABASE')
sub new
{
	my ($class, %args) = @_;
	# Unix sockets of replicas stand below, so the path has to be short.
	my $dir = File::Temp->newdir('ardent-XXXXXX', DIR => $ENV{ARDENT_SCRATCH} ? "$ENV{ARDENT_SCRATCH}/tmp" : '/tmp');
	my $self = bless {
		name => $args{name} // 'ardent', dir => $dir, schemas => $args{schemas} // ['public'],
		agent_settings => {}, environment_settings => {}, processes => [],
	}, $class;
	my $source = PostgreSQL::Test::Cluster->new("source_$self->{name}");
	$source->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$source->append_conf('postgresql.conf', $args{source_conf} // '');
	# what a DBA's server has, not what PostgreSQL::Test::Cluster takes for a small one
	$source->append_conf('postgresql.conf', "max_wal_senders = 20\nmax_replication_slots = 20\nfsync = off\n");
	$source->start;
	$self->{source} = $source;
	$source->safe_psql('postgres', "CREATE DATABASE $database " . ($args{database} // ''));
	$source->safe_psql($database, $args{sql}) if defined $args{sql};
	# what wait_caught_up looks at
	$source->safe_psql($database, 'CREATE TABLE public.beacon (id integer PRIMARY KEY, n bigint NOT NULL);'
		  . ' INSERT INTO public.beacon VALUES (1, 0)');
	$self->grant unless defined $args{grants} && !$args{grants};
	return $self;
}

sub source { my ($self) = @_; return $self->{source}; }
sub dir    { my ($self) = @_; return "$self->{dir}"; }
sub agent  { my ($self) = @_; return $self->{agent}; }
sub environment { my ($self) = @_; return $self->{environment}; }

# A file in the test's folder; its path. Secrets get mode 0600.
sub write_file
{
	my ($self, $name, $text, $mode) = @_;
	my $path = $self->dir . "/$name";
	open(my $out, '>', $path) or croak "$path: $!";
	print $out $text;
	close($out) or croak "$path: $!";
	chmod($mode // 0644, $path);
	return $path;
}

# The extension, the role and the grants, as the printed scripts say.
sub grant
{
	my ($self) = @_;
	my $source = $self->source;
	my $schemas = join ',', map { '"' . s/"/""/gr . '"' } @{ $self->{schemas} };
	$source->safe_psql($database, 'CREATE EXTENSION IF NOT EXISTS ardent');
	my $script = $source->safe_psql($database, 'SELECT ardent_grant_script($s$' . $schemas . '$s$)');
	$source->safe_psql($database, $script);
	$source->safe_psql($database, "ALTER ROLE ardent_replication PASSWORD 'only for tests'");
	$self->{password_file} = $self->write_file('password', "only for tests\n", 0600);
	return;
}

# The major version of PostgreSQL that the tests run on.
sub major
{
	my ($major) = qx(postgres --version) =~ /(\d+)/ or croak 'postgres --version: no version';
	return $major;
}

sub free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReuseAddr => 1)
	  or croak "no free port: $!";
	return $socket->sockport;
}

# The first of so many free ports in a row. Below those that the kernel gives to whoever connects (ip_local_port_range), for
# between the look and their use one of these would be taken by somebody.
sub free_ports
{
	my ($count) = @_;
	foreach (1 .. 1000)
	{
		my $first = 10_000 + int(rand(20_000));
		my @sockets = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $first + $_, Listen => 1, ReuseAddr => 1) } 0 .. $count - 1;
		return $first if $count == grep { defined } @sockets;
	}
	croak "no $count free ports in a row";
}

# TOML of { 'table.key' => value }; a reference to a list is a list.
sub toml
{
	my (%settings) = @_;
	my (%tables, $text);
	foreach my $key (sort keys %settings)
	{
		my ($table, $name) = split /\./, $key, 2;
		my $value = $settings{$key};
		next unless defined $value;
		my $string = sub { return '"' . $_[0] =~ s/(["\\])/\\$1/gr . '"' };
		$tables{$table} .= "$name = "
		  . ( ref $value ? '[' . join(', ', map { $string->($_) } @$value) . ']'
			: $value =~ /^(\d+|true|false)$/ ? $value
			: $string->($value)) . "\n";
	}
	return join '', map { "[$_]\n$tables{$_}\n" } sort keys %tables;
}

# ---------------------------------------------------------------------------------------------------------------
# The environment

# start_environment('environment.queue_bytes' => …): its settings last for later starts.
sub start_environment
{
	my ($self, %settings) = @_;
	$self->{port} //= free_port();
	my $own = $self->{environment_settings};
	%$own = (%$own, %settings);
	my $file = $self->write_file('environment.toml', toml(
		'environment.data_dir' => $self->dir . '/data',
		'environment.run_dir' => $self->dir . '/run',
		'environment.listen' => "127.0.0.1:$self->{port}",
		'replica.shared_buffers' => '32MB',
		'replica.max_wal_size' => '256MB',
		'replica.maintenance_work_mem' => '32MB',
		%$own), 0600);
	if (!defined $self->{admin_key})
	{
		my $said = qx("$bin/ardent-environment" init --config "$file" 2>&1);
		croak "ardent-environment init: $said" if $?;
		($self->{admin_key}) = $said =~ /(sk-[A-Za-z0-9_-]{20,})/
		  or croak "ardent-environment init printed no admin key: $said";
	}
	$self->{environment} = Ardent::Process->start(
		name => 'environment', log => $self->dir . '/environment.log',
		command => [ "$bin/ardent-environment", 'serve', '--config', $file ]);
	$self->wait_for('the environment is ready', sub {
		croak "ardent-environment ended: " . $self->tail('environment') unless $self->{environment}->alive;
		return $self->http('GET', '/readyz')->{status} == 200;
	});
	return;
}

# tests/support/fake_environment.py instead of an environment and a connector.
sub start_fake_environment
{
	my ($self) = @_;
	$self->{port} //= free_port();
	$self->{connector} = 'conn_fake';
	$self->{token_file} = $self->write_file('token', "no secret\n", 0600);
	$self->{environment} = Ardent::Process->start(
		name => 'environment', log => $self->dir . '/environment.log',
		command => [ 'python3', "$top/tests/support/fake_environment.py", $self->{port} ]);
	return $self->wait_for('the fake environment answers', sub { return $self->http('GET', '/control')->{status} == 200 });
}

# Gives the fake environment orders; what it has seen.
sub control
{
	my ($self, %orders) = @_;
	if (%orders)
	{
		my $answer = $self->http('POST', '/control', \%orders);
		croak "the fake environment: $answer->{status} $answer->{content}" unless $answer->{status} == 200;
	}
	return $self->http('GET', '/control')->{json};
}

sub url { my ($self) = @_; return "http://127.0.0.1:$self->{port}"; }

# http(METHOD, PATH, body as a value): HTTP::Tiny's answer, with {json} when the body is.
sub http
{
	my ($self, $method, $path, $body) = @_;
	my %options = (headers => { Authorization => "Bearer " . ($self->{admin_key} // '') });
	if (defined $body)
	{
		$options{content} = encode_json($body);
		$options{headers}{'Content-Type'} = 'application/json';
	}
	my $answer = HTTP::Tiny->new(timeout => 30)->request($method, $self->url . $path, \%options);
	if (($answer->{headers}{'content-type'} // '') =~ /json/ && length($answer->{content} // ''))
	{
		$answer->{json} = eval { decode_json($answer->{content}) };
	}
	return $answer;
}

# The command line, as a person beside the environment runs it: (exit code, what it printed).
sub cli
{
	my ($self, @arguments) = @_;
	local %ENV = (%ENV, ARDENT_API_URL => $self->url, ARDENT_TOKEN => $self->{admin_key});
	open(my $out, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1', "$bin/ardent", @arguments) or croak "ardent: $!";
	my $text = do { local $/ = undef; <$out> };
	close $out;
	return ($? >> 8, $text // '');
}

# Creates the connector over the API; its id.
sub create_connector
{
	my ($self, %more) = @_;
	my $answer = $self->http('POST', '/v1/connectors', {
		name => $database, service_name => 'postgresql',
		connection_details => { sidecar => JSON::PP::true, schemas => $self->{schemas} }, %more });
	croak "POST /v1/connectors: $answer->{status} $answer->{content}" unless $answer->{status} == 200;
	$self->{connector} = $answer->{json}{id};
	$self->{token_file} = $self->write_file('token', $answer->{json}{agent_token} . "\n", 0600);
	return $self->{connector};
}

# The connector as the API shows it.
sub connector
{
	my ($self) = @_;
	my $answer = $self->http('GET', "/v1/connectors/$self->{connector}");
	return $answer->{status} == 200 ? $answer->{json} : { status => "HTTP $answer->{status}" };
}

sub status { my ($self) = @_; return $self->connector->{status} // ''; }

# ---------------------------------------------------------------------------------------------------------------
# The agent

# start_agent('limits.segment_bytes' => …): its settings last for later starts; undef takes one out.
sub start_agent
{
	my ($self, %settings) = @_;
	my %environment = %{ delete $settings{environment} // {} };
	my $file = $self->agent_config(%settings);
	$self->{agent} = Ardent::Process->start(
		name => 'agent', log => $self->dir . '/agent.log', environment => \%environment,
		command => [ "$bin/ardent-agent", 'run', '--config', $file ]);
	return $self->{agent};
}

sub agent_config
{
	my ($self, %settings) = @_;
	my $own = $self->{agent_settings};
	%$own = (%$own, %settings);
	return $self->write_file('agent.toml', toml(
		'environment.url' => $self->url,
		'environment.connector' => $self->{connector},
		'environment.token_file' => $self->{token_file},
		'source.host' => $self->source->host,
		'source.port' => $self->source->port,
		'source.database' => $database,
		'source.user' => 'ardent_replication',
		'source.password_file' => $self->{password_file},
		'source.schemas' => $self->{schemas},
		%$own), 0600);
}

# All three, up to streaming.
sub start_all
{
	my ($self) = @_;
	$self->start_environment;
	$self->create_connector;
	$self->start_agent;
	$self->wait_streaming;
	return;
}

sub slot
{
	my ($self) = @_;
	my $row = $self->source->safe_psql('postgres',
		q(SELECT slot_name, active, confirmed_flush_lsn, wal_status, active_pid FROM pg_replication_slots)
		  . q( WHERE slot_name LIKE 'ardent\_%' ORDER BY 1 LIMIT 1));
	my %slot;
	@slot{qw(name active confirmed wal_status pid)} = split /\|/, $row;
	return \%slot;
}

# ---------------------------------------------------------------------------------------------------------------
# Waiting

# wait_for('what', sub { true when it is so }, seconds): dies with the ends of the logs when the time is over.
sub wait_for
{
	my ($self, $what, $so, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);
	my $nap = 20_000;
	until ($so->())
	{
		if (time > $deadline)
		{
			croak sprintf("not within %d s: %s\n%s%s", $seconds // $patience, $what, $self->tail('agent'),
				$self->tail('environment'));
		}
		usleep($nap);
		$nap = $nap < 200_000 ? $nap * 1.3 : $nap;
	}
	return 1;
}

sub tail
{
	my ($self, $name) = @_;
	my $process = $self->{$name} or return "-- $name: not started\n";
	my @lines = split /\n/, $process->log_text;
	@lines = @lines[ -15 .. -1 ] if @lines > 15;
	my $code = $process->code;
	return join("\n", "-- $name" . (defined $code ? " (ended with $code)" : '') . ':', @lines) . "\n";
}

# wait_for that ends at once when the agent has ended.
sub wait_with_agent
{
	my ($self, $what, $so, $seconds) = @_;
	return $self->wait_for($what, sub {
		return 1 if $so->();
		croak "waiting for: $what: the agent has ended\n" . $self->tail('agent') unless $self->{agent}->alive;
		return 0;
	}, $seconds);
}

sub wait_status
{
	my ($self, $status, $seconds) = @_;
	return $self->wait_for("the connector is $status", sub { return $self->status eq $status }, $seconds);
}

sub wait_streaming
{
	my ($self, $seconds) = @_;
	return $self->wait_with_agent('the connector is streaming',
		sub { return $self->status =~ /^(streaming|degraded)$/ && $self->slot->{active} eq 't' }, $seconds);
}

# Everything committed at the source so far is in the replica.
sub wait_caught_up
{
	my ($self, $seconds, $look) = @_;
	my $n = $self->source->safe_psql($database, 'UPDATE public.beacon SET n = n + 1 RETURNING n');
	return $self->wait_for("change $n of the beacon is in the replica", sub {
		$look->() if $look;
		return ($self->replica_try('SELECT n FROM public.beacon') // '') eq $n;
	}, $seconds);
}

# The same with DDL on its way: dies as soon as the connector has failed.
sub wait_replayed
{
	my ($self) = @_;
	return $self->wait_caught_up(undef, sub {
		my $connector = $self->connector;
		die "failed: $connector->{failure}{message}" if $connector->{status} eq 'failed';
	});
}

# ---------------------------------------------------------------------------------------------------------------
# The replica

sub replica_dir { my ($self) = @_; return $self->dir . "/data/replicas/$self->{connector}"; }

# What psql and scripts/compare connect to.
sub replica_conninfo
{
	my ($self) = @_;
	foreach my $socket (glob $self->dir . '/run/*')
	{
		my ($short) = $socket =~ m{([^/]+)$};
		return "host=$socket port=5432 user=ardent_reader dbname=$database"
		  if index($self->{connector}, $short) == 0;
	}
	return "host=" . $self->dir . "/run port=5432 user=ardent_reader dbname=$database";
}

# The same as the replica's superuser, who sees everything.
sub replica_admin { my ($self) = @_; return $self->replica_conninfo =~ s/ardent_reader/ardent_admin/r; }

# What psql printed, or undef when it failed.
sub replica_try
{
	my ($self, $sql) = @_;
	my ($out, $err) = ('', '');
	# a psql that cannot connect may be gone before its input is written, which IPC::Run takes for an exception
	my $ok = eval {
		IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $self->replica_conninfo ],
			'<', \$sql, '>', \$out, '2>', \$err);
	};
	$self->{replica_error} = $err || $@;
	chomp $out;
	return $ok ? $out : undef;
}

sub replica_psql
{
	my ($self, $sql) = @_;
	my $out = $self->replica_try($sql);
	croak "the replica: $self->{replica_error}" unless defined $out;
	return $out;
}

sub replica_postmaster_pid
{
	my ($self) = @_;
	return server_pid($self->replica_dir);
}

# Of the server whose instance lies in this folder, as this host counts; undef when none runs.
sub server_pid
{
	my ($directory) = @_;
	open(my $in, '<', "$directory/server") or return;
	my ($pid, $begun) = split ' ', <$in> // '';
	return unless defined $begun && open(my $stat, '<', "/proc/$pid/stat");
	my (undef, $fields) = split /\) (?=\S )/, <$stat> // '';
	my @fields = split ' ', $fields // '';
	return unless @fields > 19 && $fields[19] eq $begun && $fields[0] ne 'Z';
	return $pid;
}

# (equal or not, what scripts/compare printed); @options of scripts/compare
sub compare_sides
{
	my ($self, $source, $replica, @options) = @_;
	my $said = '';
	my $equal = IPC::Run::run([ "$top/scripts/compare", @options, $source, $replica, @{ $self->{schemas} } ], '>&', \$said);
	return ($equal, $said);
}

sub compare
{
	my ($self, @options) = @_;
	return $self->compare_sides($self->source->connstr($database), $self->replica_conninfo, @options);
}

# Rows and schema are equal; '--rows-only' where the test makes the schemas differ.
sub compare_ok
{
	my ($self, $name, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($equal, $said) = $self->compare(@options);
	ok($equal, "$name: " . ($said =~ /^(replica .*)$/m ? $1 : 'not compared')) or diag($said);
	return $equal;
}

# Both schemas are dumped the same, as scripts/compare tells; without => qr/…/: definitions not looked at.
sub schema_ok
{
	my ($self, $name, %args) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join("\n", definitions_differ($self, $args{without})), '', $name);
}

# ---------------------------------------------------------------------------------------------------------------

# Starts the source again after it was killed: what is left of its processes needs a moment to notice.
sub restart_source
{
	my ($self) = @_;
	return $self->wait_for('the source starts', sub {
		# A start that failed because a backend of the killed server lives on leaves the old process id behind.
		$self->source->{_pid} = undef;
		return $self->source->start(fail_ok => 1);
	}, 60);
}

# Ends everything; the exit codes of agent and environment.
sub stop_all
{
	my ($self) = @_;
	my @codes = map { $self->{$_} ? $self->{$_}->stop(60) : undef } qw(agent environment);
	$self->source->stop('fast');
	return @codes;
}

sub keep_logs
{
	my ($self) = @_;
	my $to = $ENV{TESTLOGDIR} or return;
	foreach my $name (qw(agent environment))
	{
		next unless $self->{$name};
		open(my $out, '>', "$to/$self->{name}_$name.log") or next;
		print $out $self->{$name}->log_text;
		close $out;
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	$self->keep_logs;
	foreach my $name (qw(agent environment))
	{
		$self->{$name}->kill9 if $self->{$name} && $self->{$name}->alive;
	}
	# the environment's servers outlive a killed environment
	foreach my $file (glob($self->dir . '/data/*/server ' . $self->dir . '/data/*/*/server'))
	{
		my $pid = server_pid(dirname($file)) or next;
		kill QUIT => $pid;
		my $deadline = time + 10;
		usleep(20_000) while -e "/proc/$pid" && time < $deadline;
	}
	return;
}

1;
