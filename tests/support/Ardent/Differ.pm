# SPDX-License-Identifier: PostgreSQL
# A differential test: from a seed random schemas and random transactions; the source is the oracle.
#
#   my $differ = Ardent::Differ->new(major => 15, rounds => 6, transactions => 120, file => 'tests/tap/x.pl');
#   foreach my $round ($differ->rounds) { my $world = $differ->world($round); … $world->setup …; $differ->begin($conninfo);
#       while ($differ->batch($world)) { … carry it over …; compare } }
#
# From the environment: SEED, ROUNDS; ROUND=n: this one alone; ONLY=3,7: those tables (what a failure prints); TRANSACTIONS=n a round;
# FEATURES=a,b or WITHOUT=a,b (names: Ardent::Differ::Features; a name that is none lists them).
# Not made, because it cannot be carried and is named elsewhere: changes of rows without an identity; NaN and infinity of plain
# columns without the plugin's option for them; DDL.
package Ardent::Differ;
use strict;
use warnings;
use Ardent::Differ::Features;
use Ardent::Differ::Session;
use Ardent::Differ::Transactions;
use Ardent::Differ::World;

sub new
{
	my ($class, %args) = @_;
	my %env = map { $_ => $ENV{$_} } grep { length($ENV{$_} // '') } qw(SEED ROUNDS ROUND ONLY TRANSACTIONS FEATURES WITHOUT);
	my @lacking = (@{ $args{lacking} // [] }, grep { !-e "$args{sharedir}/extension/$_.control" } qw(citext hstore));
	my $features = Ardent::Differ::Features->new(major => $args{major}, features => $env{FEATURES}, without => $env{WITHOUT}, lacking => \@lacking);
	my $seed = $env{SEED} // int(rand(2**31));
	return bless {
		seed => $seed, rounds => $env{ROUND} ? [ $env{ROUND} ] : [ 1 .. $env{ROUNDS} // $args{rounds} ], only => [ split /,/, $env{ONLY} // '' ],
		limit => $env{TRANSACTIONS} // $args{transactions}, features => $features, file => $args{file}, enough => $args{enough}, lacking => \@lacking,
		count => { map { $_ => 0 } qw(transactions committed statements succeeded rows) }, sessions => [],
	}, $class;
}

sub rounds   { my ($self) = @_; return @{ $self->{rounds} }; }
sub features { my ($self) = @_; return $self->{features}; }

# Enough was played that every feature must have been met.
sub complete
{
	my ($self) = @_;
	return $self->{features}->all && !@{ $self->{only} } && !$ENV{ROUND} && !$ENV{TRANSACTIONS} && @{ $self->{rounds} } >= $self->{enough};
}

sub said
{
	my ($self) = @_;
	my $c = $self->{count};
	return sprintf 'SEED=%d: %d of %d transactions committed, %d of %d statements succeeded, %d rows changed', $self->{seed},
	  @$c{qw(committed transactions succeeded statements rows)};
}

sub world
{
	my ($self, $round, @only) = @_;
	my $world = Ardent::Differ::World->new(
		seed => $self->{seed}, round => $round, features => $self->{features}, only => @only ? \@only : $self->{only});
	$self->{at} = 0;
	$self->{since} = [];
	$self->{round} = $round;
	return $world;
}

# The sessions that write; files that COPY reads are written by the server, into a folder that it can write to.
sub begin
{
	my ($self, $world, $conninfo, $folder) = @_;
	$self->{sessions} = [ map { Ardent::Differ::Session->new($conninfo) } 1 .. 2 ];
	$_->{folder} = $folder foreach @{ $world->{tables} };
	return;
}

sub end { my ($self) = @_; $_->quit foreach @{ $self->{sessions} }; $self->{sessions} = []; return; }

# Plays the next transactions; false when the round is over.
sub batch
{
	my ($self, $world) = @_;
	return 0 if $self->{at} >= $self->{limit};
	my $dice = $world->{dice}->part('batch', $self->{at});
	my @now = map { Ardent::Differ::Transactions::transaction($world, $self->{at} + $_) } 1 .. $dice->between(1, 12);
	$self->{since} = [@now];
	$self->{at} += @now;
	while (my $one = shift @now)
	{
		my $other = $self->{features}->on('interleaved') && $dice->chance(0.15) ? shift @now : undef;
		$self->play(grep { defined } $one, $other);
	}
	return 1;
}

# One transaction, or two whose lines take turns.
sub play
{
	my ($self, @transactions) = @_;
	my @sessions = @{ $self->{sessions} };
	my @rest = map { [ @{ $_->{lines} } ] } @transactions;
	$sessions[$_]->forgiving($transactions[$_]{forgiving}) foreach 0 .. $#transactions;
	while (grep { @$_ } @rest)
	{
		foreach my $i (grep { @{ $rest[$_] } } 0 .. $#rest)
		{
			my $line = shift @{ $rest[$i] };
			@$line{qw(said error)} = @{ ($sessions[$i]->play($line))[0] }{qw(said error)};
		}
	}
	push @{ $_->{met} }, 'interleaved' foreach @transactions > 1 ? @transactions : ();
	$self->count($_) foreach @transactions;
	return;
}

sub count
{
	my ($self, $transaction) = @_;
	my $c = $self->{count};
	my @lines = @{ $transaction->{lines} };
	my $whole = grep { $_->{sql} =~ /^BEGIN/ } @lines;
	my $committed = !$whole || grep { $_->{sql} eq 'COMMIT' && $_->{said} eq 'COMMIT' } @lines;
	my $meant = !grep { $_->{sql} eq 'ROLLBACK' } @lines;
	my @tried = grep { $_->{main} || $_->{block} } @lines;
	return unless @tried;
	$transaction->{committed} = $committed;
	my @good = grep { !length $_->{error} } @tried;
	$c->{transactions} += $meant;
	$c->{committed} += $meant && $committed && @good ? 1 : 0;
	$c->{statements} += @tried;
	$c->{succeeded} += @good;
	$self->{features}->meet('rolled_back') if !$meant && @good && $self->{features}->on('rolled_back');
	return unless $committed && @good;
	$self->{features}->meet(grep { $self->{features}->on($_) } @{ $transaction->{met} });
	foreach my $line (@good)
	{
		my ($n) = $line->{said} =~ /^(?:INSERT 0|UPDATE|DELETE|MERGE|COPY) (\d+)$/m;
		$c->{rows} += $n // 0;
		next unless $n || $line->{said} =~ /^(?:TRUNCATE TABLE|DO)$/m;
		$self->{features}->meet(grep { $self->{features}->on($_) } $line->{kind}, $n ? map { keys %{ $_->{has} } } @{ $line->{tables} } : ());
	}
	return;
}

# The numbers of the tables that were written since the replica was equal last.
sub touched
{
	my ($self) = @_;
	my %touched = map { $_->{number} => 1 } map { @{ $_->{tables} // [] } } map { @{ $_->{lines} } } @{ $self->{since} };
	return sort { $a <=> $b } keys %touched;
}

# What was played since the replica was equal last, of those tables only when they are named.
sub last_statements
{
	my ($self, @tables) = @_;
	my %wanted = map { $_->{number} => 1 } @tables;
	my $text = '';
	foreach my $transaction (@{ $self->{since} })
	{
		my @lines = @{ $transaction->{lines} };
		next if @tables && !grep { my $line = $_; grep { $wanted{ $_->{number} } } @{ $line->{tables} // [] } } @lines;
		$text .= '-- ' . ($transaction->{committed} ? 'committed' : 'undone')
		  . ($transaction->{forgiving} ? ", a savepoint before each (\\set ON_ERROR_ROLLBACK on)\n" : "\n");
		foreach my $line (@lines)
		{
			next if @tables && $line->{tables} && !grep { $wanted{ $_->{number} } } @{ $line->{tables} };
			my $limit = @tables ? 1500 : 200;
			my $sql = length $line->{sql} > $limit ? substr($line->{sql}, 0, $limit) . ' …' : $line->{sql};
			my $said = length($line->{error} // '') ? "ERROR: $line->{error}" : substr($line->{said} // '', 0, 60) =~ s/\n/ /gr;
			$text .= "$sql" . ($line->{gset} ? ' \gset' : ';') . "  -- $said\n";
		}
	}
	return $text;
}

# All that is needed to see a failure again.
sub report
{
	my ($self, $world, $what, @tables) = @_;
	my $only = join ',', @{ $world->{only} };
	my %set = map { $_ => $ENV{$_} } grep { length($ENV{$_} // '') } qw(FEATURES WITHOUT TRANSACTIONS);
	my $suite = $self->{file} =~ m{^tests/(tap|e2e)/} ? $1 : 'tap';
	my $again = join ' ', "SEED=$self->{seed} ROUND=$self->{round}", ($only ? "ONLY=$only" : ()), (map { "$_=$set{$_}" } sort keys %set),
	  "make $suite V=1 T=$self->{file}";
	return join '', "$what\n", (map { $world->show($_) } @tables), "-- since the replica was equal last:\n", $self->last_statements(@tables),
	  "-- again: $again\n";
}

1;
