# Compression: what is agreed on, messages in both directions, offences, and
# messages that get much longer than they came.
use strict;
use warnings;

use Compress::Raw::Zlib qw(Z_OK Z_SYNC_FLUSH);
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $max = 1024 * 1024;    # realtime.max_payload
my $node = new_node('realtime.compression_min_size' => '100B');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.size(t text) RETURNS int LANGUAGE sql AS 'SELECT length(t)';
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
SELECT realtime.rpc('app/size', 'app.size(text)'),
	realtime.rpc('app/text', 'app.text(int)'),
	realtime.topic('open', open => true),
	realtime.topic('kept', class => 'replay', open => true);
});
wait_for_call($node, 'app/size', ['']);

# The payload of a compressed message.
sub compress
{
	my ($text, %option) = @_;
	my ($deflater) = Compress::Raw::Zlib::Deflate->new(
		-WindowBits => -($option{bits} // 15), -AppendOutput => 1);
	my $bytes = '';

	$deflater->deflate($text, $bytes) == Z_OK or die 'deflate';
	$deflater->flush($bytes, Z_SYNC_FLUSH) == Z_OK or die 'flush';
	$bytes =~ s/\0\0\xff\xff\z// or die 'no tail';
	return $bytes;
}

# A text frame with RSV1.
sub compressed { return ws_frame('text', compress($_[0]), rsv => 4); }

sub connect_with
{
	my ($offer) = @_;
	return ws_connect($node, headers => { 'Sec-WebSocket-Extensions' => $offer });
}

sub call_text
{
	my ($id, $argument, $pad) = @_;
	return sprintf '{"rpc":"app/size","id":"%s","args":["%s"],"pad":"%s"}', $id, $argument, $pad // '';
}

sub reply_to
{
	my ($ws, $id) = @_;
	return ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data}{data};
}

# Off
my $plain = connect_with('permessage-deflate');
is($plain->{headers}{'sec-websocket-extensions'}, undef, 'compression is off by default');
ws_raw($plain, compressed(call_text('1', 'a')));
is(ws_close_code($plain), 1002, 'and then nothing may be compressed');

$node->append_conf('postgresql.conf', 'realtime.compression = on');
$node->reload;
ok(poll_until(sub { connect_with('permessage-deflate')->{deflate} }), 'it can be switched on');

# The offers
my $agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
my %answer = (
	'permessage-deflate' => $agreed,
	'permessage-deflate; client_max_window_bits' => $agreed,
	'permessage-deflate; client_max_window_bits=9; server_no_context_takeover' => $agreed,
	'permessage-deflate; server_max_window_bits=15' => "$agreed; server_max_window_bits=15",
	'permessage-deflate; server_max_window_bits=10, permessage-deflate' => $agreed,
	'permessage-deflate; server_max_window_bits=10' => undef,
	'permessage-deflate; client_max_window_bits=16' => undef,
	'permessage-deflate; something_new' => undef,
	'x-webkit-deflate-frame' => undef);
for (sort keys %answer)
{
	my $ws = connect_with($_);

	is($ws->{headers}{'sec-websocket-extensions'}, $answer{$_}, "the answer to \"$_\"");
	ws_raw($ws, ws_frame('text', call_text('1', 'plain')));
	is(reply_to($ws, '1'), 5, 'what is not compressed is read in any case');
	ws_close($ws);
}

# From the client
my $ws = connect_with('permessage-deflate; client_max_window_bits');
ws_raw($ws, compressed(call_text('a', 'Hello')));
is(reply_to($ws, 'a'), 5, 'a compressed message');
my $text = call_text('b', 'x' x 5000);
ws_raw($ws, ws_frame('text', compress($text, bits => 9), rsv => 4));
is(reply_to($ws, 'b'), 5000, 'one compressed with a small window');
my @byte = split //, compress(call_text('c', 'y' x 300));
ws_raw($ws, ws_frame('text', '', rsv => 4, fin => 0)
	  . join('', map { ws_frame('continuation', $_, fin => 0) . ws_frame('ping', 'p') } @byte)
	  . ws_frame('continuation', ''));
is(reply_to($ws, 'c'), 300, 'one in fragments, with pings in between');
ws_raw($ws, compressed('') . compressed('7') . compressed(call_text('d', "\xc3\xa4")));
is(reply_to($ws, 'd'), 1, 'an empty one and one that means nothing do no harm');
ws_raw($ws, ws_frame('binary', compress('abc'), rsv => 4)
	  . ws_frame('text', call_text('e', 'abc')) . compressed(call_text('f', 'ab')));
is(reply_to($ws, 'e') . reply_to($ws, 'f'), '32', 'compressed and others take turns');
($text) = call_text('g', 'abc', '');
$text .= ' ' x ($max - length $text);
ws_raw($ws, compressed($text));
is(reply_to($ws, 'g'), 3, 'one that is as long as a message may be');

# To the client
my $before = $ws->{inflated} // 0;
is(ws_call($ws, 'app/text', [20])->{data}, 'x' x 20, 'a short reply');
is($ws->{inflated} // 0, $before, 'is not compressed');
is(ws_call($ws, 'app/text', [500000])->{data}, 'x' x 500000, 'a long reply');
is($ws->{inflated}, $before + 1, 'is compressed');

# Events: the same for those who have agreed and those who have not
my @subscriber = ($ws, connect_with('permessage-deflate'), ws_connect($node));
for my $one (@subscriber)
{
	is(ws_subscribe($one, $_)->{type}, 'subscribed', "subscribed to $_") for qw(open kept);
}
my @inflated = map { $_->{inflated} // 0 } @subscriber;
$node->safe_psql('postgres', q{
SELECT realtime.publish('open', 'short', '1');
SELECT realtime.publish('open', 'long', to_jsonb(repeat('long ', 1000)));
SELECT realtime.publish('open', 'odd', to_jsonb((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3) i)));
SELECT realtime.publish('kept', 'long', to_jsonb(repeat('kept ', 1000)));
SELECT realtime.publish('kept', 'last', to_jsonb(repeat('last ', 1000)))});
for my $one (@subscriber)
{
	my $last = ws_wait($one, sub { ($_->{event} // '') eq 'last' });
	my %event = map { $_->{event} => $_ } $last, ws_quiet($one);

	is($event{short}{data}, 1, 'a short event');
	is($event{long}{data}, $_->{topic} eq 'open' ? 'long ' x 1000 : 'kept ' x 1000, 'a long one')
	  for $event{long};
	like($event{odd}{data}, qr/^[0-9a-f]{96}$/, 'one that can hardly be compressed');
	is("$last->{seq} $last->{data}", '2 ' . 'last ' x 1000, 'one with a number');
}
is(join(' ', map { ($_->{inflated} // 0) > shift @inflated ? 'yes' : 'no' } @subscriber), 'yes yes no',
	'are compressed for those who have agreed');

# An answer of several frames
$before = $ws->{inflated};
ws_send($ws, { type => 'replay', topic => 'kept', since => 0, reqId => 1 });
my @replayed;
ws_wait($ws, sub {
	push @replayed, $_ if ($_->{topic} // '') eq '__replay:kept';
	return @replayed && $replayed[-1]{event} eq 'end'; });
is(join(' ', map { length($_->{data}{data} // '') } @replayed), '5000 5000 0',
	'the frames of a replay');
is($ws->{inflated}, $before + 2, 'are compressed one by one');

# Offences: what came before is answered, nothing behind it is
my $good = compress(call_text('never', 'z'));
my %offence = (
	'a reserved bit in a continuation' =>
	  [ 1002, ws_frame('text', substr($good, 0, 9), rsv => 4, fin => 0) . ws_frame('continuation', substr($good, 9), rsv => 4) ],
	'a compressed ping' => [ 1002, ws_frame('ping', compress('p'), rsv => 4) ],
	'a compressed close frame' => [ 1002, ws_frame('close', compress(''), rsv => 4) ],
	'another reserved bit' => [ 1002, ws_frame('text', $good, rsv => 6) ],
	'what is not compressed' => [ 1007, ws_frame('text', call_text('never', 'z'), rsv => 4) ],
	'nothing at all' => [ 1007, ws_frame('text', '', rsv => 4) ],
	'half of a message' => [ 1007, ws_frame('text', substr($good, 0, length($good) / 2), rsv => 4) ],
	'what has taken a context over' => [ 1007, ws_frame('text', "\xf2\x00\x11\x00\x00", rsv => 4) ],
	'a text that is not UTF-8' => [ 1007, compressed("\"\xff\"") ],
	'a text that ends within a character' => [ 1007, compressed("\"\xc3") ],
	'a bomb' => [ 1009, compressed(' ' x 200_000_000) ],
	'one byte too many' => [ 1009, compressed(' ' x ($max + 1)) ]);
for (sort keys %offence)
{
	my ($code, $bytes) = @{ $offence{$_} };
	my $one = connect_with('permessage-deflate');

	ws_raw($one, compressed(call_text('before', 'ab')) . $bytes
		  . compressed(call_text('behind', 'abc')) . ws_frame('close', pack 'n', 1000));
	my ($answered, $kind, $payload) = ('');
	while (my $frame = ws_recv($one))
	{
		($kind, $payload) = @$frame;
		last if $kind eq 'close';
		$answered .= $1 if $payload =~ /"event":"(\w+)"/;
	}
	is(unpack('n', $payload), $code, "$_ is closed with $code");
	unlike($answered, qr/never|behind/, 'nothing behind it is handled');
	is(eval { ws_recv($one) }, undef, 'the stream ends');
}

# Many small frames that get long: all are answered, and others meanwhile.
my $attacker = connect_with('permessage-deflate');
my $other = ws_connect($node);
my $pad = ' ' x ($max - 200);
ws_raw($attacker, join '', map { compressed(call_text("bomb$_", 'abc', $pad)) } 1 .. 40);
is(ws_call($other, 'app/size', ['abc'])->{data}, 3, 'others are served');
is(join(',', map { reply_to($attacker, "bomb$_") } 1 .. 40), join(',', (3) x 40),
	'messages that are far longer than they came are all handled');
ws_raw($attacker, join('', map { compressed(call_text("end$_", 'ab', $pad)) } 1 .. 20)
	  . ws_frame('close', pack 'n', 1000));
is(ws_close_code($attacker), 1000, 'a close frame is answered behind them');

# Switched off again
$node->append_conf('postgresql.conf', 'realtime.compression = off');
$node->reload;
ok(poll_until(sub { !connect_with('permessage-deflate')->{deflate} }), 'it can be switched off');
ws_raw($ws, compressed(call_text('h', 'Hello')));
is(reply_to($ws, 'h'), 5, 'who has agreed before goes on');

done_testing();
