# Channels: who may follow them, what the reply says, and what becomes a
# subscription.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 4, 'realtime.max_subscriptions' => 20);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.log (line text);
GRANT ALL ON app.log TO realtime_anonymous;
CREATE FUNCTION app.say(topic text, event text, data jsonb) RETURNS void LANGUAGE sql AS
$$SELECT realtime.publish(topic, event, data)$$;
CREATE FUNCTION app.may(room text, n integer DEFAULT 7) RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RETURN CASE room WHEN 'error' THEN 1 / (length(room) - 5) = 1 WHEN 'raise' THEN realtime.raise('TEAPOT') IS NULL
	WHEN 'null' THEN NULL ELSE room <> 'closed' END; END$$;
CREATE FUNCTION app.may_flag(flag boolean, at timestamptz DEFAULT '2020-01-02 03:04:05+00') RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.nobody() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.log_path(path text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log VALUES (path)$$;
CREATE FUNCTION app.log_room(room text, n integer DEFAULT 7) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log VALUES (room || n)$$;
-- waits as long as the test holds the lock
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
SELECT realtime.rpc('app/say', 'app.say(text,text,jsonb)'),
	realtime.channel('plain/set', 'plain'),
	realtime.channel('plain/crud', 'rows:{room}', merge => 'crud', key => 'row "id"', prepend => true, max => 10),
	realtime.channel('plain/latest', 'lines:{1}:{2}', merge => 'latest'),
	realtime.channel('plain/presence', 'who:{room}', merge => 'presence'),
	realtime.channel('mine/inbox', 'inbox:{user_id}'),
	realtime.channel('asked/room', 'room:{room}:{n}', access => 'app.may(text,integer)', guard => '{app.log_path(text),"app.log_room(text,integer)"}'),
	realtime.channel('asked/flag', 'flag:{flag}:{2}', access => 'app.may_flag(boolean,timestamptz)'),
	realtime.channel('asked/nobody', 'nobody:{room}', access => 'app.nobody()'),
	realtime.channel('guarded/nobody', 'nobody:{room}', guard => '{app.nobody()}'),
	realtime.channel('slow/room', 'gate:{room}', access => 'app.gate(text)'),
	realtime.channel('fast/mouse', 'mouse', merge => 'cursor', volatile => true),
	realtime.channel('free/start', '{1}:x'),
	realtime.topic('rows:{r}', open => true),
	realtime.topic('shared:{room}', open => true);
});
wait_for_call($node, 'app/say', [ 'x', 'y', {} ]);
my $ws = ws_connect($node);

# Follows a stream and returns the result of the reply.
sub follow
{
	my ($connection, $path, $args, %more) = @_;
	my $reply = ws_call($connection, $path, $args, stream => JSON::PP::true, %more);

	delete $reply->{id};
	return $reply;
}

sub publish
{
	my ($topic, @names) = @_;
	$node->safe_psql('postgres',
		join ';', map { "SELECT realtime.publish('$topic', '$_', '{}')" } @names);
	return;
}

sub events
{
	my ($connection, $count) = @_;
	return join ', ', map { exists $_->{event} ? "$_->{topic} $_->{event}" : "$_->{type} $_->{topic}" }
	  ws_quiet($connection, $count);
}

sub unsubscribe
{
	my ($connection, $topic) = @_;
	ws_send($connection, { type => 'unsubscribe', topic => $topic });
	return;
}

my $true = JSON::PP::true;
my $false = JSON::PP::false;

# What the reply says
is_deeply(follow($ws, 'plain/set', []),
	{ ok => $true, data => undef, topic => 'plain', merge => 'set', channel => $true },
	'a channel that sets');
is_deeply(follow($ws, 'plain/crud', ['a b']),
	{ ok => $true, data => [], topic => 'rows:a%20b', merge => 'crud', key => 'row "id"', prepend => $true,
		max => 10, channel => $true },
	'one of rows, with its options');
