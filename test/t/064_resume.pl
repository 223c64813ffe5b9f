# Streams that are resumed by number: exactly what was missed, or a clear start
# anew.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

use RealtimeTest;

my $max_backpressure = 64 * 1024;
my $node = new_node('realtime.executors' => 2,
	'realtime.max_backpressure' => $max_backpressure);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.say(topic text, n integer) RETURNS void LANGUAGE sql AS
$$SELECT realtime.publish(topic, 'created', jsonb_build_object('id', n))$$;
SELECT realtime.rpc('app/say', 'app.say(text,integer)'),
	realtime.channel('kept/rows', 'kept:{room}', merge => 'crud', replay => true),
	realtime.channel('kept/value', 'value:{room}', replay => true),
	realtime.channel('kept/lines', 'lines:{room}', merge => 'latest', max => 3, replay => true);
});
wait_for_call($node, 'app/say', [ 'x', 1 ]);

my $true = JSON::PP::true;
my $false = JSON::PP::false;
my $last = 0;

# Publishes events, each in a transaction of its own, with numbers as ids.
sub publish
{
	my ($topic, $count, $size) = @_;
	my $text = $size ? "repeat('x', $size)" : "''";

	$node->safe_psql('postgres', join ';', map {
		"SELECT realtime.publish('$topic', 'created', jsonb_build_object('id', $_, 'x', $text))"
	} $last + 1 .. $last + $count);
	$last += $count;
	return;
}

sub follow
{
	my ($connection, $path, $args, %more) = @_;
	my $reply = ws_call($connection, $path, $args, stream => $true, %more);

	delete $reply->{id};
	return $reply;
}

# The numbers of items or events
sub numbers { return join ' ', map { $_->{seq} } @_; }

# The first time, and what follows
my $ws = ws_connect($node);
is_deeply(follow($ws, 'kept/rows', ['a']),
	{ ok => $true, data => [], topic => 'kept:a', merge => 'crud', key => 'id', seq => 0, channel => $true },
	'a first subscription has a number');
publish('kept:a', 2);
is_deeply([ ws_quiet($ws, 2) ], [ map { { topic => 'kept:a', event => 'created', data => { id => $_, x => '' }, seq => $_ } } 1, 2 ],
	'events have the next ones');
is(follow($ws, 'kept/rows', ['a'])->{seq}, 2, 'who comes later has theirs');
ws_quiet($ws);
publish('kept:a', 1);
is(numbers(ws_quiet($ws, 1)), 3, 'and goes on from there, once');
ws_close($ws);

# What was missed
publish('kept:a', 3);
$ws = ws_connect($node);
is_deeply(follow($ws, 'kept/rows', ['a'], seq => 4),
	{ ok => $true, topic => 'kept:a', merge => 'crud', key => 'id', seq => 6, replay => $true,
		data => [ map { { seq => $_, topic => 'kept:a', event => 'created', data => { id => $_, x => '' } } } 5, 6 ] },
	'the events that were missed');
publish('kept:a', 1);
is(numbers(ws_quiet($ws, 1)), 7, 'events follow');
is_deeply(follow($ws, 'kept/rows', ['a'], seq => 7),
	{ ok => $true, topic => 'kept:a', merge => 'crud', key => 'id', seq => 7, replay => $true, data => [] },
	'nothing was missed');
is(numbers(@{ follow($ws, 'kept/rows', ['a'], seq => 0)->{data} }), '1 2 3 4 5 6 7', 'all of it');
is(numbers(@{ follow($ws, 'kept/value', ['new'], seq => 0)->{data} }), '', 'of a topic without events');
publish('kept:a', 1);
is(numbers(ws_quiet($ws, 1)), 8, 'with one subscription');

# What cannot be had
for my $seq (9, 4294967297, '"7"', 1.5, -1, 1e300)
{
	my $id = 't' . ++$ws->{ids};
	ws_send($ws, qq({"rpc":"kept/rows","id":"$id","args":["a"],"stream":true,"seq":$seq}));
	my $reply = ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data};
	delete $reply->{id};
	is_deeply($reply, { ok => $true, data => [], topic => 'kept:a', merge => 'crud', key => 'id', seq => 8,
			$seq eq '"7"' ? (channel => $true) : (replay => $false) }, "seq $seq is none of ours");
}
is_deeply(follow($ws, 'kept/value', ['a'], seq => 5),
	{ ok => $true, data => undef, topic => 'value:a', merge => 'set', seq => 0, replay => $false },
	'a value is set to null');

