# Frames: sizes, fragments, texts that are none, offences, closing, and large
# replies.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $max = 1024 * 1024;    # realtime.max_payload and the longest server frame
my $node = new_node('realtime.executors' => 4,
	'realtime.max_backpressure' => '4MB');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.size(t text) RETURNS int LANGUAGE sql AS 'SELECT length(t)';
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
CREATE FUNCTION app.sleep() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0.1)';
CREATE TABLE app.note (note text);
GRANT INSERT ON app.note TO realtime_anonymous;
CREATE FUNCTION app.note(n text) RETURNS void LANGUAGE sql AS 'INSERT INTO app.note VALUES (n)';
SELECT realtime.rpc('app/size', 'app.size(text)'),
	realtime.rpc('app/note', 'app.note(text)'),
	realtime.rpc('app/text', 'app.text(int)'),
	realtime.rpc('app/sleep', 'app.sleep()');
});
wait_for_call($node, 'app/size', ['']);
my $ws = ws_connect($node);

# The text of a call of app/size that is length bytes long.
sub call_of_length
{
	my ($length, $id) = @_;
	my $text = qq({"rpc":"app/size","id":"$id","args":["@"]});

	my $rest = $length - length($text) + 1;
	$text =~ s/\@/'x' x $rest/e;
	return ($text, $rest);
}

