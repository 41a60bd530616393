# SPDX-License-Identifier: PostgreSQL
# Who can read the key writes messages with a true code. It says that they are from this source, and gives no authority: no
# part of a message becomes SQL of the superuser or of the role that applies, whatever stands in it.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'identity_of_a_message', sql => <<'SQL');
CREATE ROLE app LOGIN;
CREATE TABLE public.t (id integer PRIMARY KEY, v text);
ALTER TABLE public.t OWNER TO app;
CREATE TABLE public.part (id integer PRIMARY KEY REFERENCES public.t);
ALTER TABLE public.part OWNER TO app;
SQL
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
$t->start_all;
my $attack = Ardent::Attack->new($t);
$attack->arrives;
my $held = sub {
	my ($what) = @_;
	is($attack->superusers, 'ardent_admin', "$what: nobody became a superuser");
	is($t->replica_psql(q(SELECT count(*) FROM pg_class WHERE relname = 'injected')), 0, 'and nothing was slipped in');
	is($t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname = 'definer' AND proowner IN (SELECT oid FROM pg_roles WHERE rolname IN ('ardent_apply', 'ardent_admin', 'ardent_reader')))),
		0, 'and no function has rights of ours');
	return is($t->status, 'streaming', 'it streams');
};
my $triggers = sub { return $t->replica_psql(q(SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger WHERE tgrelid = 'public.part'::regclass)) };

# ALTER TABLE … TRIGGER ALL is the superuser's for the triggers of foreign keys
$source->('ALTER TABLE public.part DISABLE TRIGGER ALL');
$t->wait_replayed;
is($triggers->(), 'D', 'the statement itself is replayed');
$source->('ALTER TABLE public.part ENABLE TRIGGER ALL');
$t->wait_replayed;
is($triggers->(), 'O', 'both ways');
my $disable = sub {
	my ($what, $identity, $text) = @_;
	$attack->emit(tag => 'ALTER TABLE', text => $text // 'ALTER TABLE public.t DISABLE TRIGGER ALL',
		objects => [ { type => 'table', schema => 'public', oid => 1, command => 'ALTER TABLE', identity => $identity } ]);
	$attack->settle;
	return $held->($what);
};
$disable->('a second statement', 'public.t DISABLE TRIGGER ALL; ALTER ROLE app SUPERUSER; --');
$disable->('another clause', 'public.t OWNER TO ardent_admin --');
is($t->replica_psql(q(SELECT relowner::regrole FROM pg_class WHERE oid = 'public.t'::regclass)), 'app', 'the owner is who it was');
$disable->('a table of the replica\'s own', 'ardent.progress');
$disable->('a catalog', 'pg_catalog.pg_class');

# the name of a server
$attack->emit(tag => 'CREATE SERVER', text => 'CREATE SERVER s FOREIGN DATA WRAPPER w',
	objects => [ { type => 'server', schema => undef, oid => 1, command => 'CREATE SERVER',
		identity => 's FOREIGN DATA WRAPPER ardent_inert; CREATE TABLE public.injected (); --' } ]);
$attack->settle;
$held->('a name of a server');

# a text that is not what its tag says, where a statement of that kind is run by the role that applies
my $definer = 'CREATE FUNCTION public.definer() RETURNS integer SECURITY DEFINER LANGUAGE sql AS $$ SELECT 1 $$';
my $schema = { type => 'schema', schema => undef, oid => 1, identity => 'public' };
foreach my $tag ('COMMENT', 'ALTER SCHEMA', 'DROP SCHEMA', 'GRANT', 'DROP SERVER')
{
	$attack->emit(tag => $tag, text => $definer, objects => [ { %$schema, command => $tag } ]);
	$attack->settle;
	$held->("a text under the tag $tag");
}

# roles of ours
foreach my $role ('ardent_apply', 'ardent_admin', 'pg_execute_server_program')
{
	$attack->emit(tag => 'CREATE FUNCTION', text => $definer =~ s/FUNCTION/OR REPLACE FUNCTION/r, role => $role,
		objects => [ { type => 'function', schema => 'public', oid => 1, command => 'CREATE FUNCTION', identity => 'public.definer()' } ]);
	$attack->settle;
	$held->("a statement of role $role");
	is($t->replica_psql(q(SELECT count(*) FROM pg_proc WHERE proname = 'definer' AND proowner::regrole::text ~ '^pg_')), 0, 'and no predefined role owns it');
}
my $again = $source->('ALTER TABLE public.t ADD COLUMN after_all integer; SELECT 1');
$t->wait_replayed;
is($t->replica_psql(q(SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname = 'after_all')), 1, 'what is the source\'s own goes on');
is($t->connector->{ddl}{messages_refused}, 0, 'each forged message was taken for one of the source');
$t->stop_all;
done_testing();
