# Values of streams that are loaded anew for those who follow them.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2);
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id integer PRIMARY KEY, room text, what text);
CREATE TABLE app.setting (broken boolean DEFAULT false, open boolean DEFAULT true, allowed boolean DEFAULT true);
INSERT INTO app.setting DEFAULT VALUES;
CREATE SEQUENCE app.runs;
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON app.runs TO realtime_anonymous;
INSERT INTO app.item VALUES (1, 'a', 'one'), (2, 'b', 'two');
CREATE FUNCTION app.items(room text) RETURNS SETOF app.item STABLE LANGUAGE plpgsql AS $$BEGIN
	IF (SELECT broken FROM app.setting) THEN
		PERFORM realtime.raise('BROKEN', 'not now');
	END IF;
	RETURN QUERY SELECT * FROM app.item i WHERE i.room = items.room ORDER BY id;
END$$;
CREATE FUNCTION app.number() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM app.item';
CREATE FUNCTION app.may() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT allowed FROM app.setting';
CREATE FUNCTION app.is_open() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT open FROM app.setting';
CREATE FUNCTION app.slow() RETURNS SETOF app.item STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(7);
	RETURN QUERY SELECT * FROM app.item ORDER BY id;
END$$;
CREATE FUNCTION app.first(room text) RETURNS SETOF app.item STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(7);
	RETURN QUERY SELECT * FROM app.item ORDER BY id;
END$$;
CREATE FUNCTION app.say(topic text, event text, data jsonb) RETURNS void LANGUAGE sql AS
	'SELECT realtime.publish(topic, event, data)';
