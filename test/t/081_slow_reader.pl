# A client that does not read: it costs the others nothing and the gateway a
# bounded amount of memory and no time, and it is told what it has missed.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $limit = 256 * 1024;    # realtime.max_backpressure
# Slow machines: nobody is silent or stalled here.
my $node = new_node('realtime.max_backpressure' => $limit,
	'realtime.idle_timeout' => 0, 'realtime.stall_timeout' => 0, 'realtime.ping_interval' => 0,
	'realtime.executors' => 4);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
SELECT realtime.rpc('app/text', 'app.text(int)'),
	realtime.topic('news:{n}', open => true),
	realtime.topic('noise:{n}', class => 'volatile', open => true);
});
wait_for_call($node, 'app/text', [1]);
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');
my $last = 0;              # number of the last event published

# Publishes events of about 4 kB, each in a transaction of its own, numbered
# over all topics.
sub publish
{
	my ($topic, $count) = @_;

	$node->safe_psql('postgres', join ';', map {
		"SELECT realtime.publish('$topic', 'n', jsonb_build_object('n', $_, 'x', repeat('x', 4000)))"
	} $last + 1 .. $last + $count);
	$last += $count;
	return;
}

# Reads events up to the one with a number; returns [topic, event, number] of
# each.
sub events_until
{
	my ($ws, $number) = @_;
	my @events;

	while (1)
	{
		my $frame = ws_recv($ws) or die "the stream has ended\n";
		next unless $frame->[1] =~ /^\{"topic":"(\w+:[^"]*)","event":"(\w+)","data":(\{"n": ?(\d+))?/;
		push @events, [ $1, $2, $4 ];
		return @events if ($4 // 0) == $number;
	}
}

