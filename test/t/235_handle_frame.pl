# realtime.handle_frame(): frames that come another way than by the socket.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 2, 'realtime.gateways' => 2, 'realtime.jwt_secret' => $secret, 'realtime.max_payload' => '16kB', 'max_prepared_transactions' => 2);
sub sql { return $node->safe_psql('postgres', $_[0]); }
my $json = JSON::PP->new->canonical;

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.who(said text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', coalesce(realtime.user_id(), '-'), realtime.connection_id(), said) $$;
CREATE FUNCTION app.message(message bytea, is_text boolean) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('type', 'echo', 'text', convert_from(message, 'UTF8')) $$;
CREATE ROLE regress_publisher IN ROLE realtime_publisher;
SELECT realtime.rpc('app/who', 'app.who(text)'), realtime.topic('news', open => true);
});
wait_for_call($node, 'app/who', ['x']);
my @ws = map { ws_connect($node) } 1 .. 4;
my $ann = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => 'ann' }, secret => $secret) });
my $session = $node->background_psql('postgres', on_error_stop => 1);

sub handle
{
	my ($ws, $frame, $run) = @_;
	my $text = ref $frame ? $json->encode($frame) : $frame;
	return ($run // \&sql)->("SELECT realtime.handle_frame('$ws->{welcome}{sessionId}', \$f\$$text\$f\$)");
}
sub call { return { rpc => 'app/who', id => $_[0], args => [$_[0]] }; }
sub answer
{
	my ($ws, $id) = @_;
	return ws_wait($ws, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data}{data};
}

is(handle($ann, call('a')), 't', 'a frame for a connection');
is(answer($ann, 'a'), "ann $ann->{welcome}{sessionId} a", 'runs as who is on it, and it gets the answer');
is(handle($_, call('b')), 't', 'any of them') for @ws;
is(answer($_, 'b'), "- $_->{welcome}{sessionId} b", 'each of its own') for @ws;
is(handle($ws[0], { batch => [ call('c'), call('d') ] }), 't', 'a batch');
is(answer($ws[0], $_), "- $ws[0]{welcome}{sessionId} $_", 'of calls') for qw(c d);

# ---- the transaction ----

my $run = sub { return $session->query_safe($_[0]) };
$run->('BEGIN');
is(handle($ws[0], call('e'), $run), 't', 'within a transaction');
is_deeply([ ws_quiet($ws[0]) ], [], 'nothing is done');
$run->('ROLLBACK');
is(handle($ws[0], { type => 'subscribe', topic => 'news', ref => 5 }), 't', 'a subscription');
is(ws_wait($ws[0], sub { ($_->{type} // '') eq 'subscribed' })->{ref}, 5, 'is acknowledged; what was rolled back is not done');
sql(qq{BEGIN; SELECT realtime.publish('news', 'one'); SELECT realtime.handle_frame('$ws[0]{welcome}{sessionId}', '{"type": "unsubscribe", "topic": "news"}');
	COMMIT});
is(ws_wait($ws[0], sub { ($_->{topic} // '') eq 'news' })->{event}, 'one', 'in its place among the events');
ok(poll_until(sub { sql(q{SELECT realtime.subscribers('news')}) == 0 }), 'what it says is done');
is_deeply([ ws_quiet($ws[0]) ], [], 'once');
like(($node->psql('postgres', qq{BEGIN; SELECT realtime.handle_frame('$ws[0]{welcome}{sessionId}', '{"type":"hello"}'); PREPARE TRANSACTION 'x'}))[2],
	qr/cannot PREPARE/, 'not for two phases');

# ---- while a message of the client's is on its way ----

my $frame = $json->encode(call('slow'));
ws_raw($ws[1], ws_frame('text', substr($frame, 0, 10), fin => 0));
ws_raw($ws[1], ws_frame('ping', 'x'));
is(ws_recv($ws[1])->[0], 'pong', 'half a message has come');
is(handle($ws[1], call("f$_")), 't', 'a frame meanwhile') for 1, 2;
is(answer($ws[1], "f$_"), "- $ws[1]{welcome}{sessionId} f$_", 'does not wait for it') for 1, 2;
ws_raw($ws[1], ws_frame('continuation', substr($frame, 10)));
is(answer($ws[1], 'slow'), "- $ws[1]{welcome}{sessionId} slow", 'and leaves it as it is');

# ---- what is not taken ----

is(handle({ welcome => { sessionId => 'nobody' } }, call('x')), 'f', 'no such connection');
is(handle($ws[2], $_), 'f', "means nothing: $_") for 'hello', '{"type":"unknown"}', '{}', '[]', '';
is(handle($ws[2], { rpc => 'x', id => 'bad' }), 't', 'what is wrong is answered');
is(ws_wait($ws[2], sub { ($_->{event} // '') eq 'bad' })->{data}{code}, 'INVALID_REQUEST', 'as usual');
sql(q{SELECT realtime.hook('message', 'app.message(bytea,boolean)')});
ok(poll_until(sub { handle($ws[2], 'hello') eq 't' }), 'with a message hook anything means something');
is(ws_wait($ws[2], sub { ($_->{type} // '') eq 'echo' })->{text}, 'hello', 'to it');
like(($node->psql('postgres', "SELECT realtime.handle_frame('$ws[2]{welcome}{sessionId}', repeat('x', 16385))"))[2], qr/frame is too long/, 'too long');
is(sql(q{SELECT realtime.handle_frame(NULL, 'x') IS NULL}), 't', 'nothing for nobody');
ws_close($ws[3]);
ok(poll_until(sub { handle($ws[3], call('x')) eq 'f' }), 'a connection that has ended');
for my $role (qw(regress_publisher realtime_anonymous realtime_executor))
{
	like(($node->psql('postgres', "SET ROLE $role; SELECT realtime.handle_frame('$ws[2]{welcome}{sessionId}', '{}')"))[2],
		qr/permission denied for function handle_frame/, "$role may not speak for others");
}

# One who is to be logged out meanwhile; and thousands.
sql(qq{BEGIN; SELECT realtime.disconnect('ann'); SELECT realtime.handle_frame('$ann->{welcome}{sessionId}', '{"type":"hello"}'); COMMIT});
is(ws_close_code($ann), 4403, 'a connection that is closed takes its frames along');
sql(qq{SELECT count(realtime.handle_frame('$ws[2]{welcome}{sessionId}', '{"rpc":"no/such","id":"' || i || '"}')) FROM generate_series(1, 2000) i});
is(ws_wait($ws[2], sub { ($_->{event} // '') eq 2000 })->{data}{code}, 'NOT_FOUND', 'two thousand in one transaction');

done_testing();
