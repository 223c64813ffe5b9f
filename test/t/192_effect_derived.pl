# What is done, and computed, because of events.
use strict;
use warnings;

use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'max_connections' => 30, 'restart_after_crash' => 'on', 'wal_writer_delay' => '10s');

my $ran = $node->basedir . '/ran';

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name);
	return;
}

sub refreshed
{
	my ($ws, $topic) = @_;
	return ws_wait($ws, sub { ($_->{topic} // '') eq $topic && $_->{event} eq 'refreshed' })->{data};
}

sub refused
{
	my ($statement, $pattern, $name) = @_;
	like(($node->psql('postgres', $statement))[2] // '', $pattern, $name);
	return;
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.done (n serial, what text, who text DEFAULT current_user);
CREATE FUNCTION app.note(topic text, event text, data jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF data->>'fail' = 'true' THEN INSERT INTO app.done (what) VALUES ('gone'); RAISE 'it cannot be done'; END IF;
	INSERT INTO app.done (what) VALUES (concat_ws(' ', topic, event, data));
END $$;
CREATE FUNCTION app.job(payload jsonb) RETURNS void LANGUAGE sql AS $$INSERT INTO app.done (what) VALUES (concat_ws(' ', 'job', payload->>'topic', payload->>'event', payload->'data'))$$;
CREATE FUNCTION app.errors(e jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$INSERT INTO app.done (what) VALUES ('hook ' || (e->>'path'))$$;
GRANT EXECUTE ON FUNCTION app.errors(jsonb) TO PUBLIC;
SELECT realtime.hook('error', 'app.errors(jsonb)');
CREATE ROLE clerk IN ROLE realtime_admin; GRANT USAGE ON SCHEMA app TO clerk; GRANT ALL ON ALL TABLES IN SCHEMA app TO clerk; GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO clerk;
SET ROLE clerk;
SELECT realtime.effect('app/note', '{orders,"chat:*"}', 'app.note(text,text,jsonb)');
});

# ---- effects ----

sql(q{BEGIN; SELECT realtime.publish('orders', 'sold', '{"n": 1}'); SAVEPOINT s; SELECT realtime.publish('orders', 'sold', '{"n": 2}'); ROLLBACK TO s;
	SELECT realtime.publish('chat:a', 'said', NULL), realtime.publish('chat', 'said', '1'); COMMIT; BEGIN; SELECT realtime.publish('orders', 'sold', '{"n": 3}'); ROLLBACK});
wait_sql(q{SELECT string_agg(what || ' ' || who, ', ' ORDER BY n) FROM app.done}, 'orders sold {"n": 1} clerk, chat:a said null clerk', 'a function is run for each event that is committed, as who has declared it');
sql(q{SELECT realtime.publish('orders', 'sold', '{"fail": true}'), realtime.publish('orders', 'sold', '{"n": 4}')});
wait_sql(q{SELECT string_agg(what, ', ' ORDER BY n) FROM app.done WHERE n > 2}, 'hook effect app/note, orders sold {"n": 4}', 'what fails is rolled back, told to the error hook, and not repeated');
sql(q{SELECT realtime.publish('orders', 'many', to_jsonb(n)) FROM generate_series(1, 100) n});
wait_sql(q{SELECT string_agg(split_part(what, ' ', 3), ' ' ORDER BY n) FROM app.done WHERE what LIKE 'orders many%'}, join(' ', 1 .. 100), 'many come in their order');

sql(q{SELECT realtime.queue('mail', 'app.job(jsonb)'); SELECT realtime.effect('app/note', '{"city:{name}"}', durable => true, queue => 'mail'); TRUNCATE app.done});
sql(q{SELECT realtime.publish('city:rome', 'sold', '"x"'), realtime.publish('orders', 'sold', '{"n": 5}')});
wait_sql(q{SELECT string_agg(what, ', ') FROM app.done}, 'job city:rome sold "x"', 'events of a durable effect become jobs');
sql(q{SELECT realtime.drop('mail')});
like(sql(q{SELECT problem FROM realtime.check() WHERE object = 'effect "app/note"'}), qr/its queue "mail" does not exist/, 'realtime.check() finds a queue that is gone');
sql(q{SELECT realtime.drop('app/note'), realtime.publish('city:rome', 'sold', '2')});
is(sql(q{SELECT count(*) FROM realtime.intake}), '0', 'what is dropped takes nothing');
refused(q{SELECT realtime.effect('app/note', '{}', 'app.note(text,text,jsonb)')}, qr/needs sources/, 'no sources');
refused(q{SELECT realtime.effect('app/note', '{__x}', 'app.note(text,text,jsonb)')}, qr/source "__x" is not valid/, 'topics of the server');
refused(q{SELECT realtime.effect('app/note', '{x}', 'app.job(jsonb)')}, qr/cannot be a handler of realtime.effect/, 'another function');
refused(q{SELECT realtime.effect('app/note', '{x}')}, qr/handler must not be null/, 'no function');
refused(q{SELECT realtime.effect('app/note', '{x}', durable => true)}, qr/queue "app\/note" does not exist/, 'no queue');
refused(q{SELECT realtime.effect('app/note', '{x}', 'app.note(text,text,jsonb)', queue => 'mail')}, qr/queue needs durable/, 'a queue and a function');

# ---- derived values ----

$node->safe_psql('postgres', q{
CREATE TABLE app.message (id serial PRIMARY KEY, room text, body text);
CREATE SEQUENCE app.loads; GRANT USAGE ON app.loads TO PUBLIC; GRANT SELECT ON app.message TO PUBLIC;
CREATE FUNCTION app.total() RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(count(*)) FROM app.message$$;
CREATE FUNCTION app.of_room(room text) RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(count(*)) FROM app.message m WHERE m.room = $1$$;
CREATE FUNCTION app.say(room text, body text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.message (room, body) VALUES ($1, $2); SELECT realtime.publish('messages:' || $1, 'said', to_jsonb($2))$$;
SELECT realtime.derived('chat/total', '{"messages:*"}', 'app.total()'),
	realtime.derived('chat/slow', '{"messages:*"}', 'app.total()', debounce => '300 ms'),
	realtime.derived('chat/late', '{"messages:*"}', 'app.total()', debounce => '1 h'),
	realtime.derived('chat/room', '{"messages:{room}"}', 'app.of_room(text)');
});
my ($all, $a, $b) = map { ws_connect($node) } 1 .. 3;
is(ws_call($all, 'chat/total', [], stream => JSON::PP::true)->{data}, 0, 'a derived value is a stream');
is(ws_call($all, 'chat/slow', [], stream => JSON::PP::true)->{topic}, 'derived:chat/slow', 'on a topic of its own');
is(ws_call($_, 'chat/late', [], stream => JSON::PP::true)->{data}, 0, 'one that waits for longer') for $a, $b;
my $reply = ws_call($a, 'chat/room', ['a'], stream => JSON::PP::true);
is($reply->{topic}, 'derived:chat/room:a', 'for each combination of arguments');
is(ws_call($b, 'chat/room', ['b'], stream => JSON::PP::true)->{data}, 0, 'with the value for them');
sql(q{SELECT app.say('a', 'hello')});
is(refreshed($all, 'derived:chat/total'), 1, 'an event of a source has it computed anew');
is(refreshed($a, 'derived:chat/room:a'), 1, 'for those whose arguments are those of the event');
sql(q{SELECT app.say('a', 'again')});
is(refreshed($a, 'derived:chat/room:a'), 2, 'each time');
is(refreshed($all, 'derived:chat/slow'), 2, 'or once, when nothing has come for a while, whatever else waits');
ws_send($_, { type => 'unsubscribe', topic => 'derived:chat/late' }) for $a, $b;
sql(q{SELECT app.say('b', 'here')});
is(refreshed($b, 'derived:chat/room:b'), 1, 'others get theirs');
is(scalar(grep { ($_->{topic} // '') eq 'derived:chat/room:b' } ws_quiet($b)), 0, 'and had got nothing before');
is(refreshed($all, 'derived:chat/slow'), 3, 'the slow one follows');
refused(q[SELECT realtime.derived('chat/none', ARRAY['x{'], 'app.total()')], qr/pattern "x\{" of invalidate_on is not valid/, 'a template that is none');
refused(q[SELECT realtime.derived('chat/none', '{}', 'app.total()')], qr/a derived value needs sources/, 'nothing that it follows from');
refused(q[SELECT realtime.derived('chat/none', '{x}', NULL)], qr/loader must not be null/, 'nothing that computes it');
sql(q[SELECT realtime.topic('messages:{room}')]);
is(($node->psql('postgres', q[SELECT realtime.derived('chat/more', '{x}', 'app.total()')]))[2] // '', '', 'a topic that it has made itself need not be declared');
is(sql(q[SELECT count(*) FROM realtime.check() WHERE object LIKE 'stream "chat/%']), '0', 'also later');
sql(q[SELECT realtime.drop('chat/more'), realtime.drop('messages:{room}')]);

# ---- tables of a schema ----

$node->safe_psql('postgres', q{CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY, name text); CREATE TABLE shop.keyless (a integer); SELECT realtime.watch_schema('shop')});
is(sql(q{SELECT string_agg(relation || ' ' || topic, ', ') FROM realtime.live_tables}), 'shop.item shop:item', 'tables that can be are live');
$node->safe_psql('postgres', q{CREATE ROLE maker; GRANT CREATE, USAGE ON SCHEMA shop TO maker; SET ROLE maker; CREATE TABLE shop."sale:1" (id integer PRIMARY KEY); CREATE TABLE shop.sale (id integer PRIMARY KEY); CREATE TABLE shop.late (a integer); RESET ROLE;
	ALTER TABLE shop.keyless ADD PRIMARY KEY (a); CREATE TABLE shop.part (id integer PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE shop.part_1 PARTITION OF shop.part FOR VALUES FROM (1) TO (10);
	CREATE TABLE app.other (id integer PRIMARY KEY); CREATE TEMP TABLE t (id integer PRIMARY KEY)});
is(sql(q{SELECT string_agg(relation::text, ', ' ORDER BY relation::text) FROM realtime.live_tables}), 'shop.item, shop.keyless, shop.part, shop.sale', 'so are those that are made later, by anybody, or get a key');
sql(q{SELECT realtime.effect('app/note', '{shop:item}', 'app.note(text,text,jsonb)'); TRUNCATE app.done; INSERT INTO shop.item VALUES (1, 'tea')});
wait_sql(q{SELECT what FROM app.done}, 'shop:item created {"id": 1, "name": "tea"}', 'what changes in them are events');
sql(q{CREATE SCHEMA own AUTHORIZATION clerk; CREATE TABLE own.secret (id integer PRIMARY KEY); SET ROLE clerk; SELECT realtime.watch_schema('own'); CREATE TABLE own.mine (id integer PRIMARY KEY)});
is(sql(q{SELECT string_agg(relation::text, ', ') FROM realtime.live_tables WHERE relation::text LIKE 'own.%'}), 'own.mine', 'nobody makes tables live that are not his');
is(sql(q{SELECT realtime.unwatch_schema('shop')}), 't', 'a schema is watched no more');
sql(q{CREATE TABLE shop.later (id integer PRIMARY KEY)});
is(sql(q{SELECT count(*) FROM realtime.live_tables WHERE relation = 'shop.later'::regclass}), '0', 'then new tables are not live');

sql(q{ALTER SCHEMA own RENAME TO mine; CREATE TABLE mine.more (id integer PRIMARY KEY); ALTER TABLE mine.more OWNER TO clerk; SET ROLE clerk; CREATE TABLE mine.most (id integer PRIMARY KEY)});
is(sql(q{SELECT topic FROM realtime.live_tables WHERE relation = 'mine.most'::regclass}), 'own:most', 'a schema that is renamed stays watched, with its prefix');
is(sql(q{SELECT schema FROM realtime.watched_schema}), 'mine', 'by its new name');
sql(q{DROP SCHEMA mine CASCADE});
is(sql(q{SELECT count(*) FROM realtime.watched_schema}), '0', 'one that is dropped is not watched, nor the next of its name');

# ---- the examples of the page ----

my $page = PostgreSQL::Test::Utils::slurp_file('docs/computed.md');
$node->safe_psql('postgres', 'CREATE SCHEMA IF NOT EXISTS shop');
my $examples = 0;
while ($page =~ /^```sql\n(.*?)^```/gms)
{
	my $example = $1;
	is(($node->psql('postgres', $example))[2] // '', '', 'example ' . ++$examples . ' of docs/computed.md');
}
cmp_ok($examples, '>=', 7, 'the page has examples');
sql(q{SELECT realtime.aggregate('shop/bad', 'orders', NULL, realtime.reducer('n', 'sum(integer)', 'item')); SELECT realtime.publish('orders', 'sold', '{"item": "tea"}')});
wait_sql(q{SELECT problem FROM realtime.check() WHERE object = 'aggregate "shop/bad"'}, '1 events are not counted, because it failed with them', 'realtime.check() finds an aggregate that fails');
sql(q{SELECT realtime.drop('shop/bad')});
wait_sql(q{SELECT value - 'total' FROM realtime.aggregates WHERE path = 'shop/sales' AND "window" = ''}, '{"mean": 3.5, "count": 2}', 'they do what it says');

# ---- a function that ends the server ----

$node->safe_psql('postgres', qq{CREATE FUNCTION app.crash(topic text, event text, data jsonb) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	IF event = 'crash' THEN
		COPY (SELECT pg_backend_pid()) TO PROGRAM 'read p; echo ran >> "$ran"; kill -9 \$p; sleep 1';
	END IF;
	INSERT INTO app.done (what) VALUES ('after ' || event);
END \$\$;
SELECT realtime.effect('app/crash', '{crash}', 'app.crash(text,text,jsonb)');
SELECT realtime.publish('crash', 'crash', NULL), realtime.publish('crash', 'next', NULL)});
wait_sql(q{SELECT string_agg(what, ', ') FROM app.done WHERE what LIKE 'after%'}, 'after next', 'the server is back, and what comes after an event that ended it is done');
is(PostgreSQL::Test::Utils::slurp_file($ran), "ran\n", 'that has been done once, and its deletion was not lost');

done_testing();
