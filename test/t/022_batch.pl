# Batches that nobody would send: they are refused, and what that costs is
# bounded, in bytes and in work.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $max = 50;              # realtime.max_batch
my $streams = 1000;        # what it may have beside calls
my $node = new_node('realtime.max_batch' => $max);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(t text) RETURNS text LANGUAGE sql AS 'SELECT t';
SELECT realtime.rpc('app/echo', 'app.echo(text)');
});
wait_for_call($node, 'app/echo', ['x']);
my $ws = ws_connect($node);

# The answers to a batch: the gateway gives those of a refused one at once, so
# they have all come before that to the frame behind it.
sub answers
{
	my ($entries, $more) = @_;

	ws_raw($ws, ws_frame('text', '{"batch":[' . join(',', @$entries) . ']' . ($more // '') . '}')
		  . ws_frame('text', '{"rpc":"nopath","id":"behind"}'));
	ws_wait($ws, sub { ($_->{event} // '') eq 'behind' });
	return splice @{ $ws->{queue} };
}

sub codes
{
	my %codes = map { $_->{data}{code} => 1 } @_;
	return join ' ', sort keys %codes;
}

my @wrong = map { qq({"id":"w$_"}) } 1 .. 60_000;
for my $more ('', ',"sequential":true')
{
	my @answers = answers(\@wrong, $more);

	is(codes(@answers), 'INVALID_REQUEST', "a batch that is much too long is refused$more");
	is(scalar @answers, $max + $streams, 'its first entries are answered');
	is($answers[-1]{event}, 'w' . ($max + $streams), 'each once, in order');
}
my ($answer) = answers([ map { qq({"id":"e$_"}) } 1 .. $max + 1 ]);
is($answer->{data}{error}, "Batch exceeds maximum of $max calls", 'it says why');

# What can not be answered counts, and is not looked at for ever.
is_deeply([ answers([ (1) x 500_000 ]) ], [], 'half a million numbers are answered by nothing');
is_deeply([ answers([ (1) x 500_000, '{"id":"x"}' ]) ], [], 'nor is what stands behind them');
is(codes(answers([ (1) x $max, '{"id":"x"}' ])), 'INVALID_REQUEST', 'a number is a call that cannot be answered');

# Streams have a limit of their own.
sub streams { return map { qq({"rpc":"no/stream","id":"s$_","stream":true}) } 1 .. $_[0] }
($answer) = answers([ streams($streams + 1) ]);
is($answer->{data}{error}, "Batch exceeds maximum of $streams streams", 'too many streams');
ws_raw($ws, ws_frame('text', '{"batch":[' . join(',', streams($max + 1),
			map { qq({"rpc":"app/echo","id":"c$_","args":["x"]}) } 1 .. $max) . ']}'));
my @done = map { ws_wait($ws, sub { ($_->{event} // '') =~ /^c/ }) } 1 .. $max;
is(scalar(grep { $_->{data}{ok} } @done), $max, 'they do not count against calls');
@done = map { ws_wait($ws, sub { ($_->{event} // '') =~ /^s/ }) } 1 .. $max + 1;
is(codes(@done), 'NOT_FOUND', 'and are looked at like others');

# Too deep
my $deep = '[' x 100 . ']' x 100;
my @answers = answers([ map { qq({"id":"d$_","args":$deep}) } 1 .. 3000 ]);
is(codes(@answers), 'INVALID_REQUEST', 'a batch that is too deep');
is(scalar @answers, $max + $streams, 'is answered as far');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
