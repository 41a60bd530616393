# SPDX-License-Identifier: PostgreSQL
# Invariant 7: every value is in the replica byte for byte as the source prints it, by the copy, by inserts, by updates
# and by an update that leaves a large value alone. Compared as text, row by row, on both sides under the same settings.
# in make check
use strict;
use warnings;
use Ardent::Test;
use Test::More;

# One row a case; what is said here of the columns is all that any type can print.
my $digits = '-' . '9' x 300 . '.' . '7' x 200;
my @rows = map { s/DIGITS/$digits/r } split /^--\n/m, <<'SQL';
DEFAULT, 0, 0, 0, 0, 0, 0, 0, '', '', '', false, '2000-01-01', '00:00', '2000-01-01', '2000-01-01Z', '0', '{}', '{}',
'{}', '{}', 'empty', '', NULL, NULL
--
DEFAULT, -32768, -2147483648, -9223372036854775808, DIGITS, 1.1754944e-38, 2.2250738585072014e-308, 1e-10,
'x', 'a  ', E'tab\t back \\ "quote" ''single'' é 漢 🙂', true, '4713-01-01 BC', '23:59:59.999999',
'4713-01-01 00:00:00 BC', 'infinity', '1 year 2 mons -3 days 04:05:06.7', '{"a":  1, "a": 2, "n": 1.10e+2}',
'{"b": 1.10, "a": [1, null, "x"]}', '{1,NULL,3}', '{"x,y","{}",NULL,"","NULL"," "}', '[-5,)', '\x00ff0a',
'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', ROW(1, 'a "b", c')
--
DEFAULT, 32767, 2147483647, 9223372036854775807, 0.00000000000000000000001000, 3.4028235e+38,
1.7976931348623157e+308, 0.1::double precision + 0.2, E'\\N', '\.', E'line\nline\r\n\\t\\x41\u0001', NULL,
'5874897-12-31', '24:00', '-infinity', '0001-01-01 00:00:00+00', '-170000000 years', 'null', '"\u00e9\\n"',
'[2:3]={7,8}', '{{a,b},{c,NULL}}', '(1,10]', NULL, NULL, ROW(NULL, '')
--
DEFAULT, 1, 1, 1, 1e100, 1e20, 123456789.123456789, 100000000000000000000.0, '0', 'b', repeat('long ', 100000), true,
'1999-12-31', '12:34:56.1', '2026-03-29 02:30:00.000001', '2026-03-29 02:30:00.5+05:45', '-00:00:00.000001',
'{"k":"\u0041 \" \\"}', '[1e3, 12345678901234567890123.4500]', NULL, '{}', '(,)', '\xdeadbeef', NULL, NULL
SQL
# OVERRIDING SYSTEM VALUE below: 13 takes DEFAULT in a list of several rows for a value.
my $t = Ardent::Test->new(name => 'exact', sql => <<"SQL");
CREATE TYPE public.pair AS (n integer, t text);
CREATE TYPE public.mood AS ENUM ('so so', 'Good');
CREATE DOMAIN public.positive AS numeric CHECK (VALUE > 0);
CREATE TABLE public.v (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    i2 smallint, i4 integer, i8 bigint, num numeric, f4 real, f8 double precision, f8b double precision,
    vc varchar(40), ch character(5), tx text, bo boolean,
    da date, ti time, ts timestamp, tz timestamptz, iv interval,
    js json, jb jsonb, ia integer[], ta text[], rg int4range, by bytea, uu uuid, co public.pair
);
CREATE TABLE public.more (
    id integer PRIMARY KEY, mo public.mood, po public.positive, money money, ip inet, ci cidr, mac macaddr, bits varbit(20),
    pt point, poly polygon, ts tsvector, q tsquery, x xml, timetz timetz, lsn pg_lsn, b "char", hid bytea[]
);
DO \$\$ BEGIN -- multiranges came with 14
    IF current_setting('server_version_num')::integer >= 140000 THEN
        ALTER TABLE public.more ADD COLUMN mr nummultirange DEFAULT '{[1.10,2.20),[3,)}';
    END IF;
END \$\$;
SQL
my $source = $t->source;
my $database = $Ardent::Test::database;
my $values = join ",\n", map { "($_)" } @rows;
my $more = <<'SQL';
SELECT %d, 'so so', 0.10, '-12.34', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', B'10110', '(0.1,-1e-300)',
       '((0,0),(1,1),(1,0))', 'fat:2A cat', '''a'' & b:*', '<a b="c">&amp;é</a>', '12:00:00.123+05:30', '16/B374D848',
       'x', ARRAY['\x00'::bytea, '\xff']
SQL
# Rounded, the largest double is out of range, which the copy could not miss: what may be missed comes first.
my $first = $values =~ s/1\.7976931348623157e\+308/1.2345678901234567e+300/r;
$source->safe_psql($database, "INSERT INTO public.v OVERRIDING SYSTEM VALUE VALUES $first; INSERT INTO public.more " . sprintf($more, 1));
$t->start_all;

my $same = sub {
	my ($when) = @_;
	$t->wait_caught_up;
	# settings of the comparison, and others: what prints the same under one may hide a difference under another
	my $set = "SET extra_float_digits = 1; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';"
	  . " SET bytea_output = 'hex'; SET lc_monetary = 'C';";
	my $exact = "SET extra_float_digits = 3; SET intervalstyle = 'iso_8601'; SET timezone = 'Asia/Kathmandu';";
	foreach my $settings ($set, $exact)
	{
		foreach my $table (qw(v more))
		{
			my $sql = "$settings SELECT * FROM public.$table AS t ORDER BY id";
			is($t->replica_psql($sql), $source->safe_psql($database, $sql), "invariant 7: $when, table $table");
		}
	}
	return;
};
$same->('by the copy');
$source->safe_psql($database, "INSERT INTO public.v OVERRIDING SYSTEM VALUE VALUES $values; INSERT INTO public.more " . sprintf($more, 2));
$same->('by inserts of one transaction');
$source->safe_psql($database, "INSERT INTO public.v OVERRIDING SYSTEM VALUE VALUES ($_)") foreach @rows;
$same->('by inserts of their own');
# each row gets the values of another: UPDATE takes a different way than COPY
$source->safe_psql($database, <<'SQL');
UPDATE public.v AS t
   SET (i2, i4, i8, num, f4, f8, f8b, vc, ch, tx, bo, da, ti, ts, tz, iv, js, jb, ia, ta, rg, "by", uu, co) =
       (SELECT s.i2, s.i4, s.i8, s.num, s.f4, s.f8, s.f8b, s.vc, s.ch, s.tx, s.bo, s.da, s.ti, s.ts, s.tz, s.iv, s.js, s.jb,
               s.ia, s.ta, s.rg, s."by", s.uu, s.co FROM public.v AS s WHERE s.id = t.id - 1)
 WHERE t.id > 5;
UPDATE public.more SET id = id + 100;
SQL
$same->('by updates');
# the large value is absent from this change, and NULL is not
$source->safe_psql($database, 'UPDATE public.v SET i2 = 7, vc = NULL');
$same->('by an update that leaves the large value alone');
is($t->replica_psql(q(SELECT count(*) FROM public.v WHERE length(tx) = 500000)),
	$source->safe_psql($database, q(SELECT count(*) FROM public.v WHERE length(tx) = 500000)), 'and it is still there');
$t->compare_ok('at the end');
$t->stop_all;
done_testing();
