# SPDX-License-Identifier: PostgreSQL
# Branches where the file system shares blocks: an environment on XFS with reflink and one on Btrfs, made by scripts/test for files with
# the next line. A branch is cut by the method that was tried at the start, costs what it writes, and equals the replica, which goes on;
# it is reset and deleted without a rest. A data directory that was copied, and so has no subvolumes, is cut by reflink on Btrfs, too.
# on volumes
use strict;
use warnings;
use Ardent::Branching;
use Ardent::Test;
use IPC::Run;
use Test::More;

plan skip_all => $ENV{ARDENT_NO_VOLUMES} || 'file systems are mounted by scripts/test, as root' unless $ENV{ARDENT_VOLUMES};
my %method = (xfs => 'reflink', btrfs => 'snapshot');
foreach my $kind (sort keys %method)
{
	my $volume = "$ENV{ARDENT_VOLUMES}/$kind";
	SKIP:
	{
		skip "there is no $kind here", 1 unless -d $volume;
		subtest $kind => sub { on($kind, $volume) };
	}
}
done_testing();

sub subvolumes { my ($folder) = @_; return grep { (lstat($_))[1] == 256 } glob("$folder/*/data"), glob("$folder/*/data.*") }

sub on
{
	my ($kind, $volume) = @_;
	my $t = Ardent::Test->new(name => "volumes_$kind", sql => <<'SQL');
CREATE TABLE public.pair (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.pair VALUES (1, 0), (2, 0);
CREATE TABLE public.bulk (id integer PRIMARY KEY, v text);
INSERT INTO public.bulk SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) AS g;
SQL
	my $data = "$volume/data";
	mkdir $data or die "$data: $!";
	my $b = Ardent::Branching->new($t, 'environment.data_dir' => $data, 'branch.reserve' => '1MB');
	my $replica = "$data/replicas/$t->{connector}/data";
	is((lstat($replica))[1] == 256 ? 'a subvolume' : 'a folder', $kind eq 'btrfs' ? 'a subvolume' : 'a folder', "the replica's data directory");
	my ($code, $said) = $t->cli('status');
	like($said, qr/branches by $method{$kind}/, 'ardent status tells the method');

	my $load = $b->load('UPDATE pair SET n = n + 1; UPDATE bulk SET v = v WHERE id = 1 + (random() * 90000)::integer');
	my @ids = map { $b->create_ok("under-load-$_") } 1 .. 3;
	$load->end;
	foreach my $id (@ids)
	{
		my $row = $b->row($id);
		is($row->{method}, $method{$kind}, 'cut by the method of the file system');
		is($b->psql($id, 'SELECT count(DISTINCT n) FROM pair', 'SELECT count(*), sum(length(v)) FROM bulk'), "1\n100000|96000000", 'one commit, whole');
		note join ', ', map { "$_->{name} $_->{ms} ms" } @{ $row->{steps} };
	}
	$t->wait_caught_up;
	my $id = $b->create_ok('at-rest');
	my $sum = q(SELECT md5(string_agg(id || v, '' ORDER BY id)) FROM bulk);
	is($b->psql($id, $sum), $t->replica_psql($sum), 'its rows are the replica\'s');
	is($b->psql($id, $sum), $t->source->safe_psql($Ardent::Test::database, $sum), 'and the source\'s');
	$t->wait_for('it is durable', sub { return $b->row($id)->{durable} });
	my $own = $b->row($id)->{own_bytes};
	note "own bytes $own";
	cmp_ok($own, '<', 20 << 20, 'a fresh branch has below 20 MB of its own');
	cmp_ok($own, '>', 0, 'and more than nothing');

	# What is written in one is in no other.
	is($b->psql($id, q(UPDATE bulk SET v = 'mine' WHERE id <= 1000), 'DROP TABLE pair'), '', 'it is written to');
	is($b->psql($ids[0], q(SELECT count(*) FROM bulk WHERE v = 'mine')), '0', 'which no other branch sees');
	is($t->replica_psql(q(SELECT count(*) FROM bulk WHERE v = 'mine')), '0', 'nor the replica');
	$t->source->safe_psql($Ardent::Test::database, q(UPDATE bulk SET v = 'newest' WHERE id = 5));
	$t->wait_caught_up;
	is($b->psql($id, 'SELECT v FROM bulk WHERE id = 5'), 'mine', 'what the replica does is not in the branch');
	$t->compare_ok('the replica goes on');

	is($b->act($id, 'reset'), 'completed', 'a reset') or diag($b->{error});
	is($b->psql($id, 'SELECT v FROM bulk WHERE id = 5', 'SELECT count(*) FROM pair'), "newest\n2", 'has the newest data');
	is($b->row($id)->{method}, $method{$kind}, 'by the same method');
	is(join(' ', glob($b->directory($id) . '/data.*')), '', 'and leaves nothing beside them');
	is(scalar(subvolumes("$data/branches")), $kind eq 'btrfs' ? 4 : 0, 'a subvolume a branch, on Btrfs');

	# Copied, as an administrator moves an environment.
	is($b->delete($_), 'completed', 'deleted') foreach map { $_->{id} } $b->list;
	$t->agent->stop;
	$t->environment->stop;
	IPC::Run::run([ 'cp', '-a', '--reflink=auto', $data, "$volume/copied" ], '>&', \$said) or die $said;
	$t->start_environment('environment.data_dir' => "$volume/copied");
	$t->start_agent;
	$t->wait_streaming;
	$id = $b->create_ok('of-a-copy');
	is($b->row($id)->{method}, 'reflink', 'a data directory that was copied is cut by reflink');
	is($b->psql($id, $sum), $t->source->safe_psql($Ardent::Test::database, $sum), 'with its rows');
	$t->wait_for('it is durable', sub { return $b->row($id)->{durable} });
	cmp_ok($b->row($id)->{own_bytes}, '<', 20 << 20, 'for below 20 MB');
	is($b->act($id, 'reset'), 'completed', 'reset') or diag($b->{error});
	is($b->delete($id), 'completed', 'and deleted');
	is(join(' ', glob("$volume/copied/branches/*")), '', 'without a rest');
	$t->stop_all;
	return;
}
