# on_error: who declared a stream is told that it could not be loaded.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.handler_timeout' => '3s');
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.state (id integer PRIMARY KEY, trouble text DEFAULT '', allowed boolean DEFAULT true);
INSERT INTO app.state VALUES (1);
CREATE TABLE app.log (n bigserial, code text, message text, topic text, connection text, role text DEFAULT current_user);
GRANT ALL ON app.state, app.log, app.log_n_seq TO realtime_anonymous;
CREATE FUNCTION app.value(room text) RETURNS integer STABLE LANGUAGE plpgsql AS $$DECLARE trouble text := (SELECT s.trouble FROM app.state s); BEGIN
	IF trouble = 'raised' THEN PERFORM realtime.raise('BROKEN', 'not now');
	ELSIF trouble = 'broken' THEN PERFORM FROM nowhere;
	ELSIF trouble = 'slow' THEN PERFORM pg_sleep(60);
	ELSIF trouble = 'stubborn' THEN
		BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(1.5); END;
	END IF;
	RETURN 7;
END$$;
CREATE FUNCTION app.may(room text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT allowed FROM app.state';
CREATE FUNCTION app.big(n integer) RETURNS text STABLE LANGUAGE sql AS $$SELECT repeat('x', n)$$;
CREATE FUNCTION app.told(code text, message text, topic text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.log (code, message, topic, connection) VALUES (code, message, topic, realtime.connection_id());
	SELECT realtime.publish('trouble', 'told', to_jsonb(code))$$;
CREATE FUNCTION app.marks(code text, message text, topic text) RETURNS void LANGUAGE sql AS
	'SELECT realtime.mark_degraded(topic, message)';
CREATE FUNCTION app.told_code(code text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (code) VALUES (code)$$;
CREATE FUNCTION app.fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN
	INSERT INTO app.log (code) VALUES ('never');
	RAISE EXCEPTION 'on_error itself fails';
END$$;
CREATE FUNCTION app.hangs() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); END$$;
CREATE FUNCTION app.shown(data jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT CASE WHEN (SELECT trouble FROM app.state) = 'hidden' THEN to_jsonb(1 / (length(data::text) - length(data::text))) ELSE data END$$;
SELECT realtime.stream('er/room', 'room:{room}', 'app.value(text)', merge => 'set', access => 'app.may(text)',
		on_error => 'app.told(text,text,text)'),
	realtime.stream('er/shown', 'shown:{room}', 'app.value(text)', merge => 'set', transform => 'app.shown(jsonb)',
		on_error => 'app.told_code(text)'),
	realtime.stream('er/marked', 'marked:{room}', 'app.value(text)', merge => 'set', on_error => 'app.marks(text,text,text)'),
	realtime.stream('er/big', 'big', 'app.big(integer)', merge => 'set', on_error => 'app.told_code(text)'),
	realtime.stream('er/fails', 'fails:{room}', 'app.value(text)', merge => 'set', on_error => 'app.fails()'),
	realtime.stream('er/hangs', 'hangs:{room}', 'app.value(text)', merge => 'set', on_error => 'app.hangs()'),
	realtime.topic('trouble', open => true);
});
wait_for_call($node, 'er/room', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub trouble { sql("UPDATE app.state SET trouble = '$_[0]'"); return; }
sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args, stream => $true); }
sub health
{
	my ($client, $topic) = @_;
	my $event = ws_wait($client, sub { ($_->{topic} // '') eq "__system:$topic" && $_->{event} ne 'error' });
	return [ @$event{qw(event data)} ];
}
sub is_told
{
	my ($expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql(q{SELECT coalesce(string_agg(concat_ws(' ', code, message, topic), ', ' ORDER BY n), '') FROM app.log}), $expected, $what);
	sql('TRUNCATE app.log');
	return;
}

my $ws = ws_connect($node);
ws_subscribe($ws, 'trouble');

# A first load
is(follow($ws, 'er/room', 'a')->{data}, 7, 'a load that works');
is_told('', 'is none to tell of');
trouble('raised');
is(follow($ws, 'er/room', 'a')->{code}, 'BROKEN', 'one that fails');
is(sql('SELECT connection, role FROM app.log'), "$ws->{welcome}{sessionId}|realtime_anonymous", 'is told of as its caller');
is_told('BROKEN not now room:a', 'with code, message and topic');
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'trouble' })->{data}, 'BROKEN', 'and who is told may publish');
trouble('broken');
is(follow($ws, 'er/room', 'a')->{error}, 'Internal server error', 'what clients do not learn');
is_told('INTERNAL_ERROR relation "nowhere" does not exist room:a', 'is told here');
is(ws_call($ws, 'er/room', ['b'])->{code}, 'INTERNAL_ERROR', 'the value alone');
is_told('INTERNAL_ERROR relation "nowhere" does not exist room:b', 'is a load, too');
trouble('hidden');
is(follow($ws, 'er/shown', 'a')->{ok}, JSON::PP::false, 'a transform belongs to it');
is_told('VALIDATION', 'with less than all');
trouble('slow');
is(follow($ws, 'er/room', 'a')->{code}, 'TIMEOUT', 'a load that takes too long');
is_told('TIMEOUT Request timed out room:a', 'is told of as such');
trouble('stubborn');
is(follow($ws, 'er/room', 'a')->{code}, 'TIMEOUT', 'one that catches its cancel');
ok(poll_until(sub { sql('SELECT count(*) FROM app.log') == 1 }), 'is told of');
is_told('TIMEOUT Request timed out room:a', 'once it has ended');
is(follow($ws, 'er/big', 2_000_000)->{code}, 'PAYLOAD_TOO_LARGE', 'a value that is too large');
is_told('PAYLOAD_TOO_LARGE', 'is an error of its stream');

