# TLS: what is spoken, certificates that are renewed, and files that are wrong.
use strict;
use warnings;

use IO::Socket::SSL qw(SSL_VERIFY_PEER);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

my $folder = PostgreSQL::Test::Utils::tempdir;

# A certificate of its own authority, and its key
sub make_certificate
{
	my ($name) = @_;
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-days', '30', '-subj', "/CN=$name", '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
		'-keyout', "$folder/$name.key", '-out', "$folder/$name.crt");
	chmod 0600, "$folder/$name.key";
	return;
}

sub install
{
	my ($name) = @_;
	for my $kind ('crt', 'key')
	{
		append_to_file("$folder/new.$kind", slurp_file("$folder/$name.$kind"));
		chmod 0600, "$folder/new.$kind";
		rename "$folder/new.$kind", "$folder/server.$kind" or die $!;
	}
	return;
}

make_certificate($_) for 'one', 'two';
install('one');
my $node = new_node('realtime.upgrade_rate' => 0, 'realtime.handshake_timeout' => '1s');
sub trusting { return { SSL_verify_mode => SSL_VERIFY_PEER, SSL_ca_file => "$folder/$_[0].crt",
	SSL_verifycn_name => '127.0.0.1', SSL_verifycn_scheme => 'http' }; }

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(a jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION app.long(a integer) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT repeat('x', a)$$;
SELECT realtime.rpc('app/echo', 'app.echo(jsonb)'), realtime.rpc('app/long', 'app.long(integer)'), realtime.topic('all', open => true);
});
wait_for_call($node, 'app/echo', [1]);

# From now on
my $plain = ws_connect($node);
$node->append_conf('postgresql.conf', "realtime.tls_cert_file = '$folder/server.crt'\nrealtime.tls_key_file = '$folder/server.key'\n");
$node->reload;
$node->{realtime_tls} = trusting('one');
ok(poll_until(sub { (eval { (http_request($node, 'GET /healthz'))[0] } // 0) == 200 }), 'TLS is for who comes');
is(ws_call($plain, 'app/echo', [3])->{data}, 3, 'and who is there stays');
ws_close($plain);

# What is spoken
is((http_request($node, 'GET /healthz'))[0], 200, 'HTTP over TLS');
my $ws = ws_connect($node);
is($ws->{socket}->get_sslversion, 'TLSv1_3', 'and WebSocket, by the newest version');
is(ws_call($ws, 'app/echo', [ { a => 1 } ])->{data}{a}, 1, 'a call');
is(length ws_call($ws, 'app/echo', [ 'y' x 900_000 ])->{data}, 900_000, 'a long message there and back');
my @ids = map { "c$_" } 1 .. 2000;
ws_raw($ws, join '', map { ws_frame('text', '{"rpc":"app/echo","id":"' . $_ . '","args":["' . 'z' x 200 . '"]}') } @ids);
my %answers = map { $_ => 1 } map { ws_wait($ws, sub { ($_->{event} // '') =~ /^c\d/ })->{event} } @ids;
is(keys %answers, 2000, 'a burst of calls, in records of any size');
ws_subscribe($ws, 'all');
$node->safe_psql('postgres', q{SELECT realtime.publish('all', 'e', to_jsonb(repeat('v', 100000))) FROM generate_series(1, 100)});
my $events = 0;
ws_wait($ws, sub { ($_->{topic} // '') eq 'all' }) && $events++ while $events < 5;
is($events, 5, 'events');
is(ws_call($ws, 'app/echo', [4])->{data}, 4, 'and an answer behind those that have no room');
my @slow = map { ws_connect($node, receive_buffer => 4096) } 1 .. 3;
ws_send($_, { rpc => 'app/long', id => 'l', args => [900_000] }) for @slow;
is(length ws_wait($_, sub { ($_->{event} // '') eq 'l' })->{data}{data}, 900_000, 'a slow reader gets all') for @slow;
ws_close($_) for @slow;

# Longer than the library gives its own protocols for a beginning
my $idle = ws_connect($node);
my $begin = time;
ok(poll_until(sub { time - $begin > 6 }) && ws_call($idle, 'app/echo', [6])->{data} == 6, 'a connection stays');
ws_close($idle);

is((eval { ws_connect($node, tls => { %{ trusting('one') }, SSL_version => 'TLSv1_2' })->{socket}->get_sslversion }), 'TLSv1_2',
	'the version before is spoken, too');
is(tcp_connect($node, tls => { %{ trusting('one') }, SSL_version => 'TLSv1_1', SSL_cipher_list => 'ALL:@SECLEVEL=0' }), undef,
	'older ones are not');
is(tcp_connect($node, tls => trusting('two')), undef, 'it is who its certificate says');

# Who speaks no TLS gets no answer, and who says nothing does not stay
{
	local $node->{realtime_tls} = undef;
	is(http_raw($node, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") // '', '',
		'there is no answer without TLS');
	my $silent = tcp_connect($node);
	is(http_raw($silent, '') // 'open', '', 'who does not begin is closed');
}

# The end of a stream is told
my $last = ws_connect($node);
ws_raw($last, ws_frame('close', pack 'n', 1000));
is(ws_close_code($last), 1000, 'the close frame is answered');
my $n = sysread $last->{socket}, my $rest, 100;
is($n, 0, 'and nothing is cut off');

# A new certificate
sub peer_name
{
	my ($name) = @_;
	my $socket = tcp_connect($node, tls => trusting($name)) or return '';
	return $socket->peer_certificate('commonName');
}
my $before = ws_connect($node);
install('two');
$node->reload;
ok(poll_until(sub { peer_name('two') eq 'two' }), 'another certificate is for who comes');
is(ws_call($before, 'app/echo', [2])->{data}, 2, 'and who is there stays');
ws_close($before);

# Mistakes
my $log = log_position($node);
append_to_file("$folder/broken.crt", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
rename "$folder/broken.crt", "$folder/server.crt" or die $!;
$node->reload;
ok(poll_until(sub { count_in_log($node, qr/cannot use the certificate/, $log) > 0 }), 'a broken file is logged');
is(peer_name('two'), 'two', 'what was good stays');
install('one');
chmod 0604, "$folder/server.key";
$log = log_position($node);
$node->reload;
ok(poll_until(sub { count_in_log($node, qr/has group or world access/, $log) > 0 }), 'so is a key that others may read');
is(peer_name('two'), 'two', 'likewise');
$node->restart;
ok(poll_until(sub { count_in_log($node, qr/Nobody can connect until/, $log) > 0 }), 'after a restart there is no other');
is(peer_name('one'), '', 'so nobody can connect, in whatever way');
{
	local $node->{realtime_tls} = undef;
	is(http_raw($node, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") // '', '', 'also not without TLS');
}
chmod 0600, "$folder/server.key";
$node->reload;
ok(poll_until(sub { peer_name('one') eq 'one' }), 'until it is mended');

$node->stop('fast');
no_crash($node);

done_testing();
