# SPDX-License-Identifier: PostgreSQL
# What a random table may have besides its key and its plain columns. An extra: name; since; fits, a sub that says whether
# the table can have it; add, a sub that gives it. Statements around every write of the table stand in before_write and after_write.
package Ardent::Differ::Extras;
use strict;
use warnings;
use Ardent::Differ::Values qw(name literal type_named);

sub numbered  { my ($t) = @_; return (plain($t) || $t->{features}->major >= 17) && !grep { $_->{identity} } @{ $t->{columns} }; }
sub plain     { my ($t) = @_; return !$t->{partition}; }
sub updatable { my ($t) = @_; return $t->{updatable}; }
sub always    { return 1; }
# no unique key can be made where an expression cuts a table into partitions
sub keyable   { my ($t) = @_; return $t->{storage} ne 'partition_expression'; }

# A generator of long texts that no compression makes short.
sub long_text
{
	my ($dice, $lines) = @_;
	return sprintf q{(SELECT pg_catalog.string_agg(pg_catalog.md5(i::text || '%s'), '') FROM pg_catalog.generate_series(1, %d) AS i)},
	  $dice->hex(6), $lines;
}

# Mostly 3 kB to 13 kB; seldom short; very seldom some megabytes.
sub large
{
	my ($table, $dice) = @_;
	return literal($dice->letters(5)) if $dice->chance(0.2);
	if ($table->{features}->on('toast_megabytes') && $dice->chance(0.01))
	{
		$table->meets('toast_megabytes');
		return long_text($dice, $dice->between(30_000, 90_000));
	}
	return sprintf q{pg_catalog.repeat('%s', %d)}, $dice->letters(9), $dice->between(100, 20_000) if $dice->chance(0.2);
	return long_text($dice, $dice->between(90, 400));
}

sub toast
{
	my ($table, $dice, $sql, $expression, %column) = @_;
	my $c = $table->add_column(sql => $sql, value => sub { return sprintf $expression, large($table, $_[0]) }, toast => 1, %column);
	if ($dice->chance(0.3))
	{
		my $storage = $dice->pick('EXTERNAL', 'MAIN', 'EXTENDED');
		push @{ $table->{after} }, "ALTER TABLE $table->{q} ALTER COLUMN $c->{q} SET STORAGE $storage;";
	}
	return $c;
}

