# Handshakes that come byte by byte, before TLS, in it and behind it, and crowds of
# connections that never become one: who is good is answered meanwhile, and the
# others end at their time and are counted.
use strict;
use warnings;

use IO::Select;
use IO::Socket::SSL;
use PostgreSQL::Test::Utils;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $folder = PostgreSQL::Test::Utils::tempdir();
system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
	'-subj', '/CN=localhost', '-days', '1', '-keyout', "$folder/key.pem", '-out', "$folder/cert.pem");
chmod 0600, "$folder/key.pem";

my $crowd = 250;
my $node = new_node('realtime.executors' => 2, 'realtime.handshake_timeout' => '3s', 'realtime.max_connections' => 2000);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
SELECT realtime.rpc('app/echo', 'app.echo(text)');
});
wait_for_call($node, 'app/echo', ['x']);

sub counted { return $node->safe_psql('postgres', q{SELECT hits FROM realtime.limits WHERE name = 'handshake_timeout'}) }
my $head = join "\r\n", 'GET /ws HTTP/1.1', 'Host: 127.0.0.1:' . gateway_port($node), 'Upgrade: websocket', 'Connection: Upgrade',
	'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'X-Endless: ' . 'y' x 4000;

# One of the crowd: writes a byte of its bytes at each step, and knows whether it has been ended.
sub guest
{
	my ($bytes, %option) = @_;
	my $socket = $option{socket} // tcp_connect($node, tls => 0) or die "could not connect: $!\n";
	$socket->blocking(0);
	return { socket => $socket, bytes => $bytes, at => 0, answer => '' };
}

sub step
{
	my ($guest) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return 0 if $guest->{ended};
	if ($guest->{at} < length $guest->{bytes})
	{
		$guest->{at}++ if defined syswrite $guest->{socket}, $guest->{bytes}, 1, $guest->{at};
	}
	my $n = sysread $guest->{socket}, my $bytes, 4096;
	$guest->{answer} .= $bytes if $n;
	$guest->{ended} = 1 if defined $n && $n == 0 || !defined $n && !$!{EAGAIN} && !$!{EWOULDBLOCK};
	return !$guest->{ended};
}

# Steps all of them, while good clients call and come in, until all have ended.
sub endure
{
	my ($what, $count, $make) = @_;
	my $before = counted();
	my @guests = map { $make->() } 1 .. $count;
	my $inside = ws_connect($node);
	my ($answered, $rounds, $entered) = (0, 0, 0);
	my $left = poll_until(sub {
		my $there = grep { step($_) } @guests;
		$rounds++;
		$answered++ if (eval { ws_call($inside, 'app/echo', ["$rounds"])->{data} } // '') eq "$rounds";
		if ($rounds % 5 == 1)
		{
			my $other = eval { ws_connect($node) };
			$entered++ if $other && ws_call($other, 'app/echo', ['in'])->{data} eq 'in';
			ws_close($other) if $other;
		}
		return $there == 0;
	});
	ok($left, "$what: all are ended");
	cmp_ok($rounds, '>', 5, 'while others were there');
	is($answered, $rounds, 'who is in is answered all the time');
	is($entered, int(($rounds + 4) / 5), 'others come in');
	is(counted() - $before, scalar @guests, 'each of them is counted, and nobody else');
	ws_close($inside);
	return @guests;
}

# The event loop finds sockets without a search only if its tables are as long as the
# limit of descriptors: so that is what a gateway needs, and no more.
my ($soft) = slurp_file('/proc/' . $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway') . '/limits') =~ /^Max open files\s+(\d+)/m;
cmp_ok($soft, '>=', 2000, 'a gateway has descriptors for its connections');
cmp_ok($soft, '<', 4000, 'and not many more');

endure('who says nothing', $crowd, sub { guest('') });
my @slow = endure('a head byte by byte', $crowd, sub { guest($head) });
is(scalar(grep { $_->{answer} =~ /^HTTP\/1.1 408 / } @slow), $crowd, 'and told why');
endure('a body that does not come', 20, sub { guest("POST /__ws/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n") });
is($node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway'), 0, 'nothing is left of them')
  if poll_until(sub { $node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway') == 0 });

# The same with TLS
my %tls = (SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE());
$node->append_conf('postgresql.conf', "realtime.tls_cert_file = '$folder/cert.pem'\nrealtime.tls_key_file = '$folder/key.pem'\n");
$node->reload;
$node->{realtime_tls} = \%tls;
ok(poll_until(sub { eval { ws_connect($node) } }), 'with TLS');

# What a client begins with, as OpenSSL writes it
sub hello
{
	my ($ours, $theirs) = IO::Socket->socketpair(Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0) or die;
	$_->blocking(0) for $ours, $theirs;
	IO::Socket::SSL->start_SSL($theirs, SSL_startHandshake => 0, %tls)->connect_SSL;
	sysread $ours, my $bytes, 65536;
	return $bytes;
}
my $hello = hello();
cmp_ok(length $hello, '>', 100, 'a ClientHello');
my $crowd_of_tls = 60;
endure('who says nothing where TLS is spoken', $crowd_of_tls, sub { guest('') });
endure('a ClientHello byte by byte', $crowd_of_tls, sub { guest(substr($hello, 0, -1)) });
endure('a ClientHello, and then nothing', $crowd_of_tls, sub {
	my $guest = guest('');
	syswrite $guest->{socket}, $hello;
	return $guest });
endure('what is no TLS', $crowd_of_tls, sub { guest("\x16\x03\x01\xff") });
endure('a head byte by byte in TLS', $crowd_of_tls, sub { guest($head, socket => tcp_connect($node)) });

unlike(slurp_file($node->logfile), qr/PANIC: |TRAP:|was terminated by signal/, 'nothing has crashed');

done_testing();
