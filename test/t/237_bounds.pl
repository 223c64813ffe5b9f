# What grows is bounded: each bound is reached here that another test does not reach,
# with what happens then, how much there was, and what the log says.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $true = JSON::PP::true;
my $node = new_node('realtime.executors' => 4, 'realtime.max_executors' => 4, 'realtime.upgrade_rate' => 0, 'realtime.rate_identities' => 2,
	'realtime.payload_memory' => '8MB', 'realtime.query_memory' => '1MB', 'realtime.query_ring_size' => '64kB', 'realtime.stat_paths' => 120,
	'realtime.topic_count_warning' => 5, 'realtime.mode' => 'development', 'realtime.max_watched_topics' => 10, 'realtime.silent_topic_warning' => '1s',
	'realtime.connection_memory' => '2MB', 'realtime.log_repeats' => 3, 'realtime.replay_memory' => '64kB', 'log_statement' => 'none');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.wait() RETURNS text LANGUAGE sql AS $$SELECT 'done' FROM pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.large() RETURNS text LANGUAGE sql AS $$SELECT repeat('x', 1000000) FROM pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.slow(n integer) RETURNS integer STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN n; END$$;
CREATE FUNCTION app.down() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '08006'; END $$;
CREATE TABLE app.item (id integer PRIMARY KEY, what text);
GRANT SELECT ON app.item TO realtime_anonymous;
SELECT realtime.rpc('app/echo', 'app.echo(text)'), realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/large', 'app.large()'),
	realtime.stream('app/slow', 'slow', 'app.slow(integer)', merge => 'set'), realtime.topic('open:{n}', open => true), realtime.topic('kept', class => 'replay', open => true),
	realtime.query('app/rows', 'SELECT i AS id FROM generate_series(1, $1) AS i', parameters => ARRAY['integer'::regtype]),
	realtime.query('app/keyed', 'SELECT 1 AS id WHERE $1 IS NOT NULL', parameters => ARRAY['text'::regtype]),
	realtime.query('app/items', 'SELECT id, what FROM app.item');
SELECT realtime.breaker('b' || i, 1, '1 h'), realtime.rpc('down/f' || i, 'app.down()', breaker => 'b' || i) FROM generate_series(1, 130) AS i;
});
wait_for_call($node, 'app/echo', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub limit { my ($name, $what) = @_; return sql("SELECT $what FROM realtime.limits WHERE name = '$name'") }
sub told { my ($name) = @_; return scalar(() = slurp_file($node->logfile) =~ /limit "$name" of realtime has acted/g) }
sub is_told { my ($name) = @_; return ok(poll_until(sub { told($name) == 1 }), "$name: the log says so, once") }
sub call { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args) }
my $held = $node->background_psql('postgres', on_error_stop => 1);
sub hold { $held->query_safe('SELECT pg_advisory_lock(1)'); return }
sub release { $held->query_safe('SELECT pg_advisory_unlock(1)'); return }