# Retention: the oldest events are gone
$node->safe_psql('postgres', q{DELETE FROM realtime.replay_message WHERE topic = 'kept:a' AND seq < 5});
is(follow($ws, 'kept/rows', ['a'], seq => 3)->{replay}, $false, 'beyond what is kept');
is(numbers(@{ follow($ws, 'kept/rows', ['a'], seq => 4)->{data} }), '5 6 7 8', 'and just what is kept');
$node->safe_psql('postgres', q{SELECT realtime.clear_replay('kept:a')});
is_deeply(follow($ws, 'kept/rows', ['a'], seq => 7),
	{ ok => $true, data => [], topic => 'kept:a', merge => 'crud', key => 'id', seq => 8, replay => $false },
	'nothing is left after clear_replay()');
is(follow($ws, 'kept/rows', ['a'], seq => 8)->{replay}, $true, 'which who had it all need not know');
publish('kept:a', 1);
is(numbers(ws_quiet($ws, 1)), 9, 'numbers go on');

# A list is sent again: merged once more it would have its rows twice.
publish('lines:a', 5);
is_deeply(follow($ws, 'kept/lines', ['a'], seq => 2),
	{ ok => $true, topic => 'lines:a', merge => 'latest', max => 3, seq => 5, replay => $false,
		data => [ map { { id => $last - $_, x => '' } } 2, 1, 0 ] }, 'the newest of a list');
is(@{ follow($ws, 'kept/lines', ['a'], seq => 77)->{data} }, 3, 'whatever the number');
is_deeply(follow($ws, 'kept/lines', ['a']),
	{ ok => $true, topic => 'lines:a', merge => 'latest', max => 3, seq => 5, data => [], channel => $true },
	'not to a new one');
is_deeply([ map { length $_->{x} } @{ (publish('lines:big', 2, 30_000), follow($ws, 'kept/lines', ['big'], seq => 0))[-1]{data} } ],
	[30_000], 'as many as fit');
ws_quiet($ws);
ws_close($ws);

