# Streams: what a loader gives, how clients come back, and that nothing is lost
# or doubled between the value and the first event.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 4);
my $true = JSON::PP::true;
my $false = JSON::PP::false;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.todo (id integer PRIMARY KEY, list text, title text, secret text DEFAULT 'hidden');
GRANT ALL ON app.todo TO realtime_anonymous;
INSERT INTO app.todo SELECT i, 'home', 'todo ' || i FROM generate_series(1, 3) i;
CREATE FUNCTION app.todos(list text) RETURNS TABLE (id integer, title text) STABLE LANGUAGE sql AS
	'SELECT id, title FROM app.todo t WHERE t.list = todos.list ORDER BY id';
CREATE FUNCTION app.all_todos() RETURNS SETOF app.todo STABLE LANGUAGE sql AS 'SELECT * FROM app.todo ORDER BY id';
CREATE FUNCTION app.number() RETURNS integer STABLE LANGUAGE sql AS 'SELECT count(*)::integer FROM app.todo';
CREATE FUNCTION app.nothing() RETURNS jsonb STABLE LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.writes() RETURNS integer LANGUAGE sql AS 'DELETE FROM app.todo RETURNING id';
CREATE FUNCTION app.broken() RETURNS integer STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1 / 0; END';
CREATE FUNCTION app.big(n integer) RETURNS text STABLE LANGUAGE sql AS $$SELECT repeat('x', n)$$;
CREATE FUNCTION app.may(list text) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT list <> 'closed'$$;
CREATE FUNCTION app.open(list text) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT list <> 'later'$$;
-- pages
CREATE FUNCTION app.pages(list text, step integer DEFAULT 2) RETURNS realtime.page STABLE LANGUAGE plpgsql AS $$
DECLARE
	after integer := coalesce((realtime.cursor()->>'after')::integer, 0);
	result realtime.page;
BEGIN
	SELECT jsonb_agg(jsonb_build_object('id', id)) , jsonb_build_object('after', max(id)) INTO result.data, result.cursor
	FROM (SELECT id FROM app.todo t WHERE t.list = pages.list AND id > after ORDER BY id LIMIT step) x;
	result.has_more := EXISTS (SELECT FROM app.todo t WHERE t.list = pages.list AND id > (result.cursor->>'after')::integer);
	RETURN result;
END$$;
CREATE FUNCTION app.json_pages() RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT jsonb_build_object('data', '[{"id": 1}]'::jsonb, 'hasMore', false)$$;
CREATE FUNCTION app.keyset(list text, size integer, downwards boolean, key text) RETURNS realtime.page STABLE LANGUAGE sql AS
	$$SELECT realtime.keyset_page(format('SELECT id, title, '' "'' || title AS "a key" FROM app.todo WHERE list = %L', list), key, size, downwards)$$;
-- versions
CREATE FUNCTION app.version(list text) RETURNS text STABLE LANGUAGE sql AS
	'SELECT coalesce(max(id), 0)::text FROM app.todo t WHERE t.list = version.list';
