# SPDX-License-Identifier: PostgreSQL
# `ardent branch psql` with a real psql and a real server: it gets in by the password, which is in no argument and no variable of
# the process, whatever the caller's variables of libpq say; and it gets in a second time.
use strict;
use warnings;
use Ardent::Branches;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $password = q(a:b\\c 'd" %41);
my $server = PostgreSQL::Test::Cluster->new('branch');
$server->init(extra => ['--encoding=UTF8']);
$server->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\npassword_encryption = 'scram-sha-256'\n");
unlink $server->data_dir . '/pg_hba.conf';
$server->append_conf('pg_hba.conf', "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
$server->start;
my $quoted = $password =~ s/'/''/gr;
$server->safe_psql('postgres', 'CREATE DATABASE shop');
$server->safe_psql('postgres', "CREATE ROLE branch_user LOGIN PASSWORD '$quoted'");

my $b = Ardent::Branches->new;
$b->control(host => '127.0.0.1', port => $server->port + 0, user => 'branch_user', password => $password, sslmode => 'disable');
is($b->run('branch', 'create', 'x')->{code}, 0, 'a branch');
# what stands in the way of the caller: another server, another user, a wrong password
$b->{env} = { PGHOST => '/nowhere', PGHOSTADDR => '127.0.0.2', PGPORT => 1, PGUSER => 'other', PGPASSWORD => 'wrong', PGPASSFILE => '/nowhere',
	PGDATABASE => 'other', PGSERVICE => 'other', PGSSLMODE => 'verify-full' };
my $r = $b->run('branch', 'psql', 'x', '--', '-XAtc', q(SELECT current_user || ' ' || current_database()));
is($r->{out}, "branch_user shop\n", 'psql is in the branch') or diag($r->{err});
is($r->{code}, 0, 'with its exit code');
is($b->run('branch', 'psql', 'x', '--', '-XAtc', 'SELECT 1/0')->{code}, 1, 'also of a failure');
$r = $b->run('branch', 'psql', 'x', '--', '-XAt', '-c', '\\c shop', '-c', 'SELECT current_user',
	'-c', q(\\! cat /proc/$PPID/cmdline /proc/$PPID/environ | tr '\\0' '\\n'), '-c', q(\\! ls -l "$PGPASSFILE" | cut -d' ' -f1));
like($r->{out}, qr/^branch_user$/m, 'it connects anew') or diag($r->{err});
like($r->{out}, qr/psql$/m, 'its arguments are seen');
like($r->{out}, qr/^PGUSER=branch_user$/m, 'and its variables');
unlike($r->{out}, qr/a:b|a\\:b|%41|wrong/, 'without the password, and without the caller\'s');
my @left = grep { slurp_file($_) =~ /a\\?:b/ } grep { -f } glob($b->dir . '/* ' . $b->home . '/.ardent/*');
is_deeply(\@left, [], 'nothing is left in a file');
$server->stop;
done_testing();
