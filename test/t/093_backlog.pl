# What one client asks beyond its share waits in the gateway, in order: others
# have their slots and their memory.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $share = 4;
my $depth = 16;
my $schema = q{
CREATE TABLE app.note (number bigserial, n int);
-- wait as long as the test holds the lock
CREATE FUNCTION app.hold(t text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN length(t);
END $$;
CREATE FUNCTION app.note(n int) RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$INSERT INTO app.note (n) VALUES (n)$$;
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS
$$INSERT INTO app.note (n) VALUES (room::int) RETURNING true$$;
SELECT realtime.rpc('app/hold', 'app.hold(text)'), realtime.rpc('app/note', 'app.note(int)'),
	realtime.topic('gate:{room}', access => 'app.gate(text)');
};

my ($node, $lock);
sub hold { $lock->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub let_go { $lock->query_safe('SELECT pg_advisory_unlock(1)'); return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }

sub start
{
	my %settings = @_;

	$node = life_node('realtime.max_calls_in_flight' => $share, %settings);
	sql($schema);
	wait_for_call($node, 'app/hold', ['']);
	$lock = $node->background_psql('postgres');
	return;
}

sub stop
{
	$lock->quit;
	$node->stop('fast');
	no_crash($node);
	return;
}

# Everything of one client is begun in the order in which it was asked.
start(name => 'one', 'realtime.executors' => 1, 'realtime.queue_depth' => $depth);
my $ws = ws_connect($node);
hold();
my @ids = (call_begin($ws, 'app/hold', ['x']),
	map { call_begin($ws, 'app/note', [$_]) } 1 .. 300);
let_go();
is(scalar(grep { call_end($ws, $_)->{ok} } @ids), 301, 'what waits is done');
is(sql('SELECT string_agg(n::text, NULL ORDER BY number) = string_agg(n::text, NULL ORDER BY n) FROM app.note'),
	't', 'in order');

# Batches wait like single calls; a sequential one goes on as before.
for my $how ('', '"sequential":true,')
{
	hold();
	my $id = call_begin($ws, 'app/hold', ['x']);
	sql('TRUNCATE app.note');
	ws_raw($ws, ws_frame('text', "{$how\"batch\":[" . join(',',
		map { qq({"rpc":"app/note","id":"b$_","args":[$_]}) } 1 .. 50) . ']}'));
	let_go();
	is(scalar(grep { call_end($ws, "b$_")->{ok} } 1 .. 50), 50, 'a batch waits, too');
	ok(call_end($ws, $id)->{ok}, 'behind what was before it');
	is(sql('SELECT string_agg(n::text, NULL ORDER BY number) = string_agg(n::text, NULL ORDER BY n) FROM app.note'),
		't', 'in order');
}

# What waits in the gateway goes with its connection; so nothing of it is done.
sql('TRUNCATE app.note');
hold();
my $gone = ws_connect($node);
call_begin($gone, 'app/hold', ['x']);
busy_executor($node, 'app/hold');
call_begin($gone, 'app/note', [$_]) for 1 .. 300;
ws_send($gone, '{"rpc":"","id":"last"}');
call_end($gone, 'last');
close $gone->{socket};
ok(poll_until(sub { sql('SELECT connections FROM realtime.stat_gateway') == 1 }), 'a client goes');
let_go();
ok(ws_call($ws, 'app/hold', ['x'])->{ok}, 'others go on');
ok(poll_until(sub { slots_are_free($node, $depth) }), 'nothing is left of it');
cmp_ok(sql('SELECT count(*) FROM app.note'), '<', $share, 'no more than its share was done');

# A server that stops finishes what waits, in time.
hold();
@ids = (call_begin($ws, 'app/hold', ['x']), map { call_begin($ws, 'app/note', [$_]) } 1 .. 20);
busy_executor($node, 'app/hold');
system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-W', 'stop');
my %codes = map { my $answer = call_end($ws, $_) // {}; (($answer->{code} // 'ok') => 1) } @ids;
is(join(' ', grep { !/^(ok|SERVICE_UNAVAILABLE)$/ } keys %codes), '',
	'what waits when the server stops is done or refused, and answered');
ok(poll_until(sub { !-e $node->data_dir . '/postmaster.pid' }), 'and the server ends');
$node->{_pid} = undef;
no_crash($node);

# Many long calls of one client leave memory to others.
start(name => 'two', 'realtime.executors' => 2, 'realtime.payload_memory' => '8MB',
	'realtime.max_calls_in_flight' => 1000);
$ws = ws_connect($node);
ok(ws_call($ws, 'app/echo', [ 'y' x 2000 ])->{ok}, 'a call of 2 kB') for 1 .. 20;
my $greedy = ws_connect($node);
hold();
@ids = map { call_begin($greedy, 'app/hold', [ 'x' x 33_000 ]) } 1 .. 400;
busy_executor($node, 'app/hold');
ws_send($greedy, '{"rpc":"","id":"last"}');
call_end($greedy, 'last');
is(ws_call($ws, 'app/echo', [ 'y' x 2000 ])->{data}, 'y' x 2000,
	'is run while another client asks for more than all memory holds');
let_go();
is(scalar(grep { (call_end($greedy, $_)->{data} // 0) == 33_000 } @ids), 400, 'which gets it all');
stop();

done_testing();