# What is none of the load's
trouble('');
sql('UPDATE app.state SET allowed = false');
is(follow($ws, 'er/room', 'a')->{code}, 'UNAUTHENTICATED', 'a refusal');
is(follow($ws, 'er/room')->{code}, 'VALIDATION', 'and a mistake of the client');
sql('UPDATE app.state SET allowed = true');
is_told('', 'are no errors of the stream');

# A load anew
is(follow($ws, 'er/room', 'a')->{data}, 7, 'who follows it');
trouble('raised');
sql(q{SELECT realtime.invalidate('room:a')});
is(ws_wait($ws, sub { ($_->{topic} // '') eq '__system:room:a' })->{data}{code}, 'BROKEN', 'learns that it cannot be loaded anew');
is_told('BROKEN not now room:a', 'as does who declared it');

# How it is
my @followers = map { ws_connect($node) } 1, 2;
trouble('');
is(follow($_, 'er/marked', 'a')->{data}, 7, 'who follows a stream') for @followers;
trouble('broken');
is(ws_call($ws, 'er/marked', ['a'])->{code}, 'INTERNAL_ERROR', 'that fails for another one');
is_deeply(health($_, 'marked:a'), [ 'degraded', { reason => 'relation "nowhere" does not exist' } ], 'is told by its on_error') for @followers;
sql(q{BEGIN; SELECT realtime.mark_recovered('marked:a'); ROLLBACK});
sql(q{SELECT realtime.mark_degraded('marked:b'), realtime.mark_degraded('nobody:follows')});
sql(q{SELECT realtime.mark_degraded('marked:a', E'say "why"\\n')});
is_deeply(health($_, 'marked:a'), [ 'degraded', { reason => "say \"why\"\n" } ], 'as anybody may say') for @followers;
sql(q{SELECT realtime.mark_recovered('marked:a')});
is_deeply(health($_, 'marked:a'), [ 'recovered', undef ], 'and that it works again') for @followers;
trouble('raised');

# An on_error that is no help
is(follow($ws, 'er/fails', 'a')->{code}, 'BROKEN', 'one that fails is nothing to the client');
is_told('', 'and leaves nothing behind');
like(slurp_file($node->logfile), qr/ERROR:  on_error itself fails/, 'but it is in the log');
is(follow($ws, 'er/hangs', 'a')->{code}, 'BROKEN', 'nor is one that would take long');
trouble('');
is(follow($ws, 'er/fails', 'a')->{data}, 7, 'and the stream works again');
sql('DROP FUNCTION app.told_code(text) CASCADE');
is(follow($ws, 'er/room', 'a')->{data}, 7, 'as do others');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
