# Executors are added when calls wait, and leave again; connections take turns.
# Nothing here is timed: what must come first comes while the rest still waits.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node(
	'realtime.database' => 'app',
	'realtime.executors' => 2,
	'realtime.max_executors' => 4,
	'realtime.executor_idle_timeout' => '1s');
my $schema = q{
CREATE TABLE app.mark (who text);
-- wait as long as the test holds the lock, and some time in any case
CREATE FUNCTION app.wait() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	PERFORM pg_sleep(0.03);
	RETURN 'done';
END $$;
CREATE FUNCTION app.mark(who text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	INSERT INTO app.mark (who) VALUES (who);
END $$;
SELECT realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/mark', 'app.mark(text)');
};
$node->safe_psql('app', $schema);

my $ws = ws_connect($node);
my $lock = $node->background_psql('app');

sub hold { $lock->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub let_go { $lock->query_safe('SELECT pg_advisory_unlock(1)'); return; }

sub executors
{
	return $node->safe_psql('app',
		q{SELECT string_agg(number::text, ',' ORDER BY number) FROM realtime.stat_executor});
}

sub calls { return $node->safe_psql('app', 'SELECT calls FROM realtime.stat_gateway'); }

# How many executors run calls of a path.
sub running
{
	return $node->safe_psql('postgres', qq{SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'realtime executor' AND state = 'active' AND query = '$_[0]'});
}

# Few, as one that the machine has held up would count as long from then on.
sub echoes
{
	return scalar grep { (ws_call($ws, 'app/echo', [$_])->{data} // '') eq $_ } 1 .. 3;
}

ok(poll_until(sub { executors() eq '0,1' }), 'the least number of executors at first');
wait_for_call($node, 'app/wait', []);
is(echoes(), 3, 'calls are known to be short') for 1 .. 5;

# One client has more long calls than there are executors.
hold();
my $greedy = ws_connect($node);
my @long = map { call_begin($greedy, 'app/wait', []) } 1 .. 6;
ok(poll_until(sub { running('app/wait') == 3 }), 'executors are added for long calls');
ok(poll_until(sub { executors() eq '0,1,2,3' }), 'as many as may be');
is(echoes(), 3, 'one is kept for what is short');
is(running('app/wait'), 3, 'while long calls run');
my $new = ws_connect($node);
is(ws_call($new, 'app/say', ['x'])->{ok} ? 1 : 0, 1, 'and for what nobody has timed yet');
ws_close($new);
let_go();
is_deeply([ map { call_end($greedy, $_)->{data} } @long ], [ ('done') x 6 ],
	'the long ones are answered, too');
ok(poll_until(sub { executors() eq '0,1' }), 'who is not needed leaves');
is(count_in_log($node, qr/exited with exit code 1/), 0, 'without a word');

# Two clients have asked for much when a third one asks for one thing.
hold();
my @crowd = map { ws_connect($node) } 1, 2;
my @many = map {
	my $client = $crowd[$_];
	[ map { call_begin($client, 'app/mark', ['crowd']) } 1 .. 50 ] } 0, 1;
ok(poll_until(sub { running('app/mark') >= 3 }), 'executors come back when they are needed');
$new = ws_connect($node);
my $before = calls();
my $one = call_begin($new, 'app/mark', ['newcomer']);
ok(poll_until(sub { calls() > $before }), 'a third client comes late');
let_go();
is(call_end($new, $one)->{ok} ? 1 : 0, 1, 'it is served');
for my $i (0, 1)
{
	is(scalar(grep { call_end($crowd[$i], $_)->{ok} } @{ $many[$i] }), 50,
		'so are those who have asked for much');
}

# An executor that is not always there dies, or its database goes away.
hold();
@long = map { call_begin($greedy, 'app/wait', []) } 1 .. 6;
ok(poll_until(sub { running('app/wait') == 3 }), 'executors are added');
my $victim = poll_until(sub { $node->safe_psql('app', 'SELECT pid FROM realtime.stat_executor WHERE number = 3') });
$node->safe_psql('postgres', "SELECT pg_terminate_backend($victim)");
ok(poll_until(sub { !kill 0, $victim }), 'one of them is terminated');
is(echoes(), 3, 'calls go on');
let_go();
is(scalar(grep { call_end($greedy, $_) } @long), 6, 'each call is answered');

hold();
@long = map { call_begin($greedy, 'app/wait', []) } 1 .. 6;
ok(poll_until(sub { running('app/wait') == 3 }), 'executors are added again');
$lock->quit;
quick($node, 'postgres', 'CREATE DATABASE other TEMPLATE app');
is(scalar(grep { call_end($greedy, $_) } @long), 6, 'those that were added leave the database, too');
is(echoes(), 3, 'and calls go on');

# The server stops while executors wait that would not take what is left.
$lock = $node->background_psql('app');
hold();
@long = map { call_begin($greedy, 'app/wait', []) } 1 .. 6;
ok(poll_until(sub { running('app/wait') == 3 }), 'executors are added again');
$lock->quit;
$node->stop('fast');
no_crash($node);

# There is no worker process for another one: 2, a gateway, two executors, and
# PostgreSQL's own launcher of logical replication.
my $narrow = life_node(name => 'narrow', 'max_worker_processes' => 6,
	'realtime.executors' => 2, 'realtime.max_executors' => 4);
$narrow->safe_psql('postgres', $schema);
wait_for_call($narrow, 'app/mark', ['x']);
$lock = $narrow->background_psql('postgres');
$greedy = ws_connect($narrow);
$ws = ws_connect($narrow);
is(echoes(), 3, 'calls are known to be short') for 1 .. 5;
my $hint = qr/calls wait for executors, but no worker process is left.*\n.*HINT:  Increase max_worker_processes \(now 6\)/;
for my $time (1, 2)
{
	hold();
	@long = map { call_begin($greedy, 'app/wait', []) } 1 .. 4;
	ok(poll_until(sub { count_in_log($narrow, $hint) }), 'no worker process is left: the log says so');
	is(echoes(), 3, 'one is kept for what is short all the same');
	let_go();
	is(scalar(grep { call_end($greedy, $_)->{ok} } @long), 4, 'calls are run one after the other');
}
is(count_in_log($narrow, $hint), 1, 'it says so once');
$lock->quit;
$narrow->stop('fast');
no_crash($narrow);

done_testing();
