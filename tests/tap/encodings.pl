# SPDX-License-Identifier: PostgreSQL
# wal2json writes the server's encoding whatever the client asks for: databases that are not UTF8 are carried byte for
# byte, by the copy and by the stream.
use strict;
use warnings;
use Ardent::Test;
use Test::More;

# In each: bytes from 0x80 on as the encoding has them, and the characters that COPY, JSON and array text escape.
my %rows = (
	LATIN1    => [ 'na\xefve caf\xe9', '\xa0\xff', '\\\\ " \t \n {a,b} \x01 \x7f' ],
	WIN1252   => [ '\x80 \x93quoted\x94', '\xe9', '\\\\N' ],
	EUC_JP    => [ '\xc6\xfc\xcb\xdc\xb8\xec', '\x8e\xb1', 'a\\\\\xc6\xfc"' ],
	SQL_ASCII => [ '\xff\xfe\x80 no encoding', '\xc3\xa9', '\xe9 \\\\ " \xf0\x28' ],
);

for my $encoding (sort keys %rows)
{
	my $t = Ardent::Test->new(
		name => lc $encoding, database => "TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'",
		sql => 'CREATE TABLE public.words (id integer PRIMARY KEY, word text NOT NULL, list text[]);'
		  . ' CREATE TABLE public.by_word (word text PRIMARY KEY, n integer)');
	# client_encoding of the server: what psql sends are the bytes that the table gets
	my $sql = sub { $t->source->safe_psql($Ardent::Test::database, "SET client_encoding = '$encoding'; $_[0]"); };
	my $insert = sub {
		my ($from) = @_;
		my $id = $from;
		for my $word (@{ $rows{$encoding} })
		{
			$id++;
			$sql->("INSERT INTO public.words VALUES ($id, E'$word', ARRAY[E'$word', NULL]);"
				  . " INSERT INTO public.by_word VALUES (E'$word $id', $id)");
		}
	};
	$insert->(0);
	$t->start_all;
	$insert->(100);
	$sql->("UPDATE public.words SET word = word || word, list = list || word");
	$sql->("UPDATE public.by_word SET n = n + 1; DELETE FROM public.by_word WHERE n = 102");
	$sql->("INSERT INTO public.words SELECT g, (SELECT word FROM public.words WHERE id = 1) FROM generate_series(1000, 1050) AS g");
	$t->wait_caught_up;
	$t->compare_ok("$encoding: byte for byte");
	my (undef, $said) = $t->compare;
	like($said, qr/^  public\.$_ +[1-9]\d* /m, "$encoding: $_ has rows") foreach qw(words by_word);
	is($t->replica_psql('SHOW server_encoding'), $encoding, "$encoding: the replica has the source's encoding");
	$t->stop_all;
}
done_testing();