SELECT realtime.stream('re/items', 'items:{room}', 'app.items(text)', access => 'app.may()', gate => 'app.is_open()'),
	realtime.stream('re/number', 'number', 'app.number()', merge => 'set', invalidate_on => '{items:*,sale}', shared => true),
	realtime.stream('re/log', 'log', 'app.number()', merge => 'set', replay => true, invalidate_on => '{sale}'),
	realtime.stream('re/slow', 'slow', 'app.slow()'),
	realtime.stream('re/first', 'first:{1}', 'app.first(text)'),
	realtime.stream('re/stale', 'stale', 'app.number()', merge => 'set', stale_after => '1 s'),
	realtime.topic('sale', open => true),
	realtime.rpc('re/say', 'app.say(text,text,jsonb)');
});
wait_for_call($node, 're/number', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args, stream => $true); }
sub event_of { my ($ws, $topic) = @_; return ws_wait($ws, sub { ($_->{topic} // '') eq $topic }); }
sub refreshed
{
	my ($ws, $topic) = @_;
	my $event = event_of($ws, $topic);
	return $event->{event} eq 'refreshed' ? $event->{data} : $event;
}
sub topics_of { return [ map { $_->{topic} } ws_quiet($_[0]) ]; }

my ($ann, $bob) = map { ws_connect($node) } 1 .. 2;
is_deeply(follow($ann, 're/items', 'a')->{data}, [ { id => 1, room => 'a', what => 'one' } ], 'a stream');
follow($bob, 're/items', 'b');

# From SQL
sql(q{BEGIN; INSERT INTO app.item VALUES (3, 'a', 'three'); SELECT realtime.invalidate('items:a'), realtime.invalidate('items:a'); COMMIT});
is_deeply([ map { $_->{id} } @{ refreshed($ann, 'items:a') } ], [ 1, 3 ], 'is loaded anew');
is_deeply(topics_of($ann), [], 'once');
is_deeply(topics_of($bob), [], 'for those who follow it');
sql(q{BEGIN; INSERT INTO app.item VALUES (4, 'a', 'four'), (5, 'b', 'five'); SELECT realtime.invalidate('it*:*'); COMMIT});
is_deeply([ map { $_->{id} } @{ refreshed($ann, 'items:a') } ], [ 1, 3, 4 ], 'all that match');
is_deeply([ map { $_->{id} } @{ refreshed($bob, 'items:b') } ], [ 2, 5 ], 'with their own arguments');
sql(q{BEGIN; SELECT realtime.invalidate('items:*'); ROLLBACK});
sql(q{BEGIN; SAVEPOINT s; SELECT realtime.invalidate('items:*'); ROLLBACK TO s; SELECT realtime.publish('news', 'x'); COMMIT});
sql(q{SELECT realtime.invalidate('items:'), realtime.invalidate('items:?'), realtime.invalidate('ITEMS:*')});
sql(q{SELECT realtime.invalidate('items:b')});
ok(refreshed($bob, 'items:b'), 'of others nothing is heard');
is_deeply(topics_of($ann), [], 'not after a rollback, nor of what does not match');
is($node->psql('postgres', q{SELECT realtime.invalidate(NULL)}), 3, 'NULL is no pattern');
is($node->psql('postgres', q{SELECT realtime.invalidate('')}), 3, 'nor is nothing');

# By events of other topics
is(follow($ann, 're/number')->{data}, 5, 'a stream that depends on others');
my $log = follow($bob, 're/log');
is_deeply([ @$log{qw(data seq)} ], [ 5, 0 ], 'and one with numbers');
sql(q{SELECT realtime.invalidate('log')});
my $event = event_of($bob, 'log');
is_deeply([ @$event{qw(event data seq)} ], [ 'refreshed', 5, 0 ], 'loaded anew before it has any');
ws_close($bob);
$bob = ws_connect($node);
follow($bob, 're/items', 'b');
sql(q{SELECT realtime.publish('log', 'set', '1')});
$log = follow($bob, 're/log');
sql(q{INSERT INTO app.item VALUES (6, 'c', 'six'); SELECT realtime.publish('items:c', 'created', '{"id": 6}')});
is(refreshed($ann, 'number'), 6, 'is loaded anew with theirs');
sql(q{INSERT INTO app.item VALUES (7, 'c', 'seven'); SELECT realtime.publish('sale', 'begins')});
is(refreshed($ann, 'number'), 7, 'whatever they are');
$event = event_of($bob, 'log');
is_deeply([ @$event{qw(event data seq)} ], [ 'refreshed', 7, $log->{seq} ], 'and so far it has all numbers');
sql(q{SELECT realtime.publish('log', 'set', '99')});
$event = event_of($bob, 'log');
is_deeply([ @$event{qw(event data seq)} ], [ 'set', 99, $log->{seq} + 1 ], 'and goes on');
sql(q{SELECT realtime.publish('items:zzz', 'refreshed', '[]')});
sql(q{SELECT realtime.invalidate('sale')});
is(refreshed($ann, 'number'), 7, 'a topic that is invalidated is like one that is published on');
is_deeply(topics_of($ann), [], 'but "refreshed" is not');
sql(q{SELECT realtime.publish('items:a', 'refreshed', '[]')}) for 1 .. 3;
is(event_of($ann, 'items:a')->{event}, 'refreshed', 'it is an event like others') for 1 .. 3;
is_deeply(topics_of($ann), [], 'and has nothing loaded');
is(event_of($bob, 'log')->{event}, 'refreshed', 'what else depends on it is loaded as well');
is_deeply(topics_of($bob), [], 'once');

# Nothing is lost or doubled between the value and the events
{
	my $session = $node->background_psql('postgres');
	my $writer = ws_connect($node);

	is(scalar @{ follow($bob, 're/slow')->{data} }, 7, 'a slow loader');
	$session->query_safe('SELECT pg_advisory_lock(7)');
	sql(q{SELECT realtime.invalidate('slow')});
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}) == 1 }), 'loads');
	sql(q{SELECT realtime.invalidate('slow')}) for 1 .. 20;
	ws_call($writer, 're/say', [ 'slow', 'created', { id => 8, what => 'eight' } ]);
	is(event_of($bob, 'slow')->{data}{id}, 8, 'an event comes while it does');
	is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}), 1, 'it loads once at a time');
	$session->query_safe('SELECT pg_advisory_unlock(7)');
	is(scalar @{ refreshed($bob, 'slow') }, 7, 'the value is of before the event');
	is(event_of($bob, 'slow')->{data}{id}, 8, 'which comes again');
	is(scalar @{ refreshed($bob, 'slow') }, 7, 'and what was wished for meanwhile is done once more');
	is_deeply(topics_of($bob), [], 'once');
	$session->quit;
}

