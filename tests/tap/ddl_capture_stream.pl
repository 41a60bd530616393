# SPDX-License-Identifier: PostgreSQL
# DDL messages in the stream: wal2json passes them whole and in place, and agent and environment go on over those that do
# not concern replicated tables, rows of the same transactions included. Forged ones stop nothing (invariant 13).
use strict;
use warnings;
use Ardent::Test;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'ddlstream', sql => <<'SQL');
CREATE TABLE public.kept (id integer PRIMARY KEY, v text);
CREATE SCHEMA elsewhere;
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $sql = sub { return $source->safe_psql($database, $_[0]); };
$sql->('SELECT ardent_ddl_capture(true)');
my $prefix = $sql->('SELECT ardent.ddl_prefix()');
$sql->(q(SELECT pg_create_logical_replication_slot('as_wal2json', 'wal2json'), pg_create_logical_replication_slot('as_test', 'test_decoding')));
$t->start_environment;
$t->create_connector;
$t->start_agent;
$t->wait_streaming;

$sql->(q(BEGIN; INSERT INTO public.kept VALUES (1, 'before'); CREATE TABLE elsewhere.t (id integer PRIMARY KEY);
	INSERT INTO public.kept VALUES (2, 'between'); COMMENT ON TABLE elsewhere.t IS 'O''Reilly "quoted" ünïcödé \ back	tab';
	UPDATE public.kept SET v = 'after' WHERE id = 1; COMMIT));
$sql->('CREATE TABLE elsewhere.copied AS SELECT g FROM generate_series(1, 100) AS g');
$sql->('DO $$ BEGIN FOR i IN 1 .. 50 LOOP EXECUTE format($f$CREATE TABLE elsewhere.many%s (i integer)$f$, i); INSERT INTO public.kept VALUES (100 + i, i::text); END LOOP; END $$');
$sql->(q(BEGIN; CREATE TABLE elsewhere.gone (); INSERT INTO public.kept VALUES (999, 'gone'); ROLLBACK));
# as whoever knows the prefix may: no form at all, the form without a key
$sql->("SELECT pg_logical_emit_message(true, '$prefix', 'no JSON'), pg_logical_emit_message(false, '$prefix', '{}')");
my $forged = '{"version":1,"key":"0123456789abcdef","hmac":"' . '0' x 64 . '","body":{"kind":"ddl","tag":"DROP TABLE","text":"DROP TABLE public.kept"}}';
$sql->("BEGIN; INSERT INTO public.kept VALUES (3, 'forged'); SELECT pg_logical_emit_message(true, '$prefix', '$forged'); COMMIT");
$t->wait_caught_up;
is($t->replica_psql(q(SELECT string_agg(id || ':' || v, ',' ORDER BY id) FROM public.kept WHERE id < 100)), '1:after,2:between,3:forged', 'rows around the messages are in the replica');
is($t->replica_psql('SELECT count(*) FROM public.kept WHERE id > 100'), '50', 'and those of a transaction of 50 statements');
like($t->status, qr/^(streaming|degraded)$/, 'the connector goes on');
is($t->replica_psql(q(SELECT to_regclass('public.kept') IS NOT NULL)), 't', 'nothing forged was run');

# wal2json: the content is what test_decoding shows, byte for byte, between the same rows
my @seen = map { decode_json($_) } split /\n/, $sql->(q(SELECT data FROM pg_logical_slot_get_changes('as_wal2json', NULL, NULL, 'format-version', '2', 'include-xids', '1', 'add-tables', 'public.*')));
my $encoded = $sql->(qq(SELECT translate(encode(convert_to(substr(data, strpos(data, 'content:') + 8), 'UTF8'), 'hex'), E'\\n', '')
	FROM pg_logical_slot_get_changes('as_test', NULL, NULL) WHERE data LIKE 'message: transactional: 1 prefix: $prefix,%'));
my @raw = map { pack 'H*', $_ } split /\n/, $encoded;
my @messages = grep { $_->{action} eq 'M' && $_->{prefix} eq $prefix && $_->{transactional} } @seen;
cmp_ok(scalar @messages, '>=', 53, 'wal2json has the messages, though add-tables names public alone');
is(scalar @messages, scalar @raw, 'as many as test_decoding');
is_deeply([ map { my $content = $_->{content}; utf8::encode($content); $content } @messages ], \@raw, 'content intact');
my @first = grep { $_->{action} =~ /^[IUM]$/ } @seen;
is(join('', map { $_->{action} } @first[ 0 .. 4 ]), 'IMIMU', 'in their places between the rows');
my $body = decode_json($raw[0])->{body};
is($body->{xid} % 2**32, $messages[0]{xid}, 'the transaction id of the body is that of the stream') if defined $messages[0]{xid};
$sql->(q(SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'as\_%'));

# the key is the agent's to read, by the statement of docs/ddl.md, and nobody else's
open(my $page, '<', "$Ardent::Test::top/docs/ddl.md") or die "docs/ddl.md: $!";
my $text = do { local $/ = undef; <$page> };
my ($statement) = $text =~ /reads them with\n\n```sql\n(.*?);\s*```/s;
ok($statement, 'the page has the statement');
$sql->('CREATE ROLE ordinary');
is($sql->("SET SESSION AUTHORIZATION $_->[0]; SELECT count(*) FROM ($statement) AS k"), $_->[1], "$_->[0] reads $_->[1] options")
  foreach [ 'ardent_replication', 3 ], [ 'ordinary', 0 ];

$sql->('SELECT ardent_ddl_capture(false); CREATE TABLE elsewhere.quiet ()');
$sql->(q(INSERT INTO public.kept VALUES (4, 'off')));
$t->wait_with_agent('capture off: the connector stops', sub { return $t->status eq 'failed' });
$t->cli('connector', 'retry-setup', $Ardent::Test::database, '--skip-ddl', $t->connector->{failure}{lsn});
$t->wait_streaming;
$t->wait_caught_up;
is($t->replica_psql('SELECT v FROM public.kept WHERE id = 4'), 'off', 'and goes on without when the operator says so');
$t->stop_all;
done_testing();
