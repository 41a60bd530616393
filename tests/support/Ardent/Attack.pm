# SPDX-License-Identifier: PostgreSQL
# What an attacker does in tests/attack: code that takes a superuser's rights as soon as it runs with them, and DDL messages
# of one's own with the source's true code, as whoever can read the key writes them.
#
#   my $attack = Ardent::Attack->new($t);    # DDL capture is on
#   $attack->emit(tag => …, text => …, objects => […]);
#   is($attack->superusers, 'ardent_admin', …);
package Ardent::Attack;
use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(hmac_sha256_hex);
use IPC::Run;
use JSON::PP;

# public.grab(): makes app a superuser of the replica when the replica's superuser calls it. Its own names are safe.
our $grab = <<'SQL';
CREATE FUNCTION public.grab() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF current_user OPERATOR(pg_catalog.=) 'ardent_admin' THEN
    EXECUTE 'ALTER ROLE app SUPERUSER';
  END IF;
END $f$;
SQL

sub new
{
	my ($class, $t) = @_;
	my $database = $Ardent::Test::database;
	my $options = $t->source->safe_psql($database, q(SELECT option_name || ' ' || option_value FROM pg_user_mapping, pg_options_to_table(umoptions)));
	my %options = map { split / /, $_, 2 } split /\n/, $options;
	return bless { t => $t, database => $database, key => $options{current}, secret => pack('H*', $options{"key_$options{current}"}),
		prefix => $t->source->safe_psql($database, 'SELECT ardent.ddl_prefix()'),
		database_oid => $t->source->safe_psql($database, "SELECT oid FROM pg_database WHERE datname = '$database'") + 0 }, $class;
}

# The same key in the hands of another role of the source.
sub as { my ($self, $role) = @_; return bless { %$self, role => $role }, ref $self; }

# One signed message in a transaction of its own; false when the source does not let it be written.
sub emit
{
	my ($self, %body) = @_;
	my ($t, $key) = @$self{qw(t key)};
	my ($in, $out) = ("BEGIN; SELECT pg_current_xact_id();\n", '');
	my $psql = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $t->source->connstr($self->{database}), $self->{role} ? ('-U', $self->{role}) : () ], '<', \$in, '>', \$out);
	$t->wait_for('a transaction has begun', sub { $psql->pump_nb; return $out =~ /^\d+\n/ });
	my ($xid) = $out =~ /^(\d+)/;
	my $text = JSON::PP->new->canonical->encode({ kind => 'ddl', database => $self->{database}, database_oid => $self->{database_oid},
		xid => "$xid", ordinal => 1, role => 'postgres', search_path => 'public', settings => {}, text_known => JSON::PP::true,
		masked => JSON::PP::false, nested => JSON::PP::false, objects => [], %body });
	my $code = hmac_sha256_hex("ardent.ddl\n1\n$key\n$text", $self->{secret});
	$in = qq(SELECT pg_logical_emit_message(true, '$self->{prefix}', \$m\${"version":1,"key":"$key","hmac":"$code","body":$text}\$m\$);\nCOMMIT;\n\\q\n);
	return $psql->finish;
}

# A forged message reaches the replica: without this, every attack by one is held by never arriving.
sub arrives
{
	my ($self) = @_;
	my ($t, $name) = ($self->{t}, 'forged_message');
	$self->emit(tag => 'CREATE FUNCTION', text => "CREATE FUNCTION public.$name() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
		objects => [ { type => 'function', schema => 'public', oid => 1, command => 'CREATE FUNCTION', identity => "public.$name()" } ]);
	return $t->wait_for('a forged message arrives', sub { ($t->replica_try("SELECT count(*) FROM pg_proc WHERE proname = '$name'") // 0) == 1 });
}

# It is in the replica, or it stopped the connector, which then leaves it out; true in the first case.
sub settle
{
	my ($self) = @_;
	my $t = $self->{t};
	my $n = $t->source->safe_psql($self->{database}, 'UPDATE public.beacon SET n = n + 1 RETURNING n');
	my $failure;
	$t->wait_for('the attack is over', sub {
		my $connector = $t->connector;
		$failure = $connector->{status} eq 'failed' ? $connector->{failure} : undef;
		return $failure || ($t->replica_try('SELECT n FROM public.beacon') // '') eq $n;
	});
	return 1 if !$failure;
	$self->{failure} = $failure->{message};
	$t->cli('connector', 'retry-setup', $self->{database}, '--skip-ddl', $failure->{lsn});
	$t->wait_with_agent('it streams again', sub { return $t->status =~ /^(?:streaming|degraded)$/ });
	$t->wait_caught_up;
	return 0;
}

sub superusers { my ($self) = @_; return $self->{t}->replica_psql(q(SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolsuper)); }

# Servers of a test's own, in which it may change what a host's administrator would: { settings of the environment that uses them,
# bin => programs, share => extensions and more }. PostgreSQL finds its files from where its program lies.
sub own_servers
{
	my ($t) = @_;
	my ($bin, $share) = map { chomp(my $path = qx(@{[ $ENV{PG_CONFIG} // 'pg_config' ]} --$_)); $path } qw(bindir sharedir);
	my $root = $t->dir . '/servers';
	foreach my $folder ($bin =~ s{/bin$}{}r, $share)
	{
		IPC::Run::run([ 'mkdir', '-p', "$root$folder" ]) && IPC::Run::run([ 'cp', '-rL', "$folder/.", "$root$folder" ]) or croak "cannot copy $folder";
	}
	return { bin => "$root$bin", share => "$root$share",
		settings => { 'replica.binaries' => $root . ($bin =~ s{/[^/]+/bin$}{}r), 'environment.readable' => ["$root$share"] } };
}

# Puts an extension's files (name => text) where the source's server finds its own, and into servers of own_servers. They go with the
# test.
my ($owner, @put) = ($$);
sub put_extension
{
	my ($t, $servers, %files) = @_;
	my $setting = sub { return $t->source->safe_psql('postgres', "SELECT current_setting('$_[0]', true)") };
	my ($source_share) = $setting->('extension_control_path') =~ /^([^:]+)/;
	$source_share = $setting->('extension_destdir') . ($servers->{share} =~ s{^\Q@{[ $t->dir ]}\E/servers}{}r) if !$source_share;
	push @put, map { "$source_share/extension/$_" } keys %files;
	foreach my $folder ("$source_share/extension", "$servers->{share}/extension")
	{
		foreach my $file (sort keys %files)
		{
			open(my $out, '>', "$folder/$file") or croak "$folder/$file: $!";
			print $out "$files{$file}\n";
			close $out;
		}
	}
	return;
}
END { unlink @put if $$ == $owner }

# Who may act as a role of the replica's own or a predefined one, but for what the replica is made of.
sub memberships
{
	my ($self) = @_;
	return $self->{t}->replica_psql(q(SELECT string_agg(u.rolname || ' in ' || r.rolname, ', ' ORDER BY u.rolname, r.rolname)
		FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid JOIN pg_roles AS u ON u.oid = m.member
		WHERE (r.rolname ~ '^(pg_|ardent_)') AND u.rolname !~ '^(pg_|ardent_)'));
}

1;
