# SPDX-License-Identifier: PostgreSQL
# Values of every kind as SQL expressions: quoting, odd texts, and the types that a column may have.
#
# A type: sql, what stands in DDL; value, a sub that takes a die and gives an expression of that type; feature, the name
# that switches it off; since, the first major version; distinct, a sub whose values seldom meet, so that the type can be a
# key; variant, a sub that makes of a column's name an expression that is equal by the key's operator and has another text.
package Ardent::Differ::Values;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(name literal text_of types type_named);

# An identifier and a literal, quoted always.
sub name { my ($text) = @_; return '"' . $text =~ s/"/""/gr . '"'; }
sub literal { my ($text) = @_; return $text =~ /\\/ ? "E'" . ($text =~ s/([\\'])/\\$1/gr) . "'" : "'" . ($text =~ s/'/''/gr) . "'"; }

my @odd_texts = (
	'', ' ', 'NULL', 'null', '\N', '\.', "tab\there", "line\nbreak", "\r\n", 'back\slash', '\\\\', "quote's", '"double"',
	'{braces,comma}', '(a,"b")', '$1', '%s%n', "\x01\x1f\x7f", "\xc3\xa9\xe2\x98\x83", "\xf0\x9f\x90\x98", "e\xcc\x81",
	"\xe2\x80\xa8", 'trailing  ', '-- no comment', '{"json": "\u0041"}', 'true', '0', '1e3', 'Infinity', "\xc3\x9f\xc4\xb0I");

sub text_of
{
	my ($dice) = @_;
	return $dice->pick(@odd_texts) if $dice->chance(0.4);
	return join $dice->pick(' ', ''), map { $dice->chance(0.2) ? $dice->pick(@odd_texts) : $dice->letters(4) } 1 .. $dice->between(1, 4);
}

# "…" in the text of an array, a composite or a range.
sub element { my ($text) = @_; return '"' . $text =~ s/(["\\])/\\$1/gr . '"'; }

sub array_text
{
	my ($dice, $of) = @_;
	my $item = sub { return $dice->chance(0.2) ? 'NULL' : $of->() };
	my $list = sub { my ($n) = @_; return '{' . join(',', map { $item->() } 1 .. $n) . '}' };
	my $n = $dice->between(1, 3);
	my $kind = $dice->below(6);
	return '{}' if $kind == 0;
	return '{' . join(',', map { $list->($n) } 1 .. 2) . '}' if $kind == 1;
	return '{' . join(',', map { '{' . join(',', map { $list->($n) } 1 .. 2) . '}' } 1 .. 2) . '}' if $kind == 2;
	return sprintf '[%d:%d]=%s', -1, $n - 2, $list->($n) if $kind == 3;
	return $list->($n);
}

my @numbers = qw(0 1 -1 1.0 1.00 10 100.5 -0.000 0.1 1e3 123456789012345678901234567890.123456789 -99999.99999 0.00000000000000000000000001 7.7700);
my @floats = qw(0 -0 1 1.5 0.1 -2.25 1e300 -1e-300 4.9e-324 2.2250738585072014e-308 123456789.125 1.7976931348623157e308 0.30000000000000004);
my @dates = ('infinity', '-infinity', '0044-03-15 BC', '2024-02-29', '1999-12-31', '2026-03-29', '5874897-12-31');
my @stamps = ('infinity', '-infinity', '0044-03-15 12:00:00.5 BC', '2024-10-27 00:30:00', '2024-10-27 02:30:00', '1999-12-31 23:59:59.999999',
	'2026-03-29 01:59:59', '1883-11-18 12:03:58');
my @intervals = ('1 mon', '30 days', '24:00:00', '1 day', '-1 days +02:03:00', '1 year 2 mons -3 days 04:05:06.789', '00:00:00', '178000000 years');

sub numeric_text
{
	my ($d) = @_;
	return $d->pick(@numbers) if $d->chance(0.6);
	return $d->digits($d->between(1, $d->chance(0.1) ? 1000 : 100)) . $d->pick('', '.0', '.500');
}

sub stamp
{
	my ($d) = @_;
	return sprintf '20%02d-%02d-%02d %02d:%02d:%02d', 10 + $d->below(20), 1 + $d->below(12), 1 + $d->below(28), map { $d->below($_) } 24, 60, 60;
}

sub uuid { my ($d) = @_; return join '-', map { $d->hex($_) } 8, 4, 4, 4, 12; }

# cast(TYPE, sub of a text): a sub of an expression
sub cast { my ($type, $text) = @_; return sub { my ($d) = @_; return literal($text->($d)) . "::$type"; }; }

# JSON's text as somebody writes it: blanks, doubled keys and escapes that json keeps and jsonb does not.
sub json_text
{
	my ($d) = @_;
	return $d->pick('null', '[]', '{}', '""', '1.0', '1.00', '{"a" :  1, "a": 2}', '{"b": [1, 2.50, null, true], "a": {"\u00e9": "\n"}}',
		'"\ud83d\udc18"', '[1e2, -0, 0.10]', '{"quote\"": "back\\\\slash"}', "{\"line\":\n\"break\"}", '{"deep": [[[[{"x": [{}]}]]]]}');
}

my @types = (
	{ name => 'smallint', sql => 'smallint', text => sub { $_[0]->pick(-32768, 0, 32767, $_[0]->below(1000)) } },
	{ name => 'integer', sql => 'integer',
		text => sub { $_[0]->pick(-2147483648, 0, 2147483647, $_[0]->below(100000)) },
		unique => sub { $_[0]->below(2_000_000_000) } },
	{ name => 'bigint', sql => 'bigint',
		text => sub { $_[0]->pick('-9223372036854775808', '9223372036854775807', '9007199254740993', $_[0]->digits(15)) },
		unique => sub { $_[0]->digits(18) } },
	{ name => 'numeric', sql => 'numeric', text => \&numeric_text,
		unique => sub { $_[0]->digits($_[0]->between(6, 30)) . $_[0]->pick('', '.0', '.00', '.50', '.125') },
		variant => sub { "$_[0] + 0.000" }, feature => 'numeric_key' },
	{ name => 'decimal', sql => 'numeric(12,3)', text => sub { $_[0]->digits(7) . $_[0]->pick('', '.5', '.123') } },
	{ name => 'real', sql => 'real', text => sub { $_[0]->pick(0, '-0', '1.1', '3.4028235e38', '1e-45', '16777217') } },
	{ name => 'double', sql => 'double precision', text => sub { $_[0]->pick(@floats) },
		unique => sub { $_[0]->pick(0, '-0', $_[0]->digits(9) . '.' . $_[0]->digits(5), '1e' . $_[0]->between(-300, 300)) },
		variant => sub { "CASE WHEN $_[0] = 0 THEN '-0'::double precision ELSE $_[0] END" }, feature => 'float_key' },
	{ name => 'any_double', sql => 'double precision', text => sub { $_[0]->pick('NaN', 'Infinity', '-Infinity', '1.5') }, feature => 'not_a_number' },
	{ name => 'any_numeric', sql => 'numeric', text => sub { $_[0]->pick('NaN', '1.50') }, feature => 'not_a_number', never_null => 1 },
	{ name => 'boolean', sql => 'boolean', text => sub { $_[0]->pick('t', 'f') } },
	{ name => 'text', sql => 'text', text => \&text_of, unique => sub { text_of($_[0]) . $_[0]->letters(6) } },
	{ name => 'varchar', sql => 'character varying(40)',
		text => sub { substr text_of($_[0]) =~ s/[\x80-\xff]//gr, 0, 30 }, unique => sub { $_[0]->letters(12) } },
	{ name => 'char', sql => 'character(7)', text => sub { $_[0]->letters($_[0]->between(1, 7)) },
		unique => sub { $_[0]->letters($_[0]->between(4, 7)) }, feature => 'char_key' },
	{ name => 'bpchar', sql => 'bpchar', text => sub { $_[0]->letters(3) . ' ' x $_[0]->below(3) },
		unique => sub { $_[0]->letters(5) . ' ' x $_[0]->below(3) },
		variant => sub { "($_[0]::text || ' ')::bpchar" }, feature => 'char_key' },
	{ name => 'name', sql => 'name', text => sub { substr text_of($_[0]) =~ s/[\x80-\xff]//gr, 0, 60 },
		unique => sub { $_[0]->letters(20) } },
	{ name => 'one_char', sql => '"char"', text => sub { $_[0]->pick('a', '', '\\', '"', "'", '\\' . '200') } },
	{ name => 'bytea', sql => 'bytea', text => sub { '\x' . $_[0]->hex(2 * $_[0]->below(20)) },
		unique => sub { '\x' . $_[0]->hex(16) } },
	{ name => 'date', sql => 'date', text => sub { $_[0]->pick(@dates) }, unique => sub { substr stamp($_[0]), 0, 10 } },
	{ name => 'time', sql => 'time', text => sub { $_[0]->pick('00:00:00', '24:00:00', '23:59:59.999999') } },
	{ name => 'timetz', sql => 'time with time zone', text => sub { $_[0]->pick('00:00:00+00', '12:30:00-05:30', '24:00:00+14') } },
	{ name => 'timestamp', sql => 'timestamp', text => sub { $_[0]->pick(@stamps) }, unique => sub { stamp($_[0]) } },
	{ name => 'timestamptz', sql => 'timestamp with time zone', text => sub { $_[0]->pick(@stamps) },
		unique => sub { stamp($_[0]) . '+0' . $_[0]->below(9) } },
	{ name => 'interval', sql => 'interval', text => sub { $_[0]->pick(@intervals) },
		unique => sub { $_[0]->below(1_000_000) . ' hours' }, variant => sub { "pg_catalog.justify_hours($_[0])" },
		feature => 'interval_key' },
	{ name => 'uuid', sql => 'uuid', text => \&uuid, unique => \&uuid },
	{ name => 'inet', sql => 'inet',
		text => sub { $_[0]->pick('::1', '10.0.0.1/8', '10.0.0.1', 'fe80::/10', '::ffff:1.2.3.4') },
		unique => sub { join('.', map { $_[0]->below(256) } 1 .. 4) . '/' . (8 + $_[0]->below(25)) } },
	{ name => 'cidr', sql => 'cidr', text => sub { $_[0]->pick('10.0.0.0/8', '::/0', '192.168.1.0/24') } },
	{ name => 'macaddr', sql => 'macaddr', text => sub { join ':', map { $_[0]->hex(2) } 1 .. 6 } },
	{ name => 'bit', sql => 'bit(5)', text => sub { join '', map { $_[0]->below(2) } 1 .. 5 } },
	{ name => 'varbit', sql => 'bit varying', text => sub { join '', map { $_[0]->below(2) } 1 .. $_[0]->below(70) } },
	{ name => 'money', sql => 'money', text => sub { $_[0]->pick('0', '-1.50', '12345678901.25', '$0.05') },
		unique => sub { $_[0]->digits(10) . '.25' } },
	{ name => 'json', sql => 'json', text => \&json_text },
	{ name => 'jsonb', sql => 'jsonb', text => \&json_text, unique => sub { '{"a": ' . $_[0]->digits(9) . '.0}' },
		variant => sub { "pg_catalog.replace($_[0]::text, '.0}', '.000}')::jsonb" }, feature => 'json_key' },
	{ name => 'xml', sql => 'xml',
		text => sub { $_[0]->pick('<a/>', '<a b="c">&amp;</a>', "<r>\n <x y='1'/><!-- c --></r>", 'plain &lt;text&gt;') } },
	{ name => 'point', sql => 'point',
		text => sub { $_[0]->pick('(0,0)', '(-0,1.5)', '(1e300,-1e-300)', '(0.1,0.2)', '(NaN,Infinity)') } },
	{ name => 'polygon', sql => 'polygon', text => sub { '((0,0),(1,' . $_[0]->below(9) . '),(2,0))' } },
	{ name => 'circle', sql => 'circle', text => sub { '<(1,2),' . $_[0]->below(9) . '.5>' } },
	{ name => 'box', sql => 'box', text => sub { '(3,4),(1,' . $_[0]->below(4) . ')' } },
	{ name => 'tsvector', sql => 'tsvector',
		text => sub { $_[0]->pick('', "'a':1A 'b''s':2,3B", "'line\nbreak' 'back\\\\slash'", "fat:2,4 cat:3 rat:5A") } },
	{ name => 'tsquery', sql => 'tsquery', text => sub { $_[0]->pick("'a' & !'b'", "'x' <-> 'y':*AB", "('quote''s' | 'z')") } },
	{ name => 'range', sql => 'int4range', text => sub { $_[0]->pick('empty', '(,)', '[1,5)', '(3,)', '[7,7]') },
		unique => sub { my $n = $_[0]->below(1_000_000); "[$n," . ($n + 3) . ')' } },
	{ name => 'numrange', sql => 'numrange', text => sub { $_[0]->pick('empty', '[1.0,2.50)', '(,0.00]', '(NaN,]') },
		unique => sub { my $n = $_[0]->below(1_000_000); "[$n.0," . ($n + 3) . ')' },
		variant => sub { "pg_catalog.numrange(pg_catalog.lower($_[0]) + 0.000, pg_catalog.upper($_[0]))" }, feature => 'range_key' },
	{ name => 'tstzrange', sql => 'tstzrange', text => sub { '["' . stamp($_[0]) . '+02",infinity)' } },
	{ name => 'multirange', sql => 'int4multirange', since => 14,
		text => sub { $_[0]->pick('{}', '{[1,3),[5,9)}', '{(,2),[7,)}') } },
	{ name => 'oid', sql => 'oid', text => sub { $_[0]->pick(0, 4294967295, $_[0]->below(1000)) } },
	{ name => 'regclass', sql => 'regclass',
		text => sub { $_[0]->pick('pg_catalog.pg_class', '"pg_catalog"."pg_am"', '4000000000', 'information_schema.tables') } },
	{ name => 'regtype', sql => 'regtype', text => sub { $_[0]->pick('int4', 'timestamptz[]', '"char"') } },
	{ name => 'regproc', sql => 'regprocedure', text => sub { $_[0]->pick('pg_catalog.abs(integer)', 'pg_catalog.now()') } },
	{ name => 'pg_lsn', sql => 'pg_lsn', text => sub { '0/' . uc $_[0]->hex(6) }, unique => sub { '1/' . uc $_[0]->hex(7) } },
	{ name => 'snapshot', sql => 'pg_snapshot', text => sub { '10:20:10,14,15' } },
	{ name => 'tid', sql => 'tid', text => sub { '(' . $_[0]->below(99) . ',1)' } },
	{ name => 'integers', sql => 'integer[]',
		text => sub { my ($d) = @_; array_text($d, sub { $d->below(1000) - 500 }) },
		unique => sub { '{' . $_[0]->digits(8) . ',' . $_[0]->below(9) . '}' } },
	{ name => 'numerics', sql => 'numeric[]',
		text => sub { my ($d) = @_; array_text($d, sub { $d->pick('NaN', 'Infinity', numeric_text($d)) =~ s/Infinity/NaN/r }) } },
	{ name => 'texts', sql => 'text[]', text => sub { my ($d) = @_; array_text($d, sub { element(text_of($d)) }) } },
	{ name => 'byteas', sql => 'bytea[]', text => sub { my ($d) = @_; array_text($d, sub { element('\x' . $d->hex(6)) }) } },
	{ name => 'jsons', sql => 'jsonb[]', text => sub { my ($d) = @_; array_text($d, sub { element(json_text($d)) }) } },
	{ name => 'boxes', sql => 'box[]', text => sub { $_[0]->pick('{(3,4),(1,2);(0,0),(0,0)}', '{}', '{NULL;(1,1),(0,0)}') } },
	{ name => 'mood', sql => 'public."Mood"', text => sub { $_[0]->pick('sad', 'o"k', "hap'py", '') },
		feature => 'enum', unique => sub { $_[0]->pick('sad', 'o"k', "hap'py", '') }, few => 1,
		key_feature => 'enum_key' },
	{ name => 'moods', sql => 'public."Mood"[]',
		text => sub { my ($d) = @_; array_text($d, sub { $d->pick('sad', '"o\"k"', "hap'py", '""') }) },
		feature => 'enum' },
	{ name => 'pair', sql => 'public.pair',
		text => sub { my ($d) = @_; '(' . $d->pick('', element(text_of($d))) . ',' . $d->pick('', numeric_text($d)) . ')' },
		feature => 'composite',
		unique => sub { '(' . element(text_of($_[0])) . ',' . $_[0]->digits(9) . '.0)' },
		variant => sub { "ROW(($_[0]).a, ($_[0]).b + 0.00)::public.pair" }, key_feature => 'composite_type_key' },
	{ name => 'pairs', sql => 'public.pair[]',
		text => sub { my ($d) = @_; array_text($d, sub { element('(' . element(text_of($d)) . ',1.50)') }) },
		feature => 'composite' },
	{ name => 'nested_pair', sql => 'public.nested',
		text => sub { my ($d) = @_; '(' . element('(' . element(text_of($d)) . ',2)') . ',' . element('{1,NULL}') . ')' },
		feature => 'composite' },
	{ name => 'positive', sql => 'public.positive', text => sub { 1 + $_[0]->below(1000) }, feature => 'domain',
		unique => sub { 1 + $_[0]->below(2_000_000_000) }, key_feature => 'domain_key' },
	{ name => 'present', sql => 'public.present', text => \&text_of, feature => 'domain', never_null => 1 },
	{ name => 'even', sql => 'public.even', text => sub { 2 * (1 + $_[0]->below(1000)) }, feature => 'domain_nested' },
	{ name => 'short_list', sql => 'public.short_list',
		text => sub { '{' . join(',', map { $_[0]->below(9) } 1 .. 1 + $_[0]->below(3)) . '}' },
		feature => 'domain_over_array' },
	{ name => 'positives', sql => 'public.positive[]',
		text => sub { my ($d) = @_; array_text($d, sub { 1 + $d->below(99) }) }, feature => 'array_of_domain' },
	{ name => 'weighed', sql => 'public.weighed',
		text => sub { '(' . (1 + $_[0]->below(99)) . ',' . element(text_of($_[0])) . ')' },
		feature => 'composite_with_domain' },
	{ name => 'positive_range', sql => 'public.positive_range',
		text => sub { $_[0]->pick('empty', '[1,5)', '(3,)', '[2,2]') }, feature => 'range_over_domain' },
	{ name => 'price', sql => 'public.price', text => sub { $_[0]->digits(4) . '.5' }, feature => 'domain_replaced' },
	{ name => 'listed', sql => 'public.listed', text => sub { $_[0]->pick('one', 'two', 'gone') }, feature => 'domain_reads_table' },
	{ name => 'tidy', sql => 'public.tidy', text => sub { $_[0]->letters(5) }, feature => 'domain_leaves_settings' },
	{ name => 'loose', sql => 'text COLLATE public.loose', text => sub { $_[0]->letters(2) }, feature => 'collation',
		unique => sub { $_[0]->letters(8) }, variant => sub { "pg_catalog.upper($_[0])" },
		key_feature => 'collated_key', cast => 'text' },
	{ name => 'english', sql => 'text COLLATE "en-x-icu"', text => \&text_of, feature => 'collation',
		unique => sub { $_[0]->pick('_', '-', '.', 'A', 'z', '1') . $_[0]->letters(6) },
		key_feature => 'collated_key', cast => 'text' },
	{ name => 'citext', sql => 'public.citext', text => sub { $_[0]->letters(2) }, feature => 'citext',
		unique => sub { $_[0]->letters(8) }, variant => sub { "pg_catalog.upper($_[0]::text)::public.citext" },
		key_feature => 'citext' },
	{ name => 'hstore', sql => 'public.hstore',
		text => sub { $_[0]->pick('', 'a=>1, b=>NULL', '"q\"uote"=>"back\\\\slash", " "=>""') },
		feature => 'hstore' },
);

foreach my $type (@types)
{
	my $to = $type->{cast} // $type->{sql};
	$type->{value} = cast($to, $type->{text});
	$type->{distinct} = cast($to, $type->{unique}) if $type->{unique};
	# what is a feature as a key only
	($type->{key_feature}, $type->{feature}) = ($type->{feature}, undef)
	  if defined $type->{feature} && $type->{feature} =~ /_key$/;
}
my %type_named = map { $_->{name} => $_ } @types;

sub types { return @types; }
sub type_named { my ($name) = @_; return $type_named{$name} // die "no type $name"; }

1;
