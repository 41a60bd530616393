# SPDX-License-Identifier: PostgreSQL
# Who has an agent's token sends any bytes as the source's schema. Were there a way to take pg_restore over by them, it would be
# in the room of its replica: here pg_restore is a program of the attacker's from the beginning, and tells how far it sees.
use strict;
use warnings;
use Ardent::Attack;
use Ardent::Test;
use IO::Socket::INET;
use IPC::Run;
use Test::More;

my $t = Ardent::Test->new(name => 'restoring');
my $servers = Ardent::Attack::own_servers($t);
my $program = $t->write_file('pg_restore.c', <<'C');
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static int can_read(const char *base, const char *more)
{
	char path[4096];
	snprintf(path, sizeof path, "%s%s", base, more);
	return open(path, O_RDONLY) >= 0;
}
int main(int argc, char **argv)
{
	const char *archive = argv[argc - 1]; /* DATA/replicas/ID/copy/schema.dump */
	char folder[4096];
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int reached = connect(tcp, (struct sockaddr *) &address, sizeof address) == 0;
	strcpy(folder, archive);
	*strrchr(folder, '/') = 0;
	fprintf(stderr, "archive %d, host %d, shell %d, environment %d, replica %d, writes %d %d, network %d, processes %d\n",
		can_read(archive, ""), can_read("/etc/hostname", "") || can_read("/proc/self/environ", ""), can_read("/bin/sh", ""),
		can_read(folder, "/../../../environment.lock"), can_read(folder, "/../data/PG_VERSION"),
		creat(strcat(folder, "/planted"), 0600) >= 0, creat("/usr/planted", 0600) >= 0, reached, kill(PID, 0) == 0);
	return 1;
}
C
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or die "no port: $!";
my $said = '';
my $restore = "$servers->{bin}/pg_restore";
unlink $restore;
IPC::Run::run([ 'g++', '-x', 'c', "-DPORT=" . $listener->sockport, "-DPID=$$", '-o', $restore, $program ], '<', \undef, '>&', \$said) or die "g++: $said";
my $free = qx("$restore" "$program" 2>&1);
like($free, qr/host 1, shell 1, .* network 1, processes 1/, 'outside the program reaches all of it');

$t->start_environment(%{ $servers->{settings} });
$t->create_connector;
$t->start_agent;
my $failure;
$t->wait_for('the copy has failed', sub { return $failure = $t->connector->{failure} });
like($failure->{message}, qr/archive 1, host 0, shell 0, environment 0, replica 0, writes 0 0, network 0, processes 0/,
	'inside it reads the archive, and reaches nothing else');
$t->stop_all;
done_testing();