is_deeply(follow($ws, 'plain/latest', [ 'x', 1.50 ]),
	{ ok => $true, data => [], topic => 'lines:x:1.5', merge => 'latest', max => 50, channel => $true },
	'a list has a length');
is_deeply(follow($ws, 'plain/presence', [$true]),
	{ ok => $true, data => [], topic => 'who:true', merge => 'presence', channel => $true },
	'a boolean is a value');
is_deeply(follow($ws, 'asked/flag', [$true]),
	{ ok => $true, data => undef, topic => 'flag:true:2020-01-02T03%3A04%3A05%2B00%3A00', merge => 'set', channel => $true },
	'values stand as JSON has them, missing ones by default')
  or diag explain follow($ws, 'asked/flag', [$true]);
is(follow($ws, 'asked/room', [ 'kitchen', '007' ])->{topic}, 'room:kitchen:7', 'and have one name');
is($node->safe_psql('postgres', q{SELECT string_agg(line, ' ') FROM app.log}), 'asked/room kitchen7',
	'guards have run, with the path and with the arguments');
is_deeply(follow($ws, 'plain/set', [], seq => 8),
	{ ok => $true, data => undef, topic => 'plain', merge => 'set', channel => $true, replay => $false },
	'a number means nothing to a topic without numbers');

# The reply is the subscription.
publish('plain', 'one');
publish('rows:a%20b', 'two');
publish('who:true', 'three');
is(events($ws, 3), 'plain one, rows:a%20b two, who:true three', 'events follow');
publish('rows:a', 'other');
is(events($ws), '', 'of these topics only');
is(ws_subscribe($ws, 'plain')->{type}, 'subscribed', 'the client says it again');
publish('plain', 'one');
is(events($ws, 1), 'plain one', 'which changes nothing');
unsubscribe($ws, 'plain');
publish('plain', 'one');
is(events($ws), '', 'one unsubscribe ends it');

# By its name alone a stream's topic gives nothing.
my $other = ws_connect($node);
is(ws_subscribe($other, $_)->{type}, 'subscribed', "$_ is acknowledged")
  for 'plain', 'nobody:x', 'rows:1';
publish($_, 'x') for 'plain', 'nobody:x', 'rows:1';
is(events($other, 1), 'rows:1 x', 'and subscribed to only if it is also declared as a topic');
is($node->safe_psql('postgres', 'SELECT subscriptions FROM realtime.stat_gateway'),
	6, 'nothing else is left of it');
is(ws_subscribe($other, 'undeclared')->{reason}, 'FORBIDDEN', 'other topics are denied');

# In whatever order the two come
ws_raw($other, ws_frame('text', '{"type":"subscribe","topic":"gate:1","ref":1}')
	  . ws_frame('text', '{"rpc":"slow/room","id":"s1","args":["1"],"stream":true}')
	  . ws_frame('text', '{"type":"subscribe","topic":"gate:1","ref":2}'));
