# SIGTERM of one worker ends that one alone, and no call is lost or answered
# twice.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

my $depth = 16;
my $timeout = 1;           # what must be ended
my $ample = 60;            # what must not, however busy the machine
my $node = life_node(
	'realtime.executors' => 2,
	'realtime.queue_depth' => $depth,
	'realtime.shutdown_timeout' => "${ample}s");

# From now on, for all processes
sub set_shutdown_timeout
{
	my ($seconds) = @_;

	$node->append_conf('postgresql.conf', "realtime.shutdown_timeout = '${seconds}s'");
	$node->restart;
	wait_for_gateway($node);
	wait_for_call($node, 'app/echo', ['x']);
	return;
}

sub pids_of_others
{
	my ($kind, $victim) = @_;
	return grep { $_ != $victim }
	  map { worker_pids($node, $_) } grep { $_ ne $kind } qw(launcher gateway executor scheduler);
}

# An executor finishes what it runs, and others take what waits.
{
	my $ws = ws_connect($node);
	my $other = ws_connect($node);
	my $id = call_begin($ws, 'app/sleep', [2]);
	my $victim = busy_executor($node, 'app/sleep');
	my @others = pids_of_others('executor', $victim);

	kill 'TERM', $victim;
	is(ws_call($other, 'app/echo', ['x'])->{data}, 'x',
		'the other executor goes on');
	is(call_end($ws, $id)->{data}, 'awake',
		'a terminated executor finishes its call');
	is(answers_to($ws, $id), 0, 'and answers it once');
	ok(replaced($node, 'executor', [$victim], 2), 'it is replaced');
	is_deeply([ pids_of_others('executor', $victim) ], \@others,
		'nobody else has noticed');
	ws_close($_) for $ws, $other;
}
set_shutdown_timeout($timeout);

# A wake-up that reaches an executor as it leaves is passed on: nobody else is
# there to answer while the first one and the launcher are held up.
{
	my $ws = ws_connect($node);
	my $first = $node->safe_psql('postgres',
		'SELECT pid FROM realtime.stat_executor WHERE number = 0');
	my ($launcher) = worker_pids($node, 'launcher');

	sleep 1;					# all are idle
	kill 'STOP', $first, $launcher;
	my $id = call_begin($ws, 'app/echo', ['passed on']);
	sleep 1;
	kill 'TERM', $first;
	kill 'CONT', $first;
	my $reply = eval { call_end($ws, $id, soon()) } // {};
	is($reply->{data}, 'passed on',
		'a call that woke a leaving executor is run by another one');
	kill 'CONT', $launcher;
	ok(replaced($node, 'executor', [$first], 2), 'the one that left is replaced');
	ws_close($ws);
}

# A lock on the declarations, held by somebody else, does not keep them alive.
{
	my $locker = $node->background_psql('postgres');
	my @victims = worker_pids($node, 'executor');

	$node->safe_psql('postgres', 'CREATE SCHEMA passing');
	$locker->query_safe('BEGIN; LOCK TABLE realtime.rpc_declaration');
	$node->safe_psql('postgres', 'DROP SCHEMA passing');
	ok(poll_until(sub {
		$node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND wait_event_type = 'Lock'}) == 2 }),
		'executors wait for a lock on the declarations');
	kill 'TERM', $_ for @victims;
	ok(replaced($node, 'executor', \@victims), 'and can be terminated');
	$locker->query_safe('COMMIT');
	$locker->quit;
	wait_for_call($node, 'app/echo', ['x']);
}

# A call that takes longer is ended, and says so.  One executor is kept for what
# has been short.
$node->safe_psql('postgres', q{SELECT realtime.rpc('app/nap', 'app.sleep(float8)')});
wait_for_call($node, 'app/nap', [0]);
{
	my $ws = ws_connect($node);
	ws_call($ws, 'app/nap', [0]) for 1 .. 20;
	my @ids = map { call_begin($ws, $_, [60]) } 'app/sleep', 'app/nap';
	ok(poll_until(sub {
		$node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND state = 'active'}) == 2 }),
		'both executors are busy');
	my @waiting = map { call_begin($ws, 'app/echo', [$_]) } 1 .. 5;
	my @victims = worker_pids($node, 'executor');
	my $began = time;

	kill 'TERM', $_ for @victims;
	is(call_end($ws, $_)->{code}, 'SERVICE_UNAVAILABLE',
		'a call that outlasts realtime.shutdown_timeout is ended') for @ids;
	cmp_ok(time - $began, '<', $timeout + soon(), 'in time');
	is_deeply([ map { call_end($ws, $_)->{data} } @waiting ], [ 1 .. 5 ],
		'calls that wait are run by the successors');
	is(answers_to($ws, $ids[0]), 0, 'no call is answered twice');
	ok(replaced($node, 'executor', \@victims), 'both are replaced');
	ws_close($ws);
}

