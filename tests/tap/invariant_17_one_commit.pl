# SPDX-License-Identifier: PostgreSQL
# Invariant 17: a branch is one commit of the source, named, whole, with nothing of ours and no secret in its files. Branches are
# cut and reset while the source commits; each transaction there stores what the whole of its data came to, and a slot of the
# test's own tells where and when each commit was.
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use Digest::SHA qw(sha256_hex);
use File::Find;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $marker = 'a row that every file search has to find';
my $t = Ardent::Test->new(name => 'one_commit', sql => <<"SQL");
CREATE ROLE app LOGIN PASSWORD 'password-of-a-role-17';
CREATE TABLE public.counted (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.counted VALUES (1, 0);
CREATE TABLE public.item (id bigint PRIMARY KEY, v text);
CREATE TABLE public.wide (id integer PRIMARY KEY, v text);
ALTER TABLE public.wide ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO public.wide SELECT g, repeat('-', 5000) FROM generate_series(0, 9) AS g;
CREATE TABLE public.plain (v text);
ALTER TABLE public.plain REPLICA IDENTITY FULL;
INSERT INTO public.plain VALUES ('$marker');
CREATE TABLE public.proof (n bigint PRIMARY KEY, whole text NOT NULL);
CREATE FUNCTION public.whole() RETURNS text LANGUAGE sql AS \$\$
SELECT md5(coalesce((SELECT string_agg(i::text, '|' ORDER BY id) FROM public.item AS i), '') || '/'
  || (SELECT string_agg(w::text, '|' ORDER BY id) FROM public.wide AS w) || '/' || (SELECT string_agg(v, '|' ORDER BY v) FROM public.plain))
\$\$;
CREATE FUNCTION public.step() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE k bigint;
BEGIN
  UPDATE public.counted SET n = n + 1 RETURNING n INTO k;
  INSERT INTO public.item VALUES (k, md5(k::text));
  UPDATE public.item SET v = md5(v) WHERE id = k - k % 7;
  DELETE FROM public.item WHERE id = k - 200;
  UPDATE public.wide SET v = repeat(md5(k::text), 150) WHERE id = k % 10;
  UPDATE public.plain SET v = 'k' || k WHERE v = 'k' || (k - 5);
  INSERT INTO public.plain SELECT 'k' || k WHERE k <= 5;
  INSERT INTO public.proof VALUES (k, public.whole());
END \$\$;
SQL
my $database = $Ardent::Test::database;
my $source = $t->source;
my $sql = sub { return $source->safe_psql($database, $_[0]) };
# What must not come along: connections to others, with their passwords, and what acts by itself. Half of it is in the schema that
# is copied, half comes as DDL.
my $foreign = sub {
	my ($n) = @_;
	return <<"SQL";
CREATE SERVER elsewhere$n FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere$n OPTIONS (user 'u', password 'password-of-a-mapping-$n');
CREATE PUBLICATION told$n FOR TABLE public.item;
CREATE SUBSCRIPTION heard$n CONNECTION 'host=127.0.0.1 password=password-of-a-subscription-$n' PUBLICATION p WITH (connect = false, slot_name = NONE);
CREATE FUNCTION public.on_ddl$n() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN NULL; END \$\$;
CREATE EVENT TRIGGER acts$n ON ddl_command_end EXECUTE FUNCTION public.on_ddl$n();
SQL
};
$sql->('CREATE EXTENSION postgres_fdw');
$sql->($foreign->(1));
$sql->('SELECT ardent_ddl_capture(true)');
$source->safe_psql('postgres', q(SELECT pg_replication_origin_create('ardent_an_origin')));
my $b = Ardent::Branching->new($t);
$sql->("SELECT pg_create_logical_replication_slot('watch', 'test_decoding')");
$sql->($foreign->(2));
$t->wait_caught_up;

# Five branches under load, and a reset.
my $load = $b->load('PERFORM public.step()');
my @ids = map { $b->create_ok("under-load-$_") } 1 .. 5;
my %seen;
my $take = sub {
	my ($id, $what) = @_;
	my $row = $b->row($id);
	is($b->psql($id, q(SELECT whole = public.whole() FROM proof WHERE n = (SELECT n FROM counted))), 't', "invariant 17: $what: every table is of the commit that the counter tells");
	is($b->psql($id, q(SELECT count(*) = max(n) AND max(n) = (SELECT n FROM counted) FROM proof)), 't', "invariant 17: $what: no commit is missing and none is more");
	$seen{$what} = { n => $b->psql($id, 'SELECT n FROM counted'), %{ $row->{data_as_of} } };
	return;
};
$take->($ids[$_], "branch $_") foreach 0 .. 4;
is($b->act($ids[0], 'reset'), 'completed', 'one is reset') or diag($b->{error});
$take->($ids[0], 'the reset');
cmp_ok($seen{'the reset'}{n}, '>', $seen{'branch 0'}{n}, 'invariant 17: a reset has newer data');
cmp_ok($seen{'branch 4'}{n}, '>', $seen{'branch 0'}{n}, 'the load went on while branches were cut');
$load->end;

# Where each commit ended, and when it was.
my (@commits, $n);
foreach (split /\n/, $sql->(q(SET timezone = 'UTC'; SELECT lsn, data FROM pg_logical_slot_peek_changes('watch', NULL, NULL, 'include-timestamp', 'on', 'include-xids', 'off', 'skip-empty-xacts', 'on'))))
{
	$n = $1 if /\|table public\.counted: UPDATE: .*\bn\[bigint\]:(\d+)/;
	push @commits, { n => $n // 0, end => number($1), time => "$2T$3Z" } if m{^([0-9A-F/]+)\|COMMIT \(at (\S+) (\S+)\+00\)};
}
cmp_ok(scalar @commits, '>', 50, 'the slot tells the commits');
foreach my $what (sort keys %seen)
{
	my $as_of = $seen{$what};
	my ($last) = grep { $_->{end} <= number($as_of->{lsn}) } reverse @commits;
	is($last && $last->{n}, $as_of->{n}, "invariant 17: $what: its LSN names the commit that is in it");
	is($as_of->{commit_time}, $last && $last->{time}, "invariant 17: $what: and so does its time");
}

# Nothing of ours, in the words of the catalogs.
my $id = $ids[1];
my $none = sub { my ($what, $query) = @_; is($b->admin($id, "SELECT coalesce(string_agg(x::text, ' '), '') FROM ($query) AS q (x)"), '', "invariant 17: no $what"); return };
$none->('role of ours', q(SELECT rolname FROM pg_roles WHERE rolname ~ '^ardent_' AND rolname NOT IN ('ardent_admin', 'ardent_replication')));
$none->('schema of ours', q(SELECT nspname FROM pg_namespace WHERE nspname ~ 'ardent'));
$none->('extension of ours', q(SELECT extname FROM pg_extension WHERE extname ~ 'ardent'));
$none->('code of ours', q(SELECT proname FROM pg_proc WHERE probin ~ 'ardent' OR proname ~ '^ardent_'));
$none->('user mapping', 'SELECT srvname FROM pg_user_mappings');
$none->('subscription', 'SELECT subname FROM pg_subscription');
$none->('publication', 'SELECT pubname FROM pg_publication');
$none->('event trigger', 'SELECT evtname FROM pg_event_trigger');
$none->('replication origin', 'SELECT roname FROM pg_replication_origin');
$none->('replication slot', 'SELECT slot_name FROM pg_replication_slots');
$none->('setting of a role or a database', q(SELECT setconfig FROM pg_db_role_setting));
$none->('password but its own', q(SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname !~ '^branch_'));
is($b->admin($id, q(SELECT count(*) FROM pg_authid WHERE rolname ~ '^branch_' AND rolpassword LIKE 'SCRAM-SHA-256$%')), '1', 'invariant 17: whose own is SCRAM');
is($b->admin($id, q(SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database)), 'postgres shop template0 template1', 'invariant 17: its databases');
$t->wait_for('it is durable', sub { return $b->row($id)->{durable} });
is($b->admin($id, join(' ', 'SELECT', join(" || ' ' || ", map { "current_setting('$_')" } qw(fsync archive_mode wal_recycle wal_init_zero full_page_writes min_wal_size max_wal_size)))), 'on off off off on 32MB 256MB',
	'what is called durable is flushed; no archive, no WAL that is kept, and little of it');
is($b->admin($id, 'SELECT pg_is_in_recovery()'), 'f', 'it is no standby');
is_deeply([ grep { -e $b->directory($id) . "/data/$_" } qw(standby.signal recovery.signal backup_label) ], [], 'and its next start is an ordinary one');

# No secret of the environment in any file. The other branches' passwords and keys are secrets, too.
my %secrets = ('the admin key' => $t->{admin_key}, 'the agent\'s token' => slurp_file($t->{token_file}) =~ s/\s+\z//r, 'the password of the source' => 'only for tests',
	'a password of a role' => 'password-of-a-role-17', map { ("a password of a mapping $_" => "password-of-a-mapping-$_", "a password of a subscription $_" => "password-of-a-subscription-$_") } 1, 2);
$secrets{"the hash of $_"} = sha256_hex($secrets{$_}) foreach 'the admin key', 'the agent\'s token';
foreach my $key (split /\n/, $sql->(q(SELECT option_value FROM pg_user_mapping AS m JOIN pg_foreign_server AS s ON s.oid = m.umserver, pg_options_to_table(umoptions) WHERE srvname ~ 'ardent' AND option_name ~ '^key_')))
{
	$secrets{'the key of DDL'} = $key;
	$secrets{'the key of DDL, as bytes'} = pack('H*', $key);
}
ok($secrets{'the key of DDL'}, 'there is a key of DDL');
($secrets{"the password of branch $_"}) = $b->url($ids[$_]) =~ m{://[^:]+:([^@]+)@} foreach 0 .. 2;
my $words = sub { my ($file) = @_; my @lines = grep { !/^-----/ && length > 40 } split /\n/, slurp_file($file); return $lines[-1] };
my ($authority_key) = slurp_file($t->dir . '/data/branch_authority.pem') =~ /PRIVATE KEY-----\n(.{40,}?)\n/ or die 'no key of the authority';
$secrets{'the key of the authority'} = $authority_key;
my @other_keys = grep { !/\Q$id\E/ } glob($t->dir . '/data/branches/*/configuration/server.key');
cmp_ok(scalar @other_keys, '>=', 4, 'other branches have keys of their servers');
$secrets{'the key of another branch\'s server'} = $words->($other_keys[0]);
my ($found, $files, $marked) = ('', 0, 0);
my $look = sub {
	my ($file) = @_;
	return unless -f $file && !-l $file;
	$files++;
	my $bytes = slurp_file($file);
	$marked++ if index($bytes, $marker) >= 0;
	foreach my $what (sort keys %secrets) { $found .= "$what in $file\n" if index($bytes, $secrets{$what}) >= 0 }
	return;
};
# the server has written what it held
is($b->admin($id, 'CHECKPOINT'), '', 'a checkpoint');
find({ wanted => sub { $look->($File::Find::name) }, no_chdir => 1 }, $b->directory($id), $t->dir . '/run/' . substr($id, 0, 12));
cmp_ok($marked, '>=', 1, "the search finds a row in the $files files");
is($found, '', 'invariant 17: no secret of the environment in any file of a branch');
# the search would see one
%secrets = ('a password of a branch' => $secrets{'the password of branch 1'});
my $planted = $b->directory($id) . '/data/planted';
$b->admin($id, qq(COPY (SELECT '$secrets{'a password of a branch'}') TO '/data/planted'));
$look->($planted);
like($found, qr/a password of a branch in /, 'the search sees a secret that is there');

$t->wait_caught_up;
is($t->replica_psql('SELECT whole = public.whole() FROM proof ORDER BY n DESC LIMIT 1'), 't', 'and the replica went on');
$t->stop_all;
done_testing();

sub number { my ($high, $low) = split m{/}, $_[0]; return (hex($high) << 32) + hex($low); }