CREATE FUNCTION app.diff(since text, list text) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT CASE WHEN since <> 'old' THEN coalesce(jsonb_agg(jsonb_build_object('id', id)), '[]') END FROM app.todo t WHERE t.list = diff.list AND since <> 'old' AND id > since::integer$$;
CREATE FUNCTION app.bridge(since bigint) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT CASE WHEN since > 1 THEN jsonb_build_array(jsonb_build_object('event', 'created', 'data', jsonb_build_object('id', since), 'seq', since + 1)) END$$;
CREATE FUNCTION app.two(item jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT item || '{"v": 2}'$$;
CREATE FUNCTION app.three(item jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT jsonb_set(item, '{v}', to_jsonb((item->>'v') || '3'))$$;
CREATE FUNCTION app.one() RETURNS text STABLE LANGUAGE sql AS 'SELECT 1::text';
CREATE FUNCTION app.changes(since text) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT '[{"id": 1, "secret": 1}, {"id": 2, "secret": 2}, {"id": 2, "_deleted": true}]'::jsonb$$;
CREATE FUNCTION app.strip(data jsonb) RETURNS jsonb LANGUAGE sql AS
	$$SELECT CASE WHEN data->>'id' <> '2' THEN data - 'secret' END$$;
-- waits as long as the test holds the lock
CREATE FUNCTION app.slow(list text) RETURNS SETOF integer STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN QUERY SELECT id FROM app.todo t WHERE t.list = slow.list ORDER BY id;
END$$;
CREATE FUNCTION app.yes() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.nowhere() RETURNS text STABLE LANGUAGE sql AS $$SELECT '__mine'$$;
CREATE FUNCTION app.say(topic text, event text, data jsonb) RETURNS void LANGUAGE sql AS
	'SELECT realtime.publish(topic, event, data)';
-- rooms of a region share its topic
CREATE TABLE app.place (room integer PRIMARY KEY, region text NOT NULL);
GRANT ALL ON app.place TO realtime_anonymous;
INSERT INTO app.place VALUES (1, 'north'), (2, 'north'), (3, 'south'), (4, '__x:'), (5, 'a:b');
CREATE FUNCTION app.region(room integer) RETURNS text STABLE LANGUAGE sql AS
	$$SELECT 'region:' || region FROM app.place p WHERE p.room = region.room$$;
CREATE FUNCTION app.room(room integer) RETURNS integer STABLE LANGUAGE sql AS 'SELECT room';
CREATE FUNCTION app.may_move() RETURNS boolean STABLE LANGUAGE sql AS
	$$SELECT pg_advisory_xact_lock_shared(3) IS NOT NULL$$;
CREATE FUNCTION app.moving_region() RETURNS text STABLE LANGUAGE sql AS
	$$SELECT 'region:' || region FROM app.place WHERE room = 3$$;
SELECT realtime.stream('todo/region', 'region:{region}', 'app.room(integer)', merge => 'set', topic_by => 'app.region(integer)'),
	realtime.channel('todo/talk', 'region:{region}', topic_by => 'app.region(integer)', access => 'app.yes()'),
	realtime.channel('todo/reserved', '{region}', topic_by => 'app.nowhere()'),
	realtime.stream('todo/moving', 'region:{region}', 'app.number()', merge => 'set', access => 'app.may_move()', topic_by => 'app.moving_region()');
SELECT realtime.stream('todo/list', 'todos:{list}', 'app.todos(text)', access => 'app.may(text)', gate => 'app.open(text)'),
	realtime.stream('todo/all', 'all', 'app.all_todos()', prepend => true, max => 10),
	realtime.stream('todo/number', 'number', 'app.number()', merge => 'set', shared => true),
	realtime.stream('todo/nothing', 'nothing', 'app.nothing()'),
	realtime.stream('todo/set-nothing', 'set-nothing', 'app.nothing()', merge => 'set'),
	realtime.stream('todo/writes', 'writes', 'app.writes()'),
	realtime.stream('todo/broken', 'broken', 'app.broken()'),
	realtime.stream('todo/big', 'big', 'app.big(integer)', merge => 'set'),
	realtime.stream('todo/keyset', 'keyset:{list}', 'app.keyset(text,integer,boolean,text)'),
	realtime.stream('todo/pages', 'pages:{list}', 'app.pages(text,integer)'),
	realtime.stream('todo/json-pages', 'json-pages', 'app.json_pages()'),
	realtime.stream('todo/versions', 'versions:{list}', 'app.todos(text)', delta_version => 'app.version(text)', delta_diff => 'app.diff(text,text)'),
	realtime.stream('todo/moved', 'moved:{list}', 'app.todos(text)', delta_version => 'realtime.topic_version()'),
	realtime.stream('todo/events', 'events', 'app.all_todos()', replay => true, replay_size => 2, delta_from_seq => 'app.bridge(bigint)'),
	realtime.stream('todo/lines', 'lines', 'app.number()', merge => 'latest', replay => true),
	realtime.stream('todo/shape', 'shape', 'app.json_pages()', schema_version => 3, migrate => '{app.two(jsonb),app.three(jsonb)}'),
	realtime.stream('todo/hidden', 'hidden:{1}', 'app.all_todos()', transform => 'app.strip(jsonb)',
		delta_version => 'app.one()', delta_diff => 'app.changes(text)'),
	realtime.topic('hidden:never:{x}', open => true),
	realtime.stream('todo/never', '{1}:never:{2}', transform => 'app.strip(jsonb)'),
	realtime.stream('todo/slow', 'slow:{list}', 'app.slow(text)', merge => 'latest'),
	realtime.rpc('app/say', 'app.say(text,text,jsonb)');
});
wait_for_call($node, 'app/say', [ 'x', 'y', {} ]);
my $ws = ws_connect($node);

