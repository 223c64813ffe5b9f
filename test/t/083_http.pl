# The front door under pressure: who is let in, from where and to which host,
# slow and oversize handshakes, too many of them.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $place = PostgreSQL::Test::Utils::tempdir;
mkdir "$place/root";
append_to_file("$place/root/page.txt", 'page');

my $max_connections = 8;
my $node = new_node(
	'realtime.handshake_timeout' => '4s',
	'realtime.max_connections' => $max_connections,
	'realtime.document_root' => "$place/root");
my %upgrade = (
	Upgrade => 'websocket',
	Connection => 'Upgrade',
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
	'Sec-WebSocket-Version' => 13);
my $call = '{"rpc":"no/such-path","id":"a","args":[]}';

# Upgrades
my ($status) = http_request($node, 'GET /page.txt', %upgrade);
is($status, 404, 'an upgrade of a file is not found');
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
like(http_raw($node, "GET /page.txt HTTP/1.1\r\n\r\n"), qr{\AHTTP/1.1 400 }, 'a request without a host is refused');
like(http_raw($node, "GET /page.txt HTTP/1.0\r\n\r\n"), qr{\AHTTP/1.[01] 400 }, 'an old one as well');
unlike(http_raw($node, "GET /page.txt HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n") // '', qr/200 OK/, 'and one with two');
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

# The statuses of so many upgrades that are asked for at once.
sub burst
{
	my ($count) = @_;
	my @sockets = map { tcp_connect($node) } 1 .. $count;

	syswrite $_, join '', "GET /ws HTTP/1.1\r\nHost: localhost\r\n", (map { "$_: $upgrade{$_}\r\n" } sort keys %upgrade), "\r\n"
	  for @sockets;
	return map { (http_raw($_, '', qr/\r\n\r\n/) // '') =~ m{\AHTTP/1.1 (\d+)} ? $1 : 0 } @sockets;
}

sub connections
{
	return $node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway');
}

# Slow handshakes end after realtime.handshake_timeout, whatever they do.
my $socket = tcp_connect($node);
my $began = time;
{
	local $SIG{PIPE} = 'IGNORE';
	for (split //, "GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Endless: " . 'y' x 1000)
	{
		syswrite $socket, $_ or last;
		last if IO::Select->new($socket)->can_read(0.05);
	}
}
cmp_ok(time - $began, '<', soon(), 'a handshake byte by byte is ended');

# More silent sockets than the gateway may hold: the rest gets a word, and all
# are ended in time.
my @silent = map { tcp_connect($node) } 1 .. $max_connections + 256 + 20;
$began = time;
my @said = map { http_raw($_, '') } @silent;
cmp_ok(time - $began, '<', soon(), 'silent sockets are ended');
is((grep { !defined } @said), 0, 'all of them');
cmp_ok(scalar(grep { /\AHTTP\/1.1 503 / } @said), '>=', 20, 'those beyond the limit at once');
my $ws = ws_connect($node);
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND', 'and there is room again');

# A request that has begun as a WebSocket has no time limit.
ok(!eval { ws_recv($ws, 5); 1 }, 'a connection may stay silent for longer');
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
	my $got = http_raw($node, $bytes) // 'nothing';
	like($got, qr{\A(HTTP/1.[01] 4\d\d .*)?\z}s, 'an oversize head is refused');
}
is(ws_call($ws, 'no/such-path', [])->{code}, 'NOT_FOUND', 'and others do not notice');

# The rate of one address
set(upgrade_rate => 3);
my ($taken, @got) = (0);
ok(poll_until(sub { @got = burst(6); $taken += grep { $_ == 101 } @got; grep { $_ == 429 } @got }),
	'an address may not connect more often');
cmp_ok($taken, '>=', 3, 'than it may');
my ($healthy) = http_request($node, 'GET /healthz');
is($healthy, 200, 'plain requests are not counted');
ok(poll_until(sub { upgrade_status() == 101 }), 'and again some time later');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
