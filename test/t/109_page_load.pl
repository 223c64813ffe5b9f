# Values of streams for pages that are rendered elsewhere, over HTTP: what is loaded, as whom, what is refused
# and how, and that nobody has more than his turn.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 4, 'realtime.upgrade_rate' => 0, 'realtime.jwt_secret' => $secret,
	'realtime.max_calls_in_flight' => 2,
	'realtime.allowed_origins' => 'same-origin, https://app.example');
my $json = JSON::PP->new->canonical->allow_nonref;
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.row (id bigint PRIMARY KEY, owner text, what text);
INSERT INTO app.row VALUES (1, 'ann', 'a lamp'), (2, 'bob', 'a bed'), (9007199254740993, 'ann', 'größer');
ALTER TABLE app.row ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.row USING (owner = realtime.user_id());
CREATE TABLE app.log (code text, message text, topic text, who text);
GRANT ALL ON app.row, app.log TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.rows(word text DEFAULT '') RETURNS TABLE (id bigint, what text) STABLE LANGUAGE sql AS
	$$SELECT id, what FROM app.row WHERE position(word IN what) > 0 OR word = '' ORDER BY id$$;
CREATE FUNCTION app.told(code text, message text, topic text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.log VALUES (code, message, topic, realtime.user_id())$$;
CREATE FUNCTION app.breaks(how text) RETURNS integer STABLE LANGUAGE plpgsql AS $$BEGIN
	IF how = 'raise' THEN PERFORM realtime.raise('SOLD_OUT', 'No more "lamps"'); END IF;
	IF how = 'hang' AND current_setting('realtime.handler_timeout') = '1s' THEN PERFORM pg_sleep(600); END IF;
	IF how = 'broken' THEN PERFORM FROM nowhere; END IF;
	IF how = 'long' THEN PERFORM realtime.raise('PAYLOAD_TOO_LARGE'); END IF;
	RETURN 1 / (length(how) - length(how)); END$$;
CREATE FUNCTION app.waits(n integer) RETURNS integer STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN n; END$$;
CREATE FUNCTION app.slow(n integer) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1);
	RETURN jsonb_build_object('rows', (SELECT count(*) FROM app.log), 'load', clock_timestamp()); END$$;
CREATE FUNCTION app.own(n integer) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN realtime.connection_id(); END$$;
CREATE FUNCTION app.upper(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT jsonb_set(data, '{what}', to_jsonb(upper(data ->> 'what')))$$;
CREATE FUNCTION app.known() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
CREATE FUNCTION app.is_ann() RETURNS boolean STABLE LANGUAGE sql AS $$SELECT realtime.user_id() = 'ann'$$;
CREATE FUNCTION app.no() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.yes(pressure jsonb) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.page() RETURNS realtime.page STABLE LANGUAGE sql AS $$SELECT '[{"id":1}]'::jsonb, true, '{"before":1}'::jsonb$$;
CREATE FUNCTION app.echo(what text) RETURNS text STABLE LANGUAGE sql AS 'SELECT what';
SELECT realtime.admission('refused', predicate => 'app.yes(jsonb)');
SELECT realtime.stream('app/mine', 'mine:{user_id}', 'app.rows(text)', replay => true, on_error => 'app.told(text,text,text)'),
	realtime.stream('app/shout', 'shout:{word}:{1}', 'app.rows(text)', transform => 'app.upper(jsonb)', delta_version => 'realtime.topic_version()'),
	realtime.stream('app/breaks', 'breaks:{how}', 'app.breaks(text)', merge => 'set', on_error => 'app.told(text,text,text)'),
	realtime.stream('app/waits', 'waits', 'app.waits(integer)', merge => 'set'),
	realtime.stream('app/slow', 'slow', 'app.slow(integer)', merge => 'set'),
	realtime.stream('app/own', 'own', 'app.own(integer)', merge => 'set'),
	realtime.stream('app/known', 'known', 'app.rows(text)', guard => '{app.known()}', access => 'app.is_ann()'),
	realtime.stream('app/gated', 'gated', 'app.rows(text)', gate => 'app.no()'),
	realtime.stream('app/given_up', 'given_up', 'app.rows(text)', class_of_service => 'refused'),
	realtime.stream('app/page', 'page', 'app.page()'),
	realtime.channel('app/channel', 'channel:{1}'),
	realtime.query('app/query', 'SELECT id, what FROM app.row ORDER BY id'),
	realtime.rpc('app/echo', 'app.echo(text)');
});
wait_for_call($node, 'app/echo', ['x']);

