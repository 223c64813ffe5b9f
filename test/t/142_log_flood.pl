# The log is for people: what clients do wrong ten thousand times fills no pages, but
# it is told how often it was.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $times = 10_000;
my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.log_repeats' => 5, 'realtime.log_repeat_interval' => '1h',
	'realtime.jwt_secret' => 'a secret of thirty-two characters', 'log_statement' => 'none');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what integer) RETURNS integer LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.bug() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a bug'; END $$;
CREATE FUNCTION app.other() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'another bug'; END $$;
CREATE FUNCTION app.divide(n integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / n; END $$;
SELECT realtime.rpc('app/echo', 'app.echo(integer)'), realtime.rpc('app/bug', 'app.bug()'), realtime.rpc('app/other', 'app.other()'),
	realtime.rpc('app/divide', 'app.divide(integer)');
});
wait_for_call($node, 'app/echo', [0]);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub lines_since { my ($from) = @_; my @lines = grep { !/statement:/ } split /\n/, slurp_file($node->logfile, $from); return @lines; }
sub position { return -s $node->logfile; }

# Sends many frames, and reads what comes back, so that nobody waits for anybody.
sub flood
{
	my ($ws, $frame, $count, $done) = @_;
	for my $n (1 .. $count)
	{
		ws_raw($ws, ws_frame('text', $frame->($n)));
		ws_quiet($ws) if $n % 100 == 0;
	}
	return $done->();
}
sub ends { my ($ws) = @_; return ws_call($ws, 'app/echo', [1])->{ok}; }

# frames that mean nothing
my $from = position();
my $ws = ws_connect($node);
ok(flood($ws, sub { qq({"type":"nonsense","n":$_[0]}) }, $times, sub { ends($ws) }), 'frames that mean nothing');
is(scalar(grep { /nonsense|ERROR|WARNING/ } lines_since($from)), 0, 'are no lines of the log');
is(sql('SELECT sum(frames_ignored) FROM realtime.stat_gateway'), $times, 'but counted');

# tokens that are none
$from = position();
flood($ws, sub { qq({"type":"auth","token":"a.b.$_[0]"}) }, $times, sub { ends($ws) });
cmp_ok(scalar(lines_since($from)), '<', 20, 'logins that fail') or diag join "\n", (lines_since($from))[0 .. 30];

# calls that fail inside
$from = position();
my @many = map { ws_connect($node) } 1 .. 4;
for my $batch (1 .. $times / 400)
{
	for my $one (@many)
	{
		ws_send($one, { rpc => 'app/bug', id => "b$_", args => [] }) for 1 .. 100;
	}
	ws_wait($_, sub { ($_->{event} // '') eq 'b100' }) for @many;
	ws_quiet($_) for @many;
}
ok(poll_until(sub { sql(q{SELECT errors FROM realtime.stat_handler WHERE path = 'app/bug'}) == $times }), 'ten thousand calls that fail');
my @lines = lines_since($from);
is(scalar(grep { /ERROR:  a bug/ } @lines), 5, 'some of them are logged, by all executors together');
cmp_ok(scalar(@lines), '<', 60, 'and nothing else') or diag join "\n", @lines[0 .. 30];
ws_call($ws, 'app/other', []) for 1 .. 3;
ws_call($ws, 'app/divide', [0]) for 1 .. 9;
@lines = lines_since($from);
is(scalar(grep { /ERROR:  another bug/ } @lines), 3, 'another one is another kind');
is(scalar(grep { /ERROR:  division by zero/ } @lines), 5, 'also about data');
like(sql('SELECT realtime.metrics_text()'), qr/^realtime_log_suppressed_total (\d+)$/m, 'how many were not logged is a metric');
sql('SELECT realtime.metrics_text()') =~ /^realtime_log_suppressed_total (\d+)$/m;
is($1, $times - 5 + 4, 'of all kinds');

# what was left out is told when the time is over, also if nothing happens any more
configure($node, 'realtime.log_repeat_interval' => '1s');
ok(poll_until(sub { join("\n", lines_since($from)) =~ /LOG:  (\d+) more errors of realtime call "app\/bug" were not logged/ && $1 == $times - 5 }),
	'it is told how many there were') or diag join "\n", grep { /LOG/ } lines_since($from);
ok(poll_until(sub { join("\n", lines_since($from)) =~ /LOG:  4 more errors of realtime call "app\/divide" were not logged/ }), 'of each kind');
like(join("\n", lines_since($from)), qr/DETAIL:  Their SQLSTATE is P0001\./, 'with the code');
unlike(join("\n", lines_since($from)), qr/app\/other" were not logged/, 'but not of what was logged');

# all of them, for who wants that
configure($node, 'realtime.log_repeats' => -1);
$from = position();
ok(poll_until(sub { ws_call($ws, 'app/bug', []) for 1 .. 20; (grep { /ERROR:  a bug/ } lines_since($from)) > 15 }), 'without a limit');
no_crash($node);

$node->stop;
done_testing();
