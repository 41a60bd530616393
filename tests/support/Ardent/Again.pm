# SPDX-License-Identifier: PostgreSQL
# What the tests of tables that are copied again share: a writer that goes on beside them, and looks at what is pending.
package Ardent::Again;
use strict;
use warnings;
use Carp;
use Exporter 'import';
use IPC::Run;
use Time::HiRes qw(time);

our @EXPORT = qw(start_writer stop_writer pending wait_no_pending wait_pending session altered_and_locked copy_in_progress);

# pgbench that inserts, updates and deletes in the tables (id integer PRIMARY KEY, v text), until it is stopped.
sub start_writer
{
	my ($t, @tables) = @_;
	my $script = join '', map {
		"\\set id random(1, 3000)\n\\set what random(1, 4)\n"
		  . "\\if :what = 1\nDELETE FROM $_ WHERE id = :id;\n"
		  . "\\elif :what = 2\nUPDATE $_ SET v = v || 'u' WHERE id = :id;\n"
		  . "\\else\nINSERT INTO $_ (id, v) VALUES (:id, 'new') ON CONFLICT (id) DO UPDATE SET v = excluded.v;\n\\endif\n"
	} @tables;
	my $file = $t->write_file('writer.sql', $script);
	my ($out) = ('');
	my $writer = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-R', '100', '-T', '600', '-f', $file,
		$t->source->connstr($Ardent::Test::database) ], '<', \undef, '>&', \$out);
	return { run => $writer, out => \$out, t => $t, begun => transactions($t) };
}

sub stop_writer
{
	my ($writer) = @_;
	my $written = transactions($writer->{t}) - $writer->{begun};
	$writer->{run}->pump_nb;
	my $went_on = $writer->{run}->pumpable;
	$writer->{run}->signal('TERM');
	eval { $writer->{run}->finish };
	croak "the writer has ended by itself: ${ $writer->{out} }" unless $went_on;
	croak "the writer has written next to nothing ($written transactions): ${ $writer->{out} }" unless $written > 100;
	return;
}

# that have had an id
sub transactions
{
	my ($t) = @_;
	return $t->source->safe_psql('postgres', 'SELECT txid_snapshot_xmax(txid_current_snapshot())');
}

# The tables that wait for a copy, as the API shows them: name => row. Dies when the connector has failed.
sub pending
{
	my ($t) = @_;
	my $connector = $t->connector;
	croak "failed: $connector->{failure}{message}" if $connector->{status} eq 'failed';
	return { map { $_->{table} => $_ } @{ $connector->{copy_again} // [] } };
}

sub wait_no_pending
{
	my ($t, $what) = @_;
	return $t->wait_with_agent("$what: no table waits for a copy", sub { return !%{ pending($t) } }, 120);
}

# Waits until the table is shown as pending with a detail like this; its row.
sub wait_pending
{
	my ($t, $table, $detail, $state) = @_;
	my $row;
	$t->wait_with_agent("$table waits for a copy: $detail", sub {
		$row = pending($t)->{$table};
		return $row && ($row->{detail} // '') =~ $detail && (!defined $state || $row->{state} eq $state);
	});
	return $row;
}

# A session at the source that stays: $s->run(sql) waits for its end, $s->send(sql) does not.
sub session
{
	my ($t) = @_;
	my $self = bless { in => '', out => '', n => 0 }, 'Ardent::Again::Session';
	$self->{run} = IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', $t->source->connstr($Ardent::Test::database) ],
		'<', \$self->{in}, '>&', \$self->{out}, IPC::Run::timeout(120));
	$self->run('SELECT 1');
	return $self;
}

# The statement on the table is committed, and a session has the table locked before anybody else could get at it.
sub altered_and_locked
{
	my ($t, $table, $sql) = @_;
	my ($alters, $locks) = (session($t), session($t));
	$alters->run("BEGIN; $sql");
	$locks->send("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	$t->wait_for('the lock is asked for', sub {
		return $t->source->safe_psql($Ardent::Test::database,
			"SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = '$table'::regclass") eq '1';
	});
	$alters->run('COMMIT');
	$locks->wait;
	$alters->end;
	return $locks;
}

my $columns = 0;

# Makes a table's copy wanted and catches it under way: the statement gets a new number until `caught` has found it so.
sub copy_in_progress
{
	my ($t, $table, $caught) = @_;
	foreach my $attempt (1 .. 8)
	{
		$t->source->safe_psql($Ardent::Test::database, "ALTER TABLE $table ADD COLUMN x" . ++$columns . ' float8 DEFAULT random()');
		my $deadline = time + 60;
		my $state = '';
		until ($state eq 'copying' || time > $deadline)
		{
			my $row = pending($t)->{"public.$table"};
			last if !$row && $state ne '';
			$state = $row->{state} if $row;
		}
		return $attempt if $state eq 'copying' && $caught->();
		wait_no_pending($t, "attempt $attempt");
	}
	croak "the copy of $table was never caught";
}

package Ardent::Again::Session;
use strict;
use warnings;

sub send { my ($self, $sql) = @_; ++$self->{n}; $self->{in} .= "$sql;\n\\echo done $self->{n}\n"; $self->{run}->pump_nb; return; }
sub wait { my ($self) = @_; $self->{run}->pump until $self->{out} =~ /^done $self->{n}$/m; return; }
sub end { my ($self) = @_; $self->{in} .= "\\q\n"; $self->{run}->finish; return; }
sub run { my ($self, $sql) = @_; $self->send($sql); $self->wait; return; }

1;
