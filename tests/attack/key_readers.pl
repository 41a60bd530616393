# SPDX-License-Identifier: PostgreSQL
# Who can read the key that DDL messages are signed with: what docs/ddl.md and preflight say is what is so, for every kind of
# role that could be thought of. And another key, once a reader is gone: made while an agent streams, it loses nothing.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use Test::More;

my $t = Ardent::Test->new(name => 'readers', sql => <<'SQL');
CREATE TABLE public.victim (id integer PRIMARY KEY);
CREATE ROLE plain LOGIN;
CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor;
CREATE ROLE database_owner LOGIN; ALTER DATABASE shop OWNER TO database_owner;
CREATE ROLE granted LOGIN; GRANT SELECT ON pg_catalog.pg_user_mapping TO granted;
CREATE ROLE member LOGIN NOINHERIT;
CREATE ROLE reports NOLOGIN; CREATE ROLE maker LOGIN CREATEROLE;
CREATE ROLE by_report LOGIN NOINHERIT; GRANT reports TO by_report;
SQL
my $database = $Ardent::Test::database;
my $major = $t->major;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('GRANT ardent_replication TO member');
$source->('GRANT pg_read_all_data TO reports') if $major >= 14;
my $readers = sub { return $source->(q(SELECT coalesce(array_to_string(objects, ','), '') FROM ardent_preflight_checks('public') WHERE id = 'key_readers')); };
is($readers->(), '', 'without a key nobody is named');
$source->('SELECT ardent_ddl_capture(true)');

# The ways that an attacker has, as that role.
my $options = q(SELECT count(*) FROM pg_user_mappings WHERE srvname = 'ardent_ddl' AND umoptions IS NOT NULL);
my @ways = ($options, 'SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL', "SET ROLE ardent_replication; $options",
	'SET ROLE reports; SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL', "GRANT ardent_replication TO maker; SET ROLE ardent_replication; $options",
	q(SELECT count(*) FROM information_schema.user_mapping_options WHERE option_name = 'current' AND option_value IS NOT NULL),
	q(SELECT count(ardent.ddl_prefix())));
my %reads;
foreach my $role (qw(plain monitor database_owner granted member maker by_report))
{
	foreach my $way (@ways)
	{
		my ($code, $out) = $t->source->psql($database, $way, extra_params => [ '-U', $role ]);
		$reads{$role} = 1 if $code == 0 && $out =~ /^[1-9]\d*$/m;
	}
	# what a way left behind would be counted for the next role
	$source->('REVOKE ardent_replication FROM maker');
}
my %expected = map { $_ => 1 } 'granted', 'member', ($major < 16 ? 'maker' : ()), ($major >= 14 ? 'by_report' : ());
is_deeply([ sort keys %reads ], [ sort keys %expected ], 'who reads the key');
my $named = $readers->();
is_deeply([ sort map { s/ \(.*//r } split /,/, $named ], [ sort keys %expected ], 'is whom preflight names') or diag($named);
like($named, qr/member \(ardent_replication\)/, 'with what lets it');
like($named, qr/by_report \(pg_read_all_data\)/, 'also by way of another role') if $major >= 14;
like($named, qr/maker \(CREATEROLE\)/, 'and by giving it itself') if $major < 16;

# What preflight does not name, it says in which part of which page.
my ($hint) = $source->(q(SELECT hint FROM ardent_preflight_checks('public') WHERE id = 'key_readers')) =~ /"(Who can read the keys)"/;
open(my $page, '<', "$Ardent::Test::top/docs/ddl.md") or die "docs/ddl.md: $!";
my $text = do { local $/ = undef; <$page> };
like($text, qr/\*\*\Q$hint\E\.\*\*/, 'the page says the same');
like($text, qr/^\|[^|]*$_/m, "and names $_") foreach qw(pg_read_all_data CREATEROLE pg_read_server_files REPLICATION);

# Another key, as the page says, while an agent streams and statements are written all the time.
$t->start_all;
my $function = sub { return "CREATE FUNCTION public.own_$_[0]() RETURNS integer LANGUAGE sql AS 'SELECT 1';"; };
$source->($function->('first'));
my $first = $source->('SELECT ardent.ddl_prefix()');
my ($block) = $text =~ /```sql\n(BEGIN;\nSELECT ardent_ddl_capture\(false, forget_keys => true\);.*?COMMIT;)\n```/s;
ok($block, 'the page says how');
$source->($function->("before_$_")) foreach 1 .. 10;
$source->($block . $function->('after'));
$source->($function->("after_$_")) foreach 1 .. 10;
isnt($source->('SELECT ardent.ddl_prefix()'), $first, 'another key has another prefix');
$t->wait_caught_up;
is($t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname LIKE 'own\_%')), 22, 'no statement is lost');
is($t->connector->{ddl}{messages_refused}, 0, 'none is refused');
is_deeply([ grep { /key/ } @{ $t->connector->{warnings} // [] } ], [], 'and nothing is said to be missing') or diag(explain($t->connector->{warnings}));

# The old one is worth nothing at the source, and costs a counter here.
$source->(qq(SELECT pg_logical_emit_message(true, '$first', '{"version":1}')));
$t->wait_caught_up;
$t->wait_for('it is counted', sub { return $t->connector->{ddl}{messages_refused} == 1 });

# A key is of no use to who may not write messages.
my $attack = Ardent::Attack->new($t);
my $forge = sub {
	my ($name) = @_;
	return $attack->as('granted')->emit(tag => 'CREATE FUNCTION', text => $function->($name) =~ s/;$//r,
		objects => [ { type => 'function', schema => 'public', oid => 1, command => 'CREATE FUNCTION', identity => "public.own_$name()" } ]);
};
ok($forge->('forged'), 'a reader of the key writes a message of his own');
$t->wait_caught_up;
is($t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname = 'own_forged')), 1, 'which the replica takes for one of the source');
$t->source->safe_psql($database, $source->('SELECT ardent_grant_script(full => true)'), extra_params => [ '-v', 'ardent_close_messages=1' ]);
ok(!$forge->('forged_again'), 'no longer, once messages are left to the role');
is_deeply([ sort map { s/ \(.*//r } split /,/, $readers->() ], [ ($major < 16 ? 'maker' : ()), 'member' ], 'and preflight names those who can become the role');
$source->($function->('closed'));
$t->wait_caught_up;
is($t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname IN ('own_closed', 'own_forged_again'))), 1, "the source's own statements come all the same");
$t->stop_all;
done_testing();
