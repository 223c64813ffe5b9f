# Who is told more of a room than a client may leave unread is cut off in the middle of it, and nobody else notices.
use strict;
use warnings;

use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.upgrade_rate' => 0, 'realtime.max_backpressure' => '16kB', 'realtime.presence_heartbeat' => '100ms');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.load() RETURNS integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.face() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('x', repeat('y', 8000))$$;
CREATE FUNCTION app.watch() RETURNS void LANGUAGE sql AS $$SELECT realtime.presence_watch('data')$$;
CREATE FUNCTION app.nothing() RETURNS void LANGUAGE sql AS '';
SELECT realtime.rpc('app/nothing', 'app.nothing()'), realtime.stream('app/data', 'data', 'app.load()', merge => 'set', presence => 'app.face()'), realtime.rpc('app/watch', 'app.watch()');
});
wait_for_call($node, 'app/watch', []);

# Present by a stream, so none of them is told of the others
my @there;
for (1 .. 500)
{
	my $ws = ws_connect($node);
	ws_send($ws, { rpc => 'app/data', id => 'a', args => [], stream => JSON::PP::true });
	push @there, $ws;
}
ok($node->poll_query_until('postgres', q{SELECT realtime.presence_count('data') = 500}), 'four megabytes are there');

for my $round (1 .. 3)
{
	my $ws = ws_connect($node);
	setsockopt($ws->{socket}, SOL_SOCKET, SO_RCVBUF, pack('i', 4096)) or die "setsockopt: $!";
	ws_send($ws, { rpc => 'app/watch', id => 'w', args => [] });
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 500 FROM realtime.connections}), "who does not read is cut off ($round)");
	close $ws->{socket};
	is(ws_call(ws_connect($node), 'app/nothing', [])->{ok}, JSON::PP::true, 'and others are served');
}
is($node->safe_psql('postgres', q{SELECT realtime.presence_count('data')}), '500', 'those who were there are');
done_testing();
