=pod

=head1 NAME

RealtimeSnippets - the fenced blocks of a page of documentation

=head1 SYNOPSIS

  for my $block (snippets('docs/streams.md'))
  {
      print "$block->{line}: $block->{language}\n$block->{text}";
  }

A page says itself what its blocks need, in comments that no reader sees:

  <!-- sql
  CREATE SCHEMA shop;
  -->

is run where it stands, like a block, and C<< <!-- not run: why --> >> in front of a
block says that it is an illustration.

=cut

package RealtimeSnippets;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(snippets runnable_sql);

# snippets(file): all blocks and fixtures, in order: { line, language, text, skip }
sub snippets
{
	my ($file) = @_;
	my (@found, $open, $skip);

	open my $fh, '<:encoding(UTF-8)', $file or die "could not open $file: $!";
	while (my $line = <$fh>)
	{
		if ($open)
		{
			if ($line =~ $open->{end})
			{
				push @found, $open;
				undef $open;
				next;
			}
			$line =~ s/^\Q$open->{indent}\E//;
			$open->{text} .= $line;
		}
		elsif ($line =~ /^(\s*)```(\w*)\s*$/)
		{
			$open = { line => $., language => $2 || 'text', indent => $1, end => qr/^\s*```\s*$/, text => '', skip => $skip };
		}
		elsif ($line =~ /^<!-- sql\s*$/)
		{
			$open = { line => $., language => 'sql', indent => '', end => qr/^-->/, text => '' };
		}
		undef $skip if $open;
		$skip = $1 if $line =~ /^\s*<!-- not run: (.*) -->/;
	}
	die "$file:$open->{line}: a block without an end\n" if $open;
	return @found;
}

# Three dots stand for a body, or for more of one.  What can only stand in PL/pgSQL is
# put there, and compiled.
sub runnable_sql
{
	my ($sql) = @_;

	$sql =~ s/^(CREATE FUNCTION [^\n]*\)) \.\.\.(\s*(?:--[^\n]*)?)$/$1 RETURNS void LANGUAGE sql AS '';$2/mg;
	$sql =~ s/^(\s*)\.\.\.$/$1NULL;/mg;
	return $sql unless $sql =~ /\A\s*(?:PERFORM|IF|RAISE)\b/;
	return "CREATE OR REPLACE FUNCTION pg_temp.snippet() RETURNS void LANGUAGE plpgsql AS \$snippet\$ BEGIN $sql END \$snippet\$;\n";
}

1;
