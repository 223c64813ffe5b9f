# A topic with a value in it is the same whoever writes the value, with whatever
# settings
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.slot (id integer PRIMARY KEY, day date, at timestamptz, free boolean DEFAULT true, note text);
GRANT SELECT ON app.slot TO realtime_anonymous;
CREATE FUNCTION app.slots(day date, at timestamptz, free boolean) RETURNS SETOF integer STABLE LANGUAGE sql AS
	'SELECT id FROM app.slot s WHERE s.day = slots.day AND s.at = slots.at AND s.free = slots.free';
SELECT realtime.live_table('app.slot', 'slots:{day}:{at}:{free}');
SELECT realtime.stream('slot/list', 'slots:{day}:{at}:{free}', 'app.slots(date,timestamptz,boolean)');
ALTER ROLE realtime_executor SET DateStyle = 'German';
ALTER ROLE realtime_executor SET TimeZone = 'Asia/Tokyo';
ALTER ROLE realtime_anonymous SET DateStyle = 'SQL, MDY';
});
$node->restart;
wait_for_call($node, 'slot/list', [ '2024-02-01', '2024-02-01 10:00+00', 'true' ]);
my $ws = ws_connect($node);
my $topic = 'slots:2024-02-01:2024-02-01T08%3A00%3A00%2B00%3A00:true';

my $reply = ws_call($ws, 'slot/list', [ '2024-02-01', '2024-02-01T10:00:00+02:00', JSON::PP::true ], stream => JSON::PP::true);
is($reply->{topic}, $topic, 'a stream has one topic for one moment');

$node->safe_psql('postgres', q{
SET DateStyle = 'Postgres, DMY';
SET TimeZone = 'America/New_York';
INSERT INTO app.slot VALUES (1, '2024-02-01', '2024-02-01T08:00:00Z');
});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'created' })->{topic}, $topic, 'which is that of the live table');
$node->safe_psql('postgres', q{
SET DateStyle = 'SQL, MDY';
SET TimeZone = 'Asia/Kolkata';
DELETE FROM app.slot;
});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'deleted' })->{topic}, $topic, 'in whatever session');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
