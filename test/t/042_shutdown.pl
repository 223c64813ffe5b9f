# The server stops, in every mode, and starts again; a reload changes limits.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

my $timeout = 1;           # what must be ended
my $ample = 60;            # what must not, however busy the machine
my $node = life_node(
	'realtime.executors' => 3,
	'realtime.shutdown_timeout' => "${ample}s");

# Starts a stop that does not wait, and returns when it began.
sub begin_stop
{
	my ($mode) = @_;

	system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', $mode, '-W', 'stop');
	return time;
}

# Waits for the end of the server, and starts the next, with that timeout.
sub restarted
{
	my ($what, $next_timeout) = @_;

	ok(poll_until(sub { !-e $node->data_dir . '/postmaster.pid' }), "$what ends");
	$node->{_pid} = undef;
	$node->append_conf('postgresql.conf', "realtime.shutdown_timeout = '${next_timeout}s'");
	$node->start;
	wait_for_gateway($node);
	wait_for_call($node, 'app/echo', ['x']);
	return;
}

# Whether the server has begun to stop: nobody is let in any more.
sub nobody_gets_in { return poll_until(sub { !tcp_connect($node) }); }

# Fast, with calls that end in time
{
	my $ws = ws_connect($node);
	my $idle = ws_connect($node);
	my @ids = map { call_begin($ws, 'app/sleep', [4]) } 1 .. 3;
	busy_executor($node, 'app/sleep');

	my $began = begin_stop('fast');
	ok(nobody_gets_in(), 'a server that stops lets nobody in');
	is(ws_call($idle, 'app/echo', ['x'])->{code}, 'SERVICE_UNAVAILABLE',
		'a new call is refused');
	is_deeply([ map { call_end($ws, $_)->{data} } @ids ], [ ('awake') x 3 ],
		'fast: calls that run or wait are finished and answered');
	is(ws_close_code($_), 1001, 'fast: a socket is closed with 1001') for $ws, $idle;
	close $_->{socket} for $ws, $idle;
	restarted('the server', $ample);
	cmp_ok(time - $began, '<', $ample, 'soon');
}

# Fast, under load: every call is answered.
{
	my $load = load_start($node, 'app/echo', ['x'], 3);
	my $ws = ws_connect($node);

	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'clients call');
	my $began = begin_stop('fast');
	is(ws_close_code($ws), 1001, 'fast, under load: sockets are closed with 1001');
	close $ws->{socket};
	restarted('the server', $timeout);
	cmp_ok(time - $began, '<', $ample, 'in time');
	seen_only($load, 'SERVICE_UNAVAILABLE', 'closed 1001', 'refused 503', 'not connected');
}

# Fast, with calls that take longer
{
	my $ws = ws_connect($node);
	my @ids = map { call_begin($ws, "app/$_", []) } 'stubborn';
	busy_executor($node, 'app/stubborn');
	push @ids, map { call_begin($ws, 'app/sleep', [60]) } 1 .. 4;
	busy_executor($node, 'app/sleep');

	my $began = begin_stop('fast');
	is_deeply([ map { (call_end($ws, $_) // {})->{code} } @ids[ 1 .. 4 ] ],
		[ ('SERVICE_UNAVAILABLE') x 4 ],
		'fast: calls that take too long or never began are answered');
	like(call_end($ws, $ids[0])->{code}, qr/^(SERVICE_UNAVAILABLE|INTERNAL_ERROR)$/,
		'so is one that no cancel ends');
	is(ws_close_code($ws), 1001, 'before the socket is closed with 1001');
	close $ws->{socket};
	cmp_ok(time - $began, '<', $timeout + soon(), 'in time');
	restarted('the server', $ample);
}

# Smart waits for sessions of PostgreSQL, and serves clients meanwhile.
{
	my $ws = ws_connect($node);
	my $session = $node->background_psql('postgres');
	$session->query_safe('SELECT 1');
	my $position = log_position($node);

	begin_stop('smart');
	ok(poll_until(sub { count_in_log($node, qr/received smart shutdown/, $position) }),
		'smart: the server is told');
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x',
		'smart: calls go on while a session is open');
	my $id = call_begin($ws, 'app/sleep', [2]);
	$session->quit;
	is(call_end($ws, $id)->{data}, 'awake', 'then running calls are finished');
	is(ws_close_code($ws), 1001, 'and sockets closed with 1001');
	close $ws->{socket};
	restarted('the server', $ample);
}

# Immediate waits for nobody.
{
	my $ws = ws_connect($node);
	call_begin($ws, 'app/sleep', [60]);
	busy_executor($node, 'app/sleep');

	my $began = begin_stop('immediate');
	is(ws_close_code($ws), 1006, 'immediate: clients are cut off');
	cmp_ok(time - $began, '<', soon(), 'at once');
	restarted('the server', $timeout);
}

# A reload changes limits for connections that are open.
{
	my $ws = ws_connect($node);
	my @before = map { worker_pids($node, $_) } qw(launcher gateway executor scheduler);

	ws_subscribe($ws, 'news');
	$node->safe_psql('postgres', q{SELECT realtime.topic('more', open => true)});
	$node->append_conf('postgresql.conf', qq{
realtime.handler_timeout = '200ms'
realtime.max_subscriptions = 1
realtime.max_batch = 2
realtime.max_payload = '2kB'
});
	$node->reload;
	ok(poll_until(sub {
		(ws_call($ws, 'app/sleep', [0.5])->{code} // '') eq 'TIMEOUT' }),
		'a reload changes the time of calls');
	ok(poll_until(sub {
		my $answer = ws_subscribe($ws, 'more');
		ws_send($ws, { type => 'unsubscribe', topic => 'more' });
		return ($answer->{reason} // '') eq 'RATE_LIMITED' }),
		'the number of subscriptions');
	ws_send($ws, { batch => [
		map { { rpc => 'app/echo', id => "r$_", args => [$_] } } 1 .. 3 ] });
	is(call_end($ws, 'r3')->{code}, 'INVALID_REQUEST', 'the size of batches');
	is_deeply([ map { worker_pids($node, $_) } qw(launcher gateway executor scheduler) ],
		\@before, 'and nobody restarts for it');
	ws_raw($ws, ws_frame('text', 'x' x 3000));
	like(ws_close_code($ws), qr/^(1009|1006)$/, 'the size of messages');
	close $ws->{socket};
}

$node->stop('fast');
no_crash($node);

done_testing();
