# SPDX-License-Identifier: PostgreSQL
# The agent speaks TLS to the environment and believes only a certificate that verifies.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'tls', sql => 'CREATE TABLE public.n (id bigserial PRIMARY KEY)');
my $dir = $t->dir;
my $certificate = sub {
	my ($name, $for) = @_;
	my $failed = system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ardent -keyout $dir/$name.key -out $dir/$name.pem"
		  . " -addext subjectAltName=$for >/dev/null 2>&1");
	is($failed, 0, "a certificate for $for");
	chmod 0600, "$dir/$name.key";
};
$certificate->('right', 'IP:127.0.0.1');
$certificate->('elsewhere', 'DNS:elsewhere.example.com');

$t->start_all;
is($t->agent->stop, 0, 'the agent ends');
is($t->environment->stop, 0, 'the environment ends');

my $url = "https://127.0.0.1:$t->{port}";
my $serve = sub {
	my ($name) = @_;
	my $environment = Ardent::Process->start(
		name => "environment_$name", log => "$dir/environment_$name.log",
		command => [ "$Ardent::Test::bin/ardent-environment", 'serve', '--config', "$dir/environment.toml",
			'--environment-tls-certificate', "$dir/$name.pem", '--environment-tls-key', "$dir/$name.key" ]);
	$t->wait_for("the environment with the certificate $name answers",
		sub { return `curl -sSk -o /dev/null -w '%{http_code}' $url/readyz 2>/dev/null` eq '200' });
	return $environment;
};
my $agent = sub {
	my ($name, $authority) = @_;
	my $file = $t->agent_config('environment.url' => $url, 'environment.ca_file' => $authority);
	return Ardent::Process->start(name => "agent_$name", log => "$dir/agent_$name.log",
		command => [ "$Ardent::Test::bin/ardent-agent", 'run', '--config', $file ]);
};
my $refused = sub {
	my ($name, $authority, $why) = @_;
	my $process = $agent->($name, $authority);
	$t->wait_for("the agent gives up: $why", sub { return !$process->alive });
	is($process->stop, 2, "$why: exit 2");
	like($process->log_text, qr/certificate/, 'and the certificate is named');
};

my $environment = $serve->('right');
$refused->('unknown', "$dir/elsewhere.pem", 'an authority that did not sign');
my $streams = $agent->('trusting', "$dir/right.pem");
$t->source->safe_psql($Ardent::Test::database, 'INSERT INTO public.n DEFAULT VALUES');
$t->wait_for('the row came over TLS', sub { return ($t->replica_try('SELECT count(*) FROM public.n') // '') eq '1' });
$t->compare_ok('over TLS');
is($streams->stop, 0, 'a clean end');
is($environment->stop, 0, 'of both');

$environment = $serve->('elsewhere');
$refused->('elsewhere', "$dir/elsewhere.pem", 'a certificate for another host');
is($environment->stop, 0, 'a clean end');
$t->source->stop('fast');
done_testing();
