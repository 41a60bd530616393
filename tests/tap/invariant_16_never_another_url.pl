# SPDX-License-Identifier: PostgreSQL
# Invariant 16: `ardent branch` never prints the URL of anything but the branch that was asked for. Every command that prints a
# URL, in every format, against every answer that is not the one asked for: nothing on standard output (with --format json the
# error object), exit code 1 or 2, on standard error what is the matter and a way on (→), and the current branch stays what it was.
use strict;
use warnings;
use Ardent::Branches;
use JSON::PP;
use Test::More;

my $b = Ardent::Branches->new;
my %words = map { $_ => 1 } qw(offline not_authenticated not_found no_current_project no_projects no_connectors
  connector_unavailable no_current_branch invalid_name invalid_arguments branch_url_missing
  create_succeeded_but_details_missing timeout api_error);

# A connector with the branches "mine" and "other", and another connector with "mine" too.
my @connectors = map { { id => "conn_$_", name => $_, status => 'streaming' } } qw(shop billing);
$b->control(connectors => \@connectors);
foreach my $made ([ 'shop', 'other' ], [ 'billing', 'mine' ], [ 'billing', 'alone' ], [ 'shop', 'mine' ])
{
	my $r = $b->run('branch', 'create', $made->[1], '--connector', $made->[0]);
	is($r->{code}, 0, "the branch $made->[1] of $made->[0]") or BAIL_OUT($r->{err});
}
my $branches = $b->control->{branches};
my %id = map { ("$_->{connector_name} $_->{name}" => $_->{id}) } values %$branches;
my $before = $b->config->{branch};
is($before->{id}, $id{'shop mine'}, 'the current branch');

