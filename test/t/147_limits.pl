# Every limit: what happens beyond it, with which code, and that it is counted in
# realtime.limits, where each of them has its setting.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $json = JSON::PP->new->canonical;
my $true = JSON::PP::true;
my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 4, 'realtime.jwt_secret' => $secret, 'realtime.max_connections' => 12, 'realtime.max_sessions' => 4,
	'realtime.max_members' => 2, 'realtime.max_timers' => 1, 'realtime.max_query_groups' => 16, 'realtime.rate_identities' => 1,
	'realtime.queue_depth' => 16, 'realtime.max_payload' => '8kB', 'realtime.max_subscriptions' => 3, 'realtime.max_depth' => 6,
	'realtime.max_batch' => 3, 'realtime.max_calls_in_flight' => 4, 'realtime.connection_memory' => '64kB', 'realtime.max_lock_waiters' => 4,
	'realtime.handshake_timeout' => '1s', 'realtime.max_connections_per_user' => 2, 'realtime.max_calls_in_flight_per_user' => 3, 'realtime.payload_memory' => '8MB', 'realtime.ring_size' => '256kB', 'realtime.query_memory' => '1MB');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.wait() RETURNS text LANGUAGE sql AS $$SELECT 'done' FROM pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.sleep() RETURNS text LANGUAGE sql AS $$SELECT 'done' FROM pg_sleep(60)$$;
CREATE FUNCTION app.key() RETURNS text LANGUAGE sql AS $$SELECT 'key'$$;
CREATE FUNCTION app.value(n integer) RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION app.joined() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.large() RETURNS text LANGUAGE sql AS $$SELECT repeat('x', 3000)$$;
CREATE FUNCTION app.slow(n integer) RETURNS integer LANGUAGE sql AS $$SELECT realtime.throttle('open', 'tick' || n, '1', '1 h'); SELECT n$$;
SELECT realtime.rpc('app/echo', 'app.echo(text)'), realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/sleep', 'app.sleep()', timeout => '50 ms'),
	realtime.rpc('app/locked', 'app.wait()', lock_key => 'app.key()'), realtime.rpc('app/limited', 'app.echo(text)', rate_limit => 1000),
	realtime.rpc('app/slow', 'app.slow(integer)'), realtime.topic('open', open => true), realtime.topic('open:{n}', open => true),
	realtime.stream('app/member', 'member:{n}', 'app.value(integer)', on_subscribe => 'app.joined()'),
	realtime.query('app/query', 'SELECT $1::integer AS id', parameters => ARRAY['integer'::regtype]);
});
wait_for_call($node, 'app/echo', ['x']);

sub psql { return $node->safe_psql('postgres', $_[0]) }
sub hits { return psql("SELECT hits FROM realtime.limits WHERE name = '$_[0]'") }
sub token { return jwt({ sub => $_[0] }, secret => $secret) }
sub call { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args) }
sub be { my ($who) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' . token($who) }) }
sub set
{
	my (%set) = @_;
	$node->safe_psql('postgres', join ';', map({ "ALTER SYSTEM SET realtime.$_ = '$set{$_}'" } sort keys %set), 'SELECT pg_reload_conf()');
	for my $name (keys %set)
	{
		poll_until(sub { psql("SELECT value = '$set{$name}' FROM realtime.limits WHERE name = '$name'") eq 't' }) or die "$name is not set\n";
	}
	# gateways read it when they have turned once more
	ws_call(ws_connect($node), 'no/such', []);
	return;
}

# Each is a setting, and says what it does
is(psql(q{SELECT count(*) FROM realtime.limits WHERE value IS NULL OR action NOT IN ('refuse', 'close', 'wait', 'drop', 'forget', 'bypass', 'warn', 'cancel')
	OR policy NOT IN ('REJECT', 'EVICT', 'WARN') OR per IS NULL}), 0, 'each limit has a value, is of something and does something');
is(psql(q{SELECT string_agg(name, ',' ORDER BY name) FROM realtime.limits WHERE NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = 'realtime.' || limits.name)}),
	'addresses,assertion_categories,breakers,counted_topics,departures,head,http_waiting,limiter_keys,log_kinds,rate_identities_of_all,rate_paths,sequential_batches,waiting_executors',
	'which are settings');
