# SPDX-License-Identifier: PostgreSQL
# `ardent` against tests/support/fake_branch_api.py: a home of the test's own, standard output and errors apart.
#
#   my $b = Ardent::Branches->new;
#   $b->control(hold => JSON::PP::true);
#   my $r = $b->run('branch', 'create', 'x');        # {code}, {out}, {err}
#   my $r = $b->run({ ARDENT_TOKEN => undef }, 'status');
package Ardent::Branches;
use strict;
use warnings;
use Carp;
use Ardent::Process;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(usleep time);

our $top = abs_path(dirname(__FILE__) . '/../../..');
our $bin = $ENV{ARDENT_BIN} // "$top/build/bin";
our $token = 'sk-ard_live_never_shown';
our $patience = 60;

sub new
{
	my ($class) = @_;
	my $dir = File::Temp->newdir('ardent-XXXXXX', DIR => $ENV{ARDENT_SCRATCH} ? "$ENV{ARDENT_SCRATCH}/tmp" : '/tmp');
	my $self = bless { dir => $dir, env => {} }, $class;
	mkdir $self->home or croak $!;
	$self->{fake} = Ardent::Process->start(name => 'fake', log => "$dir/fake.log",
		command => [ 'python3', "$top/tests/support/fake_branch_api.py", 0 ]);
	my $until = time + $patience;
	until ($self->{port})
	{
		($self->{port}) = ($self->read("$dir/fake.log") // '') =~ /^port (\d+)$/m;
		croak 'the fake does not start' if time > $until;
		usleep(20_000);
	}
	$self->{start} = $self->control;
	return $self;
}

sub dir  { my ($self) = @_; return "$self->{dir}"; }
sub home { my ($self) = @_; return "$self->{dir}/home"; }
sub url  { my ($self) = @_; return "http://127.0.0.1:$self->{port}"; }
sub config_file { my ($self) = @_; return $self->home . '/.ardent/config.json'; }

sub read
{
	my ($self, $path) = @_;
	open(my $in, '<:raw', $path) or return;
	local $/ = undef;
	return scalar <$in>;
}

sub write
{
	my ($self, $name, $text, $mode) = @_;
	my $path = $name =~ m{^/} ? $name : $self->dir . "/$name";
	open(my $out, '>:raw', $path) or croak "$path: $!";
	print $out $text;
	close($out) or croak "$path: $!";
	chmod($mode // 0644, $path);
	return $path;
}

# Orders to the fake; what it is and has seen.
sub control
{
	my ($self, %orders) = @_;
	my $answer = HTTP::Tiny->new(timeout => $patience)->post($self->url . '/control', { content => encode_json(\%orders) });
	croak "the fake: $answer->{status} $answer->{content}" unless $answer->{status} == 200;
	return decode_json($answer->{content});
}

# As at its start, with nothing seen and nothing remembered by the command line.
sub reset
{
	my ($self) = @_;
	my %fields = map { $_ => $self->{start}{$_} } grep { !/^(requests|operations)$/ } keys %{ $self->{start} };
	$self->control(%fields, reset => JSON::PP::true);
	unlink $self->config_file;
	return;
}

# The paths and methods seen, as "GET /v1/connectors".
sub seen
{
	my ($self) = @_;
	return map { ("$_->{method} $_->{path}" =~ s/\?.*//r) } @{ $self->control->{requests} };
}

sub config
{
	my ($self) = @_;
	my $text = $self->read($self->config_file);
	return defined $text ? decode_json($text) : undef;
}

sub run
{
	my ($self, @words) = @_;
	my %more = ref $words[0] eq 'HASH' ? %{ shift @words } : ();
	my $shell = delete $more{shell} // 'exec "$@"';
	my %wanted = (%ENV, HOME => $self->home, ARDENT_API_URL => $self->url, ARDENT_TOKEN => $token,
		LC_ALL => 'C.UTF-8', TZ => 'UTC', %{ $self->{env} }, %more);
	my ($out, $err) = map { $self->dir . "/run.$_" } qw(out err);
	my $pid = fork;
	croak "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		%ENV = map { $_ => $wanted{$_} } grep { defined $wanted{$_} } keys %wanted;
		open(STDIN, '<', '/dev/null');
		exec('/bin/sh', '-c', "( $shell ) > '$out' 2> '$err'", 'sh', "$bin/ardent", @words) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return { code => $code, out => $self->read($out) // '', err => $self->read($err) // '' };
}

1;
