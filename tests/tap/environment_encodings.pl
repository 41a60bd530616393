# SPDX-License-Identifier: PostgreSQL
# A replica has its source's encoding and locale, and every byte comes through: by the copy and by the stream.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

my @databases = (
	[ 'latin1', "ENCODING 'LATIN1' LOCALE 'C'" ],
	[ 'sql_ascii', "ENCODING 'SQL_ASCII' LOCALE 'C'" ],
	[ 'icu', "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'", 15 ],
	[ 'rules', "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&a < g'", 16 ],
	[ 'builtin', "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'", 17 ],
);
foreach my $one (@databases)
{
	my ($name, $options, $since) = @$one;
	next if defined $since && Ardent::Test::major() < $since;
	my $t = Ardent::Test->new(name => $name, grants => 0);
	my ($source, $database) = ($t->source, $Ardent::Test::database);
	$source->safe_psql('postgres', "DROP DATABASE $database");
	$source->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 $options");
	# every byte that the encoding has but NUL, and what COPY and wal2json escape; names beyond ASCII
	my $top = $options =~ /UTF8/ ? 127 : 255;
	my $all = "convert_from(decode(string_agg(lpad(to_hex(g), 2, '0'), ''), 'hex'), getdatabaseencoding())";
	$source->safe_psql($database, <<"SQL");
CREATE TABLE public.beacon (id integer PRIMARY KEY, n bigint NOT NULL);
INSERT INTO public.beacon VALUES (1, 0);
DO \$\$ BEGIN
    EXECUTE format('CREATE TABLE public.%I (id int PRIMARY KEY, %I text, c char(4), b bytea)',
        't' || convert_from('\\x${\ ($name eq 'latin1' ? 'e4' : 'c3a4') }', getdatabaseencoding()),
        'v' || convert_from('\\x${\ ($name eq 'latin1' ? 'fc' : 'c3bc') }', getdatabaseencoding()));
END \$\$;
SQL
	my $table = $source->safe_psql($database,
		q(SELECT encode(convert_to(relname, getdatabaseencoding()), 'hex') FROM pg_class WHERE relname LIKE 't%' AND relkind = 'r'
		  AND relnamespace = 'public'::regnamespace));
	my $insert = sub { # by name of the catalog, so that this file is ASCII
		my ($id) = @_;
		$source->safe_psql($database, <<"SQL");
DO \$\$ BEGIN
    EXECUTE format(\$f\$INSERT INTO public.%I SELECT $id, $all, 'a', '\\x00ff' FROM generate_series(1, $top) AS g\$f\$,
        convert_from('\\x$table', getdatabaseencoding()));
END \$\$;
SQL
	};
	$insert->(1);
	$t->grant;
	$t->start_all;
	$insert->(2);
	$t->wait_caught_up;
	my $content = <<"SQL";
SELECT md5(string_agg(x, ',')) FROM (SELECT query_to_xml(format('SELECT id, md5(t::text), octet_length(t::text) FROM public.%I AS t ORDER BY id',
    convert_from('\\x$table', getdatabaseencoding())), true, false, '')::text AS x) AS s
SQL
	is($t->replica_psql($content), $source->safe_psql($database, $content), "$name: every byte is the same");
	# what a major does not have (the provider before 15) or calls otherwise is NULL on both sides
	my $like = q(SELECT pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider',
		to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale',
		to_jsonb(d) ->> 'daticurules' FROM pg_database AS d WHERE datname = current_database());
	is($t->replica_psql($like), $source->safe_psql($database, $like), "$name: encoding and locale");
	is_deeply($t->connector->{warnings}, [], "$name: nothing to warn of");
	$t->stop_all;
}
done_testing();
