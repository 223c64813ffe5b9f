# Requests over HTTP: what is unclear is refused, with a status and a reason,
# and is never taken for two requests, or two for one.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $node = new_node('realtime.handshake_timeout' => '4s', 'log_min_messages' => 'debug5');
my $host = "Host: localhost\r\n";
my $get = "GET /healthz HTTP/1.1\r\n$host";
my $last = "GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n";
my $upgrade = "GET /ws HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n"
  . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

# The statuses of all answers to what is sent over one connection, which the
# server ends.
sub statuses
{
	my ($bytes) = @_;
	my $answer = http_raw($node, $bytes) // 'nothing';

	return join ' ', $answer =~ m{(?:\A|\n)HTTP/1\.1 (\d{3})}g;
}

# The bodies of text.
sub bodies
{
	my ($bytes) = @_;
	return join '', (http_raw($node, $bytes) // 'nothing') =~ /\r\n\r\n([^\r]*\n)/g;
}

# One request after the other
is(statuses($get . "\r\n" . $last), '200 200', 'requests may be pipelined');
is(statuses(("$get\r\n" x 500) . $last), join(' ', ('200') x 501), 'very many of them');
is(statuses("\r\n$get\r\n\r\n$last"), '200 200', 'an empty line may stand before each');
my $socket = tcp_connect($node);
like(http_raw($socket, "$get\r\n", qr/ready\n\z/), qr{\AHTTP/1.1 200 OK\r\n}, "request $_ of a connection")
  for 1 .. 3;
$socket = tcp_connect($node);
syswrite $socket, $_ for split //, $last;
like(http_raw($socket, ''), qr{\AHTTP/1.1 200 }, 'a request may come byte by byte');
my $answer = http_raw($node, $last);
like($answer, qr/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/, 'answers have a date');
like($answer, qr/\r\nConnection: close\r\n/, 'and say that they are the last');
unlike(http_raw($node, "$get\r\n", qr/ready\n\z/), qr/\r\nConnection: /, 'unless they are not');
$answer = http_raw($node, "HEAD /healthz HTTP/1.1\r\n$host\r\n$last");
like($answer, qr{\AHTTP/1.1 200 OK\r\n[^\n]*\r\n.*?\r\nContent-Length: 6\r\n.*?\r\n\r\nHTTP/1.1 200 OK\r\n}s,
	'HEAD gets a head');

# A head that is unclear is refused, and what follows it is not looked at.
my %unclear = (
	'a header without a colon' => 'X-Broken',
	'a folded header' => "X-A: b\r\n c",
	'a header folded with a tab' => "X-A: b\r\n\tc",
	'a header that begins folded' => ' X-A: b',
	'a blank before the colon' => 'X-A : b',
	'a header without a name' => ': b',
	'a name that is no token' => 'X(A): b',
	'a zero byte' => "X-A: b\0c",
	'a control character' => "X-A: b\x01c",
	'a CR' => "X-A: b\rc",
	'a line that ends with LF' => "X-A: b\nX-C: d",
	'two lengths' => "Content-Length: 5\r\nContent-Length: 6",
	'a length twice' => "Content-Length: 5\r\nContent-Length: 5",
	'a list of lengths' => 'Content-Length: 5, 5',
	'a length with a sign' => 'Content-Length: +5',
	'a length and chunks' => "Content-Length: 5\r\nTransfer-Encoding: chunked",
	'chunks twice' => 'Transfer-Encoding: chunked, chunked',
	'a coding that does not end' => 'Transfer-Encoding: gzip',
	'a disguised coding' => "Transfer-Encoding: \x0bchunked",
	'another Host' => 'Host: localhost');
for (sort keys %unclear)
{
	is(statuses("POST /healthz HTTP/1.1\r\n$host$unclear{$_}\r\n\r\n$last"), '400', "$_ is refused");
}
for ("GET /healthz HTTP/1.1\nHost: localhost\n\n", "GET  /healthz HTTP/1.1\r\n$host\r\n",
	"GET /healthz  HTTP/1.1\r\n$host\r\n", "GET\t/healthz\tHTTP/1.1\r\n$host\r\n",
	"GET /healthz HTTP/1.1 \r\n$host\r\n", "GET /healthz\r\n$host\r\n", "GET /healthz FOO/1.1\r\n$host\r\n",
	"GET /healthz http/1.1\r\n$host\r\n", "GET healthz HTTP/1.1\r\n$host\r\n", "GET /a b HTTP/1.1\r\n$host\r\n",
	"GET /%zz HTTP/1.1\r\n$host\r\n", "GET /a#b HTTP/1.1\r\n$host\r\n", "GET * HTTP/1.1\r\n$host\r\n",
	"GET /healthz HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
	"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
	"G{}T /healthz HTTP/1.1\r\n$host\r\n", "\r\n\r\n\r\n$get\r\n", "\x16\x03\x01\x02\x00\x01")
{
	my $shown = s/[^ -~]/./gr;
	is(statuses($_ . $last), '400', "$shown is refused");
}
is(bodies("$get" . "X-Broken\r\n\r\n"), "A header has no colon.\n", 'the reason is told');
is(statuses($_), (/HTTP.2/ ? '505' : '501'), s/\r.*//sr . ' is not known')
  for "get /healthz HTTP/1.1\r\n$host\r\n", "BREW /healthz HTTP/1.1\r\n$host\r\n",
  "CONNECT x:80 HTTP/1.1\r\n$host\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET /healthz HTTP/2.0\r\n$host\r\n";
is(statuses("POST /healthz HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n"), '501',
	'nor are codings but chunked');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Content-Length: 99999999999999999999\r\n\r\n"), '413',
	'a number of bytes that nobody has');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Expect: tea\r\nContent-Length: 5\r\n\r\n"), '417',
	'nobody expects that');