my %bearer = map { $_ => { Authorization => 'Bearer ' . jwt({ sub => $_ }, secret => $secret) } } qw(ann bob);
sub encode { my ($text) = @_; utf8::encode($text); $text =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge; return $text; }
sub address
{
	my ($path, @args) = @_;
	return "/__realtime/load/$path" . (@args ? '?args=' . encode($json->encode(\@args)) : '');
}
sub get { my ($address, %headers) = @_; return http_request($node, "GET $address", %headers); }
sub load
{
	my ($who, $path, @args) = @_;
	my ($status, $headers, $body) = get(address($path, @args), $who ? %{ $bearer{$who} } : ());
	return ($status, eval { decode_json($body) }, $headers);
}
sub is_refused
{
	my ($status, $code, $what, @got) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is("$got[0] " . ($got[1]{code} // 'without a code'), "$status $code", $what);
}

# What is loaded, and as whom
my ($status, $data, $headers) = load('ann', 'app/mine');
is($status, 200, 'a value');
is("$headers->{'content-type'}, $headers->{'cache-control'}", 'application/json, no-store', 'is JSON, and nobody keeps it');
is_deeply([ map { $_->{what} } @{ $data->{data} } ], [ 'a lamp', "gr\x{f6}\x{df}er" ], 'of who asks');
is($data->{topic}, 'mine:ann', 'from the topic of that user');
is($json->encode($data), $json->encode(decode_json($node->safe_psql('postgres', q{SELECT realtime.load('app/mine', '[]', '{"sub": "ann"}')}))),
	'as realtime.load() has it');
is_deeply([ map { $_->{id} } @{ (load('bob', 'app/mine'))[1]{data} } ], [2], 'another user has other rows');
is_deeply([ map { $_->{id} } @{ (load('ann', 'app/mine', "gr\x{f6}"))[1]{data} } ], ['9007199254740993'], 'arguments come with the query');
is_refused(401, 'UNAUTHENTICATED', 'who is nobody has no such topic', load(undef, 'app/mine'));
my ($cookie) = $bearer{bob}{Authorization} =~ /Bearer (.*)/;
($status, undef, my $body) = get(address('app/mine'), Cookie => "access_token=$cookie");
is(decode_json($body)->{topic}, 'mine:bob', 'a token in a cookie');
($status, undef, $body) = get(address('app/mine') . "?token=$cookie&args=%5B%22bed%22%5D");
is(decode_json($body)->{data}[0]{what}, 'a bed', 'and in the query');
$data = (load('ann', 'app/shout', 'lamp'))[1];
is("$data->{data}[0]{what} $data->{topic}", 'A LAMP shout:lamp:lamp', 'transform belongs to it');
like($data->{version}, qr/^[0-9a-f]{16}$/, 'and the version');
is_deeply((load(undef, 'app/gated'))[1], { data => undef, gated => $true }, 'a gate that is closed');
is_deeply((load(undef, 'app/channel', 7))[1], { data => undef, channel => $true, merge => 'set', topic => 'channel:7' }, 'a channel');
is_deeply((load(undef, 'app/page'))[1],
	{ data => [ { id => 1 } ], hasMore => $true, cursor => { before => 1 }, key => 'id', merge => 'crud', topic => 'page' }, 'a page');
is_deeply([ map { $_->{id} } @{ (load('bob', 'app/query'))[1]{data} } ], [2], 'a live query');

# The page goes on from it without a gap
$data = (load('ann', 'app/mine'))[1];
$node->safe_psql('postgres', q{SELECT realtime.publish('mine:ann', 'created', '{"id": 3}')});
my $ws = ws_connect($node, headers => $bearer{ann});
my $reply = ws_call($ws, 'app/mine', [], stream => $true, seq => $data->{seq});
is("$reply->{replay} $reply->{data}[0]{event} $reply->{data}[0]{data}{id}", '1 created 3', 'what has happened since comes, and no more');
$data = (load('ann', 'app/shout', 'lamp'))[1];
is(ws_call($ws, 'app/shout', ['lamp'], stream => $true, version => $data->{version})->{unchanged}, $true, 'or that nothing has');

# What is refused
is_refused(404, 'NOT_FOUND', 'what is not declared', load(undef, 'app/nothing'));
is_refused(404, 'NOT_FOUND', 'what is a call', load(undef, 'app/echo', 'x'));
is_refused(400, 'INVALID_REQUEST', 'what is no path', load(undef, 'app'));
is_refused(400, 'INVALID_REQUEST', 'nor are more', load(undef, 'app/mine/../..'));
for ('{}', '[1', '1', '%00', '%5B%FF%5D', '[' x 200 . ']' x 200)
{
	($status, undef, $body) = get(address('app/mine') . "?args=$_");
	is_refused(400, 'INVALID_REQUEST', 'arguments that are none: ' . substr($_, 0, 10), $status, decode_json($body));
}
($status, $data) = load(undef, 'app/waits', 'x');
is_refused(422, 'VALIDATION', 'arguments of other types', $status, $data);
is_deeply($data->{issues}[0]{path}, ['n'], 'with what is wrong');
is_refused(401, 'UNAUTHENTICATED', 'a guard that wants to know who it is', load(undef, 'app/known'));
is((load(undef, 'app/known'))[2]{'www-authenticate'}, 'Bearer', 'says so');
is_refused(403, 'FORBIDDEN', 'access that is another\'s', load('bob', 'app/known'));
is((load('ann', 'app/known'))[0], 200, 'whose it is has it');
($status, undef, $body) = get(address('app/known'), Authorization => 'Bearer abc');
is_refused(401, 'UNAUTHENTICATED', 'a token that is none', $status, decode_json($body));
is_refused(503, 'OVERLOADED', 'a class that gives way', load(undef, 'app/given_up'));
($status, $data) = load(undef, 'app/breaks', 'raise');
is_refused(400, 'SOLD_OUT', 'an error of the loader\'s own', $status, $data);
is($data->{message}, 'No more "lamps"', 'with its words');
is_refused(413, 'PAYLOAD_TOO_LARGE', 'a code of ours', load(undef, 'app/breaks', 'long'));
is_refused(422, 'VALIDATION', 'one about data', load(undef, 'app/breaks', 'x'));
is_refused(500, 'INTERNAL_ERROR', 'one that is nobody else\'s business', load(undef, 'app/breaks', 'broken'));
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws(' ', code, topic), ', ' ORDER BY ctid) FROM app.log}),
	'SOLD_OUT breaks:raise, PAYLOAD_TOO_LARGE breaks:long, VALIDATION breaks:x, INTERNAL_ERROR breaks:broken', 'and on_error is told');
