# Clients whose output waits: who takes nothing is ended whatever it sends, who
# takes little is not, and who says that it will send no more costs no time.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $node = new_node('realtime.stall_timeout' => '5s',
	'realtime.max_backpressure' => '1MB', 'realtime.executors' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
SELECT realtime.rpc('app/text', 'app.text(int)');
});
wait_for_call($node, 'app/text', [1]);
my $watch = ws_connect($node);
my $pid = stat_gateway('pid');

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# Processor time that the gateway has used, hundredths of a second
sub processor_time
{
	my @stat = split / /, slurp_file("/proc/$pid/stat");
	return $stat[13] + $stat[14];
}

# A client with more output than its socket takes.
sub connect_behind
{
	my $ws = ws_connect($node, receive_buffer => 4096);

	ws_raw($ws, ws_frame('text', '{"rpc":"app/text","id":"a","args":[800000]}')) for 1 .. 2;
	poll_until(sub { stat_gateway('memory') > 500_000 }) or die "nothing waits\n";
	return $ws;
}

# One reads nothing and sends pongs.
my $deaf = connect_behind();
ok(poll_until(sub {
		ws_raw($deaf, ws_frame('pong', 'alive'));
		stat_gateway('stalled') == 1 && stat_gateway('connections') == 1;
	}), 'who takes nothing is ended, though it sends');
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'and nothing is kept for it');

# One reads a little now and then, for much longer than the timeout.
my $slow = connect_behind();
my ($began, $taken) = (time, 0);
while (time - $began < 15)
{
	ws_call($watch, 'app/text', [1]);
	next if $taken > 1_200_000 * (time - $began) / 15;
	last unless IO::Select->new($slow->{socket})->can_read(5);
	my $n = sysread $slow->{socket}, my $bytes, 20_000;
	last unless $n;
	$taken += $n;
}
cmp_ok($taken, '<', 1_500_000, 'one that reads slowly has not read all of it');
cmp_ok(time - $began, '>=', 15, 'and is not ended');
is(stat_gateway('stalled'), 1, 'as the statistics say');
close $slow->{socket};
ok(poll_until(sub { stat_gateway('connections') == 1 }), 'it goes');

# Some read nothing and say that they will send no more.
my @silent = map { connect_behind() } 1 .. 3;
my $burnt = processor_time();
shutdown $_->{socket}, 1 for @silent;
ok(poll_until(sub { stat_gateway('connections') == 1 }),
	'who can send no more and reads nothing is ended');
cmp_ok(processor_time() - $burnt, '<', 100, 'and costs hardly any time');
is(ws_call($watch, 'app/text', [3])->{data}, 'xxx', 'others have not noticed');

ws_close($watch);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
