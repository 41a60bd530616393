# SPDX-License-Identifier: PostgreSQL
# `ardent login`, `logout`, `status`, `connector switch`, and ~/.ardent/config.json: whom it belongs to, what is no such file, a
# write that is interrupted, the authority of branches.
use strict;
use warnings;
use utf8;
use Ardent::Branches;
use Encode qw(decode_utf8);
use JSON::PP;
use Test::More;

binmode(Test::More->builder->$_, ':utf8') foreach qw(output failure_output);
my $b = Ardent::Branches->new;
my $file = $b->config_file;
my %clean = (ARDENT_TOKEN => undef, ARDENT_API_URL => undef);

sub run
{
	my $r = $b->run(@_);
	$r->{$_} = decode_utf8($r->{$_}) foreach qw(out err);
	return $r;
}

sub mode { my ($path) = @_; return sprintf('%o', (stat($path))[2] & 07777); }

# login
my $key = $b->write('admin.key', "sk-ard_live_stored\n", 0600);
my $r = run({ %clean }, 'login', '--url', $b->url . '/', '--token-file', $key);
is($r->{out}, "✓ Logged in to @{[ $b->url ]}\n\n  Auto-selected project 'default'\n  Auto-selected connector 'shop'\n"
	  . "  Ready to branch:\n  ardent branch create <name>\n", 'login with one connector') or diag($r->{err});
is($r->{code}, 0, 'exit code 0');
is(mode($file), '600', 'config.json is for its owner alone');
is(mode($b->home . '/.ardent'), '700', 'so is its folder');
my $config = $b->config;
is_deeply([ @$config{qw(api_url token environment)}, $config->{connector} ],
	[ $b->url, 'sk-ard_live_stored', $b->url, { id => 'conn_shop', name => 'shop' } ], 'what it holds');
is($b->control->{requests}[-1]{token}, 'Bearer sk-ard_live_stored', 'the key of the file is tried');
is(run({ %clean }, 'branch', 'list')->{code}, 0, 'and used later');
run({ %clean, ARDENT_TOKEN => 'sk-ard_live_variable' }, 'branch', 'list');
is($b->control->{requests}[-1]{token}, 'Bearer sk-ard_live_variable', 'ARDENT_TOKEN comes before it');
is(run({ %clean, ARDENT_API_URL => 'http://127.0.0.1:1' }, 'branch', 'list')->{code}, 1, 'ARDENT_API_URL too');
$r = run({ %clean }, 'login', '--url', $b->url, '--token', 'sk-ard_live_word');
is($b->config->{token}, 'sk-ard_live_word', 'login --token');
unlike($r->{out} . $r->{err}, qr/sk-ard/, 'the token is not shown');
is(run({ %clean }, 'login', '--token', 'a', '--token-file', $key)->{code}, 2, 'two tokens: usage');
my $before = $b->read($file);
$b->control(faults => { connectors => { status => 401, body => { detail => 'not known' } } });
$r = run({ %clean }, 'login', '--url', $b->url, '--token', 'sk-ard_live_wrong');
is_deeply([ $r->{code}, $r->{out} ], [ 1, '' ], 'a key that is refused');
unlike($r->{err}, qr/sk-ard_live_wrong/, 'is not shown');
is($b->read($file), $before, 'and nothing is stored');
$b->control(faults => {});

# status
$r = run({ %clean }, 'status');
is($r->{out}, "✓ Authenticated\n  Org:       Default organization\n  API:       @{[ $b->url ]} (reachable)\n"
	  . "  Token:     from ardent login\n  Project:   default\n  Connector: shop\n\nConnectors:\n* ● shop [streaming]  branches by reflink\n",
	'status');
run('branch', 'create', 'x');
like(run('status')->{out}, qr/^  Token:     from ARDENT_TOKEN\n  Project:   default\n  Connector: shop\n  Branch:    x$/m,
	'status: the current branch, and where the token is from');
