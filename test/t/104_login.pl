# Tokens: where they may come in, who a connection is with one, and without.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.upgrade_rate' => 0, 'realtime.max_sessions' => 25,
	'realtime.jwt_secret' => $secret, 'realtime.jwt_issuers' => 'https://id.example, other',
	'realtime.jwt_audiences' => 'app');

$node->safe_psql('postgres', q{
CREATE ROLE tenant;
CREATE ROLE stranger;
GRANT tenant TO realtime_executor;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated, tenant;
CREATE FUNCTION app.me() RETURNS json STABLE LANGUAGE sql AS $$
SELECT json_build_object('user', realtime.user_id(), 'role', current_user,
	'data', realtime.user_data(), 'claims', current_setting('request.jwt.claims')::json) $$;
CREATE TABLE app.note (owner text, body text);
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON app.note TO realtime_anonymous, realtime_authenticated;
CREATE POLICY own ON app.note USING (owner = current_setting('request.jwt.claims')::json ->> 'sub');
INSERT INTO app.note VALUES ('ann', 'of ann'), ('bob', 'of bob');
CREATE FUNCTION app.notes() RETURNS SETOF text STABLE LANGUAGE sql AS 'SELECT body FROM app.note';
CREATE FUNCTION app.mine() RETURNS TABLE (who text) STABLE LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE FUNCTION app.wait() RETURNS text LANGUAGE sql AS
$$SELECT coalesce(realtime.user_id(), 'nobody') FROM pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.may(who text) RETURNS boolean STABLE LANGUAGE sql AS
'SELECT who IS NOT DISTINCT FROM realtime.user_id()';
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/notes', 'app.notes()'),
	realtime.rpc('app/wait', 'app.wait()'),
	realtime.topic('of:{who}', access => 'app.may(text)'), realtime.topic('all', open => true),
	realtime.stream('app/mine', 'mine', 'app.mine()', key => 'who'),
	realtime.channel('app/follow', 'follow:{who}', access => 'app.may(text)');
});
wait_for_call($node, 'app/me', []);

my %good = (iss => 'other', aud => [ 'app', 'x' ]);
sub token { return jwt({ %good, @_ }, secret => $secret); }
sub me { return ws_call($_[0], 'app/me', [])->{data}; }
sub rows { return [ sort @{ ws_call($_[0], 'app/notes', [])->{data} } ]; }

sub connect_with
{
	my ($place, $token) = @_;
	return ws_connect($node, %{
		$place eq 'header' ? { headers => { Authorization => "Bearer $token" } }
		: $place eq 'cookie' ? { headers => { Cookie => "a=b; access_token=$token" } }
		: $place eq 'query' ? { path => "/ws?x=1&token=$token" }
		: $place eq 'access_token' ? { path => "/ws?access_token=$token" }
		: { headers => { 'Sec-WebSocket-Protocol' => "realtime, token.$token" } } });
}

