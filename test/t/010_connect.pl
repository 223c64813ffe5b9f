# The gateway's front door: HTTP, the upgrade, and frames no library would
# send.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $max_payload = 65536;
my $node = new_node('realtime.max_payload' => '64kB');
my %upgrade = (
	Upgrade => 'websocket',
	Connection => 'Upgrade',
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
	'Sec-WebSocket-Version' => 13);

# HTTP
my ($status, $headers, $body) = http_request($node, 'GET /healthz');
is($status, 200, 'GET /healthz answers');
($status) = http_request($node, 'GET /nothing/here');
is($status, 404, 'another path is not found');
($status) = http_request($node, 'GET /../../etc/passwd');
like($status // 'closed', qr/^(40[0-9]|closed)$/, 'nobody climbs out of the root');

# The upgrade
($status, $headers) = http_request($node, 'GET /ws', %upgrade);
is($status, 101, 'an upgrade without Origin is accepted');
is($headers->{'sec-websocket-accept'}, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
	'with the answer to the key of RFC 6455');
is($headers->{'sec-websocket-protocol'}, undef, 'and no subprotocol');
($status, $headers) = http_request($node, 'GET /ws', %upgrade,
	'Sec-WebSocket-Extensions' => 'permessage-deflate; client_max_window_bits');
is($headers->{'sec-websocket-extensions'}, undef, 'compression is declined');
($status) = http_request($node, 'GET /wrong', %upgrade);
is($status, 404, 'an upgrade of another path is not found');
($status) = http_request($node, 'GET /ws', %upgrade,
	Origin => 'http://evil.example');
is($status, 403, 'a foreign Origin is refused');
($status) = http_request($node, 'GET /ws', %upgrade,
	Origin => 'http://127.0.0.1:' . gateway_port($node));
is($status, 101, 'our own Origin is accepted');

# Frames
my $ws = ws_connect($node);
like($ws->{welcome}{sessionId}, qr/^[0-9a-f-]{36}$/, 'welcome names the session');

ws_raw($ws, ws_frame('ping', 'are you there'));
is_deeply(ws_recv($ws), [ 'pong', 'are you there' ], 'a ping is answered');

my $call = '{"rpc":"no/such-path","id":"a","args":[]}';
ws_raw($ws, ws_frame('text', substr($call, 0, 10), fin => 0));
ws_raw($ws, ws_frame('continuation', '', fin => 0));
ws_raw($ws, ws_frame('ping', 'between'));
ws_raw($ws, ws_frame('continuation', substr($call, 10)));
is_deeply(ws_recv($ws), [ 'pong', 'between' ], 'a ping between fragments');
is(ws_recv_json($ws)->{data}{code}, 'NOT_FOUND', 'fragments are put together');

ws_raw($ws, $_) for split //, ws_frame('text', $call);
is(ws_recv_json($ws)->{data}{code}, 'NOT_FOUND', 'a frame may come byte by byte');

ws_raw($ws, ws_frame('text', $call) x 100);
is(scalar(grep { ws_recv_json($ws)->{data}{code} eq 'NOT_FOUND' } 1 .. 100),
	100, 'and a hundred at once');

ws_raw($ws, ws_frame('text', ''));
ws_raw($ws, ws_frame('text', $_))
  for ('{', '[]', 'null', '"x"', '{"type":1}', '{"type":"?"}', '{"rpc":7}', "\0");
ws_raw($ws, ws_frame('binary', "\x09junk"));
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'what nobody understands is ignored');
is_deeply([ ws_quiet($ws) ], [], 'in silence');

ws_send($ws, { rpc => 'no/such-path', id => 'big', args => [ 'x' x 60000 ] });
is(ws_recv_json($ws)->{event}, 'big', 'a frame below the limit passes');

# Offences that close the connection, each on its own.
my %offence = (
	'an unknown opcode' => [ 1002, ws_frame(0x3, 'x') ],
	'a reserved bit' => [ 1002, ws_frame('text', $call, rsv => 4) ],
	'a fragmented ping' => [ 1002, ws_frame('ping', 'x', fin => 0) ],
	'an unmasked frame' => [ 1002, ws_frame('text', $call, mask => 0) ],
	'invalid UTF-8' => [ 1007, ws_frame('text', "\xff\xfe") ],
	'an oversize frame' => [ 1009, ws_frame('text', 'x' x ($max_payload + 1)) ],
	'an oversize message in fragments' => [ 1009,
		ws_frame('text', 'x' x 40000, fin => 0) . ws_frame('continuation', 'x' x 40000) ],
);
for my $what (sort keys %offence)
{
	my ($code, $bytes) = @{ $offence{$what} };
	my $culprit = ws_connect($node);

	ws_raw($culprit, $bytes);
	is(ws_close_code($culprit), $code, "$what closes the connection with $code");
}

my $leaver = ws_connect($node);
ws_raw($leaver, ws_frame('close', pack('n', 1000) . 'bye'));
is(ws_close_code($leaver), 1000, 'a close is answered in kind');

# A slow handshake, an endless header and a half frame disturb nobody.
my @slow = map { tcp_connect($node) } 1 .. 20;
print { $slow[0] } "GET /ws HTTP/1.1\r\nHost: x\r\n";
{
	local $SIG{PIPE} = 'IGNORE';
	print { $slow[1] } "GET /ws HTTP/1.1\r\nX: ", 'y' x 100000;
}
my $half = ws_connect($node);
ws_raw($half, substr(ws_frame('text', $call), 0, 9));
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'slow and endless clients hinder nobody');
close $_->{socket} for $half;
close $_ for @slow;

is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'nor do those that hang up in the middle');
ws_close($ws);

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
