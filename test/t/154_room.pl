# Rooms: a value, who is there and what can be done there, in one declaration; and
# streams of who is there alone.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.jwt_secret' => $secret, 'realtime.presence_grace' => '3s',
	'realtime.presence_heartbeat' => 0, 'realtime.gateways' => 2);
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.card (board text, id integer, text text, PRIMARY KEY (board, id));
CREATE TABLE app.person (id text PRIMARY KEY, name text, secret text);
CREATE TABLE app.banned (id text, board text);
INSERT INTO app.person SELECT u, initcap(u), 'secret of ' || u FROM unnest('{ann,ben,cid,dee}'::text[]) u;
GRANT SELECT, INSERT, UPDATE ON app.card, app.person, app.banned TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.cards(board text) RETURNS SETOF app.card STABLE LANGUAGE sql AS 'SELECT * FROM app.card c WHERE c.board = cards.board ORDER BY id';
CREATE FUNCTION app.face(board text) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT jsonb_build_object('name', coalesce((SELECT name FROM app.person WHERE id = realtime.user_id()), 'nobody'), 'at', board)
		WHERE realtime.user_id() IS DISTINCT FROM 'ghost'$$;
CREATE FUNCTION app.may(board text) RETURNS boolean STABLE LANGUAGE sql AS
	$$SELECT NOT EXISTS (SELECT FROM app.banned b WHERE b.id = realtime.user_id() AND b.board = may.board)$$;
CREATE FUNCTION app.no_attic(board text) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT board <> 'attic'$$;
CREATE FUNCTION app.add(board text, id integer, words text DEFAULT 'nothing') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.card VALUES (board, id, words);
	PERFORM realtime.room_publish('created', jsonb_build_object('board', board, 'id', id, 'text', words));
	RETURN realtime.room_topic();
END $$;
CREATE FUNCTION app.rename(board text, name text) RETURNS void LANGUAGE sql AS $$
	UPDATE app.person SET name = rename.name WHERE id = realtime.user_id();
	SELECT realtime.presence_update('board:' || board, jsonb_build_object('name', rename.name))$$;
CREATE FUNCTION app.topic() RETURNS text LANGUAGE sql AS $$SELECT realtime.room_topic()$$;
CREATE FUNCTION app.shout() RETURNS void LANGUAGE sql AS $$SELECT realtime.room_publish('x')$$;
CREATE FUNCTION app.shown() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('id', realtime.user_id())$$;
CREATE FUNCTION app.long() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('x', repeat('x', 9000))$$;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
SELECT realtime.room('board/board', 'board:{board}', 'app.cards(text)', presence => 'app.face(text)', cursors => true,
	guard => '{app.no_attic(text)}', access => 'app.may(text)', actions => '{"app.add(text,integer,text)","app.rename(text,text)"}'),
	realtime.stream('who/here', 'who:{place}', merge => 'presence', presence => 'app.shown()'),
	realtime.stream('who/long', 'long:{place}', merge => 'presence', presence => 'app.long()'),
	realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/topic', 'app.topic()'), realtime.rpc('app/shout', 'app.shout()');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my ($user, @caps) = @_;
	my $ws = ws_connect($node, $user ? (headers => { Authorization => 'Bearer ' . jwt({ sub => $user, role => 'realtime_authenticated' }, secret => $secret) }) : ());
	ws_send($ws, { type => 'hello', caps => [@caps] });
	$ws->{me} = ws_call($ws, 'app/me', [])->{data};
	return $ws;
}

sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, [@args], stream => $true); }
sub keys_of { return join ' ', map { $_->{key} } sort { $a->{key} cmp $b->{key} } @{ $_[0]{data} }; }
sub present { return sql("SELECT string_agg(key || ':' || connections, ' ' ORDER BY key COLLATE \"C\") FROM realtime.presence('$_[0]')"); }
sub drop { ws_send($_[0], { type => 'unsubscribe', topic => $_[1] }); return; }