# What is clear is answered, whatever it is called.
for my $name (qw(A X If TE Auth User Proxy Connect Via Range X-Auth X-Forwarded X-Forwarded-For X-Real X-Real-IP
	Forwarded Cookie Sec Sec-WebSocket Sec-WebSocket-Key Transfer Content Access-Control Upgrade-Insecure-Requests
	HTTP2-Settings Keep-Alive Authorization))
{
	is(statuses($get . "$name: t\r\nConnection: close\r\n\r\n"), '200', "a header $name");
	next if $name eq 'Sec-WebSocket-Key';
	like(http_raw($node, $upgrade . "$name: t\r\n\r\n", qr/sessionId/), qr{\AHTTP/1.1 101 }, 'of an upgrade as well');
}
is(statuses($get . "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
	'200', 'another protocol that is offered is not taken');
is(statuses("GET http://localhost:80/healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n"), '200',
	'an address may be written with its host');
is(statuses("GET http://localhost HTTP/1.1\r\n${host}Connection: close\r\n\r\n"), '404', 'without a path, too');
is(statuses("GET /%68ealthz?a=b HTTP/1.1\r\n${host}Connection:\t, close ,\r\n\r\n"), '200',
	'escapes, a query, blanks and empty elements');
is(statuses("GET /a/../healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n"), '200', 'dots are resolved');
is(statuses("GET /../healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n"), '400', 'and lead nowhere above the root');
is(statuses("GET /healthz HTTP/1.0\r\n\r\n$last"), '200', 'a request of HTTP/1.0 is the last one');
is(statuses("GET /healthz HTTP/1.7\r\n${host}Connection: close\r\n\r\n"), '200', 'one of a later 1.x is one');

# Bodies that nobody wants are read and dropped.
for my $method (qw(POST PUT PATCH DELETE OPTIONS))
{
	for ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
		"\r\n")
	{
		is(statuses("$method /healthz HTTP/1.1\r\n$host$_$last"), '405 200', "a body behind $method");
	}
}
like(http_raw($node, "POST /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n"),
	qr{\AHTTP/1.1 405 Method Not Allowed\r\n.*\r\nAllow: GET, HEAD\r\n}s, 'what is allowed is told');
is(statuses("POST /nothing HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello$last"), '404 200', 'where nothing is');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Content-Length: 1000000\r\n\r\n" . 'x' x 1_000_000), '405',
	'a long body is not waited for');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n" . "1000\r\n" . 'x' x 4096 . "\r\n"),
	'408', 'a body that does not come to its end');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n" . ("1000\r\n" . 'x' x 4096 . "\r\n") x 17),
	'405', 'nor one of many chunks');
