# Webhooks: who is let in, what is published, what makes senders try again.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.handshake_timeout' => '2s');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Of their documentation, or libraries.
my %github = (secret => "It's a Secret to Everybody", body => 'Hello, World!',
	signature => 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17');
my %standard = (secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', id => 'msg_p5jXN8AQM9LWM0D4loKWxJek',
	timestamp => '1614265330', body => '{"test": 2432232314}', signature => 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');

sql(q{
CREATE TABLE app.seen (n serial, what text, who text DEFAULT current_user);
CREATE FUNCTION app.standard(body bytea, headers jsonb) RETURNS jsonb LANGUAGE sql AS
$$SELECT realtime.verify_standard_webhook(body, headers, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')$$;
CREATE FUNCTION app.trusting(body bytea, headers jsonb) RETURNS jsonb LANGUAGE sql AS
$$SELECT convert_from(body, 'UTF8')::jsonb || jsonb_build_object('headers', headers)$$;
CREATE FUNCTION app.tell(event jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO app.seen (what, who) VALUES (event->>'type', session_user);
	CASE event->>'type'
		WHEN 'ignored' THEN RETURN NULL;
		WHEN 'raised' THEN PERFORM realtime.raise(event->>'code', 'no');
		WHEN 'broken' THEN RAISE division_by_zero;
		WHEN 'unique' THEN RAISE unique_violation;
		WHEN 'empty' THEN RETURN '{}';
		WHEN 'slow' THEN PERFORM pg_sleep(3600);
		ELSE NULL;
	END CASE;
	RETURN jsonb_build_object('event', event->>'type', 'data', event - 'headers', 'topic', event->'topic');
END $$;
CREATE FUNCTION app.once(event jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF NOT realtime.webhook_once(event->>'id', '1 hour') THEN
		RETURN NULL;
	END IF;
	IF event->>'type' = 'wait' THEN
		PERFORM pg_advisory_xact_lock(7);
	END IF;
	IF event->>'type' = 'broken' THEN
		RAISE 'not yet';
	END IF;
	RETURN jsonb_build_object('event', 'once', 'data', event->'id');
END $$;
CREATE FUNCTION app.whole(event jsonb) RETURNS jsonb LANGUAGE sql AS
$$SELECT jsonb_build_object('event', 'whole', 'data', jsonb_build_object('headers', event->'headers', 'address', realtime.remote_address(),
	'user', realtime.user_id(), 'role', current_user))$$;
CREATE FUNCTION app.nobody(body bytea, headers jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT 'false'::jsonb$$;
CREATE FUNCTION app.closed(body bytea, headers jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
REVOKE ALL ON FUNCTION app.closed(bytea, jsonb) FROM PUBLIC;
SELECT realtime.topic('hooks', open => true), realtime.topic('others', open => true),
	realtime.webhook('pay/standard', 'hooks', 'app.standard(bytea,jsonb)', 'app.tell(jsonb)'),
	realtime.webhook('any/thing', 'hooks', 'app.trusting(bytea,jsonb)', 'app.tell(jsonb)', max_body => 1000),
	realtime.webhook('any/where', verify => 'app.trusting(bytea,jsonb)', transform => 'app.tell(jsonb)'),
	realtime.webhook('any/once', 'hooks', 'app.trusting(bytea,jsonb)', 'app.once(jsonb)'),
	realtime.webhook('any/whole', 'hooks', 'app.trusting(bytea,jsonb)', 'app.whole(jsonb)'),
	realtime.webhook('any/nobody', 'hooks', 'app.nobody(bytea,jsonb)', 'app.tell(jsonb)'),
	realtime.webhook('any/closed', 'hooks', 'app.closed(bytea,jsonb)', 'app.tell(jsonb)');
});

my $ws = ws_connect($node);
ws_subscribe($ws, $_) for qw(hooks others);

# (status, content, headers) of a request.
sub post
{
	my ($path, $body, %header) = @_;
	my $answer = http_raw($node, join("\r\n", "POST /__webhook/$path HTTP/1.1", 'Host: 127.0.0.1:' . gateway_port($node), 'Connection: close',
		'Content-Length: ' . length $body, (map { "$_: $header{$_}" } sort keys %header), '', $body));
	my ($head, $content) = $answer =~ /\A(.*?)\r\n\r\n(.*)\z/s or return (0, $answer);
	my ($status) = $head =~ / (\d+)/;
	return ($status, $content, $head);
}

sub is_answered
{
	my ($path, $body, $status, $name, %header) = @_;
	my @answer = post($path, $body, %header);
	is($answer[0], $status, $name) or diag($answer[1]);
	return @answer;
}

sub message { return ws_wait($ws, sub { ($_->{topic} // '') =~ /^(hooks|others)$/ }); }
sub is_silent { my ($name) = @_; is_deeply([ grep { defined $_->{event} } ws_quiet($ws) ], [], $name); return; }

# Signatures.
my $literal = sub { my $text = shift; $text =~ s/'/''/g; return "'$text'"; };
sub verify
{
	my ($function, $body, $headers, @more) = @_;
	return sql("SELECT realtime.$function(convert_to(" . $literal->($body) . ", 'UTF8'), " . $literal->(JSON::PP->new->encode($headers)) . ', '
		. join(', ', map { defined $_ ? $literal->($_) : 'NULL' } @more) . ')');
}
is(verify('verify_github', $github{body}, { 'x-hub-signature-256' => $github{signature} }, $github{secret}), '"Hello, World!"', 'what GitHub documents');
is(verify('verify_github', 'Hello, World?', { 'x-hub-signature-256' => $github{signature} }, $github{secret}), '', 'another body');
is(verify('verify_github', $github{body}, { 'x-hub-signature-256' => uc $github{signature} }, $github{secret}), '', 'another signature');
is(verify('verify_github', '{"a": 1}', { 'x-hub-signature-256' => 'sha256=' . hmac_sha256_hex('{"a": 1}', 'x') }, 'x'), '{"a": 1}', 'JSON');
my %headers = ('webhook-id' => $standard{id}, 'webhook-timestamp' => $standard{timestamp}, 'webhook-signature' => $standard{signature});
is(verify('verify_standard_webhook', $standard{body}, \%headers, $standard{secret}, undef), '{"test": 2432232314}', 'what Standard Webhooks tests');
is(verify('verify_standard_webhook', $standard{body}, \%headers, $standard{secret}), '', 'that is long ago');
is(verify('verify_standard_webhook', $standard{body}, { %headers, 'webhook-signature' => "v1,AAAA v2,x $standard{signature}" }, $standard{secret}, undef),
	'{"test": 2432232314}', 'one of several signatures');
is(verify('verify_standard_webhook', $standard{body}, { %headers, 'webhook-id' => 'msg_other' }, $standard{secret}, undef), '', 'another id');
is(verify('verify_standard_webhook', $standard{body}, { %headers, 'webhook-timestamp' => '1614265331' }, $standard{secret}, undef), '', 'another time');
my $now = time;
my $stripe = sub { my ($t, $body, $secret) = @_; return hmac_sha256_hex("$t.$body", $secret) };
is(verify('verify_stripe', '{"id":"evt_1"}', { 'stripe-signature' => "t=$now,v1=" . $stripe->($now, '{"id":"evt_1"}', 'whsec_x') . ',v0=old' }, 'whsec_x'),
	'{"id": "evt_1"}', 'the scheme of Stripe');
is(verify('verify_stripe', '{"id":"evt_1"}', { 'stripe-signature' => "t=$now,v0=" . $stripe->($now, '{"id":"evt_1"}', 'whsec_x') }, 'whsec_x'), '', 'with no old signature');
my $old = $now - 400;
is(verify('verify_stripe', '{}', { 'stripe-signature' => "t=$old,v1=" . $stripe->($old, '{}', 'whsec_x') }, 'whsec_x'), '', 'nor an old time');
is(verify('verify_stripe', '{}', { 'stripe-signature' => "t=$old,v1=" . $stripe->($old, '{}', 'whsec_x') }, 'whsec_x', '10 minutes'), '{}', 'unless it may be');
my $far = $now + 18_446_744_073_710;	# 2^64 microseconds
is(verify('verify_stripe', '{}', { 'stripe-signature' => "t=$far,v1=" . $stripe->($far, '{}', 'whsec_x') }, 'whsec_x'), '', 'nor one that is far ahead');
for my $bad ([ {}, 'no header' ], [ { 'stripe-signature' => 'v1=x' }, 'no time' ], [ { 'stripe-signature' => 't=x,v1=x' }, 'no number' ])
{
	my (undef, undef, $error) = $node->psql('postgres', "SELECT realtime.verify_stripe('{}', '" . JSON::PP->new->encode($bad->[0]) . "', 'x')",
		extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($error, qr/RT400/, "$bad->[1]: it cannot be read");
}
is(verify('verify_standard_webhook', $standard{body}, \%headers, "v1,$standard{secret}", undef), '{"test": 2432232314}', 'a secret as Supabase writes it');
for my $empty (q{verify_github('x', '{"x-hub-signature-256": "sha256=" }', '')}, q{verify_stripe('x', '{"stripe-signature": "t=1,v1=x"}', '')},
	q{verify_standard_webhook('x', '{"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"}', 'whsec_')}, q{hmac_equals('x', '', '')})
{
	my (undef, undef, $error) = $node->psql('postgres', "SELECT realtime.$empty");
	like($error, qr/secret of a signature must not be empty/, 'without a secret nobody is who he says');
}
is(sql(q{SELECT realtime.hmac_equals('a', 'b', '\x} . unpack('H*', hmac_sha256('a', 'b')) . q{'), realtime.hmac_equals('a', 'b', '')}), 't|f', 'HMAC');

# From a sender to subscribers.
$headers{'webhook-timestamp'} = "$now";
my $sign = sub { my ($body) = @_; return 'v1,' . encode_base64(hmac_sha256("$standard{id}.$now.$body", decode_base64('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')), ''); };
my $body = '{"type":"paid","amount":5}';
my @answer = is_answered('pay/standard', $body, 200, 'a webhook', %headers, 'webhook-signature' => $sign->($body));
is($answer[1], '{"ok":true}', 'is answered');
is_deeply(message(), { topic => 'hooks', event => 'paid', data => { type => 'paid', amount => 5 } }, 'and published');
is_answered('pay/standard', '{"type":"paid","amount":6}', 401, 'another body than was signed', %headers, 'webhook-signature' => $sign->($body));
is_answered('pay/standard', $body, 400, 'no signature');
is_answered('any/nobody', '{}', 401, 'false is nobody');
is_silent('nothing of these is published');
is_answered('any/thing', '{"type":"ignored"}', 200, 'what is ignored is taken all the same');
is_silent('and not published');
is_answered('any/where', '{"type":"x","topic":"others"}', 200, 'a topic that the function names');
is(message()->{topic}, 'others', 'it is published there');
is_answered('any/whole', '{}', 200, 'what functions know', 'X-Two' => 'a', 'x-TWO' => 'b');
my $data = message()->{data};
is_deeply([ @{ $data->{headers} }{qw(x-two content-length)}, @$data{qw(address user role)} ], [ 'a, b', 2, '127.0.0.1', undef, 'realtime_anonymous' ], 'headers, the address, nobody');

# What senders are told.
is_answered('any/thing', '{"type":"raised","code":"FORBIDDEN"}', 403, 'what is refused is not sent again');
is_answered('any/thing', '{"type":"raised","code":"RATE_LIMITED"}', 429, 'by its code');
is_answered('any/thing', '{"type":"raised","code":"TEAPOT"}', 400, 'of one\'s own');
@answer = is_answered('any/thing', '{"type":"broken"}', 500, 'what is broken is');
unlike($answer[1], qr/division/, 'and says nothing about it');
is_answered('any/thing', '{"type":"unique"}', 500, 'a conflict, too');
is_answered('any/thing', '{"type":"empty"}', 500, 'no message');
is_answered('any/thing', 'no json', 500, 'a function that fails to read it');
is_answered('any/closed', '{}', 500, 'a function that may not be called');
is_answered('any/where', '{"type":"x"}', 500, 'no topic');
is(sql(q{SELECT count(*) FROM app.seen WHERE what IN ('raised', 'broken', 'empty')}), 0, 'nothing of what has failed stays');
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/webhook "webhook any\/thing" has failed|division by zero/, 'the log has it');
is_answered('any/none', '{}', 404, 'nothing there');
is_answered('any', '{}', 404, 'no path');
@answer = is_answered('any/thing', 'x' x 1001, 413, 'too long for the webhook');
is_answered('any/thing', 'x' x 1_048_577, 413, 'too long for all');
my ($status) = http_request($node, 'GET /__webhook/any/thing');
is($status, 405, 'another method');
like(http_raw($node, "POST /__webhook/any/thing HTTP/1.1\r\nHost: 127.0.0.1:" . gateway_port($node) . "\r\nContent-Length: 10\r\n\r\n{"), qr/ 408 /, 'a body that does not come');
sql("ALTER SYSTEM SET realtime.handler_timeout = '100ms'");
sql('ALTER SYSTEM SET realtime.webhook_rate = 0'); # it may take some attempts
$node->reload;
ok(poll_until(sub { (post('any/thing', '{"type":"slow"}'))[0] == 504 }), 'one that takes too long');
sql('ALTER SYSTEM RESET realtime.handler_timeout');
sql('ALTER SYSTEM RESET realtime.webhook_rate');
$node->reload;
is_silent('nothing of all these is published');

# A delivery that comes again.
is_answered('any/once', '{"id":"a"}', 200, 'a delivery');
is(message()->{data}, 'a', 'is published');
is_answered('any/once', '{"id":"a"}', 200, 'again');
is_silent('it is not');
is_answered('any/once', '{"id":"b","type":"broken"}', 500, 'one that fails');
is_answered('any/once', '{"id":"b"}', 200, 'comes again');
is(message()->{data}, 'b', 'for the first time');
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(7)');
my @both = map {
	my $socket = tcp_connect($node);
	print $socket join("\r\n", 'POST /__webhook/any/once HTTP/1.1', 'Host: 127.0.0.1:' . gateway_port($node), 'Connection: close', 'Content-Length: 24', '', '{"id":"c","type":"wait"}');
	$socket
} 1 .. 8;
ok($node->poll_query_until('postgres', q{SELECT count(*) FROM pg_locks WHERE NOT granted}, '1'), 'many at the same time: the first works');
ok($node->poll_query_until('postgres', q{SELECT current FROM realtime.limits WHERE name = 'max_lock_waiters'}, $#both), 'the others wait for it');
is_answered('any/thing', '{"type":"ignored"}', 200, 'in no executor: what else comes is answered');
$lock->query_safe('SELECT pg_advisory_unlock(7)');
$lock->quit;
like(http_raw($_, ''), qr/ 200 /, 'all are taken') for @both;
is(message()->{data}, 'c', 'one is published');
is_silent('and not the others');
my (undef, undef, $error) = $node->psql('postgres', q{SELECT realtime.webhook_once('x')});
like($error, qr/can only be used in the functions of a webhook/, 'there is nothing to remember elsewhere');

# Other front ends.
is(sql(q{SELECT status, body FROM realtime.handle_webhook('any/thing', '{"type":"other"}', '{}')}), '200|{"ok":true}', 'another front end');
is(message()->{event}, 'other', 'publishes as well');
is(sql(q{SELECT status, body FROM realtime.handle_webhook('any/thing', '{"type":"raised","code":"FORBIDDEN"}', '{}')}), '403|{"code":"FORBIDDEN","message":"no"}', 'is told what is refused');
is(sql(q{SELECT status FROM realtime.handle_webhook('any/thing', '{"type":"broken"}', '{}')}), 500, 'and what is broken');
is(sql(q{SELECT status FROM realtime.handle_webhook('any/none', '', '{}')}), 404, 'and what is not there');
is(sql(q{SELECT status FROM realtime.handle_webhook('any/thing', repeat('x', 1001)::bytea, '{}')}), 413, 'and what is too long');

# Declarations.
for my $bad (
	[ q{'a/b', 'hooks', 'app.tell(jsonb)', 'app.tell(jsonb)'}, qr/cannot be a verify function/ ],
	[ q{'a/b', 'hooks', 'app.trusting(bytea,jsonb)', 'app.trusting(bytea,jsonb)'}, qr/cannot be a transform/ ],
	[ q{'a/b', 'hooks', NULL, 'app.tell(jsonb)'}, qr/verify must not be null/ ],
	[ q{'a', 'hooks', 'app.trusting(bytea,jsonb)', 'app.tell(jsonb)'}, qr/path/ ],
	[ q{'a/b', '__x', 'app.trusting(bytea,jsonb)', 'app.tell(jsonb)'}, qr/topic/ ],
	[ q{'a/b', 'hooks', 'app.trusting(bytea,jsonb)', 'app.tell(jsonb)', 2000000}, qr/max_body is not valid/ ])
{
	(undef, undef, $error) = $node->psql('postgres', "SELECT realtime.webhook($bad->[0])");
	like($error, $bad->[1], "it is refused: $bad->[0]");
}
(undef, undef, $error) = $node->psql('postgres', 'DROP FUNCTION app.closed(bytea, jsonb)');
like($error, qr/depends/, 'its functions cannot be dropped');
is(sql(q{SELECT realtime.drop('any/closed')}), 't', 'unless it is');
is_answered('any/closed', '{}', 404, 'then it is gone');

# How many.
sql('ALTER SYSTEM SET realtime.webhook_rate = 5');
$node->reload;
ok(poll_until(sub { @answer = post('any/thing', '{"type":"ignored"}'); $answer[0] == 429 }), 'more of an address than may be');
like($answer[2], qr/^Retry-After: 10\r?$/m, 'are to come later');
cmp_ok(sql(q{SELECT hits FROM realtime.limits WHERE name = 'webhook_rate'}), '>', 0, 'it is counted');
$node->stop('fast');

done_testing();
