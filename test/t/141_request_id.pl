# Ids of requests: from the proxy that has given one, or of our own, to handlers,
# rows, the hook and the log; and back to the client.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 6, 'realtime.error_log' => 100, 'realtime.trusted_proxies' => '127.0.0.2', 'realtime.listen_addresses' => '127.0.0.1');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.item (what text, by text DEFAULT realtime.request_id());
GRANT ALL ON app.item TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.ids() RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('request', realtime.request_id(), 'connection', realtime.connection_id()) $$;
CREATE FUNCTION app.add(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO app.item VALUES (what) $$;
CREATE FUNCTION app.bug() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a bug'; END $$;
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('id', request ->> 'request_id') $$;
CREATE FUNCTION app.user() RETURNS text LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE FUNCTION app.tell(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.publish('log:1', what);
	INSERT INTO app.item VALUES (what);
	IF what = 'late' THEN
		RAISE EXCEPTION 'too late';
	END IF;
	RETURN realtime.request_id();
END $$;
CREATE FUNCTION app.later(what text) RETURNS bigint LANGUAGE sql AS $$ SELECT realtime.enqueue('work', to_jsonb(what)) $$;
CREATE FUNCTION app.wait(what text) RETURNS jsonb LANGUAGE sql AS $$ SELECT realtime.run_task('work', to_jsonb(what)) $$;
CREATE FUNCTION app.work(payload jsonb) RETURNS text LANGUAGE sql AS $$ SELECT app.tell(payload #>> '{}') $$;
CREATE FUNCTION app.list() RETURNS SETOF jsonb STABLE LANGUAGE sql AS $$ SELECT jsonb_build_object('id', realtime.request_id()) $$;
SELECT realtime.rpc('app/ids', 'app.ids()'), realtime.rpc('app/add', 'app.add(text)'), realtime.rpc('app/bug', 'app.bug()'),
	realtime.rpc('app/user', 'app.user()'), realtime.stream('app/list', 'list', 'app.list()'),
	realtime.rpc('app/once', 'app.add(text)', idempotent => true),
	realtime.rpc('app/later', 'app.later(text)'), realtime.rpc('app/wait', 'app.wait(text)'), realtime.queue('work', 'app.work(jsonb)', max_attempts => 1),
	realtime.topic('log:{n}', class => 'replay', open => true), realtime.rpc('app/tell', 'app.tell(text)');
});
wait_for_call($node, 'app/ids', []);
sub sql { return $node->safe_psql('postgres', $_[0]); }

# not by anybody
my $ws = ws_connect($node, headers => { 'X-Request-ID' => 'stranger-1' });
my $ids = ws_call($ws, 'app/ids', [])->{data};
like($ids->{request}, qr{^\Q$ids->{connection}\E/}, 'what a stranger says is not taken for an id');
my %upgrade = (Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Version' => 13,
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');
sub answered { return (http_request($node, 'GET /ws', %upgrade, @_))[1]{'x-request-id'}; }
like(answered(), qr/^$uuid$/, 'the answer names the request');
like(answered('X-Request-ID' => 'stranger-1'), qr/^$uuid$/, 'by an id of ours');

# by a proxy that is trusted
configure($node, 'realtime.trusted_proxies' => '127.0.0.1');
poll_until(sub { answered('X-Request-ID' => 'edge-7') eq 'edge-7' });
is(answered('X-Request-ID' => 'edge-7'), 'edge-7', 'the id of a trusted proxy goes back');
$ws = ws_connect($node, headers => { 'X-Request-ID' => 'edge-7' });
$ids = ws_call($ws, 'app/ids', [])->{data};
like($ids->{request}, qr{^edge-7/t\d+$}, 'a handler sees it, and the id of the call behind it');
like($ids->{connection}, qr/^$uuid$/, 'a connection has an id of its own all the same');
ws_call($ws, 'app/add', ['x']);
like(sql('SELECT by FROM app.item'), qr{^edge-7/t\d+$}, 'a row can have it by default');
ws_call($ws, 'app/once', ['y'], idempotencyKey => 'k1');
like(sql('SELECT request_id FROM realtime.idempotency'), qr{^edge-7/t\d+$}, 'so has what is kept of a call that happens once');
my $list = ws_call($ws, 'app/list', [], stream => JSON::PP::true);
like($list->{data}[0]{id}, qr{^edge-7/t\d+$}, 'a loader sees it');
my $value = decode_json((http_request($node, 'GET /__realtime/load/app/list', 'X-Request-ID' => 'page-9'))[2]);
is(($value->{data} // $value)->[0]{id}, 'page-9', 'over HTTP, too') or diag explain $value;

# from the upgrade to the event and the row, and to the line in the log if it fails
my $told = ws_call($ws, 'app/tell', ['hello'])->{data};
like($told, qr{^edge-7/t\d+$}, 'a call that publishes');
is(sql(q{SELECT event, request_id FROM realtime.replay_message WHERE topic = 'log:1'}), "hello|$told", 'the event that is kept says which');
is(sql(q{SELECT by FROM app.item WHERE what = 'hello'}), $told, 'and so does the row');
is(sql(qq{SELECT kind, name, detail ->> 'event' FROM realtime.trace WHERE request_id = '$told'}), 'event|log:1|hello', 'realtime.trace finds the event');
is(sql(q{SELECT string_agg(kind || ' ' || name, ', ' ORDER BY at) FROM realtime.trace WHERE request_id LIKE 'edge-7/%'}),
	'answer app/once, event log:1', 'and all of a connection');
my $mark = -s $node->logfile;
is(ws_call($ws, 'app/tell', ['late'])->{code}, 'INTERNAL_ERROR', 'one that fails');
like(slurp_file($node->logfile, $mark), qr{ERROR:  too late.*realtime call "app/tell", request edge-7/t\d+}s, 'is in the log');
is(sql(q{SELECT string_agg(kind || ' ' || name, ', ' ORDER BY at) FROM realtime.trace WHERE request_id LIKE 'edge-7/%'}),
	'answer app/once, event log:1, error app/tell', 'and has left nothing else, but its error');
is(sql(q{SELECT detail ->> 'code', detail ->> 'message', detail ->> 'sqlstate' FROM realtime.trace WHERE kind = 'error'}), 'INTERNAL_ERROR|too late|P0001', 'which says what it was');

# and to a job that it enqueues, and to what that does
my $job = ws_call($ws, 'app/later', ['worked'])->{data};
ok($node->poll_query_until('postgres', "SELECT state FROM realtime.jobs WHERE id = $job", 'done'), 'a job that a call enqueues');
like(sql("SELECT request_id FROM realtime.jobs WHERE id = $job"), qr{^edge-7/t\d+$}, 'is because of its request');
is(sql("SELECT result #>> '{}' = request_id FROM realtime.jobs WHERE id = $job"), 't', 'which its handler knows');
is(sql(q{SELECT string_agg(kind || ' ' || name, ', ' ORDER BY kind) FROM realtime.trace WHERE request_id = (SELECT request_id FROM realtime.jobs WHERE id = } . "$job)"),
	'event log:1, job work', 'and what that publishes says');
like(ws_call($ws, 'app/wait', ['waited'])->{data}, qr{^edge-7/t\d+$}, 'so does a task');
$mark = -s $node->logfile;
$job = ws_call($ws, 'app/later', ['late'])->{data};
ok($node->poll_query_until('postgres', "SELECT state FROM realtime.jobs WHERE id = $job", 'dead'), 'one that fails');
like(slurp_file($node->logfile, $mark), qr{ERROR:  too late.*realtime call "job work", request edge-7/t\d+}s, 'is in the log');
is(sql(qq{SELECT count(*) FROM realtime.trace t JOIN realtime.jobs j USING (request_id) WHERE j.id = $job AND t.kind = 'error' AND t.name = 'job work'}), 1, 'and is found by its request');
$job = sql(q{SELECT realtime.enqueue('work', '"mine"')});
ok($node->poll_query_until('postgres', "SELECT state FROM realtime.jobs WHERE id = $job", 'done'), 'one of a session');
is(sql("SELECT result IS NULL AND request_id IS NULL FROM realtime.jobs WHERE id = $job"), 't', 'is of no request');
sql(q{SELECT realtime.publish('log:2', 'by a session')});
is(sql(q{SELECT event, request_id IS NULL FROM realtime.replay_message WHERE topic = 'log:2'}), 'by a session|t', 'what sessions publish is of no request');
is(sql(q{SELECT string_agg(event, ' ' ORDER BY seq) FROM realtime.replay('log:1', 0)}), 'hello worked waited mine', 'who reads events is not told of requests');

# what is no id
for my $bad ('a b', 'x' x 129, "caf\xe9", '')
{
	like(answered('X-Request-ID' => $bad), qr/^$uuid$/, 'not "' . substr($bad, 0, 10) . '"') unless $bad eq '';
}
is(answered('X-Request-ID' => 'x' x 128), 'x' x 128, 'it may be long, but not longer');
like(http_raw($node, "GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n"
	. join('', map { "$_: $upgrade{$_}\r\n" } sort keys %upgrade) . "\r\n", qr/\r\n\r\n/), qr/X-Request-ID: $uuid\r/, 'nor are two');

# the log
my $from = -s $node->logfile;
ws_call($ws, 'app/bug', []);
my $log = slurp_file($node->logfile, $from);
like($log, qr{ERROR:  a bug}, 'an error is in the log');
like($log, qr{realtime call "app/bug", request edge-7/t\d+, connection \Q$ids->{connection}\E, anonymous}, 'with the path and all ids');

# the hook
sql(q{SELECT realtime.hook('authenticate', 'app.who(jsonb)')});
ok(poll_until(sub { (ws_call(ws_connect($node, headers => { 'X-Request-ID' => 'edge-8' }), 'app/user', [])->{data} // '') eq 'edge-8' }), 'the hook sees it');
my $own = ws_connect($node);
is(ws_call($own, 'app/user', [])->{data}, ws_call($own, 'app/ids', [])->{data}{connection}, 'or the id of the connection');
$from = -s $node->logfile;
my $known = ws_connect($node, headers => { 'X-Request-ID' => 'edge-9' });
ws_call($known, 'app/bug', []);
like(slurp_file($node->logfile, $from), qr{request edge-9/t\d+, connection $uuid, user "edge-9"}, 'the log names the user');

$node->stop;
done_testing();