is(statuses("POST /healthz HTTP/1.1\r\n${host}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"), '405',
	'who waits before the body gets the answer at once');
for ("5\nhello", "x\r\n", "5 \r\nhello", "5;\r\nhello", "5\r\nhelloX\r\n", "0\r\nX\r\n\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFF\r\n")
{
	my $shown = s/[^ -~]/./gr;
	is(statuses("POST /healthz HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n$_\r\n$last"), '400',
		"chunks that are unclear: $shown");
}
for ("Content-Length: 44\r\n", "Transfer-Encoding: chunked\r\n")
{
	is(statuses("$get$_\r\n$last"), '400', 'a body behind GET is refused');
}

# Sizes
is(statuses($get . 'X: ' . 'y' x 8000 . "\r\nConnection: close\r\n\r\n"), '200', 'a long header');
is(statuses($get . 'X: ' . 'y' x 8200 . "\r\n\r\n"), '431', 'one that is too long');
is(statuses($get . "X: y\r\n" x 98 . "Connection: close\r\n\r\n"), '200', 'many headers');
is(statuses($get . "X: y\r\n" x 101 . "\r\n"), '431', 'too many');
is(statuses($get . ('X: ' . 'y' x 1000 . "\r\n") x 20 . "\r\n"), '431', 'too long together');
is(statuses('GET /' . 'y' x 8000 . " HTTP/1.1\r\n${host}Connection: close\r\n\r\n"), '404', 'a long address');
is(statuses('GET /' . 'y' x 8200 . " HTTP/1.1\r\n$host\r\n"), '414', 'one that is too long');
for (8190 .. 8194, 16380 .. 16388)
{
	like(statuses($get . "X: @{[ 'y' x ($_ - 3) ]}\r\nConnection: close\r\n\r\n"), qr/\A(200|431)\z/,
		"a line of $_ bytes");
}

# Time
my $began = time;
is(statuses("GET /healthz HTTP/1.1\r\nHost: loc"), '408', 'half a request is answered when its time is up');
cmp_ok(time - $began, '<', soon(), 'which is soon');
is(statuses(''), '', 'and nothing by nothing');
$socket = tcp_connect($node);
http_raw($socket, "$get\r\n", qr/ready\n\z/);
like(http_raw($socket, 'GET /heal'), qr{\AHTTP/1.1 408 }, 'a later request has the same time');

# Answers that nobody reads are bounded, and do not keep others from theirs.
$socket = tcp_connect($node, receive_buffer => 4096);
$socket->blocking(0);
{
	local $SIG{PIPE} = 'IGNORE';
	for (1 .. 300)
	{
		last unless syswrite $socket, "$get\r\n" x 1000;
	}
}
is(statuses($last), '200', 'others get their answers');
cmp_ok($node->safe_psql('postgres', 'SELECT memory FROM realtime.stat_gateway'), '<', 1_000_000,
	'answers to who does not read are bounded');
$socket->blocking(1);
my ($count, $have) = (0, '');
while (IO::Select->new($socket)->can_read(soon()))
{
	sysread $socket, $have, 65536, length $have or last;
	$count++ while $have =~ s/\A.*?ready\n//s;
}
cmp_ok($count, '>', 1000, 'and come when it reads');

# What may be a secret is not written down, whatever is made of the request.
for ('GET /healthz?token=Kellerassel', 'GET /ws?token=Kellerassel', 'GET /nothing?token=Kellerassel',
	'POST /healthz?token=Kellerassel', 'GET /%zz?token=Kellerassel', 'BREW /?token=Kellerassel')
{
	http_raw($node, "$_ HTTP/1.1\r\n${host}Authorization: Bearer Kellerassel\r\nCookie: t=Kellerassel\r\nConnection: close\r\n\r\n");
}
like(http_raw($node, $upgrade =~ s/\/ws/\/ws?token=Kellerassel/r . "\r\n", qr/sessionId/), qr{\AHTTP/1.1 101 },
	'an upgrade with a query');

is(statuses($last), '200', 'all is well');
$node->stop('fast');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');
like($log, qr/DEBUG/, 'the log says a lot');
unlike($log, qr/Kellerassel/, 'but neither queries nor tokens');

done_testing();
