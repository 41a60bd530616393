# SPDX-License-Identifier: PostgreSQL
# A branch behind a front door: door_driver's door, and a server that door_driver starts contained beside its opener, with
# TLS by a certificate made here.
package Ardent::Door;
use strict;
use warnings;
use Carp;
use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(time usleep);

our $bin = $ENV{ARDENT_BIN} // abs_path(dirname(__FILE__) . '/../../../build/bin');
our $patience = 120;

sub new
{
	my ($class) = @_;
	my $dir = File::Temp->newdir('ardent-door-XXXXXX', DIR => $ENV{ARDENT_SCRATCH} ? "$ENV{ARDENT_SCRATCH}/tmp" : '/tmp');
	my $self = bless { dir => $dir, events => [], lines => '' }, $class;
	mkdir "$dir/socket" or croak $!;
	$self->{ca} = $self->certificates('ca', 'server');
	$self->{other_ca} = $self->certificates('other', 'unused');
	$self->{cluster} = PostgreSQL::Test::Cluster->new('branch');
	$self->{cluster}->init;
	my $data = $self->{cluster}->data_dir;
	rename "$dir/server.$_", "$data/server.$_" or croak $! foreach qw(crt key);
	$self->{cluster}->append_conf('postgresql.conf', <<'CONF');
listen_addresses = '127.0.0.1'
port = 5432
unix_socket_directories = '/socket'
ssl = on
password_encryption = 'scram-sha-256'
max_connections = 150
logging_collector = off
fsync = off
restart_after_crash = on
dynamic_shared_memory_type = posix
CONF
	open(my $hba, '>', "$data/pg_hba.conf") or croak $!;
	print $hba "local all all trust\nhost all all all scram-sha-256\n";
	close $hba;
	($self->{major}) = qx(postgres --version) =~ /(\d+)/;
	($self->{client}) = qx(psql --version) =~ /(\d+)/;
	$self->{door} = IPC::Run::start([ "$bin/door_driver", 'serve' ], \$self->{in}, \$self->{lines}, '2>', \$self->{said});
	($self->{port}) = $self->say('open b 127.0.0.1 0') =~ /^port (\d+)$/ or croak 'no port';
	return $self;
}