sub reply_to
{
	my ($connection, $id) = @_;
	return ws_wait($connection, sub { ($_->{event} // '') eq $id })->{data};
}

# Sizes
for my $length (125, 126, 65535, 65536, $max - 1, $max)
{
	my ($text, $expected) = call_of_length($length, "l$length");

	ws_raw($ws, ws_frame('text', $text));
	is(reply_to($ws, "l$length")->{data}, $expected, "a message of $length bytes");
}

# Fragments
my ($text, $expected) = call_of_length(3000, 'many');
my @piece = $text =~ /(..?)/g;
ws_raw($ws, ws_frame('text', '', fin => 0));
for (@piece)
{
	ws_raw($ws, ws_frame('continuation', $_, fin => 0)
		  . ws_frame('continuation', '', fin => 0) . ws_frame('ping', 'p'));
}
ws_raw($ws, ws_frame('continuation', ''));
is(reply_to($ws, 'many')->{data}, $expected,
	'fragments, empty ones among them, with pings in between');

($text, $expected) = call_of_length($max, 'large');
ws_raw($ws, ws_frame('text', substr($text, 0, 65536, ''), fin => 0));
ws_raw($ws, ws_frame('continuation', substr($text, 0, 65536, ''), fin => 0))
  while length $text > 65536;
ws_raw($ws, ws_frame('continuation', $text));
is(reply_to($ws, 'large')->{data}, $expected, 'a large message in fragments');

($text, $expected) = call_of_length(3000, 'bytes');
ws_raw($ws, $_) for split //, ws_frame('text', $text);
is(reply_to($ws, 'bytes')->{data}, $expected, 'a frame byte by byte');

# A character in two fragments, with pongs nobody asked for in between.
$text = qq({"rpc":"app/size","id":"split","args":["\xc3\xa4\xe2\x82\xac"]});
ws_raw($ws, join '', map { ws_frame('pong', 'alive') . $_ }
	ws_frame('text', substr($text, 0, 1, ''), fin => 0),
	map({ ws_frame('continuation', $_, fin => 0) } split //, $text),
	ws_frame('continuation', ''));
is(reply_to($ws, 'split')->{data}, 2, 'characters may be split, whatever comes in between');

# Many calls at once
ws_raw($ws, join '', map {
	ws_frame('text', qq({"rpc":"app/size","id":"n$_","args":["$_"]})) } 1 .. 1000);
my %answer;
$answer{ $_->{event} } = $_->{data}{data}
  for map { ws_wait($ws, sub { ($_->{event} // '') =~ /^n/ }) } 1 .. 1000;
is(scalar(grep { ($answer{"n$_"} // '') eq length $_ } 1 .. 1000), 1000,
	'a thousand calls in one segment are all answered');

# What is ignored
ws_raw($ws, ws_frame('text', ''));
ws_raw($ws, ws_frame('binary', "\xff\xfe\x00"));
ws_raw($ws, ws_frame('binary', "\xc3", fin => 0) . ws_frame('continuation', "\xff"));
ws_raw($ws, ws_frame('binary', ''));
ws_raw($ws, ws_frame('pong', "\xff"));
is_deeply([ ws_quiet($ws) ], [], 'binary and empty frames are ignored');

# Large replies
my $overhead = length(ws_call_raw('app/text', 0));
is(length(ws_call_raw('app/text', $max - $overhead)), $max,
	'a reply may be as long as a client takes');
like(ws_call_raw('app/text', $max - $overhead + 1), qr/"code":"PAYLOAD_TOO_LARGE"/,
	'and not a byte longer');
is(ws_call($ws, 'app/text', [ 20 * $max ])->{code}, 'PAYLOAD_TOO_LARGE',
	'nor much longer');

# The text of a reply; all have ids of the same length.
sub ws_call_raw
{
	my ($path, $argument) = @_;

	ws_raw($ws, ws_frame('text', qq({"rpc":"$path","id":"raw","args":[$argument]})));
	return ws_recv($ws)->[1];
}

# Pings are answered between frames, never inside one that the client does not
# take as fast as it comes.
my $slow = ws_connect($node, receive_buffer => 4096);
leave_unread($slow, 9);
ws_raw($slow, ws_frame('ping', 'in between'));
my ($whole, $other) = read_replies($slow, sub { $_[0] == 9 && $_[1] == 1 });
is($whole, 9, 'large replies arrive whole');
is_deeply($other, [ [ 'pong', 'in between' ] ], 'with a pong between them');

# Nor is the end of a connection put in front of what it still gets.
leave_unread($slow, 9);
ws_raw($slow, ws_frame('text', 'x' x ($max + 1)));
($whole, $other) = read_replies($slow, sub { $_[1] == 1 });
is($whole, 9, 'replies arrive before the close frame');
is($other->[0] && unpack('n', $other->[0][1]), 1009, 'of a client that has sent too much');

# Has replies made that the client does not read.
sub leave_unread
{
	my ($connection, $replies) = @_;
	my $calls = 'SELECT sum(calls) FROM realtime.stat_executor';
	my $before = $node->safe_psql('postgres', $calls);

	# at once: what comes after the first reply waits in the socket
	ws_raw($connection, join '', map { ws_frame('text',
		'{"rpc":"app/text","id":"s","args":[500000]}') } 1 .. $replies);
	$node->poll_query_until('postgres', "SELECT ($calls) >= $before + $replies")
	  or die "calls are not run\n";
	ws_call($ws, 'app/size', ['']) for 1 .. 2;
	return;
}

# Reads whole replies and other frames until the sub, given how many there are
# of either, returns true.
sub read_replies
{
	my ($connection, $enough) = @_;
	my ($replies, @others) = (0);

	while (!$enough->($replies, scalar @others))
	{
		my $frame = eval { ws_recv($connection) } or last;

		if ($frame->[0] ne 'text') { push @others, $frame }
		elsif ($frame->[1] =~ /"data":"(x+)"\}\}$/ && length $1 == 500000) { $replies++ }
		else { last }
	}
	return ($replies, \@others);
}

# Pings are all answered, in order, whole or byte by byte.
my @ping = (map({ "ping $_" } 1 .. 20), '', 'p' x 125);
ws_raw($ws, join '', map { ws_frame('ping', $_) } @ping);
is_deeply([ map { ws_recv($ws) } @ping ], [ map { [ 'pong', $_ ] } @ping ], 'each ping is answered');
ws_raw($ws, $_) for map { split //, ws_frame('ping', $_) } @ping;
is_deeply([ map { ws_recv($ws) } @ping ], [ map { [ 'pong', $_ ] } @ping ], 'however it comes');

# Offences that end the connection.  What came before is handled.
my $call = '{"rpc":"app/size","id":"a","args":["x"]}';
my @offence = (
	[ 1002, 'a continuation of nothing', ws_frame('continuation', 'x') ],
	[ 1002, 'a new message inside another',
		ws_frame('text', '{', fin => 0) . ws_frame('text', '}') ],
	[ 1002, 'a ping in fragments', ws_frame('ping', 'x', fin => 0) ],
	[ 1002, 'a long ping', ws_frame('ping', 'x' x 126) ],
	[ 1002, 'a length of 2^63', pack('CCQ>N', 0x81, 0xff, 2**63, 0) . 'x' x 100 ],
	(map { [ 1002, "reserved bit $_", ws_frame('text', $call, rsv => $_) ] } 1, 2, 4),
	(map { [ 1002, "opcode $_", ws_frame($_, 'x') ] } 3 .. 7, 0xb .. 0xf),
	(map { [ 1002, "a $_ without mask", ws_frame($_, '', mask => 0) ] } qw(text binary ping pong close)),
	[ 1002, 'a fragment without mask',
		ws_frame('text', '{', fin => 0) . ws_frame('continuation', '}', mask => 0) ],
	[ 1002, 'a pong in fragments', ws_frame('pong', 'x', fin => 0) ],
	[ 1002, 'a close frame in fragments', ws_frame('close', '', fin => 0) ],
	[ 1002, 'a long close frame', ws_frame('close', pack('n', 1000) . 'x' x 124) ],
	[ 1002, 'reserved bits of a ping', ws_frame('ping', 'x', rsv => 4) ],
	[ 1002, 'a length in more bytes than it needs', pack('CCnN', 0x81, 0xfe, 125, 0) . 'x' x 125 ],
	[ 1002, 'a length in eight bytes that needs two', pack('CCQ>N', 0x81, 0xff, 65535, 0) . 'x' x 65535 ],
	[ 1007, 'no UTF-8', ws_frame('text', "{\"rpc\":\"app/size\xff\"}") ],
	[ 1007, 'an overlong character', ws_frame('text', "\"\xc0\xaf\"") ],
	[ 1007, 'a surrogate', ws_frame('text', "\"\xed\xa0\x80\"") ],
	[ 1007, 'a character above U+10FFFF', ws_frame('text', "\"\xf4\x90\x80\x80\"") ],
	[ 1007, 'half a character', ws_frame('text', "\"\xe2\x82") ],
	[ 1007, 'half a character before an empty end',
		ws_frame('text', "\"\xe2\x82", fin => 0) . ws_frame('continuation', '') ],
	[ 1007, 'no UTF-8 in a message that goes on', ws_frame('text', "\xff", fin => 0) ],
	[ 1007, 'no UTF-8 in a frame that goes on', substr ws_frame('text', "\xff" . 'x' x 1000), 0, 500 ],
	[ 1009, 'one byte too many', ws_frame('text', (call_of_length($max + 1, 'b'))[0]) ],
	[ 1009, 'fragments that are too long together',
		ws_frame('text', 'x' x 600000, fin => 0) . ws_frame('continuation', 'x' x 600000) ],
	[ 1009, 'the header of a long message', pack('CCQ>N', 0x82, 0xff, $max + 1, 0) ],
	[ 1009, 'the header of a petabyte', pack('CCQ>N', 0x81, 0xff, 2**50, 0) ],
	[ 1009, 'the begin of a petabyte', pack('CCQ>N', 0x81, 0xff, 2**50, 0) . 'x' x ($max + 5000) ],
);
my $began = time;
for (@offence)
{
	my ($code, $what, $bytes) = @$_;
	my $culprit = ws_connect($node);

	ws_raw($culprit, $bytes . ws_frame('text', $call) . ws_frame('close', pack 'n', 1000) . ws_frame('ping', 'x'));
	is(ws_close_code($culprit), $code, "$what ends the connection with $code");
	is(ws_recv($culprit), undef, 'and the stream ends');
	close $culprit->{socket};
}
cmp_ok(time - $began, '<', 4 * soon(), 'without delay');
ok(poll_until(sub { $node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway') <= 3 }),
	'nothing is left of them');

# What was sent before an offence or a close frame is run, what comes after is
# not, though all of it comes in one packet.
my $note = '{"rpc":"app/note","id":"n","args":["%s"]}';
for ([ 'an offence', ws_frame(3, 'x') ], [ 'a close frame', ws_frame('close', pack 'n', 1000) ],
	[ 'a frame without mask', ws_frame('text', '{}', mask => 0) ],
	[ 'a close frame within a message', ws_frame('text', '{', fin => 0) . ws_frame('close', '')
		  . ws_frame('continuation', '}') ])
{
	my ($what, $bytes) = @$_;
	my $leaver = ws_connect($node);

	ws_raw($leaver, ws_frame('text', sprintf $note, "before $what") . $bytes
		  . ws_frame('text', sprintf $note, "after $what") x 10);
	ws_close_code($leaver);
	ws_call($ws, 'app/size', ['']) for 1 .. 3;
	ok(poll_until(sub { $node->safe_psql('postgres', "SELECT count(*) FROM app.note WHERE note = 'before $what'") }),
		"what comes before $what is run");
	is($node->safe_psql('postgres', "SELECT count(*) FROM app.note WHERE note = 'after $what'"), 0,
		'what comes after it is not');
}

# Closing
my @farewell = (
	[ 1000, 'code 1000', pack('n', 1000) ],
	[ 1005, 'no code', '' ],
	[ 4321, 'a code of an application', pack('n', 4321) . 'bye' ],
	(map { [ $_, "code $_", pack('n', $_) ] } 1001 .. 1003, 1007 .. 1014, 3000, 4999),
	[ 1000, 'a reason', pack('n', 1000) . 'x' x 123 ],
	(map { [ 1002, "code $_", pack('n', $_) ] } 0, 999, 1004 .. 1006, 1015, 1016, 2999, 5000, 65535),
	[ 1002, 'a byte of a code', "\x03" ],
	[ 1007, 'a reason that is no text', pack('n', 1000) . "\xff" ],
	[ 1007, 'half a character', pack('n', 1000) . "\xe2\x82" ],
);
for (@farewell)
{
	my ($code, $what, $payload) = @$_;
	my $leaver = ws_connect($node);

	ws_raw($leaver, ws_frame('close', $payload) . ws_frame('close', ''));
	is(ws_close_code($leaver), $code, "a close with $what is answered");
	is(ws_recv($leaver), undef, 'and the stream ends');
}
my $leaver = ws_connect($node);
ws_raw($leaver, ws_frame('text', '{"rpc"', fin => 0) . ws_frame('close', pack 'n', 1000));
is(ws_close_code($leaver), 1000, 'a close in the middle of a message is answered');

# The client goes without a word, in the middle of a call.
for my $way ('half', 'reset', 'end')
{
	my @gone = map { ws_connect($node) } 1 .. 5;

	ws_raw($_, ws_frame('text', '{"rpc":"app/sleep","id":"a","args":[]}')) for @gone;
	for (@gone)
	{
		shutdown $_->{socket}, 1 if $way eq 'half';
		setsockopt $_->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
		  if $way eq 'reset';
		close $_->{socket} if $way ne 'half';
	}
	ok(poll_until(sub {
			$node->safe_psql('postgres',
				'SELECT connections FROM realtime.stat_gateway') <= 3;
		}), "connections end when their clients do ($way)");
}
is(ws_call($ws, 'app/size', ['abc'])->{data}, 3, 'others have not noticed');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
