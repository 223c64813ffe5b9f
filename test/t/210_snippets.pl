# What README and docs show is what works: each block of SQL is run, in the order of its
# page, in a database of its own; the others are read by whoever would read them.
use strict;
use warnings;

use File::Temp qw(tempdir);
use IPC::Run qw(run);
use JSON::PP;
use Test::More;

use PostgreSQL::Test::Utils;
use RealtimeSnippets;
use RealtimeTest;

my $node = new_node();
my $files = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->allow_nonref;
my %skipped;

# One psql for a page, which says on both of its streams where it is.
sub run_sql
{
	my ($page, @blocks) = @_;
	my ($name, $out, $err) = ("page_" . $page =~ s/\W/_/gr, '', '');
	my $script = join '', map { "\\warn \@\@ $_->{line}\n" . runnable_sql($_->{text}) . "\n;\n" } @blocks;
	my %errors;

	utf8::encode($script);
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE snippets");
	run [ 'psql', '-X', '-q', '-d', $node->connstr($name) ], \$script, \$out, \$err;
	for my $part (split /^\@\@ /m, $err)
	{
		my ($line) = $part =~ /^(\d+)/ or next;
		$errors{$line} = $part if $part =~ /(?:ERROR|FATAL):/;
	}
	is($errors{ $_->{line} }, undef, "$page:$_->{line}: the SQL runs") for @blocks;
	forget_settings() if $script =~ /ALTER SYSTEM/;
	return;
}

# Those of one page are not those of the next.
sub forget_settings
{
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	poll_until(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE sourcefile LIKE '%auto.conf'}) eq '0' })
	  or die 'settings stay';
	return;
}

# One or several, perhaps on several lines.
sub check_json
{
	my ($where, $text) = @_;

	eval { $json->incr_reset; $json->incr_parse($text); 1 while $json->incr_parse; 1 };
	is($@ . ($json->incr_text // ''), '', "$where: the JSON is read");
	return;
}

sub check_program
{
	my ($where, $text, $ending, @command) = @_;
	my $file = "$files/snippet.$ending";
	my $output = '';

	open my $fh, '>:encoding(UTF-8)', $file or die;
	print $fh $text;
	close $fh;
	ok(run([ @command, $file ], '>&', \$output), "$where: it is read by $command[0]") or diag($output);
	return;
}

my %check = (
	js => sub { check_program(@_, 'mjs', 'node', '--check') },
	sh => sub { check_program(@_, 'sh', 'bash', '-n') },
	json => \&check_json,
);

$node->safe_psql('postgres', 'CREATE DATABASE snippets');
$node->safe_psql('snippets', 'CREATE EXTENSION realtime');
for my $page ('README.md', 'client/README.md', sort glob 'docs/*.md')
{
	my @blocks = snippets($page);
	my @sql = grep { $_->{language} eq 'sql' && !$_->{skip} } @blocks;

	$skipped{"$page:$_->{line}"} = $_->{skip} for grep { $_->{skip} } @blocks;
	run_sql($page, @sql) if @sql;
	$check{ $_->{language} }->("$page:$_->{line}", $_->{text}) for grep { $check{ $_->{language} } && !$_->{skip} } @blocks;
}
note("not run: $_: $skipped{$_}") for sort keys %skipped;
cmp_ok(scalar keys %skipped, '<=', 10, 'few blocks are only to be looked at');

done_testing();