# A handler that swallows the cancel does not keep its executor alive.
{
	my $ws = ws_connect($node);
	my $id = call_begin($ws, 'app/stubborn', []);
	my $victim = busy_executor($node, 'app/stubborn');
	my $began = time;

	kill 'TERM', $victim;
	my $reply = eval { call_end($ws, $id, soon()) } // {};
	like($reply->{code} // 'no answer', qr/^(INTERNAL_ERROR|SERVICE_UNAVAILABLE)$/,
		'a call that no cancel ends is ended with its executor');
	cmp_ok(time - $began, '<', $timeout + soon(), 'in time');
	is(answers_to($ws, $id), 0, 'and answered once');
	ok(replaced($node, 'executor', [$victim], 2), 'it is replaced');
	ws_close($ws);
}

# The launcher: calls go on meanwhile, and the next one looks after executors
# that it has not started.
{
	my $ws = ws_connect($node);
	my $id = call_begin($ws, 'app/sleep', [2]);
	my ($victim) = worker_pids($node, 'launcher');
	my @executors = worker_pids($node, 'executor');

	kill 'TERM', $victim;
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'calls go on without a launcher');
	ok(replaced($node, 'launcher', [$victim]), 'it is replaced');
	is(call_end($ws, $id)->{data}, 'awake', 'calls that ran meanwhile are answered');
	is_deeply([ worker_pids($node, 'executor') ], \@executors,
		'executors have not noticed');

	($victim) = worker_pids($node, 'launcher');
	kill 'TERM', $_ for $victim, @executors;
	ok(replaced($node, 'executor', \@executors),
		'executors that die with the launcher are replaced');
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'and serve the same connection');
	ws_close($ws);
}

# The scheduler: nobody else notices.
{
	my ($victim) = worker_pids($node, 'scheduler');
	my @others = pids_of_others('scheduler', $victim);

	kill 'TERM', $victim;
	ok(replaced($node, 'scheduler', [$victim]), 'a terminated scheduler is replaced');
	is_deeply([ pids_of_others('scheduler', $victim) ], \@others,
		'nobody else has noticed');
}

# A gateway: running calls are answered before the sockets are closed.
set_shutdown_timeout($ample);
{
	my $ws = ws_connect($node);
	my $id = call_begin($ws, 'app/sleep', [2]);
	busy_executor($node, 'app/sleep');
	my ($victim) = worker_pids($node, 'gateway');
	my @others = pids_of_others('gateway', $victim);

	kill 'TERM', $victim;
	is(call_end($ws, $id)->{data}, 'awake', 'a terminated gateway waits for running calls');
	is(ws_close_code($ws), 1001, 'and closes with 1001');
	close $ws->{socket};
	ok(replaced($node, 'gateway', [$victim]), 'it is replaced');
	is_deeply([ pids_of_others('gateway', $victim) ], \@others, 'nobody else has noticed');
	wait_for_gateway($node);
}

# Calls that outlive their gateway are answered to nobody.
set_shutdown_timeout($timeout);
{
	my $ws = ws_connect($node);
	call_begin($ws, 'app/sleep', [ $timeout + 1 ]) for 1 .. 4;
	busy_executor($node, 'app/sleep');
	my ($victim) = worker_pids($node, 'gateway');

	kill 'TERM', $victim;
	is(ws_close_code($ws), 1001, 'a gateway does not wait longer than it should');
	close $ws->{socket};
	ok(replaced($node, 'gateway', [$victim]), 'it is replaced');
	ok(poll_until(sub {
		$node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND state = 'active'}) == 0 }),
		'the calls end');
}
wait_for_gateway($node);
ok(slots_are_free($node, $depth), 'all request slots are free');

# Every executor again and again under load
{
	my $load = load_start($node, 'app/echo', ['x'], 3);
	for (1 .. 3)
	{
		my @victims = worker_pids($node, 'executor');
		kill 'TERM', $_ for @victims;
		ok(replaced($node, 'executor', \@victims), 'executors are replaced under load');
	}
	seen_only($load);
}
ok(slots_are_free($node, $depth), 'all request slots are free at the end');

$node->stop('fast');
no_crash($node);
is(count_in_log($node, qr/terminating any other active/), 0, 'the server has never restarted');

done_testing();