# Follows a stream and returns the result of the reply.
sub follow
{
	my ($connection, $path, $args, %more) = @_;
	my $reply = ws_call($connection, $path, $args, stream => $true, %more);

	delete $reply->{id};
	return $reply;
}

sub publish
{
	my ($topic, $name, $data) = @_;
	$data //= '{}';
	$node->safe_psql('postgres', "SELECT realtime.publish('$topic', '$name', '$data')");
	return;
}

# How values have come to be there, since the last time that this was asked.
my @told = (0) x 5;
sub ways
{
	my @now = split /\|/, $node->safe_psql('postgres',
		'SELECT sum(replayed), sum(bridged), sum(unchanged), sum(differences), sum(loaded) FROM realtime.stat_executor');
	my @since = map { $now[$_] - $told[$_] } 0 .. 4;
	@told = @now;
	return "@since";
}

sub events
{
	my ($connection, $count) = @_;
	return join ', ', map { exists $_->{event} ? "$_->{topic} $_->{event}" : "$_->{type} $_->{topic}" }
	  ws_quiet($connection, $count);
}

# What the reply says
is_deeply(follow($ws, 'todo/list', ['home']),
	{ ok => $true, data => [ map { { id => $_, title => "todo $_" } } 1 .. 3 ], topic => 'todos:home', merge => 'crud', key => 'id' },
	'rows');
publish('todos:home', 'created', '{"id": 4}');
is(events($ws, 1), 'todos:home created', 'events follow');
is(follow($ws, 'todo/list', ['a:b'])->{topic}, 'todos:a%3Ab', 'no argument reaches out of its place');
is(follow($ws, 'todo/list', [])->{code}, 'VALIDATION', 'arguments are looked at before there is a topic');
is(follow($ws, 'todo/list', ['closed'])->{code}, 'UNAUTHENTICATED', 'access is asked');
is_deeply(follow($ws, 'todo/list', ['later']), { ok => $true, data => undef, gated => $true }, 'and the gate');
publish('todos:later', 'created', '{"id": 4}');
is(events($ws), '', 'which makes no subscription');
is_deeply(ws_call($ws, 'todo/list', ['home'])->{data}, [ map { { id => $_, title => "todo $_" } } 1 .. 3 ],
	'the value alone');
is(ws_call($ws, 'todo/list', ['closed'])->{code}, 'UNAUTHENTICATED', 'for which access is asked as well');
my $all = follow($ws, 'todo/all', []);
is_deeply([ @$all{qw(prepend max topic)} ], [ $true, 10, 'all' ], 'options');
is($all->{data}[0]{secret}, 'hidden', 'and whole rows');
is_deeply(follow($ws, 'todo/number', []), { ok => $true, data => 3, topic => 'number', merge => 'set' }, 'one value');
is_deeply(follow($ws, 'todo/nothing', [])->{data}, [], 'no value is an empty list');
is_deeply(follow($ws, 'todo/set-nothing', [])->{data}, undef, 'or null, if it is set');
is(follow($ws, 'todo/writes', [])->{code}, 'INTERNAL_ERROR', 'a loader does not write');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.todo'), 3, 'indeed');
is(follow($ws, 'todo/broken', [])->{ok}, $false, 'one that fails');
publish('broken', 'created', '{"id": 4}');
is(events($ws), '', 'makes no subscription');
is(follow($ws, 'todo/big', [1200000])->{code}, 'PAYLOAD_TOO_LARGE', 'what is too large is refused');
is(length follow($ws, 'todo/big', [1000000])->{data}, 1000000, 'and what is not is sent');

