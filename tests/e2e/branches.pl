# SPDX-License-Identifier: PostgreSQL
# The product's way from a source to a branch, by the command line alone: what a user types, and what he sees. The source has
# what applications have; the branch equals it at the branch's own LSN, in schema and rows, and is sound (pg_amcheck).
use strict;
use warnings;
use Ardent::Test;
use IPC::Run;
use JSON::PP;
use Test::More;

my $t = Ardent::Test->new(name => 'branches_e2e', sql => <<'SQL');
CREATE ROLE shop_owner;
CREATE ROLE clerk;
CREATE EXTENSION pg_trgm;
CREATE TYPE public.state AS ENUM ('new', 'paid');
CREATE DOMAIN public.amount AS numeric(10, 2) CHECK (VALUE >= 0);
CREATE TABLE public.customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE INDEX customer_trgm ON public.customer USING gin (name gin_trgm_ops);
CREATE TABLE public.orders (id serial, customer_id bigint NOT NULL REFERENCES public.customer, state public.state DEFAULT 'new', total public.amount, placed date NOT NULL, PRIMARY KEY (id, placed)) PARTITION BY RANGE (placed);
CREATE TABLE public.orders_2025 PARTITION OF public.orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE public.orders_2026 PARTITION OF public.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE public.log (id serial PRIMARY KEY, what text);
CREATE VIEW public.open_orders AS SELECT o.id, c.name FROM public.orders AS o JOIN public.customer AS c ON c.id = o.customer_id WHERE o.state = 'new';
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log (what) VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON public.customer FOR EACH ROW EXECUTE FUNCTION public.note();
ALTER TABLE public.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.customer FOR SELECT TO clerk USING (id > 0);
GRANT SELECT ON public.customer TO clerk;
ALTER TABLE public.log OWNER TO shop_owner;
INSERT INTO public.customer (name) SELECT 'customer ' || g FROM generate_series(1, 500) AS g;
INSERT INTO public.orders (customer_id, total, placed) SELECT g, g, date '2025-06-01' + g FROM generate_series(1, 400) AS g;
SQL
my $database = $Ardent::Test::database;
# rows under row security are read by who is asked to see them all
$t->source->safe_psql('postgres', 'ALTER ROLE ardent_replication BYPASSRLS');
my $port = Ardent::Test::free_ports(41);
$t->start_environment('branch.ports' => "$port-" . ($port + 20));
my $key = $t->write_file('admin.key', "$t->{admin_key}\n", 0600);
mkdir $t->dir . '/home';
# The command as a user has it: a home of his own, and nothing of the test's settings.
my $ardent = sub {
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (PATH => $ENV{PATH}, HOME => $t->dir . '/home', LANG => 'C.UTF-8', TZ => 'UTC');
	IPC::Run::run([ $Ardent::Test::bin . '/ardent', @arguments ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
};
my $sql = sub {
	my ($url, $statement) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $url, '-c', $statement ], '<', \undef, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $err eq '' ? $out : "ERROR $err";
};

my ($code, $out, $err) = $ardent->('login', '--url', $t->url, '--token-file', $key);
is($code, 0, 'ardent login') or diag($err);
$t->create_connector;
($code, $out, $err) = $ardent->('branch', 'create', 'too-early');
isnt($code, 0, 'no branch before there is a replica');
is($out, '', 'and nothing on stdout');
$t->start_agent;
$t->wait_streaming;
($code, $out, $err) = $ardent->('login', '--url', $t->url, '--token-file', $key);
is($code, 0, 'ardent login selects the only connector');

($code, $out, $err) = $ardent->('branch', 'create', 'my-feature');
is($code, 0, 'ardent branch create my-feature') or diag($err);
my ($url) = $out =~ /\A✓ Branch 'my-feature' created and checked out in [0-9.]+s\n\n(postgresql:\S+)\n\z/;
ok($url, 'prints what the product prints') or BAIL_OUT("no URL: $out$err");
like($url, qr/sslmode=verify-full&sslrootcert=/, 'its URL verifies the server');
is($sql->($url, 'SELECT count(*) FROM customer'), '500', 'the URL works as it is');

# Source and branch at the branch's LSN: nobody has written since.
($code, $out) = $ardent->('branch', 'info', '--format', 'json');
my $info = decode_json($out);
is_deeply([ @$info{qw(name schema_version current)} ], [ 'my-feature', 3, JSON::PP::true ], 'branch info as JSON');
my $dump = sub {
	my ($where) = @_;
	my ($text, $problems) = ('', '');
	IPC::Run::run([ 'pg_dump', '--schema-only', '--no-owner', '--no-privileges', '--exclude-schema=ardent', '--exclude-extension=ardent', '-d', $where ], '>', \$text, '2>', \$problems)
	  or IPC::Run::run([ 'pg_dump', '--schema-only', '--no-owner', '--no-privileges', '--exclude-schema=ardent', '-d', $where ], '>', \$text, '2>', \$problems)
	  or die "pg_dump: $problems";
	# what only the source has: the extension, its server and its triggers; and the random words of newer pg_dumps
	return join "\n", sort grep { !/^(?:--|\\(?:un)?restrict|SET |SELECT pg_catalog.set_config|$)/ && !/ardent/ } split /\n/, $text;
};
is($dump->($url), $dump->($t->source->connstr($database)), "the branch's schema is the source's");
my $sum = q(SELECT md5(string_agg(r, '|' ORDER BY r)) FROM (SELECT 'c' || c::text FROM customer AS c UNION ALL SELECT 'o' || o::text FROM orders AS o UNION ALL SELECT 'l' || l::text FROM log AS l) AS x (r));
is($sql->($url, $sum), $t->source->safe_psql($database, $sum), 'and so are its rows');
is($sql->($url, q(SELECT string_agg(tableowner, ',' ORDER BY tablename) FROM pg_tables WHERE tablename IN ('log'))), 'shop_owner', 'owners are kept');
is($sql->($url, 'SET ROLE clerk; SELECT count(*) FROM customer'), '500', 'grants and row security work');
like($sql->($url, q(SELECT '-1'::amount)), qr/violates check constraint/, 'what the replica did not judge is judged here');
like($sql->($url, q(INSERT INTO orders (customer_id, placed) VALUES (9999, '2026-01-01'))), qr/violates foreign key/, 'foreign keys hold');
is($sql->($url, q(INSERT INTO customer (name) VALUES ('mine') RETURNING id > 500 AND upper_name = 'MINE')), 't', 'identity and generated columns work');
is($sql->($url, 'SELECT count(*) FROM log'), '501', 'triggers fire');
is($t->source->safe_psql($database, 'SELECT count(*) FROM customer'), '500', 'the source is unchanged');
is($t->replica_psql('SELECT count(*) FROM customer'), '500', 'and so is the replica');
# As the instance's superuser, over its own socket: amcheck is for superusers.
SKIP:
{
	skip 'pg_amcheck came with 14', 1 if $t->major < 14;
	my $said = '';
	ok(IPC::Run::run([ 'pg_amcheck', '--install-missing', '--heapallindexed', '--exclude-schema=pg_toast', '-h', $t->dir . '/run/' . substr($info->{id}, 0, 12),
		'-p', 5432, '-U', 'ardent_admin', '-d', $database ], '<', \undef, '>&', \$said), 'pg_amcheck is clean') or diag($said);
}

# No way out.
$t->source->safe_psql($database, 'CREATE EXTENSION dblink');
$t->wait_caught_up;
like($sql->($url, $_), qr/^ERROR/, "no way out: $_")
  foreach q(COPY (SELECT 1) TO PROGRAM 'id'), q(SELECT pg_read_file('/etc/passwd')), q(COPY customer TO '/tmp/x'), q(SELECT lo_import('/etc/passwd')),
  'CREATE EXTENSION plpython3u', q(ALTER SYSTEM SET fsync = off), q(CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p);

($code, $out) = $ardent->('branch', 'list');
like($out, qr/^Branches:.*^\* ● my-feature$/ms, 'branch list');
($code, $out) = $ardent->('branch', 'create', 'feature/other', '--print-url', '--ttl', '1d');
is($code, 0, 'a second one, of a Git name');
my $other = $out =~ s/\n\z//r;
is($sql->($other, q(SELECT count(*) FROM customer WHERE name = 'mine')), '0', 'has nothing of the first');
($code, $out) = $ardent->('branch', 'switch', 'my-feature');
like($out, qr/\ASwitched from 'feature-other' to 'my-feature'\n\Q$url\E\n\z/, 'branch switch');
($code, $out) = $ardent->('branch', 'psql', 'my-feature', '--', '-At', '-c', 'SELECT 42');
is($out, "42\n", 'branch psql');

# Reset: newest data, same URL.
$t->source->safe_psql($database, q(INSERT INTO customer (name) VALUES ('newest')));
$t->wait_caught_up;
($code, $out, $err) = $ardent->('branch', 'reset', 'my-feature');
is($code, 0, 'branch reset') or diag($err);
is($sql->($url, q(SELECT string_agg(name, ',') FROM customer WHERE name IN ('mine', 'newest'))), 'newest', 'has the newest data and nothing of before, at the same URL');

($code, $out, $err) = $ardent->('branch', 'suspend', 'my-feature');
is($code, 0, 'branch suspend') or diag($err);
($code, $out) = $ardent->('branch', 'list');
like($out, qr/○ my-feature\n.*suspended/, 'which is shown');
is($sql->($url, 'SELECT 1'), '1', 'a client wakes it');
($code) = $ardent->('branch', 'update', 'my-feature', '--protect');
is($code, 0, 'branch update --protect');
($code, $out, $err) = $ardent->('branch', 'delete', 'my-feature');
is($code, 1, 'a protected branch is not deleted');
like($err, qr/--no-protect/, 'and the error says what to do');
($code) = $ardent->('branch', 'update', 'my-feature', '--no-protect', '--ttl', '2s');
is($code, 0, 'branch update --ttl');
$t->wait_for('it has expired', sub { my ($c, $o) = $ardent->('branch', 'list'); return $o !~ /my-feature/ });
($code, $out, $err) = $ardent->('branch', 'info', 'my-feature', '--print-url');
isnt($code, 0, 'an expired branch has no URL');
is($out, '', 'nothing on stdout');
($code, $out) = $ardent->('branch', 'delete', 'feature-other');
is_deeply([ $code, $out ], [ 0, "✓ Branch deleted\n" ], 'branch delete');

# No secret of the environment is in a branch's files.
($code, $out) = $ardent->('branch', 'create', 'last', '--print-url');
my @secrets = ($t->{admin_key}, do { local (@ARGV, $/) = $t->{token_file}; <> =~ s/\s+\z//r }, 'only for tests');
my $found = '';
IPC::Run::run([ 'grep', '-rlaF', (map { ('-e', $_) } @secrets), $t->dir . '/data/branches' ], '>', \$found, '2>', '/dev/null');
is($found, '', "no secret of the environment stands in a branch's files");
$t->stop_all;
done_testing();
