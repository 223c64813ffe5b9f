# Circuit breakers of loaders: what clients of streams get while one is broken.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $true = JSON::PP::true;
my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.service (up boolean, version text);
INSERT INTO app.service VALUES (true, 'v1');
CREATE SEQUENCE app.tries;
GRANT ALL ON app.service, app.tries TO realtime_anonymous;
CREATE FUNCTION app.reach() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF NOT (SELECT up FROM app.service) THEN
		RAISE connection_failure USING MESSAGE = 'the service is down';
	END IF;
END $$;
CREATE FUNCTION app.rates() RETURNS TABLE (id int, rate int) STABLE SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.reach();
	RETURN QUERY SELECT 1, 10;
END $$;
CREATE FUNCTION app.refuse() RETURNS jsonb STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM realtime.raise('NO'); END $$;
CREATE FUNCTION app.version() RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.reach();
	RETURN (SELECT version FROM app.service);
END $$;
SELECT realtime.breaker('rates', 2, '10 min'), realtime.breaker('soon', 1, '1 s'), realtime.breaker('log', 1, '10 min'),
	realtime.breaker('versions', 1, '10 min');
SELECT realtime.stream('rate/list', 'rates', 'app.rates()', breaker => 'rates', fallback => '[{"id": 0}]'),
	realtime.stream('rate/bare', 'bare', 'app.rates()', breaker => 'rates'),
	realtime.stream('rate/refuse', 'refuse', 'app.refuse()', merge => 'set', breaker => 'rates', fallback => 'null'),
	realtime.stream('rate/soon', 'soon', 'app.rates()', breaker => 'soon', fallback => '[]', shared => true),
	realtime.stream('rate/log', 'log', 'app.rates()', breaker => 'log', replay => true),
	realtime.stream('rate/version', 'version', 'app.rates()', breaker => 'versions', fallback => '[]', delta_version => 'app.version()'),
	realtime.rpc('rate/call', 'app.reach()', breaker => 'rates');
});
wait_for_call($node, 'rate/list', []);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub follow { my ($ws, $path, %more) = @_; return ws_call($ws, $path, [], stream => $true, %more) }
sub up { sql("UPDATE app.service SET up = $_[0]"); return }
sub state { return sql("SELECT state FROM realtime.breakers WHERE name = '$_[0]'") }
sub failures { return sql("SELECT failures FROM realtime.breakers WHERE name = '$_[0]'") }
sub event_of { my ($ws, $topic) = @_; return ws_wait($ws, sub { ($_->{topic} // '') eq $topic }) }
sub say_event { sql(qq{SELECT realtime.publish('$_[0]', '$_[1]', '$_[2]')}); return }

my ($ws, $late) = map { ws_connect($node) } 1 .. 2;
my $value = [ { id => 1, rate => 10 } ];
is_deeply(follow($ws, 'rate/list')->{data}, $value, 'a stream with a breaker');
is(follow($ws, 'rate/refuse')->{code}, 'NO', 'refusals are no failures') for 1 .. 3;
is(failures('rates'), 0, 'none is counted');
up('false');
is(follow($late, 'rate/list')->{code}, 'SERVICE_UNAVAILABLE', 'the first failure is one of the client\'s, too');
is(failures('rates'), 1, 'it is counted');
is(ws_call($late, 'rate/bare', [])->{code}, 'SERVICE_UNAVAILABLE', 'so is that of a call of a stream');
is(state('rates'), 'broken', 'which breaks it');
is(event_of($ws, '__realtime')->{event}, 'degraded', 'clients are told');
is(ws_call($ws, 'rate/call', [])->{code}, 'SERVICE_UNAVAILABLE', 'calls that have the same breaker find it broken');

# While it is broken
my $reply = follow($late, 'rate/list');
is_deeply([ @$reply{qw(ok data topic merge)} ], [ $true, [ { id => 0 } ], 'rates', 'crud' ], 'then who comes gets the fallback and follows');
say_event('rates', 'created', '{"id": 2}');
is_deeply(event_of($late, 'rates')->{data}, { id => 2 }, 'and gets events');
is(follow($late, 'rate/bare')->{code}, 'SERVICE_UNAVAILABLE', 'without a fallback it is an error');
is_deeply(ws_call($late, 'rate/list', [])->{data}, [ { id => 0 } ], 'who calls it gets the fallback');
is_deeply([ http_request($node, 'GET /__realtime/load/rate/list') ]->[0], 200, 'so does a page');
is(ws_call($late, 'rate/list', [], cursor => 1, stream => $true)->{code}, 'SERVICE_UNAVAILABLE', 'behind a page there is none');
is_deeply(JSON::PP->new->decode(sql(q{SELECT realtime.load('rate/list')}))->{data}, [ { id => 0 } ], 'a session gets it');
is(sql(q{SELECT realtime.call('rate/list')}), '[{"id": 0}]', 'in both ways');
is(failures('rates'), 2, 'none of that is another failure');

# Who has the value keeps it
sql(q{SELECT realtime.invalidate('rates')});
is_deeply(event_of($ws, '__system:rates')->{data}{code}, 'SERVICE_UNAVAILABLE', 'who has the value is told that there is no newer one');

# Who has got a fallback gets the value when it can be had, whatever events come
$node->restart;
wait_for_call($node, 'rate/refuse', []);
($ws, $late) = map { ws_connect($node) } 1 .. 2;
is(follow($ws, 'rate/soon')->{code}, 'SERVICE_UNAVAILABLE', 'another breaker breaks');
is_deeply([ map { follow($_, 'rate/soon')->{data} } $ws, $late ], [ [], [] ], 'two clients get its fallback');
say_event('soon', 'created', '{"id": 7}');
is(event_of($ws, '__system:soon')->{event}, 'error', 'it is tried again, in vain');
up('true');
my $stop = 0;
for my $client ($ws, $late)
{
	my $event = poll_until(sub {
		say_event('soon', 'updated', '{"id": 7}');
		my $frame = ws_wait($client, sub { ($_->{topic} // '') eq 'soon' });
		return $frame->{event} eq 'refreshed' ? $frame : 0;
	});
	is_deeply($event->{data}, $value, 'in the end a client has the value');
	is(ws_wait($client, sub { ($_->{topic} // '') eq '__system:soon' && $_->{event} ne 'error' })->{event}, 'recovered', 'and is told');
}
is(state('soon'), 'healthy', 'its breaker is healthy');
is(event_of($ws, '__realtime')->{event}, $_, "clients were told: $_") for qw(degraded recovered);

# Events that are kept are there, whatever the loader is
my $first = follow($ws, 'rate/log');
say_event('log', 'created', '{"id": 3}');
my $seq = event_of($ws, 'log')->{seq};
say_event('log', 'created', '{"id": 4}');
up('false');
is(follow($late, 'rate/log')->{code}, 'SERVICE_UNAVAILABLE', 'a loader of numbered events fails');
is(state('log'), 'broken', 'and breaks');
$node->restart;
wait_for_call($node, 'rate/refuse', []);
$late = ws_connect($node);
is(follow($late, 'rate/log')->{code}, 'SERVICE_UNAVAILABLE', 'and breaks again after a restart') for 1 .. 2;
is(state('log'), 'broken', 'it is broken');
$reply = follow($late, 'rate/log', seq => $seq);
is_deeply([ $reply->{ok}, $reply->{replay}, [ map { $_->{data} } @{ $reply->{data} } ] ], [ $true, $true, [ { id => 4 } ] ],
	'who only needs what is kept gets it');

# Versions
up('true');
is(follow($late, 'rate/version')->{version}, 'v1', 'a value with a version');
up('false');
$reply = follow($late, 'rate/version', version => 'v1');
is($reply->{code}, 'SERVICE_UNAVAILABLE', 'the function of the version is a part of it');
$reply = follow($late, 'rate/version', version => 'v1');
is_deeply([ $reply->{data}, exists $reply->{version}, exists $reply->{unchanged} ], [ [], '', '' ], 'a fallback has no version');

done_testing();
