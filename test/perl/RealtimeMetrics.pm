=pod

=head1 NAME

RealtimeMetrics - reads metrics with a parser that is not ours

=head1 SYNOPSIS

  use RealtimeMetrics;

  my $metrics = parse_metrics($text, 'text');
  is(metric($metrics, 'realtime_rpc_total', path => 'app/echo', status => 'ok'), 3);

=cut

package RealtimeMetrics;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run qw(run);
use JSON::PP ();

our @EXPORT = qw(parse_metrics metric);

my $parser = dirname(__FILE__) . '/../metrics/parse.py';

=pod

=over

=item parse_metrics($text, 'text' | 'open')

The families and samples that python3-prometheus-client finds; dies with its words if
it does not understand the text.

=cut

sub parse_metrics
{
	my ($text, $format) = @_;
	my ($json, $errors);

	run([ '/usr/bin/python3', $parser, $format ], \$text, \$json, \$errors)
	  or die "no metrics: $errors";
	return JSON::PP->new->decode($json);
}

=item metric($metrics, name, label => value, ...)

The sum of the samples of a name that have these labels; undef if there is none.

=cut

sub metric
{
	my ($metrics, $name, %labels) = @_;
	my $sum;

	for my $sample (@{ $metrics->{samples} })
	{
		next if $sample->[0] ne $name;
		next if grep { ($sample->[1]{$_} // '') ne $labels{$_} } keys %labels;
		$sum = ($sum // 0) + $sample->[2];
	}
	return $sum;
}

=back

=cut

1;