sub number { my ($t) = @_; return $t->add_column(type => type_named('integer'), value => sub { return $_[0]->below(1_000_000) }, @_[ 1 .. $#_ ]); }
sub with_part { my ($t, @q) = @_; return join ', ', @q, $t->{partition} ? $t->{part}{q} : (); }

sub check { my ($t, $text) = @_; my $n = @{ $t->{checks} } + 1; push @{ $t->{checks} }, 'CONSTRAINT ' . name("check $n") . " CHECK ($text)"; return; }

# A second unique key over a column of its own; values seldom meet, and are empty sometimes.
sub second_key
{
	my ($t, $dice, $rest, %column) = @_;
	my $c = $t->add_column(type => type_named('integer'), value => sub { return $_[0]->below(300_000) }, unique => 1, %column);
	push @{ $t->{constraints} }, sprintf 'UNIQUE%s (%s)%s', $rest->[0], with_part($t, $c->{q}), $rest->[1];
	return $c;
}

my @extras = (
	{ name => 'generated', fits => \&always, add => sub {
		my ($t) = @_;
		my $n = number($t);
		$t->add_column(sql => 'integer', generated => "(coalesce($n->{q}, 0) * 2)");
	} },
	{ name => 'generated_time_zone', fits => \&always, add => sub {
		my ($t) = @_;
		my $at = $t->add_column(type => type_named('timestamptz'));
		$t->add_column(sql => 'text', generated => "(public.local_day($at->{q}))");
	} },
	{ name => 'generated_replaced', fits => \&always, add => sub {
		my ($t) = @_;
		my $n = number($t);
		$t->add_column(sql => 'bigint', generated => "(public.scaled($n->{q}))");
	} },
	{ name => 'generated_search_path', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('text'));
		$t->add_column(sql => 'text', generated => "(public.folded($c->{q}))");
	} },
	{ name => 'generated_not_null', fits => \&always, add => sub {
		my ($t) = @_;
		my $n = number($t, not_null => 1);
		$t->add_column(sql => 'numeric', generated => "($n->{q}::numeric / 7)", not_null => 1);
	} },
	{ name => 'generated_virtual', since => 18, fits => \&always, add => sub {
		my ($t) = @_;
		my $n = number($t, not_null => 1);
		$t->add_column(sql => 'integer', generated => "($n->{q} % 100)", virtual => 1, not_null => $t->{dice}->chance(0.5));
	} },
	{ name => 'identity_always', fits => \&numbered, add => sub {
		my ($t) = @_;
		$t->add_column(sql => 'bigint', identity => 'ALWAYS', plain => 'place', not_null => 1, value => sub { return $_[0]->digits(12) });
	} },
	{ name => 'identity_by_default', fits => \&numbered, add => sub {
		my ($t) = @_;
		$t->add_column(sql => 'integer', identity => 'BY DEFAULT', not_null => 1, value => sub { return $_[0]->digits(8) });
	} },
	{ name => 'default', fits => \&always, add => sub {
		my ($t, $d) = @_;
		$t->add_column(type => type_named('timestamptz'), default => 'pg_catalog.now()');
		$t->add_column(type => type_named('integer'), default => q{pg_catalog.length(pg_catalog.current_setting('app.mode', true))});
	} },
	{ name => 'check', fits => \&always, add => sub { my ($t) = @_; my $n = number($t); check($t, "$n->{q} < 900000"); } },
	{ name => 'check_reads_table', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(sql => 'text', value => sub { return literal($_[0]->pick('one', 'two', 'gone')) });
		check($t, "public.is_listed($c->{q})");
		reads_limits($t);
	} },
	{ name => 'check_leaves_settings', fits => \&always, add => sub {
		my ($t) = @_;
		check($t, 'public.wanders()');
		put_settings_back($t);
	} },
	{ name => 'check_session', fits => \&always, add => sub {
		my ($t) = @_;
		check($t, 'public.may_write()');
		push @{ $t->{before_write} }, q{SET app.mode = 'on'};
	} },
	{ name => 'check_replaced', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('numeric'));
		check($t, "public.fair($c->{q})");
	} },
	{ name => 'check_not_valid', fits => \&always, add => sub {
		my ($t) = @_;
		# the first rows break it, and the source changes no row to one that does
		my $n = $t->add_column(type => type_named('integer'),
			value => sub { return 1 + $_[0]->below(1000) }, old_value => sub { return -$_[0]->below(1000) });
		push @{ $t->{late} }, "ALTER TABLE $t->{q} ADD CONSTRAINT " . name('late check') . " CHECK ($n->{q} > 0) NOT VALID;";
	} },
	{ name => 'not_null_not_valid', since => 18, fits => \&plain, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('text'), value => sub { return literal($_[0]->letters(4)) }, old_value => sub { return 'NULL' });
		push @{ $t->{late} }, "ALTER TABLE $t->{q} ADD CONSTRAINT " . name('late not null') . " NOT NULL $c->{q} NOT VALID;";
		$c->{never_null} = 1;
	} },
	{ name => 'second_key', fits => \&keyable, add => sub { my ($t, $d) = @_; second_key($t, $d, [ '', '' ]); } },
	{ name => 'second_key_deferrable', fits => \&keyable, add => sub {
		my ($t, $d) = @_;
		second_key($t, $d, [ '', ' DEFERRABLE INITIALLY ' . $d->pick('DEFERRED', 'IMMEDIATE') ], deferrable => 1);
	} },
	{ name => 'second_key_include', fits => \&keyable, add => sub {
		my ($t, $d) = @_;
		my $n = number($t);
		second_key($t, $d, [ '', " INCLUDE ($n->{q})" ]);
	} },
	{ name => 'second_key_nulls_not_distinct', since => 15, fits => \&keyable, add => sub {
		my ($t, $d) = @_;
		second_key($t, $d, [ ' NULLS NOT DISTINCT', '' ]);
	} },
	{ name => 'second_key_collated', fits => \&keyable, add => sub {
		my ($t, $d) = @_;
		my $c = $t->add_column(type => type_named('loose'), value => type_named('loose')->{distinct}, variant => type_named('loose')->{variant});
		push @{ $t->{constraints} }, 'UNIQUE (' . with_part($t, $c->{q}) . ')';
	} },
	{ name => 'unique_partial', fits => \&keyable, add => sub {
		my ($t, $d) = @_;
		my $c = number($t, unique => 1);
		push @{ $t->{after} }, "CREATE UNIQUE INDEX ON $t->{q} (" . with_part($t, $c->{q}) . ") WHERE $c->{q} % 3 = 0;";
	} },
	{ name => 'unique_expression', fits => \&plain, add => sub {
		my ($t, $d) = @_;
		my $c = $t->add_column(type => type_named('text'), value => sub { return literal($_[0]->letters(9)) });
		push @{ $t->{after} }, "CREATE UNIQUE INDEX ON $t->{q} (public.fold($c->{q}));";
	} },
	{ name => 'exclusion', fits => \&plain, add => sub {
		my ($t, $d) = @_;
		my $c = $t->add_column(type => type_named('range'), value => type_named('range')->{distinct}, range => 1);
		push @{ $t->{constraints} }, "EXCLUDE USING gist ($c->{q} WITH &&)";
	} },
	{ name => 'exclusion_deferrable', fits => \&plain, add => sub {
		my ($t, $d) = @_;
		my $c = $t->add_column(type => type_named('range'), value => type_named('range')->{distinct}, range => 1, deferrable => 1);
		push @{ $t->{constraints} }, "EXCLUDE USING gist ($c->{q} WITH &&) WHERE (NOT pg_catalog.isempty($c->{q})) DEFERRABLE INITIALLY DEFERRED";
	} },
	{ name => 'index_expression', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('text'));
		push @{ $t->{after} }, "CREATE INDEX ON $t->{q} (pg_catalog.md5($c->{q}), (pg_catalog.length($c->{q}) + 1));";
	} },
	{ name => 'index_function', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('text'));
		push @{ $t->{after} }, "CREATE INDEX ON $t->{q} (public.folded($c->{q}));";
	} },
	{ name => 'index_partial_function', fits => \&always, add => sub {
		my ($t) = @_;
		my $c = $t->add_column(type => type_named('text'));
		push @{ $t->{after} }, "CREATE INDEX ON $t->{q} ($c->{q} pg_catalog.text_pattern_ops)"
		  . " WHERE public.folded($c->{q}) > 'k' AND pg_catalog.octet_length($c->{q}) < 500;";
	} },
	{ name => 'index_other_methods', fits => \&always, add => sub {
		my ($t) = @_;
		my $j = $t->add_column(type => type_named('jsonb'));
		my $p = $t->add_column(type => type_named('point'));
		my $n = number($t);
		push @{ $t->{after} }, map { "CREATE INDEX ON $t->{q} USING $_;" } "gin ($j->{q})", "gist ($p->{q})", "hash ($n->{q})", "brin ($n->{q})";
	} },
	{ name => 'toast', fits => \&always, add => sub { my ($t, $d) = @_; toast($t, $d, 'text', '%s'); } },
	{ name => 'toast_not_null', fits => \&always, add => sub {
		my ($t, $d) = @_;
		toast($t, $d, 'bytea', '%s::bytea', not_null => 1);
		toast($t, $d, 'character varying', '%s');
	} },
	{ name => 'toast_array', fits => \&always, add => sub {
		my ($t, $d) = @_;
		toast($t, $d, 'text[]', 'ARRAY[NULL, \'a"\', %s]', not_null => $d->chance(0.5));
	} },
	{ name => 'toast_json', fits => \&always, add => sub {
		my ($t, $d) = @_;
		toast($t, $d, 'jsonb', q{pg_catalog.jsonb_build_object('k', %s)});
		toast($t, $d, 'json', q{pg_catalog.json_build_array(1, %s)});
	} },
	{ name => 'toast_composite', fits => \&always, add => sub {
		my ($t, $d) = @_;
		toast($t, $d, 'public.pair', 'ROW(%s, 1.0)::public.pair');
	} },
	{ name => 'toast_generated', fits => \&always, add => sub {
		my ($t, $d) = @_;
		my $c = toast($t, $d, 'text', '%s');
		$t->add_column(sql => 'text', generated => "($c->{q} || '!')");
	} },
	{ name => 'dropped_column', fits => \&plain, add => sub {
		my ($t) = @_;
		my $gone = name('gone');
		push @{ $t->{late} }, "ALTER TABLE $t->{q} ADD COLUMN $gone text DEFAULT 'x';", "ALTER TABLE $t->{q} DROP COLUMN $gone;";
	} },
	{ name => 'added_column', fits => \&always, add => sub {
		my ($t, $d) = @_;
		my $c = name('added');
		push @{ $t->{late} }, "ALTER TABLE $t->{q} ADD COLUMN $c text DEFAULT " . literal($d->letters(9)) . ';';
	} },
	{ name => 'trigger', fits => \&always, add => sub {
		my ($t) = @_;
		push @{ $t->{after} }, "CREATE TRIGGER heard AFTER INSERT OR DELETE OR UPDATE ON $t->{q} FOR EACH ROW EXECUTE FUNCTION public.hear();";
	} },
	{ name => 'rule', fits => \&plain, add => sub {
		my ($t) = @_;
		push @{ $t->{after} }, "CREATE RULE heard AS ON DELETE TO $t->{q} DO ALSO INSERT INTO public.heard (what) VALUES ('rule');";
	} },
	{ name => 'row_security', fits => \&always, add => sub {
		my ($t) = @_;
		push @{ $t->{after} }, "ALTER TABLE $t->{q} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;";
	} },
);

# 'gone' is listed while a row is written and not afterwards, now and then in the same transaction.
sub reads_limits
{
	my ($t) = @_;
	push @{ $t->{before_write} }, q{INSERT INTO public.limits VALUES ('gone') ON CONFLICT DO NOTHING};
	push @{ $t->{after_write} }, q{DELETE FROM public.limits WHERE code = 'gone'};
	return;
}

# What public.wanders leaves in the session of whoever writes.
sub put_settings_back
{
	my ($t) = @_;
	push @{ $t->{after_write} }, map { "RESET $_" } qw(search_path array_nulls xmloption IntervalStyle);
	return;
}

sub extras { return @extras; }

# What columns of such types ask for around each write.
sub around_types
{
	my ($table) = @_;
	my %types = map { ($_->{type}{name} // '') => 1 } grep { $_->{type} } @{ $table->{columns} };
	put_settings_back($table) if $types{tidy};
	reads_limits($table) if $types{listed};
	return;
}

1;