sub time_out { my ($value) = @_; $node->safe_psql('postgres', "ALTER SYSTEM SET realtime.handler_timeout = $value"); $node->reload; return; }
time_out(q{'1s'});
ok(poll_until(sub { return join(' ', map { $_ // '' } (load(undef, 'app/breaks', 'hang'))[0]) eq '504' }), 'what takes too long');
is_refused(504, 'TIMEOUT', 'is a time-out', load(undef, 'app/breaks', 'hang'));
time_out('DEFAULT');
ok(poll_until(sub { $node->safe_psql('postgres', 'SHOW realtime.handler_timeout') eq '10min' }), 'others have their time');

# Methods and origins
($status, $headers, $body) = http_request($node, 'HEAD ' . address('app/mine'), %{ $bearer{ann} });
is("$status $body", '200 ', 'HEAD has no content');
cmp_ok($headers->{'content-length'}, '>', 100, 'but its length');
($status, $headers) = http_request($node, 'POST ' . address('app/mine'), 'Content-Length' => 0);
is("$status $headers->{allow}", '405 GET, HEAD, OPTIONS', 'other methods are refused');
my %page = (Origin => 'https://app.example');
($status, $headers) = http_request($node, 'OPTIONS ' . address('app/mine'), %page, 'Access-Control-Request-Method' => 'GET');
is("$status $headers->{'access-control-allow-methods'} $headers->{'access-control-allow-origin'}",
	'204 GET, HEAD https://app.example', 'a browser asks whether a page may');
($status, $headers) = get(address('app/mine'), %page, %{ $bearer{ann} });
is("$status $headers->{'access-control-allow-origin'} $headers->{'vary'}", '200 https://app.example Origin', 'it may');
($status, $headers) = get(address('app/none'), %page);
is("$status $headers->{'access-control-allow-origin'}", '404 https://app.example', 'and reads what is wrong');
for ({ Origin => 'https://evil.example' }, { 'Sec-Fetch-Site' => 'cross-site' })
{
	($status, $headers, $body) = get(address('app/mine'), %$_, %{ $bearer{ann} });
	is_refused(403, 'FORBIDDEN', 'other pages may not', $status, decode_json($body));
	is($headers->{'access-control-allow-origin'}, undef, 'and do not even learn that');
}
is((get('/__realtime/loads'))[0], 404, 'nothing else is there');
is((get(address('app/mine'), Host => 'evil.example'))[0], 421, 'nor for other hosts');

# Turns: two of one address run, the others wait, and another address does not
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
sub begin_load
{
	my ($from, @args) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => gateway_port($node), LocalAddr => $from) or die "no socket: $!";
	print $socket 'GET ' . address(@args) . " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
	return $socket;
}
sub content { my ($socket) = @_; my ($content) = http_raw($socket, '') =~ /\r\n\r\n(.*)/s; return decode_json($content); }
my $are_stuck = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted};
my @loads = map { begin_load('127.0.0.2', 'app/waits', $_) } 1 .. 2;
ok($node->poll_query_until('postgres', "SELECT ($are_stuck) = 2"), 'two of one address run');
push @loads, map { begin_load('127.0.0.2', 'app/waits', $_) } 3 .. 5;
my $gone = begin_load('127.0.0.2', 'app/waits', 6);
is((map { $_->{topic} } content(begin_load('127.0.0.3', 'app/channel', 1)))[0], 'channel:1', 'another address has its turn');
close $gone;
is($node->safe_psql('postgres', $are_stuck), 2, 'while the rest of the first one waits');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is_deeply([ map { content($_)->{data} } @loads ], [ 1 .. 5 ], 'all are answered');

# A client that goes while an executor works for it counts until it is done
$lock->query_safe('SELECT pg_advisory_lock(1)');
my @gone = map { begin_load('127.0.0.2', 'app/waits', $_) } 1 .. 2;
ok($node->poll_query_until('postgres', "SELECT ($are_stuck) = 2"), 'two run');
close $_ for @gone;
my $next = begin_load('127.0.0.2', 'app/waits', 7);
is(content(begin_load('127.0.0.3', 'app/channel', 2))->{topic}, 'channel:2', 'others do');
is($node->safe_psql('postgres', $are_stuck), 2, 'who has gone has his share');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(content($next)->{data}, 7, 'until it is done');

# Who asks the same at the same time shares a load, but none that has begun before
sub are_stuck { my ($count) = @_; return $node->poll_query_until('postgres', "SELECT ($are_stuck) = $count"); }
sub are_in_turn { my (@from) = @_; return scalar grep { content(begin_load($_, 'app/channel', 3))->{topic} eq 'channel:3' } @from; }
$node->safe_psql('postgres', 'TRUNCATE app.log');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my @same = begin_load('127.0.0.2', 'app/slow', 1);
ok(are_stuck(1), 'one is asked');
$node->safe_psql('postgres', q{INSERT INTO app.log VALUES ('new')});
push @same, map { begin_load("127.0.0.$_", 'app/slow', 1) } 2, 3, 3, 4, 5, 5, 5;
is(are_in_turn(map { "127.0.0.$_" } 2 .. 5), 4, 'others come');
my @others = (begin_load('127.0.0.4', 'app/slow', 2),
	map { my $who = $_; my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => gateway_port($node), LocalAddr => '127.0.0.6') or die "no socket: $!";
		print $socket 'GET ' . address('app/slow', 1) . " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: $bearer{$who}{Authorization}\r\nConnection: close\r\n\r\n"; $socket } qw(ann));
ok(are_stuck(3), 'other arguments and other users are asked for themselves, nobody else is');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
my @values = map { content($_)->{data} } @same;
is(scalar @values, 8, 'all have an answer');
is($values[0]{rows}, 0, 'the first has what there was when it asked');
is_deeply([ map { $_->{rows} } @values[ 1 .. 7 ] ], [ (1) x 7 ], 'the others what there was when they did');
is(scalar keys %{ { map { $_->{load} => 1 } @values[ 1 .. 7 ] } }, 1, 'of one load');
content($_) for @others;

# Nobody is lost with the one that is asked for all
$lock->query_safe('SELECT pg_advisory_lock(1)');
@same = begin_load('127.0.0.2', 'app/slow', 1);
ok(are_stuck(1), 'one is asked');
push @same, begin_load('127.0.0.3', 'app/slow', 1);
is(are_in_turn('127.0.0.3'), 1, 'another one waits');
push @same, map { begin_load("127.0.0.$_", 'app/slow', 1) } 4, 5;
is(are_in_turn('127.0.0.4', '127.0.0.5'), 2, 'and others');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
is(content($same[0])->{code}, 'CANCELLED', 'what becomes of the first load is told to the first');
ok(are_stuck(1), 'the next one is asked for all others');
close $same[1];
is(are_in_turn('127.0.0.3'), 1, 'and goes');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
@values = map { content($_)->{data} } @same[ 2, 3 ];
is($values[0]{load}, $values[1]{load}, 'they have their value');

# Nor with one that takes too long
time_out(q{'1s'});
ok(poll_until(sub { return join(' ', map { $_ // '' } (load(undef, 'app/breaks', 'hang'))[0]) eq '504' }), 'there is less time');
$lock->query_safe('SELECT pg_advisory_lock(1)');
@same = map { begin_load("127.0.0.$_", 'app/slow', 1) } 2 .. 6;
like(join(' ', map { content($_)->{code} } @same), qr/^TIMEOUT (TIMEOUT|OVERLOADED)( (TIMEOUT|OVERLOADED)){3}$/, 'all are told that it took, or they waited, too long');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
like(content(begin_load('127.0.0.2', 'app/slow', 1))->{data}{load}, qr/^\d{4}-/, 'who comes afterwards has the value');
time_out('DEFAULT');
ok(poll_until(sub { $node->safe_psql('postgres', 'SHOW realtime.handler_timeout') eq '10min' }), 'others have their time');

# What is not the same for all
for my $round (1, 2)
{
	$lock->query_safe('SELECT pg_advisory_lock(1)');
	@same = map { begin_load("127.0.0.$_", 'app/own', 1) } 2 .. 6;
	ok($node->poll_query_until('postgres', "SELECT ($are_stuck) >= 1"), 'some are asked');
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	is(scalar keys %{ { map { content($_)->{data} => 1 } @same } }, 5, 'each has his own');
}

# Where who asks is
$node->safe_psql('postgres', q{CREATE FUNCTION app.where() RETURNS text STABLE LANGUAGE sql AS 'SELECT host(realtime.remote_address())';
	SELECT realtime.stream('app/where', 'where', 'app.where()', merge => 'set')});
ok(poll_until(sub { (content(begin_load('127.0.0.3', 'app/where'))->{data} // '') eq '127.0.0.3' }), 'a loader knows the address');
is(join(' ', map { content($_)->{data} } map { begin_load($_, 'app/where') } map { "127.0.0.$_" } 4 .. 9), join(' ', map { "127.0.0.$_" } 4 .. 9), 'each has his own');

# Without the service
$lock->query_safe('SELECT pg_advisory_lock(1)');
@loads = map { begin_load('127.0.0.2', 'app/waits', $_) } 1 .. 3;
ok($node->poll_query_until('postgres', "SELECT ($are_stuck) = 2"), 'two run, one waits');

$node->safe_psql('template1', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor' OR application_name LIKE 'realtime executor%'});
like(http_raw($loads[0], ''), qr/^HTTP\/1.1 50[03] /, 'an executor that is ended leaves an answer');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(content($loads[2])->{data}, 3, 'and who has waited is served by the next one');
$lock->quit;

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
