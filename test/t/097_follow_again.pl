# Who follows a stream in ways that have hurt others: again and again, while it
# loads, together with what it writes, by two streams at once, before and after a
# restart, and beside somebody who must not be seen.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $true = JSON::PP::true;
my $node = new_node('realtime.executors' => 4);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.item (id integer PRIMARY KEY, room text, what text DEFAULT '-');
GRANT ALL ON app.item TO realtime_anonymous;
CREATE FUNCTION app.items(room text) RETURNS SETOF app.item STABLE LANGUAGE sql AS
	'SELECT * FROM app.item i WHERE i.room = items.room ORDER BY id';
-- waits as long as the test holds the lock
CREATE FUNCTION app.slow(room text) RETURNS SETOF app.item STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN QUERY SELECT * FROM app.items(room);
END$$;
CREATE FUNCTION app.ids(room text) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT coalesce(jsonb_agg(jsonb_build_object('id', id) ORDER BY id), '[]') FROM app.item i WHERE i.room = ids.room$$;
CREATE FUNCTION app.enter(room text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.item SELECT 1 + (SELECT count(*) FROM app.item), enter.room, 'entered'$$;
CREATE FUNCTION app.welcome(topic text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.item SELECT 1 + (SELECT count(*) FROM app.item), split_part(topic, ':', 2), 'welcome'$$;
-- fails as long as there is nothing in the table
CREATE TABLE app.works (works bool);
GRANT SELECT ON app.works TO realtime_anonymous;
CREATE FUNCTION app.fragile(room text) RETURNS SETOF app.item STABLE LANGUAGE plpgsql AS $$BEGIN
	IF NOT EXISTS (SELECT FROM app.works) THEN
		RAISE EXCEPTION 'not yet';
	END IF;
	RETURN QUERY SELECT * FROM app.items(room);
END$$;
CREATE FUNCTION app.bare(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data - 'what'$$;
CREATE FUNCTION app.shout(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data || '{"what": "!"}'$$;
CREATE FUNCTION app.add(id integer, room text) RETURNS void LANGUAGE sql AS
	'INSERT INTO app.item VALUES (id, room)';
SELECT realtime.live_table('app.item', 'room:{room}');
SELECT realtime.stream('again/slow', 'room:{room}', 'app.slow(text)'),
	realtime.stream('again/items', 'room:{room}', 'app.items(text)'),
	realtime.stream('again/ids', 'room:{room}', 'app.ids(text)'),
	realtime.stream('again/entered', 'room:{room}', 'app.items(text)', guard => '{app.enter(text)}'),
	realtime.stream('again/welcomed', 'room:{room}', 'app.items(text)', on_subscribe => 'app.welcome(text)'),
	realtime.stream('again/fragile', 'room:{room}', 'app.fragile(text)'),
	realtime.stream('again/numbers', 'kept:{room}', 'app.items(text)', replay => true),
	realtime.rpc('again/add', 'app.add(integer,text)');
});
wait_for_call($node, 'again/items', ['nowhere']);
my $ws = ws_connect($node);
my $session = $node->background_psql('postgres');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub hold { $session->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub let_go { $session->query_safe('SELECT pg_advisory_unlock(1)'); return; }
sub add { my ($id, $room) = @_; sql("INSERT INTO app.item VALUES ($id, '$room')"); return; }

sub follow
{
	my ($connection, $path, @args) = @_;
	return ws_call($connection, $path, \@args, stream => $true);
}

my $asked = 0;

# Asks for a stream and does not wait for the answer; returns the id.
sub ask
{
	my ($path, $room) = @_;
	my $id = 'q' . ++$asked;
	ws_send($ws, { rpc => $path, id => $id, args => [$room], stream => $true });
	return $id;
}

sub reply_to { my ($id) = @_; return ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data}; }
sub ids_of { return join ' ', map { $_->{id} } @{ $_[0]->{data} }; }

# The next event of a room, in short
sub event_of
{
	my ($connection, $topic) = @_;
	my $event = ws_wait($connection, sub { ($_->{topic} // '') eq $topic });
	return "$event->{event} $event->{data}{id}";
}

sub loading
{
	my ($count) = @_;
	$node->poll_query_until('postgres', qq{SELECT count(*) = $count FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'nobody loads';
	return;
}

# Again, without leaving it: what comes while it loads is not in the value, and
# comes again behind it.
add(1, 'a');
is(ids_of(follow($ws, 'again/slow', 'a')), '1', 'a stream');
hold();
my $question = ask('again/slow', 'a');
loading(1);
add(2, 'a');
is(event_of($ws, 'room:a'), 'created 2', 'who asks again goes on getting events');
let_go();
is(ids_of(reply_to($question)), '1', 'the value is of before that event');
is(event_of($ws, 'room:a'), 'created 2', 'so it comes again');
add(3, 'a');
is(event_of($ws, 'room:a'), 'created 3', 'then what is new');

# Twice, and the first answer comes last: its value is what it goes on from.
hold();
$question = ask('again/slow', 'a');
loading(1);
add(4, 'a');
is(event_of($ws, 'room:a'), 'created 4', 'an event between two questions');
is(ids_of(follow($ws, 'again/items', 'a')), '1 2 3 4', 'the second is answered');
let_go();
is(ids_of(reply_to($question)), '1 2 3', 'and then the first, with an older value');
is(event_of($ws, 'room:a'), 'created 4', 'behind which comes what it does not have');
is_deeply([ ws_quiet($ws) ], [], 'once');

# Followed, left and followed again while it loads
hold();
my @questions = ask('again/slow', 'b');
loading(1);
ws_send($ws, { type => 'unsubscribe', topic => 'room:b' });
push @questions, ask('again/slow', 'b');
loading(2);
add(5, 'b');
let_go();
is(ids_of(reply_to($_)), '', 'each question is answered') for @questions;
is(event_of($ws, 'room:b'), 'created 5', 'the event comes');
is_deeply([ ws_quiet($ws) ], [], 'once');

# And left at last
hold();
@questions = map { ask('again/slow', 'c') } 1 .. 2;
loading(2);
ws_send($ws, { type => 'unsubscribe', topic => 'room:c' });
ws_quiet($ws);
let_go();
reply_to($_) for @questions;
add(6, 'c');
is_deeply([ ws_quiet($ws) ], [], 'who has left before any answer gets no events');

# What is written by following: by a guard, before the value; by on_subscribe,
# behind it.
is(ids_of(follow($ws, 'again/entered', 'd')), '7', 'what a guard has written is in the value');
is_deeply([ ws_quiet($ws) ], [], 'and does not come again');
is(ids_of(follow($ws, 'again/welcomed', 'e')), '', 'what on_subscribe writes is not');
is(event_of($ws, 'room:e'), 'created 8', 'it is an event');
is_deeply([ ws_quiet($ws) ], [], 'that comes once');

# A page that is rendered in the transaction that writes and publishes
my $page = JSON::PP::decode_json(sql(q{
	BEGIN;
	INSERT INTO app.item VALUES (9, 'f');
	SELECT FROM realtime.publish('kept:f', 'created', '{"id": 9}');
	SELECT realtime.load('again/numbers', '["f"]');
	COMMIT}));
is(ids_of($page), '9', 'a value has what its own transaction has written');
my $reply = ws_call($ws, 'again/numbers', ['f'], stream => $true, seq => $page->{seq});
is_deeply([ $reply->{replay}, map { $_->{data}{id} } @{ $reply->{data} } ], [ $true, 9 ],
	'and who goes on from it gets the event, too');

# A loader that fails once
$reply = follow($ws, 'again/fragile', 'g');
is($reply->{code}, 'INTERNAL_ERROR', 'a loader fails');
add(10, 'g');
is_deeply([ ws_quiet($ws) ], [], 'and there is no subscription');
sql('INSERT INTO app.works VALUES (true)');
is(ids_of(follow($ws, 'again/fragile', 'g')), '10', 'then it works');
add(11, 'g');
is(event_of($ws, 'room:g'), 'created 11', 'and events follow');

# Two streams of one topic
is(ids_of(follow($ws, 'again/items', 'h')), '', 'one stream of a topic');
hold();
$question = ask('again/slow', 'h');
loading(1);
add(12, 'h');
is(event_of($ws, 'room:h'), 'created 12', 'has events while another loads');
let_go();
is(ids_of(reply_to($question)), '', 'which has its own value');
is(event_of($ws, 'room:h'), 'created 12', 'and gets what that does not have');
is_deeply(follow($ws, 'again/ids', 'h')->{data}, [ { id => 12 } ], 'a third shows the same otherwise');
add(13, 'h');
is(event_of($ws, 'room:h'), 'created 13', 'an event is for all of them');
is_deeply([ ws_quiet($ws) ], [], 'once');
ws_send($ws, { type => 'unsubscribe', topic => 'room:h' });
add(14, 'h');
is_deeply([ ws_quiet($ws) ], [], 'who leaves the topic leaves all of them');

# With transforms that differ one of them would show what the other one hides.
sql(q{SELECT realtime.stream('again/bare', 'bare:{room}', 'app.items(text)', transform => 'app.bare(jsonb)')});
like(($node->psql('postgres',
	q{SELECT realtime.stream('again/loud', 'bare:{room}', 'app.items(text)', transform => 'app.shout(jsonb)')}))[2],
	qr/ERROR/, 'two streams of a topic with different transforms are refused');
sql(q{SELECT realtime.stream('again/bare-too', 'bare:{room}', 'app.items(text)', transform => 'app.bare(jsonb)')});
wait_for_call($node, 'again/bare-too', ['x']);
is_deeply([ map { exists $_->{what} } map { @{ follow($ws, $_, 'a')->{data} } } 'again/bare', 'again/bare-too' ],
	[ (!!0) x 8 ], 'with the same one both hide it');
sql(q{SELECT realtime.publish('bare:a', 'created', '{"id": 99, "what": "secret"}')});
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq 'bare:a' })->{data}, { id => 99 }, 'and so do events');
is_deeply([ ws_quiet($ws) ], [], 'of which there is one');

# Across a restart, and with other arguments
my $numbered = follow($ws, 'again/numbers', 'f');
$session->quit;
$node->restart;
wait_for_gateway($node);
sql(q{SELECT realtime.publish('kept:f', 'updated', '{"id": 9}')});
wait_for_call($node, 'again/items', ['nowhere']);
$ws = ws_connect($node);
$reply = ws_call($ws, 'again/numbers', ['f'], stream => $true, seq => $numbered->{seq});
is_deeply([ $reply->{replay}, $reply->{seq}, scalar @{ $reply->{data} } ], [ $true, $numbered->{seq} + 1, 1 ],
	'who comes back after a restart gets what has been missed');
is(ids_of(follow($ws, 'again/items', 'a')), '1 2 3 4', 'or what there is');
add(15, 'a');
is(event_of($ws, 'room:a'), 'created 15', 'and events go on');
ws_close($ws);
$ws = ws_connect($node);
$reply = ws_call($ws, 'again/numbers', ['a'], stream => $true, seq => 1000);
is_deeply([ $reply->{replay}, ids_of($reply) ], [ JSON::PP::false, '1 2 3 4 15' ],
	'with other arguments the number means nothing, and all is loaded');
is(ids_of(follow($ws, 'again/items', 'b')), '5', 'another room');
add(16, 'a');
add(17, 'b');
is(event_of($ws, 'room:b'), 'created 17', 'has its events');
is_deeply([ ws_quiet($ws) ], [], 'and nothing comes of what was followed before');

# Two users and somebody without a name: what each of them has is nothing the
# others can see, count or conclude from an error.
sql(q{
CREATE TABLE app.secret (id integer PRIMARY KEY, owner text, what text);
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secret USING (owner = realtime.user_id());
GRANT SELECT, INSERT ON app.secret TO realtime_anonymous, realtime_authenticated;
INSERT INTO app.secret VALUES (101, 'ann', 'ann-1'), (102, 'ann', 'ann-2'), (201, 'bob', 'bob-1');
CREATE FUNCTION app.secrets() RETURNS realtime.page STABLE LANGUAGE sql AS $$
	SELECT jsonb_agg(to_jsonb(s) ORDER BY id), count(*) > 1, to_jsonb(max(id)) FROM app.secret s$$;
CREATE FUNCTION app.secret_version() RETURNS text STABLE LANGUAGE sql AS
	$$SELECT coalesce(string_agg(id::text, '-'), 'none') FROM app.secret$$;
CREATE FUNCTION app.secret_error() RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN
	RAISE EXCEPTION 'there are % rows', count(*) FROM app.secret;
END$$;
CREATE FUNCTION app.steal(id integer) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.secret VALUES (id, realtime.user_id(), 'mine')$$;
SELECT realtime.stream('secret/all', 'secret:{user_id}', 'app.secrets()', replay => true, delta_version => 'app.secret_version()'),
	realtime.stream('secret/error', 'secret-error', 'app.secret_error()', merge => 'set'),
	realtime.rpc('secret/steal', 'app.steal(integer)');
SELECT realtime.publish('secret:ann', 'created', '{"id": 101}'), realtime.publish('secret:ann', 'created', '{"id": 102}'),
	realtime.publish('secret:bob', 'created', '{"id": 201}');
});
wait_for_call($node, 'secret/steal', ['no number']);

sub load_as
{
	my ($user) = @_;
	return sql(qq{SELECT realtime.load('secret/all', '[]', '{"id": "$user", "role": "realtime_authenticated"}')});
}

sub error_as
{
	my ($path, $args, $user) = @_;
	return ($node->psql('postgres',
		qq{SELECT realtime.call('$path', '$args', '{"id": "$user", "role": "realtime_authenticated"}')}))[2];
}

my $anns = load_as('ann');
my $bobs = load_as('bob');
is_deeply([ map { $_->{seq} } map { JSON::PP::decode_json($_) } $anns, $bobs ], [ 2, 1 ], 'each has numbers of one\'s own');
unlike($anns, qr/bob|20\d/, 'one sees no row, key, count or version of the other');
unlike($bobs, qr/ann|10\d|"has_?more": true/i, 'nor the other of the first');
like(error_as('secret/error', '[]', 'bob'), qr/there are 1 rows/, 'what a loader raises is of what it could see');
like(error_as('secret/steal', '[101]', 'bob'), qr/row-level security|duplicate key/, 'what belongs to somebody else is not taken');
$reply = ws_call($ws, 'secret/error', [], stream => $true);
is_deeply([ @$reply{qw(code error)} ], [ 'INTERNAL_ERROR', 'Internal server error' ], 'clients are told no more than that it fails');
$reply = ws_call($ws, 'secret/steal', [101]);
unlike(JSON::PP::encode_json($reply), qr/101|ann|secret_pkey/, 'and no key');
is(ws_call($ws, 'secret/all', [], stream => $true)->{code}, 'UNAUTHENTICATED', 'who has no name has no topic of one\'s own');
ws_send($ws, { type => 'replay', topic => 'secret:ann', since => 0, reqId => 1 });
is_deeply([ map { $_->{event} } map { ws_wait($ws, sub { ($_->{topic} // '') eq '__replay:secret:ann' }) } 1 .. 2 ],
	[ 'denied', 'end' ], 'and gets no replay of another\'s');
ws_send($ws, { type => 'resume', sessionId => 'x', lastSeenSeqs => { 'secret:ann' => 0 } });
ws_wait($ws, sub { ($_->{type} // '') eq 'resumed' });
ws_send($ws, { type => 'subscribe', topic => 'secret:ann', ref => 1 });
ws_wait($ws, sub { ($_->{type} // '') eq 'subscribed' });
sql(q{SELECT realtime.publish('secret:ann', 'created', '{"id": 103}')});
is_deeply([ ws_quiet($ws) ], [], 'by no way');

no_crash($node);
done_testing();
