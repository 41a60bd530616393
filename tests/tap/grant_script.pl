# SPDX-License-Identifier: PostgreSQL
# The grant script on a server: as a superuser, as a plain owner, block by block as the roles that must run them, with odd
# names, twice, a week later, undone, and printed from outside. What it prints, word by word, is in sql/grant_script.sql.
use strict;
use warnings;
use Encode qw(encode_utf8);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = all\nmax_replication_slots = 10\nmax_wal_senders = 10\n");
my $knows_libraries =
  `grep -c '^#output_plugin_libraries' "\$(pg_config --sharedir)/postgresql.conf.sample"` > 0;
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding'\n") if $knows_libraries;
$node->start;
my $major = $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int / 10000));
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $db = q(My "Shop='1);
my $schemas = q(public,"My ""Schema",naïve,"a,b");
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

sub conninfo { my ($user, $database) = @_; return "dbname='" . ($database // $db) =~ s/(['\\])/\\$1/gr . "' user=$user"; }

# One statement as a user; dies when it fails.
sub sql
{
	my ($query, $user, $database) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', conninfo($user // $superuser, $database), '-f', '-' ],
		'<', \$query, '>', \$out, '2>', \$err) or die "$query: $err";
	chomp $out;
	return $out;
}

sub script
{
	my ($user, $more, $list) = @_;
	return sql('SELECT ardent_grant_script($s$' . ($list // $schemas) . '$s$' . ($more // '') . ')', $user) . "\n";
}

# The script as its head says: psql -v ON_ERROR_STOP=1 -1. True when it succeeded, and what it said.
sub run_script
{
	my ($user, $text, @options) = @_;
	my $file = $node->basedir . '/grant.sql';
	unlink $file;
	append_to_file($file, $text);
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-1', @options, '-f', $file, '-d', conninfo($user) ],
		'>', \$out, '2>', \$err);
	return ($ok, $out . $err);
}

sub undo_of
{
	my ($text) = @_;
	my ($undo) = $text =~ /^-- To undo it(.*)\z/ms or die "no undo in $text";
	return join '', map { /^--   (.*;.*)$/ ? "$1\n" : () } split /\n/, $undo;
}

# Every privilege and setting, defaults written out.
sub rights
{
	return sql(q(SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
		SELECT 'relation ' || x.oid::regclass || ' ' || a::text AS line FROM pg_class AS x CROSS JOIN LATERAL
		       aclexplode(coalesce(x.relacl, acldefault(CASE x.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, x.relowner))) AS a
		 WHERE x.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
		UNION ALL
		SELECT 'schema ' || x.nspname || ' ' || a::text FROM pg_namespace AS x
		 CROSS JOIN LATERAL aclexplode(coalesce(x.nspacl, acldefault('n', x.nspowner))) AS a
		UNION ALL
		SELECT 'database ' || x.datname || ' ' || a::text FROM pg_database AS x
		 CROSS JOIN LATERAL aclexplode(coalesce(x.datacl, acldefault('d', x.datdba))) AS a
		UNION ALL
		SELECT 'default ' || x.defaclrole::regrole || ' ' || x.defaclnamespace || ' ' || x.defaclobjtype::text || ' ' || a::text
		  FROM pg_default_acl AS x CROSS JOIN LATERAL aclexplode(x.defaclacl) AS a
		UNION ALL
		SELECT 'setting ' || s::text FROM pg_db_role_setting AS s
		UNION ALL
		SELECT 'role ' || r::text FROM (SELECT oid, rolname, rolsuper, rolcanlogin, rolreplication, rolbypassrls, rolvaliduntil FROM pg_roles) AS r
		UNION ALL
		SELECT 'extension ' || extname FROM pg_extension) AS all_of_it));
}

# The lines of two lists that are not in both.
sub same_rights
{
	my ($one, $other, $name) = @_;
	my %count;
	$count{$_}++ foreach split /\n/, $one;
	$count{$_}-- foreach split /\n/, $other;
	my @differ = map { ($count{$_} > 0 ? '+ ' : '- ') . $_ } grep { $count{$_} } sort keys %count;
	return is(join("\n", @differ), '', $name);
}

sub check_status
{
	my ($id, $role) = @_;
	return sql("SELECT status FROM ardent_preflight_checks(\$s\$$schemas\$s\$, '" . ($role // 'ardent_replication') . "') WHERE id = '$id'");
}

sql(q(CREATE ROLE shop_owner LOGIN; CREATE ROLE billing_owner LOGIN; CREATE ROLE team; CREATE ROLE dev LOGIN IN ROLE team;
	CREATE ROLE bystander LOGIN), $superuser, 'postgres');
sql(q(CREATE DATABASE "My ""Shop='1" OWNER shop_owner), $superuser, 'postgres');
sql(q(CREATE EXTENSION ardent; ALTER SCHEMA public OWNER TO shop_owner; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
	REVOKE CONNECT ON DATABASE "My ""Shop='1" FROM PUBLIC; GRANT CONNECT ON DATABASE "My ""Shop='1" TO billing_owner, dev, bystander));
sql(<<'SQL', 'shop_owner');
CREATE SCHEMA "My ""Schema";
CREATE SCHEMA naïve;
CREATE SCHEMA "a,b";
GRANT USAGE, CREATE ON SCHEMA naïve TO billing_owner, team;
CREATE TABLE public.orders (id serial PRIMARY KEY);
CREATE TABLE public.kept (id int PRIMARY KEY);
CREATE TABLE "My ""Schema"."T:'1" (id serial PRIMARY KEY);
CREATE TABLE naïve.mine (id serial PRIMARY KEY);
SQL
sql(q(CREATE TABLE naïve.theirs (id serial PRIMARY KEY); CREATE VIEW naïve.secret AS SELECT 1 AS i), 'billing_owner');
sql(q(CREATE TABLE naïve.of_team (id serial PRIMARY KEY)), 'dev');

# each role's next table is readable; names of the tables that are not
sub unreadable
{
	my ($role) = @_;
	return sql(qq(SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid) FROM pg_class AS c WHERE c.relkind IN ('r', 'S')
		AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND NOT has_table_privilege('$role', c.oid, 'SELECT')));
}

sub new_tables
{
	my ($number) = @_;
	sql("CREATE TABLE public.new$number (id serial)", 'shop_owner');
	sql("CREATE TABLE \"a,b\".new$number (id serial)", 'shop_owner');
	sql("CREATE TABLE naïve.new_of_$_$number (id serial)", $_) foreach qw(shop_owner billing_owner dev);
	sql("SET ROLE team; CREATE TABLE naïve.new_of_team$number (id serial)", 'dev');
	return;
}

# 1. The plain owner, while there is no role
my $before = rights();
my $text = script('shop_owner');
like($text, qr/^-- ---- block 1 of 5, to be run by a superuser; .*^-- ---- block 2 of 5, to be run by shop_owner; .*to be run by billing_owner; /ms,
	'lines that the caller may not run stand in blocks headed by the role that must run them');
my ($ok, $said) = run_script('shop_owner', $text);
ok(!$ok, 'plain owner, no role: it fails');
like($said, qr/^Skipped: block 1 of 5, to be run by a superuser\n.*role "ardent_replication" does not exist/ms, 'and says who must run what first');
same_rights(rights(), $before, 'and changes nothing');
($ok, $said) = run_script('bystander', $text);
ok($ok && $said !~ /GRANT|ALTER/ && (() = $said =~ /^Skipped/mg) == 5, 'who may nothing skips every block') or diag($said);
same_rights(rights(), $before, 'and changes nothing');
($ok, $said) = run_script($superuser, $text);
ok($ok && $said !~ /Skipped/, 'a superuser runs the same file, all of it') or diag($said);
is(unreadable('ardent_replication'), '', 'USAGE and SELECT on tables and sequences, odd names too');
new_tables(1);
is(unreadable('ardent_replication'), '', 'ALTER DEFAULT PRIVILEGES: tables made later by each role that owns or creates tables');
is(sql(q(SELECT has_table_privilege('ardent_replication', 'naïve.secret', 'SELECT'))), 'f', 'a view is not opened');
is(check_status('can_read_tables'), 'pass', 'can read tables');
is(check_status('replication_role'), 'pass', 'replication role');
my $granted = rights();
like(script($_), qr/\A-- psql artifact generated by Ardent\n-- nothing to grant: the role ardent_replication has what it needs/,
	"twice: a second script for $_ has nothing to grant, and says so") foreach $superuser, 'shop_owner';
($ok, $said) = run_script($superuser, $text);
ok($ok, 'idempotent: the same file runs again') or diag($said);
same_rights(rights(), $granted, 'and changes nothing');
my $full = script($superuser, ', full => true');
like($full, qr/^GRANT CONNECT .*^CREATE EXTENSION IF NOT EXISTS ardent;.*^GRANT USAGE ON SCHEMA ardent TO .*^GRANT USAGE ON SCHEMA "My ""Schema" .*^ALTER DEFAULT PRIVILEGES FOR ROLE team IN SCHEMA "naïve" /ms,
	'full => true prints all, the extension and its schema too');
($ok, $said) = run_script($superuser, $full);
ok($ok, 'full => true runs') or diag($said);
sql('REVOKE SELECT ON ardent_slots FROM ardent_replication');    # which PUBLIC may read anyway
same_rights(rights(), $granted, 'and changes nothing that is there');
($ok, $said) = run_script($superuser, undo_of($text));
ok($ok, 'undo runs') or diag($said);
sql(join '; ', 'DROP TABLE public.new1, "a,b".new1', map { "DROP TABLE naïve.new_of_${_}1" } qw(shop_owner billing_owner dev team));
same_rights(rights(), $before, 'undo: the privileges are what they were, and the role is gone');

# 2. Block by block, each by its role; the role is there
sql(q(CREATE ROLE ardent_replication LOGIN REPLICATION));
sql(q(ALTER ROLE ardent_replication SET output_plugin_libraries = 'pgoutput', 'wal2json')) if $knows_libraries;
$before = rights();
$text = script('shop_owner');
like($text, qr/^-- ---- block 1 of 4, to be run by shop_owner; /m, 'what the caller may run comes first');
unlike($text, qr/superuser;|CREATE ROLE/, 'nothing is left for a superuser');
($ok, $said) = run_script('shop_owner', $text);
ok($ok, 'the second block does not make the first fail under ON_ERROR_STOP and -1') or diag($said);
is(() = $said =~ /^Skipped: block [234] of 4, to be run by (?:billing_owner|dev|team)$/mg, 3, 'and it says what is left, and for whom') or diag($said);
like(unreadable('ardent_replication'), qr/\A"?naïve"?\.theirs\S* \S+ \S+of_team\S* \S+\z/, 'the tables of others are left');
($ok, $said) = run_script($_, $text) and ok($ok, "$_ runs the same file") foreach 'billing_owner', 'dev';
is(unreadable('ardent_replication'), '', 'all is readable');
new_tables(2);
is(unreadable('ardent_replication'), '', 'and what is made later');
like(script('shop_owner'), qr/^-- nothing to grant: /m, 'nothing to grant is left');
($ok, $said) = run_script($superuser, undo_of($text));
ok($ok, 'undo of a script for a role that was there runs') or diag($said);
sql(join '; ', 'DROP TABLE public.new2, "a,b".new2', map { "DROP TABLE naïve.new_of_${_}2" } qw(shop_owner billing_owner dev team));
same_rights(rights(), $before, 'undo: the privileges are what they were, and the role stays');
sql('DROP ROLE ardent_replication');

# 3. The superuser, by the very command of the script's head; the password
$before = rights();
$text = script($superuser);
my ($command) = $text =~ /^--   (psql -v ON_ERROR_STOP=1 -1 .*)$/m;
my $secret = q(it's a "secret" \ $HOME :x 42);
my $files = $node->basedir;
unlink "$files/password", "$files/grant.sql";
append_to_file("$files/password", "$secret\n");
append_to_file("$files/grant.sql", $text);
$command =~ s/FILE/password/;
my ($out, $err) = ('', '');
$ok = IPC::Run::run([ 'sh', '-c', "cd '$files' && " . $command =~ s/^psql/psql -X -a -e -U $superuser/r ], '>', \$out, '2>', \$err);
ok($ok, "the head's command runs: $command") or diag($err);
unlike($out . $err, qr/secret/, 'the password is never printed, even with psql -a -e');
unlike(slurp_file($node->logfile), qr/a \\?"secret/, "nor is it in the server's log with log_statement = all");
unlike($command, qr/secret/, "nor among the command's arguments");
$granted = rights();
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all ardent_replication scram-sha-256\n$hba");
$node->reload;
{
	local $ENV{PGPASSWORD} = $secret;
	is(sql('TABLE public.orders; SELECT 1', 'ardent_replication'), '1', 'the role logs in with it');
	local $ENV{PGPASSWORD} = "$secret ";
	ok(!eval { sql('SELECT 1', 'ardent_replication') }, 'and with no other');
}
like($text, qr/^-- the database\nGRANT CONNECT ON DATABASE /m, 'CONNECT');
is(sql(q(SELECT rolsuper::text || rolbypassrls || has_database_privilege(oid, current_database(), 'CREATE') FROM pg_roles
	WHERE rolname = 'ardent_replication')), 'falsefalsefalse', 'no SUPERUSER, no BYPASSRLS, no CREATE on the database');
is(check_status('wal2json'), 'pass', 'the plugin allowance') if $knows_libraries;

# who may not switch the log off does not send the password
sql('CREATE ROLE maker LOGIN CREATEROLE');
sql(q(GRANT CONNECT ON DATABASE "My ""Shop='1" TO maker));
($ok, $said) = run_script('maker', script($superuser, ', full => true'), '-v', "ardent_password=$secret");
like($said, qr/^The password was NOT set: this server logs statements/m, 'a password that would be logged is not sent');
unlike(slurp_file($node->logfile), qr/a \\?"secret/, 'and is not in the log');
sql(q(REVOKE CONNECT ON DATABASE "My ""Shop='1" FROM maker; DROP ROLE maker));
same_rights(rights(), $granted, 'and nothing else is changed');

# samples of statements, and of transactions, which nobody can switch off once one has begun
foreach my $sample ([ 'log_min_duration_sample', 0, 1 ], [ 'log_transaction_sample_rate', 1, 0 ])
{
	my ($setting, $value, $sent) = @$sample;
	my $from = -s $node->logfile;
	sql("ALTER SYSTEM SET $_") foreach 'log_statement = none', "$setting = $value";
	sql('SELECT pg_reload_conf()');
	$node->poll_query_until('postgres', "SELECT current_setting('$setting') = '$value'")
	  or die "$setting is not in force";
	($ok, $said) = run_script($superuser, $full, '-v', "ardent_password=$secret");
	ok($ok, "$setting: the script runs") or diag($said);
	is($said =~ /^The password was NOT set: this server logs statements/m ? 0 : 1, $sent, "$setting: " . ($sent ? 'sent' : 'not sent'));
	unlike(slurp_file($node->logfile, $from), qr/a \\?"secret/, "$setting: the password is not in the log");
	sql("ALTER SYSTEM RESET $_") foreach 'log_statement', $setting;
	sql('SELECT pg_reload_conf()');
}

# 4. A week later
sql(q(CREATE TABLE public.gone (i int)), 'shop_owner');
sql(q(REVOKE SELECT ON public.gone, public.orders FROM ardent_replication));
$text = script($superuser);
like($text, qr/^GRANT SELECT ON TABLE public\.gone, public\.orders TO ardent_replication;$/m, 'only what is missing');
unlike($text, qr/CREATE ROLE|CONNECT|USAGE|DEFAULT PRIVILEGES/, 'and nothing else');
sql('DROP TABLE public.gone');
($ok, $said) = run_script($superuser, $text);
ok(!$ok && $said =~ /relation "public\.gone" does not exist/, 'what is gone stops an old printout');
is(sql(q(SELECT has_table_privilege('ardent_replication', 'public.orders', 'SELECT'))), 'f', 'and nothing is changed');
sql(q(CREATE SCHEMA busy; DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE busy.t%s (i int)', i); END LOOP; END $$;
	CREATE VIEW busy.v AS SELECT 1 AS i));
$text = script($superuser, undef, 'busy');
sql(q(DROP TABLE busy.t1; CREATE TABLE busy.late (i int)));
($ok, $said) = run_script($superuser, $text);
ok($ok, 'where it looks for what the role cannot read, a table that is gone does not stop it') or diag($said);
is(unreadable('ardent_replication'), 'orders', 'and a new one is covered');
is(sql(q(SELECT has_table_privilege('ardent_replication', 'busy.v', 'SELECT'))), 'f', 'the view beside is not opened');
run_script($superuser, undo_of($text));
sql('DROP SCHEMA busy CASCADE; GRANT SELECT ON public.orders TO ardent_replication');
same_rights(rights(), $granted, 'all is as before');
sql(q(ALTER ROLE ardent_replication NOLOGIN VALID UNTIL '2001-01-01'));
my $expired = rights();
$text = script($superuser);
($ok, $said) = run_script($superuser, $text);
ok($ok, 'a role that may not log in any more') or diag($said);
is(check_status('replication_role'), 'pass', 'is mended');
run_script($superuser, undo_of($text));
same_rights(rights(), $expired, 'and back');
sql(q(ALTER ROLE ardent_replication LOGIN VALID UNTIL 'infinity'));
($ok, $said) = run_script($superuser, $text);
unlike($said, qr/ALTER ROLE/, 'an old printout does not alter a role that needs nothing by then');
sql(q(ALTER ROLE ardent_replication SET output_plugin_libraries = 'test_decoding')), $text = script($superuser),
  sql(q(ALTER ROLE ardent_replication SET output_plugin_libraries = 'wal2json', 'mine')), run_script($superuser, $text),
  is(sql(q(SELECT setconfig FROM pg_db_role_setting)), '{"output_plugin_libraries=wal2json, mine"}', 'nor the plugins of a role that may use it by then')
  if $knows_libraries;

# 5. Rights in another way
if ($major >= 14)
{
	sql(q(CREATE ROLE reader LOGIN REPLICATION IN ROLE pg_read_all_data; GRANT CONNECT ON DATABASE "My ""Shop='1" TO PUBLIC));
	sql(q(ALTER ROLE reader SET output_plugin_libraries = 'wal2json')) if $knows_libraries;
	like(script($superuser, ", role => 'reader'"), qr/^-- nothing to grant: the role reader has what it needs/m,
		'rights through membership and PUBLIC are not missing');
	is(check_status('can_read_tables', 'reader'), 'pass', 'and the check agrees');
	sql(q(DROP ROLE reader; REVOKE CONNECT ON DATABASE "My ""Shop='1" FROM PUBLIC));
}

# 6. Row security
sql(q(ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY), 'shop_owner');
is(check_status('can_read_tables'), 'fail', 'can read tables fails while row security hides rows');
$text = script('shop_owner');
like($text, qr/to be run by a superuser;.*^-- row security \(opt-in\)\n.*^-- BYPASSRLS lets it read every row of every table it may select from/ms,
	'BYPASSRLS is a block of its own with the security note');
($ok, $said) = run_script($superuser, $text);
ok($ok && check_status('can_read_tables') eq 'fail', 'it is opt-in') or diag($said);
like(script($superuser, q(, accept => '{"decisions": {"public.orders": "exclude"}}')), qr/^-- nothing to grant/m, 'not for a table that is excluded');
($ok, $said) = run_script($superuser, $text, '-v', 'ardent_bypassrls=1');
ok($ok && check_status('can_read_tables') eq 'pass', 'and when it is asked for the check passes') or diag($said);
like(script($superuser), qr/^-- nothing to grant/m, 'then nothing is missing');
run_script($superuser, undo_of($text));
is(sql(q(SELECT rolbypassrls FROM pg_roles WHERE rolname = 'ardent_replication')), 'f', 'undo takes it back');
sql(q(ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY), 'shop_owner');

# 7. The same from outside
sub outside
{
	my ($user, $server, $database, @more) = @_;
	my ($json, $said) = ('', '');
	my $url = 'postgresql:///' . $database =~ s/([^A-Za-z0-9])/sprintf('%%%02X', ord $1)/egr
	  . '?host=' . $server->host . '&port=' . $server->port . "&user=$user";
	IPC::Run::run([ 'ardent', 'connector', 'preflight', 'postgresql', $url, '--json', '--schemas', $schemas, @more ],
		'<', \undef, '>', \$json, '2>', \$said);
	die $said if $json eq '';
	my $report = decode_json($json);
	$report->{grant_script} = encode_utf8($report->{grant_script});
	return $report;
}
sql('REVOKE SELECT ON public.orders FROM ardent_replication; REVOKE USAGE ON SCHEMA "a,b" FROM ardent_replication');
is(outside($_, $node, $db)->{grant_script} . "\n", script($_), "from outside the same script for $_") foreach $superuser, 'shop_owner';
is(outside($superuser, $node, $db, '--full-grants')->{grant_script} . "\n", script($superuser, ', full => true'), '--full-grants is full => true');
is(outside($superuser, $node, $db, '--role', 'nobody')->{grant_script} . "\n", script($superuser, q(, role => 'nobody')), 'for a role that is not there');

# 8. The extension
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$schemas = 'public';
$db = 'bare';
# (where the tests' folder is not among those that the server lists, tests/unit/preflight_grants_test.cpp has to do)
if (sql(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'ardent')))
{
	$text = outside($superuser, $node, 'bare')->{grant_script};
	like($text, qr/^CREATE EXTENSION IF NOT EXISTS ardent;$/m, 'the extension is installed where it may be');
	$before = rights();
	($ok, $said) = run_script($superuser, $text);
	is(sql(q(SELECT count(*) FROM pg_extension WHERE extname = 'ardent')), '1', 'and it is') or diag($said);
	like(outside($superuser, $node, 'bare')->{grant_script}, qr/^-- nothing to grant/m, 'then nothing is missing');
	run_script($superuser, undo_of($text));
	same_rights(rights(), $before, 'undo drops it');
	$text = outside($superuser, $node, 'bare', '--role', 'newcomer')->{grant_script};
	($ok, $said) = run_script($superuser, $text);
	ok($ok, 'with a role that is new as well') or diag($said);
	run_script($superuser, undo_of($text));
	same_rights(rights(), $before, 'undo drops it, with the role');
}
$node->stop;

my $managed = PostgreSQL::Test::Cluster->new('managed');
$managed->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
my $path = $major >= 18 ? q(extension_control_path = '$system') : q(extension_destdir = '');
$managed->append_conf('postgresql.conf', "$path\n");
$managed->start;
is($managed->safe_psql('postgres', q(SELECT count(*) FROM pg_available_extensions WHERE name = 'ardent')), '0', 'a server without the extension');
my $report = outside($superuser, $managed, 'postgres');
my $check = $report->{checks}{metadata_schema};
is("$check->{status}, $check->{actual}", 'info, extension not on this server', 'its files are not there: DDL capture is off');
like($check->{detail}, qr/^DDL capture is off: rows are replicated all the same\. When the definition of a table changes here, the connector stops .*a resync mends it\./,
	'the report says what that means');
like($report->{grant_script}, qr/^-- The extension ardent is not on this server: DDL capture is off/m, 'so does the script');
unlike($report->{grant_script}, qr/CREATE EXTENSION|CREATE ON DATABASE|(WITH|ALTER) [^\n]*\bSUPERUSER|SCHEMA ardent/,
	'neither SUPERUSER nor CREATE on the database is asked for');
$managed->stop;
done_testing();