ws_wait($other, sub { ($_->{event} // '') eq 's1' });
ws_wait($other, sub { ($_->{ref} // '') eq 1 });
ws_wait($other, sub { ($_->{ref} // '') eq 2 });
publish('gate:1', 'x');
is(events($other, 1), 'gate:1 x', 'a subscribe frame around the call takes nothing away');

# Who may not
for my $case (
	[ 'asked/nobody', ['a'], 'UNAUTHENTICATED' ], [ 'guarded/nobody', ['a'], 'UNAUTHENTICATED' ],
	[ 'asked/room', ['closed'], 'UNAUTHENTICATED' ], [ 'asked/room', ['null'], 'UNAUTHENTICATED' ],
	[ 'asked/room', ['error'], 'INTERNAL_ERROR' ], [ 'asked/room', ['raise'], 'TEAPOT' ],
	[ 'mine/inbox', [], 'UNAUTHENTICATED' ], [ 'plain/nothing', [], 'NOT_FOUND' ],
	[ 'free/start', ['__rpc'], 'INVALID_REQUEST' ])
{
	my $reply = follow($other, $case->[0], $case->[1]);
	is($reply->{code}, $case->[2], "$case->[0] @{$case->[1]} is refused") or diag explain $reply;
}
is(follow($other, 'free/start', ['__rpc'])->{error}, 'Reserved topic prefix', 'a topic of the server is not to be had');
for my $case (
	[ 'plain/crud', [], 'room', 'missing' ], [ 'plain/crud', [undef], 'room', 'null' ],
	[ 'plain/crud', [''], 'room', 'empty' ], [ 'plain/crud', [ [1] ], 'room', 'string' ],
	[ 'plain/crud', [ { a => 1 } ], 'room', 'string' ], [ 'plain/crud', [ 'a', 'b' ], '$2', 'too many' ],
	[ 'plain/latest', ['a'], '$2', 'missing' ], [ 'plain/set', [1], '$1', 'too many' ],
	[ 'asked/room', [ 'a', 'b' ], 'n', 'integer' ], [ 'asked/room', [ 'a', undef ], 'n', 'null' ])
{
	my $reply = follow($other, $case->[0], $case->[1]);
	is($reply->{code}, 'VALIDATION', "$case->[0]: bad arguments");
	is_deeply($reply->{issues}[0]{path}, [ $case->[2] ], 'the argument is named');
	like($reply->{issues}[0]{message}, qr/$case->[3]/, 'and what is wrong with it');
}
is(follow($other, 'plain/crud', [ 'x' x 300 ])->{code}, 'VALIDATION', 'a topic can be too long');

# Without a subscription
is_deeply(ws_call($other, 'plain/set', []), { id => 't' . $other->{ids}, ok => $true, data => undef },
	'a call of the path gives the value');
is_deeply(ws_call($other, 'plain/latest', [ 1, 2 ])->{data}, [], 'of which there is none');
is(ws_call($other, 'asked/room', ['closed'])->{code}, 'UNAUTHENTICATED', 'to whom it is allowed');
is_deeply(follow($other, 'plain/set', [], cursor => 'more'), { ok => $true, data => [] },
	'more of it is nothing');
publish($_, 'x') for 'plain', 'lines:1:2';
is(events($other), '', 'and nobody is subscribed');
ws_raw($other, ws_frame('text', '{"rpc":"plain/set","args":[],"stream":true}'));
publish('plain', 'x');
is(events($other), '', 'nor without an id');
is(follow($other, 'app/say', [ 'plain', 'x', {} ])->{ok}, $true, 'a call may say that it is a stream');

# Limits
ws_close($other);
$other = ws_connect($node);
is(follow($other, 'plain/crud', ["r$_"])->{ok}, $true, "subscription $_") for 1 .. 20;
is(follow($other, 'plain/crud', ['r21'])->{code}, 'RATE_LIMITED', 'there is a limit');
is(follow($other, 'plain/crud', ['r20'])->{ok}, $true, 'to new ones');
publish('rows:r21', 'x');
is(events($other), '', 'beyond it there is no subscription');
ws_close($other);

# A page with many streams: one frame
$other = ws_connect($node);
ws_raw($other, ws_frame('text', '{"batch":['
	  . join(',', map { my $n = $_ % 18; qq({"rpc":"plain/crud","id":"b$_","args":["b$n"],"stream":true}) } 1 .. 51)
	  . ']}'));
my $good = grep {
	my $n = $_;
	ws_wait($other, sub { ($_->{event} // '') eq "b$n" })->{data}{ok}
} 1 .. 51;
is($good, 51, 'a batch of 51 streams');
ws_raw($other, ws_frame('text', '{"sequential":true,"batch":['
	  . '{"rpc":"plain/set","id":"q1","args":[],"stream":true},{"rpc":"app/say","id":"q2","args":["plain","after",{}]},'
	  . '{"rpc":"plain/nothing","id":"q3","args":[],"stream":true},{"rpc":"app/say","id":"q4","args":["plain","end",{}]}]}'));
ws_wait($other, sub { ($_->{event} // '') eq 'q4' });
like(join(' ', map { $_->{event} } ws_quiet($other)), qr/^q1 .*after.*q3/, 'streams in a sequence');
ws_close($other);

# An end before the reply
my $lock = $node->background_psql('postgres');

sub waiting
{
	my ($count) = @_;
	return $node->poll_query_until('postgres', qq{SELECT count(*) = $count FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted});
}

$other = ws_connect($node);
my $stream = '{"rpc":"slow/room","id":"%s","args":["u"],"stream":true}';
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_raw($other, ws_frame('text', sprintf $stream, 'u1')
	  . ws_frame('text', '{"type":"unsubscribe","topic":"gate:u"}'));
waiting(1);
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_wait($other, sub { ($_->{event} // '') eq 'u1' })->{data}{topic}, 'gate:u', 'the reply comes');
publish('gate:u', 'x');
is(events($other), '', 'but grants nothing after an unsubscribe');

$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_raw($other, ws_frame('text', sprintf $stream, 'u2')
	  . ws_frame('text', '{"type":"unsubscribe","topic":"gate:u"}')
	  . join('', map { ws_frame('text', qq({"type":"unsubscribe","topic":"other:$_"})) } 1 .. 200)
	  . ws_frame('text', sprintf $stream, 'u3'));
waiting(2);
publish('gate:u', 'before');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
my %first = map { my $id = $_; $id => ws_wait($other, sub { ($_->{event} // '') eq $id }) } 'u2', 'u3';
publish('gate:u', 'x');
is(events($other, 2), 'gate:u before, gate:u x', 'a request after the unsubscribe does, from then on');

# Whoever follows and writes at once sees its own event, after the reply.
my @late;
for my $i (1 .. 200)
{
	ws_raw($other, ws_frame('text', qq({"rpc":"plain/latest","id":"w$i","args":["w",$i],"stream":true}))
		  . ws_frame('text', qq({"rpc":"app/say","id":"v$i","args":["lines:w:$i","said",{}]})));
	my (%got, @order);
	while (keys %got < 3)
	{
		my $frame = ws_recv_json($other);
		$got{ $frame->{event} } = 1;
		push @order, $frame->{event};
	}
	push @late, "@order" if "@order" !~ /w$i.*said/;
	unsubscribe($other, "lines:w:$i");
}
is_deeply(\@late, [], 'an event right after the request arrives, behind the reply');
is(join(', ', map { $_->{event} } ws_quiet($other)), '', 'and once');

# Volatile: no order, no numbers
is_deeply(follow($other, 'fast/mouse', []),
	{ ok => $true, data => [], topic => 'mouse', merge => 'cursor', channel => $true }, 'a volatile channel');
publish('mouse', 'update');
is_deeply([ ws_quiet($other, 1) ], [ { topic => 'mouse', event => 'update', data => {} } ],
	'its events have no number');

# Declarations change
$node->safe_psql('postgres', q{SELECT realtime.channel('plain/set', 'other:{room}')});
ok(poll_until(sub { (follow($other, 'plain/set', ['x'])->{topic} // '') eq 'other:x' }), 'another topic');
$node->safe_psql('postgres', q{SELECT realtime.rpc('plain/set', 'app.nobody()')});
ok(poll_until(sub { !exists follow($other, 'plain/set', [])->{topic} }), 'a call instead of a channel');
$node->safe_psql('postgres', q{SELECT realtime.drop('plain/set')});
ok(poll_until(sub { (follow($other, 'plain/set', [])->{code} // '') eq 'NOT_FOUND' }), 'nothing any more');

$lock->quit;
ws_close($_) for $ws, $other;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
