# Who watches a room that is larger than a client may leave unread is told of it as he reads, and of what changes meanwhile.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.upgrade_rate' => 0, 'realtime.max_backpressure' => '256kB', 'realtime.presence_heartbeat' => '100ms', 'realtime.presence_grace' => 0, 'realtime.payload_memory' => '8MB');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.load(room text) RETURNS integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.face(room text) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('x', repeat('y', 8000))$$;
CREATE FUNCTION app.watch(room text) RETURNS void LANGUAGE sql AS $$SELECT realtime.presence_watch(room)$$;
CREATE FUNCTION app.nothing() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.many(n integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP PERFORM realtime.presence_join('many', jsonb_build_object('n', i, 'x', repeat('y', 8000))); END LOOP;
END $$;
SELECT realtime.rpc('app/nothing', 'app.nothing()'), realtime.rpc('app/many', 'app.many(integer)'), realtime.stream('app/data', '{room}', 'app.load(text)', merge => 'set', presence => 'app.face(text)'), realtime.rpc('app/watch', 'app.watch(text)');
});
wait_for_call($node, 'app/nothing', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Present by a stream, so none of them is told of the others
sub enter
{
	my ($room) = @_;
	my $ws = ws_connect($node);
	ws_send($ws, { rpc => 'app/data', id => 'a', args => [$room], stream => JSON::PP::true });
	return $ws;
}

# What a client knows of a room by now
sub apply
{
	my ($known, $frame) = @_;
	my ($event, $data) = @$frame{qw(event data)};
	if ($event eq 'presence_state') { %$known = map { $_ => 1 } keys %$data; }
	elsif ($event eq 'presence_diff')
	{
		delete @$known{ keys %{ $data->{leaves} } };
		$known->{$_} = 1 for keys %{ $data->{joins} };
	}
	return;
}

my @there = map { enter($_ <= 400 ? 'data' : 'small') } 1 .. 410;
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('data') = 400 AND realtime.presence_count('small') = 10}) eq 't' }), 'three megabytes are there');

my $slow = ws_connect($node, receive_buffer => 65536);
ws_send($slow, { rpc => 'app/watch', id => $_, args => [$_] }) for 'data', 'small';
is(ws_call(ws_connect($node), 'app/nothing', [])->{ok}, JSON::PP::true, 'others are served');

# Some go and some come while it is on its way
ws_close($_) for splice @there, 0, 5;
my $come = enter('data');
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('data')}) == 396 }), 'people come and go meanwhile');
my (%known, %count);
while (keys %{ $known{data} // {} } != 396 || keys %{ $known{small} // {} } != 10)
{
	my $frame = ws_wait($slow, sub { ($_->{topic} // '') =~ /^__presence:/ });
	my $room = $frame->{topic} =~ s/^__presence://r;
	$count{"$room $frame->{event}"}++;
	apply($known{$room} //= {}, $frame);
}
is($count{'data presence_state'}, 1, 'it is told of all once,');
cmp_ok($count{'data presence_diff'}, '>=', 5, "and of more in $count{'data presence_diff'} more frames, as it reads");
is(sql(q{SELECT count(*) FROM realtime.connections}), 1 + sql(q{SELECT realtime.presence_count('data') + realtime.presence_count('small')}), 'and is not cut off');
ws_close($come);
ws_wait($slow, sub { ($_->{event} // '') eq 'presence_diff' && %{ $_->{data}{leaves} } });
pass('then of what changes');
ok(ws_wait($slow, sub { ($_->{event} // '') eq 'heartbeat' && $_->{topic} eq '__presence:data' && @{ $_->{data} } == 395 }), 'and who is there');

# asked again and again, it is sent one after the other
ws_send($slow, { rpc => 'app/watch', id => "w$_", args => ['data'] }) for 1 .. 5;
%known = %count = ();
ws_wait($slow, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq 'w5' });
ws_wait($slow, sub { ($_->{event} // '') eq 'heartbeat' && $_->{topic} eq '__presence:data' });
is(sql(q{SELECT count(*) FROM realtime.connections WHERE subscriptions > 1}), 1, 'it may ask several times');

# one that ends in the middle of it
for my $round (1 .. 3)
{
	my $ws = ws_connect($node, receive_buffer => 65536);
	ws_send($ws, { rpc => 'app/watch', id => 'w', args => ['data'] });
	ws_wait($ws, sub { ($_->{event} // '') eq 'presence_state' });
	close $ws->{socket};
}
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.connections}) == 406 }), 'some are cut off in the middle');
is(ws_call(ws_connect($node), 'app/nothing', [])->{ok}, JSON::PP::true, 'of which nobody notices anything');
is(sql(q{SELECT realtime.presence_count('data')}), 395, 'those who were there are');

# what a transaction may have done with connections
my $many = ws_connect($node);
is(ws_call($many, 'app/many', [200])->{code}, 'OVERLOADED', 'too much at once is refused');
is(sql(q{SELECT realtime.presence_count('many')}), 0, 'and nothing of it is done');
is(ws_call($many, 'app/many', [100])->{ok}, JSON::PP::true, 'less is not,') for 1 .. 5;
is(sql(q{SELECT data ->> 'n' FROM realtime.presence('many')}), 100, 'and done in order');
no_crash($node);

done_testing();
