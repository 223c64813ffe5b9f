# A handler that catches its time-out: the client is told at the time-out,
# nothing that comes later is committed, and in the end the executor goes.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.executors' => 2);
$node->safe_psql('postgres', q{
CREATE TABLE app.note (n int);
-- goes on after the second cancel, which comes when the client has been told
CREATE FUNCTION app.late() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	FOR i IN 1 .. 2 LOOP
		BEGIN
			PERFORM pg_sleep(60);
		EXCEPTION WHEN query_canceled THEN
			INSERT INTO app.note VALUES (i);
		END;
	END LOOP;
	RETURN 'done';
END $$;
SELECT realtime.rpc('app/late', 'app.late()', timeout => '200 ms'),
	realtime.rpc('app/never', 'app.stubborn()', timeout => '200 ms');
});
wait_for_call($node, 'app/echo', ['x']);
my $ws = ws_connect($node);

# Which of these executors is not there any more.
sub ended
{
	my (@pids) = @_;
	return poll_until(sub { scalar grep { !kill 0, $_ } @pids });
}

sub is_done
{
	return $node->safe_psql('postgres', 'SELECT in_flight FROM realtime.stat_gateway') == 0;
}

# It returns in the end, and is rolled back.
my $id = call_begin($ws, 'app/late', []);
is(call_end($ws, $id)->{code}, 'TIMEOUT', 'a call that goes on after its time-out is answered');
ok(poll_until(\&is_done), 'it ends');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 0, 'and is rolled back');
is(answers_to($ws, $id), 0, 'without another answer');

# It never returns: its executor is ended, and others go on meanwhile.
my @before = worker_pids($node, 'executor');
$id = call_begin($ws, 'app/never', []);
is(call_end($ws, $id)->{code}, 'TIMEOUT', 'so is one that never ends');
is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'other calls go on');
ok(ended(@before), 'its executor is ended');
ok(poll_until(\&is_done), 'the request is free');
is(answers_to($ws, $id), 0, 'there is no other answer');
ok(poll_until(sub { worker_pids($node, 'executor') == 2 }), 'the executor is replaced');

# A sequential batch goes on.
ws_raw($ws, ws_frame('text', '{"sequential":true,"batch":['
	. '{"rpc":"app/never","id":"one"},{"rpc":"app/echo","id":"two","args":["x"]}]}'));
is(call_end($ws, 'one')->{code}, 'TIMEOUT', 'a batch is told as well');
is(call_end($ws, 'two')->{data}, 'x', 'and goes on');
is(answers_to($ws, 'one'), 0, 'once each');

# Its client goes meanwhile.
ok(poll_until(sub { (@before = worker_pids($node, 'executor')) == 2 }), 'both executors are there');
my $gone = ws_connect($node);
$id = call_begin($gone, 'app/never', []);
is(call_end($gone, $id)->{code}, 'TIMEOUT', 'a client is told, and goes');
close $gone->{socket};
ok(ended(@before), 'without its client it ends as well');
ok(poll_until(\&is_done), 'and the request is free');

$node->stop('fast');
no_crash($node);
is(count_in_log($node, qr/terminating any other active/), 0, 'the server has never restarted');

done_testing();
