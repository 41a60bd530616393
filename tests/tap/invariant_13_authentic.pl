# SPDX-License-Identifier: PostgreSQL
# Invariant 13: a DDL message that is not the source's own is never executed. Whoever knows the prefix, which is a secret
# (tests/attack/messages.pl), writes messages with it: forged, cut short, repeated from another transaction, not
# transactional. They are counted and shown, change nothing and stop nothing, and end no session; what is the source's own
# goes on between them.
use strict;
use warnings;
use Ardent::Test;
use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'authentic', sql => <<'SQL');
CREATE TABLE victim (id integer PRIMARY KEY, v text);
INSERT INTO victim SELECT g, 'v' FROM generate_series(1, 100) AS g;
CREATE ROLE stranger LOGIN;
GRANT SELECT ON victim TO stranger;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
my $prefix = $source->('SELECT ardent.ddl_prefix()');
$source->(q(SELECT pg_create_logical_replication_slot('spy', 'test_decoding')));
$t->start_all;

my $columns = q(SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute)
  . q( WHERE attrelid = 'victim'::regclass AND attnum > 0 AND NOT attisdropped);
my $ddl = sub { return $t->connector->{ddl}; };
my $expected = 0;
my $hellos = () = $t->environment->log_text =~ /msg=hello/g;
my $emit = sub {
	my ($what, $message, $transactional) = @_;
	my ($out, $err) = ('', '');
	my $sql = sprintf 'SELECT pg_logical_emit_message(%s, $p$%s$p$, $message$%s$message$)', $transactional // 'true', $prefix, $message;
	IPC::Run::run([ 'psql', '-X', '-q', '-d', $t->source->connstr($database) . ' user=stranger', '-c', $sql ],
		'>', \$out, '2>', \$err) or die $err;
	$t->wait_caught_up;
	$expected++;
	$t->wait_for("$what is counted", sub { return $ddl->()->{messages_refused} >= $expected });
	is($ddl->()->{messages_refused}, $expected, "invariant 13: $what is refused and counted");
	is($t->replica_psql($columns), $source->($columns), 'and changes nothing');
	return is($t->status, 'streaming', 'and stops nothing');
};

# A message of the source's own, as another consumer sees it.
my $applied = $ddl->()->{statements_applied};
$source->('ALTER TABLE victim ADD COLUMN own integer');
$t->wait_caught_up;
is($ddl->()->{statements_applied}, $applied + 1, "the source's own statement is replayed");
my ($own) = $source->(q(SELECT data FROM pg_logical_slot_get_changes('spy', NULL, NULL) WHERE data LIKE '%ardent.ddl%'))
  =~ /content:(\{"version".*\})/s;
my ($key) = $own =~ /"key":"([0-9a-f]{16})"/;
ok($key, 'it is signed');

$emit->('plain text', 'DROP TABLE victim');
like($ddl->()->{last_refused}, qr{^[0-9A-F]+/[0-9A-F]+: it has not the form of a DDL message}, 'the last one is shown with its LSN');
$emit->('the same message in another transaction', $own);
like($ddl->()->{last_refused}, qr/it belongs to transaction \d+ and stands in transaction \d+/, 'which is said');
$emit->('a message that was cut short', substr($own, 0, length($own) - 40));
$emit->('another text under the same code', $own =~ s/ADD COLUMN own/DROP COLUMN v --/r);
like($ddl->()->{last_refused}, qr/its code is wrong/, 'which is said');
my $xid = $source->(q(SELECT pg_current_xact_id()));
my $body = sub {
	my (%more) = @_;
	return JSON::PP->new->canonical->encode({ kind => 'ddl', database => $database, tag => 'DROP TABLE', text => 'DROP TABLE victim',
		database_oid => int($source->(qq(SELECT oid FROM pg_database WHERE datname = '$database'))), xid => "$more{xid}", ordinal => 1,
		role => 'postgres', search_path => 'public', settings => {}, dropped => [ { type => 'table', schema => 'public',
			identity => 'public.victim', oid => 1, original => JSON::PP::true } ] });
};
my $signed = sub {
	my ($id, $secret, $text) = @_;
	return qq({"version":1,"key":"$id","hmac":") . hmac_sha256_hex("ardent.ddl\n1\n$id\n$text", $secret) . qq(","body":$text});
};
$emit->("a code under a stranger's own key", $signed->($key, 'x' x 32, $body->(xid => $xid + 5)));
$emit->('a key that the source does not have', $signed->('00000000000000aa', 'x' x 32, $body->(xid => $xid + 5)));
is(scalar(() = $t->environment->log_text =~ /msg=hello/g), $hellos, 'for which no session ends');
$emit->('a message that is not transactional', $own, 'false');
$emit->('another version', $own =~ s/"version":1/"version":2/r);

# The right code for the right transaction, written by whoever knows the key: nobody but the role that replicates does.
my ($found) = $source->(q(SET ROLE stranger; SELECT count(*) FROM pg_user_mappings WHERE srvname = 'ardent_ddl' AND umoptions IS NOT NULL));
is($found, 0, 'invariant 13: the key is not for a stranger to read');
my $hex = $source->(qq(SELECT option_value FROM pg_user_mapping, pg_options_to_table(umoptions) WHERE option_name = 'key_$key'));
my $secret = pack('H*', $hex);
my $mapped = sub {
	my ($ordinal) = @_;
	my $sql = 'BEGIN; SELECT pg_current_xact_id();';
	my ($in, $out) = ($sql . "\n", '');
	my $psql = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-d', $t->source->connstr($database) ], '<', \$in, '>', \$out);
	$t->wait_for('a transaction has begun', sub { $psql->pump_nb; return $out =~ /^\d+\n/ });
	my ($own_xid) = $out =~ /^(\d+)/;
	my $text = $body->(xid => $own_xid) =~ s/DROP TABLE victim/ALTER TABLE victim ADD COLUMN with_the_key integer/r
	  =~ s/"dropped":\[.*?\]/"objects":[{"command":"ALTER TABLE","identity":"public.victim","oid":1,"schema":"public","type":"table"}]/r
	  =~ s/"tag":"DROP TABLE"/"tag":"ALTER TABLE"/r;
	my $message = $signed->($key, $secret, $text);
	$in = join '', map { "SELECT pg_logical_emit_message(true, '$prefix', \$m\$$message\$m\$);\n" } 1 .. $ordinal;
	$in .= "COMMIT;\n\\q\n";
	return $psql->finish;
};
$mapped->(2);
$t->wait_caught_up;
like($t->replica_psql($columns), qr/with_the_key/, 'a message is known by its code alone');
$expected++;
is($ddl->()->{messages_refused}, $expected, 'invariant 13: twice in one transaction it is refused the second time');

my $metrics = $t->http('GET', '/metrics')->{content};
like($metrics, qr/^ardent_ddl_refused_total\{[^}]*\} $expected$/m, 'the metric counts them');
foreach my $text ($t->agent->log_text, $t->environment->log_text, JSON::PP->new->encode($t->connector), $metrics)
{
	unlike($text, qr/$hex/, 'the key is printed nowhere');
}
$t->stop_all;
done_testing();
