# The front door under pressure: slow and oversize handshakes, who is refused
# and how, plain HTTP, and the files of realtime.document_root.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $place = PostgreSQL::Test::Utils::tempdir;
mkdir "$place/root";
mkdir "$place/root/sub";
symlink "$place/elsewhere.txt", "$place/root/link.txt";
append_to_file("$place/$_->[0]", $_->[1]) for (
	[ 'secret.txt', 'secret' ], [ 'index.html', 'secret' ],
	[ 'elsewhere.txt', 'linked' ],
	[ 'root/index.html', 'start' ], [ 'root/sub/index.html', 'below' ],
	[ 'root/page.txt', 'page' ], [ 'root/large.txt', 'x' x 3_000_000 ]);

my $max_connections = 8;
my $node = new_node(
	'realtime.handshake_timeout' => '1s',
	'realtime.max_connections' => $max_connections,
	'realtime.document_root' => "$place/root");
my %upgrade = (
	Upgrade => 'websocket',
	Connection => 'Upgrade',
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
	'Sec-WebSocket-Version' => 13);
my $call = '{"rpc":"no/such-path","id":"a","args":[]}';

# Sends bytes and reads until the server closes the connection or, if given,
# a pattern has arrived.  Returns what has, undef if the server did neither.
sub exchange
{
	my ($bytes, $until, $seconds) = @_;
	my $socket = ref $bytes ? $bytes : tcp_connect($node);
	my $deadline = time + ($seconds // 20);
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	syswrite $socket, $bytes unless ref $bytes;
	while (!$until || $answer !~ $until)
	{
		my $left = $deadline - time;
		return undef if $left <= 0 || !IO::Select->new($socket)->can_read($left);
		my $n = sysread $socket, $answer, 65536, length $answer;
		last unless $n;
	}
	return $answer;
}

# Plain HTTP
my $answer = exchange("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" x 3
	  . "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
is(() = $answer =~ /200 OK\r\n.*?\r\n\r\nready\n/sg, 4,
	'requests may be pipelined, and the last one closes');
my $socket = tcp_connect($node);
for (1 .. 3)
{
	syswrite $socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	like(exchange($socket, qr/ready\n\z/), qr/200 OK/, 'a connection is kept for more requests');
}
like(exchange("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
	qr{\AHTTP/1.1 200 OK\r\n.*content-length: 6\r\n\r\n\z}is, 'HEAD gets a head');
like(exchange("HEAD /page.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
	qr{\AHTTP/1.1 200 OK\r\n.*content-length: 4\r\n.*\r\n\r\n\z}is, 'of a file as well');
for my $method (qw(POST PUT PATCH DELETE OPTIONS))
{
	for my $path ('/healthz', '/page.txt', '/ws')
	{
		like(exchange("$method $path HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"),
			qr{\AHTTP/1.1 405 .*\r\nallow: GET, HEAD\r\n}is, "$method $path is not allowed");
	}
}
like(exchange("POST /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), qr{\AHTTP/1.1 405 },
	'nor is a body without an end waited for');
for ("Content-Length: 44\r\n", "Transfer-Encoding: chunked\r\n")
{
	$answer = exchange("GET /healthz HTTP/1.1\r\nHost: localhost\r\n$_\r\n"
		  . "GET /page.txt HTTP/1.1\r\nHost: localhost\r\nX-Y: 1\r\n\r\n");
	like($answer, qr{\AHTTP/1.1 400 }, 'a request that has a body is refused');
	unlike($answer, qr/page/, 'and the body not taken for a request');
}
for ("BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n")
{
	unlike(exchange($_) // 'nothing', qr/\bnothing|200 OK|101 /, 'what is no HTTP is refused');
}
is(exchange("CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", undef, 10) // 'kept', '',
	'nobody gets a tunnel');

# Files
my %file = (
	'/' => 'start', '/index.html' => 'start', '/page.txt' => 'page',
	'/sub/' => 'below', '/sub/../page.txt' => 'page', '/./page.txt' => 'page',
	'/link.txt' => 'linked', '/page.txt?a=b' => 'page', '/%70age.txt' => 'page');
for (sort keys %file)
{
	my ($status, undef, $body) = http_request($node, "GET $_");
	is("$status $body", "200 $file{$_}", "$_ is served");
}
my (undef, undef, $large) = http_request($node, 'GET /large.txt');
is(length $large, 3_000_000, 'a large file as well');
for (
	'/none.txt', '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt',
	'/%2e%2e%2fsecret.txt', '/sub/../../secret.txt', '/sub/..%2f..%2fsecret.txt',
	'/..%00', '/..%00/', '/sub/..%00/../../secret.txt', '//../secret.txt',
	'/....//secret.txt', '/..;/secret.txt', '/%c0%ae%c0%ae/secret.txt',
	'/..\\secret.txt', '/.%2e/.%2e/secret.txt', '/' . '../' x 50 . 'secret.txt',
	'/' . 'a' x 5000, "$place/secret.txt", '/page.txt%00.html')
{
	$answer = exchange("GET $_ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	my $shown = length $_ > 60 ? substr($_, 0, 60) . '...' : $_;
	unlike($answer // 'nothing', qr/secret\z|\Anothing/, "$shown gives nothing away");
}
my ($status) = http_request($node, 'GET /ws');
is($status, 426, 'the path of the WebSocket is no file');

# Upgrades
($status) = http_request($node, 'GET /page.txt', %upgrade);
is($status, 404, 'an upgrade of a file is not found');
for my $protocol ('h2c', 'soap', 'websocketx')
{
	for my $when ('at first', 'later')
	{
		$socket = tcp_connect($node);
		if ($when eq 'later')
		{
			syswrite $socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
			exchange($socket, qr/ready\n\z/);
		}
		syswrite $socket, "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
		  . "Upgrade: $protocol\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
		like(exchange($socket), qr{\A(HTTP/1.. 403 .*)?\z}s,
			"an upgrade to $protocol is refused ($when)");
	}
}
for (
	[ 403, 'https://evil.example' ], [ 403, 'null' ], [ 403, 'x' x 2000 ],
	[ 403, 'http://127.0.0.1' ], [ 101, undef ],
	[ 101, 'http://127.0.0.1:' . gateway_port($node) ],
	[ 101, 'HTTP://127.0.0.1:' . gateway_port($node) ])
{
	my ($expected, $origin) = @$_;
	is(upgrade_status($origin), $expected, substr($origin // 'no Origin', 0, 40) . " gets $expected");
}
set(allowed_origins => 'https://a.example, https://b.example:8443');
for (
	[ 101, 'https://a.example' ], [ 101, 'https://b.example:8443' ], [ 101, undef ],
	[ 403, 'https://b.example' ], [ 403, 'http://a.example' ],
	[ 403, 'https://a.example.evil' ], [ 403, 'http://127.0.0.1:' . gateway_port($node) ])
{
	my ($expected, $origin) = @$_;
	is(upgrade_status($origin), $expected, ($origin // 'no Origin') . " gets $expected of a list");
}
set(allowed_origins => '*');
is(upgrade_status('https://evil.example'), 101, 'an asterisk allows all');
set(allowed_origins => '');
is(upgrade_status('https://evil.example'), 403, 'an empty list none');
set(allowed_origins => 'same-origin');

# The status that an upgrade gets.
sub upgrade_status
{
	my ($origin) = @_;
	my ($got) = http_request($node, 'GET /ws', %upgrade, Origin => $origin);
	return $got;
}

sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.$name = '$value'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('realtime.$name') = '$value'");
	# The gateway has read it when it answers after this.
	http_request($node, 'GET /healthz') for 1 .. 2;
	return;
}

# Hosts: a page of a foreign name that resolves to our address ("DNS rebinding")
# has the same origin as its requests, and is refused nevertheless.
my $port = gateway_port($node);
for my $host ("evil.example:$port", "192.0.2.1:$port", "[2001:db8::1]:$port", "0.0.0.0:$port", "localhost.evil.example",
	"127.0.0.1.evil.example", '127.1', 'a.example')
{
	is_deeply([ statuses($host) ], [ 421, 421, 421, 200 ], "host $host is not ours");
}
for my $host ("localhost:$port", "LOCALHOST", 'localhost.', 'app.localhost', "127.0.0.1:$port", '127.3.2.1', "[::1]:$port", '[::1]')
{
	is_deeply([ statuses($host) ], [ 101, 200, 404, 200 ], "host $host is");
}
for my $host ('', 'a b', 'localhost:x', 'localhost/', 'local,host', '[::1', '::1', "\x80", 'http://localhost')
{
	my @status = statuses($host);
	is_deeply([ @status[0 .. 2] ], [ 400, 400, 400 ], "host \"$host\" is none");
}
like(exchange("GET /page.txt HTTP/1.1\r\n\r\n"), qr{\AHTTP/1.1 400 }, 'a request without a host is refused');
like(exchange("GET /page.txt HTTP/1.0\r\n\r\n"), qr{\AHTTP/1.[01] 400 }, 'an old one as well');
unlike(exchange("GET /page.txt HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n") // '', qr/200 OK/, 'and one with two');
my (undef, undef, $reason) = http_request($node, 'GET /page.txt', Host => 'evil.example');
is($reason, "Host not allowed: this server is not known by that name, see realtime.allowed_hosts.\n", 'the reason is told');

set(allowed_hosts => 'a.example, *.b.example, 192.0.2.1, ::2');
for my $host ('a.example', 'A.Example:443', 'x.b.example', "192.0.2.1:$port", '[0::2]', "127.0.0.1:$port", 'localhost')
{
	is_deeply([ statuses($host) ], [ 101, 200, 404, 200 ], "host $host is ours, of a list");
}
for my $host ('evil.example', 'b.example', 'x.a.example', 'a.example.evil', '192.0.2.2')
{
	is_deeply([ statuses($host) ], [ 421, 421, 421, 200 ], "host $host is not");
}
set(allowed_hosts => '*');
is_deeply([ statuses('evil.example') ], [ 101, 200, 404, 200 ], 'an asterisk allows all');
is((statuses('a b'))[0], 400, 'that are hosts');
set(allowed_hosts => '');

# The statuses that a page at a host gets for the socket, files and health.
sub statuses
{
	my ($host) = @_;
	my @header = (Host => $host, Origin => "http://$host");
	my $upgrade;

	# connections that have just been closed may still be counted
	poll_until(sub { ($upgrade) = http_request($node, 'GET /ws', %upgrade, @header); $upgrade != 503 });
	return ($upgrade,
		map { (http_request($node, "GET $_", @header))[0] } '/page.txt', '/none.txt', '/healthz');
}

# Too many connections
ok(poll_until(sub { connections() == 0 }), 'connections end with their clients');
my @ws = map { ws_connect($node) } 1 .. $max_connections;
is(upgrade_status(), 503, 'there are no more connections than allowed');
ws_close(pop @ws);
ok(poll_until(sub { upgrade_status() == 101 }), 'but one for each that ends');
ws_close($_) for @ws;

sub connections
{
	return $node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway');
}

# Slow handshakes end after realtime.handshake_timeout, whatever they do.
$socket = tcp_connect($node);
my $began = time;
{
	local $SIG{PIPE} = 'IGNORE';
	for (split //, "GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Endless: " . 'y' x 1000)
	{
		syswrite $socket, $_ or last;
		last if IO::Select->new($socket)->can_read(0.05);
	}
}
cmp_ok(time - $began, '<', 5, 'a handshake byte by byte is ended');

# More silent sockets than the gateway may hold: the rest gets a word, and all
# are ended in time.
my @silent = map { tcp_connect($node) } 1 .. $max_connections + 256 + 20;
$began = time;
my @said = map { exchange($_) } @silent;
cmp_ok(time - $began, '<', 5, 'silent sockets are ended');
is((grep { !defined } @said), 0, 'all of them');
cmp_ok(scalar(grep { /\AHTTP\/1.1 503 / } @said), '>=', 20, 'those beyond the limit at once');
my $ws = ws_connect($node);
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND', 'and there is room again');

# A request that has begun as a WebSocket has no time limit.
ok(!eval { ws_recv($ws, 2); 1 }, 'a connection may stay silent for longer');
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND', 'and lives');

# Oversize heads
for my $bytes ('GET /ws HTTP/1.1' . "\r\nX-Many: y" x 10000 . "\r\n\r\n",
	"GET /ws HTTP/1.1\r\nX-Long: " . 'y' x 100000 . "\r\n\r\n",
	'GET /' . 'y' x 100000 . " HTTP/1.1\r\n\r\n",
	"GET /ws HTTP/1.1\r\n" . 'y' x 100000 . ": z\r\n\r\n",
	"GET /ws HTTP/1.1\r\n" . join('', map { "Cookie: $_\r\n" } 1 .. 1000) . "\r\n",
	"\r\n" x 50000, "\0" x 100000, 'GET ' x 20000)
{
	# The server may close before it has read all: then the answer is lost.
	my $got = exchange($bytes) // 'nothing';
	like($got, qr{\A(HTTP/1.[01] 4\d\d .*)?\z}s, 'an oversize head is refused');
}
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND', 'and others do not notice');

# The rate of one address
set(upgrade_rate => 3);
my @got = map { upgrade_status() } 1 .. 5;
is("@got", '101 101 101 429 429', 'an address may connect so often');
my ($healthy) = http_request($node, 'GET /healthz');
is($healthy, 200, 'plain requests are not counted');
ok(poll_until(sub { upgrade_status() == 101 }), 'and again some time later');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
