# Who is connected, and orders about connections: disconnect, recheck, limits.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 4, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 2,
	'realtime.jwt_secret' => $secret, 'realtime.max_connections_per_user' => 3,
	'max_prepared_transactions' => 2);

$node->safe_psql('postgres', q{
CREATE ROLE tenant;
GRANT tenant TO realtime_executor;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated, tenant;
CREATE TABLE app.member (who text, topic text);
GRANT SELECT ON app.member TO realtime_anonymous, realtime_authenticated, tenant;
CREATE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS
$$SELECT EXISTS (SELECT FROM app.member m WHERE m.topic = may.topic AND who = realtime.user_id())$$;
CREATE FUNCTION app.may_later(topic text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	result boolean := EXISTS (SELECT FROM app.member m WHERE m.topic = may_later.topic AND who = realtime.user_id());
BEGIN
	PERFORM pg_advisory_xact_lock_shared(2);
	RETURN result;
END $$;
CREATE FUNCTION app.me() RETURNS json STABLE LANGUAGE sql AS
$$SELECT json_build_object('user', realtime.user_id(), 'connection', realtime.connection_id())$$;
CREATE FUNCTION app.may_follow() RETURNS boolean STABLE LANGUAGE sql AS
$$SELECT EXISTS (SELECT FROM app.member WHERE topic = 'feed' AND who = realtime.user_id())$$;
CREATE FUNCTION app.feed() RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.kick(who text) RETURNS integer LANGUAGE sql AS 'SELECT realtime.disconnect(who)';
SELECT realtime.topic('of:{what}', access => 'app.may(text)'), realtime.topic('slow:{what}', access => 'app.may_later(text)'),
	realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/kick', 'app.kick(text)'),
	realtime.stream('app/feed', 'feed', 'app.feed()', access => 'app.may_follow()');
INSERT INTO app.member VALUES ('ann', 'of:a'), ('ann', 'of:b'), ('bob', 'of:a'), ('ann', 'slow:a'), ('ann', 'feed'), ('bob', 'feed');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my %claims = @_;
	return %claims ? ws_connect($node, headers => { Authorization => 'Bearer ' . jwt(\%claims, secret => $secret) })
	  : ws_connect($node);
}

# Who has asked something is who it is.
sub known
{
	my $ws = client(@_);
	$ws->{me} = ws_call($ws, 'app/me', [])->{data};
	return $ws;
}

sub is_open { return defined ws_call($_[0], 'app/me', [])->{data}; }

# The code and reason with which it is closed
sub ending
{
	my ($ws) = @_;
	my $frame;
	do { $frame = ws_recv($ws) or return 'none' } until $frame->[0] eq 'close';
	return join ' ', unpack 'n a*', $frame->[1];
}

sub sqlstate_of
{
	my ($query) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$query");
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : "none: $out$err";
}

sub denied
{
	my ($ws) = @_;
	return ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' });
}

# The view
my $expires = time + 3600;
my $nobody = known();
my $ann = known(sub => 'ann', exp => $expires);
my $tenant = known(sub => 'ü', role => 'tenant');
is(sql(q{SELECT user_id, role, remote_address, connected_at BETWEEN now() - interval '1 hour' AND now(),
		extract(epoch FROM expires_at)::bigint, gateway BETWEEN 0 AND 1
	FROM realtime.connections ORDER BY user_id COLLATE "C" NULLS FIRST}),
	"|realtime_anonymous|127.0.0.1|t||t\nann|realtime_authenticated|127.0.0.1|t|$expires|t\nü|tenant|127.0.0.1|t||t",
	'the view shows who is there');
is(sql("SELECT user_id FROM realtime.connections WHERE connection_id = '$ann->{me}{connection}'"), 'ann',
	'under the id that its calls see');
ws_subscribe($ann, 'of:a');
ok(poll_until(sub { sql("SELECT subscriptions FROM realtime.connections WHERE user_id = 'ann'") eq '1' }),
	'with the number of its subscriptions');
ws_close($tenant);
ok(poll_until(sub { sql('SELECT count(*) FROM realtime.connections') == 2 }), 'who goes is not there');
my $late = known();
ws_send($late, { type => 'auth', token => jwt({ sub => 'late' }, secret => $secret) });
ws_wait($late, sub { ($_->{type} // '') eq 'auth' });
is(sql(q{SELECT count(*) FROM realtime.connections WHERE user_id = 'late'}), '1', 'who becomes somebody is that');
ws_close($late);

# Ending them
my $second = known(sub => 'ann');
my $bob = known(sub => 'bob');
is(sql(q{BEGIN; SELECT realtime.disconnect('ann'); ROLLBACK}), '2', 'it tells how many there are');
is(sql(q{BEGIN; SAVEPOINT a; SELECT realtime.disconnect('ann'); ROLLBACK TO a;
	SAVEPOINT b; SELECT realtime.disconnect('nobody'); RELEASE b; COMMIT}), "2\n0", 'also of who is not there');
ok(is_open($ann) && is_open($second), 'nothing happens after a rollback');
is(sql("SELECT realtime.disconnect('bob', '$ann->{me}{connection}'), realtime.disconnect(connection_id => 'x'),
	realtime.disconnect(''), realtime.disconnect(repeat('x', 300))"), '0|0|0|0', 'both must fit, and exist');
is(sql("SELECT realtime.disconnect(connection_id => '$second->{me}{connection}', code => 4000, reason => 'Güte')"), '1',
	'one connection');
is(ending($second), '4000 Güte', 'is closed with code and reason');
ok(is_open($ann) && is_open($bob) && is_open($nobody), 'and no other one');
sql(q{SELECT realtime.disconnect('ann')});
is(ws_close_code($ann), 4403, 'all of a user, for good if nothing else is said');
ok(is_open($bob) && is_open($nobody), 'and nobody else');
my $kicked = known(sub => 'ann');
is(ws_call($bob, 'app/kick', ['ann'])->{data}, 1, 'a handler may do it');
is(ws_close_code($kicked), 4403, 'likewise');

# What is wrong
is(sqlstate_of('SELECT realtime.disconnect()'), '22004', 'nobody is named');
is(sqlstate_of("SELECT realtime.disconnect('x', code => NULL)"), '22004', 'no code');
is(sqlstate_of("SELECT realtime.disconnect('x', code => $_)"), '22023', "code $_") for 0, 999, 1005, 1006, 1015, 2999, 5000;
is(sqlstate_of("SELECT realtime.disconnect('x', code => $_)"), 'none: 0', "code $_") for 1000, 1012, 3000, 4999;
is(sqlstate_of("SELECT realtime.disconnect('x', reason => repeat('ü', 62))"), '22001', 'a long reason');
is(sqlstate_of("SELECT count(realtime.disconnect('x')) FROM generate_series(1, 1001)"), '54000', 'too many at once');
is(sqlstate_of(q{SELECT realtime.recheck(topic => 'a"b')}), 'RT430', 'no topic');
is(sqlstate_of("BEGIN; SELECT realtime.recheck('x'); PREPARE TRANSACTION 'x'"), '0A000', 'not in a prepared transaction');
is(sqlstate_of('SET ROLE realtime_anonymous; SELECT * FROM realtime.connections'), '42501',
	'who is there is nobody\'s business');

# Who is only just becoming that user, as was known before
sql(q{
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF request #>> '{query,wait}' IS NOT NULL THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
	RETURN coalesce(nullif(request -> 'claims', 'null'), '{}');
END $$;
SELECT realtime.hook('authenticate', 'app.who(jsonb)')});
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $token = jwt({ sub => 'eve' }, secret => $secret);
my $becoming = ws_connect($node, path => "/ws?wait=1&token=$token");
ok(poll_until(sub { sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 1 }),
	'a login is under way');
is(sql("SELECT realtime.disconnect('eve', code => 4005)"), '0', 'of a user who is not there');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_close_code($becoming), 4005, 'it is closed, too');
my $eve = known(sub => 'eve');
is($eve->{me}{user}, 'eve', 'who comes later is not');
ws_close($eve);

# Asking again
$ann = known(sub => 'ann');
ws_subscribe($ann, $_) for 'of:a', 'of:b';
ws_subscribe($bob, 'of:a');
sql(q{DELETE FROM app.member WHERE topic LIKE 'of:%' AND who = 'ann'});
sql(q{SELECT realtime.publish('of:a', 'x', '1')});
ok(ws_wait($ann, sub { ($_->{topic} // '') eq 'of:a' }), 'a change of tables alone is not seen');
sql(q{BEGIN; SELECT realtime.recheck('ann'); ROLLBACK; SELECT realtime.recheck('ann', 'of:b')});
is(denied($ann)->{topic}, 'of:b', 'one topic of a user is taken away');
sql(q{SELECT realtime.publish('of:a', 'x', '2')});
ok(ws_wait($ann, sub { ($_->{topic} // '') eq 'of:a' && $_->{data} == 2 }), 'and no other one');
sql(q{SELECT realtime.recheck()});
is_deeply([ @{ denied($ann) }{qw(topic reason)} ], [ 'of:a', 'FORBIDDEN' ], 'all of everybody are asked about');
sql(q{SELECT realtime.publish('of:a', 'x', '3')});
is(ws_wait($bob, sub { ($_->{topic} // '') eq 'of:a' && $_->{data} == 3 })->{data}, 3, 'who may still gets events');
is_deeply([ ws_quiet($ann) ], [], 'who may not does not');

# A verdict of before is asked for again
$lock->query_safe('SELECT pg_advisory_lock(2)');
ws_send($ann, { type => 'subscribe', topic => 'slow:a', ref => 7 });
ok(poll_until(sub { sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 1 }),
	'a subscription has seen that it may');
sql(q{DELETE FROM app.member WHERE topic = 'slow:a'; SELECT realtime.recheck('ann')});
$lock->query_safe('SELECT pg_advisory_unlock(2)');
is(denied($ann)->{topic}, 'slow:a', 'what was allowed meanwhile is taken away');

# Streams
is(ws_call($ann, 'app/feed', [], stream => JSON::PP::true)->{topic}, 'feed', 'a stream');
ws_call($bob, 'app/feed', [], stream => JSON::PP::true);
sql(q{DELETE FROM app.member WHERE topic = 'feed' AND who = 'ann'; SELECT realtime.recheck('ann')});
is(ws_close_code($ann), 4408, 'who follows one is to come back');
ok(is_open($bob), 'and nobody else');
$ann = known(sub => 'ann');
is(ws_call($ann, 'app/feed', [], stream => JSON::PP::true)->{code}, 'FORBIDDEN', 'and gets it no more');
ws_close($ann);

# How many there may be
ok(poll_until(sub { sql("SELECT count(*) FROM realtime.connections WHERE user_id = 'ann'") == 0 }), 'nobody is left');
my @many = map { known(sub => 'ann') } 1 .. 3;
is(ws_close_code(client(sub => 'ann')), 4429, 'the newest of too many is refused');
ok(is_open($_), 'the others stay') for @many;
my $other = client();
ws_send($other, { type => 'auth', token => jwt({ sub => 'ann' }, secret => $secret) });
is(ws_close_code($other), 4429, 'also one that becomes that user');
ws_send($many[0], { type => 'auth', token => jwt({ sub => 'ann', exp => time + 60 }, secret => $secret) });
ok(ws_wait($many[0], sub { ($_->{type} // '') eq 'auth' })->{ok}, 'a token is renewed');
ws_close(shift @many);
my $again;
ok(poll_until(sub { $again = client(sub => 'ann'); (ws_call($again, 'app/me', []) // {})->{ok} }),
	'who goes leaves a place');
ws_close($_) for @many, $again, $nobody, $bob;
ok(poll_until(sub { sql('SELECT count(*) FROM realtime.connections') == 0 }), 'all go');

$node->append_conf('postgresql.conf', "realtime.max_connections_per_address = 2\n");
$node->reload;
sub status { return (http_request($node, 'GET /ws', Connection => 'Upgrade', Upgrade => 'websocket',
	'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ=='))[0]; }
my @two = map { known() } 1 .. 2;
ok(poll_until(sub { (eval { status() } // 0) == 429 }), 'an address has its own number');

# Those of a gateway that ends are gone
my ($gateway) = split /\n/, sql('SELECT DISTINCT gateway FROM realtime.connections');
my $pid = sql("SELECT pid FROM realtime.stat_gateway WHERE number = $gateway");
$lock->query_safe('SELECT pg_advisory_lock(1)');
kill 'TERM', $pid;
ok(poll_until(sub { sql("SELECT pid IS DISTINCT FROM $pid FROM realtime.stat_gateway WHERE number = $gateway") eq 't'
	&& sql("SELECT count(*) FROM realtime.connections WHERE gateway = $gateway") == 0 }), 'a gateway ends, and they are gone');
$lock->quit;
ws_close($_) for @two;
$node->stop('fast');
no_crash($node);

done_testing();
