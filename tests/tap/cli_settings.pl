# SPDX-License-Identifier: PostgreSQL
# `ardent settings …` against an API that answers as a test wants it: the product's outputs to the letter, what goes to the
# environment, and what is refused before any request.
use strict;
use warnings;
use utf8;
use Ardent::Branches;
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
use Test::More;

binmode(Test::More->builder->$_, ':utf8') foreach qw(output failure_output);
my $b = Ardent::Branches->new;

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

# The body of the last PUT.
sub put { my ($last) = grep { $_->{method} eq 'PUT' } reverse @{ $b->control->{requests} }; return $last->{body} }

is_run('list of nothing', run('settings', 'list'), 0, <<'END');
Connector: shop
  default_db   (not set)   Database named in branch URLs
  branch_sql   (not set)   SQL to run on every new branch after creation
  branch_role  (not set)   Role that sessions of a branch become
END
is_run('default_db', run('settings', 'set', 'default_db', 'myapp'), 0, "✓ Set default_db → myapp\n");
is_deeply(put(), { value => 'myapp' }, 'goes to the environment, and nothing else');
is_run('branch_role', run('settings', 'set', 'branch_role', 'app owner'), 0, "✓ Set branch_role → app owner\n");
is_run('branch_sql', run('settings', 'set', 'branch_sql', "UPDATE users\n  SET email = 'x' || id"), 0,
	"✓ Set branch_sql → UPDATE users SET email = '…' || id\n");
is_deeply(put(), { value => "UPDATE users\n  SET email = 'x' || id" }, 'the text goes letter for letter');
is_run('list', run('settings', 'list'), 0, <<'END');
Connector: shop
  default_db   myapp
  branch_sql   UPDATE users SET email = '…' || id
  branch_role  app owner
END
is_run('remove', run('settings', 'remove', 'branch_sql'), 0, "✓ Removed branch_sql\n");
is_run('remove again', run('settings', 'remove', 'branch_sql'), 1, '', qr/^✗ branch_sql is not set$/m);
is_run('remove default_db', run('settings', 'remove', 'default_db'), 0, "✓ Removed default_db\n");
like(run('settings', 'list')->{out}, qr/^  default_db   \(not set\)   Database/m, 'it is not set any more');

# several scripts
my $file = $b->write('mask.sql', encode_utf8("\x{feff}SELECT 'gr\x{fc}n';\n"));
is_run('a script of a file', run('settings', 'set', 'branch_sql', "\@$file", '--hook', 'mask', '--order', '10', '--database', 'shop', '--run-as', 'app'),
	0, "✓ Set branch_sql → \@$file (hook mask)\n");
is_deeply(put(), { value => "SELECT 'gr\x{fc}n';\n", hook => 'mask', order => 10, database => 'shop', run_as => 'app' },
	'its text goes to the environment, without the mark before it, and the options');
run('settings', 'set', 'branch_sql', 'SELECT 1', '--hook', 'a', '--order', '-1');
like(run('settings', 'list')->{out}, qr/^  branch_sql   SELECT 1   \[hook a, order -1\]\n  branch_sql   SELECT '…';   \[hook mask, order 10, database shop, run as app\]$/m,
	'the list has them in their order');
run('settings', 'set', 'branch_sql', 'SELECT 2', '--hook', 'mask', '--no-database', '--no-run-as');
is_deeply(put(), { value => 'SELECT 2', hook => 'mask', database => undef, run_as => undef }, 'what is cleared is null, what is not named is not there');
like(run('settings', 'list')->{out}, qr/SELECT 2   \[hook mask, order 10\]$/m, 'and stays as it was');
is_run('remove without a name', run('settings', 'remove', 'branch_sql'), 1, '', qr/several hooks, name one: a, mask/);
is_run('remove one', run('settings', 'remove', 'branch_sql', '--hook', 'mask'), 0, "✓ Removed branch_sql (hook mask)\n");
unlike(run('settings', 'list')->{out}, qr/mask/, 'which is gone');

# A path is the one that was typed, from where the command runs (a peer looked for supabase/supabase/seed.sql, said WARN, and went on).
is_run('a relative path', run({ shell => 'cd ' . $b->dir . ' && exec "$@"' }, 'settings', 'set', 'branch_sql', '@mask.sql'), 0, "✓ Set branch_sql → \@mask.sql\n");
is_run('a long script', run('settings', 'set', 'branch_sql', '@' . $b->write('long.sql', "-- why\nSELECT 1;\n" x 30_000)), 0, qr/^✓ Set branch_sql → \@/);
is(length put()->{value}, 30_000 * 17, 'goes whole');

