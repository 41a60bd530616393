# SPDX-License-Identifier: PostgreSQL
# What a role that may do nothing but connect can do to the stream with pg_logical_emit_message, which is PUBLIC's: with
# capture off and on, with the prefixes that stand in the documentation and with the true one. It costs a counter: no
# session, no hello, no failure. And what the prefix may not cost: a statement of the source's own.
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'messages', sql => 'CREATE TABLE public.victim (id integer PRIMARY KEY); CREATE ROLE stranger LOGIN;');
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
my $stranger = sub { return $t->source->safe_psql($database, $_[0], extra_params => [ '-U', 'stranger' ]); };
my $hellos = sub { return scalar(() = $t->environment->log_text =~ /msg=hello/g) };
my $ddl = sub { return $t->connector->{ddl}; };

# As a statement: the stranger's, under the prefix.
my $large = sub { return "SELECT FROM pg_logical_emit_message(true, '$_[0]', repeat(chr(1), 200 * 1024 * 1024))"; };
my $undecodable = sub { return "SELECT FROM pg_logical_emit_message($_[1], '$_[0]', '\\x7bc3'::bytea)"; };
my $forged = sub {
	my ($prefix, $many) = @_;
	my $message = q({"version":1,"key":"00000000000000' || lpad(to_hex(g), 2, '0') || '","hmac":"' || repeat('0', 64) || '","body":{"kind":"ddl"}});
	return "SELECT count(pg_logical_emit_message(true, '$prefix', '$message')) FROM generate_series(1, $many) AS g";
};
my $holds = sub {
	my ($what, @sql) = @_;
	my $before = $hellos->();
	$stranger->($_) foreach @sql;
	$t->wait_caught_up;
	like($t->status, qr/^(streaming|degraded)$/, "$what: the connector goes on") or diag(explain($t->connector->{failure}));
	return is($hellos->() - $before, 0, "$what: in the same session");
};

$t->start_all;
my @public = ('ardent.ddl', 'ardent.heartbeat', 'ardent.ddl.' . '0' x 32);
my $attacks = sub {
	my ($when) = @_;
	$holds->("$when: bytes that are no text", map { ($undecodable->($_, 'true'), $undecodable->($_, 'false')) } @public);
	$holds->("$when: unknown keys", map { $forged->($_, 200) } @public);
	$holds->("$when: 200 MB that JSON makes 1.2 GB of", map { $large->($_) } @public);
};
$attacks->('capture off');
is($ddl->()->{messages_refused}, 0, 'none of it reached the environment');

# The key is made while the agent streams: no statement is lost, of that transaction or of those after it. It stays open
# until the agent, whose stream was ended, has begun another one and has seen that it has to wait.
my $objects = sub { return $t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname LIKE 'own\_%')); };
my $function = sub { return "CREATE FUNCTION public.own_$_[0]() RETURNS integer LANGUAGE sql AS 'SELECT 1';"; };
my ($in, $said) = ('BEGIN; SELECT ardent_ddl_capture(true); ' . $function->('same') . "\n", '');
my $switch = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $t->source->connstr($database) ], '<', \$in, '>', \$said);
$t->wait_for('a stream that begins meanwhile waits', sub {
	$switch->pump_nb;
	return $t->agent->log_text =~ /DDL capture is being switched on at the source/;
});
$in .= $function->('late') . "\nCOMMIT;\n\\q\n";
ok($switch->finish, 'capture is switched on in a transaction that stays open');
$source->($function->("next_$_")) foreach 1 .. 5;
$t->wait_caught_up;
is($objects->(), 7, 'capture switched on while it streams: all statements came');
is($ddl->()->{messages_refused}, 0, 'and nothing else');
my $sessions = $hellos->();

$attacks->('capture on');
is($ddl->()->{messages_refused}, 0, 'none of it reached the environment');

# The same by who knows the prefix: what can be decoded at the source costs a counter.
my $true = $source->('SELECT ardent.ddl_prefix()');
like($true, qr/^ardent\.ddl\.[0-9a-f]{32}$/, 'the prefix holds 128 bits');
isnt($t->source->psql($database, 'SELECT ardent.ddl_prefix()', extra_params => [ '-U', 'stranger' ]), 0, 'which a stranger is not told');
$holds->('the true prefix: bytes that are no text', $undecodable->($true, 'true'), $undecodable->($true, 'false'));
$t->wait_for('both are counted', sub { return $ddl->()->{messages_refused} == 2 });
$holds->('the true prefix: unknown keys', $forged->($true, 200));
$t->wait_for('they are counted', sub { return $ddl->()->{messages_refused} == 202 });
like($ddl->()->{last_refused}, qr/its key [0-9a-f]{16} is not the one of its prefix/, 'and the last one is shown');
$source->($function->('after'));
$t->wait_caught_up;
is($objects->(), 8, "the source's own statements come all the same");
is($hellos->(), $sessions, 'all of this in one session');

# Neither program shows it.
foreach my $text ($t->agent->log_text, $t->environment->log_text, JSON::PP->new->encode($t->connector))
{
	unlike($text, qr/\Q$true\E/, 'the prefix is printed nowhere');
}

# Whoever wants it closed.
my $check = sub { return $source->(q(SELECT status || ' ' || actual FROM ardent_preflight_checks('public') WHERE id = 'message_writers')); };
is($check->(), 'info everybody', 'preflight says who may write messages');
$t->source->safe_psql($database, $source->('SELECT ardent_grant_script(full => true)'), extra_params => [ '-v', 'ardent_close_messages=1' ]);
isnt($t->source->psql($database, $forged->('ardent.ddl', 1), extra_params => [ '-U', 'stranger' ]), 0, 'the opt-in part of the grant script takes it away');
like($check->(), qr/^pass /, 'which preflight sees');
is($t->source->psql($database, q(SELECT pg_logical_emit_message(true, 'ardent.heartbeat', '')), extra_params => [ '-U', 'ardent_replication' ]), 0,
	"the agent's role keeps it");
$source->($function->('closed'));
$t->wait_caught_up;
is($objects->(), 9, 'and the extension writes its own');
$t->stop_all;
done_testing();
