# The error hook: which errors it is told, as whom, and what it cannot break.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.told (id serial, role text, connection text, error jsonb);
CREATE TABLE app.effect (n integer);
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.note(error jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.told (role, connection, error) VALUES (current_user, realtime.connection_id(), error) $$;
CREATE FUNCTION app.divide(by integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.effect VALUES (by);
	EXECUTE CASE by WHEN 0 THEN 'SELECT nothing.at_all()' WHEN 1 THEN 'SELECT realtime.raise(''CONFLICT'')' ELSE 'SELECT 1' END;
	RETURN by;
END $$;
CREATE FUNCTION app.guard() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0 = 1; END $$;
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT nothing.at_all()'; END $$;
CREATE FUNCTION app.may(topic text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT nothing.at_all()'; END $$;
CREATE FUNCTION app.fails(error jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.told (error) VALUES ('0'); EXECUTE 'SELECT nothing.at_all()'; END $$;
CREATE FUNCTION app.lasts(error jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); END $$;
SELECT realtime.rpc('app/divide', 'app.divide(integer)');
SELECT realtime.rpc('app/guarded', 'app.divide(integer)', guard => '{app.guard()}');
SELECT realtime.stream('app/rows', 'rows', 'app.rows()');
SELECT realtime.topic('closed', access => 'app.may(text)');
CREATE TABLE app.wrong (what text);
GRANT ALL ON app.wrong TO realtime_anonymous;
CREATE FUNCTION app.total() RETURNS integer STABLE LANGUAGE plpgsql AS $$
DECLARE
	wrong text := (SELECT what FROM app.wrong);
BEGIN
	IF wrong = 'total' THEN
		PERFORM realtime.raise('CONFLICT', 'it does not add up');
	ELSIF wrong = 'outage' THEN
		RAISE EXCEPTION 'no connection' USING ERRCODE = '08006';
	END IF;
	RETURN 0;
END $$;
CREATE FUNCTION app.may_total() RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT count(realtime.raise('CONFLICT', what)) = 0 FROM app.wrong WHERE what = 'guard' $$;
SELECT realtime.derived('app/total', '{source}', 'app.total()');
SELECT realtime.stream('app/anew', 'anew', 'app.total()', merge => 'set', guard => '{app.may_total()}', invalidate_on => '{source}');
});
wait_for_call($node, 'app/divide', [2]);
my $ws = ws_connect($node);
is(ws_call($ws, 'app/divide', [0])->{code}, 'INTERNAL_ERROR', 'without a hook nobody is told');
$node->safe_psql('postgres', q{SELECT realtime.hook('error', 'app.note(jsonb)')});

sub told { return $node->safe_psql('postgres', q{WITH gone AS (DELETE FROM app.told RETURNING *) SELECT string_agg(concat_ws(' ', role, connection IS NOT NULL, error ->> 'path', error ->> 'code', error ->> 'sqlstate', error ->> 'message'), E'\n' ORDER BY id) FROM gone}); }

is(ws_call($ws, 'app/divide', [0])->{code}, 'INTERNAL_ERROR', 'the client learns as little as before');
is(told(), 'realtime_anonymous t app/divide INTERNAL_ERROR 3F000 schema "nothing" does not exist', 'the hook learns what it was, as the caller');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.effect WHERE n = 0'), '0', 'what has failed is rolled back all the same');
is(ws_call($ws, 'app/divide', [1])->{code}, 'CONFLICT', 'what is meant for the client');
is(ws_call($ws, 'app/divide', ['x'])->{code}, 'VALIDATION', 'wrong arguments');
is(ws_call($ws, 'app/none', [])->{code}, 'NOT_FOUND', 'and what is not there');
is(told(), '', 'are not told');
is(ws_call($ws, 'app/guarded', [2])->{code}, 'UNAUTHENTICATED', 'a guard that fails refuses');
is(told(), 'realtime_anonymous t app/guarded UNAUTHENTICATED 22012 division by zero', 'and is told');
is(ws_call($ws, 'app/rows', [], stream => JSON::PP::true)->{code}, 'INTERNAL_ERROR', 'a loader that fails');
like(told(), qr{^realtime_anonymous t app/rows INTERNAL_ERROR 3F000 }, 'is told');
ws_subscribe($ws, 'closed');
like(told(), qr{^realtime_anonymous t closed INTERNAL_ERROR 3F000 }, 'so is an access function');

# What is loaded anew: no client has asked, so all that the loader says is told, but no refusal
sub fails_anew
{
	my ($what) = @_;
	$node->safe_psql('postgres', "TRUNCATE app.wrong; INSERT INTO app.wrong VALUES ('$what'); SELECT realtime.publish('source', 'e', '1')");
	return;
}
my $total = ws_connect($node);
is(ws_call($total, 'app/total', [], stream => JSON::PP::true)->{data}, 0, 'a derived value');
fails_anew('total');
is(ws_wait($total, sub { ($_->{topic} // '') eq '__system:derived:app/total' })->{data}{code}, 'CONFLICT', 'that cannot be had anew');
is(told(), 'realtime_anonymous t app/total CONFLICT RT409 it does not add up', 'is told, whatever its loader raises');
is(ws_call($total, 'app/total', [], stream => JSON::PP::true)->{code}, 'CONFLICT', 'who asks for it');
is(told(), '', 'is told himself');
$node->safe_psql('postgres', 'TRUNCATE app.wrong');
is(ws_call($total, 'app/anew', [], stream => JSON::PP::true)->{data}, 0, 'another one, with a guard');
fails_anew('guard');
ws_wait($total, sub { ($_->{topic} // '') eq '__system:anew' });
is(told(), '', 'a refusal of the guard is not told');
$node->safe_psql('postgres', q{TRUNCATE app.wrong; SELECT realtime.breaker('one', 1, '1 h'),
	realtime.stream('app/broken', 'broken', 'app.total()', merge => 'set', breaker => 'one', invalidate_on => '{source}')});
ok(poll_until(sub { ws_call($total, 'app/broken', [], stream => JSON::PP::true)->{ok} }), 'one with a breaker');
told();
fails_anew('outage');
ws_wait($total, sub { ($_->{topic} // '') eq '__system:broken' });
like(told(), qr{app/broken \w+ 08006}, 'an outage is told');
fails_anew('outage');
ws_wait($total, sub { ($_->{topic} // '') eq '__system:broken' });
unlike(told(), qr{app/broken}, 'and not that it is not tried any more');

$node->safe_psql('postgres', q{SELECT realtime.hook('error', 'app.fails(jsonb)')});
is(ws_call($ws, 'app/divide', [0])->{code}, 'INTERNAL_ERROR', 'a hook that fails changes nothing') for 1 .. 3;
is(told(), '', 'leaves nothing, and is not told of itself');
is(ws_call($ws, 'app/divide', [2])->{data}, 2, 'calls go on');
$node->safe_psql('postgres', q{SELECT realtime.hook('error', 'app.lasts(jsonb)')});
is(ws_call($ws, 'app/divide', [0])->{code}, 'INTERNAL_ERROR', 'one that lasts is ended');
$node->safe_psql('postgres', q{SELECT realtime.hook('error', NULL)});
is(ws_call($ws, 'app/divide', [0])->{code}, 'INTERNAL_ERROR', 'and without it all is as it was');

done_testing();
