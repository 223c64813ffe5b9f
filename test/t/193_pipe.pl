# Pipes on the wire: what is stored for a replay, who comes back, values that are loaded anew, errors.
use strict;
use warnings;

use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1, 'max_connections' => 20);
my $true = JSON::PP::true;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub follow
{
	my ($ws, $path, %with) = @_;
	return ws_call($ws, $path, [], stream => $true, %with);
}

sub events
{
	my ($ws, $topic, $count) = @_;
	return [ map { my $e = ws_wait($ws, sub { ($_->{topic} // '') eq $topic }); [ $e->{event}, $e->{data} ] } 1 .. $count ];
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, kind text, open boolean, at integer DEFAULT 0);
INSERT INTO app.item VALUES (1, 'a', true), (2, 'b', false), (3, 'b', true);
CREATE TABLE app.setting (fails boolean, asked integer DEFAULT 0, told text);
INSERT INTO app.setting VALUES (false);
GRANT ALL ON app.item, app.setting TO PUBLIC;
CREATE FUNCTION app.items() RETURNS SETOF app.item LANGUAGE sql STABLE AS 'SELECT * FROM app.item ORDER BY id';
CREATE FUNCTION app.is_open(item jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT (item->>'open')::boolean$$;
CREATE FUNCTION app.kinds(ids text[]) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF (SELECT fails FROM app.setting) THEN RAISE 'no kinds today'; END IF;
	RETURN '{"a": "Ant", "b": {"name": "Bee"}}'::jsonb || jsonb_build_object('ids', ids);
END $$;
CREATE FUNCTION app.told(code text, message text) RETURNS void LANGUAGE sql AS $$UPDATE app.setting SET told = $1 || ' ' || $2$$;
CREATE FUNCTION app.version() RETURNS text LANGUAGE sql STABLE AS 'SELECT max(at)::text FROM app.item';
CREATE FUNCTION app.diff(since text) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY id), '[]') || '[{"id": 9, "_deleted": true}]' FROM app.item i WHERE at > since::integer$$;
CREATE FUNCTION app.bridge(since bigint) RETURNS jsonb LANGUAGE sql STABLE AS
	$$SELECT '[{"event": "updated", "data": {"id": 1, "kind": "b", "open": true}, "seq": 2}, {"event": "updated", "data": {"id": 3, "open": false}, "seq": 3}]'::jsonb$$;
SELECT realtime.stream('item/kept', 'kept', 'app.items()', replay => true, on_error => 'app.told(text,text)', invalidate_on => '{again}');
SELECT realtime.pipe('item/kept', realtime.pipe_filter('app.is_open(jsonb)', live => true), realtime.pipe_join('kind', 'app.kinds(text[])', 'name', live => true));
SELECT realtime.stream('item/diff', 'diff', 'app.items()', delta_version => 'app.version()', delta_diff => 'app.diff(text)');
SELECT realtime.pipe('item/diff', realtime.pipe_filter('app.is_open(jsonb)'), realtime.pipe_join('kind', 'app.kinds(text[])', 'name'));
SELECT realtime.stream('item/cut', 'cut', 'app.items()', delta_version => 'app.version()', delta_diff => 'app.diff(text)');
SELECT realtime.pipe('item/cut', realtime.pipe_limit(2));
SELECT realtime.stream('item/bridge', 'bridge', 'app.items()', replay => true, replay_size => 1, delta_from_seq => 'app.bridge(bigint)');
SELECT realtime.pipe('item/bridge', realtime.pipe_filter('app.is_open(jsonb)', live => true));
SELECT realtime.stream('item/plain', 'plain', 'app.items()');
SELECT realtime.stream('item/slow', 'slow', 'app.items()');
SELECT realtime.pipe('item/slow', realtime.pipe_filter('app.is_open(jsonb)', live => true));
});

# ---- events, and who comes back ----

my $ws = ws_connect($node);
my $reply = follow($ws, 'item/kept');
is_deeply($reply->{data}, [ { id => 1, kind => 'a', open => $true, at => 0, name => 'Ant' }, { id => 3, kind => 'b', open => $true, at => 0, name => { name => 'Bee' } } ], 'the value comes out of the pipe');
is_deeply([ @$reply{qw(merge key)} ], [qw(crud id)], 'the stream is what it was');
sql(q{SELECT realtime.publish('kept', 'created', '{"id": 4, "kind": "a", "open": true}'), realtime.publish('kept', 'created', '{"id": 5, "open": false}'),
	realtime.publish('kept', 'updated', '{"id": 1, "open": false}'), realtime.publish('kept', 'updated', '{"id": 6, "kind": "x", "open": true}')});
my $told = [ [ created => { id => 4, kind => 'a', open => $true, name => 'Ant' } ], [ deleted => { id => 1 } ], [ created => { id => 6, kind => 'x', open => $true, name => undef } ] ];
is_deeply(events($ws, 'kept', 3), $told, 'so do events');
is(sql(q{SELECT string_agg(event || ' ' || (data->>'id'), ', ' ORDER BY seq) FROM realtime.replay('kept', 0)}), 'created 4, deleted 1, created 6', 'what is kept is what was sent');
my $back = ws_connect($node);
$reply = follow($back, 'item/kept', seq => $reply->{seq});
is_deeply([ map { [ @$_{qw(event data)} ] } @{ $reply->{data} } ], $told, 'who comes back gets the same');
$reply = follow($back, 'item/diff');
sql(q{UPDATE app.item SET at = 1, open = NOT open WHERE id > 1});
$reply = follow($back, 'item/diff', version => '0');
is_deeply([ $reply->{delta}, sort { $a->{id} <=> $b->{id} } @{ $reply->{data} } ],
	[ $true, { id => 2, kind => 'b', open => $true, at => 1, name => { name => 'Bee' } }, { id => 3, _deleted => $true }, { id => 9, _deleted => $true } ],
	'of rows that have changed those that are left out are gone');
$reply = follow($back, 'item/cut', version => '0');
is_deeply([ $reply->{delta}, map { $_->{id} } @{ $reply->{data} } ], [ undef, 1, 2 ], 'a value that is cut off comes as a whole');
sql(q{SELECT realtime.publish('bridge', 'created', '{"id": 1, "open": true}') FROM generate_series(1, 4)});
sql(q{DELETE FROM realtime.replay_message WHERE topic = 'bridge' AND seq < 4});
$reply = follow($back, 'item/bridge', seq => 1);
is_deeply([ map { [ @$_{qw(event data)} ] } @{ $reply->{data} } ], [ [ created => { id => 1, kind => 'b', open => $true } ], [ deleted => { id => 3 } ] ], 'events that are kept elsewhere go through it');

# ---- loaded anew; errors ----

sql(q{SELECT realtime.publish('again', 'x', NULL)});
is_deeply([ map { $_->{id} } @{ events($ws, 'kept', 1)->[0][1] } ], [ 1, 2 ], 'a value that is loaded anew goes through it');
sql(q{UPDATE app.setting SET fails = true; SELECT realtime.publish('again', 'x', NULL)});
is(ws_wait($ws, sub { ($_->{topic} // '') eq '__system:kept' })->{data}{code}, 'INTERNAL_ERROR', 'an error of a step is told to who follows it');
is(sql(q{SELECT told FROM app.setting}), 'INTERNAL_ERROR no kinds today', 'and to on_error');
is(follow($back, 'item/diff')->{code}, 'INTERNAL_ERROR', 'who asks gets it');
like(($node->psql('postgres', q{SELECT realtime.publish('kept', 'created', '{"id": 7, "kind": "a", "open": true}')}))[2], qr/no kinds today/, 'who publishes, too');
sql(q{UPDATE app.setting SET fails = false});
is(follow($back, 'item/diff')->{data}[0]{name}, 'Ant', 'and it goes on');
ok($node->poll_query_until('postgres', q{SELECT runs > 1 AND errors > 0 AND last_error = 'no kinds today' FROM realtime.stat_computed WHERE path = 'item/kept'}), 'that is in the statistics');

# ---- a pipe that comes, and goes ----

follow($ws, 'item/plain');
sql(q{SELECT realtime.pipe('item/plain', realtime.pipe_filter('app.is_open(jsonb)', live => true))});
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'plain' })->{event}, 'truncated', 'who follows a stream that gets a pipe asks again');
is(scalar(@{ follow($ws, 'item/plain')->{data} }), 2, 'and sees what it leaves');
sql(q{SELECT realtime.pipe('item/plain', realtime.pipe_filter('app.is_open(jsonb)', live => true)); SELECT realtime.publish('plain', 'created', '{"id": 8, "open": true}')});
is(events($ws, 'plain', 1)->[0][0], 'created', 'saying the same again is nothing to anybody');
sql(q{SELECT realtime.pipe('item/plain')});
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'plain' })->{event}, 'truncated', 'without it, too');
is(scalar(@{ follow($ws, 'item/plain')->{data} }), 3, 'all is there');

