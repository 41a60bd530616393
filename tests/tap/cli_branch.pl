# SPDX-License-Identifier: PostgreSQL
# `ardent branch …` against an API that answers as a test wants it: the product's outputs to the letter, its JSON, its rules
# for options, what happens when time runs out and the same command runs again.
use strict;
use warnings;
use utf8;
use Ardent::Branches;
use Encode qw(decode_utf8);
use JSON::PP;
use Test::More;

binmode(Test::More->builder->$_, ':utf8') foreach qw(output failure_output);
my $b = Ardent::Branches->new;
my $url = 'postgresql://ardent:se%3Acr%5Cet@127.0.0.1:6001/shop?sslmode=require';

sub run
{
	my $r = $b->run(@_);
	$r->{$_} = decode_utf8($r->{$_}) foreach qw(out err);
	return $r;
}

sub is_run
{
	my ($what, $r, $code, $out, $err) = @_;
	is($r->{code}, $code, "$what: exit code") or diag($r->{out} . $r->{err});
	ref $out ? like($r->{out}, $out, "$what: result") : is($r->{out}, $out, "$what: result");
	ref $err ? like($r->{err}, $err, "$what: beside it") : is($r->{err}, $err // '', "$what: nothing beside it");
	return;
}

# The error object of --format json: its code.
sub error_ok
{
	my ($what, $r, $code, $word) = @_;
	is($r->{code}, $code, "$what: exit code") or diag($r->{out} . $r->{err});
	my $object = eval { decode_json(Encode::encode_utf8($r->{out})) } // {};
	is_deeply([ $object->{schema_version}, $object->{error}{code} ], [ 1, $word ], "$what: $word") or diag($r->{out});
	ok($object->{error}{message}, "$what: says what");
	return $object->{error};
}

sub json_of { my ($r) = @_; return eval { decode_json(Encode::encode_utf8($r->{out})) } // {}; }

# create
is_run('create', run('branch', 'create', 'my-feature'), 0,
	qr/\A✓ Branch 'my-feature' created and checked out in \d+\.\ds\n\n\Q$url\E\n\z/);
my ($create) = grep { $_->{path} eq '/v1/branch/create' } @{ $b->control->{requests} };
is_deeply($create->{body}, { connector_id => 'conn_shop', service_type => 'postgres', name => 'my-feature',
		requested_name => 'my-feature' }, 'create asks for what was said, and nothing else');
like($create->{key}, qr/^[0-9a-f]{32}$/, 'under an idempotency key');
is_run('create --print-url', run('branch', 'create', 'two', '--print-url'), 0, "$url\n");
is_run('create again', run('branch', 'create', 'two'), 0,
	"✓ Branch 'two' is there already and is checked out\n\n$url\n");
is_run('create again --print-url', run('branch', 'create', 'two', '--print-url', '-s', 'postgres'), 0, "$url\n");
is_run('create --url-type direct', run('branch', 'create', 'direct', '--url-type', 'direct'), 0,
	qr/\A✓ Branch 'direct' created and checked out in \d+\.\ds\n\n\Q$url\E\n\z/);
is_run('--url-type direct --print-url', run('branch', 'create', 'direct', '--url-type', 'direct', '--print-url'), 0, "$url\n");

my $three = run('branch', 'create', 'three', '--format', 'json', '--ttl', '7d', '--protect', '--allow-stale');
my $object = json_of($three);
is($three->{code}, 0, 'create --format json');
like($three->{err}, qr/^⚠ cut from 3 s ago$/m, 'a warning stands beside the result');
my %expected = (
	schema_version => 3, name => 'three', requested_name => 'three', connector_id => 'conn_shop', connector_name => 'shop',
	service_type => 'postgres', status => 'active', branch_url => $url, pooled_branch_url => undef,
	pooled_branch_prisma_url => undef, created_at => '2026-06-01T12:00:00Z', read_ready_at => '2026-06-01T12:00:01Z',
	write_ready_at => '2026-06-01T12:00:01Z', masked_ready_at => undef, last_branch_activity => undef,
	current => JSON::PP::true, warning => { type => 'stale', message => 'cut from 3 s ago' }, created => JSON::PP::true,
	operation_id => undef, data_as_of => { lsn => '0/1A2B3C4', commit_time => '2026-06-01T11:59:59Z' },
	method => 'reflink', steps => [ { name => 'checkpoint', ms => 120 }, { name => 'clone', ms => 300 } ], hooks => [],
	own_bytes => 18874368, state => 'active', state_since => '2026-06-01T12:00:01Z', awake_because => undef,
	failure => undef, suspend_after => 300, expires_at => '2026-06-08T12:00:00Z', protected => JSON::PP::true, durable => JSON::PP::true,
	egress => 'none', missing => ['large objects'], host => '127.0.0.1', port => 6001, database => 'shop', user => 'ardent');
is_deeply({ %$object, id => undef }, { %expected, id => undef }, 'with every key, null where it does not apply');
is(join(' ', ($three->{out} =~ /^  "(\w+)":/mg)[0 .. 15]),
	'schema_version id name connector_id service_type status branch_url pooled_branch_url pooled_branch_prisma_url'
	  . ' created_at read_ready_at write_ready_at masked_ready_at last_branch_activity current warning',
	"the product's keys first, in its order");
($create) = grep { $_->{path} eq '/v1/branch/create' && $_->{body}{name} eq 'three' } @{ $b->control->{requests} };
is_deeply([ @{ $create->{body} }{qw(ttl protect allow_stale)} ], [ 604800, JSON::PP::true, JSON::PP::true ], 'options go along');
is(json_of(run('branch', 'create', 'three', '--protect', '--format', 'json'))->{created}, JSON::PP::false,
	'created: false for one that is there');
is_run('create with other options', run('branch', 'create', 'three'), 1, '', qr/^✗ .*differs: protect/);
error_ok('the same in JSON', run('branch', 'create', 'three', '--format', 'json'), 1, 'api_error');
is_run('create with another ttl', run('branch', 'create', 'three', '--protect', '--ttl', '8d', '--print-url'), 1, '', qr/^✗ .*differs: ttl/);
is_run('create with the same ttl', run('branch', 'create', 'three', '--protect', '--ttl', '168h', '--print-url'), 0, "$url\n", qr/cut from/);

# names
is_run('a slash', run('branch', 'create', 'feature/x', '--print-url'), 0, "$url\n",
	qr/^Branch 'feature\/x' is called 'feature-x' here$/m);
is_run('two names that fall together', run('branch', 'create', 'feature-x'), 1, '', qr/feature\/x is called feature-x already/);
is_run('its name as it was typed', run('branch', 'info', 'feature/x', '--print-url'), 0, "$url\n", qr/feature-x/);
is_run('its name here', run('branch', 'info', 'feature-x', '--print-url'), 0, "$url\n");
is_run('another name that becomes it', run('branch', 'info', 'two/', '--print-url'), 1, '', qr/there is no branch 'two-'/);
run('branch', 'create', 'a-b');
is_run('a name that is mapped to one that was not', run('branch', 'info', 'a/b', '--print-url'), 1, '', qr/'a\/b' and 'a-b'/);
is_run('and its delete', run('branch', 'delete', 'a/b'), 1, '', qr/'a\/b' and 'a-b'/);
foreach my $name ('Big', 'a_b', 'a b', 'x' x 64, "a\n", 'ä', '')
{
	my $r = run('branch', 'create', $name);
	is_run("the name '$name'", $r, 2, '', qr/no name for a branch/);
}
error_ok('a name that is none, in JSON', run('branch', 'create', 'Feature_1', '--format', 'json'), 2, 'invalid_name');
like(run('branch', 'create', 'Feature/AB_1')->{err}, qr/This one would do: feature-ab-1/, 'and what would do');
is_run('63 letters', run('branch', 'create', 'x' x 63, '--print-url'), 0, "$url\n");

# info
$b->control(branches => { map { $_->{id} => { %$_, last_branch_activity => '2026-06-01T12:00:02Z' } }
		grep { $_->{name} =~ /^(two|three)$/ } values %{ $b->control->{branches} } });
run('branch', 'switch', 'two');
my $info = run('branch', 'info');
is_run('info of the current branch', $info, 0,
	qr/\ABranch: two \(current\)\n  Type:    postgres\n  Status:  active\n  Ready:   read \+ write\n  Created: 6\/1\/2026, 12:00:00 PM\n.*\n\nDirect URL: \Q$url\E\n\z/s);
foreach my $line ('Source:  shop', 'Data:    2026-06-01T11:59:59Z (LSN 0/1A2B3C4)', 'Method:  reflink',
	'Steps:   checkpoint 120 ms, clone 300 ms', 'Disk:    18 MB of its own', 'State:   active since 2026-06-01T12:00:01Z',
	'Expires: never', 'Durable: yes', 'Egress:  none', 'Lacks:   large objects')
{
	like($info->{out}, qr/^  \Q$line\E$/m, "info: $line");
}
unlike($info->{out}, qr/^  Hooks:/m, 'info: no hooks, no line');
unlike($info->{out}, qr/^  Awake:/m, 'info: nothing keeps it awake, no line');
$b->control(branches => { map { $_->{id} => { %$_, $_->{name} eq 'two' ? (hooks => [ { name => 'mask', ms => 30 }, { name => "seed\n", ms => 4 } ],
	masked_ready_at => '2026-06-01T12:00:01Z') : () } } values %{ $b->control->{branches} } });
like(run('branch', 'info', 'two')->{out}, qr/^  Hooks:   mask 30 ms, seed 4 ms$/m, 'info: the hooks that ran');
$object = json_of(run('branch', 'info', 'two', '--format', 'json'));
is_deeply([ $object->{hooks}[0], $object->{masked_ready_at} ], [ { name => 'mask', ms => 30 }, '2026-06-01T12:00:01Z' ], 'in JSON too');
is_run('info of a name', run('branch', 'info', 'three'), 0, qr/\ABranch: three\n.*Expires: 6\/8\/2026, 12:00:00 PM, protected\n/s,
	qr/cut from/);
is_run('info --print-url', run('branch', 'info', '--print-url'), 0, "$url\n");
$object = json_of(run('branch', 'info', 'two', '--format', 'json'));
is_deeply([ sort keys %$object ], [ sort keys %expected, 'id' ], 'info --format json has the same keys');
is_deeply([ @$object{qw(name current created branch_url)} ], [ 'two', JSON::PP::true, undef, $url ], 'of the branch');

# list
my $listed = run('branch', 'list');
like($listed->{out}, qr/\ABranches:\n(?:\* |  )● \w+\n      postgres · ready · created 2026-06-01 · idle \d+d \(active\)\n\n(?:\* |  )● \w+\n/,
	'list');
like($listed->{out}, qr/^\* ● two$/m, 'the current one with an asterisk');
like($listed->{out}, qr/^  ● three$/m, 'the others without');
unlike($listed->{out}, qr/postgresql:/, 'and no URL');
$object = json_of(run('branch', 'list', '--format', 'json'));
is_deeply([ $object->{schema_version}, sort map { $_->{name} } @{ $object->{branches} } ], [ 3, 'three', 'two' ], 'list --format json');
is_deeply([ sort keys %{ $object->{branches}[0] } ], [ sort keys %expected, 'id' ], 'whose rows have the same keys');

# switch, update, suspend, resume, reset, delete
is_run('switch', run('branch', 'switch', 'three'), 0, "Switched from 'two' to 'three'\n$url\n", qr/cut from/);
is($b->config->{branch}{name}, 'three', 'is remembered');
is_run('update --ttl', run('branch', 'update', 'two', '--ttl', '7d'), 0,
	"✓ Branch 'two' updated\n  Expires: 6/8/2026, 12:00:00 PM\n");
is_run('update --protect', run('branch', 'update', 'two', '--protect', '--ttl', 'never'), 0,
	"✓ Branch 'two' updated\n  Expires: never, protected\n");
is_run('a protected branch', run('branch', 'delete', 'two'), 1, '', qr/protected/);
is_run('update --no-protect', run('branch', 'update', 'two', '--no-protect'), 0, "✓ Branch 'two' updated\n  Expires: never\n");
is_run('update --suspend-after', run('branch', 'update', 'two', '--suspend-after', '30min'), 0,
	"✓ Branch 'two' updated\n  Expires: never\n  Suspended after: 1800 s\n");
is_run('update --suspend-after never', run('branch', 'update', 'two', '--suspend-after', 'never'), 0,
	"✓ Branch 'two' updated\n  Expires: never\n  Suspended after: never\n");
is_run('update --suspend-after default', run('branch', 'update', 'two', '--suspend-after', 'default'), 0,
	"✓ Branch 'two' updated\n  Expires: never\n  Suspended after: 300 s\n");
is_run('update of nothing', run('branch', 'update', 'two'), 2, '', qr/nothing to change/);
is_run('suspend', run('branch', 'suspend', 'two'), 0, "✓ Branch 'two' suspended\n");
like(run('branch', 'list')->{out}, qr/^  ○ two\n.* \(suspended\)$/m, 'list: suspended');
is_run('resume', run('branch', 'resume', 'two'), 0, "✓ Branch 'two' resumed\n");
is_run('reset', run('branch', 'reset', 'two'), 0, qr/\A✓ Branch 'two' reset to the newest data in \d+\.\ds\n\n\Q$url\E\n\z/);
run('branch', 'update', 'three', '--no-protect');
is_run('delete', run('branch', 'delete', 'three'), 0, "✓ Branch deleted\n");
is($b->config->{branch}, undef, 'the current branch is none any more');
is_run('info without a current branch', run('branch', 'info'), 1, '', qr/^✗ no branch is checked out/);
error_ok('in JSON', run('branch', 'info', '--format', 'json'), 1, 'no_current_branch');
is_run('delete again', run('branch', 'delete', 'three'), 1, '', qr/there is no branch 'three'/);

# options that exclude each other, and those that are not there: no request is made
$b->control(reset => JSON::PP::true);
foreach my $words (
	[qw(create x --print-url --format json)], [qw(create x --url-type pooled --format json)], [qw(create x --format yaml)],
	[qw(create x --url-type other)], [qw(create x --name y)], [qw(create x y)], [qw(create)], [qw(create x -s mysql)],
	[qw(create x --no-wait --timeout 5s)], [qw(create x --no-wait --print-url)], [qw(create x --timeout soon)],
	[qw(create x --timeout 0)], [qw(create x --ttl soon)], [qw(create x --ttl 0)], [qw(info x --print-url --format json)], [qw(info --branch-id x)],
	[ 'info', '' ], [qw(info x --url)], [qw(info --connector shop)], [qw(switch)], [qw(delete)], [qw(delete x --force)], [qw(reset)], [qw(psql)],
	[qw(psql x -c 1)], [qw(update x --protect --no-protect)], [qw(update x --ttl 1x)], [qw(update x --suspend-after soon)], [qw(checkout x)], [])
{
	is_run("branch @$words", run('branch', @$words), 2, '', qr/\S/);
}
foreach my $type (qw(pooled prisma))
{
	is_run("--url-type $type", run('branch', 'create', 'x', '--url-type', $type), 1, '', qr/^✗ there is no pooler yet/);
}
foreach my $bad (qw(-1 soon 1.5))
{
	is_run("the create's interval $bad", run({ ARDENT_BRANCH_CREATE_POLL_INTERVAL_MS => $bad }, 'branch', 'create', 'x'), 2, '',
		qr/ARDENT_BRANCH_CREATE_POLL_INTERVAL_MS/);
	error_ok("the create's wait $bad", run({ ARDENT_BRANCH_CREATE_MAX_WAIT_MS => $bad }, 'branch', 'create', 'x', '--format', 'json'),
		2, 'invalid_arguments');
}
is_deeply([ $b->seen ], [], 'no request was made for any of these');

# time runs out, and the same command joins
$b->reset;
$b->control(hold => JSON::PP::true);
my %short = (ARDENT_BRANCH_CREATE_MAX_WAIT_MS => 1500, ARDENT_BRANCH_DELETE_MAX_WAIT_MS => 1500);
my $late = run({ %short }, 'branch', 'create', 'slow');
is_run('a create that takes too long', $late, 1, '',
	qr/\A✗ Branch creation did not complete within 1\.5 seconds\. It may still be running server-side — do NOT assume it failed\. Re-run the same command to resume, or check `ardent branch list`\. If you contact Ardent support, reference operation id op_\d+\.\n\z/);
my ($operation) = $late->{err} =~ /(op_\d+)/;
my $error = error_ok('the same in JSON', run({ %short }, 'branch', 'create', 'slow', '--format', 'json'), 1, 'timeout');
like($error->{message}, qr/\b\Q$operation\E\b/, 'joins the operation');
like(run({ %short }, 'branch', 'create', 'slow', '--timeout', '1s')->{err}, qr/within 1 second\./, '--timeout wins');
is_run('info of a branch that is being created', run('branch', 'info', 'slow'), 1, '', qr/still being created/);
is_run('--no-wait', run('branch', 'create', 'slow', '--no-wait'), 0, "Branch 'slow' is being created (operation $operation)\n",
	qr/ardent branch create slow/);
$object = json_of(run('branch', 'create', 'slow', '--no-wait', '--format', 'json'));
is_deeply([ sort keys %$object ], [ sort keys %expected, 'id' ], '--no-wait --format json has every key');
is_deeply([ @$object{qw(status branch_url current operation_id)} ], [ 'creating', undef, JSON::PP::false, $operation ], 'and no URL');
is(scalar(keys %{ $b->control->{branches} }), 1, 'there is one branch');
$b->control(hold => JSON::PP::false);
is_run('run again', run('branch', 'create', 'slow', '--print-url'), 0, "$url\n");

$b->control(hold => JSON::PP::true);
$late = run({ %short }, 'branch', 'delete', 'slow');
is_run('a delete that takes too long', $late, 1, '',
	qr/\A✗ Branch delete did not complete within 1\.5 seconds\. It may still be running server-side\. If you contact Ardent support, reference operation id op_\d+\.\n\z/);
is($b->config->{branch}{name}, 'slow', 'the branch is still remembered');
is_run('a branch that is being deleted', run('branch', 'info', 'slow', '--print-url'), 1, '', qr/is being deleted/);
$b->control(hold => JSON::PP::false, branches => {});
is_run('delete again, after the row is gone', run('branch', 'delete', 'slow'), 0, "✓ Branch deleted\n");
is_deeply([ $b->config->{branch}, $b->config->{deletes} ], [ undef, [] ], 'and nothing is remembered');
is_run('once more', run('branch', 'delete', 'slow'), 1, '', qr/there is no branch/);

# an interval of the delete that would hammer
run('branch', 'create', 'polled');
$b->control(hold => JSON::PP::true, reset => JSON::PP::true);
run({ ARDENT_BRANCH_DELETE_MAX_WAIT_MS => 1500, ARDENT_BRANCH_DELETE_POLL_INTERVAL_MS => $_ }, 'branch', 'delete', 'polled')
  foreach qw(-5 0 x);
is(scalar(grep { /operations/ } $b->seen), 3, 'a delete with a negative, zero or wrong interval asks every two seconds');

# how often a create asks, and for how long each question waits
my $questions = sub {
	my ($name, %variables) = @_;
	$b->control(reset => JSON::PP::true);
	run({ map { ("ARDENT_BRANCH_CREATE_$_" => $variables{$_}) } keys %variables }, 'branch', 'create', $name);
	return grep { m{^/v1/operations/} } map { $_->{path} } @{ $b->control->{requests} };
};
is(scalar($questions->('asked', MAX_WAIT_MS => 950, POLL_INTERVAL_MS => 60000)), 1, 'a create with an interval beyond its time asks once');
# Without a word on it 0, 100, 300 and 700 ms after the first.
cmp_ok(scalar($questions->('asked', MAX_WAIT_MS => 950, POLL_INTERVAL_MS => 1)), '>', 4, 'with one of a millisecond more often than by itself');
$b->control(hold => JSON::PP::false);
like(($questions->('quick'))[0], qr/\?wait=5$/, 'a question waits for five seconds in the environment');
like(($questions->('quicker', OPERATION_WAIT_SECONDS => 7))[0], qr/\?wait=7$/, 'or as long as was said');

# psql: the right server, and a password that nobody sees
$b->reset;
my $psql = $b->write('psql', <<'PSQL', 0755);
#!/bin/sh
for word in "$@"; do echo "word [$word]"; done
env | grep '^PG' | sort
tr '\0' ' ' < /proc/$$/cmdline; echo
printf 'password [%s]\n' "$(cat "$PGPASSFILE")"
stat -L -c 'mode %a' "$PGPASSFILE"
exit 7
PSQL
my %psql = (PATH => $b->dir . ":$ENV{PATH}", PGPASSWORD => 'production', PGHOST => 'production', PGSERVICE => 'production',
	PGHOSTADDR => '10.0.0.1', PGAPPNAME => 'mine');
run('branch', 'create', 'x');
my $said = run({ %psql }, 'branch', 'psql', 'x', '--', '-c', 'SELECT 1', '--', 'a b');
is($said->{code}, 7, "psql's exit code") or diag($said->{err});
is(join("\n", $said->{out} =~ /^word .*/mg), "word [-c]\nword [SELECT 1]\nword [--]\nword [a b]", 'its arguments');
is(join(' ', grep { !/PASSFILE/ } $said->{out} =~ /^PG\S+$/mg),
	'PGAPPNAME=mine PGDATABASE=shop PGHOST=127.0.0.1 PGPORT=6001 PGSSLMODE=require PGUSER=ardent',
	"the branch's server, and nothing of the caller's");
like($said->{out}, qr/^password \[\*:\*:\*:\*:se\\:cr\\\\et\]$/m, 'the password is in the file, escaped');
like($said->{out}, qr/^mode 600$/m, 'for its owner alone');
my @shown = grep { !/^password/ && /cr.?et/ } split(/\n/, $said->{out});
is_deeply(\@shown, [], 'and in no argument and no variable');
is_run('psql of a branch that is not there', run({ %psql }, 'branch', 'psql', 'y'), 1, '', qr/there is no branch 'y'/);
is_run('without psql', run({ %psql, PATH => '/nowhere' }, 'branch', 'psql', 'x'), 1, '', qr/cannot start psql/);

# a result that cannot be written is no success
is(run({ shell => 'exec "$@" > /dev/full' }, 'branch', 'info', 'x', '--print-url')->{code}, 1, 'a full disk behind stdout');

# what the environment writes cannot drive a terminal
$b->control(fail => "no room\e]0;x\a");
my $hostile = run('branch', 'create', 'h');
is($hostile->{code}, 1, 'a failure with a terminal\'s sequence in it');
unlike($hostile->{err}, qr/[\e\a]/, 'is made printable');
like($hostile->{err}, qr/^✗ branch 'h' was not created: no room/, 'and says why');
done_testing();
