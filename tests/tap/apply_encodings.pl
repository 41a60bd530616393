# SPDX-License-Identifier: PostgreSQL
# wal2json writes the server's encoding whatever the client asks for. Values, keys and names pass byte for byte.
use strict;
use warnings;
use Ardent::Apply;
use Test::More;

sub run_in
{
	my ($encoding, $table, $word, $more) = @_;
	my $t = Ardent::Apply->new(
		name => lc $encoding, encoding => $encoding,
		setup => "SET client_encoding = UTF8; CREATE TABLE $table (k text PRIMARY KEY, v text, f \"char\")");
	$t->source("SET client_encoding = UTF8;
		INSERT INTO $table VALUES ('$word', E'$word\\\\\\n\\t\"$word', 'x'), ('a', '', NULL);
		UPDATE $table SET v = v || '$word' WHERE k = '$word';
		INSERT INTO $table SELECT '$word' || g, '$word' FROM generate_series(1, 60) AS g;
		UPDATE $table SET v = v || g FROM generate_series(1, 30) AS g WHERE k = '$word' || g;
		DELETE FROM $table WHERE k = '${word}5';
		UPDATE $table SET k = k || '$word' WHERE k = '${word}6'; $more");
	$t->applied_ok($t->segments, "$encoding: applied");
	is($t->replica("SET client_encoding = UTF8; SELECT count(*) FROM $table"), '61', "$encoding: rows");
	$t->equal_ok($encoding);

	$t->replica("SET client_encoding = UTF8; DELETE FROM $table WHERE k = '${word}7'");
	$t->source("SET client_encoding = UTF8; UPDATE $table SET v = 'missed' WHERE k = '${word}7'");
	my ($exit, $output) = $t->apply($t->segments);
	is($exit, 1, "$encoding: a miss is a failure");
	ok(utf8::decode($output), "$encoding: told in UTF-8");
	return;
}

run_in('LATIN1', '"tä"', 'éÿ', '');
run_in('EUC_JP', '"表"', '日本語', '');
run_in('SQL_ASCII', 't', 'ä', q(UPDATE t SET v = v || E'\\\\xfe\\\\xc3' WHERE k = 'a'));
run_in('UTF8', '"таблица"', '€😀', '');
done_testing();
