# realtime.subscribers(): how many connections get a topic's events.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.gateways' => 2, 'realtime.executors' => 3);
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.nobody(topic text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.count(topic text) RETURNS bigint LANGUAGE sql AS 'SELECT realtime.subscribers(topic)';
SELECT realtime.topic('open:{n}', open => true), realtime.topic('closed:{n}', access => 'app.nobody(text)'),
	realtime.channel('su/room', 'room:{1}'), realtime.rpc('su/count', 'app.count(text)');
CREATE ROLE somebody;
});
wait_for_call($node, 'su/count', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub subscribers { my ($topic) = @_; return sql("SELECT realtime.subscribers('$topic')"); }
sub becomes { my ($topic, $count, $what) = @_; return ok(poll_until(sub { subscribers($topic) eq $count }), $what); }

is(subscribers('open:1'), 0, 'nobody');
my @clients = map { ws_connect($node) } 1 .. 6;
is(ws_subscribe($_, 'open:1')->{type}, 'subscribed', 'somebody subscribes') for @clients;
is(subscribers('open:1'), 6, 'is counted, whatever the gateway');
is(ws_subscribe($clients[0], 'open:1')->{type}, 'subscribed', 'who subscribes again');
is(subscribers('open:1'), 6, 'is not counted again');
is(ws_subscribe($clients[0], 'closed:1')->{type}, 'subscribe-denied', 'who may not');
is(subscribers('closed:1'), 0, 'is not counted');
ok(ws_call($_, 'su/room', ['a'], stream => $true)->{ok}, 'who follows a stream') for @clients[0, 1];
is(ws_subscribe($clients[2], 'room:a')->{type}, 'subscribed', 'and who has only named its topic');
is(subscribers('room:a'), 2, 'the former is counted');
is(ws_call($clients[0], 'su/count', ['room:a'])->{data}, 2, 'as calls can see');

# the same for all topics
sub topics { return sql("SELECT topic, subscribers, events, last_event_at > now() - interval '1 hour' FROM realtime.stat_topic ORDER BY 1"); }
is(topics(), "open:1|6|0|\nroom:a|2|0|", 'all of them are to be seen');
sql(q{SELECT realtime.publish('room:a', 'set', to_jsonb(i)) FROM generate_series(1, 7) i});
ok(poll_until(sub { topics() eq "open:1|6|0|\nroom:a|2|7|t" }), 'with what was said there');
is(ws_subscribe($clients[0], "open:many$_")->{type}, 'subscribed', 'others') for 1 .. 50;
is(sql('SELECT count(*), sum(subscribers) FROM realtime.stat_topic'), '52|58', 'and so are they');
ws_send($clients[0], { type => 'unsubscribe', topic => "open:many$_" }) for 1 .. 50;
ok(poll_until(sub { topics() eq "open:1|6|0|\nroom:a|2|7|t" }), 'until nobody follows them');
like(($node->psql('postgres', 'SET ROLE somebody; TABLE realtime.stat_topic'))[2], qr/permission denied/, 'not by everybody');
my ($gateway) = split /\n/, sql('SELECT pid FROM realtime.stat_gateway ORDER BY number');
kill 'STOP', $gateway;
like(($node->psql('postgres', 'SELECT count(*) FROM realtime.stat_topic'))[2], qr/WARNING:  gateway 0 does not answer/, 'one that stands still is not waited for');
kill 'CONT', $gateway;
ws_send($clients[0], { type => 'unsubscribe', topic => 'open:1' });
becomes('open:1', 5, 'who leaves is not');
ws_close($clients[1]);
becomes('open:1', 4, 'nor who closes');
close $clients[2]->{socket};
becomes('open:1', 3, 'nor who is gone');
kill TERM => split /\s+/, sql('SELECT pid FROM realtime.stat_gateway');
becomes('open:1', 0, 'nor those of a gateway that has ended');
wait_for_gateway($node);
my $ws = ws_connect($node);
is(ws_subscribe($ws, 'open:1')->{type}, 'subscribed', 'the next one');
is(subscribers('open:1'), 1, 'counts from there on');
is(sql('SELECT realtime.subscribers(NULL) IS NULL'), 't', 'nothing has no subscribers');
my ($code, undef, $error) = $node->psql('postgres', q{SET ROLE somebody; SELECT realtime.subscribers('open:1')});
like($error, qr/permission denied/, 'not everybody may ask');
ws_close($ws);

done_testing();
