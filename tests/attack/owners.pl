# SPDX-License-Identifier: PostgreSQL
# A SECURITY DEFINER function has the rights of its owner. Whoever writes the list of owners of a copy, or DDL, names as owner
# a role of the replica's own or a predefined one that reaches the host: it stays inert, and that is said.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use HTTP::Tiny;
use JSON::PP;
use Test::More;

my $definer = sub { my ($name, $schema) = @_; return "CREATE FUNCTION $schema.$name() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"; };
my $t = Ardent::Test->new(name => 'owners', sql => join ';', 'CREATE ROLE app LOGIN', 'GRANT CREATE ON SCHEMA public TO app', 'CREATE SCHEMA attack',
	$definer->('copied', 'public'), 'ALTER FUNCTION public.copied() OWNER TO pg_execute_server_program',
	'CREATE TABLE public.theirs (id integer PRIMARY KEY)', 'ALTER TABLE public.theirs OWNER TO pg_write_server_files',
	'CREATE VIEW public.looks AS SELECT 1 AS one', 'ALTER VIEW public.looks OWNER TO pg_monitor',
	$definer->('forged', 'attack'), $definer->('applies', 'attack'));
my $database = $Ardent::Test::database;
my $source = sub { return $t->source->safe_psql($database, $_[0]); };
$source->('SELECT ardent_ddl_capture(true)');
my $owner = sub { return $t->replica_psql(qq(SELECT proowner::regrole FROM pg_proc WHERE proname = '$_[0]')); };
my $inert = sub {
	my ($name, $wanted) = @_;
	is($owner->($name), 'ardent_nobody', "$wanted as the owner of a SECURITY DEFINER function: who has no rights owns it");
	my $warnings = join "\n", @{ $t->connector->{warnings} };
	return like($warnings, qr/owner.*\b\Q$wanted\E\b/, 'and a warning says so');
};

# The agent's own list: predefined roles are owners at the source.
$t->start_all;
my $attack = Ardent::Attack->new($t);
$attack->arrives;
$inert->('copied', 'pg_execute_server_program');
is($t->replica_psql(q(SELECT string_agg(relname || ' ' || relowner::regrole, ', ' ORDER BY relname) FROM pg_class WHERE relname IN ('theirs', 'looks'))),
	'looks ardent_nobody, theirs ardent_nobody', 'and so a table and a view');
$source->('INSERT INTO public.theirs VALUES (1)');
$t->wait_caught_up;
is($t->replica_psql('SELECT count(*) FROM public.theirs'), 1, 'rows come all the same');

# DDL
$source->($definer->('altered', 'public') . '; ALTER FUNCTION public.altered() OWNER TO pg_execute_server_program');
ok($attack->settle, 'ALTER FUNCTION … OWNER TO a predefined role does not stop replication');
$inert->('altered', 'pg_execute_server_program');
$source->('SET SESSION AUTHORIZATION app; ' . $definer->('reassigned', 'public') . '; RESET SESSION AUTHORIZATION; REASSIGN OWNED BY app TO pg_read_server_files');
ok($attack->settle, 'REASSIGN OWNED to a predefined role does not stop replication');
$inert->('reassigned', 'pg_read_server_files');
$source->('CREATE SCHEMA files AUTHORIZATION pg_write_server_files');
$attack->settle;
is($t->replica_psql(q(SELECT count(*) FROM pg_namespace WHERE nspowner::regrole::text ~ '^pg_' AND nspname = 'files')), 0, 'CREATE SCHEMA … AUTHORIZATION');
foreach my $name ('ardent_apply', 'ardent_admin', 'ardent_reader')
{
	$source->($definer->("of_$name", 'public'));
	$attack->emit(tag => 'ALTER FUNCTION', text => "ALTER FUNCTION public.of_$name() OWNER TO $name",
		objects => [ { type => 'function', schema => 'public', oid => 1, command => 'ALTER FUNCTION', identity => "public.of_$name()" } ]);
	$attack->settle;
	unlike($owner->("of_$name"), qr/^(?:$name|pg_)/, "a message makes $name no owner");
}

