# What is of the whole server and not of one gateway or one executor: how fast an
# address connects, how many functions have limits, who somebody is, which roles
# stand for those without one.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.gateways' => 2, 'realtime.executors' => 3, 'realtime.upgrade_rate' => 40, 'realtime.rate_identities' => 200,
	'realtime.jwt_secret' => $secret, 'realtime.jwt_role_claim' => 'kind', 'realtime.trusted_proxies' => '127.0.0.1');
$node->safe_psql('postgres', q{
CREATE ROLE tenant; CREATE ROLE strangers;
GRANT tenant, strangers TO realtime_executor;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS $$ SELECT realtime.user_id() || ' is ' || current_user $$;
CREATE FUNCTION app.one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.rows() RETURNS SETOF integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.known() RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT current_user <> 'strangers' $$;
CREATE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT app.known()';
SELECT realtime.rpc('app/me', 'app.me()'), realtime.topic('of:{what}', access => 'app.may(text)'),
	realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.known()');
SELECT realtime.rpc('many/f' || i, 'app.one()', rate_limit => 5, rate_window => '1 h') FROM generate_series(1, 1025) i;
});
wait_for_call($node, 'app/me', []);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub from { my ($address, %more) = @_; return ('X-Forwarded-For' => $address, %more); }

# An address connects as often as it may, whichever gateway it reaches
my $let_in = grep { eval { ws_close(ws_connect($node, headers => { from('10.0.0.1') })); 1 } } 1 .. 160;
cmp_ok($let_in, '>=', 40, 'an address may connect');
cmp_ok($let_in, '<', 60, 'and not twice as often with two gateways');
$let_in = grep { (http_request($node, 'POST /__ws/auth', 'Content-Length' => 0, from('10.0.0.2')))[0] == 204 } 1 .. 160;
cmp_ok($let_in, '>=', 40, 'or ask who it is');
cmp_ok($let_in, '<', 60, 'likewise');
ok(eval { ws_close(ws_connect($node, headers => { from('10.0.0.3') })); 1 }, 'others do not notice');

# Functions with limits beyond those that are counted
my $ws = ws_connect($node, headers => { from('10.0.0.4') });
my $hits = sql(q{SELECT hits FROM realtime.limits WHERE name = 'rate_paths'});
my $refused = 0;
for my $first (map { $_ * 25 } 0 .. 40)
{
	ws_send($ws, { rpc => "many/f$_", id => "f$_", args => [] }) for $first + 1 .. $first + 25;
	for my $n ($first + 1 .. $first + 25)
	{
		my $reply = ws_wait($ws, sub { ($_->{event} // '') eq "f$n" })->{data};
		$refused++ if !$reply->{ok} && $reply->{code} eq 'RATE_LIMITED';
	}
}
is($refused, 1, 'one function more than can be counted is refused');
is(sql(q{SELECT hits FROM realtime.limits WHERE name = 'rate_paths'}), $hits + 1, 'which is counted');
is(sql(q{SELECT current || ' ' || peak || ' ' || maximum FROM realtime.limits WHERE name = 'rate_paths'}), '1024 1024 1024', 'all are in use');

# Who somebody is, on a connection and for a session
for my $who ('{"id":7.10,"kind":"tenant"}', '{"user_id":12345678901234567890.0,"role":"tenant"}', '{"sub":"ann","kind":"tenant","role":"postgres"}')
{
	my $client = ws_connect($node, headers => { from('10.0.0.5', Authorization => 'Bearer ' . jwt($who, secret => $secret)) });
	is(sql(qq{SELECT realtime.call('app/me', '[]', '$who') ->> 0}), ws_call($client, 'app/me', [])->{data}, "$who is the same for realtime.call()");
	ws_close($client);
}

# Another role for the anonymous
is(ws_subscribe($ws, 'of:a')->{type}, 'subscribed', 'an anonymous client may');
my $follower = ws_connect($node, headers => { from('10.0.0.6') });
ok(ws_call($follower, 'app/rows', [], stream => JSON::PP::true())->{ok}, 'another one follows');
sql(q{ALTER SYSTEM SET realtime.anonymous_role = 'strangers'});
$node->reload;
is(ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' })->{topic}, 'of:a', 'who is of another role now is asked again');
is(ws_close_code($follower), 4408, 'and who follows comes back');
done_testing();
