# A transaction that has filled its room to the brim: a live table still rejects
# no row, and streams that depend on it are loaded anew.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.ring_size' => '256kB', 'realtime.executors' => 3);
my $true = JSON::PP::true;
my $path = 'ro/' . 'x' x 240;

$node->safe_psql('postgres', qq{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id integer PRIMARY KEY);
CREATE TABLE app.other (id integer PRIMARY KEY, topic text);
GRANT SELECT ON app.item TO realtime_anonymous;
CREATE FUNCTION app.number() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM app.item';
-- leaves room for nothing that is longer than an event without data
CREATE FUNCTION app.fill() RETURNS void LANGUAGE plpgsql AS \$\$DECLARE size integer := 65536; BEGIN
	WHILE size > 0 LOOP
		BEGIN
			PERFORM realtime.publish('filler', 'x', to_jsonb(repeat('x', size)));
		EXCEPTION WHEN program_limit_exceeded THEN
			size := size / 2;
		END;
	END LOOP;
END\$\$;
SELECT realtime.live_table('app.item', 'items'),
	realtime.live_table('app.other', 'other:{topic}'),
	realtime.topic('filler', open => true), realtime.topic('items', open => true),
	realtime.stream('$path', 'number', 'app.number()', merge => 'set', invalidate_on => '{items,other:*}');
});
wait_for_call($node, $path, []);

my $ws = ws_connect($node);
ok(ws_subscribe($ws, 'items')->{type} eq 'subscribed', 'who follows the live table');
is(ws_call($ws, $path, [], stream => $true)->{data}, 0, 'and a stream that depends on it');

# A marker may be what comes, as of all topics of a partition: then the value is asked for.
sub refreshed
{
	my $event = ws_wait($ws, sub { ($_->{topic} // '') eq 'number' });
	return $event->{event} eq 'refreshed' ? $event->{data} : ws_call($ws, $path, [], stream => $true)->{data};
}

is($node->psql('postgres', 'BEGIN; SELECT app.fill(); INSERT INTO app.item VALUES (1); COMMIT', on_error_stop => 1), 0,
	'a row is inserted where there is no more room');
is(refreshed(), 1, 'the stream is loaded anew');
ok(ws_wait($ws, sub { ($_->{topic} // '') eq 'items' }), 'and something is told of the row');

# Where only the event itself would fit, or only a marker
is($node->psql('postgres', "SELECT app.fill(); " . join('', map {
	"BEGIN; SELECT app.fill(); SAVEPOINT s; INSERT INTO app.item VALUES ($_); ROLLBACK TO s; INSERT INTO app.item VALUES ($_); COMMIT;"
} 2 .. 5), on_error_stop => 1), 0, 'and others, with savepoints');
my $last = 0;
$last = refreshed() while $last < 5;
is($last, 5, 'to the end');

# Markers of many topics: more than are noted one by one
is($node->psql('postgres', q{BEGIN; SELECT app.fill(); INSERT INTO app.other SELECT g, 't' || g FROM generate_series(1, 3000) g;
	INSERT INTO app.item VALUES (6); COMMIT}, on_error_stop => 1), 0, 'nor does it matter how many topics there are');
$last = refreshed() while $last < 6;
is($last, 6, 'the stream follows');
is($node->psql('postgres', 'BEGIN; SELECT app.fill(); TRUNCATE app.item; COMMIT', on_error_stop => 1), 0, 'nor what is done');
$last = refreshed() while $last > 0;
is($last, 0, 'also with a TRUNCATE');
is($node->psql('postgres', q{BEGIN; SELECT app.fill(); SELECT realtime.invalidate('number'); COMMIT}, on_error_stop => 1), 3,
	'who asks for it is told that there is no room');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
