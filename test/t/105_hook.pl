# The authenticate hook: what it is told, what its answer does, and the question
# over HTTP before a WebSocket is opened.
use strict;
use warnings;

use Encode qw(decode);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
# Three that wait at once: one executor more, because the last that is free is kept for
# what is known to be short, and no login is short under valgrind.
my $node = new_node('realtime.executors' => 4, 'realtime.upgrade_rate' => 0,
	'realtime.allowed_origins' => 'same-origin, https://app.example');

$node->safe_psql('postgres', q{
CREATE ROLE tenant;
GRANT tenant TO realtime_executor;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated, tenant;
CREATE TABLE app.session (id text PRIMARY KEY, person text, seen integer DEFAULT 0);
INSERT INTO app.session VALUES ('s1', 'ann'), ('s2', 'bob');
CREATE FUNCTION app.me() RETURNS json STABLE LANGUAGE sql AS $$
SELECT json_build_object('user', realtime.user_id(), 'role', current_user, 'data', realtime.user_data()) $$;
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	mode text := coalesce(request #>> '{query,mode}',
		CASE WHEN request -> 'claims' = 'null' THEN request ->> 'token' END, 'session');
	row app.session;
BEGIN
	CASE mode
		WHEN 'echo' THEN RETURN jsonb_build_object('id', 'echo', 'request', request);
		WHEN 'null' THEN RETURN NULL;
		WHEN 'json null' THEN RETURN 'null';
		WHEN 'false' THEN RETURN 'false';
		WHEN 'number' THEN RETURN '7';
		WHEN 'nobody' THEN RETURN '{"color": "red"}';
		WHEN 'role' THEN RETURN '{"id": 1, "role": "tenant"}';
		WHEN 'bad role' THEN RETURN '{"id": 1, "role": "postgres"}';
		WHEN 'unauthenticated' THEN PERFORM realtime.raise('UNAUTHENTICATED', 'Wrong ' || repeat('ü', 100));
		WHEN 'forbidden' THEN PERFORM realtime.raise('FORBIDDEN', 'Blocked');
		WHEN 'fast' THEN PERFORM realtime.raise('RATE_LIMITED', 'Slow down');
		WHEN 'error' THEN PERFORM 1 / 0;
		WHEN 'wait' THEN PERFORM pg_advisory_xact_lock_shared(1);
			RETURN '{"id": "late"}';
		WHEN 'exp' THEN RETURN jsonb_build_object('id', 'x', 'exp', extract(epoch FROM now()) + 3);
		WHEN 'cookies' THEN PERFORM realtime.set_cookie('a', 'ü; 1', '1 hour'), realtime.set_cookie('gone', NULL),
				realtime.set_cookie('plain', 'v', NULL, NULL, 'example.org', false, false, 'Strict');
			RETURN '{"id": "c"}';
		WHEN 'renew' THEN
			IF request -> 'claims' = 'null' AND request ->> 'token_error' = 'expired' AND request ->> 'token' <> '' THEN
				PERFORM realtime.set_cookie('access_token', request #>> '{query,with}');
				RETURN '{"id": "dora"}';
			END IF;
			RETURN jsonb_build_object('id', 'not renewed', 'error', request -> 'token_error');
		WHEN 'many cookies' THEN PERFORM realtime.set_cookie('c' || i, repeat('x', 100)) FROM generate_series(1, 100) i;
			RETURN '{"id": "c"}';
		WHEN 'reset' THEN
			UPDATE app.session SET id = 's3' WHERE id = request #>> '{cookies,session}' RETURNING * INTO row;
			PERFORM realtime.set_cookie('session', row.id);
			RETURN jsonb_build_object('id', row.person);
		WHEN 'session' THEN
			UPDATE app.session SET seen = seen + 1 WHERE id = request #>> '{cookies,session}' RETURNING * INTO row;
			IF NOT FOUND AND request -> 'claims' <> 'null' THEN RETURN request -> 'claims' || '{"by": "hook"}'; END IF;
			IF NOT FOUND THEN RETURN '{}'; END IF;
			RETURN jsonb_build_object('id', row.person);
		ELSE RETURN jsonb_build_object('id', mode, 'request', request);
	END CASE;
	RETURN NULL;
END $$;
SELECT realtime.rpc('app/me', 'app.me()');
});
wait_for_call($node, 'app/me', []);
my $before = ws_connect($node);
is(ws_call($before, 'app/me', [])->{data}{data}, undef, 'nobody is asked');
$node->safe_psql('postgres', q{SELECT realtime.hook('authenticate', 'app.who(jsonb)')});

sub connect_with { my ($mode, %headers) = @_; return ws_connect($node, path => "/ws?mode=$mode", headers => \%headers); }
sub me { return ws_call($_[0], 'app/me', [])->{data}; }
sub close_frame
{
	my ($ws) = @_;
	my $frame = $ws->{closed};
	while (!$frame || $frame->[0] ne 'close')
	{
		$frame = ws_recv($ws) or return 'no close frame';
	}
	my ($code, $reason) = unpack 'na*', $frame->[1];
	return "$code " . decode('UTF-8', $reason, Encode::FB_CROAK);
}

# What it is told
my $ws = ws_connect($node, path => '/ws?mode=echo&a=1&a=2&b=%C3%BC+x&bad=%FF&%zz=1', headers => {
	Cookie => 'x=%C3%BC; y="q"; x=second; bad=%FF; empty=', 'X-Forwarded-For' => '10.0.0.1',
	'X-Request-ID' => 'trace-1', 'X-Latin' => "caf\xe9" });
my $me = me($ws);
my $request = $me->{data}{request};
is($me->{user}, 'echo', 'the id is the user\'s');
is($me->{role}, 'realtime_authenticated', 'with the role of users');
is_deeply($request->{query}, { mode => 'echo', a => '1', b => "\x{fc} x" }, 'the query, of two the first');
is_deeply($request->{cookies}, { x => "\x{fc}", y => 'q', bad => '%FF', empty => '' }, 'the cookies');
is($request->{headers}{'x-latin'}, "caf\x{e9}", 'headers that are not UTF-8');
is($request->{headers}{upgrade}, 'websocket', 'and all others');
is_deeply([ @$request{qw(path method remote_address request_id token token_error claims body)} ],
	[ '/ws', 'GET', '127.0.0.1', $request->{request_id}, undef, undef, undef, undef ], 'and all else');
like($request->{request_id}, qr/^[0-9a-f-]{36}$/, 'a request is called by us, whatever a client says');
$me = me(ws_connect($node, path => '/ws?mode=echo', headers => { 'X-Two' => 'b', 'x-two' => 'c' }));
is($me->{data}{request}{headers}{'x-two'}, 'b, c', 'headers of one name as one');
is(me(connect_with('echo', Authorization => 'Bearer abc'))->{data}{request}{token}, 'abc',
	'without keys a token is the hook\'s to judge');

# What its answer does
for ([ 'null', '4401 Unauthorized' ], [ 'json%20null', '4401 Unauthorized' ], [ 'false', '4401 Unauthorized' ],
	[ 'bad%20role', '4403 Nobody can be of that role' ], [ 'forbidden', '4403 Blocked' ], [ 'fast', '4429 Slow down' ],
	[ 'error', '1013 Nobody can say who you are at the moment' ],
	[ 'number', '1013 Nobody can say who you are at the moment' ])
{
	my ($mode, $expected) = @$_;
	is(close_frame(connect_with($mode)), $expected, "$mode: $expected");
}
like(close_frame(connect_with('unauthenticated')), qr/^4401 Wrong \x{fc}+$/, 'a reason that is too long is cut at a letter');
is(me(connect_with('role'))->{role}, 'tenant', 'it names the role');
is_deeply(me(connect_with('nobody')), { user => undef, role => 'realtime_anonymous', data => { color => 'red' } },
	'who has no id is anonymous');
is(me(ws_connect($node, headers => { Cookie => 'session=s1' }))->{user}, 'ann', 'a session by its cookie');
is($node->safe_psql('postgres', q{SELECT seen FROM app.session WHERE id = 's1'}), 1, 'what it has written stays');
$ws = connect_with('exp');
is(ws_wait($ws, sub { ($_->{type} // '') eq 'auth-expiring' })->{type}, 'auth-expiring', 'its end is announced');
is(ws_close_code($ws), 4408, 'and comes');

# What is sent meanwhile waits
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
$ws = connect_with('wait');
ws_raw($ws, ws_frame('text', '{"rpc":"app/me","id":"m","args":[]}'));
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'm' })->{data}{data}{user}, 'late', 'it is done as who it then is');

# A token on a connection
$ws = ws_connect($node);
ws_send($ws, { type => 'auth', token => 'carol' });
ok(ws_wait($ws, sub { ($_->{type} // '') eq 'auth' })->{ok}, 'a token on a connection');
$request = me($ws)->{data}{request};
is_deeply([ @$request{qw(token headers cookies query path remote_address)} ],
	[ 'carol', undef, undef, undef, undef, '127.0.0.1' ], 'comes without a request');
ws_send($ws, { type => 'auth', token => 'null' });
is(ws_wait($ws, sub { ($_->{type} // '') eq 'auth' })->{code}, 'UNAUTHENTICATED', 'and may be refused');
is(me($ws)->{user}, 'carol', 'which changes nothing');

# Over HTTP
sub ask
{
	my ($what, %headers) = @_;
	return http_request($node, $what, 'Content-Length' => 0, %headers);
}
my %page = (Origin => 'https://app.example', 'X-Requested-With' => 'svelte-adapter-uws');
my ($status, $headers) = ask('POST /__ws/auth', %page);
is($status, 204, 'who may come in gets 204');
is($headers->{'access-control-allow-origin'}, 'https://app.example', 'and a page may read that');
is($headers->{'access-control-allow-credentials'}, 'true', 'with its cookies');
is($headers->{'vary'}, 'Origin', 'which is not everybody\'s');
for ([ 'null', 401 ], [ 'forbidden', 403 ], [ 'fast', 503 ], [ 'error', 503 ], [ 'echo', 204 ])
{
	my ($mode, $expected) = @$_;
	($status, $headers) = ask("POST /__ws/auth?mode=$mode", %page);
	is($status, $expected, "$mode gets $expected");
	is($headers->{'access-control-allow-origin'}, 'https://app.example', 'which the page may read');
}
is((ask('POST /__ws/auth'))[0], 204, 'who has no origin is no page');
is((ask('POST /__ws/auth', 'Sec-Fetch-Site' => 'cross-site'))[0], 403, 'unless it says that it is another\'s');
is((ask('POST /__ws/auth', 'Sec-Fetch-Site' => 'same-origin'))[0], 204, 'or ours');
($status, $headers) = ask('POST /__ws/auth', Origin => 'https://evil.example', 'X-Requested-With' => 'x');
is($status, 403, 'pages of other origins may not ask');
is($headers->{'access-control-allow-origin'}, undef, 'and do not even learn that');
($status, $headers) = http_request($node, 'OPTIONS /__ws/auth', %page, 'Access-Control-Request-Method' => 'POST');
is($status, 204, 'a browser asks whether it may ask');
is($headers->{'access-control-allow-methods'}, 'POST', 'it may');
like($headers->{'access-control-allow-headers'}, qr/x-requested-with/, 'with the header of the client');
is((http_request($node, 'OPTIONS /__ws/auth', Origin => 'https://evil.example'))[0], 403, 'not for others');
($status, $headers) = http_request($node, 'GET /__ws/auth');
is("$status $headers->{allow}", '405 POST, OPTIONS', 'other methods are refused');

# Cookies
sub cookies { my ($answer) = @_; return [ $answer =~ /^Set-Cookie: (.*?)\r$/mg ]; }
sub raw
{
	my ($line, $more) = @_;
	return http_raw($node, "$line HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n$more\r\n");
}
is_deeply(cookies(raw('POST /__ws/auth?mode=cookies', "Content-Length: 0\r\n")),
	[ 'a=%C3%BC%3B%201; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax',
		'gone=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax',
		'plain=v; Domain=example.org; SameSite=Strict' ], 'cookies as they are set');
is_deeply(cookies(raw('POST /__ws/auth?mode=reset', "Content-Length: 0\r\nCookie: session=s2\r\n")),
	['session=s3; Path=/; Secure; HttpOnly; SameSite=Lax'], 'a session is changed for another');
is(me(ws_connect($node, headers => { Cookie => 'session=s3' }))->{user}, 'bob', 'which then counts');
is((ask('POST /__ws/auth?mode=many%20cookies'))[0], 503, 'too many cookies are none');
is(me(connect_with('cookies'))->{user}, 'c', 'a WebSocket opens without them');

# A form
is((http_request($node, 'POST /__ws/auth', 'Content-Length' => 70000, 'Content-Type' => 'text/plain'))[0], 413,
	'a body has an end');
my ($first, $second) = raw("POST /__ws/auth?mode=echo", "Content-Length: 5\r\n\r\nhello") =~ /^(HTTP\/1.1 \d+)/g;
is($first, 'HTTP/1.1 204', 'a body is taken');

# Requests behind one that waits, and a client that goes meanwhile
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $socket = tcp_connect($node);
print $socket "POST /__ws/auth?mode=wait HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n";
my @gone = map { tcp_connect($node) } 1, 2;
print $_ "POST /__ws/auth?mode=wait HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n" for @gone;
$node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
close $_ for @gone;
print $socket "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(join(' ', http_raw($socket, '') =~ /^HTTP\/1.1 (\d+)/mg), '204 200', 'answers come in the order of requests');

# Tokens that keys vouch for
$node->append_conf('postgresql.conf', "realtime.jwt_secret = '$secret'\n");
$node->reload;
my $token = jwt({ sub => 'dora', color => 'blue' }, secret => $secret);
my $is_known = sub {
	my $client = ws_connect($node, headers => { Authorization => "Bearer $token" });
	my $user = eval { me($client)->{user} } // '';
	ws_close($client);
	return $user eq 'dora';
};
ok(poll_until($is_known), 'its claims are told');
$me = me(ws_connect($node, headers => { Authorization => "Bearer $token" }));
is_deeply($me->{data}, { sub => 'dora', color => 'blue', by => 'hook' }, 'and the hook has the last word');
is(ws_close_code(ws_connect($node, headers => { Authorization => 'Bearer abc' })), 4401, 'the hook does not see a bad one');
is((ask('POST /__ws/auth', Authorization => 'Bearer abc'))[0], 401, 'over HTTP neither');

# One that is over: who asks first may be given another one
my $over = jwt({ sub => 'dora', exp => time - 3600 }, secret => $secret);
($status, $headers) = ask("POST /__ws/auth?mode=renew&with=$token", Cookie => "access_token=$over", %page);
is($status, 204, 'the hook may renew an expired token');
like($headers->{'set-cookie'}, qr/^access_token=\Q$token\E;/, 'in a cookie');
is((ask('POST /__ws/auth?mode=null', Cookie => "access_token=$over"))[0], 401, 'or not');
is(ws_close_code(ws_connect($node, path => "/ws?mode=renew&with=$token", headers => { Cookie => "access_token=$over" })), 4401, 'a WebSocket it opens for nobody');
is((ask("POST /__ws/auth?mode=renew&with=$token", Cookie => 'access_token=' . jwt({ sub => 'dora', exp => time - 3600 }, secret => 'another')))[0], 401, 'nor does the hook see one that nobody vouches for');
is(me(ws_connect($node, path => '/ws?mode=renew', headers => { Authorization => "Bearer $token" }))->{data}{error}, undef, 'a good one has no error');

# One that is gone lets nobody in, one that is removed everybody
$node->safe_psql('postgres', q{UPDATE realtime.hook_declaration SET function = 'app.nothing(jsonb)'});
is(ws_close_code(connect_with('echo')), 1013, 'a hook that is gone lets nobody in');
is((ask('POST /__ws/auth', %page))[0], 503, 'nor over HTTP');
$node->safe_psql('postgres', q{SELECT realtime.hook('authenticate', NULL)});
is(me(connect_with('null'))->{user}, undef, 'one that is removed is not asked');
is((ask('POST /__ws/auth', %page))[0], 204, 'nor over HTTP');
is(ws_call($before, 'app/me', [])->{data}{data}, undef, 'who was there before is who it was');

# The gateway's and the executors' death
$node->safe_psql('postgres', q{SELECT realtime.hook('authenticate', 'app.who(jsonb)')});
$lock->query_safe('SELECT pg_advisory_lock(1)');
$socket = tcp_connect($node);
print $socket "POST /__ws/auth?mode=wait HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
my $waiting = q{FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)};
$node->poll_query_until('postgres', "SELECT count(*) = 1 $waiting");
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $waiting");
like(http_raw($socket, ''), qr/^HTTP\/1.1 503 /, 'an executor that ends leaves an answer');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
