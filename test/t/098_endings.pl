# Connections that end in every way there is, and clients that send without end:
# nothing is left of the ones, and the others are bounded.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

use RealtimeTest;

my $each = 10;             # connections that end in each way
my $node = new_node('realtime.executors' => 2, 'realtime.compression' => 'on',
	'realtime.handshake_timeout' => '5s');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(t text) RETURNS text LANGUAGE sql AS 'SELECT t';
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
CREATE FUNCTION app.sleep() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0.01)';
CREATE FUNCTION app.may(topic text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT realtime.rpc('app/echo', 'app.echo(text)'), realtime.rpc('app/text', 'app.text(int)'),
	realtime.rpc('app/sleep', 'app.sleep()'), realtime.topic('news:{n}', open => true),
	realtime.topic('asked:{n}', access => 'app.may(text)');
});
wait_for_call($node, 'app/echo', ['x']);
my $watch = ws_connect($node);
my $pid = stat_gateway('pid');

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# Descriptors of the gateway that are sockets
sub sockets
{
	return scalar grep { (readlink($_) // '') =~ /^socket:/ } glob "/proc/$pid/fd/*";
}

# ---- ways to end ----

my $head = "Host: localhost\r\n";
my $upgrade = "GET /ws HTTP/1.1\r\n${head}Upgrade: websocket\r\nConnection: Upgrade\r\n"
  . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

# A new connection on which bytes have been sent, as plain TCP or as WebSocket
sub tcp_with
{
	my ($bytes) = @_;
	my $socket = tcp_connect($node) or die;
	syswrite $socket, $bytes if length $bytes;
	return $socket;
}

sub ws_with
{
	my ($bytes, %option) = @_;
	my $ws = ws_connect($node, %option);
	ws_raw($ws, $bytes);
	return $ws->{socket};
}

sub call { return ws_frame('text', qq({"rpc":"$_[0]","id":"a","args":[@{[ $_[1] // '' ]}]})) }

my %begun = (
	'without a word' => sub { tcp_with('') },
	'in a request line' => sub { tcp_with('GET /ws HT') },
	'in a head' => sub { tcp_with("GET /ws HTTP/1.1\r\n${head}X-A") },
	'in a body' => sub { tcp_with("POST /healthz HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhe") },
	'before an answer' => sub { tcp_with("GET /healthz HTTP/1.1\r\n$head\r\n" x 10) },
	'before the answer to a handshake' => sub { tcp_with("$upgrade\r\n") },
	'with frames behind a handshake' => sub { tcp_with("$upgrade\r\n" . call('app/sleep') x 3) },
	'in the header of a frame' => sub { ws_with("\x81") },
	'in a frame' => sub { ws_with(substr call('app/echo', '"x"'), 0, 20) },
	'in a long frame' => sub { ws_with(substr ws_frame('text', 'x' x 100_000), 0, 50_000) },
	'in a message' => sub { ws_with(ws_frame('text', '{"rpc"', fin => 0)) },
	'in a ping' => sub { ws_with(substr ws_frame('ping', 'x' x 100), 0, 50) },
	'in a compressed message' => sub {
		ws_with(ws_frame('text', "\xaa\x56\x2a", fin => 0, rsv => 4),
			headers => { 'Sec-WebSocket-Extensions' => 'permessage-deflate' }) },
	'with a close frame' => sub { ws_with(ws_frame('close', pack 'n', 1000)) },
	'with an offence' => sub { ws_with(ws_frame(3, 'x')) },
	'behind many pings' => sub { ws_with(ws_frame('ping', 'x') x 1000) },
	'with calls under way' => sub { ws_with(call('app/sleep') x 5) },
	'with calls in order under way' => sub {
		ws_with(ws_frame('text', '{"sequential":true,"batch":['
			. join(',', map { qq({"rpc":"app/sleep","id":"$_","args":[]}) } 1 .. 5) . ']}')) },
	'with more calls than its share' => sub { ws_with(call('app/echo', '"x"') x 200) },
	'with subscriptions' => sub {
		ws_with(join '', map { ws_frame('text', qq({"type":"subscribe","topic":"news:$_","ref":$_})) } 1 .. 20) },
	'with verdicts under way' => sub {
		ws_with(join '', map { ws_frame('text', qq({"type":"subscribe","topic":"asked:$_","ref":$_})) } 1 .. 20) },
	'with answers that it has not read' => sub { ws_with(call('app/text', 300_000) x 3, receive_buffer => 4096) });
my %end = (
	closed => sub { close $_[0] },
	reset => sub { setsockopt $_[0], SOL_SOCKET, SO_LINGER, pack('ii', 1, 0); close $_[0] },
	'half closed' => sub { shutdown $_[0], 1 });

my $sockets = sockets();
my @kept;
for my $begun (sort keys %begun)
{
	for my $end (sort keys %end)
	{
		for (1 .. $each)
		{
			my $socket = $begun{$begun}->();
			$end{$end}->($socket);
			# who does not read is waited for much longer (see the test of stalled ones)
			push @kept, $socket if $end eq 'half closed' && $begun !~ /not read/;
		}
	}
	is(ws_call($watch, 'app/echo', [$begun])->{data}, $begun, "connections end $begun");
}
ok(poll_until(sub { stat_gateway('connections') == 1 }), 'all are gone');
ok(poll_until(sub { sockets() == $sockets }), 'and so are their sockets') or diag sockets() . " and not $sockets";
@kept = ();
ok(poll_until(sub { stat_gateway('in_flight') == 0 && stat_gateway('waiting') == 0 }), 'what they have asked is over');
ok(poll_until(sub { stat_gateway('subscriptions') == 0 && stat_gateway('memory') == 0 }), 'nothing is kept of them');
is(ws_call($watch, 'app/echo', ['x'])->{data}, 'x', 'who has stayed has not noticed');

# ---- floods ----

# Pings whose pongs nobody reads: they stay in the socket, and are answered when
# it is read.
my $flood = ws_connect($node, receive_buffer => 4096);
my ($pings, $number, $sent, $refused) = ('', 0, 0, 0);
$flood->{socket}->blocking(0);
while ($refused < 5 && $number < 200_000)
{
	$pings .= ws_frame('ping', sprintf '%0100d', ++$number) while length $pings < 60_000;
	my $n = syswrite $flood->{socket}, $pings;
	$sent += $n // 0;
	substr $pings, 0, $n // 0, '';
	$refused = defined $n ? 0 : $refused + 1;
	# it has had the time to read what there was
	ws_call($watch, 'app/echo', ['y']) unless defined $n;
}
is(ws_call($watch, 'app/echo', ['y'])->{data}, 'y', 'a flood of pings keeps nobody from his answer');
cmp_ok(stat_gateway('memory'), '<', 1_000_000, 'and is bounded');
$flood->{socket}->blocking(1);
my $whole = int($sent / length ws_frame('ping', '0' x 100));
my @wrong = grep { my $pong = ws_recv($flood); "@$pong" ne sprintf 'pong %0100d', $_ } 1 .. $whole;
cmp_ok($whole, '>=', 500, 'many have been sent');
is(scalar @wrong, 0, 'each is answered, in order') or diag "@wrong[0 .. 3]";
close $flood->{socket};

# A message in more fragments than it has bytes
my $text = '{"rpc":"app/echo","id":"f","args":["z"]}';
my $empty = ws_frame('continuation', '', fin => 0) x 1000;
my $slow = ws_connect($node);
ws_raw($slow, ws_frame('text', substr($text, 0, 10), fin => 0));
ws_raw($slow, $empty) for 1 .. 100;
ok(poll_until(sub { my $memory = stat_gateway('memory'); $memory > 0 && $memory < 100_000 }),
	'a hundred thousand empty fragments take no memory');
ws_raw($slow, ws_frame('continuation', substr $text, 10));
is(ws_wait($slow, sub { ($_->{event} // '') eq 'f' })->{data}{data}, 'z', 'and are a message in the end');

ws_close($_) for $slow, $watch;
$node->stop('fast');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');
# autovacuum says so if it is at work when the server stops
unlike($log, qr/ (WARNING|ERROR|FATAL):  (?!terminating autovacuum)/, 'and nobody is told of it');

done_testing();