is(psql(q{SELECT count(*) FROM realtime.limits WHERE current > peak OR current IS NOT NULL AND peak IS NULL}), 0, 'nothing has been less than it is');
is(psql("SELECT value FROM realtime.limits WHERE name = 'max_connections'"), 12, 'as they are set');

# What was done so often that it must be counted: at least once more than before
sub reaches
{
	my ($name, $what, $act) = @_;
	my $before = hits($name);
	my $got = $act->();
	is_deeply($got, $what, "$name: the answer");
	ok(poll_until(sub { hits($name) > $before }), 'and it is counted') or diag "$name: " . hits($name);
	return;
}

my $ws = ws_connect($node);
reaches('max_depth', 'INVALID_REQUEST', sub { return call($ws, 'app/echo', [ [ [ [ [ [ [ [] ] ] ] ] ] ] ])->{code} });
reaches('max_batch', [ ('INVALID_REQUEST') x 4 ], sub {
	ws_send($ws, { batch => [ map { { rpc => 'app/echo', id => "b$_", args => ['x'] } } 1 .. 4 ] });
	return [ map { my $id = "b$_"; ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data}{code} } 1 .. 4 ] });
reaches('max_subscriptions', 'RATE_LIMITED', sub {
	my $one = ws_connect($node);
	return (map { ws_subscribe($one, "open:$_") } 1 .. 4)[-1]{reason} });