sql(q{SELECT realtime.stream('item/late', 'late', 'app.items()', replay => true); SELECT realtime.publish('late', 'created', '{"id": 7, "open": false}')});
my $seq = follow($back, 'item/late')->{seq};
sql(q{SELECT realtime.publish('late', 'updated', '{"id": 7, "open": false, "at": 1}')});
is(follow($back, 'item/late', seq => $seq)->{data}[0]{event}, 'updated', 'events are kept that no filter has seen');
sql(q{SELECT realtime.pipe('item/late', realtime.pipe_filter('app.is_open(jsonb)', live => true))});
is_deeply([ map { $_->{id} } @{ follow($back, 'item/late', seq => $seq)->{data} } ], [ 1, 2 ], 'with a filter that comes later nobody gets them');
$seq = follow($back, 'item/late')->{seq};
sql(q{SELECT realtime.pipe('item/late', realtime.pipe_filter('app.is_open(jsonb)', live => true), realtime.pipe_sort('id')); SELECT realtime.publish('late', 'created', '{"id": 8, "open": true}')});
is(follow($back, 'item/late', seq => $seq)->{data}[0]{event}, 'created', 'a step that is for values alone is nothing to them');
sql(q{CREATE FUNCTION app.hide(data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$SELECT data - 'open'$$;
SELECT realtime.stream('item/late', 'late', 'app.items()', replay => true, transform => 'app.hide(jsonb)')});
is_deeply([ map { exists $_->{open} || exists $_->{event} } @{ follow($back, 'item/late', seq => $seq)->{data} } ], [ !1, !1 ], 'a transform that comes later is one for all that is sent, too');

# ---- events that wait ----

follow($ws, 'item/slow');
sql(join('', map { qq{SELECT realtime.throttle('slow', 'updated', '{"id": 1, $_}', '1 s');\n} } '"open": true', '"open": true, "at": 2', '"open": false'));
ok($node->poll_query_until('postgres', 'SELECT waiting = 0 FROM realtime.stat_timer'), 'nothing waits any more');
sql(q{SELECT realtime.publish('slow', 'created', '{"id": 9, "open": true}')});
is_deeply([ map { "$_->[0] $_->[1]{id}" } @{ events($ws, 'slow', 3) } ], [ 'created 1', 'deleted 1', 'created 9' ], 'what a filter makes of an event takes the place of what waits under its name');

# ---- in a dump ----

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump is taken');
$node->safe_psql('template1', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-qXv', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'and restored');
my $pipes = q{SELECT string_agg(path || kinds::text || functions::text || live::text, ' ' ORDER BY path) FROM realtime.pipe_declaration};
is($node->safe_psql('copy', $pipes), sql($pipes), 'with its pipes');
like(($node->psql('copy', 'DROP FUNCTION app.is_open(jsonb)'))[2], qr/cannot drop function/, 'and what they need');

done_testing();
