# SPDX-License-Identifier: PostgreSQL
# Names that drive a terminal or begin another line of a log: no report, no log and nothing that a program prints has them raw.
use strict;
use warnings;
use Ardent::Test;
use Encode qw(decode);
use Test::More;

my $name = "x\x{1b}]0;owned\x{07}\x{c2}\x{9b}2J\x{e2}\x{80}\x{ae}y\nlevel=error msg=forged";
my $quoted = '"' . $name . '"';
my $t = Ardent::Test->new(name => 'control', sql => <<"SQL");
CREATE TABLE public.$quoted ($quoted text);
INSERT INTO public.$quoted VALUES ('v');
CREATE TABLE public.own (id integer PRIMARY KEY);
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;

# bytes that no line of ours may have: C0 but tab and line feed, DEL, C1, overrides and isolates
sub harmless
{
	my ($what, $text, %own) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($found) = $text =~ /(.{0,30}(?:[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]).{0,10})/s;
	ok(length $text, "$what: there is something");
	is($found, undef, "$what: nothing drives a terminal");
	unlike($text, qr/^level=error msg=forged/m, "$what: no line is forged") unless $own{words};
	return;
}

# psql prints the lines of the report as they come
my $lines = sub { return $source->safe_psql($database, 'SELECT ardent_preflight(' . join(', ', @_) . ')') };
my $report = $lines->(q('public'), q(verbose => true));
like($report, qr/\\u001b\]0;owned/, 'the report names the table');
harmless('ardent_preflight', $report);
my $latin1 = 'latin1';
$source->safe_psql('postgres', "CREATE DATABASE $latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
$source->safe_psql($latin1, "SET client_encoding = 'LATIN1'; CREATE EXTENSION ardent; CREATE TABLE public.\"a\x{9b}2J\x{1b}[31m\" (v text)");
harmless('ardent_preflight in LATIN1', $source->safe_psql($latin1, q(SELECT ardent_preflight('public', verbose => true))));

# the command line
my $out = '';
my $url = "postgresql://postgres@/$database?host=" . $source->host . '&port=' . $source->port;
my @preflight = ("$Ardent::Test::bin/ardent", 'connector', 'preflight', 'postgresql', $url, '--schemas', 'public', '--verbose');
IPC::Run::run([@preflight], '>', \$out, '2>', \my $error);
harmless('ardent connector preflight', $out);
IPC::Run::run([ @preflight[ 0 .. 4 ], '--schemas', 'public', '--json' ], '>', \$out, '2>', \$error);
harmless('its JSON', $out =~ s/\n//gr);
my $json = JSON::PP->new->utf8->decode($out);
my @objects = map { @{ $_->{objects} // [] } } ref $json->{checks} eq 'ARRAY' ? @{ $json->{checks} } : values %{ $json->{checks} };
ok(scalar(grep { index($_, decode('UTF-8', $name)) >= 0 } @objects), 'which names the table exactly') or diag(substr($out, 0, 2000));
IPC::Run::run([ "$Ardent::Test::bin/ardent", '--api-url', "http://127.0.0.1:1/$name", 'connector', 'list' ], '>&', \$out);
harmless('an error of the command line', $out, words => 1);

# agent and environment, their logs, the status and the command line that shows it
$source->safe_psql($database, "ALTER TABLE public.$quoted REPLICA IDENTITY FULL");
$t->start_all;
harmless('the log of the agent', $t->agent->log_text);
$t->wait_caught_up;
my $admin = $t->replica_admin;
IPC::Run::run([ 'psql', '-X', '-q', '-d', $admin, '-c', "DELETE FROM public.$quoted" ], '>&', \$out) or die $out;
$source->safe_psql($database, "UPDATE public.$quoted SET $quoted = E'\\x1b[31m'");
$t->wait_status('failed');
$t->wait_for('the agent says so', sub { return $t->agent->log_text =~ /stopped at the environment/ });
is($t->connector->{failure}{table}, 'public."' . decode('UTF-8', $name) . '"', 'the API names the table exactly');
harmless('the log of the environment', $t->environment->log_text);
harmless('the log of the agent with a failure', $t->agent->log_text);
harmless('ardent connector status', ($t->cli('connector', 'status', $database))[1]);
harmless('ardent connector list', ($t->cli('connector', 'list'))[1]);

# ardent-agent check, and what a program says of its own arguments
IPC::Run::run([ "$Ardent::Test::bin/ardent-agent", 'check', '--config', $t->dir . '/agent.toml' ], '>&', \$out);
harmless('ardent-agent check', $out);
foreach my $program ('ardent-agent', 'ardent-environment', 'ardent')
{
	IPC::Run::run([ "$Ardent::Test::bin/$program", "--no-$name" ], '>&', \$out);
	harmless("$program with a wrong argument", $out, words => 1);
}

$t->stop_all;
done_testing();
