#!/usr/bin/perl
# SPDX-License-Identifier: PostgreSQL
# run_tap.pl COUNTS JOBS FILE...: runs TAP files, JOBS at a time, and writes "passed failed" to the file COUNTS.
# Those with a line "# long" begin first. A file that dies, has no plan or exits badly without a failed test counts as one failure.
use strict;
use warnings;
use TAP::Harness;

my ($counts, $jobs, @files) = @ARGV;
my %is_long = map { $_ => is_long($_) } @files;
@files = ((grep { $is_long{$_} } @files), (grep { !$is_long{$_} } @files)) if $jobs > 1;
my $harness = TAP::Harness->new(
    {
        verbosity => $ENV{V} ? 1 : 0,
        jobs      => $jobs,
        timer     => 1,
        failures  => 1,
        lib       => [@INC],
        merge     => 0,
    });
my $aggregate = $harness->runtests(@files);
my ($passed, $failed) = (0, 0);
foreach my $parser ($aggregate->parsers)
{
    $passed += () = $parser->passed;
    my $bad = () = $parser->failed;
    $bad = 1 if $bad == 0 && $parser->has_problems;
    $failed += $bad;
}
open(my $file, '>', $counts) or die "$counts: $!";
print $file "$passed $failed\n";
close($file) or die "$counts: $!";
exit($failed ? 1 : 0);

sub is_long
{
	my ($name) = @_;
	open(my $in, '<', $name) or die "$name: $!";
	return scalar grep { /^# long$/ } <$in>;
}
