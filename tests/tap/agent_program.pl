# SPDX-License-Identifier: PostgreSQL
# ardent-agent's command line: verbs and exit codes, configuration errors that name their line, the example file, check,
# and where the secrets are not.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'program');
my $agent = "$Ardent::Test::bin/ardent-agent";

# run(arguments): (exit code, stdout, stderr)
sub run
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $agent, @arguments ], '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	return ($? >> 8, $out, $err);
}

my ($code, $out, $err) = run('version');
is($code, 0, 'version');
like($out, qr/^ardent-agent \d+\.\d+/, 'which it prints');
($code, $out) = run('config', '--example');
is($code, 0, 'config --example');
open(my $in, '<', "$Ardent::Test::top/packaging/agent.toml.example") or die $!;
is($out, do { local $/ = undef; <$in> }, 'is the packaged example');
($code, $out, $err) = run('--no-such-flag');
is($code, 2, 'an unknown flag is a usage error');
($code, $out, $err) = run('run', '--config', '/no/such/file');
is($code, 2, 'a file that is not there');
like($err, qr{/no/such/file: cannot be read}, 'which it names');

# nothing listens there yet
$t->{port} = Ardent::Test::free_port();
$t->{connector} = 'conn_1234';
$t->{token_file} = $t->write_file('token', "secret token\n", 0600);
my $file = $t->agent_config;
open(my $more, '>>', $file) or die $!;
print $more "[limits]\nsegment_bites = 3\n";
close $more;
($code, $out, $err) = run('--config', $file);
is($code, 2, 'an unknown key');
like($err, qr/\Q$file\E:\d+: there is no setting "limits.segment_bites"/, 'by its line');
$file = $t->agent_config;
chmod 0644, $t->{token_file};
($code, $out, $err) = run('--config', $file);
is($code, 2, 'a token that others may read');
like($err, qr/\Q$file\E:\d+: environment.token_file: may be read by others/, 'by its line');
unlike($err, qr/secret token/, 'and not its content');
chmod 0600, $t->{token_file};
{
	local $ENV{ARDENT_SOURCE_HOAST} = 'x';
	($code, $out, $err) = run('--config', $file);
	is($code, 2, 'an unknown environment variable');
	like($err, qr/environment variable ARDENT_SOURCE_HOAST/, 'by its name');
}
($code, $out, $err) = run('--config', $file, '--slot-name', 'mine');
is($code, 2, 'a slot without our prefix');

# check
($code, $out) = run('check', '--config', $file);
is($code, 1, 'check: the environment is out of reach');
like($out, qr/✗ environment/, 'which it says');
like($out, qr/✓ source: replication connection/, 'and that the source is there');
delete $t->{connector};
$t->start_environment;
$t->create_connector;
$file = $t->agent_config;
($code, $out) = run('check', '--config', $file);
is($code, 0, 'check: ready') or diag($out);
like($out, qr/✓ wal level/, 'with the preflight report');
is($t->slot->{name}, undef, 'and made no slot');
is($t->status, 'pending', 'nor a session');
($code, $out) = run('check', '--config', $file, '--environment-connector', 'conn_nobody');
is($code, 2, 'check: an unknown connector is a configuration error') or diag($out);
($code, $out) = run('check', '--config', $file, '--source-port', '1');
is($code, 1, 'check: the source is out of reach');
($code, $out) = run('check', '--config', $file, '--source-exclude', 'public.beacon', '--source-pg-dump', '/bin/true');
is($code, 2, 'check: no pg_dump that fits') or diag($out);
$t->source->safe_psql($Ardent::Test::database, 'CREATE TABLE public.bare (n int); GRANT SELECT ON public.bare TO ardent_replication');
($code, $out) = run('check', '--config', $file);
is($code, 1, 'check: a condition of the source');
like($out, qr/✗ replica identity/, 'which it names');
$t->source->safe_psql($Ardent::Test::database, 'DROP TABLE public.bare');

# secrets: not in the process list, not in the environment, not in the log, and no file is left
my $password = 'only for tests';
my $tmp = $t->dir . '/tmp';
mkdir $tmp or die $!;
# what every process of ours shows while it copies
$t->source->safe_psql($Ardent::Test::database, q(CREATE TABLE public.big AS SELECT g AS id, repeat(md5(g::text), 20) AS v FROM generate_series(1, 200000) AS g));
$t->source->safe_psql($Ardent::Test::database, 'ALTER TABLE public.big ADD PRIMARY KEY (id); GRANT SELECT ON public.big TO ardent_replication');
$t->start_agent(environment => { TMPDIR => $tmp }, 'log.level' => 'debug');
my ($looks, $dumps, @seen) = (0, 0);
$t->wait_for('the copy is over', sub {
	foreach my $pid ($t->agent->pid, children($t->agent->pid))
	{
		my $shown = join "\n", map { slurp("/proc/$pid/$_") } qw(cmdline environ);
		$looks++;
		$dumps++ if $shown =~ /PGPASSFILE/;
		push @seen, $shown if index($shown, $password) >= 0 || index($shown, 'agt_') >= 0;
	}
	my @files = glob "$tmp/*/*";
	foreach my $secret (@files)
	{
		my $mode = (stat $secret)[2];
		push @seen, "$secret has mode $mode" if defined $mode && ($mode & 077);
	}
	return $t->status =~ /^(streaming|degraded)$/;
});
cmp_ok($looks, '>', 3, "looked $looks times");
is("@seen", '', 'no secret in a command line or an environment');
note("pg_dump was seen $dumps times");
is(join(' ', glob "$tmp/*"), '', 'no file is left');
my $token = slurp($t->{token_file}) =~ s/\s+$//r;
unlike($t->agent->log_text, qr/\Q$password\E|\Q$token\E/, 'no secret in the log');

# the password changes while it streams: the next connect reads it anew
$t->source->safe_psql('postgres', q(ALTER ROLE ardent_replication PASSWORD 'rotated'));
$t->write_file('password', "rotated\n", 0600);
$t->source->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots');
$t->wait_streaming;
$t->wait_caught_up;
$t->compare_ok('after the password changed');
$t->stop_all;
done_testing();

sub slurp
{
	my ($path) = @_;
	open(my $handle, '<', $path) or return '';
	local $/ = undef;
	return <$handle> // '';
}

sub children
{
	my ($pid) = @_;
	return map { split ' ', slurp($_) } glob "/proc/$pid/task/*/children";
}