reaches('max_payload', 1009, sub { my $one = ws_connect($node); ws_send($one, 'x' x 9000); return ws_close_code($one) });
reaches('head', '431', sub { return (http_raw($node, "GET /ws HTTP/1.1\r\nX: " . 'y' x 20000 . "\r\n\r\n") // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : '' });
reaches('handshake_timeout', '408', sub { return (http_raw($node, "GET /ws HTTP/1.1\r\n", undef) // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : '' });
reaches('handler_timeout', 'TIMEOUT', sub { return call($ws, 'app/sleep')->{code} });
reaches('max_members', 'OVERLOADED', sub {
	return (map { ws_call($ws, 'app/member', [$_], stream => $true) } 1 .. 3)[-1]{code} });
ws_close($ws);
reaches('max_timers', 3, sub { $ws = ws_connect($node); return (map { call($ws, 'app/slow', $_) } 1 .. 3)[-1]{data} });

# Waiting
my $held = $node->background_psql('postgres', on_error_stop => 1);
$held->query_safe('SELECT pg_advisory_lock(1)');
reaches('max_calls_in_flight', 'done', sub {
	ws_send($ws, { rpc => 'app/wait', id => "w$_", args => [] }) for 1 .. 10;
	poll_until(sub { hits('max_calls_in_flight') > 0 });
	return 'done' });
reaches('connection_memory', 'OVERLOADED', sub {
	ws_send($ws, { rpc => 'app/echo', id => "m$_", args => [ 'x' x 7000 ] }) for 1 .. 20;
	return ws_wait($ws, sub { ($_->{event} // '') =~ /^m/ && !$_->{data}{ok} })->{data}{code} });
$held->query_safe('SELECT pg_advisory_unlock(1)');
ws_wait($ws, sub { ($_->{event} // '') eq 'w10' });
pass('those that wait go on');
ws_close($ws);

# Waiting, of all
$held->query_safe('SELECT pg_advisory_lock(1)');
my @many = map { ws_connect($node) } 1 .. 6;
reaches('queue_depth', 'done', sub {
	for my $one (@many) { ws_send($one, { rpc => 'app/wait', id => "q$_", args => [] }) for 1 .. 4 }
	poll_until(sub { hits('queue_depth') > 0 });
	return 'done' });
$held->query_safe('SELECT pg_advisory_unlock(1)');
for my $one (@many) { ws_wait($one, sub { ($_->{event} // '') eq 'q4' }); ws_close($one) }
pass('which wait as well');

# Who does not read
my $loud = q{SELECT realtime.publish('open', 'x', to_jsonb(repeat('x', 7000))) FROM generate_series(1, 10);};
sub deaf { my $one = ws_connect($node); ws_subscribe($one, 'open'); return $one }
sub publish_until { my ($name) = @_; my $n = hits($name); poll_until(sub { psql($loud x 40); hits($name) > $n }); return 'done' }
set(max_backpressure => '16kB');
my $deaf = deaf();
reaches('max_backpressure', 'done', sub { return publish_until('max_backpressure') });
set(stall_timeout => '500ms');
reaches('stall_timeout', 'done', sub { return publish_until('stall_timeout') });
set(stall_timeout => '1h', max_backpressure => '1MB');
set(bridge_queue => '16kB');
psql(q{SELECT realtime.bridge('loud', topic => 'loud')});
reaches('bridge_queue', 'done', sub {
	my $n = hits('bridge_queue');
	poll_until(sub { psql(q{SELECT pg_notify('loud', i || repeat('x', 7000)) FROM generate_series(1, 50) i}); hits('bridge_queue') > $n });
	return 'done' });
my $listener = deaf();
reaches('ring_size', 'done', sub {
	my $pid = psql(q{SELECT pid FROM realtime.stat_gateway WHERE number = 0});
	kill STOP => $pid;
	psql($loud x 10);
	kill CONT => $pid;
	return 'done' });

# Keys
$held->query_safe('SELECT pg_advisory_lock(1)');
$ws = ws_connect($node);
reaches('max_lock_waiters', 'OVERLOADED', sub {
	ws_send($ws, { rpc => 'app/locked', id => "l$_", args => [] }) for 1 .. 4;
	return ws_wait($ws, sub { ($_->{event} // '') =~ /^l/ })->{data}{code} });
$held->query_safe('SELECT pg_advisory_unlock(1)');
ws_close($ws);
ok($node->poll_query_until('postgres', q{SELECT sum(in_flight) = 0 FROM realtime.stat_gateway}), 'they have had their turns');

# Users
my @ann = map { be('ann') } 1 .. 2;
is(call($_, 'app/echo', 'x')->{data}, 'x', 'a user may have two connections') for @ann;
reaches('max_connections_per_user', 4429, sub { return ws_close_code(be('ann')) });
$held->query_safe('SELECT pg_advisory_lock(1)');
reaches('max_calls_in_flight_per_user', 'RATE_LIMITED', sub {
	ws_send($ann[ $_ % 2 ], { rpc => 'app/locked', id => "u$_", args => [] }) for 1 .. 2;
	is(call($ann[0], 'app/echo', 'x')->{data}, 'x', 'a user may have so many calls');
	ws_send($ann[1], { rpc => 'app/locked', id => 'u3', args => [] });
	ok(poll_until(sub { psql(q{SELECT sum(in_flight) >= 3 FROM realtime.stat_gateway}) eq 't' }), 'which are under way')
	  or diag(explain(map { ws_quiet($_) } @ann));
	return call($ann[0], 'app/echo', 'x')->{code} });
is(call($ws = ws_connect($node), 'app/echo', 'x')->{data}, 'x', 'which does not keep others from theirs');
ws_close($ws);
$held->query_safe('SELECT pg_advisory_unlock(1)');
for my $n (1 .. 3) { ws_wait($ann[ $n % 2 ], sub { ($_->{event} // '') eq "u$n" }); }
is(call($ann[0], 'app/echo', 'x')->{data}, 'x', 'and is over with them');
is(call($ann[0], 'app/limited', 'x')->{data}, 'x', 'one user is counted');
my $bob = be('bob');
reaches('rate_identities', 'RATE_LIMITED', sub { return call($bob, 'app/limited', 'x')->{code} });
reaches('max_sessions', 1013, sub {
	my @others;
	for my $n (1 .. 5)
	{
		push @others, be("other$n");
		next if eval { call($others[-1], 'app/echo', 'x') };
		my $code = ws_close_code($others[-1]);
		ws_send($bob, { type => 'auth', token => jwt({ sub => 'bob', exp => time + 3600 }, secret => $secret) });
		my $renewed = ws_wait($bob, sub { ($_->{type} // '') eq 'auth' });
		is($renewed->{code} // 'ok', 'ok', 'in a full house tokens are renewed');
		is((http_request($node, 'POST /__ws/auth', 'Content-Length' => 0, Authorization => 'Bearer ' . token('carl')))[0], 204, 'and cookies');
		return $code;
	}
	return 'none' });
ws_close($_) for @ann, $bob;

# Connections
reaches('max_connections', 503, sub {
	my @all;
	while (@all < 20) { push @all, eval { ws_connect($node) } // last }
	return $@ =~ /answered with (\d+)/ ? $1 : $@ });
set(max_connections_per_address => 2);
reaches('max_connections_per_address', 429, sub {
	my @all = eval { map { ws_connect($node) } 1 .. 3 };
	return $@ =~ /answered with (\d+)/ ? $1 : $@ });
set(max_connections_per_address => 0, max_subscriptions => 100);
reaches('max_query_groups', 'OVERLOADED', sub {
	my $one = ws_connect($node);
	for my $n (1 .. 40)
	{
		my $reply = ws_call($one, 'app/query', [$n], stream => $true);
		return $reply->{code} if !$reply->{ok};
	}
	return 'none' });
set(idle_timeout => '1s');
reaches('idle_timeout', 1001, sub { return ws_close_code(ws_connect($node)) });
set(idle_timeout => '1h');
set(upgrade_rate => 1);
reaches('upgrade_rate', 429, sub {
	my @all = eval { map { ws_connect($node) } 1 .. 3 };
	return $@ =~ /answered with (\d+)/ ? $1 : $@ });

# What was reached has been there, as far as it can be counted
my $full = q{'max_connections', 'max_calls_in_flight', 'max_members', 'max_timers', 'rate_identities', 'max_query_groups', 'max_connections_per_user'};
is(psql("SELECT string_agg(name || ':' || peak, ' ' ORDER BY name) FROM realtime.limits WHERE name IN ($full) AND peak <> maximum"), '',
	'peaks are maxima where there was no room');
is(psql(q{SELECT string_agg(name, ' ') FROM realtime.limits WHERE name IN ('queue_depth', 'connection_memory', 'ring_size', 'bridge_queue')
	AND (peak IS NULL OR peak < maximum / 8)}), '', 'or near to it');
is(psql(q{SELECT string_agg(name, ' ') FROM realtime.limits WHERE maximum IS NOT NULL AND peak > maximum AND name <> 'max_sessions'}), '', 'and nothing was more, but for tokens that are renewed') or
	diag psql(q{SELECT name, peak, maximum FROM realtime.limits WHERE peak > maximum});

# The log has those that concern everybody, once however often they act
my $log = slurp_file($node->logfile);
for my $name (qw(max_connections max_sessions max_members rate_identities max_lock_waiters max_query_groups ring_size))
{
	is(() = $log =~ /limit "$name" of realtime has acted/g, 1, "the log has $name once");
}
unlike($log, qr/limit "(max_depth|max_batch|max_payload|idle_timeout|handler_timeout|max_subscriptions)" of realtime/, 'and none that a client runs into by himself');
like($log, qr/WARNING: .*limit "max_timers" of realtime has acted/, 'what goes on without is a warning');

unlike(slurp_file($node->logfile), qr/PANIC: |TRAP:|was terminated by signal/, 'nothing has crashed');
done_testing();
