# The opening handshake: what it must have, and what is answered if it has not.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node();
my $key = 'dGhlIHNhbXBsZSBub25jZQ==';
my $accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
my %good = (
	Host => 'localhost', Upgrade => 'websocket', Connection => 'Upgrade',
	'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => $key);

# The status, headers and body for a request with these headers; undef leaves
# one out, a list makes several of it.
sub open_with
{
	my (%change) = @_;
	my $line = delete $change{line} // 'GET /ws HTTP/1.1';
	my %header = (%good, %change);
	my @lines = map {
		my $name = $_;
		map { "$name: $_\r\n" } ref $header{$name} ? @{ $header{$name} } : $header{$name} // ();
	} sort keys %header;
	my $answer = http_raw($node, join('', "$line\r\n", @lines, "\r\n"),
		qr/sessionId|\r\n\r\n[^{]+\n\z/) // '';
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;
	my ($status) = ($head // '') =~ m{\AHTTP/1.1 (\d{3}) };
	my %found = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } split /\r\n/, $head // '';
	return ($status, \%found, $body);
}

# Accepted
my %accepted = (
	'as browsers write it' => {},
	'in other letters' => { Upgrade => 'WebSocket', Connection => 'UPGRADE' },
	'among other words' => { Connection => 'keep-alive, Upgrade' },
	'with empty elements' => { Connection => ', Upgrade , ,', Upgrade => ',websocket,' },
	'with tabs' => { Connection => "\t Upgrade\t", Upgrade => "\twebsocket", 'Sec-WebSocket-Version' => " 13\t" },
	'beside other protocols' => { Upgrade => 'h2c, websocket' },
	'in several headers' => { Connection => [ 'keep-alive', 'Upgrade' ], Upgrade => [ 'h2c', 'websocket' ] },
	'without a body' => { 'Content-Length' => 0 },
	'with subprotocols' => { 'Sec-WebSocket-Protocol' => 'chat, v2.chat' },
	'with many extensions' => { 'Sec-WebSocket-Extensions' => join(', ', map { "x-$_; a=$_" } 1 .. 100) },
	'with an odd key' => { 'Sec-WebSocket-Key' => " $key " },
	'with a long cookie' => { Cookie => 'a=' . 'b' x 7000 },
	'with its own host' => { line => 'GET http://localhost/ws HTTP/1.1' },
	'with a query' => { line => 'GET /ws?a=%zz&b HTTP/1.1' },
	'with an escape' => { line => 'GET /%77s HTTP/1.1' });
for (sort keys %accepted)
{
	my ($status, $headers, $frame) = open_with(%{ $accepted{$_} });

	is("$status $headers->{'sec-websocket-accept'}", "101 $accept", "$_ it is accepted");
	is(lc "$headers->{upgrade} $headers->{connection}", 'websocket upgrade', 'with the headers of RFC 6455');
	is($headers->{'sec-websocket-protocol'} // $headers->{'sec-websocket-extensions'}, undef,
		'no subprotocol or extension is agreed on');
	like($frame, qr/\A\x81.\{"type":"welcome"/, 'and the first frame is the welcome');
}

# Refused, each with its reason
my @refused = (
	[ 426, qr/Sec-WebSocket-Version/, 'no version', 'Sec-WebSocket-Version' => undef ],
	[ 426, qr/not 13/, 'an old version', 'Sec-WebSocket-Version' => 8 ],
	[ 426, qr/not 13/, 'a later version', 'Sec-WebSocket-Version' => 14 ],
	[ 426, qr/not 13/, 'no number', 'Sec-WebSocket-Version' => '13a' ],
	[ 426, qr/not 13/, 'two versions in one header', 'Sec-WebSocket-Version' => '13, 8' ],
	[ 426, qr/not 13/, 'two versions', 'Sec-WebSocket-Version' => [ 13, 13 ] ],
	[ 400, qr/no Sec-WebSocket-Key/, 'no key', 'Sec-WebSocket-Key' => undef ],
	[ 400, qr/16 bytes/, 'an empty key', 'Sec-WebSocket-Key' => '' ],
	[ 400, qr/16 bytes/, 'a short key', 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25j' ],
	[ 400, qr/16 bytes/, 'a long key', 'Sec-WebSocket-Key' => "${key}AA==" ],
	[ 400, qr/16 bytes/, 'a key of 17 bytes', 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZSE=' ],
	[ 400, qr/16 bytes/, 'a key that is no base64', 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25j-Q==' ],
	[ 400, qr/16 bytes/, 'a key in quotes', 'Sec-WebSocket-Key' => qq("$key") ],
	[ 400, qr/more than one/, 'two keys', 'Sec-WebSocket-Key' => [ $key, $key ] ],
	[ 400, qr/Connection/, 'no Connection', Connection => undef ],
	[ 400, qr/Connection/, 'another Connection', Connection => 'keep-alive' ],
	[ 400, qr/Connection/, 'a word that contains it', Connection => 'Upgrades' ],
	[ 426, qr/proxy/, 'no Upgrade', Upgrade => undef ],
	[ 426, qr/proxy/, 'another Upgrade', Upgrade => 'h2c' ],
	[ 426, qr/proxy/, 'a word that contains websocket', Upgrade => 'websockets' ],
	[ 426, qr/proxy/, 'HTTP/1.0', line => 'GET /ws HTTP/1.0' ],
	[ 505, qr/HTTP\/1.1/, 'HTTP/2.0', line => 'GET /ws HTTP/2.0' ],
	[ 400, qr/version/, 'another protocol', line => 'GET /ws FOO/1.1' ],
	[ 501, qr/method/, 'lower-case methods', line => 'get /ws HTTP/1.1' ],
	[ 400, qr/GET/, 'POST', line => 'POST /ws HTTP/1.1' ],
	[ 400, qr/GET/, 'HEAD', line => 'HEAD /ws HTTP/1.1' ],
	[ 404, qr/no WebSocket/, 'another path', line => 'GET /wsx HTTP/1.1' ],
	[ 404, qr/no WebSocket/, 'a path below', line => 'GET /ws/ HTTP/1.1' ],
	[ 400, qr/path/, 'a zero byte in the path', line => 'GET /ws%00 HTTP/1.1' ],
	[ 400, qr/no Host/, 'no Host', Host => undef ],
	[ 400, qr/more than one/, 'two Hosts', Host => [ 'localhost', 'localhost' ] ],
	[ 400, qr/no host/, 'a Host that is none', Host => 'local host' ],
	[ 400, qr/no host/, 'an empty Host', Host => '' ],
	[ 421, qr/allowed_hosts/, 'a foreign Host', Host => 'evil.example' ],
	[ 421, qr/allowed_hosts/, 'a foreign host in the address', line => 'GET http://evil.example/ws HTTP/1.1' ],
	[ 403, qr/allowed_origins/, 'a foreign Origin', Origin => 'http://evil.example' ],
	[ 403, qr/allowed_origins/, 'two Origins', Origin => [ 'http://localhost', 'http://localhost' ] ],
	[ 400, qr/body/, 'a body', 'Content-Length' => 5 ],
	[ 400, qr/body/, 'a body in chunks', 'Transfer-Encoding' => 'chunked' ],
	[ 400, qr/Protocol/, 'subprotocols that are no words', 'Sec-WebSocket-Protocol' => 'a b' ],
	[ 400, qr/Extensions/, 'extensions that are none', 'Sec-WebSocket-Extensions' => 'a; b=' ],
	[ 400, qr/Extensions/, 'an extension that ends early', 'Sec-WebSocket-Extensions' => 'permessage-deflate;' ],
	[ 431, qr/long/, 'a long header', Cookie => 'a=' . 'b' x 9000 ],
	[ 414, qr/long/, 'a long address', line => 'GET /ws?' . 'a' x 9000 . ' HTTP/1.1' ]);
for (@refused)
{
	my ($expected, $why, $what, %change) = @$_;
	my ($status, $headers, $body) = open_with(%change);

	is($status, $expected, "$what: refused");
	if (!$change{line} || $change{line} !~ /HEAD/)
	{
		like($body, $why, 'and told why') or diag $body;
	}
	is("$headers->{upgrade} $headers->{'sec-websocket-version'}", 'websocket 13', 'and what would be right')
	  if $expected == 426;
}

# What comes right behind the request
my $call = '{"rpc":"no/such-path","id":"%s","args":[]}';
my $head = join '', "GET /ws HTTP/1.1\r\n", map { "$_: $good{$_}\r\n" } sort keys %good;
for my $frames (1, 100, 3000)
{
	my $answer = http_raw($node, "$head\r\n" . join('', map { ws_frame('text', sprintf $call, $_) } 1 .. $frames)
		  . ws_frame('ping', 'last'), qr/\A(?=.*\x8a\x04last)(?>.*?"code":"){$frames}/s);
	is(() = $answer =~ /"code":"(?:NOT_FOUND|OVERLOADED)"/g, $frames, "$frames calls right behind the request");
	like($answer, qr/\x8a\x04last/, 'and a ping behind them');
}
my $socket = tcp_connect($node);
syswrite $socket, $_ for split //, "$head\r\n" . ws_frame('ping', 'slow');
like(http_raw($socket, '', qr/slow/), qr/\AHTTP.1.1 101 .*\x8a\x04slow\z/s, 'byte by byte');
$socket = tcp_connect($node);
http_raw($socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", qr/ready/);
like(http_raw($socket, "$head\r\n", qr/sessionId/), qr/\AHTTP.1.1 101 /, 'a connection that has asked for something else');
like(http_raw($node, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n$head\r\n" . ws_frame('ping', 'p'), qr/\x8a\x01p/),
	qr/ready\nHTTP.1.1 101 .*welcome/s, 'and one that still waits for it');
like(http_raw($node, "$head" . "X: y\r\n\r\n" . "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	qr/\AHTTP.1.1 101 (?!.*200 OK).*\x88.\x03\xea/s, 'a request behind it is no frame');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
