# A worker that is killed takes the whole server with it, and the server comes
# back by itself: once, with clean shared memory.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $depth = 16;
my $node = life_node('realtime.executors' => 2, 'realtime.queue_depth' => $depth);

sub all_pids { return map { worker_pids($node, $_) } qw(launcher gateway executor scheduler); }

for my $kind (qw(launcher gateway executor scheduler))
{
	my $position = log_position($node);
	my @clients = map { ws_connect($node) } 1 .. 3;
	my @before = all_pids();

	# A subscription, calls that run and one that waits
	ws_subscribe($clients[2], 'news');
	call_begin($_, 'app/sleep', [60]) for @clients;
	busy_executor($node, 'app/sleep');

	my ($victim) = worker_pids($node, $kind);
	kill 'KILL', $victim;
	is(ws_close_code($_), 1006, "$kind killed: a client is cut off") for @clients;

	wait_for_gateway($node);
	wait_for_call($node, 'app/echo', ['x']);
	ok(poll_until(sub { my @now = all_pids(); return @now == 5 }),
		'all workers are there again');
	my @after = all_pids();
	my %old = map { $_ => 1 } @before;
	is_deeply([ grep { $old{$_} } @after ], [], 'as new processes');

	ok(slots_are_free($node, $depth), 'all request slots are free');
	ok(poll_until(sub {
		$node->safe_psql('postgres',
			'SELECT connections, subscriptions FROM realtime.stat_gateway') eq '0|0' }),
		'no connection and no subscription is left over');
	my $ws = ws_connect($node);
	is(ws_subscribe($ws, 'news')->{type}, 'subscribed', 'topics can be subscribed');
	$node->safe_psql('postgres', q{SELECT realtime.publish('news', 'again')});
	is(ws_wait($ws, sub { ($_->{topic} // '') eq 'news' })->{event}, 'again',
		'and events arrive');
	ws_close($ws);

	is_deeply([ all_pids() ], \@after, 'nobody has died since');
	is(count_in_log($node, qr/terminating any other active server processes/, $position),
		1, 'the server has restarted once');
	is(count_in_log($node, qr/\((?:PID|pid) $victim\) was terminated by signal 9/, $position),
		1, "because of the $kind");
}

# Without the postmaster nobody stays, and the next server finds port and
# memory free.
{
	my @orphans = all_pids();
	my $ws = ws_connect($node);
	call_begin($ws, 'app/sleep', [60]);
	busy_executor($node, 'app/sleep');

	$node->kill9;
	is(ws_close_code($ws), 1006, 'postmaster killed: a client is cut off');
	ok(poll_until(sub { !grep { kill 0, $_ } @orphans }), 'all workers leave');
	ok(poll_until(sub { $node->start(fail_ok => 1) }), 'the server can be started');
	wait_for_gateway($node);
	wait_for_call($node, 'app/echo', ['x']);
	ok(slots_are_free($node, $depth), 'and all request slots are free');
}

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal (?!9)|TRAP:/,
	'nothing has crashed by itself');

done_testing();