sub become
{
	my ($ws, $token) = @_;
	ws_send($ws, { type => 'auth', token => $token });
	return ws_wait($ws, sub { ($_->{type} // '') eq 'auth' });
}

my @places = qw(header cookie query access_token protocol);

# Without one
my $nobody = ws_connect($node);
is(me($nobody)->{user}, undef, 'nobody without a token');
is(me($nobody)->{role}, 'realtime_anonymous', 'is of the role of the anonymous');
is_deeply(rows($nobody), [], 'and sees no rows of others');

# With one, wherever it is
for my $place (@places)
{
	my $ws = connect_with($place, token(sub => 'ann', color => 'red'));
	my $me = me($ws);

	is($me->{user}, 'ann', "$place: the user is known");
	is($me->{role}, 'realtime_authenticated', 'with a role');
	is($me->{data}{color}, 'red', 'and claims');
	is($me->{claims}{sub}, 'ann', 'which policies can read');
	is_deeply(rows($ws), ['of ann'], 'and which they act upon');
	is($ws->{headers}{'sec-websocket-protocol'}, $place eq 'protocol' ? 'realtime' : undef,
		'our subprotocol is chosen where it is offered');
	ws_close($ws);
}
is(me(ws_connect($node, headers => { 'Sec-WebSocket-Protocol' => 'realtime' }))->{user}, undef,
	'the subprotocol alone says nothing');

# Ids and roles
is(me(connect_with('header', token(sub => 's', id => 7)))->{user}, '7', 'the id may be called so, and a number');
is(me(connect_with('header', token(sub => 'ann', role => 'tenant')))->{role}, 'tenant', 'a token names the role');
is(ws_close_code(connect_with('header', token(sub => 'ann', role => $_))), 4403,
	"but not \"$_\"") for 'stranger', 'postgres', 'nowhere';
is(ws_close_code(connect_with('header', token(sub => 'x' x 257))), 4401, 'an id has a limit');
is(me(connect_with('header', token(role => 'tenant')))->{user}, undef, 'a token may name nobody');

# What is there and wrong is not passed by
my %bad = (
	'another secret' => jwt({ %good, sub => 'ann' }, secret => 'another'),
	'no signature' => jwt({ %good, sub => 'ann' }, alg => 'none'),
	'expired' => token(sub => 'ann', exp => time - 3600),
	'too early' => token(sub => 'ann', nbf => time + 3600),
	'another issuer' => jwt({ %good, iss => 'x', sub => 'ann' }, secret => $secret),
	'another audience' => jwt({ %good, aud => 'x', sub => 'ann' }, secret => $secret),
	'no object' => jwt('[]', secret => $secret),
	'no token at all' => 'hello',
	'a letter of NUL' => jwt('{"sub":"a\u0000b","iss":"other","aud":"app"}', secret => $secret));
for my $what (sort keys %bad)
{
	is(ws_close_code(connect_with('header', $bad{$what})), 4401, "refused: $what");
	is(ws_close_code(connect_with('query', $bad{$what})), 4401, 'in a query as well');
}
is(ws_close_code(ws_connect($node, headers => { Authorization => 'Bearer x',
	Cookie => 'access_token=' . token(sub => 'ann') })), 4401, 'a good one elsewhere does not help');
is(me(ws_connect($node, headers => { Authorization => 'Basic YTpi',
	Cookie => 'access_token=' . token(sub => 'ann') }))->{user}, 'ann', 'another scheme is none of ours');
is(me(ws_connect($node, headers => { Cookie => 'access_token=' }))->{user}, undef,
	'a cookie that was taken back is none');

# In a frame
my $ws = ws_connect($node);
is_deeply(become($ws, token(sub => 'ann')), { type => 'auth', ok => JSON::PP::true, exp => undef },
	'a token in a frame is taken');
is(me($ws)->{user}, 'ann', 'and counts');
my $refused = become($ws, $bad{'another secret'});
ok(!$refused->{ok} && $refused->{code} eq 'UNAUTHENTICATED', 'a bad one is refused');
ok(!become($ws, '')->{ok}, 'so is an empty one');
is(me($ws)->{user}, 'ann', 'and changes nothing');
my $later = time + 3000;
is(become($ws, token(sub => 'ann', exp => $later))->{exp}, $later, 'a new one of the same user is taken');
ws_send($ws, { type => 'auth', token => token(sub => 'bob') });
is(ws_close_code($ws), 4403, 'nobody becomes somebody else');

# What follows a token is done as who it names
$ws = ws_connect($node);
ws_raw($ws, join '', map { ws_frame('text', encode_json($_)) }
	{ rpc => 'app/me', id => 'before', args => [] },
	{ type => 'auth', token => token(sub => 'ann') },
	{ rpc => 'app/me', id => 'behind', args => [] });
is(ws_wait($ws, sub { ($_->{event} // '') eq 'before' })->{data}{data}{user}, undef,
	'what was sent before is done as nobody');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'behind' })->{data}{data}{user}, 'ann',
	'what was sent behind it as who it is');

# ... even if no executor has time for the login yet
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my @busy = map { ws_connect($node) } 1 .. 3;
ws_send($_, { rpc => 'app/wait', id => 'w', args => [] }) for @busy;
$ws = connect_with('header', token(sub => 'ann'));
ws_raw($ws, join '', map { ws_frame('text', qq({"rpc":"app/me","id":"m$_","args":[]})) } 1 .. 100);
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(scalar(grep { $_->{data}{data}{user} eq 'ann' }
	map { my $id = "m$_"; ws_wait($ws, sub { ($_->{event} // '') eq $id }) } 1 .. 100), 100,
	'all that waited is done as who it is');
ws_close($_) for @busy;

# One that closes while its login waits
$lock->query_safe('SELECT pg_advisory_lock(1)');
@busy = map { ws_connect($node) } 1 .. 3;
ws_send($_, { rpc => 'app/wait', id => 'w', args => [] }) for @busy;
my @gone = map { connect_with('header', token(sub => "gone$_")) } 1 .. 10;
close $_->{socket} for @gone;
$lock->query_safe('SELECT pg_advisory_unlock(1)');
ws_close($_) for @busy;

# Subscriptions are looked at again
$ws = ws_connect($node);
is(ws_subscribe($ws, 'all')->{type}, 'subscribed', 'nobody follows what is open');
is(ws_subscribe($ws, 'of:ann')->{type}, 'subscribe-denied', 'and not what is not');
become($ws, token(sub => 'ann'));
is(ws_subscribe($ws, 'of:ann')->{type}, 'subscribed', 'who is known may follow more');
is(ws_subscribe($ws, 'of:bob')->{type}, 'subscribe-denied', 'but not all');
become($ws, token(sub => 'ann', color => 'blue'));
is(ws_call($ws, 'app/me', [])->{data}{data}{color}, 'blue', 'other claims are taken');
$node->safe_psql('postgres', q{SELECT realtime.publish('of:ann', 'x'), realtime.publish('all', 'y')});
is_deeply([ sort map { $_->{event} } map { ws_wait($_, sub { exists $_->{event} }) } $ws, $ws ], [ 'x', 'y' ],
	'what is still allowed goes on');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.may(who text) RETURNS boolean
	STABLE LANGUAGE sql AS 'SELECT false'});
become($ws, token(sub => 'ann', color => 'green'));
my $taken = ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' });
is("$taken->{topic} $taken->{reason}", 'of:ann FORBIDDEN', 'what is not is taken away');
$node->safe_psql('postgres', q{SELECT realtime.publish('of:ann', 'x'), realtime.publish('all', 'z')});
is(ws_wait($ws, sub { exists $_->{event} })->{event}, 'z', 'and nothing of it comes any more');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.may(who text) RETURNS boolean
	STABLE LANGUAGE sql AS 'SELECT who IS NOT DISTINCT FROM realtime.user_id()'});

# A stream's arguments are not kept: its client asks again
$ws = connect_with('header', token(sub => 'ann'));
ok(ws_call($ws, 'app/follow', ['ann'], stream => JSON::PP::true)->{ok}, 'a stream is followed');
become($ws, token(sub => 'ann', iat => time, exp => time + 600));
$node->safe_psql('postgres', q{SELECT realtime.publish('follow:ann', 'x')});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'x' })->{event}, 'x', 'a token that says the same changes nothing');
ws_send($ws, { type => 'auth', token => token(sub => 'ann', color => 'red') });
is(ws_close_code($ws), 4408, 'one that says something else has the client come back');

# Who has an identity's place in the table after it is not taken for it
sub follow { return ws_call($_[0], 'app/mine', [], stream => JSON::PP::true)->{data}[0]{who}; }
my $ann = connect_with('header', token(sub => 'ann'));
is(follow($ann), 'ann', 'a stream of what is hers');
become($ann, token(sub => 'ann', iat => time));
my @bobs = map { connect_with('header', token(sub => "bob$_")) } 1 .. 5;
is_deeply([ map { follow($_) } @bobs ], [ map { "bob$_" } 1 .. 5 ], 'and theirs');
$node->safe_psql('postgres', q{SELECT realtime.invalidate('mine')});
is_deeply([ map { ws_wait($_, sub { ($_->{event} // '') eq 'refreshed' })->{data}[0]{who} } $ann, @bobs ],
	[ 'ann', map { "bob$_" } 1 .. 5 ], 'each gets his own anew');
ws_close($_) for $ann, @bobs;

# The end of a token
# (on a machine that is busy it may be over before it has come in: then another one)
sub soon_over { return poll_until(sub {
	my $one = connect_with('header', token(sub => 'ann', exp => time + 3));
	return eval { ws_wait($one, sub { ($_->{type} // '') eq 'auth-expiring' }) } && $one;
}); }
ok($ws = soon_over(), 'its end is announced');
my $longer;
ok(poll_until(sub { eval { become($longer = soon_over(), token(sub => 'ann', exp => time + 3600))->{ok} } }), 'another one in time');
is(ws_close_code($ws), 4408, 'then the connection ends, to come back');
is(me($longer)->{user}, 'ann', 'but not that of who had another one');

# Keys of files
my $folder = PostgreSQL::Test::Utils::tempdir;
my ($public, $private) = key_pair($folder, 'ed25519');
my ($rsa, $rsa_private) = key_pair($folder, 'rsa');
append_to_file("$folder/keys.json", '{"keys":[' . okp_jwk($public, 'one') . ']}');
chmod 0755, $folder;
chmod 0644, "$folder/keys.json", $rsa;
# What cannot be read may have the key: nobody is refused for good because of that
$node->append_conf('postgresql.conf', "realtime.jwt_key_file = '$folder/not-there-yet.pem'\n");
$node->reload;
my $signed = jwt({ %good, sub => 'ann' }, alg => 'RS256', key => $rsa_private);
ok(poll_until(sub { ws_close_code(connect_with('header', $signed)) == 1013 }), 'a key file that is not there is to be tried again');
is(ws_close_code(connect_with('header', $bad{'another secret'})), 1013, 'whatever has signed');
is((http_request($node, 'POST /__ws/auth', 'Content-Length' => 0, Authorization => "Bearer $signed"))[0], 503, 'over HTTP, too');
is(ws_close_code(connect_with('header', $bad{$_})), 4401, "not: $_") for 'no token at all', 'expired', 'another issuer';
is(me(connect_with('header', token(sub => 'ann')))->{user}, 'ann', 'and the secret vouches');

$node->append_conf('postgresql.conf', "realtime.jwks_file = '$folder/keys.json'
realtime.jwt_key_file = '$rsa'\n");
$node->reload;
my %claims = (%good, sub => 'ann');
sub user_of
{
	my ($token) = @_;
	my $client = connect_with('header', $token);
	return eval { me($client)->{user} } // 'closed';
}
ok(poll_until(sub { user_of(jwt(\%claims, alg => 'EdDSA', kid => 'one', key => $private)) eq 'ann' }),
	'a key of a set');
is(user_of(jwt(\%claims, alg => 'RS256', key => $rsa_private)), 'ann', 'a key of a file');
is(user_of(jwt(\%claims, alg => 'EdDSA', kid => 'two', key => $private)), 'closed', 'another id is another key');
is(user_of(jwt(\%claims, secret => slurp_file($rsa))), 'closed', 'a public key is no secret');
is(user_of(token(sub => 'bob')), 'bob', 'the secret is still one');

append_to_file("$folder/new.json", '{"keys":[' . okp_jwk($public, 'two') . ']}');
chmod 0644, "$folder/new.json";
rename "$folder/new.json", "$folder/keys.json";
$node->reload;
ok(poll_until(sub { user_of(jwt(\%claims, alg => 'EdDSA', kid => 'two', key => $private)) eq 'ann' }),
	'a set that is replaced is read again');
is(user_of(jwt(\%claims, alg => 'EdDSA', kid => 'one', key => $private)), 'closed', 'and what it had is gone');
append_to_file("$folder/bad.json", 'nonsense');
chmod 0644, "$folder/bad.json";
rename "$folder/bad.json", "$folder/keys.json";
$node->reload;
ok(poll_until(sub { user_of(token(sub => 'ann')) eq 'ann' &&
	slurp_file($node->logfile) =~ /keys of tokens cannot be read from file/ }), 'one that is none is told of');
is(user_of(jwt(\%claims, alg => 'EdDSA', kid => 'two', key => $private)), 'ann', 'and its keys stay');

# Nothing is left of those who have gone
ws_close($_) for $longer, $nobody;
$lock->quit;
unlike(slurp_file($node->logfile), qr/eyJ/, 'no token is in the log');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
