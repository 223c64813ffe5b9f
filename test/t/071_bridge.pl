# Notifications become events: all of them, in order, and nothing stops the
# reading of the notification queue.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

my $depth = 16;
my $node = life_node('realtime.executors' => 2, 'realtime.queue_depth' => $depth);
my $ws = ws_connect($node);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub counter { return sql("SELECT $_[0] FROM realtime.stat_scheduler"); }

# Declares a bridge and waits until the scheduler listens to as many.
sub listens
{
	my ($bridges, $declare) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	sql($declare) if $declare;
	ok(poll_until(sub { counter('bridges') eq $bridges }), "the scheduler listens to $bridges");
	return;
}

# The next event on a topic, as [event, data].
sub event
{
	my ($topic) = @_;
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq $topic });

	return [ @$frame{qw(event data)} ];
}

sub is_quiet
{
	my ($topic, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_deeply([ grep { ($_->{topic} // '') eq $topic } ws_quiet($ws) ], [], $name);
	return;
}

sql(q{SELECT realtime.topic('feed', open => true), realtime.topic('other', open => true)});
ws_subscribe($ws, $_) for qw(feed other);

# A channel with a topic
listens(1, q{SELECT realtime.bridge('feed', topic => 'feed')});
sql(q{NOTIFY feed, '{"a": [1, 2]}'});
is_deeply(event('feed'), [ 'notify', { a => [ 1, 2 ] } ], 'a payload that is JSON');
sql(q{NOTIFY feed, 'no {JSON "at" all}'});
is_deeply(event('feed'), [ 'notify', 'no {JSON "at" all}' ], 'one that is not');
sql(q{NOTIFY feed});
is_deeply(event('feed'), [ 'notify', undef ], 'and an empty one');
sql(q{SELECT realtime.bridge('feed', topic => 'feed', event => 'news')});
sql(q{NOTIFY feed, '1'});
is_deeply(event('feed'), [ 'news', 1 ], 'a replaced bridge');
is_quiet('feed', 'each comes once');

# All of them, in order
{
	my $before = counter('notifications');
	my $position = log_position($node);

	for my $thousand (0 .. 9)
	{
		sql("SELECT pg_notify('feed', (1000 * $thousand + g)::text) FROM generate_series(1, 1000) g");
	}
	my @seen = map { event('feed')->[1] } 1 .. 10000;
	is_deeply(\@seen, [ 1 .. 10000 ], '10,000 notifications arrive in order');
	is(counter('notifications') - $before, 10000, 'and are counted');
	ok(poll_until(sub { counter('waiting') == 0 }), 'none waits');
	is(count_in_log($node, qr/WARNING/, $position), 0, 'without a warning');
}

# So they do while executors come and go.
{
	for my $round (0 .. 4)
	{
		my @victims = worker_pids($node, 'executor');
		sql("SELECT pg_notify('feed', (1000 * $round + g)::text) FROM generate_series(1, 1000) g");
		kill 'TERM', @victims;
		ok(replaced($node, 'executor', \@victims), 'executors are replaced');
	}
	my @seen = map { event('feed')->[1] } 1 .. 5000;
	is_deeply(\@seen, [ 1 .. 5000 ], 'all arrive once and in order');
}

# What is not committed is not notified.
sql(q{BEGIN; NOTIFY feed, '"lost"'; ROLLBACK; NOTIFY feed, '"kept"'});
is_deeply(event('feed'), [ 'news', 'kept' ], 'a notification that is rolled back never comes');

# The payload names everything.
listens(2, q{SELECT realtime.bridge('raw')});
{
	my $failed = counter('failed');
	my $position = log_position($node);

	sql(q{
SELECT pg_notify('raw', '{"topic": "other", "event": "first", "data": {"x": null}}'),
	pg_notify('raw', 'no JSON'),
	pg_notify('raw', '[]'),
	pg_notify('raw', '{"topic": "other"}'),
	pg_notify('raw', '{"topic": 1, "event": "e"}'),
	pg_notify('raw', '{"topic": "__rpc", "event": "e"}'),
	pg_notify('raw', '{"topic": "other", "event": "created"}'),
	pg_notify('raw', '{"topic": "other", "event": "last"}')});
	is_deeply(event('other'), [ 'first', { x => undef } ], 'a payload names topic, event and data');
	is_deeply(event('other'), [ 'last', undef ], 'those that do not are left out');
	ok(poll_until(sub { counter('failed') - $failed == 6 }), 'and counted');
	ok(poll_until(sub { count_in_log($node, qr/WARNING:.*a notification on channel "raw" was not published/, $position) == 1 }),
		'and warned of, once in a while');
}

# Parse functions
sql(q{
CREATE FUNCTION app.envelope(payload text) RETURNS realtime.envelope LANGUAGE plpgsql AS $$
BEGIN
	IF payload = 'skip' THEN
		RETURN NULL;
	END IF;
	IF payload = 'bad' THEN
		RAISE 'bad payload' USING DETAIL = 'It is bad.';
	END IF;
	RETURN ('other', 'parsed', to_jsonb(payload))::realtime.envelope;
END $$;
CREATE FUNCTION app.several(payload text, channel text) RETURNS SETOF realtime.envelope LANGUAGE sql AS $$
	SELECT 'other', channel, to_jsonb(g) FROM generate_series(1, payload::int) g;
$$;
CREATE FUNCTION app.object(payload text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE payload WHEN 'skip' THEN NULL ELSE jsonb_build_object('data', payload) END;
$$;
CREATE FUNCTION app.whoami(payload text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('data', ARRAY[current_user, realtime.user_id(), realtime.connection_id(), realtime.request_id()]);
$$;
CREATE FUNCTION app.secret(payload text) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"data": 1}'::jsonb $$;
REVOKE ALL ON FUNCTION app.secret(text) FROM PUBLIC;
});
listens(3, q{SELECT realtime.bridge('parsed', parse => 'app.envelope(text)')});
{
	my ($failed, $skipped) = (counter('failed'), counter('skipped'));
	sql(q{SELECT pg_notify('parsed', p) FROM unnest(ARRAY['one', 'skip', 'two', 'bad', 'three']) p});
	is_deeply([ map { event('other') } 1 .. 3 ],
		[ map { [ 'parsed', $_ ] } qw(one two three) ],
		'NULL and an error leave out one notification, and no other');
	ok(poll_until(sub { counter('failed') - $failed == 1 && counter('skipped') - $skipped == 1 }),
		'both are counted');
}
listens(4, q{SELECT realtime.bridge('several', parse => 'app.several(text,text)')});
sql(q{SELECT pg_notify('several', p) FROM unnest(ARRAY['2', '0', 'x', '1']) p});
is_deeply([ map { event('other') } 1 .. 3 ], [ map { [ 'several', $_ ] } 1, 2, 1 ],
	'one notification can be several events, or none');
listens(5, q{SELECT realtime.bridge('object', topic => 'other', event => 'o', parse => 'app.object(text)')});
sql(q{SELECT pg_notify('object', p) FROM unnest(ARRAY['skip', 'x']) p});
is_deeply(event('other'), [ 'o', 'x' ], 'what an object leaves out, the declaration says');
sql(q{SELECT realtime.bridge('object', topic => 'other', parse => 'app.whoami(text)')});
sql(q{NOTIFY object, 'who'});
is_deeply(event('other'), [ 'notify', [ 'realtime_anonymous', undef, undef, undef ] ],
	'a parse function runs as the role of anonymous calls');
{
	my $failed = counter('failed');
	sql(q{SELECT realtime.bridge('object', topic => 'other', parse => 'app.secret(text)')});
	sql(q{NOTIFY object, 'who'});
	ok(poll_until(sub { counter('failed') - $failed == 1 }), 'if that may execute it');
}
is_quiet('other', 'nothing else has come');

# Subscribers are told to load again.
listens(6, q{SELECT realtime.bridge('changed', invalidate => 'other')});
sql(q{SELECT pg_notify('changed', g::text) FROM generate_series(1, 3) g});
is(event('other')->[0], 'truncated', 'a notification invalidates a topic');

# Gone
sql(q{SELECT realtime.drop(c) FROM unnest(ARRAY['raw', 'parsed', 'several', 'object', 'changed']) c});
listens(1);
sql(q{NOTIFY raw, '{"topic": "other", "event": "x"}'; NOTIFY feed, '"still here"'});
is_deeply(event('feed'), [ 'news', 'still here' ], 'the one that is left goes on');
is(scalar(grep { $_->{event} eq 'x' } ws_quiet($ws)), 0, 'a dropped bridge publishes nothing');

# A transaction that fails as a whole costs the one to blame, and no other.
sql(q{
CREATE TABLE app.seen (what text, CONSTRAINT once UNIQUE (what) DEFERRABLE INITIALLY DEFERRED);
GRANT INSERT ON app.seen TO PUBLIC;
CREATE FUNCTION app.note(payload text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF payload = 'slow' THEN
		PERFORM pg_sleep(60);
	END IF;
	INSERT INTO app.seen VALUES (payload);
	RETURN jsonb_build_object('data', payload);
END $$;
ALTER SYSTEM SET realtime.handler_timeout = '3s';
SELECT pg_reload_conf();
});
listens(2, q{SELECT realtime.bridge('note', topic => 'feed', parse => 'app.note(text)')});
sql(q{INSERT INTO app.seen VALUES ('twice')});
{
	my $failed = counter('failed');
	sql(q{SELECT pg_notify('note', p) FROM unnest(ARRAY['a', 'twice', 'b', 'slow', 'c']) p});
	is_deeply([ map { event('feed')->[1] } 1 .. 3 ], [ 'a', 'b', 'c' ],
		'one that fails at commit and one that takes too long');
	ok(poll_until(sub { counter('failed') - $failed == 2 }), 'are left out');
	is(sql(q{SELECT string_agg(what, ' ' ORDER BY what) FROM app.seen}), 'a b c twice',
		'and the others are there once');
	ok(poll_until(sub { count_in_log($node, qr/WARNING:.*1 notifications on channel "note" were not published/) == 1 }),
		'the log has the first');
}
sql(q{ALTER SYSTEM RESET realtime.handler_timeout; SELECT pg_reload_conf()});

# An executor that is told to end gives what it has begun to another one.
{
	sql(q{ALTER SYSTEM SET realtime.shutdown_timeout = 0; SELECT pg_reload_conf()});
	sql(q{NOTIFY note, 'slow'});
	kill 'TERM', busy_executor($node, 'bridge note');
	sql(q{CREATE OR REPLACE FUNCTION app.note(payload text) RETURNS jsonb LANGUAGE sql AS
		$$ SELECT jsonb_build_object('data', payload) $$});
	is_deeply(event('feed'), [ 'notify', 'slow' ], 'a notification survives its executor');

	# One that dies leaves nobody who knows.
	my $dropped = counter('dropped');
	sql(q{
CREATE OR REPLACE FUNCTION app.note(payload text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF payload = 'stubborn' THEN
		PERFORM app.stubborn();
	END IF;
	RETURN jsonb_build_object('data', payload);
END $$});
	sql(q{NOTIFY note, 'stubborn'});
	kill 'TERM', busy_executor($node, 'bridge note');
	is(event('feed')->[0], 'truncated', 'without an executor that knows, subscribers load again');
	sql(q{NOTIFY note, 'next'});
	is(event('feed')->[1], 'next', 'and the next notification follows');
	ok(poll_until(sub { counter('dropped') - $dropped == 1 }), 'the lost one is counted');
	ok(poll_until(sub {
		count_in_log($node, qr/WARNING:.*1 notifications on channel "note" may be lost/) == 1 }),
		'and the log says so');
	sql(q{ALTER SYSTEM RESET realtime.shutdown_timeout; SELECT pg_reload_conf()});
}

# A storm elsewhere, and a parse function that does not keep up: the queue of
# notifications is read all the same.
sql(q{
CREATE FUNCTION app.slow(payload text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.4);
	RETURN jsonb_build_object('data', payload);
END $$;
});
listens(3, q{SELECT realtime.bridge('slow', topic => 'other', parse => 'app.slow(text)')});
{
	my $before = counter('notifications');
	sql(q{SELECT pg_notify('slow', g::text) FROM generate_series(1, 300) g});
	busy_executor($node, 'bridge slow');
	for (1 .. 10)
	{
		sql(q{SELECT pg_notify('storm', repeat('x', 200) || g) FROM generate_series(1, 10000) g});
		my $usage;
		ok(poll_until(sub { ($usage = sql('SELECT pg_notification_queue_usage()')) == 0 }),
			'the queue of notifications is empty') or diag $usage;
	}
	cmp_ok(counter('waiting'), '>', 0, 'while notifications wait for the parse function');
	is(counter('notifications') - $before, 300, 'of other channels nothing is kept');
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'calls go on meanwhile');
}

# More than there is room for: dropped, counted, told.
{
	my $dropped = counter('dropped');
	my $position = log_position($node);
	sql(q{ALTER SYSTEM SET realtime.bridge_queue = '48kB'; SELECT pg_reload_conf()});
	ok($node->poll_query_until('postgres', q{SELECT current_setting('realtime.bridge_queue') = '48kB'}),
		'with a small queue');
	ok(poll_until(sub {
		sql(q{SELECT pg_notify('slow', repeat('x', 1000) || g) FROM generate_series(1, 100) g});
		return counter('dropped') > $dropped }), 'notifications are dropped');
	ok(poll_until(sub {
		count_in_log($node, qr/WARNING:.*\d+ notifications on channel "slow" were dropped/, $position) == 1 }),
		'which the log says');
	sql(q{CREATE OR REPLACE FUNCTION app.slow(payload text) RETURNS jsonb LANGUAGE sql AS
		$$ SELECT jsonb_build_object('data', payload) $$});
	my @events;
	do { push @events, event('other') } until $events[-1][0] eq 'truncated';
	pass('and subscribers are told, behind what was not dropped');
	cmp_ok(scalar @events, '>', 100, 'which has come');
	ok(poll_until(sub { counter('waiting') == 0 }), 'then all is done');
	sql(q{ALTER SYSTEM RESET realtime.bridge_queue; SELECT pg_reload_conf()});
}

# What is dropped behind a marker that has been told is told again, even if the
# scheduler does not know yet.
sql(q{ALTER SYSTEM SET realtime.bridge_queue = '16kB'; SELECT pg_reload_conf()});
ok($node->poll_query_until('postgres', q{SELECT current_setting('realtime.bridge_queue') = '16kB'}),
	'a queue that is too small for a long payload');
ws_quiet($ws);
{
	my $dropped = counter('dropped');
	my $holder = $node->background_psql('postgres', on_error_stop => 1);
	my ($scheduler) = worker_pids($node, 'scheduler');
	my $long = q{SELECT pg_notify('slow', repeat('x', 7900))};

	$holder->query_safe(q{BEGIN; SELECT realtime.clear_replay('other')});
	ok(poll_until(sub { sql($long); counter('dropped') > $dropped }), 'one is dropped');
	busy_executor($node, 'bridge slow');
	kill 'STOP', $scheduler;
	$holder->query_safe('COMMIT');
	is(event('other')->[0], 'truncated', 'which subscribers are told');
	sql($long);
	kill 'CONT', $scheduler;
	is(event('other')->[0], 'truncated', 'and so they are of the next one');
	$holder->quit;
	sql(q{ALTER SYSTEM RESET realtime.bridge_queue; SELECT pg_reload_conf()});
}

# Another scheduler listens again, and subscribers are told what it may have
# missed.
ws_quiet($ws);
sql(q{CREATE OR REPLACE FUNCTION app.slow(payload text) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT pg_sleep(3); SELECT NULL::jsonb $$});
{
	my ($victim) = worker_pids($node, 'scheduler');
	sql(q{NOTIFY slow, 'x'});
	busy_executor($node, 'bridge slow');
	kill 'TERM', $victim;
	ok(replaced($node, 'scheduler', [$victim]), 'the scheduler is replaced');
	is(event($_)->[0], 'truncated', "subscribers of $_ load again") for qw(feed other);
	listens(3);
	sql(q{NOTIFY feed, '"again"'});
	ok(poll_until(sub { (event('feed')->[1] // '') eq 'again' }), 'and the next one listens');
	ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'realtime executor' AND query = 'bridge slow' AND state = 'active'}),
		'what the old one had asked for ends');
	ok(slots_are_free($node, $depth), 'and frees its slot');
}

# Without the extension nobody listens.
{
	my ($scheduler) = worker_pids($node, 'scheduler');
	my $position = log_position($node);
	sql('DROP EXTENSION realtime CASCADE');
	ok($node->poll_query_until('postgres', qq{
		SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $scheduler}), 'the scheduler stays');
	sql(q{SELECT pg_notify('feed', g::text) FROM generate_series(1, 1000) g});
	sql('DROP SCHEMA app CASCADE');
	life_schema($node, 'postgres');
	listens(0);
	sql(q{SELECT realtime.topic('feed', open => true)});
	listens(1, q{SELECT realtime.bridge('feed', topic => 'feed')});
	wait_for_call($node, 'app/echo', ['x']);
	$ws = ws_connect($node);
	ws_subscribe($ws, 'feed');
	sql(q{NOTIFY feed, '"anew"'});
	is_deeply(event('feed'), [ 'notify', 'anew' ], 'created again, it works again');
	is_deeply([ worker_pids($node, 'scheduler') ], [$scheduler], 'in the same process');
	is(count_in_log($node, qr/ERROR.*scheduler|FATAL/, $position), 0, 'quietly');
}

$node->stop('fast');
no_crash($node);

done_testing();
