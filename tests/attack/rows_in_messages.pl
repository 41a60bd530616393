# SPDX-License-Identifier: PostgreSQL
# A failure says where it happened, and not what is in the rows: no value reaches a log, the status or the environment's state.
# The key of the row that is meant is told to who may ask the API, and stands in no log.
use strict;
use warnings;
use Ardent::Test;
use JSON::PP;
use Test::More;

my $secret = 'TOPSECRET';
my $key = 918273645;
my $t = Ardent::Test->new(name => 'rows', sql => <<"SQL");
CREATE TABLE public.people (id integer PRIMARY KEY, secret text);
INSERT INTO public.people VALUES ($key, '$secret'), (2, 'other');
CREATE TABLE public.whole (v text);
ALTER TABLE public.whole REPLICA IDENTITY FULL;
CREATE FUNCTION public.checked(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
	IF current_setting('max_wal_senders')::integer < 10 THEN
		RAISE EXCEPTION 'not this value: %', v USING DETAIL = v, HINT = v;
	END IF;
	RETURN v;
END \$\$;
CREATE TABLE public.indexed (id integer PRIMARY KEY, v text);
INSERT INTO public.indexed VALUES (1, '$secret');
CREATE INDEX checked_values ON public.indexed (public.checked(v));
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $at_source = sub { return $source->safe_psql($database, $_[0]); };

sub slurp { my ($file) = @_; open(my $in, '<', $file) or return ''; local $/ = undef; return scalar(<$in>) // ''; }

sub told_without
{
	my ($what, $value, %but) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %texts = (
		'the log of the agent' => $t->agent->log_text, 'the log of the environment' => $t->environment->log_text,
		'the status' => JSON::PP->new->canonical->encode($t->connector), 'ardent connector status' => ($t->cli('connector', 'status', $database))[1],
	);
	foreach my $name (sort grep { !$but{$_} } keys %texts)
	{
		my ($found) = $texts{$name} =~ /(.{0,200}\Q$value\E)/;
		is($found, undef, "$what: $name does not tell it");
	}
	# in its own log, beside the rows themselves, a server says what it says, but no details and no statements
	unlike(join('', map { slurp($_) } glob $t->replica_dir . '/log/*'), qr/(?:DETAIL|CONTEXT|STATEMENT|HINT):/,
		"$what: the replica's own log has no details");
	return if $but{state};
	my @files = split /\n/, qx(grep -rlF -- '$value' '${\ $t->dir }/data/state' 2>/dev/null);
	is("@files", '', "$what: nor does the environment's state");
	return;
}

# the copy: an index whose function raises
$t->start_all;
$t->wait_caught_up;
like($t->environment->log_text, qr/checked_values/, 'an index cannot be built in the replica, and is named');
told_without('the copy', $secret);

my $admin = $t->replica_admin;
my $behind_our_back = sub {
	my ($sql) = @_;
	my $said = '';
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $admin, '-c', $sql ], '>&', \$said) or die $said;
};
my $fails = sub {
	my ($what, $damage, $change, $like, $mend, %but) = @_;
	$behind_our_back->($damage);
	$at_source->($change);
	$t->wait_status('failed');
	$t->wait_for('the agent says so', sub { return $t->agent->log_text =~ /stopped at the environment/ });
	my $failure = $t->connector->{failure};
	like($failure->{message}, $like, "$what: the failure says what");
	like($failure->{table}, qr/^public\./, "$what: and the table");
	like($failure->{lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, "$what: and the LSN");
	ok(length $failure->{hint}, "$what: and what to do");
	told_without($what, $secret, %but);
	$behind_our_back->($mend);
	$t->http('POST', "/v1/connectors/$t->{connector}/engine-setup", {});
	$t->wait_streaming(90);
	$t->wait_caught_up(90);
	return $failure;
};

my $failure = $fails->('a unique index', 'CREATE UNIQUE INDEX hers ON public.people (secret)', "INSERT INTO people VALUES (3, '$secret')",
	qr/duplicate key.*hers.*23505/, 'DROP INDEX public.hers');
is($failure->{row}, '(id) = (3)', 'the key is in a field of its own');
$fails->('another type', 'ALTER TABLE public.people ADD COLUMN x integer; ALTER TABLE public.people DROP COLUMN x;'
	  . q( ALTER TABLE public.people ALTER COLUMN secret TYPE integer USING 0), "INSERT INTO people VALUES (4, '$secret')",
	qr/invalid input syntax for type integer: \x{2026}.*22P02/, 'ALTER TABLE public.people ALTER COLUMN secret TYPE text; '
	  . "UPDATE public.people SET secret = CASE id WHEN 2 THEN 'other' ELSE '$secret' END");
$fails->('a function that raises', 'CREATE INDEX theirs ON public.people (public.checked(id::text)) WHERE secret IS NULL;'
	  . ' CREATE INDEX raises ON public.people (public.checked(secret)) WHERE id > 1000000000',
	"INSERT INTO people VALUES (1000000001, '$secret')", qr/raised an exception.*function (?:public\.)?checked/, 'DROP INDEX public.raises');

# a miss: the key is the contract, for who may ask
$failure = $fails->('a miss', "DELETE FROM public.people WHERE id = $key", "UPDATE people SET secret = '$secret' WHERE id = $key",
	qr/did not find its row/, "INSERT INTO public.people VALUES ($key, '$secret')");
is($failure->{row}, "(id) = ($key)", 'a miss names the key');
my %may = map { $_ => 1 } 'the status', 'ardent connector status', 'state';
told_without('the key of a missing row', $key, %may);
is($t->agent->stop, 0, 'the agent stops');
$t->stop_all;
done_testing();
