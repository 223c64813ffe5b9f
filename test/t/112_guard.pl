# Guards of modules as clients meet them: what they pass on over both transactions
# of a stream, and that a change of them counts at once.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
CREATE TABLE app.t (id integer PRIMARY KEY);
INSERT INTO app.t VALUES (1);
GRANT SELECT ON app.t TO realtime_anonymous;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.learn() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.set_context('who', to_jsonb(coalesce(realtime.context('who')::text, '') || 'x'));
END $$;
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT jsonb_build_array(jsonb_build_object('id', 1, 'who', realtime.context('who'))) $$;
CREATE FUNCTION app.shape(item jsonb) RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT item || jsonb_build_object('shaped', realtime.context('who')) $$;
CREATE FUNCTION app.who() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT realtime.context('who') $$;
CREATE FUNCTION app.fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.set_context('who', '"left"'); PERFORM 1 / 0; END $$;
SELECT realtime.rpc('free/who', 'app.who()');
SELECT realtime.rpc('free/fail', 'app.fail()');
SELECT realtime.rpc('m/who', 'app.who()');
SELECT realtime.stream('m/rows', 'rows', 'app.rows()', transform => 'app.shape(jsonb)');
SELECT realtime.query('m/live', $$SELECT 1 AS id, realtime.context('who') AS who$$);
});
wait_for_call($node, 'm/who', []);

my $ws = ws_connect($node);
is(ws_call($ws, 'm/who', [])->{data}, undef, 'without a guard there is no context');
$node->safe_psql('postgres', q{SELECT realtime.guard('m', '{app.learn()}')});
is(ws_call($ws, 'm/who', [])->{data}, 'x', 'a guard that is committed runs, and passes on');
is(ws_call($ws, 'm/who', [])->{data}, 'x', 'what it has passed on is gone with the call');
ws_call($ws, 'free/fail', []) for 1 .. 4;
is(ws_call($ws, 'free/who', [])->{data}, undef, 'also if the call has failed') for 1 .. 4;

my $rows = ws_call($ws, 'm/rows', [], stream => JSON::PP::true);
is_deeply($rows->{data}, [ { id => 1, who => 'x', shaped => 'x' } ], 'a loader and transform have it, in a transaction of their own')
  or diag explain $rows;
is(ws_call($ws, 'free/who', [])->{data}, undef, 'and nobody else') for 1 .. 4;
is_deeply(ws_call($ws, 'm/live', [], stream => JSON::PP::true)->{data}, [ { id => 1, who => undef } ], 'live queries do not depend on it');

$node->safe_psql('postgres', q{SELECT realtime.guard('m', authenticated => true)});
is(ws_call($ws, 'm/who', [])->{code}, 'UNAUTHENTICATED', 'nobody is let in who is no user');
is(ws_call($ws, 'm/rows', [], stream => JSON::PP::true)->{code}, 'UNAUTHENTICATED', 'to streams neither');
is(ws_call($ws, 'm/live', [], stream => JSON::PP::true)->{code}, 'UNAUTHENTICATED', 'nor to live queries');
is(ws_call($ws, 'free/who', [])->{ok}, JSON::PP::true, 'what is outside of the module is as before');
is(ws_batch($ws, $_, 'm/who', 'free/who', 'm/who'), 'UNAUTHENTICATED ok UNAUTHENTICATED', 'each call of a batch has its own guards') for 0, 1;
$node->safe_psql('postgres', q{SELECT realtime.guard('m')});
is(ws_call($ws, 'm/who', [])->{ok}, JSON::PP::true, 'until it has no guard any more');

# around all of it
$node->safe_psql('postgres', q{
CREATE TABLE app.effect (n integer);
GRANT ALL ON app.effect TO realtime_anonymous;
CREATE FUNCTION app.divide(by integer) RETURNS text LANGUAGE sql AS $$
INSERT INTO app.effect VALUES (by);
SELECT '1.50' || (10 / by)::text $$;
CREATE FUNCTION app.careful(path text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF path = 'm/who' THEN RAISE EXCEPTION 'not now'; END IF;
	RETURN realtime.next();
EXCEPTION WHEN division_by_zero THEN
	RETURN '"caught"';
END $$;
SELECT realtime.rpc('free/divide', 'app.divide(integer)');
SELECT realtime.middleware('careful', 'app.careful(text)');
});
is(ws_call($ws, 'free/divide', [2])->{data}, '1.505', 'a middleware passes on what it gets');
for my $round (1 .. 4)
{
	is(ws_call($ws, 'free/divide', [0])->{data}, 'caught', 'or catches an error');
	is(ws_call($ws, 'free/divide', [5])->{data}, '1.502', 'after which the function is as it was');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.effect WHERE n = 0'), '0', 'of what has failed nothing is left');
is(ws_call($ws, 'm/who', [])->{code}, 'UNAUTHENTICATED', 'what it raises before is a refusal');
is(ws_call($ws, 'free/divide', ['x'])->{code}, 'VALIDATION', 'other errors pass through it');
is_deeply(ws_call($ws, 'm/rows', [], stream => JSON::PP::true)->{data}[0]{id}, 1, 'it lets streams be followed');
$node->safe_psql('postgres', q{SELECT realtime.middleware('careful')});
is(ws_call($ws, 'm/who', [])->{ok}, JSON::PP::true, 'until there is none any more');

done_testing();
