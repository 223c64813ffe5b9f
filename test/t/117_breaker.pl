# Circuit breakers: what has failed again and again is not tried for a while.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.service (up boolean, tried int DEFAULT 0);
INSERT INTO app.service VALUES (true);
CREATE SEQUENCE app.tries;
GRANT ALL ON app.service, app.tries TO realtime_anonymous;
CREATE FUNCTION app.ask(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('app.tries');
	IF what = 'refused' THEN PERFORM realtime.raise('NO'); END IF;
	IF what = 'wrong' THEN PERFORM 1 / 0; END IF;
	IF what = 'slow' THEN PERFORM pg_sleep(60); END IF;
	IF what = 'wait' THEN PERFORM pg_advisory_xact_lock(1); END IF;
	IF NOT (SELECT up FROM app.service) THEN
		RAISE connection_failure USING MESSAGE = 'the service is down';
	END IF;
	RETURN what;
END $$;
SELECT realtime.breaker('service', 3, '10 min'), realtime.breaker('short', 2, '200 ms');
SELECT realtime.rpc('ask/plain', 'app.ask(text)', breaker => 'service'),
	realtime.rpc('ask/other', 'app.ask(text)', breaker => 'service', fallback => '{"old": [1, 2.50]}'),
	realtime.rpc('ask/short', 'app.ask(text)', breaker => 'short', timeout => '300 ms'),
	realtime.rpc('ask/once', 'app.ask(text)', breaker => 'service', fallback => '"fallback"', idempotent => true),
	realtime.rpc('ask/free', 'app.ask(text)');
});
wait_for_call($node, 'ask/free', ['warm']);
my ($ws, $other) = map { ws_connect($node) } 1 .. 2;
sub outcome { my $reply = ws_call($ws, @_); return $reply->{ok} ? $reply->{data} : $reply->{code} }
sub up { $node->safe_psql('postgres', "UPDATE app.service SET up = $_[0]"); return }
sub tries { return $node->safe_psql('postgres', 'SELECT last_value FROM app.tries') }
sub state { return $node->safe_psql('postgres', "SELECT state FROM realtime.breakers WHERE name = '$_[0]'") }
sub health
{
	my ($client) = @_;
	my $frame = ws_wait($client, sub { ($_->{topic} // '') eq '__realtime' });
	like($frame->{data}{at}, qr/^\d{13}$/, 'with the time');
	return $frame->{event};
}

is(state('service'), 'healthy', 'a breaker begins healthy');
is(outcome('ask/plain', ['refused']), 'NO', 'refusals are no failures') for 1 .. 4;
is(outcome('ask/plain', ['wrong']), 'VALIDATION', 'nor are errors about values') for 1 .. 4;
is(outcome('no/such', []), 'NOT_FOUND', 'nor what is not there') for 1 .. 4;
is(state('service'), 'healthy', 'it is still healthy');
up('false');
is(outcome('ask/plain', ['x']), 'SERVICE_UNAVAILABLE', 'a failure') for 1 .. 2;
up('true');
is(outcome('ask/plain', ['x']), 'x', 'is forgotten after a success');
up('false');
outcome('ask/plain', ['x']) for 1 .. 2;
is(state('service'), 'healthy', 'so two more do not break it');
outcome('ask/other', ['x']);
is(state('service'), 'broken', 'a third one does, of any path that uses it');
is(health($_), 'degraded', 'all clients are told') for ($ws, $other);
is(health(ws_connect($node)), 'degraded', 'also those that come now');
my $tries = tries();
is(outcome('ask/plain', ['x']), 'SERVICE_UNAVAILABLE', 'nothing is tried now') for 1 .. 3;
is_deeply(outcome('ask/other', ['x']), { old => [ 1, 2.5 ] }, 'a path may have a fallback');
is(outcome('ask/once', ['x'], idempotencyKey => 'k'), 'fallback', 'which is nothing that has happened');
is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime.idempotency'), 0, 'and is not kept');
is(tries(), $tries, 'really nothing');
up('true');
is(outcome('ask/free', ['x']), 'x', 'others do not notice');
is(outcome('ask/plain', ['x']), 'SERVICE_UNAVAILABLE', 'for as long as it takes');

# Declared anew: with a shorter time it is tried
$node->safe_psql('postgres', q{SELECT realtime.breaker('service', NULL)});
ok(poll_until(sub { outcome('ask/plain', ['x']) eq 'x' }), 'a breaker that is gone refuses nothing');
is(health($_), 'recovered', 'and the server is said to be well again') for ($ws, $other);
unlike((http_request($node, 'GET /healthz'))[2], qr/degraded/, 'over HTTP as well');
$node->safe_psql('postgres', q{SELECT realtime.rpc('ask/plain', 'app.ask(text)', breaker => 'short')});

# One that no path has any more
$node->safe_psql('postgres', q{SELECT realtime.breaker('lone', 1, '1 h'), realtime.rpc('ask/lone', 'app.ask(text)', breaker => 'lone')});
up('false');
ok(poll_until(sub { outcome('ask/lone', ['x']) eq 'SERVICE_UNAVAILABLE' && state('lone') eq 'broken' }), 'one that breaks');
is(health($_), 'degraded', 'is told') for ($ws, $other);
$node->safe_psql('postgres', q{BEGIN; SELECT realtime.drop('ask/lone'); ROLLBACK; SELECT realtime.rpc('ask/new', 'app.ask(text)')});
is(state('lone'), 'broken', 'it stays so while a path has it');
$node->safe_psql('postgres', q{SELECT realtime.drop('ask/lone')});
is(health($_), 'recovered', 'without a path it is of no concern') for ($ws, $other);
is(state('lone'), 'healthy', 'and begins anew');

# Probes
up('false');
poll_until(sub { outcome('ask/plain', ['x']); state('short') eq 'broken' });
ok(poll_until(sub { outcome('ask/plain', ['x']); $node->safe_psql('postgres', q{SELECT failures FROM realtime.breakers WHERE name = 'short'}) > 2 }),
	'after a while one is tried, and fails');
up('true');
ok(poll_until(sub { outcome('ask/plain', ['x']) eq 'x' }), 'until it does not fail');
is(state('short'), 'healthy', 'then it is healthy');
is($node->safe_psql('postgres', q{SELECT trips FROM realtime.breakers WHERE name = 'short'}), 1, 'that was one break');
up('false');
poll_until(sub { outcome('ask/plain', ['x']); state('short') eq 'broken' });
up('true');
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe('SELECT pg_advisory_lock(1)');
$node->safe_psql('postgres', q{SELECT realtime.breaker('short', 2, '1 h')});
# of many at once one is the probe
ok(poll_until(sub {
	ws_send($other, { rpc => 'ask/plain', id => 'probe', args => ['wait'] });
	return poll_until(sub { state('short') eq 'probing' }, 1) || !ws_wait($other, sub { ($_->{event} // '') eq 'probe' });
}), 'a probe is under way');
$tries = tries();
is(outcome('ask/plain', ['x']), 'SERVICE_UNAVAILABLE', 'all others are refused meanwhile') for 1 .. 3;
is(tries(), $tries, 'and not tried');
$session->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_wait($other, sub { ($_->{event} // '') eq 'probe' })->{data}{data}, 'wait', 'it succeeds');
is(outcome('ask/plain', ['x']), 'x', 'and the way is free');

# Time-outs are failures, and a call that fails at its commit is one
is(outcome('ask/short', ['slow']), 'TIMEOUT', 'a time-out') for 1 .. 2;
is(state('short'), 'broken', 'is a failure');

# A middleware that catches the error does not hide it
$node->safe_psql('postgres', q{
CREATE FUNCTION app.swallow(path text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN realtime.next(); EXCEPTION WHEN OTHERS THEN RETURN '"swallowed"'; END $$;
SELECT realtime.middleware('swallow', 'app.swallow(text)'), realtime.breaker('caught', 2, '1 h'), realtime.rpc('ask/caught', 'app.ask(text)', breaker => 'caught') });
up('false');
is(outcome('ask/caught', ['x']), 'swallowed', 'an error that a middleware catches') for 1 .. 2;
is(state('caught'), 'broken', 'is a failure all the same');
$node->safe_psql('postgres', q{SELECT realtime.middleware('swallow')});

# A crash forgets
$node->restart;
wait_for_call($node, 'ask/free', ['warm']);
is(state('short'), 'healthy', 'a server begins with healthy breakers');

# An administrator says so of the whole server
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub greeted { return scalar grep { ($_->{topic} // '') eq '__realtime' } ws_quiet($_[0]) }
sql(q{CREATE FUNCTION app.mark() RETURNS void LANGUAGE sql AS 'SELECT realtime.mark_degraded(NULL)'; SELECT realtime.rpc('ask/mark', 'app.mark()')});
($ws, $other) = map { ws_connect($node) } 1 .. 2;
ok(poll_until(sub { outcome('ask/mark', []) eq 'FORBIDDEN' }), 'a client may not, though it may of a topic');
ws_send($ws, { type => 'resume', sessionId => 'x', lastSeenSeqs => {} });
ws_wait($ws, sub { ($_->{type} // '') eq 'resumed' });
is(greeted($ws), 0, 'nothing has been wrong since the start');
sql(q{SELECT realtime.mark_degraded(NULL, 'the mail server moves')});
is(health($_), 'degraded', 'all clients are told') for ($ws, $other);
like(slurp_file($node->logfile), qr/LOG:  clients are told that the server is degraded.*\n.*DETAIL:  the mail server moves/, 'the log says why');
like((http_request($node, 'GET /healthz'))[2], qr/^ready\ndegraded: an administrator says so$/, 'so does what watches over servers');
sql(q{BEGIN; SELECT realtime.mark_recovered(NULL); ROLLBACK; BEGIN; SELECT realtime.mark_degraded(NULL); SAVEPOINT a; SELECT realtime.mark_recovered(NULL); ROLLBACK TO a; COMMIT});
is(health(ws_connect($node)), 'degraded', 'who comes later is greeted so, as what is rolled back does not count');
sql(q{BEGIN; SELECT realtime.mark_recovered(NULL); SAVEPOINT a; SELECT realtime.mark_degraded(NULL); ROLLBACK TO a; COMMIT});
is(health($_), 'recovered', 'until it is over') for ($ws, $other);
my $back = ws_connect($node);
ws_call($back, 'ask/free', ['x']);
is(greeted($back), 0, 'who comes then is told nothing');
ws_send($back, { type => 'resume', sessionId => 'x', lastSeenSeqs => {} });
is(health($back), 'recovered', 'but who comes back is, as he may not know');
like(($node->psql('postgres', q{SET ROLE realtime_authenticated; SELECT realtime.mark_recovered(NULL)}))[2], qr/permission denied to say how the whole server is/, 'nor may he say that it is over');
like(($node->psql('postgres', q{BEGIN; SELECT realtime.mark_degraded(NULL); PREPARE TRANSACTION 'p'}))[2], qr/cannot PREPARE/, 'nor a prepared transaction');

done_testing();
