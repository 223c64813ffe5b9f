# Who wants to come in as somebody else: tokens that are made up, by every way in;
# pages of others that ride on a visitor's cookie; names that point to this server.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $json = JSON::PP->new->canonical->allow_nonref;
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($ed_public, $ed_private) = key_pair($folder, 'ed25519');
my ($rsa_public, $rsa_private) = key_pair($folder, 'rsa');
my ($foreign_public, $foreign_private) = do { mkdir "$folder/x"; key_pair("$folder/x", 'rsa') };
my $keys = $json->encode({ keys => [ $json->decode(okp_jwk($ed_public, 'ed')) ] });
append_to_file("$folder/keys.json", $keys);
my $secret = 'a secret of more than thirty-two bytes, as it should be';

my $node = new_node('realtime.executors' => 2, 'realtime.jwt_secret' => $secret, 'realtime.jwt_key_file' => $rsa_public,
	'realtime.jwks_file' => "$folder/keys.json", 'realtime.allowed_origins' => 'same-origin, https://app.example');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.who() RETURNS text STABLE LANGUAGE sql AS $$SELECT coalesce(realtime.user_id(), 'nobody')$$;
CREATE FUNCTION app.value() RETURNS TABLE (id text) STABLE LANGUAGE sql AS 'SELECT app.who()';
SELECT realtime.rpc('app/who', 'app.who()'), realtime.stream('app/value', 'value', 'app.value()');
});
wait_for_call($node, 'app/who', []);