# An authority and a leaf of it for localhost; the authority's file.
sub certificates
{
	my ($self, $ca, $leaf) = @_;
	my $dir = $self->{dir};
	my @ec = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
	my $extensions = $self->write_file("$leaf.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
	$self->run([ 'openssl', 'req', '-x509', @ec, '-keyout', "$dir/$ca.key", '-out', "$dir/$ca.crt", '-subj', "/CN=$ca", '-days', '2' ]);
	$self->run([ 'openssl', 'req', @ec, '-keyout', "$dir/$leaf.key", '-out', "$dir/$leaf.csr", '-subj', '/CN=localhost' ]);
	$self->run([ 'openssl', 'x509', '-req', '-in', "$dir/$leaf.csr", '-CA', "$dir/$ca.crt", '-CAkey', "$dir/$ca.key",
		'-CAcreateserial', '-days', '2', '-extfile', $extensions, '-out', "$dir/$leaf.crt" ]);
	chmod 0600, "$dir/$leaf.key";
	return "$dir/$ca.crt";
}

sub write_file
{
	my ($self, $name, $text) = @_;
	open(my $out, '>', "$self->{dir}/$name") or croak $!;
	print $out $text;
	close $out;
	return "$self->{dir}/$name";
}

sub script { my ($self, $sql) = @_; return $self->write_file('script.sql', "$sql\n"); }
sub log { my ($self) = @_; return "$self->{dir}/server.log"; }

# What a program printed; dies when it fails.
sub run
{
	my ($self, $command) = @_;
	my $said = '';
	IPC::Run::run($command, '<', \undef, '>&', \$said) or croak "$command->[0]: $said";
	return $said;
}

sub wait_for
{
	my ($self, $what, $look) = @_;
	my $deadline = time + $patience;
	until ($look->())
	{
		croak "$what: not within $patience s; the door: $self->{said}" if time > $deadline;
		usleep(20_000);
	}
	return;
}

# The next line of the door's that is (an event) or is not.
sub line
{
	my ($self, $event) = @_;
	my $line;
	my $take = sub {
		my @lines = split /(?<=\n)/, $self->{lines};
		foreach my $i (0 .. $#lines)
		{
			next unless $lines[$i] =~ /\n$/ && !!$event == !!($lines[$i] =~ /^request_start/);
			($line) = splice @lines, $i, 1;
			chomp $line;
			$self->{lines} = join '', @lines;
			return 1;
		}
		$self->{door}->pump_nb;
		return 0;
	};
	$self->wait_for($event ? 'an event of the door' : 'an answer of the door', $take);
	return $line;
}

sub say
{
	my ($self, $words) = @_;
	$self->{in} .= "$words\n";
	return $self->line(0);
}

sub event { my ($self) = @_; return $self->line(1); }
sub activity { my ($self) = @_; return $self->say('activity b') =~ s/^activity //r; }
sub started { my ($self) = @_; return $self->say("started b $self->{dir}/socket/opener 5432"); }

# The server, beside its opener; returns when it accepts connections.
sub launch
{
	my ($self) = @_;
	my $library = abs_path("$bin/../lib/ardent/ardent-opener") // croak 'no ardent-opener';
	my ($bindir) = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --bindir) =~ /(\S+)/;
	($self->{pid}) = $self->run([ "$bin/door_driver", 'launch', $bindir, $library, $self->{cluster}->data_dir,
		"$self->{dir}/socket", "$self->{dir}/lock", $self->log ]) =~ /(\d+)\s*$/ or croak 'no pid';
	$self->wait_for('the server accepts connections', sub {
		my $answer = $self->admin('SELECT 1');
		croak 'the server ended: ' . PostgreSQL::Test::Utils::slurp_file($self->log) unless kill 0, $self->{pid};
		return ($answer // '') eq '1';
	});
	$self->admin(q(CREATE ROLE door LOGIN PASSWORD 'only for tests')) unless $self->{role}++;
	return;
}

sub stop_server
{
	my ($self, $signal) = @_;
	kill $signal // 'INT', $self->{pid};
	my $pid = delete $self->{pid};
	return $self->wait_for('the server ends', sub { return !kill 0, $pid });
}

sub opener_pid
{
	my ($self) = @_;
	my $children = PostgreSQL::Test::Utils::slurp_file("/proc/$self->{pid}/task/$self->{pid}/children");
	foreach my $pid (split ' ', $children)
	{
		return $pid if PostgreSQL::Test::Utils::slurp_file("/proc/$pid/comm") =~ /^ardent-opener/;
	}
	return;
}

# Of a process: 'lock', 'socket', … but 0 to 2, sorted.
sub descriptors_of
{
	my ($self, $pid) = @_;
	my @kinds;
	foreach my $link (glob "/proc/$pid/fd/*")
	{
		my $target = readlink $link // next;
		next if $link =~ m{/[0-2]$};
		push @kinds, $target =~ m{/lock$} ? 'lock' : $target =~ /^(\w+):/ ? $1 : $target;
	}
	return join ' ', sort @kinds;
}

# How many sockets two processes have in common.
sub shared_sockets
{
	my ($self, @pids) = @_;
	my %owners;
	foreach my $pid (@pids)
	{
		$owners{$_}{$pid} = 1 foreach grep { /^socket:/ } map { readlink($_) // '' } glob "/proc/$pid/fd/*";
	}
	return scalar grep { keys %$_ > 1 } values %owners;
}

sub lock_is_free
{
	my ($self) = @_;
	open(my $lock, '+<', "$self->{dir}/lock") or croak $!;
	return flock($lock, LOCK_EX | LOCK_NB);
}

# Over the socket that the room shares, without the door; undef when it fails.
sub admin
{
	my ($self, $sql) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-XqAt', '-d', "host=$self->{dir}/socket port=5432 dbname=postgres", '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return $ok ? $out : undef;
}

sub tls
{
	my ($self, @more) = @_;
	return "host=localhost hostaddr=127.0.0.1 port=$self->{port} dbname=postgres user=door password='only for tests' sslmode=verify-full"
	  . " sslrootcert=$self->{ca} gssencmode=disable connect_timeout=60 @more";
}

sub plain { my ($self) = @_; return $self->tls('sslmode=disable'); }

sub psql_begin
{
	my ($self, $sql, $conninfo) = @_;
	my $p = { out => '', err => '' };
	$p->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $conninfo // $self->tls, '-c', $sql ], '<', \undef, '>', \$p->{out}, '2>', \$p->{err},
		IPC::Run::timeout($patience));
	return $p;
}

# A session over TLS that runs SELECT pg_sleep(600).
sub sleeper
{
	my ($self) = @_;
	my $p = $self->psql_begin('SELECT pg_sleep(600)');
	$self->wait_for('the query runs', sub {
		return ($self->admin("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'") // '') eq '1';
	});
	return $p;
}

# As Ctrl-C does.
sub interrupt { my ($self, $p) = @_; return $p->{run}->signal('INT'); }

sub psql_end
{
	my ($self, $p) = @_;
	$p->{run}->finish;
	chomp($p->{out}, $p->{err});
	return ($p->{out}, $p->{err});
}

sub psql { my ($self, @arguments) = @_; return $self->psql_end($self->psql_begin(@arguments)); }

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);
	$self->{door}->kill_kill if $self->{door};
	kill KILL => $self->{pid} if $self->{pid};
	return;
}

1;