# Memory for answers: executors fill it while the gateway stands still
my @many = map { ws_connect($node) } 1 .. 12;
my $gateway = sql('SELECT pid FROM realtime.stat_gateway');
hold();
ws_send($many[$_], { rpc => 'app/large', id => "l$_", args => [] }) for 0 .. 11;
ok(poll_until(sub { sql('SELECT in_flight FROM realtime.stat_gateway') == 12 }), 'twelve calls for a megabyte each');
ok(poll_until(sub { limit('max_executors', 'hits') > 0 }), 'max_executors: more calls wait than there are');
is(limit('max_executors', 'current || $$ $$ || maximum'), '4 4', 'all of them are there');
is_told('max_executors');
kill STOP => $gateway;
release();
ok(poll_until(sub { limit('payload_memory', 'hits') > 0 }), 'payload_memory: eight megabytes have no room for them');
cmp_ok(limit('payload_memory', 'current::float8 / maximum'), '>', 0.8, 'it is full');
kill CONT => $gateway;
my %codes;
$codes{ ws_wait($many[$_], sub { ($_->{event} // '') =~ /^l/ })->{data}{code} // 'ok' }++ for 0 .. 11;
is(join(' ', sort keys %codes), 'OVERLOADED ok', 'some have their answer, others are told');
cmp_ok($codes{ok}, '>=', 6, 'as many as there is room for') or diag explain \%codes;
ok(poll_until(sub { limit('payload_memory', 'current') < 100_000 }), 'it is given back');
cmp_ok(limit('payload_memory', 'peak::float8 / maximum'), '>', 0.8, 'and remembered');
is_told('payload_memory');
ws_close($_) for @many[ 1 .. 11 ];

# Memory of a gateway
sql(q{ALTER SYSTEM SET realtime.gateway_memory = '4MB'});
sql(q{ALTER SYSTEM SET realtime.max_calls_in_flight = 2});
$node->reload;
ok(poll_until(sub { limit('gateway_memory', 'maximum') == 4 * 1024 * 1024 }), 'little memory');
call($many[0], 'app/echo', 'x') for 1 .. 2;
hold();
ws_send($many[0], { rpc => 'app/wait', id => "w$_", args => [] }) for 1 .. 3;
ws_send($many[0], { rpc => 'app/echo', id => "m$_", args => [ 'x' x 50_000 ] }) for 1 .. 12;
is(ws_wait($many[0], sub { ($_->{event} // '') =~ /^m/ && !$_->{data}{ok} })->{data}{code}, 'OVERLOADED', 'gateway_memory: who asks for more is refused');
cmp_ok(limit('gateway_memory', 'hits'), '>', 0, 'which is counted');
cmp_ok(limit('gateway_memory', 'current'), '>', 300_000, 'there is what waits');
cmp_ok(limit('connection_memory', 'peak'), '>', 300_000, 'and one connection has all of it');
is_told('gateway_memory');
my @loads;
for my $n (1 .. 300)
{
	push @loads, tcp_connect($node);
	syswrite $loads[-1], "GET /__realtime/load/app/slow?args=%5B$n%5D HTTP/1.1\r\nHost: localhost\r\n\r\n";
}
ok(poll_until(sub { limit('http_waiting', 'hits') >= 30 }), 'http_waiting: one address has half of the places');
is(limit('http_waiting', q{current || ' ' || peak || ' ' || maximum}), '256 256 512', 'which it has');
like(http_raw($loads[-1], '', qr/\r\n\r\n/), qr{^HTTP/1.1 503}, 'others are told');
is_told('http_waiting');
release();
ws_wait($many[0], sub { ($_->{event} // '') eq 'w3' });
like(http_raw($loads[0], '', qr/\r\n\r\n/), qr{^HTTP/1.1 200}, 'those that waited go on');
close $_ for @loads;
ok(poll_until(sub { limit('http_waiting', 'current') == 0 }), 'and give their places back');
ok(poll_until(sub { limit('gateway_memory', 'current') < 100_000 }), 'it is given back');
ws_close($many[0]);
sql('ALTER SYSTEM RESET ALL');
$node->reload;

# Sequential batches
my $ws = ws_connect($node);
hold();
for my $n (1 .. 17)
{
	ws_send($ws, { batch => [ { rpc => 'app/wait', id => "first$n", args => [] }, { rpc => 'app/wait', id => "second$n", args => [] } ], sequential => $true });
}
is(ws_wait($ws, sub { ($_->{event} // '') eq 'first17' })->{data}{code}, 'OVERLOADED', 'sequential_batches: one too many');
is(limit('sequential_batches', q{hits || ' ' || peak || ' ' || maximum}), '1 16 16', 'is counted');
release();
ws_wait($ws, sub { ($_->{event} // '') eq 'second16' });

# Live queries: rows of groups, and changes on their way to them
ok(ws_call($ws, 'app/items', [], stream => $true)->{ok}, 'a live query');
my @executors = split /\n/, sql(q{SELECT pid FROM realtime.stat_executor WHERE pid IS NOT NULL});
kill STOP => @executors;
sql("INSERT INTO app.item SELECT $_ * 100 + i, repeat('y', 50) FROM generate_series(1, 100) AS i") for 1 .. 20;
cmp_ok(limit('query_ring_size', 'current'), '>', 60_000, 'query_ring_size: changes that no round has looked at');
kill CONT => @executors;
ok(poll_until(sub { limit('query_ring_size', 'hits') > 0 }), 'some were gone when it could');
ok(poll_until(sub { limit('query_ring_size', 'current') == 0 }), 'then nothing is left');
my @asked = map { ws_call($ws, 'app/rows', [ 9000 + $_ ], stream => $true) } 1 .. 8;
is($asked[0]{ok} && $asked[-1]{code}, 'OVERLOADED', 'query_memory: who asks for more than there is room for is told');
cmp_ok(limit('query_memory', 'hits'), '>', 0, 'which is counted');
my ($refused) = grep { !$_->{ok} } map { ws_call($ws, 'app/keyed', [ $_ . 'k' x 100_000 ], stream => $true) } 1 .. 12;
is($refused->{code}, 'OVERLOADED', 'also of what is asked with');
cmp_ok(limit('query_memory', 'current::float8 / maximum'), '>', 0.5, 'the memory is taken');
is_told('query_memory');
ws_close($ws);
$ws = ws_connect($node);
ok(poll_until(sub { ws_call($ws, 'app/rows', [9999], stream => $true)->{ok} }), 'what nobody follows any more gives way, once nobody is to be expected back');
ws_close($ws);

# Names that are counted
is(sql(q{SELECT count(*) FILTER (WHERE (c).allowed), count(*) FROM (SELECT realtime.consume('l', 10, '1 h', key => i::text) AS c FROM generate_series(1, 20) AS i) AS s}),
	'16|20', 'limiter_keys: so many, others are not allowed');
is(limit('limiter_keys', q{hits || ' ' || current || ' ' || peak || ' ' || maximum}), '4 16 16 16', 'is counted');
sql(q{SELECT realtime.limiter_clear('l')});
is(limit('limiter_keys', q{current || ' ' || peak}), '0 16', 'and given back');
sql(q{SELECT realtime.assert(false, 'many' || i) FROM generate_series(1, 70) AS i});
is(limit('assertion_categories', q{hits || ' ' || current || ' ' || maximum}), '6 64 64', 'assertion_categories: others are one');
sql(q{SELECT realtime.assert(false, 'kind' || i) FROM generate_series(1, 130) AS i});
cmp_ok(limit('log_kinds', 'hits'), '>', 0, 'log_kinds: others are one');
is(limit('log_kinds', 'peak = maximum'), 't', 'of as many as there are');
$ws = ws_connect($node);
for my $n (1 .. 130)
{
	call($ws, "down/f$n");
}
is(limit('breakers', q{hits || ' ' || current || ' ' || maximum}), '2 128 128', 'breakers: others do not break');
is(call($ws, 'down/f1')->{code}, 'SERVICE_UNAVAILABLE', 'one that is broken');
is(limit('stat_paths', q{current || ' ' || maximum}), '120 120', 'stat_paths: so many');
cmp_ok(limit('stat_paths', 'hits'), '>', 10, 'others are counted together');
cmp_ok(sql(q{SELECT calls FROM realtime.stat_handler WHERE path = '(other)'}), '>', 10, 'which is seen');
is_told($_) for qw(limiter_keys assertion_categories log_kinds breakers stat_paths);
like(slurp_file($node->logfile), qr/WARNING: .*limit "$_" of realtime/, "$_: a warning, as it goes on without") for qw(breakers stat_paths);

# Events that are kept for who comes back
ws_subscribe($ws, 'kept');
sql(q{SELECT realtime.publish('kept', 'x', to_jsonb(repeat('z', 4000))) FROM generate_series(1, 40)});
ok(poll_until(sub { limit('replay_memory', 'hits') > 0 }), 'replay_memory: the oldest are forgotten');
is(limit('replay_memory', 'current <= maximum AND current > maximum / 16'), 't', 'others are kept');

# Topics of a gateway: those of five are warned of once, all are served; ten are watched
ws_subscribe($ws, "open:$_") for 1 .. 12;
ok(poll_until(sub { limit('topic_count_warning', 'hits') == 1 }), 'topic_count_warning: many topics');
is(limit('topic_count_warning', q{current || ' ' || maximum}), '13 5', 'all are there');
ok(poll_until(sub { count_in_log($node, qr/WARNING: .*clients of realtime gateway 0 are subscribed to \d+ topics/) == 1 }), 'the log has it');
sql(q{SELECT realtime.publish('open:12', 'x', '1')});
ok(ws_wait($ws, sub { ($_->{topic} // '') eq 'open:12' }), 'the last is served');
ok(poll_until(sub { limit('max_watched_topics', 'hits') > 0 }), 'max_watched_topics: not all are watched');
is(limit('max_watched_topics', q{current || ' ' || maximum}), '10 10', 'but so many');
ws_send($ws, { type => 'unsubscribe', topic => "open:$_" }) for 1 .. 12;
ok(poll_until(sub { limit('topic_count_warning', 'current') == 1 }), 'nobody follows them any more');
ws_subscribe($ws, 'open:late');
ok(poll_until(sub { count_in_log($node, qr/nothing has been published on topic "open:late"/) == 1 }), 'then they give way to others');
is(limit('max_watched_topics', 'current'), 10, 'and are no more than before');
is(limit('topic_count_warning', 'hits'), 1, 'the warning is not repeated');

# A reply that cannot be delivered
sql(q{ALTER SYSTEM SET realtime.log_repeats = -1});
sql(q{ALTER SYSTEM SET realtime.max_backpressure = '16kB'});
$node->reload;
ok(poll_until(sub { limit('max_backpressure', 'maximum') == 16 * 1024 }), 'little may wait');
call($ws, 'app/echo', 'x');
my $deaf = ws_connect($node, receive_buffer => 4096);
ws_send($deaf, { rpc => 'app/large', id => "d$_", args => [] }) for 1 .. 20;
ok(poll_until(sub { count_in_log($node, qr/LOG: .*a reply to realtime connection [-0-9a-f]+ could not be delivered/) == 1 }), 'a reply that nobody reads is told of');
is(sql(q{SELECT sum(value) FROM realtime.metrics() WHERE name = 'realtime_reply_dropped_total'}), 1, 'and counted, once for the connection');
is(sql(q{SELECT sum(value) FROM realtime.metrics() WHERE name = 'realtime_connections_closed_total' AND labels->>'code' = '1006'}) > 0, 1, 'which has ended');

is(sql(q{SELECT string_agg(name, ' ') FROM realtime.limits WHERE current > maximum AND name <> 'topic_count_warning'}), '', 'nothing is more than it may be');
no_crash($node);
$held->quit;
$node->stop;
done_testing();