# More than a frame takes: the rest comes as events, once there is room.
$ws = ws_connect($node);
follow($ws, 'kept/rows', ['long'], seq => 0);
ws_close($ws);
publish('kept:long', 300, 1000);
$ws = ws_connect($node);
my $reply = follow($ws, 'kept/rows', ['long'], seq => 0);
my $items = $reply->{data};
cmp_ok(scalar @$items, '<', 300, 'a reply has a limit');
cmp_ok(scalar @$items, '>', 5, 'but is not empty');
is($reply->{seq}, $items->[-1]{seq}, 'its number is that of its last event');
publish('kept:long', 1);
my @rest;
push @rest, ws_wait($ws, sub { ($_->{topic} // '') eq 'kept:long' })->{seq} while @$items + @rest < 301;
is(join(' ', (map { $_->{seq} } @$items), @rest), join(' ', 1 .. 301), 'everything comes, in order');
publish('kept:long', 1);
is(numbers(ws_quiet($ws, 1)), 302, 'and then what is new');
ws_close($ws);

# One that fits into no reply at all
publish('kept:huge', 3, 200_000);
$ws = ws_connect($node);
is_deeply(follow($ws, 'kept/rows', ['huge'], seq => 0),
	{ ok => $true, topic => 'kept:huge', merge => 'crud', key => 'id', seq => 0, replay => $true, data => [] },
	'large events are not in the reply');
is(join(' ', map { ws_wait($ws, sub { ($_->{topic} // '') eq 'kept:huge' })->{seq} } 1 .. 3), '1 2 3', 'but behind it');
ws_close($ws);

# Many at once share what a connection may take.
$ws = ws_connect($node);
ws_send($ws, '{"batch":[' . join(',', map {
	qq({"rpc":"kept/rows","id":"m$_","args":["long"],"stream":true,"seq":0}) } 1 .. 60) . ']}');
my $total = 0;
for my $id (map { "m$_" } 1 .. 60)
{
	$total += @{ ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data}{data} };
}
cmp_ok($total, '<', 400, 'sixty replies are not sixty times as long');
ws_close($ws);

# Sockets that break in the middle of a burst: nothing is lost, nothing comes
# twice.
my ($seen, $seq, @wrong) = (0, 0);
my $burst = $node->background_psql('postgres', on_error_stop => 1);
$ws = ws_connect($node);
follow($ws, 'kept/rows', ['burst']);
$last = 0;
for my $round (1 .. 200)
{
	# 20 events on their way while the socket breaks
	$burst->query_safe(join ';', map {
		"SELECT realtime.publish('kept:burst', 'created', jsonb_build_object('id', $_))" } $last + 1 .. $last + 20)
	  if $round % 2;
	ws_raw($ws, join '', map {
		ws_frame('text', qq({"rpc":"app/say","args":["kept:burst",$_]})) } $last + 1 .. $last + 20)
	  if $round % 2 == 0;
	$last += 20;
	my $until = int rand 20;
	for (1 .. $until)
	{
		my $frame = eval { ws_recv_json($ws, 5) } or last;
		next if ($frame->{topic} // '') ne 'kept:burst';
		push @wrong, "$round: $frame->{seq} after $seen" if $frame->{seq} != $seen + 1;
		$seen = $frame->{seq};
	}
	setsockopt $ws->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
	close $ws->{socket};

	$ws = ws_connect($node);
	$reply = follow($ws, 'kept/rows', ['burst'], seq => $seen);
	push @wrong, "$round: not replayed" if !$reply->{replay};
	for my $item (@{ $reply->{data} })
	{
		push @wrong, "$round: item $item->{seq} after $seen" if $item->{seq} != $seen + 1;
		$seen = $item->{seq};
	}
	push @wrong, "$round: reply has $reply->{seq}" if $reply->{seq} != $seen;
}
# Calls that were cut off with their socket may not have run, or may still do.
$burst->query_safe(q{SELECT realtime.publish('kept:burst', 'deleted', '{"id": 0}')});
sub last_seq { return $node->safe_psql('postgres', q{SELECT realtime.seq('kept:burst')}); }
ok(poll_until(sub {
	my $end = last_seq();
	while ($seen < $end)
	{
		my $frame = ws_recv_json($ws);
		next if ($frame->{topic} // '') ne 'kept:burst';
		push @wrong, "end: $frame->{seq} after $seen" if $frame->{seq} != $seen + 1;
		$seen = $frame->{seq};
	}
	return $seen == last_seq();
}), 'everything has come');
is_deeply(\@wrong, [], '200 broken sockets have lost nothing and got nothing twice');
cmp_ok($seen, '>', 2000, 'which is a lot');
$burst->quit;

# A crash of the server: what was committed is there, and has its number.
publish('kept:crash', 2);
is(follow($ws, 'kept/rows', ['crash'])->{seq}, 2, 'before the crash');
publish('kept:crash', 1);
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'kept:crash' })->{seq}, 3, 'an event');
publish('kept:crash', 1);
$node->stop('immediate');
$node->start;
wait_for_call($node, 'kept/rows', ['x']);
$ws = ws_connect($node);
$reply = follow($ws, 'kept/rows', ['crash'], seq => 3);
is(numbers(@{ $reply->{data} }), 4, 'what was missed is there after it');
publish('kept:crash', 1);
is(numbers(ws_quiet($ws, 1)), 5, 'and numbers go on');

# A number of another time
my $before = follow($ws, 'kept/rows', ['a'])->{seq};
$node->safe_psql('postgres', 'UPDATE realtime.replay_epoch SET system_identifier = 1');
ws_close($ws);
$ws = ws_connect($node);
follow($ws, 'kept/rows', ['a'], seq => $before);
publish('kept:a', 1);
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'kept:a' })->{event}, 'truncated',
	'who is there when numbers begin anew is told');
is(numbers(ws_quiet($ws)), '', 'and nothing else');
$reply = follow($ws, 'kept/rows', ['a'], seq => $before);
is($reply->{replay}, $false, 'a number of another epoch means nothing');
is($reply->{seq}, 4294967297, 'the new ones are far above');
publish('kept:a', 1);
is(numbers(ws_quiet($ws, 1)), 4294967298, 'and go on');

# A class that changes while an event is on its way without a number
my $late = $node->background_psql('postgres', on_error_stop => 1);
$late->query_safe(q{BEGIN; SELECT realtime.publish('late:a', 'created', '{"id": 1}')});
$node->safe_psql('postgres', q{SELECT realtime.channel('kept/late', 'late:{room}', replay => true)});
$before = follow($ws, 'kept/late', ['a'])->{seq};
ws_close($ws);
$late->query_safe('COMMIT');
$late->quit;
$ws = ws_connect($node);
is(follow($ws, 'kept/late', ['a'], seq => $before)->{replay}, $false, 'who has not got it has to load');

# TRUNCATE, when no topic of the template has had an event: who has a number
# has rows that were there before the table was live.
$node->safe_psql('postgres', q{
CREATE TABLE app.old (id integer PRIMARY KEY, room text);
INSERT INTO app.old VALUES (1, 'a');
SELECT realtime.channel('kept/old', 'old:{room}', replay => true), realtime.live_table('app.old', 'old:{room}');
});
$before = follow($ws, 'kept/old', ['a'])->{seq};
ws_close($ws);
$node->safe_psql('postgres', 'TRUNCATE app.old');
$ws = ws_connect($node);
is(follow($ws, 'kept/old', ['a'], seq => $before)->{replay}, $false, 'the number from before TRUNCATE means nothing');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