my %claims = (sub => 'ann', iat => time);
sub part { return encode_base64url(ref $_[0] ? $json->encode($_[0]) : $_[0]) }
sub made { my ($header, $claims, $sign) = @_; my $text = part($header) . '.' . part($claims); return "$text." . encode_base64url($sign->($text)) }
sub hs { my ($key, $digest) = @_; $digest //= \&hmac_sha256; return sub { $digest->($_[0], $key) } }
my $rs = sub {
	my ($text) = @_;
	(split /\./, jwt(\%claims, alg => 'RS256', key => $rsa_private))[2];
};

###########################################################################
# The ways in.  Each returns what the server has made of a token: a user, nobody,
# or that it is refused.

sub by_socket
{
	my (%how) = @_;
	my $who = eval { ws_call(ws_connect($node, %how), 'app/who', [])->{data} };
	return $who // ($@ =~ /has closed with (\d+)/ ? "refused $1" : $@ =~ /answered with (\d+)/ ? $1 : 'ended');
}

sub by_http
{
	my ($line, %header) = @_;
	my ($status, undef, $body) = http_request($node, $line, %header);
	return $status if $status != 200;
	return $json->decode($body)->{data}[0]{id};
}

my %way = (
	header => sub { by_socket(headers => { Authorization => "Bearer $_[0]" }) },
	cookie => sub { by_socket(headers => { Cookie => "access_token=$_[0]" }) },
	query => sub { by_socket(path => "/ws?token=$_[0]") },
	subprotocol => sub { by_socket(headers => { 'Sec-WebSocket-Protocol' => "realtime, token.$_[0]" }) },
	frame => sub {
		my $ws = ws_connect($node);
		ws_send($ws, { type => 'auth', token => $_[0] });
		my $ok = ws_wait($ws, sub { ($_->{type} // '') eq 'auth' })->{ok};
		my $who = ws_call($ws, 'app/who', [])->{data};
		return $ok ? $who : $who eq 'nobody' ? 'refused' : "became $who";
	},
	page => sub { by_http('GET /__realtime/load/app/value', Authorization => "Bearer $_[0]") });

# Good ones come in, by every way: so what is refused below is not refused for something else.
my %good = (
	secret => jwt(\%claims, secret => $secret),
	rsa => jwt(\%claims, alg => 'RS256', key => $rsa_private),
	ed => jwt(\%claims, alg => 'EdDSA', key => $ed_private, kid => 'ed'));
for my $way (sort keys %way)
{
	is($way{$way}->($good{$_}), 'ann', "a token of the key $_ by $way") for sort keys %good;
}
$rs = (split /\./, $good{rsa})[2];

# A public key is known to all: whatever form of it somebody takes for the secret
my $pem = slurp_file($rsa_public);
my $ed_pem = slurp_file($ed_public);
my $der = decode_base64($pem =~ s/-----[^-]+-----|\s//gr);
my %public = (
	'PEM' => $pem, 'PEM without its end' => $pem =~ s/\n\z//r, 'DER' => $der, 'modulus' => substr($der, 33, 256),
	'PEM of another kind' => $ed_pem, 'key of a set' => $json->decode($keys)->{keys}[0]{x}, 'set' => $keys, 'nothing' => '');
my %bad;
for my $form (sort keys %public)
{
	$bad{"a public key as the secret: $form"} = made({ alg => 'HS256', typ => 'JWT' }, \%claims, hs($public{$form}));
	$bad{"the same, with its id: $form"} = made({ alg => 'HS256', kid => 'ed' }, \%claims, hs($public{$form}));
}
$bad{'a public key as the secret of HS512'} = made({ alg => 'HS512' }, \%claims, hs($pem, \&hmac_sha512));

# Nobody's signature
for my $alg ('none', 'None', 'NONE', 'nOnE', '', 'null', 'hs256', ' HS256', 'HS256 ', "HS256\0", 'HS1', 'RS1', 'dir', 'A128KW', 'HS256,none')
{
	$bad{"algorithm \"$alg\" without a signature"} = made({ alg => $alg }, \%claims, sub { '' });
	$bad{"algorithm \"$alg\" with one"} = made({ alg => $alg }, \%claims, hs($secret));
}
$bad{"algorithm $_"} = made(qq({"alg":$_}), \%claims, hs($secret)) for 'null', '0', '["HS256"]', '{"HS256":1}', 'true';
$bad{'no algorithm'} = made({ typ => 'JWT' }, \%claims, hs($secret));
$bad{'two algorithms'} = made('{"alg":"HS256","alg":"none"}', \%claims, hs($secret));
my ($head, $body, $sign) = split /\./, $good{secret};
%bad = (%bad,
	'no signature' => "$head.$body.",
	'half a signature' => "$head.$body." . substr($sign, 0, 21),
	'a byte less' => "$head.$body." . substr($sign, 0, 42),
	'a longer one' => "$head.$body.${sign}AA",
	'one that goes on' => "$head.$body.${sign}A",
	'nearly none' => "$head.$body.AA",
	'other claims below it' => "$head." . part({ %claims, sub => 'bob' }) . ".$sign",
	'another header above it' => part({ alg => 'HS256', x => 1 }) . ".$body.$sign",
	'the signature of another algorithm' => "$head.$body.$rs",
	'the key of another way to sign' => made({ alg => 'RS256' }, \%claims, hs($secret)),
	'HS384 with HS256' => made({ alg => 'HS384' }, \%claims, hs($secret)),
	'PS256 with RS256' => part({ alg => 'PS256' }) . "." . part(\%claims) . ".$rs",
	'a stranger\'s key' => jwt(\%claims, alg => 'RS256', key => $foreign_private),
	'a stranger\'s key that comes with it' => made({ alg => 'HS256', jwk => { kty => 'oct', k => part('y' x 40) } }, \%claims, hs('y' x 40)),
	'one that is to be fetched' => made({ alg => 'HS256', jku => 'http://127.0.0.1:1/keys', x5u => 'http://127.0.0.1:1/c' }, \%claims, hs('y' x 40)),
	'a file as its id' => made({ alg => 'HS256', kid => '../../../../dev/null' }, \%claims, hs('')),
	'SQL as its id' => made({ alg => 'HS256', kid => "x' UNION SELECT 'y" }, \%claims, hs('y')),
	'an id that is none' => made({ alg => 'HS256', kid => [ 'ed' ] }, \%claims, hs($secret)),
	'a huge id' => made({ alg => 'HS256', kid => 'k' x 3000 }, \%claims, hs('y' x 40)),
	'what must be understood and is not' => made({ alg => 'HS256', crit => [ 'b64' ], b64 => JSON::PP::false }, \%claims, hs($secret)),
	'something encrypted' => join('.', map { part($_) } { alg => 'dir', enc => 'A128GCM' }, '', 'x', 'y', 'z'),
	'two pieces' => "$head.$body", 'four' => "$good{secret}.x", 'dots' => '..',
	'no JSON' => made('{"alg":"HS256"', \%claims, hs($secret)),
	'deep claims' => made({ alg => 'HS256' }, ('[' x 2500) . (']' x 2500), hs($secret)),
	'deep claims in an object' => made({ alg => 'HS256' }, '{"sub":"ann","x":' . ('[' x 2500) . (']' x 2500) . '}', hs($secret)),
	'expired' => jwt({ %claims, exp => time - 31 }, secret => $secret),
	'expired for long' => jwt({ %claims, exp => 0 }, secret => $secret),
	'expired before 1970' => jwt({ %claims, exp => -1e15 }, secret => $secret),
	'not yet' => jwt({ %claims, nbf => time + 3600 }, secret => $secret));
$bad{"an end that is none: $_"} = jwt(qq({"sub":"ann","exp":$_}), secret => $secret) for '"2099-01-01"', 'null', '[]', 'true', '"9999999999"';

# All of them by one way, and a few by all ways
for my $what (sort keys %bad)
{
	is($way{header}->($bad{$what}), 'refused 4401', $what);
}
for my $way (sort keys %way)
{
	for my $what ('a public key as the secret: PEM', 'algorithm "none" without a signature', 'expired', 'no signature', 'a huge id')
	{
		like($way{$way}->($bad{$what}), qr/^(refused( 4401)?|401)$/, "$what by $way");
	}
}

# Deep ones that are signed are somebody's who has the secret; they end nobody
$bad{$_} or die for 'deep claims';

# Huge ones: up to a limit they are looked at, beyond it nobody does
sub padded
{
	my ($length) = @_;
	my $token;
	for my $n (map { int($length * 3 / 4) - 200 + $_ } 0 .. 200)
	{
		$token = jwt({ %claims, pad => 'x' x ($n > 0 ? $n : 0) }, secret => $secret);
		last if length $token >= $length;
	}
	return $token;
}
my ($large, $too_large) = (padded(7900), padded(8300));
cmp_ok(length $large, '<', 8192, 'a token just below the limit');
is($way{frame}->($large), 'ann', 'is taken');
for my $way (sort keys %way)
{
	like($way{$way}->($too_large), qr/^(refused( 4401)?|401|414|431|ended)$/, "one above it is not, by $way");
}
like($way{$_}->('x' x 300_000), qr/^(refused( 4401)?|400|401|414|431|ended)$/, "nor a huge one by $_") for qw(header cookie query subprotocol page);

###########################################################################
# Pages of others.  A cookie is sent by the browser whoever the page is of; the
# hook tells whether anybody has looked at it.

$node->safe_psql('postgres', q{
CREATE TABLE app.asked (n int);
CREATE FUNCTION app.let_in(request jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $$
BEGIN
	INSERT INTO app.asked VALUES (1);
	RETURN CASE request #>> '{cookies,session}' WHEN 'of ann' THEN '{"id": "ann"}' ELSE '{}' END::jsonb;
END $$;
REVOKE ALL ON FUNCTION app.let_in(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.let_in(jsonb) TO realtime_anonymous;
SELECT realtime.hook('authenticate', 'app.let_in(jsonb)');
});
my $port = gateway_port($node);
my $us = "127.0.0.1:$port";
sub asked { return $node->safe_psql('postgres', 'SELECT count(*) FROM app.asked') }
sub ride
{
	my (%header) = @_;
	my %all = (Cookie => 'session=of%20ann', %header);
	return [
		by_socket(headers => \%all),
		(http_request($node, 'POST /__ws/auth', 'Content-Length' => 0, 'X-Requested-With' => 'XMLHttpRequest', %all))[0],
		by_http('GET /__realtime/load/app/value', %all) ];
}
ok(poll_until(sub { ride()->[0] eq 'ann' }), 'who is no browser comes in by the cookie');
is_deeply(ride(Origin => $_), [ 'ann', 204, 'ann' ], "so do pages of $_") for "http://$us", 'https://app.example';
my $before = asked();
for my $origin ('https://evil.example', 'null', 'http://127.0.0.1', 'http://127.0.0.1:1', "http://$us.evil.example",
	"http://evil.example/$us", "http://evil.example#http://$us", "http://$us\@evil.example", "http://evil.example\@$us", "http://$us/",
	'https://app.example.evil.example', 'https://evilapp.example', 'https://x.app.example', 'https://app.example:8443', 'http://app.example',
	'https://app.example, https://evil.example', "file://", 'chrome-extension://abc', '*', ' ', 'https://APP.example.')
{
	my $got = ride(Origin => $origin);
	is_deeply([ map { /^(400|403)$/ ? 'no' : $_ } @$got ], [ 'no', 'no', 'no' ], "not those of \"$origin\"");
}
is(asked(), $before, 'and nobody has looked at the cookie');

# Two of them are none
my $answer = http_raw($node, join "\r\n", 'GET /ws HTTP/1.1', "Host: $us", 'Upgrade: websocket', 'Connection: Upgrade',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', 'Cookie: session=of%20ann',
	"Origin: http://$us", 'Origin: https://evil.example', '', '');
like($answer, qr{^HTTP/1.1 40[03] }, 'two origins are none');

# A page of any name can have that name point here; then it is of the same origin, by
# what the browser knows, and only the name of the host tells.
for my $host ('evil.example', "evil.example:$port", "evil.example.:$port", "127.0.0.1.evil.example:$port", "localhost.evil.example:$port",
	"192.0.2.1:$port", "[2001:db8::1]:$port", "0x7f000001:$port", "127.1:$port", "2130706433:$port")
{
	my $got = ride(Host => $host, Origin => "http://$host");
	is_deeply([ map { /^(400|421)$/ ? 'no' : $_ } @$got ], [ 'no', 'no', 'no' ], "nor who calls this server $host");
}
$answer = http_raw($node, join "\r\n", "GET http://evil.example:$port/ws HTTP/1.1", "Host: $us", 'Upgrade: websocket',
	'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', "Origin: http://$us", '', '');
like($answer, qr{^HTTP/1.1 4(00|21) }, 'nor in the first line');
is(asked(), $before, 'and nobody has looked at the cookie');

###########################################################################
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC: |TRAP:|was terminated by signal/, 'nothing has crashed');
is(scalar(grep { index($log, $_) >= 0 } values %good, $sign, $too_large), 0, 'no token is in the log');

done_testing();