# memberships
$source->('GRANT pg_execute_server_program TO app');
foreach my $text ('GRANT pg_execute_server_program TO app', 'GRANT ardent_apply TO app', 'GRANT ardent_admin TO app', 'GRANT ardent_reader TO app WITH ADMIN OPTION')
{
	$attack->emit(tag => 'GRANT', text => $text);
	$attack->settle;
	$attack->emit(tag => 'GRANT', text => $text, role => 'app', objects => [ { type => 'schema', schema => undef, oid => 1, command => 'GRANT', identity => 'public' } ]);
	$attack->settle;
	$attack->emit(tag => 'GRANT ROLE', text => $text, objects => [ { type => 'schema', schema => undef, oid => 1, command => 'GRANT', identity => 'public' } ]);
	$attack->settle;
}
is($attack->memberships, '', 'no role of the source is a member of a predefined role, or of one of ours');
is($attack->superusers, 'ardent_admin', 'and none is a superuser');

# A list that no agent writes: whoever has its token.
$t->agent->stop;
my $dump = qx(pg_dump -Fc --schema-only --schema=attack -d "@{[ $t->source->connstr($database) ]}");
$t->{schemas} = ['attack'];
$t->create_connector(name => 'forged');
my $token = do { open(my $in, '<', $t->{token_file}) or die $!; local $/ = undef; <$in> =~ s/\s+//gr };
my $call = sub {
	my ($method, $path, $body, $type) = @_;
	my $answer = HTTP::Tiny->new(timeout => 60)->request($method, $t->url . "/v1/connectors/$t->{connector}/agent/$path",
		{ headers => { Authorization => "Bearer $token", 'Content-Type' => $type // 'application/json' },
		  defined $body ? (content => ref $body ? encode_json($body) : $body) : () });
	die "$method $path: $answer->{status} $answer->{content}" if $answer->{status} >= 300;
	return $answer->{content} =~ /^\{/ ? decode_json($answer->{content}) : {};
};
my $hello = $call->('POST', 'hello', { protocol => 1, agent_version => '0.1.0', schemas => ['attack'], excluded => [],
	preflight => { preflight_pass => JSON::PP::true, checks => {} },
	slot => { name => 's', plugin => 'wal2json', plugin_options => {}, exists => JSON::PP::true, confirmed_flush_lsn => undef, wal_status => undef },
	source => { system_identifier => '7388214559125110000', timeline => 1, server_version_num => $source->('SHOW server_version_num') + 0, database => $database,
		server_encoding => 'UTF8', locale_provider => 'c', lc_collate => 'C.UTF-8', lc_ctype => 'C.UTF-8', icu_locale => undef, icu_rules => undef,
		extension_version => undef } });
my $of = sub { return { type => 'function', names => [ 'attack', $_[0] ], args => [], owner => $_[1] }; };
my $copy = $call->('POST', 'copy', { session => $hello->{session}, slot => 's', consistent_point => '0/2000000', server_encoding => 'UTF8', extensions => [],
	roles => ['app'], schemas => ['attack'], tables => [],
	owners => [ $of->('forged', 'ardent_admin'), $of->('applies', 'ardent_apply'), { type => 'schema', names => ['ardent'], args => [], owner => 'app' },
		{ type => 'table', names => [ 'ardent', 'writer' ], args => [], owner => 'app' },
		{ type => 'function', names => [ 'pg_catalog', 'lo_export' ], args => [ 'oid', 'text' ], owner => 'app' } ],
	not_carried => { sequences => [], unlogged => [], foreign_tables => [], materialized_views => [], extension_tables => [], large_objects => 0, not_exact => [] } });
my $phase = sub {
	my ($wanted) = @_;
	my $now;
	$t->wait_for("the copy's phase is $wanted", sub { $now = $call->('GET', "copy/$copy->{copy_id}?wait=1&phase=x"); return $now->{phase} =~ /^(?:$wanted|failed)$/ });
	is($now->{phase}, $wanted, "the copy comes to $wanted") or diag(JSON::PP->new->encode($now));
	return;
};
$phase->('schema');
$call->('PUT', "copy/$copy->{copy_id}/schema", $dump, 'application/octet-stream');
$phase->('data');
$call->('POST', "copy/$copy->{copy_id}/finish", { session => $hello->{session}, rows => [] });
$phase->('done');
$inert->('forged', 'ardent_admin');
$inert->('applies', 'ardent_apply');
is($t->replica_psql(q(SELECT proowner::regrole FROM pg_proc WHERE proname = 'lo_export')), 'ardent_admin', 'a function of the server that writes files keeps its owner');
is($t->replica_psql(q(SELECT nspowner::regrole, relowner::regrole FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid WHERE relname = 'writer')),
	'ardent_admin|ardent_admin', 'and so what the replica has for itself');
is($t->connector->{ddl}{messages_refused}, 0, 'each forged message was taken for one of the source');
$t->stop_all;
done_testing();