sub numbers { return map { $_->[2] // () } @_; }

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# kB of the gateway's own memory
sub memory
{
	my $smaps = slurp_file("/proc/$pid/smaps_rollup");
	return $smaps =~ /^Private_Dirty:\s+(\d+)/m ? $1 : die;
}

# Processor time that the gateway has used, hundredths of a second
sub processor_time
{
	my @stat = split / /, slurp_file("/proc/$pid/stat");
	return $stat[13] + $stat[14];
}

# One stalled reader among many
my @reader = map { ws_connect($node) } 1 .. 300;
my $stalled = ws_connect($node, receive_buffer => 4096);
my $noisy = ws_connect($node, receive_buffer => 4096);
ws_subscribe($_, 'news:1') for @reader, $stalled;
ws_subscribe($stalled, 'news:2');
ws_subscribe($noisy, 'noise:1');
my $watch = ws_connect($node);
ws_subscribe($watch, 'noise:1');

my $before = memory();
my $round = 0;
while (stat_gateway('dropped') == 0 && ++$round <= 50)
{
	my $from = $last + 1;
	publish('news:1', 100);
	my @complete = grep {
		join(',', numbers(events_until($_, $last))) eq join(',', $from .. $last)
	} @reader;
	is(scalar @complete, @reader, "all readers get all events (round $round)");
}
cmp_ok(stat_gateway('dropped'), '>', 0, 'the stalled one misses some');
my $lost_until = $last;
cmp_ok(memory() - $before, '<', 30_000, 'the gateway does not keep them');

# It is not told before it has read the rest, and there are no more of them.
publish('news:1', 100);
events_until($_, $last) for @reader;
is(stat_gateway('markers'), 0, 'no marker as long as it does not read');
is(stat_gateway('dropped'), 1, 'events of a topic that is lost are not counted again');

# Replies are not dropped.
my $replies = 4;
ws_raw($stalled, ws_frame('text', qq({"rpc":"app/text","id":"r","args":[100000]})))
  for 1 .. $replies;
my $burnt = processor_time();
ok(!eval { ws_recv($watch, 1.5); 1 }, 'silence elsewhere');
cmp_ok(processor_time() - $burnt, '<', 30, 'a stalled reader costs no time');

# What it gets when it reads: events without a gap, replies, the marker once,
# live events.
my ($marker, $answers, @got) = (undef, 0);
while (!$marker || $answers < $replies)
{
	my $frame = ws_recv($stalled) or last;
	my $payload = $frame->[1];

	if ($payload =~ /"topic":"__rpc"/) { $answers++ if length $payload > 100000; }
	elsif ($payload =~ /"event":"truncated"/) { $marker .= $payload; }
	elsif ($payload =~ /"data":\{"n": ?(\d+)/) { push @got, $1; }
}
is($marker, '{"topic":"news:1","event":"truncated","data":{"reqId":0,"truncated":true}}',
	'the marker names the topic that has lost events');
is($answers, $replies, 'replies are not dropped');
is(join(',', @got), join(',', 1 .. @got), 'events before it come in order, without gaps');
cmp_ok(scalar @got, '<', $lost_until, 'not all of them');
my $from = $last + 1;
publish('news:1', 20);
publish('news:2', 20);
is(join(',', numbers(events_until($stalled, $last))), join(',', $from .. $last),
	'events after it as well, nothing twice');
is_deeply([ grep { ref && ($_->{event} // '') eq 'truncated' } ws_quiet($stalled) ], [],
	'and there is one marker');
is(stat_gateway('markers'), 1, 'as the statistics say');
is(stat_gateway('ring_overruns'), 0, 'the ring has not been overrun');
$_->{queue} = [] for @reader;

# Nor does a burst of events to many make a call wait until it is over.
events_until($_, $last - 20) for @reader;
my $overtaken = 0;
for (1 .. 10)
{
	my ($answered, $number) = (0, 0);

	$node->safe_psql('postgres', q{SELECT realtime.publish('news:1', 'b',
			jsonb_build_object('n', n, 'x', repeat('x', 200))) FROM generate_series(1, 1500) AS n});
	while ($number < 1500)
	{
		my $frame = ws_recv($reader[0]) or last;

		if ($frame->[1] =~ /"event":"b","data":\{"n": ?(\d+)/)
		{
			ws_raw($reader[0], ws_frame('text', '{"rpc":"app/text","id":"b","args":[1]}'))
			  if !$number;
			$number = $1;
		}
		$answered = 1 if $frame->[1] =~ /"topic":"__rpc"/;
	}
	$overtaken++ if $answered;
	ws_wait($reader[0], sub { ($_->{topic} // '') eq '__rpc' }) unless $answered;
	for my $ws (@reader[ 1 .. $#reader ], $stalled)
	{
		1 until ws_recv($ws)->[1] =~ /"event":"b","data":\{"n": ?1500\b/;
	}
	last if $overtaken;
}
is($overtaken, 1, 'a call is answered while many events are delivered to many');

# A volatile topic: events are dropped and counted.
my $dropped = stat_gateway('dropped');
$round = 0;
while (stat_gateway('dropped') < $dropped + 100 && ++$round <= 50)
{
	publish('noise:1', 100);
	events_until($watch, $last);
}
cmp_ok(stat_gateway('dropped'), '>=', $dropped + 100, 'volatile events are dropped');
my ($seen, @events) = (0);
while ($seen != $last)
{
	# What waits may be full still: publish until one arrives.
	publish('noise:1', 1) unless IO::Select->new($noisy->{socket})->can_read(0);
	my $frame = ws_recv($noisy) or last;
	next unless $frame->[1] =~ /"data":\{"n": ?(\d+)/;
	$seen = $1;
	push @events, $seen;
}
is(join(',', @events), join(',', sort { $a <=> $b } @events), 'what arrives is in order');
is(stat_gateway('markers'), 1, 'and nobody is told what does not');

# A client that never reads its replies is disconnected in the end.
ok(poll_until(sub { stat_gateway('connections') == 303 }), 'all are still connected');
my $glutton = ws_connect($node, receive_buffer => 4096);
$before = memory();
ws_raw($glutton, ws_frame('text', qq({"rpc":"app/text","id":"g","args":[900000]})))
  for 1 .. 30;
ok(poll_until(sub { stat_gateway('connections') == 303 }),
	'a client that never reads its replies is disconnected');
cmp_ok(memory() - $before, '<', 20_000, 'without much memory');

# Nor does it help to offend and go on sending.
my $offender = ws_connect($node, receive_buffer => 4096);
$burnt = processor_time();
# all at once: who does not read is not read himself any more
ws_raw($offender, ws_frame('text', qq({"rpc":"app/text","id":"o","args":[900000]})) x 4 . ws_frame(3, 'x') . ws_frame('text', 'x' x 100000));
ok(poll_until(sub { stat_gateway('connections') == 303 }), 'an offender is disconnected');
cmp_ok(processor_time() - $burnt, '<', 300, 'soon');

close $_->{socket} for @reader, $stalled, $noisy, $watch;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