# The events of a topic, single or in batches, that have come or come next
sub events
{
	my ($ws, $topic) = @_;
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq $topic || ($_->{type} // '') eq 'batch' && $_->{events}[0]{topic} eq $topic });
	return $frame->{events} ? @{ $frame->{events} } : $frame;
}

sub told { return join ' ', map { ($_->{event} eq 'join' ? '+' : $_->{event} eq 'leave' ? '-' : "$_->{event}?") . $_->{data}{key} } events(@_); }
sub quiet { my ($ws, $topic) = @_; return scalar grep { ($_->{topic} // '') eq $topic || ($_->{type} // '') eq 'batch' } ws_quiet($ws); }

# ---- the streams of a room ----

my $ann = client('ann');
my $reply = follow($ann, 'board/board/__presence', 'one');
is(join(' ', map { "$_=$reply->{$_}" } qw(topic merge)), 'topic=board:one:presence merge=presence', 'a room has a stream of who is there');
is_deeply($reply->{data}, [ { key => 'ann', data => { name => 'Ann', at => 'one' } } ],
	'who follows it is there himself, as what the presence function says and nothing else');
is(present('board:one'), 'ann:1', 'on the topic of the room');

my $ben = client('ben', 'batch');
$reply = follow($ben, 'board/board', 'one');
is(join(' ', $reply->{topic}, $reply->{merge}, scalar @{ $reply->{data} }), 'board:one crud 0', 'its own path is the value');
is(told($ann, 'board:one:presence'), '+ben', 'and who follows that is there, too');
is(keys_of(follow($ben, 'board/board/__presence', 'one')), 'ann ben', 'and sees who is');
is(follow($ben, 'board/board/__data', 'one')->{topic}, 'board:one', '__data is another name of it');
is(present('board:one'), 'ann:1 ben:1', 'each once, whatever he follows');
is(quiet($ann, 'board:one:presence'), 0, 'of which nobody is told more than once');

is(ws_call($ann, 'board/board', ['one'])->{ok}, $true, 'who asks for the value without following');
is(keys_of(ws_call($ann, 'board/board/__presence', ['two'])), '', 'or for who is there');
is(present('board:two'), '', 'is not there');
is(keys_of(ws_call($ann, 'board/board/__presence', ['one'])), 'ann ben', 'and gets who is');

# ---- actions ----

is(ws_call($ann, 'board/board/__action/add', [ 'one', 1, 'first' ])->{data}, 'board:one', 'an action has the arguments of the room, then its own');
is(events($ben, 'board:one')->{data}{text}, 'first', 'and publishes in the room');
is(ws_call($ann, 'board/board/__action/add', [ 'one', 2 ])->{ok}, $true, 'with defaults of its own');
is(ws_call($ann, 'board/board/__action/add', ['one'])->{code}, 'VALIDATION', 'and what is missing is told');
is(ws_call($ann, 'board/board/__action/add', [ 'attic', 1 ])->{code}, 'FORBIDDEN', 'the guards of the room have its arguments');
is(ws_call($ann, 'board/board/__action/sub', ['one'])->{code}, 'NOT_FOUND', 'there are no others');
is(ws_call($ann, 'app/topic', [])->{data}, undef, 'elsewhere no room has a topic');
is(ws_call($ann, 'app/shout', [])->{ok}, JSON::PP::false, 'and nothing is published in it');
like(slurp_log(), qr/no action of a room is running/, 'which the log explains');
sub slurp_log { return PostgreSQL::Test::Utils::slurp_file($node->logfile); }

sql(q{INSERT INTO app.banned VALUES ('cid', 'one')});
my $cid = client('cid');
is(follow($cid, "board/board$_", 'one')->{code}, 'FORBIDDEN', "access is asked for the room's path '$_'") for '', '/__data', '/__presence';
is(ws_call($cid, 'board/board/__action/add', [ 'one', 7 ])->{code}, 'FORBIDDEN', 'and for its actions');
is(follow($cid, 'board/board', 'attic')->{code}, 'FORBIDDEN', 'and guards');
is(present('board:attic'), '', 'who is refused is not there');

# ---- what others see ----

is(ws_call($ben, 'board/board/__action/rename', [ 'one', 'Benedict' ])->{ok}, $true, 'somebody is called otherwise');
my @seen = events($ann, 'board:one:presence');
is_deeply($seen[0]{data}, { key => 'ben', data => { name => 'Benedict' } }, 'which others see');
is(present('board:one'), 'ann:1 ben:1', 'and changes nothing else');
is(ws_call($ben, 'board/board/__action/rename', [ 'two', 'Benny' ])->{ok}, $true, 'in a room where he is not');
is(present('board:two'), '', 'he does not come to be by that');
unlike(sql(q{SELECT string_agg(data::text, ' ') FROM realtime.presence('board:one')}), qr/secret/, 'nobody sees what the function does not show');

my $ghost = client('ghost');
is(keys_of(follow($ghost, 'board/board/__presence', 'one')), 'ann ben', 'whom the function shows nothing of sees others');
is(quiet($ann, 'board:one:presence'), 0, 'and is not seen');
my $nobody = client();
is(keys_of(follow($nobody, 'board/board/__presence', 'one')), join(' ', sort 'ann', 'ben', $nobody->{me}), 'who is nobody is there by his connection');
is(told($ann, 'board:one:presence'), "+$nobody->{me}", 'for others, too');

# ---- leaving ----

drop($nobody, 'board:one:presence');
is(told($ann, 'board:one:presence'), "-$nobody->{me}", 'who follows nothing of it any more leaves at once');
drop($ben, 'board:one');
is(quiet($ann, 'board:one:presence'), 0, 'not who follows something of it');
follow($ben, 'board/board', 'one');
@seen = events($ann, 'board:one:presence');
is_deeply($seen[0]{data}, { key => 'ben', data => { name => 'Benny', at => 'one' } }, 'who follows anew is seen as he is then');
for (1 .. 5)
{
	drop($ben, $_), drop($ben, "$_:presence") for 'board:one';
	ws_send($ben, { rpc => 'board/board/__presence', id => "again$_", args => ['one'], stream => $true });
	ws_wait($ben, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} =~ /^again/ });
}
is(quiet($ann, 'board:one:presence'), 0, 'a page that is shown again gives up all and asks again, of which nobody is told');
drop($ben, 'board:one:presence');
is(told($ann, 'board:one:presence'), '-ben', 'if it does not ask it leaves');
follow($ben, 'board/board', 'one');
is(told($ann, 'board:one:presence'), '+ben', 'and comes back');
close $ben->{socket};
is(quiet($ann, 'board:one:presence'), 0, 'who is cut off is there for a while');
$ben = client('ben', 'batch');
is(keys_of(follow($ben, 'board/board/__presence', 'one')), 'ann ben', 'and if he is back in time');
is(quiet($ann, 'board:one:presence'), 0, 'nobody notices');

# two tabs, of which one logs out
my @tabs = map { client('dee') } 1 .. 2;
follow($_, 'board/board', 'one') for @tabs;
is(told($ann, 'board:one:presence'), '+dee', 'two tabs come as one');
drop($tabs[0], 'board:one');
ok(poll_until(sub { present('board:one') =~ /dee:1/ }), 'one of them logs out');
is(quiet($ann, 'board:one:presence'), 0, 'but she is there');
drop($tabs[1], 'board:one');
is(told($ann, 'board:one:presence'), '-dee', 'until the other one does');

# rights that are taken away
sql(q{INSERT INTO app.banned VALUES ('ben', 'one'); SELECT realtime.disconnect('ben')});
ok(poll_until(sub { present('board:one') eq 'ann:1' }), 'who is thrown out leaves');
is(told($ann, 'board:one:presence'), '-ben', 'for others, too');

# ---- cursors ----

my ($left, $right) = (client('dee'), client(undef, 'batch'));
$reply = follow($left, 'board/board/__cursors', 'two');
is(join(' ', @$reply{qw(topic merge)}, scalar @{ $reply->{data} }), 'board:two:cursors cursor 0', 'a room has a stream of cursors');
is_deeply((events($left, 'board:two:cursors'))[0], { topic => 'board:two:cursors', event => 'set', data => [] }, 'which says which there are');
is(present('board:two'), '', 'who follows it is not present by that');
follow($right, 'board/board/__cursors', 'two');
events($right, 'board:two:cursors');
ws_send($left, { type => 'cursor', topic => 'board:two', data => { x => 1 } });
is_deeply((events($_, 'board:two:cursors'))[0]{data}, { key => 'dee', user => { name => 'Dee', at => 'two' }, data => { x => 1 } },
	'a position is seen, with what the presence function says') for $left, $right;
is_deeply(ws_call($right, 'board/board/__cursors', ['two'])->{data}, [ { key => 'dee', user => { name => 'Dee', at => 'two' }, data => { x => 1 } } ],
	'who asks without following gets them');
ws_send($ghost, { type => 'cursor', topic => 'board:two', data => { x => 2 } });
follow($ghost, 'board/board/__cursors', 'two');
is((events($ghost, 'board:two:cursors'))[0]{data}[0]{key}, 'dee', 'who comes sees those there are');
ws_send($ghost, { type => 'cursor', topic => 'board:two', data => { x => 3 } });
ws_quiet($ghost);
is(sql(q{SELECT string_agg(key, ' ') FROM realtime.cursor_list('board:two')}), 'dee', 'whom the function shows nothing of has none');
is(follow($cid, 'board/board/__cursors', 'one')->{code}, 'FORBIDDEN', 'access is asked for them, too');
drop($left, 'board:two:cursors');
is((events($right, 'board:two:cursors'))[0]{data}{key}, 'dee', 'who follows them no more');
is(sql(q{SELECT count(*) FROM realtime.cursor_list('board:two')}), 0, 'has none any more');
ws_send($left, { type => 'cursor', topic => 'board:two', data => { x => 4 } });
ws_quiet($left);
is(sql(q{SELECT count(*) FROM realtime.cursor_list('board:two')}), 0, 'and cannot move one');

# ---- streams of who is there alone ----

$reply = follow($ann, 'who/here', 'cafe');
is_deeply([ @$reply{qw(topic merge)}, $reply->{data} ], [ 'who:cafe:presence', 'presence', [ { key => 'ann', data => { id => 'ann' } } ] ],
	'a stream shows who follows it');
is(present('who:cafe'), 'ann:1', 'on the topic that is declared');
is(follow($ann, 'who/long', 'x')->{ok}, JSON::PP::false, 'whoever would show too much');
like(slurp_log(), qr/data of who is present are too long/, 'is told in the log');
is(present('long:x'), '', 'and is not there');
is(follow($ann, 'who/here', 'x' x 240)->{ok}, JSON::PP::false, 'nor on a topic with a long name');

# ---- other ways to it ----

is(sql(q{SELECT realtime.load('board/board/__presence', '["one"]')->'data'->0->>'key'}), 'ann', 'SQL loads who is there');
my ($status, undef, $body) = http_request($node, 'GET /__realtime/load/board/board/__presence?args=%5B%22one%22%5D');
is($status, 200, 'so does a page');
is(keys_of(decode_json($body)), 'ann', 'and gets the same');
is(present('board:one'), 'ann:1', 'without being there');
sql(q{SELECT realtime.guard('board', authenticated => true)});
ok(poll_until(sub { (follow($nobody, 'board/board/__presence', 'one')->{code} // '') eq 'UNAUTHENTICATED' }), 'guards of modules hold for what is in a room');
is(ws_call($nobody, 'board/board/__action/add', [ 'one', 9 ])->{code}, 'UNAUTHENTICATED', 'and for what is done there');
sql(q{SELECT realtime.guard('board')});

# ---- a roster longer than a frame, and what happens while it travels ----

$node->append_conf('postgresql.conf', "realtime.presence_grace = 0\nrealtime.gateways = 1\n");
$node->safe_psql('postgres', q{
CREATE FUNCTION app.large() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('x', repeat('x', 8000))$$;
SELECT realtime.stream('who/large', 'large', merge => 'presence', presence => 'app.large()'),
	realtime.stream('who/in', 'large', 'app.shown()', merge => 'set', presence => 'app.large()')});
$node->restart;
wait_for_call($node, 'app/me', []);
my @crowd = map { client("c$_") } 1 .. 300;
is(follow($crowd[0], 'who/in')->{data}{id}, 'c1', 'a stream with a value of its own makes present, too');
follow($_, 'who/in') for @crowd;
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('large')}) == 300 }), 'many with much to show');

# What a client has, as it reads on
sub keep
{
	my ($ws, $frame) = @_;
	for my $event ($frame->{events} ? @{ $frame->{events} } : $frame)
	{
		my $data = $event->{data};
		$ws->{twice}++ if $event->{event} eq 'join' && $ws->{has}{ $data->{key} };
		$ws->{has}{ $data->{key} } = 1 if $event->{event} eq 'join';
		$ws->{unknown}++ if $event->{event} eq 'leave' && !delete $ws->{has}{ $data->{key} };
	}
	return;
}

for my $caps ([], ['batch'])
{
	my $ws = ws_connect($node, receive_buffer => 4096);
	ws_send($ws, { type => 'hello', caps => $caps });
	ws_send($ws, { rpc => 'who/large', id => 'l', args => [], stream => $true });
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq '__rpc' });
	$ws->{has}{ $_->{key} } = 1 for @{ $frame->{data}{data} };
	cmp_ok(scalar keys %{ $ws->{has} }, '<', 300, 'the reply has some of them (' . (keys %{ $ws->{has} }) . ')');

	# between two of its frames: one comes, one goes, one comes and goes
	my $first = shift @crowd;
	my ($new, $brief) = map { client($_) } 'new' . @$caps, 'brief' . @$caps;
	follow($new, 'who/in');
	follow($brief, 'who/in');
	ws_close($_) for $first, $brief;
	ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('large') WHERE key LIKE 'brief%'}) == 0 && sql(q{SELECT realtime.presence_count('large')}) == 301 }),
		'while the rest is on its way somebody comes, somebody goes and somebody does both');
	push @crowd, $new;
	my $there = sql(q{SELECT string_agg(key, ' ' ORDER BY key COLLATE "C") FROM realtime.presence('large')});
	for (1 .. 100000)
	{
		last if join(' ', sort keys %{ $ws->{has} }) eq $there;
		keep($ws, ws_wait($ws, sub { ($_->{topic} // '') eq 'large:presence' || ($_->{type} // '') eq 'batch' }));
	}
	is(join(' ', sort keys %{ $ws->{has} }), $there, 'at the end it has all that there are');
	is(join(' ', $ws->{twice} // 0, $ws->{unknown} // 0), '0 0', 'nobody twice, nobody who was not there');
	ws_close($ws);

	# one that is cut off in the middle of it
	$ws = ws_connect($node, receive_buffer => 4096);
	ws_send($ws, { rpc => 'who/large', id => 'l', args => [], stream => $true });
	ok(poll_until(sub { sql(q{SELECT realtime.presence_count('large')}) == 301 }), 'one asks and does not read');
	close $ws->{socket};
	ok(poll_until(sub { sql(q{SELECT realtime.presence_count('large')}) == 300 }), 'and is cut off in the middle: he is gone');
}

# ---- no room for all of them ----

$node->append_conf('postgresql.conf', "realtime.presence_memory = 1MB\n");
$node->restart;
wait_for_call($node, 'app/me', []);
@crowd = map { client("d$_") } 1 .. 130;
is(scalar(grep { follow($_, 'who/in')->{ok} } @crowd), 130, 'whoever follows a stream gets it, room or no room');
my $there = sql(q{SELECT realtime.presence_count('large')});
cmp_ok($there, '<', 130, "but not all can be there: $there");
is(sql(q{SELECT hits FROM realtime.limits WHERE name = 'presence_memory'}), 130 - $there, 'which is counted');
$reply = follow($crowd[-1], 'who/large');
is($reply->{ok}, $true, 'who is not there sees who is');
ws_close($_) for @crowd[ 0 .. 9 ];
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('large')}) == $there - 10 }), 'some go');
is(follow($crowd[-1], 'who/in')->{ok}, $true, 'who asks again');
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('large') WHERE key = 'd130'}) == 1 }), 'is there then');
no_crash($node);

done_testing();