# refused before any request
my $latin = $b->write('latin.sql', "SELECT 'gr\xfcn'");
my $huge = $b->write('huge.sql', 'x' x 1_048_577);
$b->control(reset => JSON::PP::true);
my @refused = (
	[ [qw(set other x)], qr/there is no setting 'other'.*default_db, branch_sql, branch_role/s ],
	[ [qw(remove other)], qr/there is no setting 'other'/ ],
	[ [ 'set', 'branch_sql', '@' . $b->dir . '/missing.sql' ], qr/missing\.sql cannot be read: No such file/ ],
	[ [ 'set', 'branch_sql', '@' ], qr/cannot be read/ ],
	[ [ 'set', 'branch_sql', '@' . $b->dir ], qr/cannot be read: Is a directory/ ],
	[ [ 'set', 'branch_sql', "\@$latin" ], qr/latin\.sql is no UTF-8 text/ ],
	[ [ 'set', 'branch_sql', "\@$huge" ], qr/huge\.sql is longer than 1\.0 MB|huge\.sql is longer than 1 MB/ ],
	[ [ 'set', 'branch_sql', '@/dev/zero' ], qr{/dev/zero is longer than} ],
	[ [ 'set', 'branch_sql', ' ' ], qr/empty/ ],
	[ [ 'set', 'default_db', '' ], qr/empty/ ],
	[ [qw(set default_db x --hook a)], qr/for branch_sql, not for default_db/ ],
	[ [qw(set branch_role x --run-as a)], qr/for branch_sql, not for branch_role/ ],
	[ [qw(remove default_db --hook a)], qr/for branch_sql/ ],
	[ [qw(set branch_sql x --order soon)], qr/--order/ ],
	[ [qw(set branch_sql x --order 99999999999)], qr/--order/ ],
	[ [qw(set branch_sql x --database a --no-database)], qr/excludes/ ],
	[ [qw(set branch_sql x --run-as a --no-run-as)], qr/excludes/ ],
	[ [qw(set branch_sql)], qr/value is required/ ],
	[ [qw(set branch_sql x y)], qr/\S/ ],
	[ [qw(set branch_sql x --once)], qr/\S/ ],
	[ [qw(remove)], qr/key is required/ ],
	[ [qw(list x)], qr/\S/ ],
	[ [qw(show)], qr/\S/ ],
	[ [], qr/\S/ ]);
is_run("settings @{ $_->[0] }", run('settings', @{ $_->[0] }), 2, '', $_->[1]) foreach @refused;
is_deeply([ $b->seen ], [], 'no request was made for any of these');

# which connector
$b->control(connectors => [ { id => 'conn_shop', name => 'shop', status => 'streaming' }, { id => 'conn_crm', name => 'crm', status => 'streaming' } ]);
is_run('none of two is selected', run('settings', 'list'), 1, '', qr/none is selected/);
is_run('--connector', run('settings', 'set', 'default_db', 'crm', '--connector', 'crm'), 0, "✓ Set default_db → crm\n");
like(run('settings', 'list', '--connector', 'conn_crm')->{out}, qr/\AConnector: crm\n  default_db   crm\n/, 'by its id as well');
run('connector', 'switch', 'crm');
like(run('settings', 'list')->{out}, qr/\AConnector: crm\n/, 'the selected one');
is_run('one that is not there', run('settings', 'list', '--connector', 'x'), 1, '', qr/there is no connector x/);

# what the environment says
$b->control(faults => { settings => { status => 422, body => { detail => "branch_role: the replica has no role x\e[2J", code => 'invalid_setting' } } });
my $refusal = run('settings', 'set', 'branch_role', 'x');
is_run('a refusal', $refusal, 1, '', qr/^✗ branch_role: the replica has no role x/);
unlike($refusal->{err}, qr/\e/, 'cannot drive a terminal');
$b->control(faults => { settings => { raw => '{"settings": [{"key": "default_db"}, 7, {"key": "branch_sql", "hooks": [3]}]}' } });
is(run('settings', 'list')->{code}, 0, 'what is of another type is not shown');
$b->control(faults => { settings => { raw => '[]' } });
is_run('an answer that is none', run('settings', 'list'), 1, '', qr/no list of settings/);
done_testing();