$b->control(faults => { connectors => { status => 401 } });
$r = run('status');
is($r->{code}, 1, 'status with a refused token');
unlike($r->{out}, qr/Authenticated/, 'does not say Authenticated');
$b->control(faults => { connectors => { drop => JSON::PP::true } });
$r = run({ %clean }, 'status');
is($r->{code}, 1, 'status without an environment');
like($r->{out}, qr/^  Connector: shop\n  Branch:    x$/m, 'still says what is selected');
like($r->{err}, qr/^✗ GET /, 'and why it is not usable');
$b->control(faults => {});
$r = run({ %clean, HOME => '/nowhere' }, 'status');
is_deeply([ $r->{code}, $r->{out} ], [ 1, '' ], 'status without a token');
like($r->{err}, qr/^✗ Not authenticated\n  → Run: ardent login/, 'says so');

# connectors
$b->control(connectors => [ map { { id => "conn_$_", name => $_, status => 'pending' } } qw(shop billing) ]);
is(run('connector', 'switch', 'billing')->{out}, "Switched from 'shop' to 'billing'\n", 'connector switch');
is($b->config->{branch}, undef, "the other connector's branch is not current any more");
is(run('connector', 'switch', 'bill')->{code}, 1, 'of no such connector');
is(run('branch', 'create', 'y', '--connector', 'shop')->{code}, 0, 'a branch of another connector');
is($b->config->{connector}{name}, 'shop', 'selects it');
$b->control(connectors => [ { id => 'conn_billing', name => 'shop', status => 'streaming' } ]);
like(run('branch', 'list')->{err}, qr/selected connector 'shop' is not there any more/, 'a connector of the same name is not the same');
$b->control(connectors => []);
run({ %clean }, 'logout');
like(run('branch', 'list')->{err}, qr/^✗ there is no connector\n/, 'none at all');
like(run({ %clean }, 'login', '--url', $b->url, '--token', 'a')->{out}, qr/No connectors found\.\n  Create one with/, 'login without');
$b->control(connectors => [ map { { id => "conn_$_", name => $_, status => 'streaming' } } qw(shop billing) ]);
like(run({ %clean }, 'login', '--url', $b->url, '--token', 'a')->{out}, qr/2 connectors found\.\n  Next step: select a connector/,
	'login with two');
is($b->config->{connector}, undef, 'guesses none');

# logout
is(run({ %clean }, 'logout')->{out}, "✓ Logged out\n", 'logout');
ok(!-e $file, 'removes the file');
is(run({ %clean }, 'logout')->{code}, 0, 'again');
like(run({ %clean, ARDENT_API_URL => $b->url }, 'branch', 'list')->{err}, qr/there is no token/, 'nobody is logged in');
is(run({ %clean, ARDENT_API_URL => $b->url }, 'branch', 'list')->{code}, 1, 'exit code 1');

# files that are not to be believed
$b->reset;
run({ %clean }, 'login', '--url', $b->url, '--token-file', $key);
my $good = $b->read($file);
foreach my $text ('', 'nonsense', '[]', '{"token": 1}', '{"connector": {"id": "x"}}', '{"connector": "shop"}', '{"deletes": {}}',
	substr($good, 0, length($good) / 2), '[' x 100_000)
{
	$b->write($file, $text, 0600);
	$r = run('branch', 'list');
	is_deeply([ $r->{code}, $r->{out} ], [ 2, '' ], 'config.json: ' . substr($text, 0, 30));
	like($r->{err}, qr/^✗ .*config\.json/, 'is named');
	unlike($r->{err}, qr/sk-ard/, 'and not shown');
}
is(decode_json(run('branch', 'info', '--format', 'json')->{out})->{error}{code}, 'invalid_arguments', 'in JSON too');
$b->write($file, $good, 0640);
like(run('branch', 'list')->{err}, qr/may be read or written by others.*\n  → Run: chmod 600 /, 'others may read it');
chmod 0600, $file;
rename $file, "$file.real";
symlink "$file.real", $file;
like(run('branch', 'list')->{err}, qr/is a symbolic link/, 'a link');
unlink $file;
mkdir $file;
like(run('branch', 'list')->{err}, qr/is not a file/, 'a folder');
rmdir $file;
SKIP:
{
	skip 'only root can give a file away', 1 if $> != 0;
	$b->write($file, $good, 0600);
	chown 1, 1, $file;
	like(run('branch', 'list')->{err}, qr/belongs to another user/, "another user's");
	unlink $file;
}
rename "$file.real", $file;
is(run({ %clean }, 'branch', 'list')->{code}, 0, 'the good one again');
my $elsewhere = $b->dir . '/elsewhere.json';
is(run({ ARDENT_CONFIG => $elsewhere }, 'branch', 'create', 'z')->{code}, 0, 'ARDENT_CONFIG');
is(mode($elsewhere), '600', 'is where it is written');
is($b->read($file), $good, 'and nowhere else');