# A wish that comes while the first value is on its way
{
	my $session = $node->background_psql('postgres');
	my $late = ws_connect($node);

	$session->query_safe('SELECT pg_advisory_lock(7)');
	ws_send($late, { rpc => 're/first', id => 'first', args => ['x'], stream => $true });
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}) == 1 }), 'somebody begins to follow');
	sql(q{SELECT realtime.publish('items:zz', 'changed')});
	sql(q{UPDATE app.item SET what = 'changed' WHERE id = 1; SELECT realtime.invalidate('first:x')});
	is(follow($bob, 're/number')->{ok}, $true, 'and others go on');
	$session->query_safe('SELECT pg_advisory_unlock(7)');
	my $value = ws_wait($late, sub { ($_->{event} // '') eq 'first' })->{data}{data};
	is($value->[0]{what}, 'one', 'what was wished for is newer than what comes');
	is(refreshed($late, 'first:x')->[0]{what}, 'changed', 'so it comes again');
	is_deeply(topics_of($late), [], 'once');
	ws_close($late);
	ws_send($bob, { type => 'unsubscribe', topic => 'number' });
	ws_quiet($bob);
	$session->quit;
}

# A load that fails
ws_subscribe($ann, '__system:items:a');
sql(q{UPDATE app.setting SET broken = true; SELECT realtime.invalidate('items:a')});
$event = event_of($ann, '__system:items:a');
is_deeply([ @$event{qw(event data)} ], [ 'error', { code => 'BROKEN', message => 'not now' } ], 'is told');
sql(q{UPDATE app.setting SET broken = false; SELECT realtime.invalidate('items:a')});
is(event_of($ann, '__system:items:a')->{event}, 'recovered', 'as is that it works again');
is(scalar @{ refreshed($ann, 'items:a') }, 3, 'with the value');
sql(q{UPDATE app.setting SET allowed = false; SELECT realtime.invalidate('items:a')});
$event = event_of($ann, '__system:items:a');
is($event->{data}{code}, 'UNAUTHENTICATED', 'who may not have it any more does not get it');
sql(q{UPDATE app.setting SET allowed = true, open = false; SELECT realtime.invalidate('items:a')});
sql(q{SELECT realtime.invalidate('number')});
ok(refreshed($ann, 'number'), 'others go on');
sql(q{UPDATE app.setting SET open = true});
ws_quiet($ann);

# Silence
is(follow($ann, 're/stale')->{data}, 7, 'a stream that may not be silent');
is(refreshed($ann, 'stale'), 7, 'is loaded anew') for 1 .. 2;
ws_send($ann, { type => 'unsubscribe', topic => 'stale' });
ws_quiet($ann);

# One load for all who follow it alike
{
	my @crowd = map { ws_connect($node) } 1 .. 20;

	follow($_, 're/number') for @crowd;
	sql(q{DELETE FROM app.item WHERE id = 7; SELECT realtime.invalidate('number')});
	is_deeply([ map { refreshed($_, 'number') } @crowd ], [ (6) x 20 ], 'everybody gets it');
	ws_close($_) for @crowd;
}

# Who leaves while it loads
{
	my $session = $node->background_psql('postgres');

	$session->query_safe('SELECT pg_advisory_lock(7)');
	sql(q{SELECT realtime.invalidate('slow')});
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}) == 1 }), 'it loads');
	ws_send($bob, { type => 'unsubscribe', topic => 'slow' });
	ws_quiet($bob);
	$session->query_safe('SELECT pg_advisory_unlock(7)');
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}) == 0 }), 'for nobody');
	is(follow($bob, 're/slow')->{ok}, $true, 'who comes again');
	is_deeply(topics_of($bob), [], 'gets nothing that was meant for before');
	$session->quit;
}
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
