# SPDX-License-Identifier: PostgreSQL
# Providers: each is simulated by the roles, settings, schemas, functions and extensions that tell it. Inside the server
# and from outside the same one is seen, and what mends the server is what its customers can do.
use strict;
use warnings;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{LC_ALL} = 'C.UTF-8';
my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "wal_level = replica\nmax_replication_slots = 3\nmax_wal_senders = 4\nmax_connections = 6\n");
$node->start;
sub sql { my ($query, $db) = @_; return $node->safe_psql($db // 'postgres', $query); }
sql('CREATE EXTENSION ardent; CREATE ROLE ardent_replication LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE dba LOGIN CREATEROLE; CREATE DATABASE shop');
my $url = 'postgresql:///shop?host=' . $node->host . '&port=' . $node->port;

sub outside
{
	my ($user, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'ardent', 'connector', 'preflight', 'postgresql', "$url&user=$user", @arguments ], '<', \undef, '>', \$out,
		'2>', \$err);
	return ($out, $err, $? >> 8);
}
my $me = sql('SELECT current_user');
sub inside { my ($provider) = @_; return decode_json(sql('SELECT ardent_preflight_report(' . ($provider // '') . ')')); }
sub from_outside { my (@arguments) = @_; return decode_json((outside($me, '--json', @arguments))[0]); }

# Aurora is RDS with a function that each of its databases has.
my $aurora = q(CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql AS $$SELECT '15.4'$$);
my $managed_note = qr/DDL capture is off.*loads no library of ours, .* neither SUPERUSER nor CREATE on the database/s;

# name => what simulates it, the line for wal_level, the line for slots, what lets the role replicate, what undoes it
my %simulated = (
	rds => [ 'CREATE ROLE rds_superuser; CREATE ROLE rds_replication', qr/DB parameter group.*--   rds\.logical_replication = 1\n-- Then reboot the instance\./s,
		qr/instance's DB parameter group/, 'GRANT rds_replication TO ardent_replication;', 'DROP ROLE rds_superuser, rds_replication' ],
	aurora => [ 'CREATE ROLE rds_superuser; CREATE ROLE rds_replication', qr/DB cluster parameter group.*--   rds\.logical_replication = 1\n-- Then reboot the writer/s, qr/DB cluster parameter group/,
		'GRANT rds_replication TO ardent_replication;', 'DROP ROLE rds_superuser, rds_replication' ],
	supabase => [ 'CREATE ROLE supabase_admin', qr/^-- Supabase: wal_level is logical there by default/, qr/supabase postgres-config update/,
		'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE supabase_admin' ],
	planetscale => [ 'CREATE ROLE pscale_superuser; CREATE ROLE pscale_admin', qr/dashboard.*--   wal_level = logical\n/s, qr/Clusters, Parameters/,
		'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE pscale_superuser, pscale_admin' ],
	neon => [ 'CREATE ROLE neon_superuser', qr/^-- Neon: Enable logical replication in the Neon Console/, qr/Neon's support/,
		undef, 'DROP ROLE neon_superuser' ],
	cloudsql => [ 'CREATE ROLE cloudsqlsuperuser', qr/database flags.*--   cloudsql\.logical_decoding = on\n/s, qr/database flags/,
		'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE cloudsqlsuperuser' ],
	alloydb => [ 'CREATE ROLE alloydbsuperuser', qr/database flags.*--   alloydb\.logical_decoding = on\n/s, qr/database flags/,
		'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE alloydbsuperuser' ],
	azure => [ 'CREATE ROLE azure_pg_admin', qr/server parameters.*--   wal_level = logical\n-- Then restart the server\./s,
		qr/az postgres flexible-server parameter set/, 'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE azure_pg_admin' ],
	crunchy => [ 'CREATE ROLE crunchy_superuser', qr/configuration parameters.*--   wal_level = logical\n/s, qr/dashboard or API/,
		'ALTER ROLE ardent_replication REPLICATION;', 'DROP ROLE crunchy_superuser' ],
	heroku => [ 'CREATE ROLE heroku_admin', qr/^-- Heroku Postgres: Heroku Postgres has no logical replication/, qr/Heroku's support/,
		undef, 'DROP ROLE heroku_admin' ],
	aiven => [ 'CREATE ROLE avnadmin', qr/advanced configuration.*--   wal_level = logical\n/s, qr/console, API or CLI/,
		undef, 'DROP ROLE avnadmin' ],
	timescale => [ 'CREATE ROLE tsdbadmin', qr/^-- Timescale: wal_level is the provider's there/, qr/database parameters/,
		undef, 'DROP ROLE tsdbadmin' ],
	managed => [ 'CREATE ROLE doadmin', qr/the provider's console.*--   wal_level = logical\n/s, qr/the provider's console/,
		qr/^-- .*support can do it\.\nALTER ROLE ardent_replication REPLICATION;$/, 'DROP ROLE doadmin' ]);

# The grant script for a role that is not there yet: as an administrator without superuser rights gets it, and run.
sub grants
{
	my ($name, $replicate) = @_;
	my $script = sql("SET SESSION AUTHORIZATION dba; SELECT ardent_grant_script(role => 'fresh')");
	unlike($script, qr/SUPERUSER|as a superuser|\(a superuser\)|CREATE EXTENSION|GRANT CREATE/, "$name: the grant script needs no superuser")
	  unless $name eq 'crunchy';    # its customers have one
	unlike($script, qr/CREATE EXTENSION|GRANT CREATE|output_plugin_libraries.*SUPERUSER/, "$name: nor the extension");
	my $run = sub {
		my $file = $node->basedir . "/grants_$name.sql";
		unlink $file;
		append_to_file($file, sql(q(SELECT ardent_grant_script(role => 'fresh'))));
		my ($out, $err) = ('', '');
		my $ok = IPC::Run::run([ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$out,
			'2>', \$err);
		return ($ok, $err);
	};
	my ($ok, $err) = $run->();
	if (defined $replicate)
	{
		ok($ok, "$name: the grant script runs") or diag($err);
		is(sql(q(SELECT rolcanlogin, rolreplication, rolsuper FROM pg_roles WHERE rolname = 'fresh')),
			$name =~ /^(rds|aurora)$/ ? 't|f|f' : 't|t|f', "$name: what the role is then");
	}
	else
	{
		ok(!$ok, "$name: without a role of the provider's the grant script stops");
		like($err, qr/role "fresh" does not exist/, "$name: and says why");
		sql('CREATE ROLE fresh LOGIN REPLICATION');
		($ok, $err) = $run->();
		ok($ok, "$name: with one it runs") or diag($err);
	}
	my $checks = decode_json(sql(q(SELECT ardent_preflight_report(role => 'fresh'))))->{checks};
	is($checks->{replication_role}{status}, 'pass', "$name: the role is one that replicates");
	like(sql(q(SELECT ardent_grant_script(role => 'fresh'))), qr/^-- nothing to grant/m, "$name: then nothing is left to grant");
	sql('DROP OWNED BY fresh; DROP ROLE fresh');
	return;
}

# Vanilla is what it always was.
my $vanilla = inside();
is($vanilla->{source_provider}, 'vanilla', 'no sign of a provider: vanilla');
like($vanilla->{checks}{wal_level}{fix}, qr/ALTER SYSTEM SET wal_level = ''logical''.*-- then restart the server\n$/s, 'vanilla: wal_level by ALTER SYSTEM');
is($vanilla->{checks}{replication_role}{fix}, 'ALTER ROLE ardent_replication WITH LOGIN REPLICATION;', 'vanilla: the role');
like($vanilla->{settings_script}, qr/^SELECT 'ALTER SYSTEM SET max_wal_senders = 10'$/m, 'vanilla: the settings script');
is(from_outside()->{source_provider}, 'vanilla', 'vanilla, from outside too');
like((outside($me))[0], qr/^Detected source provider: vanilla$/m, 'and in the text');

foreach my $name (sort keys %simulated)
{
	my ($make, $level, $place, $replicate, $undo) = @{ $simulated{$name} };
	sql($make);
	sql($aurora, $_) foreach $name eq 'aurora' ? ('postgres', 'shop') : ();
	my %seen = (inside => inside(), outside => from_outside());
	foreach my $door (sort keys %seen)
	{
		my $report = $seen{$door};
		my $checks = $report->{checks};
		is($report->{source_provider}, $name, "$name: detected, $door");
		isnt($report->{source_metadata}{provider_signs}, undef, "$name: and why, $door");
		like($checks->{wal_level}{fix}, $level, "$name: wal_level, $door");
		like($checks->{replication_slots}{fix}, qr/$place.*--   max_replication_slots = 10, or what it is when that is more\n/s,
			"$name: max_replication_slots, $door");
		like($checks->{wal_senders}{fix}, qr/--   max_wal_senders = 10/, "$name: max_wal_senders, $door");
		like($checks->{free_connections}{fix}, qr/--   max_connections = /, "$name: max_connections, $door") if $checks->{free_connections}{fix};
		my $fix = $checks->{replication_role}{fix};
		if (!defined $replicate) { like($fix, qr/\A(?:-- .*\n)+\z/, "$name: REPLICATION is not given in SQL, $door") }
		elsif (ref $replicate) { like($fix, $replicate, "$name: REPLICATION, $door") }
		else { like($fix, qr/^\Q$replicate\E$/m, "$name: REPLICATION, $door") }
		is($checks->{replication_role}{status}, 'fail', "$name: the role may not replicate, $door");
		my @bad = grep { ($checks->{$_}{fix} // '') =~ /ALTER SYSTEM|SUPERUSER|pg_reload_conf/ } sort keys %$checks;
		is("@bad", '', "$name: neither ALTER SYSTEM nor SUPERUSER in a fix, $door");
		my @worse = grep { ($checks->{$_}{hint} // '') =~ /ALTER SYSTEM|SUPERUSER|CREATE EXTENSION|as a superuser|without -1/ } sort keys %$checks;
		is("@worse", '', "$name: nor in a hint, $door");
		my @create = grep { ($checks->{$_}{fix} // '') =~ /GRANT CREATE/ } sort keys %$checks;
		is("@create", '', "$name: nor CREATE on the database, $door");
		unlike($report->{settings_script}, qr/ALTER SYSTEM/, "$name: the settings script has no ALTER SYSTEM, $door");
		like($report->{settings_script}, qr/$place.*max_replication_slots = 10/s, "$name: but says where, $door");
	}
	like($seen{outside}{checks}{metadata_schema}{detail}, $managed_note, "$name: DDL capture is off, and what that means");
	unlike($seen{outside}{checks}{wal2json}{hint}, qr/postgresql-\d+-wal2json/, "$name: no package is named");
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $seen{inside}{settings_script} ],
		"$name: the settings script runs, and shows what is in force");
	my ($text) = outside('stranger');
	like($text, qr/^Detected source provider: $name$/m, "$name: seen by a role without any rights");
	if (defined $replicate)
	{
		my $file = $node->basedir . "/$name.sql";
		append_to_file($file, $seen{outside}{checks}{replication_role}{fix});
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('shop'), '-f', $file ], "$name: the fix runs");
		is(inside()->{checks}{replication_role}{status}, 'pass', "$name: and the role may replicate");
		sql('ALTER ROLE ardent_replication NOREPLICATION');
	}
	grants($name, $replicate);
	sql('DROP OWNED BY ardent_replication; REVOKE rds_replication FROM ardent_replication') if $name =~ /^(rds|aurora)$/;
	sql('DROP FUNCTION pg_catalog.aurora_version()', $_) foreach $name eq 'aurora' ? ('postgres', 'shop') : ();
	sql($undo);
}
is(inside()->{source_provider}, 'vanilla', 'without them it is vanilla again');

# An administrator of RDS does all of it himself.
sql('CREATE ROLE rds_superuser; CREATE ROLE rds_replication; GRANT rds_superuser TO dba; GRANT rds_replication TO dba WITH ADMIN OPTION');
my $file = $node->basedir . '/rds.grants.sql';
append_to_file($file, sql(q(SET SESSION AUTHORIZATION dba; SELECT ardent_grant_script(role => 'fresh'))));
my ($said, $complained) = ('', '');
IPC::Run::run([ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-U', 'dba', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$said,
	'2>', \$complained);
is(sql(q(SELECT pg_has_role('fresh', 'rds_replication', 'MEMBER'), rolcanlogin FROM pg_roles WHERE rolname = 'fresh')), 't|t',
	'rds: CREATEROLE is enough for the role') or diag($said, $complained);
like(sql(q(SET SESSION AUTHORIZATION stranger; SELECT ardent_grant_script(role => 'other'))), qr/^-- ---- block 1 of \d, to be run by a member of rds_superuser;/m,
	'rds: another one is told who may');
sql('DROP OWNED BY fresh; DROP ROLE fresh, rds_superuser, rds_replication');

# A role of that name does not replicate on a server of one's own.
sql('CREATE ROLE rds_replication; GRANT rds_replication TO ardent_replication');
is(inside()->{checks}{replication_role}{status}, 'fail', 'vanilla: membership in rds_replication is not REPLICATION');
sql('DROP ROLE rds_replication');

# Settings alone
my %settings = ('rds.logical_replication' => 'rds', 'rds.extensions' => 'rds', 'cloudsql.logical_decoding' => 'cloudsql',
	'alloydb.logical_decoding' => 'alloydb', 'azure.extensions' => 'azure', 'neon.timeline_id' => 'neon', 'neon.tenant_id' => 'neon');
my $conf = slurp_file($node->data_dir . '/postgresql.conf');
foreach my $setting (sort keys %settings)
{
	unlink $node->data_dir . '/postgresql.conf';
	append_to_file($node->data_dir . '/postgresql.conf', "$conf\n$setting = 'off'\n");
	$node->restart;
	is(inside()->{source_provider}, $settings{$setting}, "the setting $setting tells $settings{$setting}");
	is(from_outside()->{source_provider}, $settings{$setting}, "$setting: from outside too");
}
unlink $node->data_dir . '/postgresql.conf';
append_to_file($node->data_dir . '/postgresql.conf', $conf);
$node->restart;

# Schemas; a role counts before a schema, which any dump carries along.
sql('CREATE SCHEMA heroku_ext');
is(inside()->{source_provider}, 'heroku', 'the schema heroku_ext tells heroku');
sql('CREATE ROLE supabase_admin');
is(inside()->{source_provider}, 'supabase', 'but a role of another provider counts more');

# What the operator says wins, at every door.
is(inside(q(provider => 'vanilla'))->{source_provider}, 'vanilla', q(provider => 'vanilla'));
like(inside(q(provider => 'vanilla'))->{checks}{wal_level}{fix}, qr/ALTER SYSTEM/, 'then the fixes are for a server of one\'s own');
is(from_outside('--provider', 'vanilla')->{source_provider}, 'vanilla', '--provider vanilla');
like((outside($me, '--provider', 'azure'))[0], qr/^Source provider: azure$/m, 'the text does not claim to have detected it');
is(sql(q(SELECT count(*) FROM ardent_preflight_checks(provider => 'rds') WHERE fix LIKE '%rds.logical_replication%')), '1', 'rows');
like(sql(q(SELECT string_agg(l, E'\n') FROM ardent_preflight(provider => 'cloudsql') AS l)), qr/cloudsql\.logical_decoding = on/, 'text');
like(sql(q(SELECT ardent_settings_script('rds'))), qr/rds\.logical_replication = 1/, 'settings script');
like(sql(q(SELECT ardent_settings_script(provider => 'vanilla'))), qr/ALTER SYSTEM SET wal_level/, 'settings script for vanilla');

# A name that is none
my ($code, $out, $err);
($code, $out, $err) = $node->psql('postgres', q(\set VERBOSITY verbose) . "\nSELECT ardent_preflight(provider => 'rdss')");
like($err, qr/ERROR:  22023: "rdss" is no provider that is known here.*HINT:.* aiven, alloydb, aurora, .*vanilla/s, 'an unknown name is 22023 and lists them');
($out, $err, $code) = outside($me, '--provider', 'RDS');
is($code, 2, '--provider with an unknown name: usage');
like($err, qr/"RDS" is no provider that is known here\n.*Use one of aiven, .*, rds, .*, vanilla/s, 'with the same words');
$node->stop;
done_testing();
