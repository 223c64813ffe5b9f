# The hooks subscribe, unsubscribe, message and upgrade: what they are told, what
# they refuse, and that each end of a subscription is told once.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = life_node('realtime.executors' => 4, 'realtime.jwt_secret' => $secret, 'realtime.max_members' => 40);

$node->safe_psql('postgres', q{
CREATE ROLE tenant;
GRANT tenant TO realtime_executor;
CREATE TABLE app.log (n serial, what text, connection text, who text, role text, topic text, remaining integer);
CREATE TABLE app.member (who text, topic text);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.note(what text, topic text, remaining integer DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.log (what, connection, who, role, topic, remaining)
	VALUES (what, realtime.connection_id(), realtime.user_id(), current_user, topic, remaining) $$;
CREATE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS
$$SELECT EXISTS (SELECT FROM app.member m WHERE m.topic = may.topic AND who = realtime.user_id())$$;
CREATE FUNCTION app.on_subscribe(topic text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF topic = 'open:wait' THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	PERFORM app.note('subscribe', topic);
	CASE topic
		WHEN 'open:kyc' THEN RETURN 'KYC_PENDING';
		WHEN 'open:raise' THEN PERFORM realtime.raise('PAYMENT_REQUIRED', 'Pay first');
		WHEN 'open:error' THEN PERFORM 1 / 0;
		WHEN 'open:odd' THEN RETURN 'no code, ' || E'\n';
		ELSE NULL;
	END CASE;
	RETURN NULL;
END $$;
CREATE FUNCTION app.on_unsubscribe(topic text, remaining integer) RETURNS void LANGUAGE sql AS $$ SELECT app.note('unsubscribe', topic, remaining) $$;
CREATE FUNCTION app.on_close(connection jsonb) RETURNS void LANGUAGE sql AS $$ SELECT app.note('close', NULL) $$;
CREATE FUNCTION app.on_message(message bytea, is_text boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF is_text AND convert_from(message, 'UTF8') = 'fail' THEN
		PERFORM app.note('message', 'fail'), 1 / 0;
	END IF;
	PERFORM app.note('message', encode(message, 'escape'));
	RETURN CASE WHEN octet_length(message) > 1 THEN
		jsonb_build_object('type', 'own', 'bytes', octet_length(message), 'text', is_text, 'who', realtime.user_id(), 'role', current_user) END;
END $$;
CREATE FUNCTION app.on_upgrade(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	CASE request #>> '{query,mode}'
		WHEN 'null' THEN RETURN NULL;
		WHEN 'false' THEN RETURN false;
		WHEN 'forbidden' THEN PERFORM realtime.raise('FORBIDDEN', 'Not from here');
		WHEN 'fast' THEN PERFORM realtime.raise('RATE_LIMITED', 'Slow down');
		WHEN 'error' THEN PERFORM 1 / 0;
		WHEN 'wait' THEN PERFORM pg_advisory_xact_lock_shared(2);
		ELSE NULL;
	END CASE;
	RETURN request #>> '{headers,upgrade}' = 'websocket' AND request ->> 'path' = '/ws' AND request ->> 'remote_address' = '127.0.0.1'
		AND request -> 'claims' = 'null' AND current_user = 'realtime_anonymous';
END $$;
SELECT realtime.topic('open:{what}', open => true), realtime.topic('of:{what}', access => 'app.may(text)'), realtime.topic('closed:{what}');
CREATE FUNCTION app.feed() RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT 1';
SELECT realtime.stream('app/feed', 'feed', 'app.feed()');
INSERT INTO app.member VALUES ('ann', 'of:a'), ('bob', 'of:a');
});
wait_for_call($node, 'app/feed');
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub client
{
	my %claims = @_;
	return %claims ? ws_connect($node, headers => { Authorization => 'Bearer ' . jwt(\%claims, secret => $secret) }) : ws_connect($node);
}
sub id_of { return $_[0]->{welcome}{sessionId}; }
sub history { my ($ws) = @_; return sql("SELECT string_agg(concat_ws(' ', what, topic, remaining), ', ' ORDER BY n) FROM app.log WHERE connection = '" . id_of($ws) . q{'}); }
sub has_history { my ($ws, $expected, $name) = @_; poll_until(sub { history($ws) eq $expected }); return is(history($ws), $expected, $name); }
sub lock_session { my ($number) = @_; my $session = $node->background_psql('postgres'); $session->query_safe("SELECT pg_advisory_lock($number)"); return $session; }
sub unlock { my ($session, $number) = @_; $session->query_safe("SELECT pg_advisory_unlock($number)"); $session->quit; return; }
sub answer { my ($ws, $topic) = @_; my $answer = ws_subscribe($ws, $topic); return $answer->{reason} // $answer->{type}; }

# Without hooks
my $before = client();
is(answer($before, 'open:a'), 'subscribed', 'before there are hooks');
is(sql('SELECT count(*) FROM app.log'), 0, 'nobody is told');
for ([ 'subscribe', 'app.may(text)' ], [ 'unsubscribe', 'app.on_close(jsonb)' ], [ 'message', 'app.on_close(jsonb)' ], [ 'upgrade', 'app.may(text)' ])
{
	my ($name, $function) = @$_;
	my ($status, undef, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT realtime.hook('$name', '$function')");
	like($stderr, qr/42P13/, "a function that is no $name hook");
}
sql(q{SELECT realtime.hook('subscribe', 'app.on_subscribe(text)'), realtime.hook('unsubscribe', 'app.on_unsubscribe(text, integer)'),
	realtime.hook('close', 'app.on_close(jsonb)')});

# Subscribe
my $ws = client(sub => 'ann', role => 'tenant');
is(answer($ws, 'open:a'), 'subscribed', 'a topic that is open');
is(answer($ws, 'of:a'), 'subscribed', 'one with an access function');
is(answer($ws, 'of:b'), 'FORBIDDEN', 'what access refuses');
is(answer($ws, 'closed:a'), 'FORBIDDEN', 'and what nobody may have');
has_history($ws, 'subscribe open:a, subscribe of:a', 'the hook is asked after them');
is(sql("SELECT DISTINCT concat_ws(' ', who, role) FROM app.log WHERE connection = '" . id_of($ws) . q{'}), 'ann tenant', 'as the caller');
for ([ 'open:kyc', 'KYC_PENDING' ], [ 'open:raise', 'PAYMENT_REQUIRED' ], [ 'open:error', 'INTERNAL_ERROR' ], [ 'open:odd', 'INTERNAL_ERROR' ])
{
	is(answer($ws, $_->[0]), $_->[1], "$_->[0] is refused with $_->[1]");
}
is(answer($ws, 'open:a'), 'subscribed', 'who is subscribed is not asked about again');
is(answer($ws, 'feed'), 'subscribed', 'streams have hooks of their own');
has_history($ws, 'subscribe open:a, subscribe of:a, subscribe open:kyc', 'what refuses by its answer keeps what it has done');
my $events = sql(q{SELECT realtime.publish('open:a', 'news'), realtime.publish('open:kyc', 'news'), realtime.publish('of:a', 'last')});
is_deeply([ map { ws_wait($ws, sub { $_->{event} })->{topic} } 1 .. 2 ], [ 'open:a', 'of:a' ], 'who was let in gets events');

# Unsubscribe: by the client, by a recheck, by the end
my $other = client(sub => 'bob');
is(answer($other, 'open:a'), 'subscribed', 'another one');
is(answer($other, 'of:a'), 'subscribed', 'with the same topics');
ws_send($ws, { type => 'unsubscribe', topic => 'open:a' });
ws_send($ws, { type => 'unsubscribe', topic => 'open:a' });
has_history($ws, 'subscribe open:a, subscribe of:a, subscribe open:kyc, unsubscribe open:a 1', 'who unsubscribes, and how many are left');
sql(q{DELETE FROM app.member WHERE who = 'ann'; SELECT realtime.recheck('ann')});
has_history($ws, 'subscribe open:a, subscribe of:a, subscribe open:kyc, unsubscribe open:a 1, unsubscribe of:a 1', 'what is taken away');
shutdown $other->{socket}, 2;
ok(poll_until(sub { history($other) =~ /close/ }), 'the end of a connection');
like(history($other), qr/^subscribe open:a, subscribe of:a, (unsubscribe open:a 0, unsubscribe of:a 0|unsubscribe of:a 0, unsubscribe open:a 0), close$/,
	'tells of all that it had, before its own end');
is(answer($ws, 'open:a'), 'subscribed', 'once more');
ws_close($ws);
ok(poll_until(sub { history($ws) =~ /subscribe open:a, unsubscribe open:a 0, close$/ }), 'and it is told again');

# A verdict that comes too late
for my $how ('unsubscribed', 'gone')
{
	my $lock = lock_session(1);
	$ws = client(sub => 'ann');
	ws_send($ws, { type => 'subscribe', topic => 'open:wait', ref => 1 });
	busy_executor($node, 'open:wait');
	if ($how eq 'gone') { shutdown $ws->{socket}, 2; }
	else { ws_send($ws, { type => 'unsubscribe', topic => 'open:wait' }); ws_call($ws, 'app/echo', ['x']); }
	unlock($lock, 1);
	ok(poll_until(sub { history($ws) =~ /^subscribe open:wait, unsubscribe open:wait 0/ }), "who is $how by then has ended");
	shutdown $ws->{socket}, 2;
}

# A gateway that ends
$ws = client(sub => 'ann');
is(answer($ws, 'open:a'), 'subscribed', 'a gateway');
my @pids = worker_pids($node, 'gateway');
kill 'TERM', @pids;
ok(replaced($node, 'gateway', \@pids), 'that is replaced');
ok(poll_until(sub { history($ws) =~ /unsubscribe open:a 0/ }), 'its subscriptions are told of');
wait_for_gateway($node);

# No room
$ws = client(sub => 'ann');
is(answer($ws, "open:n$_"), 'subscribed', 'as many as there is room for') for 1 .. 40;
is(answer($ws, 'open:n41'), 'OVERLOADED', 'and no more');
shutdown $ws->{socket}, 2;
$ws = client(sub => 'ann');
ok(poll_until(sub { answer($ws, 'open:n41') eq 'subscribed' }), 'until the others have been told');
shutdown $ws->{socket}, 2;
sql(q{SELECT realtime.hook('subscribe', NULL)});
$ws = client();
is(answer($ws, 'open:kyc'), 'subscribed', 'without the hook nobody refuses');
ws_send($ws, { type => 'unsubscribe', topic => 'open:kyc' });
has_history($ws, 'unsubscribe open:kyc 0', 'the other one stays');
sql(q{SELECT realtime.hook('unsubscribe', NULL), realtime.hook('close', NULL)});

# Messages
ws_send($ws, { type => 'mine' });
ws_call($ws, 'app/echo', ['x']);
has_history($ws, 'unsubscribe open:kyc 0', 'what means nothing is ignored');
sql(q{SELECT realtime.hook('message', 'app.on_message(bytea, boolean)')});
$ws = client(sub => 'ann', role => 'tenant');
ws_raw($ws, ws_frame('binary', "\x00\xff\xfe"));
is_deeply(ws_wait($ws, sub { ($_->{type} // '') eq 'own' }), { type => 'own', bytes => 3, text => JSON::PP::false, who => 'ann', role => 'tenant' }, 'a binary frame, and the answer');
ws_raw($ws, ws_frame('text', 'no JSON'));
is(ws_wait($ws, sub { ($_->{type} // '') eq 'own' })->{bytes}, 7, 'text that is no JSON');
ws_raw($ws, ws_frame('text', '{"type": "mine"}'));
is(ws_wait($ws, sub { ($_->{type} // '') eq 'own' })->{text}, JSON::PP::true, 'JSON of an unknown type');
ws_raw($ws, ws_frame('text', '1'));
ws_raw($ws, ws_frame('text', 'fail'));
ws_raw($ws, ws_frame('text', 'last'));
is(ws_wait($ws, sub { ($_->{type} // '') eq 'own' })->{bytes}, 4, 'no answer, and an error, which is told nobody');
is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'calls are as they were');
is(sql(q{SELECT string_agg(topic, '|' ORDER BY topic) FROM app.log WHERE what = 'message'}), join('|', sort('\000\377\376', 'no JSON', '{"type": "mine"}', '1', 'last')), 'nothing else is told');
sql(q{SELECT realtime.hook('message', NULL)});

# Upgrade
sql(q{SELECT realtime.hook('upgrade', 'app.on_upgrade(jsonb)')});
sub upgraded { my ($mode) = @_; return eval { ws_connect($node, path => "/ws?mode=$mode") } ? 101 : $@ =~ /answered with (\d+)/ ? $1 : $@; }
is(upgraded('good'), 101, 'a request that the hook lets in');
for ([ null => 401 ], [ false => 401 ], [ forbidden => 403 ], [ fast => 429 ], [ error => 503 ])
{
	is(upgraded($_->[0]), $_->[1], "one that it does not: $_->[0], $_->[1]");
}
my ($status, undef, $body) = http_request($node, "GET /ws?mode=forbidden", ( Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version' => 13 ));
is("$status $body", "403 Not from here\n", 'and says why');
$ws = client(sub => 'ann');
is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'who is let in can call');
# What a client sends before it has the answer, and one that goes
my $lock = lock_session(2);
my $early = tcp_connect($node);
print $early "GET /ws?mode=wait HTTP/1.1\r\nHost: 127.0.0.1:" . gateway_port($node) . "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	ws_frame('text', '{"rpc":"app/echo","id":"1","args":["early"]}');
my $gone = tcp_connect($node);
print $gone "GET /ws?mode=wait HTTP/1.1\r\nHost: 127.0.0.1:" . gateway_port($node) . "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND query = 'upgrade' AND state = 'active'}) == 2 }), 'two are being asked about');
close $gone;
is(ws_call($ws, 'app/echo', ['y'])->{data}, 'y', 'others do not wait for it');
unlock($lock, 2);
my $bytes = '';
while ($bytes !~ /early/) { sysread $early, $bytes, 65536, length $bytes or last; }
like($bytes, qr/\AHTTP\/1.1 101 .*early/s, 'one that has sent a call behind its request gets the answer');
is(upgraded('good'), 101, 'and others come in');
sql(q{SELECT realtime.hook('upgrade', NULL)});
is(upgraded('false'), 101, 'without the hook all do');

no_crash($node);
done_testing();