sub refused_ok
{
	my ($what, @arguments) = @_;
	my $r = $b->run(@arguments);
	my $json = grep { $_ eq 'json' } @arguments;
	my $said = $r->{err};
	my @wrong;
	push @wrong, "exit code $r->{code}" unless $r->{code} == 1 || $r->{code} == 2;
	if ($json && $r->{out} ne '')
	{
		my $object = eval { decode_json($r->{out}) } // {};
		push @wrong, 'no error object' unless $object->{schema_version} && $words{ $object->{error}{code} // '' };
		$said .= $object->{error}{message} // '';
		push @wrong, 'no way on' unless $object->{error}{hint};
	}
	elsif ($r->{out} ne '') { push @wrong, 'something on standard output' }
	push @wrong, 'not a word' if $said eq '';
	push @wrong, 'no way on' unless $r->{out} ne '' || $r->{err} =~ /^(?:  → \S|Run with --help)/m;
	push @wrong, 'a URL' if "$r->{out}$r->{err}" =~ m{postgres(?:ql)?://};
	push @wrong, 'the password' if "$r->{out}$r->{err}" =~ m{cr(?:\\+|%5C)et|se%3A};
	push @wrong, 'another current branch' unless ($b->config->{branch}{id} // '') eq $before->{id};
	is_deeply(\@wrong, [], "invariant 16: $what: @arguments") or diag("$r->{out}$r->{err}");
	return;
}

my @create = map { [ qw(branch create mine), @$_ ] } [], ['--print-url'], [qw(--format json)];
my @info = map { [ qw(branch info mine), @$_ ] } [], ['--print-url'], [qw(--format json)];
my @current = map { [ qw(branch info), @$_ ] } ['--print-url'], [qw(--format json)];
my @rest = ([qw(branch switch mine)], [qw(branch reset mine)], [qw(branch psql mine -- -c 1)]);
my @all = (@create, @info, @current, @rest);
my @few = ($create[1], @info[ 1, 2 ], @rest);    # where the same code decides for all

# A psql that would show what it is given.
my $psql = $b->write('psql', "#!/bin/sh\nenv\ncat \"\$PGPASSFILE\"\n", 0755);
$b->{env}{PATH} = $b->dir . ":$ENV{PATH}";

# Without a fault each of them succeeds: the walk below can fail.
foreach my $command (@all)
{
	my $r = $b->run(@$command);
	is($r->{code}, 0, "without a fault: @$command") or diag($r->{err});
	like($r->{out}, qr{postgresql://ardent:se%3Acr%5Cet\@|^PGHOST=127.0.0.1$}m, 'and has the URL');
}

sub walk
{
	my ($what, $faults, @commands) = @_;
	foreach my $command (@commands)
	{
		$b->control(faults => $faults);
		refused_ok($what, @$command);
	}
	$b->control(faults => {});
	return;
}

# The row of the branch is not the one asked for, or cannot be its own.
my $good = 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:6001/shop';
my %row = (
	'another name' => { name => 'other' }, 'another id' => { id => $id{'shop other'} },
	'another connector' => { connector_id => 'conn_billing' }, 'another service' => { service_type => 'mysql' },
	'a failed branch' => { status => 'failed', failure => 'no room' }, 'a branch that is being deleted' => { status => 'deleting' },
	'a branch that is being created' => { status => 'creating' }, 'a state of tomorrow' => { state => 'merged' },
	'a status of tomorrow' => { status => 'archived' }, 'no status' => { status => undef },
	'no URL' => { branch_url => undef }, 'an empty URL' => { branch_url => '' }, 'a URL that is a number' => { branch_url => 5432 },
	'a URL of something else' => { branch_url => 'https://127.0.0.1:6001/shop' },
	'a URL with a line end' => { branch_url => "$good\npostgresql://u:cret\@production/shop" },
	'a URL with a space' => { branch_url => "$good " }, 'a URL without a host' => { branch_url => 'postgresql:///shop' },
	'a URL of two hosts' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:6001,production:5432/shop' },
	'a URL with a second host' => { branch_url => "$good?host=production" },
	'a URL with an address' => { branch_url => "$good?hostaddr=10.0.0.1" },
	'a URL of another host' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@production:6001/shop' },
	'a URL of another port' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:5432/shop' },
	'a URL without a port' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1/shop' },
	'a URL of another database' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:6001/postgres' },
	'a URL of another user' => { branch_url => 'postgresql://admin:se%3Acr%5Cet@127.0.0.1:6001/shop' },
	'a URL that cannot be read' => { branch_url => 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:6001/shop?unheard=of' });
walk($_, { one => { row => $row{$_} } }, /URL (of|with)/ ? @few : @all) foreach sort keys %row;

# The answer is none.
my %answer = (
	'500' => { status => 500 }, '403' => { status => 403 }, '404' => { status => 404 }, 'a redirection' => { status => 302 },
	'a dropped connection' => { drop => JSON::PP::true }, 'no JSON' => { raw => '<html>' }, 'an empty body' => { raw => '' },
	'a list' => { raw => '[]' }, 'nothing' => { raw => 'null' }, 'an empty object' => { raw => '{}' },
	'half a row' => { raw => '{"id": "br_1", "name": "mine"}' }, 'a text' => { raw => '"' . $good . '"' });
walk("GET one: $_", { one => $answer{$_} }, $create[0], $create[2], @info, $current[0], $rest[0]) foreach sort keys %answer;
walk("list of branches: $_", { list => $answer{$_} }, @info[ 1, 2 ], @rest[ 0, 2 ]) foreach grep { !/^a list$/ } sort keys %answer;
walk("list of connectors: $_", { connectors => $answer{$_} }, $create[1], $info[1], $rest[0]) foreach sort keys %answer;
walk('a list of another connector\'s branches', { list => { row => { connector_id => 'conn_billing' } } }, @info, @rest);
walk('a list of two with one name', { list => { row => { name => 'mine' } } }, @info, @rest);

# The operation is another one, or failed.
my %handle = (
	'of another branch' => { resource_id => $id{'shop other'} }, 'of another connector\'s branch' => { resource_id => $id{'billing mine'} },
	'of no branch' => { resource_id => undef }, 'of another type' => { type => 'branch_delete' });
foreach my $what (sort keys %handle)
{
	walk("the create's answer $what", { create => { answer => $handle{$what} } }, @create);
	walk("the reset's answer $what", { act => { answer => $handle{$what} } }, $rest[1]);
}
my @new = map { [ @$_[ 0, 1 ], 'fresh', @$_[ 3 .. $#$_ ] ] } @create;
foreach my $what ([ 'another operation' => { id => 'op_other' } ], [ 'of another branch' => { resource_id => $id{'shop other'} } ],
	[ 'a failed one' => { status => 'failed', error => 'no room' } ])
{
	foreach my $command (@new)
	{
		$b->control(branches => $branches);
		walk("the operation's answer: $what->[0]", { operation => { answer => $what->[1] } }, $command);
	}
	walk("the reset's operation: $what->[0]", { operation => { answer => $what->[1] } }, $rest[1]);
}
$b->control(branches => $branches);
foreach my $refusal ([ 409, 'branch_differs' ], [ 409, 'name_taken' ], [ 422, 'connector_not_ready' ], [ 422, 'tables_copying' ],
	[ 422, 'limit' ], [ 422, 'disk' ], [ 400, 'invalid_name' ], [ 401, '' ])
{
	walk("create: @$refusal", { create => { status => $refusal->[0], body => { detail => "refused: $refusal->[1]", code => $refusal->[1] } } },
		@new);
}

# What was typed: names that are missing, wrong, nearly right, of another connector, deleted.
foreach my $output ([], ['--print-url'], [qw(--format json)])
{
	refused_ok('no such branch', qw(branch info), $_, @$output) foreach qw(min mine2 MINE -mine alone);
	refused_ok('an option that is not there', qw(branch info mine --branch-id x), @$output);
	refused_ok('an option that is not there', qw(branch create mine --name other), @$output);
	refused_ok('no such connector', qw(branch info mine --connector sho), @$output);
	refused_ok('an empty name', 'branch', 'info', '', @$output);
	refused_ok('a wrong token', qw(branch info mine --token-file), $b->write('none', "\n", 0600), @$output);
}
refused_ok('no such branch', qw(branch), @$_) foreach [qw(switch alone)], [qw(switch MINE)], [qw(reset alone)], [qw(psql alone)];

# Deleted and made anew under the same name: the current branch is not the new one.
my $mine = $branches->{ $id{'shop mine'} };
$b->control(branches => { map { $_->{id} => $_ } { %$mine, id => 'br_anew' }, $branches->{ $id{'shop other'} } });
refused_ok('the current branch, made anew', @$_) foreach @current;
$b->control(branches => {});
refused_ok('deleted', @$_) foreach @info, @current, @rest;
$b->control(branches => $branches);

# Two connectors and none selected; selections of another environment.
{
	local $b->{env}{ARDENT_CONFIG} = $b->dir . '/none.json';
	foreach my $command (@create, @info, @current, @rest)
	{
		my $r = $b->run(@$command);
		ok($r->{code} == 1 && $r->{out} !~ /postgres/, "nothing is selected: @$command") or diag("$r->{out}$r->{err}");
	}
	my $config = { %{ $b->config }, environment => 'http://127.0.0.1:1' };
	$b->write($b->{env}{ARDENT_CONFIG}, encode_json($config), 0600);
	is($b->run(@{ $current[0] })->{out}, '', 'what is selected in another environment is not selected here');
}

# It was never the walk that failed.
foreach my $command (@all)
{
	is($b->run(@$command)->{code}, 0, "without a fault again: @$command");
}
done_testing();