# A write that is interrupted: the limit of file sizes kills the program in the middle of it.
$r = run({ shell => 'ulimit -f 0; exec "$@" > /dev/null 2>&1' }, 'connector', 'switch', 'shop');
cmp_ok($r->{code}, '>', 128, 'killed while writing') or diag($r->{code});
is($b->read($file), $good, 'config.json is as before');
is(run({ %clean }, 'connector', 'switch', 'shop')->{code}, 0, 'the next write goes on');
is(mode($file), '600', 'with its mode');
ok(!-e "$file.new", 'and leaves nothing beside it');

# Where nothing can be remembered the result is still the result.
$r = run({ HOME => '/proc/nowhere' }, 'branch', 'create', 'w', '--print-url');
is($r->{code}, 0, 'a home that cannot be written');
like($r->{out}, qr{\Apostgresql://\S+\n\z}, 'the URL');
like($r->{err}, qr/is not remembered as the current branch/, 'and a word beside it');
is(run({ HOME => '/proc/nowhere' }, 'branch', 'switch', 'w')->{out}, '', 'switch, which only remembers, fails');
$r = run({ HOME => undef }, 'branch', 'info', 'w', '--print-url');
is($r->{code}, 0, 'no home at all') or diag($r->{err});

# Twenty at once: each finds a whole file and leaves one.
my @children = map { my $n = $_; my $pid = fork; if (!$pid) { exec('sh', '-c', 'exec "$@" > /dev/null 2>&1', 'sh',
				'env', "HOME=" . $b->home, "ARDENT_API_URL=" . $b->url, 'ARDENT_TOKEN=a', "$Ardent::Branches::bin/ardent",
				'branch', 'create', "at-once-$n"); } $pid } 1 .. 20;
my $failed = 0;
foreach my $pid (@children) { waitpid($pid, 0); $failed++ if $? }
is($failed, 0, 'twenty creates at once');
like($b->config->{branch}{name}, qr/^at-once-\d+$/, 'one of them is current');
is($b->config->{token}, 'sk-ard_live_stored', 'and nothing else is lost');

# The authority of branches.
my $pem = qx(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=branches -days 2 2>/dev/null);
$b->reset;
$b->control(authority => $pem, sslmode => 'verify-full');
$r = run('branch', 'create', 'tls', '--print-url');
my ($root) = $r->{out} =~ m{\Apostgresql://\S+\?sslmode=verify-full&sslrootcert=(/\S+)\n\z};
ok($root, 'a URL that asks for a verified server names the authority') or diag($r->{out} . $r->{err});
is($b->read($root // '/nowhere'), $pem, 'whose file has it');
is($b->config->{branch_authority}, $pem, 'it is kept');
$b->control(reset => JSON::PP::true);
run('branch', 'info', 'tls');
is(scalar(grep { /authority/ } $b->seen), 0, 'and not asked for again');
$b->write($root, 'nonsense', 0600);
run('branch', 'info', 'tls');
is($b->read($root), $pem, 'a damaged file is mended');
my $other = qx(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=others -days 2 2>/dev/null);
$b->control(authority => $other);
like(run('branch', 'info', 'tls', '--print-url')->{out}, qr/\Q$root\E/, 'the one that was kept counts');
like(run({ %clean }, 'login', '--url', $b->url, '--token', 'a')->{err}, qr/authority of the branches' certificates is another/,
	'login takes the new one, and says so');
unlike(run('branch', 'info', 'tls', '--print-url')->{out}, qr/\Q$root\E/, 'it counts then');
foreach my $wrong ('nonsense', '', "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", $pem x 200)
{
	$b->control(authority => $wrong);
	unlink $file;
	$r = run('branch', 'info', 'tls', '--print-url');
	is_deeply([ $r->{code}, $r->{out} ], [ 1, '' ], 'an authority that is none: no URL');
}
done_testing();