# A topic that a function names
is_deeply(follow($ws, 'todo/region', [1]), { ok => $true, data => 1, topic => 'region:north', merge => 'set' }, 'a topic that the arguments do not say');
is(follow($ws, 'todo/talk', [3])->{topic}, 'region:south', 'of a channel, too');
publish("region:$_", 'set', '2') for qw(north south);
is_deeply([ sort map { $_->{topic} } ws_quiet($ws, 2) ], [ 'region:north', 'region:south' ], 'has its events');
is(follow($ws, 'todo/region', [9])->{code}, 'VALIDATION', 'arguments without a topic');
is(follow($ws, 'todo/region', [$_])->{code}, 'VALIDATION', "it stays within the template: $_") for 4, 5;
is(follow($ws, 'todo/reserved', [])->{code}, 'INVALID_REQUEST', 'and is none of the server');
is(follow($ws, 'todo/region', ['x'])->{code}, 'VALIDATION', 'arguments are looked at before');
is($node->safe_psql('postgres', q{SELECT realtime.load('todo/region', '[2]')}),
	'{"data": 2, "merge": "set", "topic": "region:north"}', 'who loads it has the same');

# One that is another one by the time that the value is loaded
{
	my $holder = $node->background_psql('postgres', on_error_stop => 1);

	$holder->query_safe('SELECT pg_advisory_lock(3)');
	ws_send($ws, { rpc => 'todo/moving', id => 'moving', args => [], stream => $true });
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'access has not been asked';
	$node->safe_psql('postgres', q{UPDATE app.place SET region = 'west' WHERE room = 3});
	$holder->quit;
	is(ws_wait($ws, sub { ($_->{event} // '') eq 'moving' })->{data}{topic}, 'region:west', 'a topic that moves meanwhile');
	publish('region:before', 'set', '0');
	publish('region:west', 'set', '1');
	is(events($ws, 1), 'region:west set', 'is followed where it is');
}

# Pages
my $page = follow($ws, 'todo/pages', ['home']);
is_deeply([ @$page{qw(data hasMore cursor)} ], [ [ { id => 1 }, { id => 2 } ], $true, { after => 2 } ], 'a page');
$page = follow($ws, 'todo/pages', ['home'], cursor => { after => 2 });
is_deeply($page, { ok => $true, data => [ { id => 3 } ], hasMore => $false, cursor => { after => 3 } }, 'the next page');
is_deeply(follow($ws, 'todo/pages', [ 'home', 1 ], cursor => { after => 1 })->{data}, [ { id => 2 } ], 'with more arguments');
$page = follow($ws, 'todo/keyset', [ 'home', 2, $false, 'id' ]);
is_deeply([ [ map { $_->{id} } @{ $page->{data} } ], @$page{qw(hasMore cursor)} ], [ [ 1, 2 ], $true, 2 ], 'a page of a query');
$page = follow($ws, 'todo/keyset', [ 'home', 2, $false, 'id' ], cursor => 2);
is_deeply([ [ map { $_->{id} } @{ $page->{data} } ], @$page{qw(hasMore cursor)} ], [ [3], $false, undef ], 'and the last one');
$page = follow($ws, 'todo/keyset', [ 'home', 2, $true, 'a key' ]);
is_deeply([ [ map { $_->{id} } @{ $page->{data} } ], @$page{qw(hasMore cursor)} ], [ [ 3, 2 ], $true, ' "todo 2' ], 'by a text, downwards');
$page = follow($ws, 'todo/keyset', [ 'home', 2, $true, 'a key' ], cursor => $page->{cursor});
is_deeply([ map { $_->{id} } @{ $page->{data} } ], [1], 'and on');
is_deeply([ @{ follow($ws, 'todo/keyset', [ 'home', 3, $false, 'id' ]) }{qw(hasMore cursor)} ], [ $false, undef ], 'all in one');
is_deeply(follow($ws, 'todo/keyset', [ 'nowhere', 2, $false, 'id' ])->{data}, [], 'nothing');
is_deeply(follow($ws, 'todo/keyset', [ 'home', 2, $false, 'id' ], cursor => q(0' OR true --))->{ok}, $false, 'a cursor is a value');
$page = follow($ws, 'todo/json-pages', []);
is_deeply([ @$page{qw(data hasMore cursor)} ], [ [ { id => 1 } ], $false, undef ], 'a page of jsonb');

# Versions
ways();
my $reply = follow($ws, 'todo/versions', ['home']);
is_deeply([ scalar @{ $reply->{data} }, $reply->{version} ], [ 3, '3' ], 'a version');
$reply = follow($ws, 'todo/versions', ['home'], version => '3');
is_deeply([ @$reply{qw(data unchanged version)} ], [ [], $true, '3' ], 'that has not changed');
$reply = follow($ws, 'todo/versions', ['home'], version => '1');
is_deeply([ @$reply{qw(data delta version)} ], [ [ { id => 2 }, { id => 3 } ], $true, '3' ], 'that has');
$reply = follow($ws, 'todo/versions', ['home'], version => 'old');
is_deeply([ scalar @{ $reply->{data} }, $reply->{delta} ], [ 3, undef ], 'or too much');
is(ways(), '0 0 1 1 2', 'all of which is counted');

# The topic's own version
my $version = follow($ws, 'todo/moved', ['home'])->{version};
$reply = follow($ws, 'todo/moved', ['home'], version => $version);
is_deeply([ @$reply{qw(data unchanged version)} ], [ [], $true, $version ], 'without an event a value has not changed');
publish('moved:home', 'created', '{"id": 9}');
is(events($ws, 1), 'moved:home created', 'an event comes');
$reply = follow($ws, 'todo/moved', ['home'], version => $version);
is_deeply([ scalar @{ $reply->{data} }, $reply->{unchanged} ], [ 3, undef ], 'and it has');
isnt($reply->{version}, $version, 'so it has another version');
$version = $reply->{version};
$node->safe_psql('postgres', q{SELECT realtime.invalidate('moved:home')});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'refreshed' })->{topic}, 'moved:home', 'the value is loaded anew');
is(follow($ws, 'todo/moved', ['home'], version => $version)->{unchanged}, undef, 'which is another version, too');
is($node->safe_psql('postgres', q{SELECT realtime.topic_version() IS NULL AND NOT realtime.load('todo/moved', '["home"]') ? 'version'}), 't',
	'elsewhere there is none');

$reply = follow($ws, 'todo/shape', []);
is_deeply([ @$reply{qw(data schemaVersion)} ], [ [ { id => 1 } ], 3 ], 'rows have a shape');
is_deeply(follow($ws, 'todo/shape', [], schemaVersion => 1)->{data}, [ { id => 1, v => '23' } ], 'which is brought up');
is_deeply(follow($ws, 'todo/shape', [], schemaVersion => 3)->{data}, [ { id => 1 } ], 'where that is needed');
my $old = ws_connect($node);
follow($old, 'todo/shape', [], schemaVersion => 1);
publish('shape', 'created', '{"id": 9, "shape": "of version 3"}');
for ($ws, $old)
{
	is_deeply(ws_wait($_, sub { ($_->{topic} // '') eq 'shape' })->{data}, { id => 9, shape => 'of version 3' }, 'what happens later comes as it is');
}
ws_close($old);

# What is shown
$reply = follow($ws, 'todo/hidden', ['x']);
is_deeply([ map { [ $_->{id}, exists $_->{secret} ] } @{ $reply->{data} } ], [ [ 1, !!0 ], [ 3, !!0 ] ], 'items are changed, or left out');
is_deeply(follow($ws, 'todo/hidden', ['x'], version => '0')->{data}, [ { id => 1 }, { id => 2, _deleted => $true } ],
	'those that have changed as well');
is(scalar @{ ws_call($ws, 'todo/hidden', ['x'])->{data} }, 2, 'and in the value alone');
publish('hidden:x', 'created', '{"id": 5, "secret": 1}');
publish('hidden:x', 'created', '{"id": 2, "secret": 1}');
is_deeply([ map { $_->{data} } ws_quiet($ws, 1) ], [ { id => 5 } ], 'events are like items');
is(follow($ws, 'todo/never', [ 'hidden', 'y' ])->{code}, 'INTERNAL_ERROR', 'no stream whose events another declaration would not hide');

# Numbers
ways();
publish('events', 'created', qq({"id": $_})) for 1 .. 3;
$reply = follow($ws, 'todo/events', []);
is_deeply([ scalar @{ $reply->{data} }, @$reply{qw(seq replay)} ], [ 3, 3, undef ], 'the first time');
publish('events', 'created', '{"id": 4}');
is_deeply([ map { $_->{seq} } ws_quiet($ws, 1) ], [4], 'events go on from there');
$reply = follow($ws, 'todo/events', [], seq => 3);
is_deeply([ @$reply{qw(replay seq)}, map { $_->{seq} } @{ $reply->{data} } ], [ $true, 4, 4 ], 'what was missed');
$node->safe_psql('postgres', 'DELETE FROM realtime.replay_message WHERE topic = $$events$$ AND seq < 4');
publish('events', 'created', '{"id": 5}');
ws_quiet($ws, 1);
$reply = follow($ws, 'todo/events', [], seq => 2);
is_deeply([ @$reply{qw(replay data)} ],
	[ $true, [ { seq => 3, topic => 'events', event => 'created', data => { id => 2 } } ] ], 'what is kept elsewhere');
$reply = follow($ws, 'todo/events', [], seq => 1);
is_deeply([ $reply->{replay}, scalar @{ $reply->{data} } ], [ $false, 3 ], 'all, where nothing is');
is(ways(), '1 1 0 0 2', 'is counted as well');
is(follow($ws, 'todo/lines', [], seq => 0)->{replay}, $false, 'a list begins anew');

# The value, and then what comes behind it: writers commit while a load waits
# for its snapshot, while it runs, and before its reply is there.
for my $round (1 .. 5)
{
	my $list = "round$round";
	my $holder = $node->background_psql('postgres');
	my $other = ws_connect($node);

	$holder->query_safe('SELECT pg_advisory_lock(1)');
	$node->safe_psql('postgres', qq{
		BEGIN; INSERT INTO app.todo VALUES (${round}01, '$list'); SELECT realtime.publish('slow:$list', 'x', '${round}01'); COMMIT;});
	ws_send($other, { rpc => 'todo/slow', id => 'slow', args => [$list], stream => $true });
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'nobody waits';
	$node->safe_psql('postgres', qq{
		BEGIN; INSERT INTO app.todo VALUES (${round}02, '$list'); SELECT realtime.publish('slow:$list', 'x', '${round}02'); COMMIT;});
	$holder->quit;
	my $frame = ws_wait($other, sub { ($_->{event} // '') eq 'slow' });
	is_deeply($frame->{data}{data}, ["${round}01" + 0], "round $round: what was there at the snapshot");
	is(ws_wait($other, sub { ($_->{topic} // '') eq "slow:$list" })->{data}, "${round}02", 'and what came after');
	is(events($other), '', 'once');
	ws_close($other);
}

ws_close($ws);
$node->stop;
done_testing();
